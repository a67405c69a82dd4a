"""Where partners listen. The secret is shown once, then kept sealed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from cryptography.fernet import Fernet
from sqlalchemy import select

from relais.caller import Caller
from relais.db import Session
from relais.errors import ActeurInconnu, ActionInterdite, Fault, WebhookIntrouvable
from relais.queries.referentiel import referentiel
from relais.rules.acces import TIENNENT_LES_ENVOIS, Role
from relais.signature import new_secret
from relais.tables.envoi import Webhook


def create_webhook(
    session: Session, *, caller: Caller, box: Fernet, url: str, types: Sequence[str], acteur: str | None, now: datetime
) -> tuple[Webhook, str]:
    """The webhook, and its secret in clear for the only time. A key listens for its own acteur and no other."""
    _require(caller)
    if caller.role is Role.CLE:
        acteur = caller.acteur
    if acteur is not None and acteur not in referentiel(session).configuration.acteur:
        raise ActeurInconnu(errors=(Fault("/acteur", f"« {acteur} » n'est pas un acteur d'ici."),))
    secret = new_secret()
    webhook = Webhook(
        territoire_id=caller.territoire,
        id=uuid4(),
        url=url,
        secret=box.encrypt(secret.encode()),
        types=list(types),
        acteur=acteur,
        actif=True,
        cree_le=now,
    )
    session.add(webhook)
    session.flush()
    return webhook, secret


def list_webhooks(session: Session, *, caller: Caller) -> Sequence[Webhook]:
    _require(caller)
    wanted = select(Webhook).where(Webhook.territoire_id == session.territoire).order_by(Webhook.cree_le, Webhook.id)
    if caller.role is Role.CLE:
        wanted = wanted.where(Webhook.acteur == caller.acteur)
    return session.scalars(wanted).all()


def delete_webhook(session: Session, *, caller: Caller, id: UUID) -> None:
    """What was already promised to it dies as refused: nothing leaves for an address that was withdrawn."""
    found = {one.id: one for one in list_webhooks(session, caller=caller)}.get(id)
    if found is None:
        raise WebhookIntrouvable
    session.delete(found)
    session.flush()


def _require(caller: Caller) -> None:
    if caller.role not in TIENNENT_LES_ENVOIS or (caller.role is Role.CLE and caller.acteur is None):
        raise ActionInterdite("Les webhooks se règlent par l'administrateur, ou par la clé d'un acteur.")
