"""Signalements: sending one, and reading them."""

import math
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from api.deps import Db, Res, presenter
from api.problems import responses
from api.representation import send
from api.schemas.commun import Instant
from api.schemas.signalement import EvenementOut, JournalOut, PageOut, SignalementIn, SignalementOut
from relais.commands.signalement import submit_signalement
from relais.errors import BadRequest, Fault, SignalementDifferent
from relais.queries.dossier import dossier, dossiers, journal
from relais.queries.signalement import PAGE_MAX, Filtres, get_signalement, list_signalements
from relais.rules.statuts import Statut

router = APIRouter(prefix="/v1/signalements", tags=["signalements"], responses=responses(401, 403, 422))

Bbox = Annotated[
    str | None,
    Query(description="ouest,sud,est,nord en degrés WGS 84.", examples=["0.40,48.10,0.42,48.11"], max_length=200),
]


def read_bbox(bbox: str | None) -> tuple[float, float, float, float] | None:
    """Raises BadRequest on anything but four finite numbers in order."""
    if bbox is None:
        return None
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (west <= east and south <= north and all(map(math.isfinite, (west, south, east, north)))):
        raise BadRequest(
            errors=(Fault("?bbox", "Écrivez ouest,sud,est,nord en degrés, par exemple 0.40,48.10,0.42,48.11."),)
        )
    return west, south, east, north


@router.put(
    "/{id}",
    response_model=SignalementOut,
    status_code=201,
    responses=responses(409, 410) | {200: {"model": SignalementOut, "description": "Déjà reçu, tel qu'il est."}},
)
def envoyer_signalement(request: Request, id: UUID, body: SignalementIn, db: Db, res: Res) -> Response:
    """Envoyer un signalement, une fois ou dix : l'identifiant est celui du téléphone (UUID version 7)."""
    try:
        ticket, new = submit_signalement(db, caller=db.caller, id=id, depot=body.depot(), now=db.now)
    except SignalementDifferent as conflict:
        held = presenter(res, db).signalement(dossier(db, get_signalement(db, caller=db.caller, id=id)))
        conflict.extra = {"signalement": held.model_dump(mode="json", exclude_none=True)}
        raise
    return send(request, presenter(res, db).signalement(dossier(db, ticket)), status=201 if new else 200)


@router.get("", response_model_exclude_none=True, responses=responses(400))
def lister_signalements(
    db: Db,
    res: Res,
    bbox: Bbox = None,
    statut: Annotated[list[Statut] | None, Query()] = None,
    theme: Annotated[str | None, Query(max_length=100, description="Un thème, ou une famille : `proprete`.")] = None,
    acteur: Annotated[str | None, Query(max_length=100)] = None,
    zone: Annotated[str | None, Query(max_length=100)] = None,
    *,
    en_retard: bool | None = None,
    depuis: Annotated[Instant | None, Query(description="Modifiés depuis cet instant.")] = None,
    q: Annotated[str | None, Query(max_length=200, description="Un numéro, ou des mots de la description.")] = None,
    curseur: Annotated[str | None, Query(max_length=200)] = None,
    limite: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
) -> PageOut:
    """Les signalements que ce compte voit, du plus récent au plus ancien."""
    filtres = Filtres(read_bbox(bbox), tuple(statut or ()), theme, acteur, zone, en_retard, depuis, q)
    page, following = list_signalements(db, caller=db.caller, filtres=filtres, curseur=curseur, limite=limite)
    words = presenter(res, db)
    return PageOut(elements=[words.signalement(one) for one in dossiers(db, page)], curseur_suivant=following)


@router.get("/{id}", response_model=SignalementOut, responses=responses(404))
def lire_signalement(
    request: Request, id: UUID, db: Db, res: Res, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Un signalement, avec ce que ce compte peut en faire maintenant (`actions`)."""
    del if_none_match  # read by `send`; declared so that the contract shows it
    ticket = get_signalement(db, caller=db.caller, id=id)
    return send(request, presenter(res, db).signalement(dossier(db, ticket)))


@router.get("/{id}/journal", responses=responses(404))
def lire_journal(id: UUID, db: Db) -> JournalOut:
    """Tout ce qui lui est arrivé, dans l'ordre."""
    ticket = get_signalement(db, caller=db.caller, id=id)
    return JournalOut(
        elements=[
            EvenementOut(id=one.id, type=one.type, le=one.le, auteur=one.auteur, donnees=one.donnees)
            for one in journal(db, ticket)
        ]
    )
