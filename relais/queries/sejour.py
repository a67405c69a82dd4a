"""The stays of signalements, read from the journal in bulk: one statement, however many they are."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from sqlalchemy import select

from relais.db import Session
from relais.rules.sejours import SUIVIS, Fait, Sejour, sejours
from relais.tables.evenement import Evenement
from relais.tables.signalement import Signalement

LOT = 2_000
"""Lines of the journal held at a time: a year of a large town is never in memory at once."""


def sejours_des_reaffectes(
    session: Session, *, du: datetime, au: datetime
) -> Iterator[tuple[UUID, tuple[Sejour, ...]]]:
    """Of each signalement that changed hands in [du, au), from its beginning, in no order that means anything."""
    moved = select(Evenement.signalement_id).where(
        Evenement.territoire_id == session.territoire,
        Evenement.type == "signalement.reaffecte",
        Evenement.le >= du,
        Evenement.le < au,
    )
    lines = session.execute(
        select(Evenement.signalement_id, Evenement.le, Evenement.type, Evenement.donnees)
        .where(
            Evenement.territoire_id == session.territoire,
            Evenement.signalement_id.in_(moved),
            Evenement.type.in_(SUIVIS),
        )
        .order_by(Evenement.signalement_id, Evenement.rang)
        .execution_options(yield_per=LOT)
    )
    for id, facts in groupby(lines, key=attrgetter("signalement_id")):
        yield id, sejours(Fait(one.le, one.type, one.donnees) for one in facts)


def ont_renvoye(session: Session, signalement: Signalement) -> frozenset[str]:
    """The acteurs that have sent that one back, whoever has had it since."""
    sent_back = select(Evenement.donnees["de"].astext).where(
        Evenement.territoire_id == session.territoire,
        Evenement.signalement_id == signalement.id,
        Evenement.type == "signalement.reaffecte",
        Evenement.donnees["par"].astext == "acteur",
    )
    return frozenset(session.scalars(sent_back))
