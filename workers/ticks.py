"""What a worker does at each tick. Any number of workers may tick at once: the database says who does what."""

import logging
from uuid import UUID

from sqlalchemy import select

from relais.commands.escalade import announce_transmitted, fire, next_due, postpone
from relais.queries.rappel import territoires_due
from relais.tables.territoire import Territoire
from workers.drain import deliver, prepare, send_codes
from workers.means import Means

_log = logging.getLogger("relais.ticks")


def escalate(means: Means) -> int:
    """Fire every palier due, one ticket a transaction."""
    with means.session() as session, session.begin():
        territoires = territoires_due(session)
    fired = 0
    for territoire in territoires:
        while not means.stopping.is_set() and _fire_one(means, territoire):
            fired += 1
    return fired


def _fire_one(means: Means, territoire: int) -> bool:
    """False: nothing is due here that another worker does not hold."""
    ticket_id: UUID | None = None
    try:
        with means.session(territoire) as session, session.begin():
            ticket = next_due(session, now=session.now)
            if ticket is None:
                return False
            ticket_id = ticket.id
            fire(session, ticket, now=session.now)
    except Exception:  # noqa: BLE001 - one broken ticket must not stop the ladder of the others
        _log.exception("firing of %s failed; it is left alone for a while", ticket_id)
        if ticket_id is None:
            return False
        with means.session(territoire) as session, session.begin():
            postpone(session, ticket_id, now=session.now)
    return True


def transmit(means: Means) -> int:
    """Write to the direction générale of what went up to it without a decision, grouped."""
    with means.session() as session, session.begin():
        territoires = session.scalars(select(Territoire.id).where(Territoire.version > 0)).all()
    announced = 0
    for territoire in territoires:
        with means.session(territoire) as session, session.begin():
            announced += announce_transmitted(session, now=session.now)
    return announced


def do_all_due(means: Means) -> int:
    """Everything due now. Once each is enough in this order: each may make the next due, never the one before."""
    return escalate(means) + transmit(means) + prepare(means) + send_codes(means) + deliver(means)
