"""Forgetting on time, and by itself: answers kept seven days, uploads cut in the middle, originals nobody awaits."""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from relais.commands.idempotence import purge
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.territoire import Territoire
from workers.means import Means

ABANDON = timedelta(days=1)
"""Far longer than any upload or transaction: what is still a draft by then belongs to no one."""

_log = logging.getLogger("relais.menage")


def forget(means: Means) -> int:
    """Returns how many things were forgotten. An original holds a position: none is kept by accident."""
    forgotten = means.stockage.balayer(ABANDON) + _orphans(means)
    with means.session() as session, session.begin():
        territoires = session.scalars(select(Territoire.id)).all()
    for territoire in territoires:
        with means.session(territoire) as session, session.begin():
            forgotten += purge(session, now=session.now)
    return forgotten


def _orphans(means: Means) -> int:
    """Originals on disk whose photo no worker awaits: the transaction that announced them never ended."""
    before, removed = datetime.now(UTC) - ABANDON, 0
    for cle, depose_le in means.stockage.cles("originaux"):
        _, territoire, signalement, photo = cle.split("/")
        if depose_le < before and not _awaited(means, int(territoire), UUID(signalement), UUID(photo)):
            _log.warning("original %s is nobody's: removed", cle)
            means.stockage.effacer(cle)
            removed += 1
    return removed


def _awaited(means: Means, territoire: int, signalement: UUID, photo: UUID) -> bool:
    with means.session(territoire) as session, session.begin():
        row = session.get(Photo, (territoire, signalement, photo))
        return row is not None and row.etat is EtatPhoto.RECUE
