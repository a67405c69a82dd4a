"""Sending the code that somebody asked for, to the account of that address if there is one."""

import logging
from datetime import UTC, datetime, timedelta

from relais import outbox
from relais.courriels.connexion import rendre_code
from relais.mail import Courriel, MailDeferred, MailRefused
from relais.queries.personne import active
from relais.tables.connexion import Defi
from workers.means import Means

ENCORE = timedelta(seconds=15)
"""How long before another try: somebody waits in front of a screen, and the code lives ten minutes."""

_log = logging.getLogger("relais.codes")


def send_code(means: Means, defi: Defi) -> None:
    """Nothing is sent to an unknown or suspended account, nor once the code has expired: no try lasts longer."""
    again = _try(means, defi)
    with means.session(defi.territoire_id) as session, session.begin():
        due_at = session.now + ENCORE if again else None
        outbox.settle(session, defi, due_at=due_at, attempts=defi.attempts + 1)


def _try(means: Means, defi: Defi) -> bool:
    """Whether it must be tried again."""
    if defi.expire_le <= datetime.now(UTC):
        return False
    if means.mailbox is None:
        return True
    try:
        if (courriel := _word(means, defi)) is not None:
            means.mailbox.send(courriel)
    except MailRefused as refused:
        _log.error("the code of defi %s was refused: %s", defi.id, _reply(refused))
    except MailDeferred as deferred:
        _log.warning("the code of defi %s waits: %s", defi.id, _reply(deferred))
        return True
    except Exception:  # noqa: BLE001 - whatever one code provokes, the others must leave
        _log.exception("the code of defi %s failed unexpectedly", defi.id)
        return True
    return False


def _reply(said: Exception) -> str:
    """The relay's figure alone: its sentence quotes the address, and a log is kept longer than a defi."""
    return str(said).partition(" ")[0]


def _word(means: Means, defi: Defi) -> Courriel | None:
    """None: nobody to write to."""
    with means.session(defi.territoire_id) as session, session.begin():
        who = active(session, defi.identifiant)
        if who is None:
            return None
        return rendre_code(session, defi, a=who.identifiant, keys=means.keys, expediteur=means.settings.expediteur)
