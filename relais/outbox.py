"""What must happen after commit, written in the same transaction as its cause; then claimed, acted, settled.

`announce` writes the journal and every delivery it promises. A worker then `claim`s a row under a lease, acts with no
transaction open, and `settle`s it only if it still holds the lease (the fencing token). A lost lease is due again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, DateTime, bindparam, case, func, insert, or_, select, true, type_coerce, update
from sqlalchemy.dialects.postgresql import insert as upsert

from relais.caller import Caller
from relais.db import Session
from relais.rules.evenements import INTERNES, TypeEvenement
from relais.tables.claimable import Claimable
from relais.tables.envoi import Canal, Envoi, EtatEnvoi, Webhook
from relais.tables.evenement import Evenement
from relais.tables.signalement import Signalement

LEASE = timedelta(seconds=60)
"""Longer than the longest act (an SMTP or HTTP exchange is cut at 15 s); what a dead worker delays a delivery by."""

MAX_CLAIMS = 12
"""Claims without any result (`claims - attempts`) before a row is taken for poison: it kills whoever holds it."""

Row = TypeVar("Row", bound=Claimable)


@dataclass(frozen=True)
class Letter:
    """A mail promised to one address. `annulable`: the ticket's end makes it void."""

    gabarit: str
    a: str
    personne: UUID | None = None
    acteur: str | None = None
    annulable: bool = False
    donnees: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """Something that happened, its type among those of the contract, and the letters it promises."""

    type: str
    donnees: dict[str, Any] = field(default_factory=dict)
    letters: tuple[Letter, ...] = ()


@dataclass(frozen=True)
class Author:
    id: UUID | None
    nom: str

    @classmethod
    def of(cls, caller: Caller) -> "Author":
        return cls(caller.id, caller.nom)


SYSTEM = Author(None, "Relais")


def announce(
    session: Session, facts: Sequence[Fact], *, signalement: Signalement | None, author: Author, now: datetime
) -> None:
    """Journal the facts and promise their letters and webhooks. At most two statements, whatever happened."""
    if not facts:
        return
    rows: list[dict[str, Any]] = [
        {
            "territoire_id": session.territoire,
            "id": uuid4(),
            "signalement_id": signalement.id if signalement else None,
            "type": fact.type,
            "le": now,
            "auteur_id": author.id,
            "auteur": author.nom,
            "donnees": fact.donnees,
        }
        for fact in facts
    ]
    promises = [_letter(row, letter, now=now) for row, fact in zip(rows, facts, strict=True) for letter in fact.letters]
    for webhook in _journal(session, rows):
        promises += [
            _webhook(row, webhook, signalement, now=now) for row in rows if _listens(webhook, row, signalement)
        ]
    if promises:
        # The same letter promised twice by one fact (a pilote who is also a member) is one delivery.
        # Nulls said as such: rows that name other columns would go as so many statements.
        session.execute(upsert(Envoi).on_conflict_do_nothing(), promises, execution_options={"render_nulls": True})


_LISTENING = select(Webhook).where(Webhook.territoire_id == bindparam("territoire"), Webhook.actif)
_COLUMNS = ("territoire_id", "id", "signalement_id", "type", "le", "auteur_id", "auteur", "donnees")
_ONE = _LISTENING.add_cte(
    insert(Evenement).values({name: bindparam(f"one_{name}") for name in _COLUMNS}).cte("journaled")
)
"""The statement of a single fact, as most are: one of several is compiled anew each time, for two milliseconds."""


def _journal(session: Session, rows: Sequence[dict[str, Any]]) -> Sequence[Webhook]:
    """Write them, and read who listens, in one statement."""
    territoire = {"territoire": session.territoire}
    if len(rows) == 1:
        return session.scalars(_ONE, territoire | {f"one_{name}": rows[0][name] for name in _COLUMNS}).all()
    return session.scalars(_LISTENING.add_cte(insert(Evenement).values(rows).cte("journaled")), territoire).all()


def _listens(webhook: Webhook, event: dict[str, Any], signalement: Signalement | None) -> bool:
    if event["type"] in INTERNES or (webhook.types and event["type"] not in webhook.types):
        return False
    if webhook.acteur is None or (signalement is not None and signalement.acteur == webhook.acteur):
        return True
    return _loses(webhook, event)


def _loses(webhook: Webhook, event: dict[str, Any]) -> bool:
    """Its acteur had the ticket until now: its software is told so, or would keep it for ever."""
    lost = event["type"] == TypeEvenement.SIGNALEMENT_REAFFECTE and event["donnees"].get("de") == webhook.acteur
    return lost and webhook.acteur is not None


