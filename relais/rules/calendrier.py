"""When somebody is open: a weekly timetable, French public holidays, own closures, and the clock of a time zone.

A minute is open when the wall clock of the zone shows a time inside a range. So the hour that spring skips is never
open, and the hour that autumn repeats is open twice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holidays import country_holidays

_JOUR = 24 * 60
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FERIES: Mapping[str, tuple[str, str | None] | None] = MappingProxyType(
    {
        "metropole": ("FR", None),
        "alsace-moselle": ("FR", "57"),  # Moselle; Alsace (6AE) keeps the same two days
        "guadeloupe": ("FR", "971"),
        "martinique": ("FR", "972"),
        "guyane": ("FR", "973"),
        "reunion": ("FR", "974"),
        "mayotte": ("FR", "976"),
        "saint-barthelemy": ("FR", "BL"),
        "saint-martin": ("FR", "MF"),
        "saint-pierre-et-miquelon": ("FR", "PM"),
        "nouvelle-caledonie": ("FR", "NC"),
        "polynesie-francaise": ("FR", "PF"),
        "wallis-et-futuna": ("FR", "WF"),
        "aucun": None,
    }
)
"""The public holidays a calendar may keep: a code, and the (country, subdivision) that `holidays` is asked for."""


class Plage(NamedTuple):
    """An open range of a day, [ouvre, ferme), in local minutes since midnight: `Plage(510, 720)` is 8:30 to 12:00."""

    ouvre: int
    ferme: int


class Annee(NamedTuple):
    """One local year of a calendar laid flat, so that a délai costs two bisections. Instants are epoch minutes."""

    jours: tuple[date, ...]  # the open days
    fermetures: tuple[int, ...]  # the instant each of them closes
    debuts: tuple[int, ...]  # of each open range
    fins: tuple[int, ...]
    rangs: tuple[int, ...]  # open minutes of the year before each range
    total: int

    def ecoulees(self, minute: int) -> int:
        """Open minutes of this year that are over at that instant."""
        rang = bisect_right(self.debuts, minute) - 1
        return self.rangs[rang] + min(minute, self.fins[rang]) - self.debuts[rang] if rang >= 0 else 0

    def fin_de(self, nombre: int) -> int:
        """The instant the `nombre`-th open minute of this year ends (1 ≤ nombre ≤ total): 12:00 rather than 14:00."""
        rang = bisect_left(self.rangs, nombre) - 1
        return self.debuts[rang] + nombre - self.rangs[rang]


@dataclass(frozen=True)
class Calendrier:
    """Hashable, and equal calendars share what is computed from them.

    Raises ValueError for an unknown zone or `feries`, for ranges that are out of the day, out of order or overlapping,
    and for a week without an open minute: no promise could ever be dated by it.
    """

    fuseau: str
    semaine: tuple[tuple[Plage, ...], ...]
    feries: str = "metropole"
    fermetures: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.fuseau)
        except (ZoneInfoNotFoundError, OSError, ValueError):  # OSError: "Europe" is a folder of the database
            raise ValueError(f"fuseau horaire inconnu : « {self.fuseau} »") from None
        if self.feries not in FERIES:
            raise ValueError(f"jours fériés inconnus : « {self.feries} » ; connus : {', '.join(FERIES)}")
        if len(self.semaine) != 7:  # noqa: PLR2004 : the days of a week
            raise ValueError("une semaine a sept jours, le lundi d’abord")
        for plages in self.semaine:
            bornes = [borne for plage in plages for borne in plage]
            en_ordre = all(ouvre < ferme for ouvre, ferme in plages) and bornes == sorted(bornes)
            if not en_ordre or any(not 0 <= borne <= _JOUR for borne in bornes):
                raise ValueError("les horaires d’un jour se suivent sans se chevaucher, entre 0 h et 24 h")
        if not any(self.semaine):
            raise ValueError("un calendrier sans aucune minute ouverte ne peut dater aucune promesse")

    @classmethod
    def toujours(cls, fuseau: str) -> "Calendrier":
        """On call: every minute of every day, public holidays worked."""
        return cls(fuseau, ((Plage(0, _JOUR),),) * 7, feries="aucun")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.fuseau)

    def jour(self, instant: datetime) -> date:
        """The local date of an aware instant; ValueError when it is naive."""
        return exiger_decalage(instant).astimezone(self.zone).date()

    def ferie(self, jour: date) -> bool:
        return jour in _feries(self.feries, jour.year)

    def plages(self, jour: date) -> tuple[tuple[datetime, datetime], ...]:
        """The open ranges [ouvre, ferme) of that local day, in order, in UTC, cut where the clocks change."""
        if jour in self.fermetures or self.ferie(jour):
            return ()
        minuit = datetime.combine(jour, time(), UTC)
        morceaux = (
            (max(minuit + ouvre * _MINUTE - decalage, depuis), min(minuit + ferme * _MINUTE - decalage, jusqu_a))
            for decalage, depuis, jusqu_a in _decalages(self.zone, minuit)
            for ouvre, ferme in self.semaine[jour.weekday()]
        )
        return tuple((debut, fin) for debut, fin in morceaux if debut < fin)

    def ouvert_le(self, jour: date) -> bool:
        return bool(self.plages(jour))

    def fermeture(self, jour: date) -> datetime | None:
        """The closing instant of that local day, in the calendar's zone; None when it is closed.

        A day open until 24:00 closes at 0:00 of the next one.
        """
        plages = self.plages(jour)
        return plages[-1][1].astimezone(self.zone) if plages else None

    def est_ouvert(self, instant: datetime) -> bool:
        return any(debut <= instant < fin for debut, fin in self.plages(self.jour(instant)))

    def annee(self, annee: int) -> Annee:
        return _annee(self, annee)


def exiger_decalage(instant: datetime) -> datetime:
    """The instant itself; ValueError when it carries no offset, since Python would read it on the server's clock."""
    if instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()}: an instant carries its offset")
    return instant


