"""What climbs: agendas, the pilote's three choices, and the record of paliers reached."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.deps import Db, local
from api.idempotence import Idempotent
from api.problems import responses
from api.reading import StrictRoute
from api.representation import Answer, answer
from api.schemas import saisine as schemas
from relais.commands import saisine as commands
from relais.db import Session
from relais.queries.instance import agenda, escalades, get_instance, list_instances
from relais.rules.configuration import Instance
from relais.tables.saisine import Saisine
from relais.tables.signalement import Signalement

router = APIRouter(prefix="/v1", tags=["instances"], responses=responses(401, 403, 422), route_class=StrictRoute)


def _instance(instance: Instance) -> schemas.InstanceOut:
    return schemas.InstanceOut(code=instance.code, nom=instance.nom, type=instance.type, zone=instance.zone)


def _saisine(session: Session, saisine: Saisine, numero: str) -> schemas.SaisineOut:
    zone = local(session)
    return schemas.SaisineOut(
        id=saisine.id,
        instance=saisine.instance,
        signalement=saisine.signalement_id,
        numero=numero,
        delai=saisine.delai,
        palier=saisine.palier,
        etat=saisine.etat,
        inscrite_le=saisine.inscrite_le.astimezone(zone),
        decision_avant=saisine.decision_avant.astimezone(zone) if saisine.decision_avant else None,
        ajournements=saisine.ajournements,
        motif=saisine.motif,
        decidee_le=saisine.decidee_le.astimezone(zone) if saisine.decidee_le else None,
        decidee_par=saisine.decidee_par,
    )


def _decide(db: Session, id: UUID, choice: Callable[..., Saisine], **facts: object) -> Answer:
    decided = choice(db, caller=db.caller, id=id, now=db.now, **facts)
    ticket = db.get_one(Signalement, (decided.territoire_id, decided.signalement_id))
    return answer(_saisine(db, decided, ticket.numero))


@router.get("/instances", response_model_exclude_none=True)
def lister_instances(db: Db) -> schemas.InstancesOut:
    """Les instances du territoire."""
    return schemas.InstancesOut(elements=[_instance(one) for one in list_instances(db, caller=db.caller)])


@router.get("/instances/{code}/ordre-du-jour", response_model_exclude_none=True, responses=responses(404))
def lire_ordre_du_jour(code: str, db: Db) -> schemas.OrdreDuJourOut:
    """Ce qui est inscrit et attend, du plus ancien au plus récent."""
    instance = get_instance(db, caller=db.caller, code=code)
    elements = [_saisine(db, saisine, numero) for saisine, numero in agenda(db, instance)]
    return schemas.OrdreDuJourOut(instance=_instance(instance), elements=elements)


@router.get("/escalades")
def lister_escalades(db: Db, limite: Annotated[int, Query(ge=1, le=200)] = 50) -> schemas.EscaladesOut:
    """Les paliers atteints, du plus récent au plus ancien."""
    zone = local(db)
    return schemas.EscaladesOut(
        elements=[
            schemas.EscaladeOut(
                signalement=one.signalement_id,
                numero=numero,
                delai=one.delai,
                tour=one.tour,
                palier=one.palier,
                prevue_le=one.prevue_le.astimezone(zone),
                declenchee_le=one.declenchee_le.astimezone(zone),
            )
            for one, numero in escalades(db, caller=db.caller, limite=limite)
        ]
    )


DECISION: dict[str, Any] = {
    "response_model": schemas.SaisineOut,
    "status_code": 201,
    "responses": responses(404, 409),
}


@router.post("/saisines/{id}/mobilisations", **DECISION)
def mobiliser(id: UUID, once: Idempotent, db: Db, body: schemas.MobilisationIn | None = None) -> Response:
    """Le dossier part aux membres de l'instance, direction générale comprise."""
    return once(lambda: _decide(db, id, commands.mobiliser, motif=body.motif if body else None))


@router.post("/saisines/{id}/ajournements", **DECISION)
def ajourner(id: UUID, body: schemas.AjournementIn, once: Idempotent, db: Db) -> Response:
    """Remettre la décision, avec un motif, de dix jours ouvrés au plus, deux fois au plus."""
    return once(lambda: _decide(db, id, commands.ajourner, motif=body.motif, jusqu_au=body.jusqu_au))


@router.post("/saisines/{id}/retraits", **DECISION)
def retirer(id: UUID, body: schemas.RetraitIn, once: Idempotent, db: Db) -> Response:
    """Retirer de l'ordre du jour, avec un motif."""
    return once(lambda: _decide(db, id, commands.retirer, motif=body.motif))
