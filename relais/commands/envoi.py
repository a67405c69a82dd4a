"""Deliveries by hand: sending a dead one again."""

from datetime import datetime
from uuid import UUID

from relais.caller import Caller
from relais.db import Session
from relais.errors import EnvoiPasMort
from relais.queries.envoi import get_envoi
from relais.tables.envoi import Envoi, EtatEnvoi


def resend(session: Session, *, caller: Caller, id: UUID, now: datetime) -> Envoi:
    """Réexpédition: the same envoi, under the same id, due now, with every retry before it again.

    Raises EnvoiIntrouvable; EnvoiPasMort: what waits would be sent twice at once, what arrived is not for us to repeat.
    """
    found = get_envoi(session, caller=caller, id=id)
    if found.etat is not EtatEnvoi.MORT:
        raise EnvoiPasMort(extra={"etat": found.etat})
    found.etat, found.due_at, found.attempts, found.claims = EtatEnvoi.EN_ATTENTE, now, 0, 0
    found.lease_token = found.lease_until = None
    return found
