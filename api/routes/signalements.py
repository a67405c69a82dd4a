"""Signalements: sending one, and reading them."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.deps import Db, PublicDb, Res, local, presenter
from api.filtres import Asked, Champs, Tranche
from api.geojson import CollectionOut, Feature, GeoJson, collection, feature
from api.journal import journal_of
from api.problems import responses
from api.reading import StrictRoute
from api.representation import Conditional, answer, answer_as, send
from api.resources import Resources
from api.schemas.signalement import JournalOut, PageOut, SignalementIn, SignalementOut
from relais.commands.signalement import submit_signalement
from relais.db import Session
from relais.errors import SignalementDifferent
from relais.queries.dossier import dossier, dossiers
from relais.queries.signalement import get_readable, get_signalement, list_signalements

router = APIRouter(
    prefix="/v1/signalements", tags=["signalements"], responses=responses(401, 403, 422), route_class=StrictRoute
)


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
    return send(request, presenter(res, db).answer(new or dossier(db, ticket)), status=201 if new else 200)


@router.get("", response_model=PageOut, responses=responses(400), dependencies=[Conditional])
def lister_signalements(
    request: Request,
    db: PublicDb,
    res: Res,
    asked: Asked,
    champs: Champs,
) -> Response:
    """Les signalements que ce compte voit, ou sans compte ceux qui sont publiés, du plus récent au plus ancien."""
    page, following = _page(db, res, asked)
    told = PageOut(elements=page, curseur_suivant=following)
    cut = {"elements": {"__all__": champs}, "curseur_suivant": True} if champs else None
    return send(request, answer(told, include=cut), private=db.reader is not None)


@router.get(
    ".geojson",
    response_model=CollectionOut,
    response_class=GeoJson,
    responses=responses(400),
    dependencies=[Conditional],
)
def cartographier_signalements(
    request: Request,
    db: PublicDb,
    res: Res,
    asked: Asked,
) -> Response:
    """Les mêmes, sur une carte : uMap et QGIS les ouvrent tels quels."""
    page, following = _page(db, res, asked)
    points = collection(map(_point, page), curseur_suivant=following)
    return send(request, answer_as(points), private=db.reader is not None)


def _page(db: Session, res: Resources, asked: Tranche) -> tuple[list[SignalementOut], str | None]:
    """As this reader reads them, and the cursor of the next page, if there is one."""
    portee = None if asked.publics or db.reader is None else db.reader.portee
    found, following = list_signalements(
        db, portee=portee, filtres=asked.filtres, curseur=asked.curseur, limite=asked.limite
    )
    words = presenter(res, db)
    return [words.signalement(one) for one in dossiers(db, found)], following


def _point(told: SignalementOut) -> Feature:
    return feature(
        {"type": "Point", "coordinates": [told.position.lon, told.position.lat]},
        name=told.numero,
        id=str(told.id),
        statut=told.statut.code,
        theme=told.theme.code,
        responsable=told.responsable.code if told.responsable else None,
        recu_le=told.recu_le.isoformat(),
        en_retard=told.en_retard,
        description=f"{told.theme.libelle} · {told.statut.libelle}",
    )


@router.get(
    "/{id}",
    response_model=SignalementOut,
    responses=responses(404),
    dependencies=[Conditional],
)
def lire_signalement(request: Request, id: UUID, db: PublicDb, res: Res, champs: Champs) -> Response:
    """Un signalement, avec ce que ce compte peut en faire maintenant (`actions`) ; sans compte, ce qui est publié."""
    ticket = get_readable(db, reader=db.reader, id=id)
    told = presenter(res, db).signalement(dossier(db, ticket))
    return send(request, answer(told, revision=ticket.revision, include=champs), private=db.reader is not None)


@router.get("/{id}/journal", response_model_exclude_none=True, responses=responses(404))
def lire_journal(id: UUID, db: Db) -> JournalOut:
    """Tout ce qui lui est arrivé, dans l'ordre. Chacun par sa fonction : seul le pilote lit des noms."""
    ticket = get_signalement(db, caller=db.caller, id=id)
    return journal_of(db, ticket, local(db))