def epoch_minute(instant: datetime) -> int:
    """Whole minutes since 1970-01-01T00:00Z, seconds rounded up: a promise is never counted from before it was made."""
    return -((_EPOCH - exiger_decalage(instant)) // _MINUTE)


def from_epoch_minute(minute: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + minute * _MINUTE).astimezone(zone)


def _decalages(zone: ZoneInfo, minuit: datetime) -> Iterator[tuple[timedelta, datetime, datetime]]:
    """The UTC offsets met during a local day, each with the instants [depuis, jusqu_a) it holds for.

    `minuit` is the local midnight written as if it were UTC. Offsets go from -12 h to +14 h, hence the window. Asking
    for the offset of a *local* time instead would answer for the hours that do not exist.
    """
    depuis, jusqu_a = minuit - timedelta(hours=14), minuit + timedelta(hours=36)
    avant, apres = _decalage(zone, depuis), _decalage(zone, jusqu_a)
    if avant == apres:
        yield avant, depuis, jusqu_a
        return
    minutes = range((jusqu_a - depuis) // _MINUTE)
    changement = depuis + _MINUTE * bisect_left(
        minutes, 1, key=lambda n: _decalage(zone, depuis + n * _MINUTE) == apres
    )
    yield avant, depuis, changement
    yield apres, changement, jusqu_a


def _decalage(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


@lru_cache(maxsize=1024)
def _feries(code: str, annee: int) -> frozenset[date]:
    demande = FERIES[code]
    if demande is None:
        return frozenset()
    pays, subdivision = demande
    return frozenset(country_holidays(pays, subdiv=subdivision, years=annee))


@lru_cache(maxsize=512)
def _annee(calendrier: Calendrier, annee: int) -> Annee:
    """About 5 ms and 80 kB, once for a calendar and a year; an échéance read from it costs 2 to 6 µs."""
    jours: list[date] = []
    fermetures: list[int] = []
    debuts: list[int] = []
    fins: list[int] = []
    rangs: list[int] = []
    total = 0
    premier = date(annee, 1, 1)
    for n in range((date(annee + 1, 1, 1) - premier).days):
        jour = premier + timedelta(days=n)
        plages = calendrier.plages(jour)
        for debut, fin in plages:
            debuts.append(epoch_minute(debut))
            fins.append(epoch_minute(fin))
            rangs.append(total)
            total += fins[-1] - debuts[-1]
        if plages:
            jours.append(jour)
            fermetures.append(fins[-1])
    return Annee(tuple(jours), tuple(fermetures), tuple(debuts), tuple(fins), tuple(rangs), total)
