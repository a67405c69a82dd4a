"""Agendas and escalades, as the pilote and the direction générale read them."""

from collections.abc import Sequence

from sqlalchemy import select

from relais.caller import Caller
from relais.db import Session
from relais.errors import ActionInterdite, NotFound
from relais.queries.referentiel import referentiel
from relais.rules.acces import SUIVENT_LES_INSTANCES
from relais.rules.configuration import Instance
from relais.tables.echeance import Escalade
from relais.tables.saisine import EtatSaisine, Saisine
from relais.tables.signalement import Signalement


class InstanceInconnue(NotFound):
    """Cette instance n'existe pas."""


def require_follower(caller: Caller) -> None:
    """Raises ActionInterdite: agendas are for the pilote and the direction générale."""
    if caller.role not in SUIVENT_LES_INSTANCES:
        raise ActionInterdite("Les ordres du jour sont lus par le pilote et la direction générale.")


def list_instances(session: Session, *, caller: Caller) -> tuple[Instance, ...]:
    require_follower(caller)
    return referentiel(session).configuration.instances


def get_instance(session: Session, *, caller: Caller, code: str) -> Instance:
    """Raises InstanceInconnue."""
    found = {one.code: one for one in list_instances(session, caller=caller)}.get(code)
    if found is None:
        raise InstanceInconnue(f"« {code} » n'est pas une instance d'ici : voir GET /v1/instances.")
    return found


def agenda(session: Session, instance: Instance) -> Sequence[tuple[Saisine, str]]:
    """What is inscribed and not yet decided, oldest first, each with its ticket's number."""
    return [
        (saisine, numero)
        for saisine, numero in session.execute(
            select(Saisine, Signalement.numero)
            .join(
                Signalement,
                (Signalement.territoire_id == Saisine.territoire_id) & (Signalement.id == Saisine.signalement_id),
            )
            .where(
                Saisine.territoire_id == session.territoire,
                Saisine.instance == instance.code,
                Saisine.etat.in_((EtatSaisine.INSCRITE, EtatSaisine.AJOURNEE)),
            )
            .order_by(Saisine.inscrite_le, Saisine.id)
        )
    ]


def escalades(session: Session, *, caller: Caller, limite: int) -> Sequence[tuple[Escalade, str]]:
    """What climbed, newest first, each with its ticket's number."""
    require_follower(caller)
    return [
        (escalade, numero)
        for escalade, numero in session.execute(
            select(Escalade, Signalement.numero)
            .join(
                Signalement,
                (Signalement.territoire_id == Escalade.territoire_id) & (Signalement.id == Escalade.signalement_id),
            )
            .where(Escalade.territoire_id == session.territoire)
            .order_by(Escalade.declenchee_le.desc(), Escalade.signalement_id, Escalade.palier)
            .limit(limite)
        )
    ]
