"""A POST sent again under the same key gets the same answer. Kept in the transaction of the act: both, or neither."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, func, insert, select

from relais.db import Session
from relais.errors import ClefReutilisee, DemandeEnCours
from relais.tables.idempotence import Idempotence

GARDE = timedelta(days=7)
"""How long an answer is kept: a phone that found no network for a week asks its user again."""


@dataclass(frozen=True)
class Demande:
    """`qui` the caller's id, `route` the operation, `clef` the header; `empreinte` a digest of all that was asked."""

    qui: str
    route: str
    clef: str
    empreinte: str


def answered(session: Session, demande: Demande) -> Idempotence | None:
    """The answer already given; None: nobody is at it, and nobody will be before this transaction ends.

    Raises DemandeEnCours (another transaction is answering it), ClefReutilisee (the key stood for something else).
    """
    lock = func.pg_try_advisory_xact_lock(_lock(session.territoire, demande))
    if not session.scalar(select(lock)):
        raise DemandeEnCours("Attendez quelques secondes, et renvoyez-la sous la même clef.")
    # A second statement, on purpose: the snapshot of the first was taken before its lock.
    key = (session.territoire, demande.qui, demande.route, demande.clef)
    found = session.get(Idempotence, key, populate_existing=True)
    if found is not None and found.empreinte != demande.empreinte:
        raise ClefReutilisee("Prenez une nouvelle clef pour chaque nouvelle demande.")
    return found


def remember(session: Session, demande: Demande, *, statut: int, corps: bytes, now: datetime) -> None:
    """`corps`: all that the answer said, in the form its giver will read again, and sealed by it."""
    session.execute(
        insert(Idempotence).values(
            territoire_id=session.territoire,
            qui=demande.qui,
            route=demande.route,
            clef=demande.clef,
            empreinte=demande.empreinte,
            statut=statut,
            corps=corps,
            cree_le=now,
        )
    )


def purge(session: Session, *, now: datetime) -> int:
    """Forget this territoire's answers older than GARDE; how many there were."""
    old = delete(Idempotence).where(Idempotence.territoire_id == session.territoire, Idempotence.cree_le < now - GARDE)
    return session.execute(old).rowcount  # type: ignore[attr-defined,no-any-return]


def _lock(territoire: int, demande: Demande) -> int:
    """64 bits: PostgreSQL's whole space of advisory locks, so that two keys never wait for each other by accident."""
    name = "\0".join((str(territoire), demande.qui, demande.route, demande.clef))
    return int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
