"""The signalements of a period, as they are routed again."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from relais.db import Session
from relais.queries.reception import received
from relais.rules.rejeu import Decision, Recu, decide_alors
from relais.rules.sejours import Fait
from relais.tables.evenement import Evenement
from relais.tables.signalement import Signalement

LOT = 1_000
"""Signalements read at a time: a year of a large town is never in memory at once."""

DECIDENT = ("signalement.affecte", "signalement.reoriente", "signalement.corrige")


def nombre_de_recus(session: Session, *, du: datetime, au: datetime) -> int:
    wanted = select(func.count()).select_from(Signalement).where(*received(session, du=du, au=au))
    return session.scalar(wanted) or 0


def recus(
    session: Session, *, du: datetime, au: datetime, fuseau: ZoneInfo, decides: bool
) -> Iterator[tuple[Recu, Decision | None]]:
    """Those received in [du, au), oldest first; with what was decided at the time, where `decides`.

    `informes` and `zones` are the map's last word, as `acteur` is in the journal: people's réaffectations leave them.
    """
    rows = session.execute(
        select(
            Signalement.id,
            Signalement.numero,
            Signalement.theme,
            Signalement.constate_le,
            Signalement.lon,
            Signalement.lat,
            Signalement.precision_m,
            Signalement.acteur,
            Signalement.informes,
            Signalement.zones,
        )
        .where(*received(session, du=du, au=au))
        .order_by(Signalement.recu_le, Signalement.id)
        .execution_options(yield_per=LOT)
    )
    for some in rows.partitions():
        facts = _facts(session, [row.id for row in some]) if decides else {}
        for row in some:
            seen = row.constate_le.astimezone(fuseau).date()
            found = Recu(row.numero, row.theme, seen, row.lon, row.lat, row.precision_m, row.acteur)
            yield found, decide_alors(facts[row.id], row.informes, row.zones) if decides else None


def _facts(session: Session, ids: Collection[UUID]) -> Mapping[UUID | None, list[Fait]]:
    facts: dict[UUID | None, list[Fait]] = defaultdict(list)
    lines = session.execute(
        select(Evenement.signalement_id, Evenement.le, Evenement.type, Evenement.donnees)
        .where(
            Evenement.territoire_id == session.territoire,
            Evenement.signalement_id.in_(ids),
            Evenement.type.in_(DECIDENT),
        )
        .order_by(Evenement.rang)
    )
    for line in lines:
        facts[line.signalement_id].append(Fait(line.le, line.type, line.donnees))
    return facts
