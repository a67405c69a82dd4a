"""Photos: the bytes that were announced, and the clean pictures made of them."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse

from api.deps import Db, Res, presenter
from api.problems import responses
from api.representation import send
from api.schemas.signalement import SignalementOut
from api.uploads import SpooledPhoto
from relais.commands.photo import cle_originale, expect_photo, receive_photo
from relais.errors import PhotoIntrouvable, PlusDePlace
from relais.links import check_media
from relais.queries.dossier import dossier
from relais.queries.signalement import get_signalement
from relais.stockage import PlusDePlace as DisquePlein

router = APIRouter(tags=["photos"])


@router.put(
    "/v1/signalements/{id}/photos/{photo_id}",
    response_model=SignalementOut,
    status_code=201,
    responses=responses(400, 401, 403, 404, 409, 413, 415, 422, 503, 507)
    | {200: {"model": SignalementOut, "description": "Déjà reçue."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("image/jpeg", "image/png", "image/webp")
            },
        }
    },
)
def envoyer_photo(
    request: Request,
    id: UUID,
    photo_id: UUID,
    spooled: SpooledPhoto,
    db: Db,
    res: Res,
) -> Response:
    """Envoyer les octets d'une photo annoncée. Quand la réponse arrive, ils sont sur disque."""
    photo, here = expect_photo(
        db, caller=db.caller, id=id, photo_id=photo_id, sha256=spooled.sha256, octets=spooled.octets
    )
    if not here:
        try:
            res.stockage.deposer(cle_originale(photo), spooled.path)
        except DisquePlein as full:
            raise PlusDePlace("Réessayez plus tard ; le signalement est déjà enregistré.") from full
        receive_photo(db, caller=db.caller, photo=photo, now=db.now)
    ticket = get_signalement(db, caller=db.caller, id=id)
    return send(request, presenter(res, db).answer(dossier(db, ticket)), status=200 if here else 201)


HEADERS = {
    # A picture is shown as a picture, whatever a browser believes it sees in it.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Content-Disposition": 'inline; filename="photo.jpg"',
    "Cache-Control": "private, max-age=86400, immutable",
    "Referrer-Policy": "no-referrer",
}


@router.get(
    "/m/{seal}/{cle:path}",
    response_class=FileResponse,
    responses=responses(404) | {200: {"content": {"image/jpeg": {}}, "description": "La photo nettoyée."}},
)
def lire_photo(seal: str, cle: Annotated[str, Path(pattern="^photos/")], res: Res) -> FileResponse:
    """Une photo nettoyée, par un lien signé qui expire. L'original n'est jamais servi."""
    check_media(res.keys, seal, cle, now=datetime.now(UTC))
    try:
        return FileResponse(res.stockage.chemin(cle), media_type="image/jpeg", headers=HEADERS)
    except (FileNotFoundError, ValueError) as missing:
        raise PhotoIntrouvable from missing
