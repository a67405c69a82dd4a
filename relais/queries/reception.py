"""What a territoire received between two instants."""

from datetime import datetime

from sqlalchemy import ColumnElement

from relais.db import Session
from relais.tables.signalement import Signalement


def received(session: Session, *, du: datetime, au: datetime) -> tuple[ColumnElement[bool], ...]:
    """To be given to `where`: the signalements received in [du, au), by this territoire."""
    return Signalement.territoire_id == session.territoire, Signalement.recu_le >= du, Signalement.recu_le < au
