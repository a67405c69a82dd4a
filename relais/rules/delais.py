"""How long a promise lasts, and when it falls due.

Three units that a charter mixes on one page: real hours (instants, so 48 h across a clock change is 48 h), working
hours (open minutes of a calendar) and working days (the day of reception never counts). Every answer is a whole minute,
never earlier than promised, in the calendar's zone; every instant asked about carries an offset, or ValueError.

Inside, instants are minutes since 1970: Python compares and subtracts two datetimes of one zone by their wall clocks,
so 2:10 of the autumn night's second round would come before 2:50 of the first.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from relais.rules.calendrier import Calendrier, epoch_minute, from_epoch_minute


class Unite(StrEnum):
    HEURES = "H"
    HEURES_OUVREES = "HO"
    JOURS_OUVRES = "JO"


@dataclass(frozen=True)
class Duree:
    """A promised length, at least one of its unit (ValueError). Read: « 48 h », « 4 h ouvrées », « 1 jour ouvré »."""

    valeur: int
    unite: Unite

    def __post_init__(self) -> None:
        if self.valeur < 1:
            raise ValueError(f"une durée compte au moins une unité : {self.valeur}")

    def __str__(self) -> str:
        pluriel = "s" if self.valeur > 1 else ""
        match self.unite:
            case Unite.HEURES:
                return f"{self.valeur} h"
            case Unite.HEURES_OUVREES:
                return f"{self.valeur} h ouvrée{pluriel}"
            case Unite.JOURS_OUVRES:
                return f"{self.valeur} jour{pluriel} ouvré{pluriel}"


def echeance(recu_le: datetime, duree: Duree, calendrier: Calendrier) -> datetime:
    """When a promise made at `recu_le` falls due.

    Working hours end as the last open minute ends (12:00, not 14:00); working days at the closing time of the last one.
    """
    return from_epoch_minute(_minute_due(recu_le, duree, calendrier), calendrier.zone)


def a_la_part(recu_le: datetime, echeance: datetime, pour_cent: int, unite: Unite, calendrier: Calendrier) -> datetime:
    """The instant at which `pour_cent` (1 to 100) of the délai is spent, rounded up to the minute.

    A part of the real minutes for real hours, of the open minutes between the two instants otherwise. Where there are
    none (another acteur's calendar, after a réaffectation), it is the échéance itself.
    """
    if not 1 <= pour_cent <= 100:  # noqa: PLR2004 : a percentage
        raise ValueError(f"a part of a délai is 1 to 100 %, not {pour_cent}")
    debut, fin = epoch_minute(recu_le), epoch_minute(echeance)
    reelles = unite is Unite.HEURES
    minutes = fin - debut if reelles else minutes_ouvertes(recu_le, echeance, calendrier)
    if minutes <= 0:
        return from_epoch_minute(fin, calendrier.zone)
    part = -(-minutes * pour_cent // 100)
    return from_epoch_minute(debut + part if reelles else _apres_minutes(recu_le, part, calendrier), calendrier.zone)


def jours_ouvres_apres(echeance: datetime, jours: int, calendrier: Calendrier) -> datetime:
    """The closing time of the `jours`-th open day after the échéance's own local day; 0 is the échéance itself."""
    if jours < 0:
        raise ValueError(f"a palier counts working days after the échéance, not {jours}")
    minute = _apres_jours(calendrier.jour(echeance), jours, calendrier) if jours else epoch_minute(echeance)
    return from_epoch_minute(minute, calendrier.zone)


def minutes_ouvertes(debut: datetime, fin: datetime, calendrier: Calendrier) -> int:
    """The open minutes from one instant to a later one, each counted from the whole minute it ends in."""
    premiere, derniere = calendrier.jour(debut).year, calendrier.jour(fin).year
    pleines = sum(calendrier.annee(annee).total for annee in range(premiere, derniere))
    deja = calendrier.annee(premiere).ecoulees(epoch_minute(debut))
    return pleines + calendrier.annee(derniere).ecoulees(epoch_minute(fin)) - deja


def plus_tardif(qpv: Duree, ordinaire: Duree, calendrier: Calendrier, annee: int) -> datetime | None:
    """A start in that local year from which `qpv` falls due later than `ordinaire`, or None: exact, not a sample.

    In one unit the longer value is later from every start, so one start is enough. In two, each échéance is a function
    of the start made of pieces, on each of which it stays or advances minute for minute with the start. The pieces
    meet only at the instants of `_ruptures`. Strictly between two of those, the gap between both échéances is linear:
    it is largest one minute after the first or one minute before the second. A start between two whole minutes counts
    as the next one, except that its working day is still the day before when that next one is midnight: hence
    the last second. Some 2 000 ruptures a year, four starts each.
    """
    if qpv.unite is ordinaire.unite:
        departs = {epoch_minute(datetime(annee, 1, 1, tzinfo=calendrier.zone)) * 60}
    else:
        ruptures = set(_ruptures((qpv, ordinaire), calendrier, annee))
        departs = {60 * rupture + ecart for rupture in ruptures for ecart in (-60, -1, 0, 60)}
    for seconde in sorted(departs):
        depart = datetime.fromtimestamp(seconde, calendrier.zone)
        if depart.year == annee and _minute_due(depart, qpv, calendrier) > _minute_due(depart, ordinaire, calendrier):
            return depart
    return None


def _minute_due(recu_le: datetime, duree: Duree, calendrier: Calendrier) -> int:
    match duree.unite:
        case Unite.HEURES:
            return epoch_minute(recu_le) + 60 * duree.valeur
        case Unite.HEURES_OUVREES:
            return _apres_minutes(recu_le, 60 * duree.valeur, calendrier)
        case Unite.JOURS_OUVRES:
            return _apres_jours(calendrier.jour(recu_le), duree.valeur, calendrier)


def _apres_jours(jour: date, nombre: int, calendrier: Calendrier) -> int:
    """The closing minute of the `nombre`-th open day after that one."""
    annee = jour.year
    rang = bisect_right(calendrier.annee(annee).jours, jour) + nombre - 1
    while rang >= len(fermetures := calendrier.annee(annee).fermetures):
        rang -= len(fermetures)
        annee += 1
    return fermetures[rang]


def _apres_minutes(depart: datetime, nombre: int, calendrier: Calendrier) -> int:
    """The minute at which the `nombre`-th open minute after that instant ends."""
    annee = calendrier.jour(depart).year
    nombre += calendrier.annee(annee).ecoulees(epoch_minute(depart))
    while nombre > (ouverte := calendrier.annee(annee)).total:
        nombre -= ouverte.total
        annee += 1
    return ouverte.fin_de(nombre)


def _ruptures(durees: tuple[Duree, ...], calendrier: Calendrier, annee: int) -> Iterator[int]:
    """The minutes of a local year where an échéance, as a function of its start, stops being one straight line.

    Local midnights (working days), the ends of open ranges, and, for working hours, the starts from which the last open
    minute is also the last of its range: a minute later the échéance jumps over the closed time.
    """
    ouverte, premier = calendrier.annee(annee), date(annee, 1, 1)
    for n in range((date(annee + 1, 1, 1) - premier).days + 1):
        jour = premier + timedelta(days=n)
        yield epoch_minute(datetime(jour.year, jour.month, jour.day, tzinfo=calendrier.zone))
    yield from ouverte.debuts
    yield from ouverte.fins
    for nombre in (60 * duree.valeur for duree in durees if duree.unite is Unite.HEURES_OUVREES):
        avant, suivante = 0, annee
        while avant <= ouverte.total + nombre:
            for rang in calendrier.annee(suivante).rangs:
                if 1 <= avant + rang - nombre <= ouverte.total:
                    yield ouverte.fin_de(avant + rang - nombre)
            avant += calendrier.annee(suivante).total
            suivante += 1
