"""Deliveries by hand: sending a dead one again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from relais.caller import Caller
from relais.db import Session
from relais.errors import EnvoiIntrouvable
from relais.rules.acces import TIENNENT_LES_ENVOIS, Role
from relais.tables.envoi import Canal, Envoi, EtatEnvoi


def visible(caller: Caller) -> bool:
    return caller.role in TIENNENT_LES_ENVOIS


def list_envois(session: Session, *, caller: Caller, etat: EtatEnvoi | None, limite: int) -> list[Envoi]:
    """Newest first. A key sees its own acteur's webhooks; the administrateur everything."""
    wanted = select(Envoi).where(Envoi.territoire_id == session.territoire).order_by(Envoi.cree_le.desc(), Envoi.id)
    if etat is not None:
        wanted = wanted.where(Envoi.etat == etat)
    if caller.role is Role.CLE:
        wanted = wanted.where(Envoi.canal == Canal.WEBHOOK, Envoi.acteur == caller.acteur)
    return list(session.scalars(wanted.limit(limite)))


def resend(session: Session, *, caller: Caller, id: UUID, now: datetime) -> Envoi:
    """Réexpédition: the same envoi, under the same id, due now, with every retry before it again."""
    wanted = select(Envoi).where(Envoi.territoire_id == session.territoire, Envoi.id == id).with_for_update()
    found = session.scalar(wanted)
    if found is None or (caller.role is Role.CLE and found.acteur != caller.acteur):
        raise EnvoiIntrouvable
    found.etat, found.due_at, found.attempts, found.claims = EtatEnvoi.EN_ATTENTE, now, 0, 0
    found.lease_token = found.lease_until = None
    return found
