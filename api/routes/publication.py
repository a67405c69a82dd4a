"""What the pilote lets anybody see."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.problems import responses
from api.reading import StrictRoute
from api.routes.verbes import Act
from api.schemas import publication as schemas
from api.schemas.signalement import SignalementOut
from relais.commands import publication

router = APIRouter(
    prefix="/v1/signalements/{id}",
    tags=["verbes"],
    responses=responses(401, 403, 404, 409, 412, 422),
    route_class=StrictRoute,
)


@router.post("/publications", response_model=SignalementOut, status_code=201)
def publier(act: Act, body: schemas.PublicationIn | None = None) -> Response:
    """Le rendre public, textes compris, avec ces photos et elles seules."""
    return act.do(publication.publier, photos=body.photos if body else None)


@router.post("/depublications", response_model=SignalementOut, status_code=201)
def depublier(body: schemas.DepublicationIn, act: Act) -> Response:
    """Le retirer du public, photos comprises.

    Un lien de photo déjà donné s'éteint à sa date, deux jours après au plus.
    """
    return act.do(publication.depublier, motif=body.motif)


@router.post("/photos/{photo_id}/masques", response_model=SignalementOut, status_code=201)
def masquer(photo_id: UUID, body: schemas.MasquesIn, act: Act) -> Response:
    """Couvrir un visage, une plaque : pour toujours, et pour tous.

    La photo revient une fois couverte ; les liens donnés avant n'ouvrent aussitôt plus rien.
    """
    rectangles = [one.rectangle() for one in body.rectangles]
    return act.do(publication.masquer, photo_id=photo_id, rectangles=rectangles)
