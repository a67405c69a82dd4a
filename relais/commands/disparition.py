"""Tombstones of the change feed, forgotten once every copy worth keeping has been told."""

from datetime import datetime

from sqlalchemy import delete, select, tuple_

from relais.db import Session
from relais.queries.changement import oldest_open
from relais.tables.disparition import GARDE, Disparition


def purge_disparitions(session: Session, *, now: datetime) -> int:
    """Forget this territoire's tombstones older than GARDE; how many there were.

    The last of them stays: it is what tells a cursor that would have missed one (see `list_changements`).
    """
    old = (Disparition.territoire_id == session.territoire, Disparition.le < now - GARDE)
    place = Disparition.changed_xid, Disparition.changed_seq
    # In a database restored from an older server some have a place that no cursor here will reach for years.
    reached = select(*place).where(*old, Disparition.changed_xid < oldest_open())
    last = reached.order_by(*(one.desc() for one in place)).limit(1)
    forgotten = session.execute(delete(Disparition).where(*old, tuple_(*place).not_in(last)))
    return forgotten.rowcount  # type: ignore[attr-defined,no-any-return]
