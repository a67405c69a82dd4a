"""Photos: the bytes that were announced, and the clean pictures made of them."""

import logging
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from api.auth import identify
from api.deps import Res, in_transaction, session_as, territoire_of
from api.downloads import borrow, lend
from api.problems import responses
from api.representation import Answer, answer, held, send
from api.resources import Resources
from api.schemas.photo import PhotoDeSignalementOut, PhotosOut, TypeDePhoto
from api.uploads import PhotoRecue, adopt, at_the_store, store, stored, storing
from relais.caller import Identity
from relais.commands.photo import Accueil, cles_attendues, lire_cle
from relais.errors import PhotoIntrouvable
from relais.links import check_media
from relais.tables.photo import EtatPhoto, Photo

router = APIRouter(tags=["photos"])


@router.put(
    "/v1/signalements/{id}/photos/{photo_id}",
    response_model=PhotosOut,
    status_code=201,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 503, 507)
    | {200: {"model": PhotosOut, "description": "Déjà reçue."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in get_args(TypeDePhoto)},
        }
    },
)
async def envoyer_photo(
    request: Request,
    id: UUID,
    photo_id: UUID,
    recue: PhotoRecue,
    identity: Annotated[Identity, Depends(identify)],
    res: Res,
) -> Response:
    """Envoyer les octets d'une photo annoncée. Quand la réponse arrive, ils sont sur disque."""
    whose = (await territoire_of(res, identity), id, photo_id)
    async with stored(res, lambda: [store(res.stockage, whose, recue.end())]) as [original]:
        act = partial(adopt, id=id, photo_id=photo_id, original=original)
        accueil = await in_transaction(res, identity, act)
        if accueil.gardee and not await at_the_store(res, partial(res.stockage.existe, accueil.gardee)):
            accueil = await in_transaction(res, identity, partial(act, perdue=accueil.gardee))
    return send(request, _photos(accueil), status=201 if accueil.adoptees else 200)


def _photos(accueil: Accueil) -> Answer:
    told = PhotosOut(
        id=accueil.signalement,
        numero=accueil.numero,
        photos=[
            PhotoDeSignalementOut(id=one.id, phase=one.phase, etat=one.etat, motif=one.motif) for one in accueil.photos
        ],
        photos_manquantes=[one.id for one in accueil.photos if one.manque],
    )
    return answer(told, revision=accueil.revision)


TYPES = {".jpg": "image/jpeg", ".webp": "image/webp"}

HEADERS = {
    # A picture is shown as a picture, whatever a browser believes it sees in it.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    # The link is the right: whoever holds it may show the picture, an app on another domain too.
    "Cross-Origin-Resource-Policy": "cross-origin",
    # What a browser holds cannot be called back: a print painted over is seen there an hour more at most.
    "Cache-Control": "private, max-age=3600",
    "Referrer-Policy": "no-referrer",
}

_log = logging.getLogger("relais.photos")


@router.head("/m/{seal}/{cle:path}", include_in_schema=False)
@router.get(
    "/m/{seal}/{cle:path}",
    response_class=FileResponse,
    responses=responses(404, 503, 507)
    | {
        200: {"content": {kind: {} for kind in TYPES.values()}, "description": "La photo nettoyée."},
        206: {"description": "Les octets demandés par Range."},
        304: {"description": "La photo est encore celle que vous avez."},
        416: {"description": "Les octets demandés sont au-delà de la fin."},
    },
)
async def lire_photo(request: Request, seal: str, cle: Annotated[str, Path(pattern="^photos/")], res: Res) -> Response:
    """Une photo nettoyée, par un lien signé qui expire ou que son masquage ferme. L'original n'est jamais servi."""
    check_media(res.keys, seal, cle, now=datetime.now(UTC))
    await _check_shown(res, cle)
    # A print is never overwritten: its address says its bytes, in whatever store they are.
    headers = HEADERS | {"ETag": f'"{sha256(cle.encode()).hexdigest()[:32]}"'}
    if held(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    suffix = PurePosixPath(cle).suffix
    headers["Content-Disposition"] = f'inline; filename="photo{suffix}"'
    with ExitStack() as loan:
        try:
            with storing("Réessayez plus tard."):
                path, seen = await at_the_store(res, partial(borrow, res.stockage, cle, loan))
        except FileNotFoundError as missing:
            await _check_shown(res, cle)  # replaced meanwhile, as it may be
            _log.error("%s is asked for and missing from the store: restore it; « relais doctor » lists all", cle)
            raise PhotoIntrouvable from missing
        return lend(request, path, seen, loan=loan, headers=headers, media_type=TYPES[suffix])


async def _check_shown(res: Resources, cle: str) -> None:
    """Raises PhotoIntrouvable unless this is the print to show: masking closes its links at once, painting for good."""
    async with res.slots:
        shown = await run_in_threadpool(_is_shown, res, cle)
    if not shown:
        raise PhotoIntrouvable("Relisez le signalement : la photo est en préparation, ou son lien a changé.")


def _is_shown(res: Resources, cle: str) -> bool:
    place = lire_cle(cle)
    if place is None:
        return False
    with session_as(res, Identity(territoire=place.territoire)) as session, session.begin():
        photo = session.get(Photo, place.key)
        return photo is not None and photo.etat is EtatPhoto.PRETE and cle in cles_attendues(photo)
