"""A POST sent again under the same key gets the same answer. Kept in the transaction of the act: both, or neither."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select

from relais.db import Session, lock_number
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
    name = lock_number(str(session.territoire), demande.qui, demande.route, demande.clef)
    lock = func.pg_try_advisory_xact_lock(name)
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
