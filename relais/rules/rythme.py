"""When somebody comes by next: a recurrence of days (RFC 5545), the public holidays of a calendar, an hour of its zone.

`dateutil` finds the days; everything here is bounded, whatever the rule.
"""

from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice

from dateutil.rrule import rrulestr

from relais.rules.calendrier import Calendrier
from relais.rules.configuration import JoursFeries, Passage

HORIZON = 5
"""Local years looked into, the current one included: nobody is told of a passage later than that."""

_CYCLE = 400
"""Years after which the Gregorian calendar comes back, days of the week included."""

_PONT = timedelta(days=7)
"""More than the longest run of public holidays: none is carried over further."""


@dataclass(frozen=True)
class Prochain:
    """The day somebody comes, and between which instants, in the calendar's zone, as far as the town says it."""

    le: date
    debut: datetime | None
    fin: datetime | None

    def attendu(self, instant: datetime) -> bool:
        """Whether it may still come: until its end, else until it begins, else until the day is over."""
        limite = self.fin or self.debut
        # Both in UTC: two instants of one zone are compared by their wall clocks.
        return limite is None or limite.astimezone(UTC) > instant.astimezone(UTC)


def prochains(passage: Passage, apres: datetime, combien: int, calendrier: Calendrier) -> tuple[Prochain, ...]:
    """The first passages still to come at that instant, at most `combien`.

    Fewer, or none, where the rule has no more of them in `HORIZON` years. `calendrier`: the zone and public holidays.
    """
    aujourd_hui = calendrier.jour(apres)
    tous = (
        Prochain(jour, _instant(jour, passage.debut, calendrier), _instant(jour, passage.fin, calendrier))
        for annee in range(aujourd_hui.year, aujourd_hui.year + HORIZON)
        for jour in jours(passage, calendrier, annee)
        if jour >= aujourd_hui
    )
    return tuple(islice((un for un in tous if un.attendu(apres)), combien))


@lru_cache(maxsize=1024)
def jours(passage: Passage, calendrier: Calendrier, annee: int) -> tuple[date, ...]:
    """Every day of that local year on which somebody comes, in order: 0.1 to 10 ms, once for a passage and a year."""
    premier, dernier = date(annee, 1, 1), date(annee, 12, 31)
    bruts = _recurrence(passage, premier - _PONT, dernier)
    match passage.feries:
        case JoursFeries.COMPRIS:
            venus = set(bruts)
        case JoursFeries.SAUTES:
            venus = {jour for jour in bruts if not calendrier.ferie(jour)}
        case JoursFeries.REPORTES:
            venus = {_reporte(jour, calendrier) for jour in bruts}
    return tuple(sorted(jour for jour in venus if premier <= jour <= dernier))


def dire_les_heures(debut: time | None, fin: time | None) -> str:
    """« à partir de 6 h », « avant 7 h 30 », « entre 8 h et 12 h »; empty where nothing is known."""
    if debut and fin:
        return f"entre {_heure(debut)} et {_heure(fin)}"
    return f"à partir de {_heure(debut)}" if debut else f"avant {_heure(fin)}" if fin else ""


def _heure(heure: time) -> str:
    return f"{heure.hour} h {heure:%M}" if heure.minute else f"{heure.hour} h"


def _recurrence(passage: Passage, premier: date, dernier: date) -> list[date]:
    """The days of the rule between the two, holidays included.

    `dateutil` looks for the first day of a rule that has none (the 30th of February) until the year 9999: four seconds.
    Moved to the last cycle before it, where the calendar is the same, the search is twenty times shorter.
    """
    parties = dict(partie.split("=") for partie in passage.rrule.split(";"))
    fin = date.fromisoformat(parties.pop("UNTIL", f"{dernier:%Y%m%d}"))
    decalage = (MAXYEAR - dernier.year) // _CYCLE * _CYCLE

    def ailleurs(jour: date) -> datetime:
        return datetime.combine(jour.replace(year=jour.year + decalage), time())

    regle = rrulestr(
        ";".join(f"{nom}={valeur}" for nom, valeur in parties.items()), dtstart=ailleurs(passage.a_partir_du)
    )
    trouves = regle.between(ailleurs(premier), ailleurs(min(fin, dernier)), inc=True)
    return [trouve.date().replace(year=trouve.year - decalage) for trouve in trouves]


def _reporte(jour: date, calendrier: Calendrier) -> date:
    suivants = (jour + timedelta(days=n) for n in range(_PONT.days + 1))
    return next((un for un in suivants if not calendrier.ferie(un)), jour)


def _instant(jour: date, heure: time | None, calendrier: Calendrier) -> datetime | None:
    """Of the hour that autumn repeats, the first; in the hour that spring skips, as much later."""
    if heure is None:
        return None
    return datetime.combine(jour, heure, calendrier.zone).astimezone(UTC).astimezone(calendrier.zone)