def _promise(event: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    return {
        "territoire_id": event["territoire_id"],
        "id": uuid4(),
        "evenement_id": event["id"],
        "signalement_id": event["signalement_id"],
        "etat": EtatEnvoi.EN_ATTENTE,
        "cree_le": now,
        "due_at": now,
        "personne_id": None,
        "acteur": None,
        "corps": None,
        "donnees": {},
        "annulable": False,
    }


def _letter(event: dict[str, Any], letter: Letter, *, now: datetime) -> dict[str, Any]:
    return _promise(event, now=now) | {
        "canal": Canal.COURRIEL,
        "gabarit": letter.gabarit,
        "destinataire": letter.a,
        "personne_id": letter.personne,
        "acteur": letter.acteur,
        "annulable": letter.annulable,
        "donnees": event["donnees"] | letter.donnees,
    }


def _webhook(
    event: dict[str, Any], webhook: Webhook, signalement: Signalement | None, *, now: datetime
) -> dict[str, Any]:
    """The body is kept as the bytes that will be signed: a retry sends the same ones."""
    told = _farewell(signalement) if _loses(webhook, event) else summary(signalement) | event["donnees"]
    body = {"type": event["type"], "timestamp": now.isoformat(), "data": told}
    return _promise(event, now=now) | {
        "canal": Canal.WEBHOOK,
        "gabarit": event["type"],
        "destinataire": str(webhook.id),
        "acteur": webhook.acteur,
        "corps": json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
    }


RESUME = ("id", "numero", "statut", "theme", "lon", "lat", "recu_le", "acteur", "revision")
"""All that `announce` reads of a signalement, and what a writer is compared by."""


def summary(signalement: Signalement | None) -> dict[str, Any]:
    """What a partner is told of a ticket: enough to act, nobody's name, under 20 kB whatever the description."""
    if signalement is None:
        return {}
    return {
        "signalement": {
            "id": str(signalement.id),
            "numero": signalement.numero,
            "statut": signalement.statut,
            "theme": signalement.theme,
            "position": {"lon": signalement.lon, "lat": signalement.lat},
            "recu_le": signalement.recu_le.isoformat(),
        }
        | ({"acteur": signalement.acteur} if signalement.acteur else {})
    }


def _farewell(signalement: Signalement | None) -> dict[str, Any]:
    """What is told to whom it is taken from: which ticket, and whose it is now. It does not see it any more."""
    kept = ("id", "numero", "statut", "theme", "acteur")
    return {key: {name: said[name] for name in kept if name in said} for key, said in summary(signalement).items()}


def cancel(session: Session, signalement_id: UUID, *, acteur: str | None = None, gabarit: str | None = None) -> None:
    """What the end of a ticket makes void does not leave; given an acteur or a gabarit, only what is theirs.

    One already on the wire settles as sent: it was.
    """
    session.execute(
        update(Envoi)
        .where(
            Envoi.territoire_id == session.territoire,
            Envoi.signalement_id == signalement_id,
            Envoi.annulable,
            Envoi.etat == EtatEnvoi.EN_ATTENTE,
            true() if acteur is None else Envoi.acteur == acteur,
            true() if gabarit is None else Envoi.gabarit == gabarit,
        )
        .values(etat=EtatEnvoi.ANNULE, due_at=None)
    )


def territoires_due(session: Session, table: type[Row]) -> list[int]:
    """Where something of this table is due: the only thing a worker sees across territoires."""
    key = table.territoire_id
    return list(session.scalars(select(key).where(_free(table, now=session.now)).distinct().order_by(key)))


def claim(session: Session, table: type[Row], *, now: datetime, limit: int) -> list[Row]:
    """Lease at most `limit` rows of this transaction's territoire; another worker skips them."""
    due = (
        select(table)
        .where(table.territoire_id == session.territoire, _free(table, now=now))
        .order_by(table.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    rows = list(session.scalars(due))
    until = session.scalar(select(func.clock_timestamp() + LEASE)) if rows else None
    for row in rows:
        row.lease_token, row.lease_until, row.claims = uuid4(), until, row.claims + 1
    session.flush()
    return rows


def settle(session: Session, row: Row, **columns: object) -> bool:
    """Write the outcome and give the lease back. False: the lease was lost meanwhile, and nothing is written.

    A new `due_at` is a retry: what was cancelled while it was on the wire is not due again.
    """
    table = type(row)
    if columns.get("due_at") is not None:
        columns["due_at"] = case((table.due_at.is_not(None), type_coerce(columns["due_at"], DateTime(timezone=True))))
    key = [column == getattr(row, column.key) for column in table.__mapper__.primary_key]  # type: ignore[attr-defined]
    done = session.execute(
        update(table)
        .where(*key, table.lease_token == row.lease_token)
        .values(lease_token=None, lease_until=None, **columns)
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _free(table: type[Row], *, now: datetime) -> ColumnElement[bool]:
    return (table.due_at <= now) & or_(table.lease_until.is_(None), table.lease_until < func.clock_timestamp())
