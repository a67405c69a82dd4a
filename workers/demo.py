"""Stepping a demonstration's clock: every due instant is lived in its turn, as it would have been."""

from datetime import datetime, timedelta

from relais.caller import Door, Identity
from relais.commands.horloge import move_to
from relais.db import Session
from relais.queries.rappel import next_instant
from workers.means import Means
from workers.ticks import do_all_due

GUARD = timedelta(milliseconds=1)
"""Enough to be past an instant whatever the rounding on the way to the database."""


def advance(means: Means, until: datetime) -> int:
    """Move the clock to each due instant up to `until`, do all that is due there, and end at `until`."""
    done = do_all_due(means)
    while (following := _next_instant(means)) is not None and following <= until:
        _move(means, following + GUARD)
        done += do_all_due(means)
    _move(means, until)
    return done + do_all_due(means)


def _next_instant(means: Means) -> datetime | None:
    with means.session() as session, session.begin():
        return next_instant(session)


def _move(means: Means, instant: datetime) -> None:
    with Session(means.engine, door=Door.OWNER, identity=Identity()) as session, session.begin():
        if instant > session.now:
            move_to(session, instant)
