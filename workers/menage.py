"""Forgetting on time, and by itself: answers kept seven days, uploads cut in the middle, files nobody awaits."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from relais.commands.connexion import purge_connexions
from relais.commands.disparition import purge_disparitions
from relais.commands.idempotence import purge
from relais.commands.photo import forget_positions
from relais.tables.territoire import Territoire
from workers.inventaire import sweep
from workers.means import Means

ABANDON = timedelta(days=1)
"""Far longer than any upload or transaction: what is still a draft by then belongs to no one."""


def forget(means: Means) -> int:
    """Returns how many things were forgotten. The store comes last: out of reach, it keeps nothing in the database."""
    forgotten = 0
    with means.session() as session, session.begin():
        territoires = session.scalars(select(Territoire.id)).all()
    for territoire in territoires:
        with means.session(territoire) as session, session.begin():
            forgotten += forget_positions(session, now=session.now) + purge(session, now=session.now)
            forgotten += purge_connexions(session, now=datetime.now(UTC)) + purge_disparitions(session, now=session.now)
    return forgotten + means.stockage.balayer(ABANDON) + sweep(means)
