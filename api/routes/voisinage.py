"""Same place, same thing: seeing it before sending and after, and following what others signalled."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.deps import Db, PublicDb, Res, local, presenter
from api.idempotence import Idempotent
from api.position import Lat, Lon, Precision
from api.problems import responses
from api.reading import StrictRoute
from api.representation import Answer, Conditional, answer, send
from api.resources import Resources
from api.schemas import signalement as schemas
from api.schemas.signalement import CodeEtLibelle, SignalementOut
from api.schemas.voisinage import ProcheOut, ProchesOut, StatutProcheOut, VignetteOut
from api.theme import CodeDeTheme, theme_demande
from relais.commands import abonnement
from relais.db import Session
from relais.queries.dossier import dossier
from relais.queries.referentiel import referentiel
from relais.queries.signalement import get_signalement
from relais.queries.voisinage import Proche, proches
from relais.rules.acces import peut_suivre
from relais.rules.configuration import Theme
from relais.rules.depot import Position
from relais.rules.statuts import LIBELLES
from relais.rules.voisinage import rayon

router = APIRouter(
    prefix="/v1/signalements", tags=["signalements"], responses=responses(401, 403, 422), route_class=StrictRoute
)


@router.get("/proches", response_model=ProchesOut, responses=responses(400), dependencies=[Conditional])
def chercher_proches(
    request: Request,
    db: PublicDb,
    res: Res,
    lon: Lon,
    lat: Lat,
    theme: CodeDeTheme,
    precision_m: Precision = None,
) -> Response:
    """Avant d'envoyer : ce qui est déjà signalé ici, et qui est peut-être la même chose. Ne crée rien."""
    known = theme_demande(referentiel(db).configuration, theme)
    here = Position(lon, lat, precision_m)
    found = proches(db, reader=db.reader, theme=known, position=here, le=db.now)
    return send(request, answer(_told(res, db, known, here, found)), private=db.reader is not None)


@router.get("/{id}/proches", response_model=ProchesOut, responses=responses(404), dependencies=[Conditional])
def lire_proches(request: Request, id: UUID, db: Db, res: Res) -> Response:
    """Après l'envoi : ce qui est peut-être la même chose que lui. Rien n'est regroupé de soi-même."""
    ticket = get_signalement(db, caller=db.caller, id=id)
    theme = dossier(db, ticket).theme
    here = Position(ticket.lon, ticket.lat, ticket.precision_m)
    found = proches(db, reader=db.caller, theme=theme, position=here, le=ticket.recu_le, sauf=ticket.id)
    return send(request, answer(_told(res, db, theme, here, found)))


def _told(res: Resources, db: Session, theme: Theme, here: Position, found: list[Proche]) -> ProchesOut:
    return ProchesOut(
        elements=[_proche(res, db, one) for one in found],
        rayon_m=rayon(theme.doublons, here.precision_m),
        jours=theme.doublons.jours,
    )


def _proche(res: Resources, db: Session, one: Proche) -> ProcheOut:
    """Its words and its photo are those that its own reading would show."""
    ticket, reader = one.dossier.signalement, db.reader
    mine = reader is not None and reader.id == ticket.auteur_id
    told = presenter(res, db).signalement(one.dossier) if one.lu else None
    shown = next((photo for photo in told.photos if photo.vignette), None) if told else None
    return ProcheOut(
        id=ticket.id if told else None,
        numero=ticket.numero if told else None,
        theme=CodeEtLibelle(code=ticket.theme, libelle=one.dossier.theme.libelle),
        statut=StatutProcheOut(code=ticket.statut, libelle=LIBELLES[ticket.statut]),
        distance_m=round(one.distance_m),
        recu_le=ticket.recu_le.astimezone(local(db)).date(),
        description=told.description if told else None,
        photo=VignetteOut(vignette=shown.vignette, alt=shown.alt) if shown and shown.vignette else None,
        le_mien=mine,
        peut_suivre=one.lu and not mine and reader is not None and peut_suivre(reader.role, id=reader.id),
    )


@router.post("/{id}/abonnements", response_model=SignalementOut, status_code=201, responses=responses(409))
def suivre(id: UUID, once: Idempotent, db: Db, res: Res, body: schemas.RienIn | None = None) -> Response:
    """Suivre : en recevoir les nouvelles par courriel. D'un doublon, celles du signalement qui parle pour lui."""
    del body

    def followed() -> Answer:
        ticket = abonnement.suivre(db, caller=db.caller, id=id, now=db.now)
        return presenter(res, db).answer(dossier(db, ticket))

    return once(followed)


@router.delete("/{id}/abonnements", status_code=204, responses=responses(404))
def ne_plus_suivre(id: UUID, db: Db) -> None:
    """Ne plus suivre. On reste prévenu de ce que l'on a signalé soi-même."""
    abonnement.ne_plus_suivre(db, caller=db.caller, id=id, now=db.now)
