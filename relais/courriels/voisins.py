"""What happened before at the same place: a fourth heap is not a first one."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Row, select

from relais.courriels.dates import au_pluriel
from relais.courriels.faits import Vue
from relais.rules.statuts import Statut
from relais.rules.voisinage import boite, metres
from relais.tables.signalement import Signalement

MEME_ENDROIT_M = 25
"""The width of a street and its pavements, and the error of a telephone: the same heap, seen from across."""

SANS_SUITE = (Statut.RETIRE, Statut.DOUBLON, Statut.REORIENTE)


def au_meme_endroit(vue: Vue, ticket: Signalement) -> str | None:
    """« 3 signalements depuis le 1er janvier (00007, 00019, 00031), traités en 2, 6 et 4 jours. » None: the first."""
    here = ticket.lon, ticket.lat
    before = [row for row in _around(vue, ticket) if metres(here, (row.lon, row.lat)) <= MEME_ENDROIT_M]
    if not before:
        return None
    days = [_jours(row.traite_le - row.recu_le) for row in before if row.traite_le is not None]
    numbers = ", ".join(row.numero.rsplit("-", 1)[-1] for row in before)
    parts = [f"{au_pluriel(len(before), 'signalement')} depuis le 1er janvier ({numbers})"]
    if days:
        parts.append(f"traité{'s' if len(days) > 1 else ''} en {_enumere(days)} jour{'s' if max(days) > 1 else ''}")
    if len(days) < len(before):
        parts.append(f"{len(before) - len(days)} en cours")
    return ", ".join(parts) + "."


def _around(vue: Vue, ticket: Signalement) -> Sequence[Row[str, datetime, datetime | None, float, float]]:
    year = vue.dates.calendrier.jour(vue.le).year
    west, south, east, north = boite(ticket.lon, ticket.lat, MEME_ENDROIT_M)
    return vue.session.execute(
        select(Signalement.numero, Signalement.recu_le, Signalement.traite_le, Signalement.lon, Signalement.lat)
        .where(
            Signalement.territoire_id == ticket.territoire_id,
            Signalement.theme == ticket.theme,
            Signalement.id != ticket.id,
            Signalement.recu_le >= datetime(year, 1, 1, tzinfo=vue.dates.calendrier.zone),
            Signalement.recu_le <= ticket.recu_le,
            Signalement.lon.between(west, east),
            Signalement.lat.between(south, north),
            Signalement.statut.not_in(SANS_SUITE),
        )
        .order_by(Signalement.recu_le, Signalement.numero)
    ).all()


def _jours(elapsed: timedelta) -> int:
    """Begun days: what was done in an hour was done in one day."""
    return max(1, -(-elapsed // timedelta(days=1)))


def _enumere(numbers: list[int]) -> str:
    *before, last = map(str, numbers)
    return f"{', '.join(before)} et {last}" if before else last
