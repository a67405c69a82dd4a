"""What is due, and where: the worker's only view across territoires."""

from datetime import datetime

from sqlalchemy import func, select, union_all

from relais.db import Session
from relais.tables.envoi import Envoi
from relais.tables.photo import Photo
from relais.tables.signalement import Rappel


def territoires_due(session: Session) -> list[int]:
    """Where a ticket must be looked at now."""
    due = select(Rappel.territoire_id).where(Rappel.du_le <= session.now).distinct()
    return list(session.scalars(due.order_by(Rappel.territoire_id)))


def next_instant(session: Session) -> datetime | None:
    """When something next falls due, in any territoire, strictly after now. None: nothing is to come."""
    dates = (Rappel.du_le, Envoi.due_at, Photo.due_at)
    instants = union_all(*(select(func.min(date).label("le")).where(date > session.now) for date in dates)).subquery()
    soonest: datetime | None = session.scalar(select(func.min(instants.c.le)))
    return soonest
