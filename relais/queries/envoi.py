"""Reading the deliveries: who may, and which."""

from uuid import UUID

from sqlalchemy import ColumnElement, false, select, true

from relais.caller import Caller
from relais.db import Session
from relais.errors import ActionInterdite, EnvoiIntrouvable
from relais.rules.acces import TIENNENT_LES_ENVOIS, Role
from relais.tables.envoi import Canal, Envoi, EtatEnvoi


def list_envois(session: Session, *, caller: Caller, etat: EtatEnvoi | None, limite: int) -> list[Envoi]:
    """Newest first. A key sees its own acteur's webhooks; the administrateur everything. Raises ActionInterdite."""
    if caller.role not in TIENNENT_LES_ENVOIS:
        raise ActionInterdite("Les envois sont suivis par l'administrateur, ou par la clé d'un acteur.")
    wanted = (
        select(Envoi)
        .where(Envoi.territoire_id == session.territoire, _visibles(caller))
        .order_by(Envoi.cree_le.desc(), Envoi.id)
    )
    if etat is not None:
        wanted = wanted.where(Envoi.etat == etat)
    return list(session.scalars(wanted.limit(limite)))


def get_envoi(session: Session, *, caller: Caller, id: UUID) -> Envoi:
    """Load, authorise and lock: or raise EnvoiIntrouvable, which never tells hidden from missing."""
    found = session.scalar(
        select(Envoi)
        .where(Envoi.territoire_id == session.territoire, Envoi.id == id, _visibles(caller))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise EnvoiIntrouvable
    return found


def _visibles(caller: Caller) -> ColumnElement[bool]:
    """A key without an acteur sees none: a webhook of no acteur is the town's."""
    if caller.role is Role.ADMINISTRATEUR:
        return true()
    if caller.role is Role.CLE and caller.acteur is not None:
        return (Envoi.canal == Canal.WEBHOOK) & (Envoi.acteur == caller.acteur)
    return false()
