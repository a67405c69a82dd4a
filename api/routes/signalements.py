"""Signalements: sending one, and reading them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from api.deps import Db, Res, local, presenter
from api.filtres import Asked, Champs, Curseur, Limite
from api.geojson import CollectionOut, Feature, GeoJson, collection, feature
from api.journal import journal_of
from api.problems import responses
from api.reading import StrictRoute
from api.representation import send
from api.schemas.signalement import JournalOut, PageOut, SignalementIn, SignalementOut
from relais.commands.signalement import submit_signalement
from relais.errors import SignalementDifferent
from relais.queries.dossier import dossier, dossiers
from relais.queries.signalement import get_signalement, list_signalements

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
    return send(request, presenter(res, db).answer(dossier(db, ticket)), status=201 if new else 200)


@router.get("", response_model=PageOut, responses=responses(400))
def lister_signalements(
    db: Db, res: Res, filtres: Asked, champs: Champs, curseur: Curseur = None, limite: Limite = 50
) -> Response:
    """Les signalements que ce compte voit, du plus récent au plus ancien ; avec `champs`, ceux-là seulement."""
    page, following = list_signalements(db, caller=db.caller, filtres=filtres, curseur=curseur, limite=limite)
    words = presenter(res, db)
    told = PageOut(elements=[words.signalement(one) for one in dossiers(db, page)], curseur_suivant=following)
    return Response(told.model_dump_json(exclude_none=True, include=champs), media_type="application/json")


@router.get(".geojson", response_model=CollectionOut, response_class=GeoJson, responses=responses(400))
def cartographier_signalements(
    db: Db, res: Res, filtres: Asked, curseur: Curseur = None, limite: Limite = 50
) -> GeoJson:
    """Les mêmes, sur une carte : uMap et QGIS les ouvrent tels quels."""
    page, following = list_signalements(db, caller=db.caller, filtres=filtres, curseur=curseur, limite=limite)
    words = presenter(res, db)
    return collection(map(_point, map(words.signalement, dossiers(db, page))), curseur_suivant=following)


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


@router.get("/{id}", response_model=SignalementOut, responses=responses(404))
def lire_signalement(
    request: Request, id: UUID, db: Db, res: Res, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Un signalement, avec ce que ce compte peut en faire maintenant (`actions`)."""
    del if_none_match  # read by `send`; declared so that the contract shows it
    ticket = get_signalement(db, caller=db.caller, id=id)
    return send(request, presenter(res, db).answer(dossier(db, ticket)))


@router.get("/{id}/journal", response_model_exclude_none=True, responses=responses(404))
def lire_journal(id: UUID, db: Db) -> JournalOut:
    """Tout ce qui lui est arrivé, dans l'ordre. Chacun par sa fonction : seul le pilote lit des noms."""
    ticket = get_signalement(db, caller=db.caller, id=id)
    return journal_of(db, ticket, local(db))
