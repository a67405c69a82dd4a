"""The demonstration's clock: the only one that may be moved, and only forward."""

from datetime import datetime, timedelta

from sqlalchemy import exists, select, update

from relais.db import Session
from relais.errors import HorlogeFixe
from relais.tables.territoire import Horloge, Territoire


def mark_demonstration(session: Session, *, debut: datetime | None = None) -> None:
    """Only an installation without any territoire may become a demonstration. Raises HorlogeFixe; twice is once.

    `debut`: when its story begins, past or future; by default, now.
    """
    if not is_demonstration(session) and session.scalar(select(exists(select(Territoire.id)))):
        raise HorlogeFixe("Cette installation sert déjà un territoire : elle ne devient pas une démonstration.")
    offset = timedelta() if debut is None else debut - session.now
    session.execute(update(Horloge).values(demonstration=True, decalage=Horloge.decalage + offset))


def is_demonstration(session: Session) -> bool:
    return bool(session.scalar(select(Horloge.demonstration)))


def move_to(session: Session, instant: datetime) -> timedelta:
    """Set the business clock to that instant for later transactions. Raises HorlogeFixe elsewhere, or backwards."""
    if not is_demonstration(session):
        raise HorlogeFixe("Cette installation n'est pas une démonstration.")
    if instant < session.now:
        raise HorlogeFixe("Le temps de la démonstration ne recule pas.")
    ahead = instant - session.now
    session.execute(update(Horloge).values(decalage=Horloge.decalage + ahead))
    return ahead
