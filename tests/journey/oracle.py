"""Deadlines counted one minute after the other, on a timetable and a list of holidays of its own.

Slow and plain on purpose: it shares nothing with the product but the words of its promise, so that where both agree to
the minute neither is wrong by the same cleverness.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
FERIES_2026 = frozenset(
    {
        date(2026, 4, 6),  # Easter Monday
        date(2026, 5, 1),
        date(2026, 5, 8),
        date(2026, 5, 14),  # Ascension
        date(2026, 5, 25),  # Whit Monday
        date(2026, 7, 14),
        date(2026, 8, 15),
    }
)
MINUTE = timedelta(minutes=1)
PREMIERE = datetime(2026, 3, 24, tzinfo=UTC)
DERNIERE = datetime(2026, 9, 1, tzinfo=UTC)

Semaine = tuple[tuple[tuple[int, int], ...], ...]
"""Seven days, Monday first: for each, its open ranges [from, to) in local minutes since midnight."""


class Minute(NamedTuple):
    jour: date
    rang: int
    depuis_minuit: int


@cache
def _horloge() -> tuple[Minute, ...]:
    """What the wall clock of Le Mans shows at each minute that passes: the spring night jumps from 2:00 to 3:00."""
    shown = ((PREMIERE + n * MINUTE).astimezone(PARIS) for n in range((DERNIERE - PREMIERE) // MINUTE))
    return tuple(Minute(one.date(), one.weekday(), 60 * one.hour + one.minute) for one in shown)


class Oracle:
    """The calendar of one service. Instants come and go in UTC."""

    def __init__(self, semaine: Semaine, fermetures: Collection[date] = (), *, feries: bool = True) -> None:
        closed = {*fermetures, *(FERIES_2026 if feries else ())}
        self._ouverte = [
            one.jour not in closed and any(du <= one.depuis_minuit < au for du, au in semaine[one.rang])
            for one in _horloge()
        ]

    def echeance(self, depuis: datetime, valeur: int, unite: str) -> datetime:
        """`unite`: H real hours, HO working hours, JO working days."""
        match unite:
            case "H":
                return _instant(_apres(_numero(depuis), 60 * valeur, _toutes()))
            case "HO":
                return _instant(_apres(_numero(depuis), 60 * valeur, self._ouverte))
            case _:
                return _instant(self._fin_du_jour_ouvre(_jour(depuis), valeur))

    def aux_80_pour_cent(self, depuis: datetime, echeance: datetime, unite: str) -> datetime:
        debut, fin = _numero(depuis), _numero(echeance)
        comptees = _toutes() if unite == "H" else self._ouverte
        minutes = sum(comptees[debut:fin])
        return _instant(_apres(debut, -(-minutes * 4 // 5), comptees)) if minutes else echeance

    def jours_ouvres_apres(self, echeance: datetime, jours: int) -> datetime:
        return _instant(self._fin_du_jour_ouvre(_jour(echeance), jours))

    def fermeture(self, jour: date) -> datetime:
        """When that day closes, or the next one that opens."""
        return _instant(self._fin_du_jour_ouvre(jour - timedelta(days=1), 1))

    def _fin_du_jour_ouvre(self, jour: date, nombre: int) -> int:
        """The minute after the last open one of the `nombre`-th day with any open minute after `jour`."""
        comptes: set[date] = set()
        numero = derniere = _numero(datetime.combine(jour, time(12), UTC))
        while len(comptes) <= nombre:
            minute = _horloge()[numero]
            if self._ouverte[numero] and minute.jour > jour:
                comptes.add(minute.jour)
                derniere = numero if len(comptes) <= nombre else derniere
            numero += 1
        return derniere + 1


@cache
def _toutes() -> tuple[bool, ...]:
    return (True,) * len(_horloge())


def _apres(numero: int, nombre: int, comptees: Sequence[bool]) -> int:
    """Where the `nombre`-th counted minute from `numero` on ends."""
    while nombre:
        nombre -= comptees[numero]
        numero += 1
    return numero


def _numero(instant: datetime) -> int:
    """The first whole minute that begins at or after this instant."""
    return -((PREMIERE - instant) // MINUTE)


def _instant(numero: int) -> datetime:
    return PREMIERE + numero * MINUTE


def _jour(instant: datetime) -> date:
    return instant.astimezone(PARIS).date()
