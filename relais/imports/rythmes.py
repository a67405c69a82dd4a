"""A rhythm as a town writes it → a recurrence of days.

« lundi, mercredi et vendredi », « premier jeudi du mois, à 6 h, reporté au lendemain des jours fériés ». What is read
is taken out of the text, clause by clause; whatever is left over was not understood, and is refused.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import NamedTuple

from relais.imports import Illisible, mots
from relais.imports.horaires import JOURS
from relais.imports.portees import JOUR, RANGS, SAUF, Texte
from relais.imports.rrules import JOURS as CODES
from relais.imports.rrules import recurrence
from relais.rules.configuration import JoursFeries

EXEMPLES = "« mardi et vendredi », « le mardi des semaines paires », « premier jeudi du mois, à 6 h »"

_DE_QUELS_JOURS = (
    "ce qui est précisé (mois, semaines, date, heure) vaut-il pour tous ces jours ? Dites-le avant eux, ou à la fin"
    " après une virgule, ou en deux passages"
)
_EN_LETTRES = {"deux": 2, "trois": 3, "quatre": 4, "six": 6}
_LONGUEUR_MAX = 600
_OUVRES, _OUVRABLES = range(5), range(6)

_RRULE = re.compile(r"\s*(?:RRULE:|(?=FREQ=))(\S*[^\s,])", re.IGNORECASE)
_MOIS = rf"(?:{'|'.join(mots.MOIS)})"
_DATE = r"((?:le )?[0-9]{1,2}(?:er)? [a-z]+ [0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})"
_HEURE = r"([0-9]{1,2}) ?(?:h|:) ?([0-5][0-9])?"
_SAISON = r"(?:en (?:ete|hiver|automne)|au printemps|l'(?:ete|hiver|automne)|le printemps)"
_NOMBRE = rf"([2-9]|[1-9][0-9]|{'|'.join(_EN_LETTRES)})"


@dataclass(frozen=True)
class Rythme:
    """`a_partir_du`: as the text says it. `ancre`: without that day, nobody could tell which days are meant."""

    rrule: str
    debut: time | None
    fin: time | None
    feries: JoursFeries
    a_partir_du: date | None
    ancre: bool


def rythme(ecrit: str) -> Rythme:
    """French words, or « RRULE:… » and what RFC 5545 cannot say (« , reporté au lendemain »). Raises Illisible."""
    if len(ecrit) > _LONGUEUR_MAX:
        raise Illisible(f"un rythme de plus de {_LONGUEUR_MAX} signes ; coupez-le en plusieurs passages")
    if lu := _RRULE.match(ecrit):
        texte = Texte(mots.sans_accents(ecrit[lu.end() :]))
        clauses = _clauses(texte)
        if texte.reste:
            raise Illisible(f"« {texte.reste} » ne se lit pas après une RRULE ; dites-le dans la RRULE")
        return _assembler(lu[1], clauses)
    texte = Texte(mots.sans_accents(ecrit))
    clauses = _clauses(texte)
    return _assembler(_recurrence(texte, ecrit), clauses)


def est_une_rrule(ecrit: str) -> bool:
    return _RRULE.match(ecrit) is not None


class _Heures(NamedTuple):
    debut: time | None
    fin: time | None


_MOMENTS = {
    "matin": _Heures(None, time(12)),
    "matinee": _Heures(None, time(12)),
    "apres-midi": _Heures(time(12), None),
    "soir": _Heures(time(18), None),
    "soiree": _Heures(time(18), None),
    "nuit": _Heures(None, None),
}


@dataclass(frozen=True)
class _Clauses:
    feries: JoursFeries
    a_partir_du: date | None
    jusqu_au: date | None
    heures: _Heures


def _clauses(texte: Texte) -> _Clauses:
    """What goes with any rhythm. The order matters: « au lendemain » before « le lundi », dates before months."""
    return _Clauses(
        feries=_feries(texte),
        a_partir_du=_date(texte.marquer(rf"a (?:partir|compter) du {_DATE}")),
        jusqu_au=_date(texte.marquer(rf"jusqu'au {_DATE}")),
        heures=_heures(texte),
    )


def _feries(texte: Texte) -> JoursFeries:
    ferie = r"(?:l[ea]s? |des |en cas de |de )?(?:jours? )?feries?"
    report = r"(?:et )?(?:report|decal|remis)\w* au lendemain"
    if texte.marquer(rf"{report}(?: (?:si |s'il est )?{ferie})?|(?:si )?{ferie},? ?(?::|=|sont|est)? ?{report}"):
        return JoursFeries.REPORTES
    if texte.marquer(rf"(?:y compris |meme ){ferie}|{ferie} (?:y )?compris|feries ou non"):
        return JoursFeries.COMPRIS
    if not texte.retirer(rf"(?:et )?(?:sauf|hors|excepte) {ferie}") and re.search(
        r"\b(?:sauf|hors|excepte)\b", texte.reste
    ):
        texte.retirer(f"et {ferie}")  # « sauf le dimanche et les jours fériés »
    return JoursFeries.SAUTES


def _date(lu: re.Match[str] | None) -> date | None:
    return mots.jour(lu[1]) if lu else None


def _heures(texte: Texte) -> _Heures:
    """« le matin » is before noon; what is said of some days (« samedi matin et dimanche ») is not said of all."""
    moments = set()
    moment = rf"((?:tous les|chaque|l[e']|en|dans la|tot le|au petit) ?)?({'|'.join(_MOMENTS)})s?"
    while lu := texte.chercher(moment):
        moments.add(_MOMENTS[lu[2]] if texte.va_avec_tous_les_jours(lu) else _Heures(None, None))
        texte.retirer(moment)
        if lu[1] in {"tous les ", "chaque "}:
            texte.sous_entendre("tous les jours")
    precises = _heures_precises(texte)
    if texte.chercher(_HEURE):
        raise Illisible("deux heures : écrivez « entre 8 h et 12 h », ou un passage par heure")
    if precises:
        return precises
    return moments.pop() if len(moments) == 1 else _Heures(None, None)


def _heures_precises(texte: Texte) -> _Heures | None:
    if lu := texte.marquer(f"(?:avant|jusqu'a) {_HEURE}"):
        return _Heures(None, _heure(lu[1], lu[2]))
    lu = texte.marquer(f"entre {_HEURE} et {_HEURE}") or texte.marquer(
        rf"(?:a partir de |des |vers |a |de )?{_HEURE}(?: ?(?:-|a) ?{_HEURE})?"
    )
    if lu is None:
        return None
    debut, fin = _heure(lu[1], lu[2]), _heure(lu[3], lu[4]) if lu[3] else None
    return _Heures(debut, fin if debut and fin and debut < fin else None)  # a night ends on another day


def _heure(heures: str, minutes: str | None) -> time | None:
    """Midnight, as the end of a day, bounds nothing."""
    if int(heures) > 24:  # noqa: PLR2004 : the hours of a day
        raise Illisible(f"« {heures} h » n'est pas une heure du jour")
    return time(int(heures), int(minutes or 0)) if int(heures) < 24 else None  # noqa: PLR2004 : the same


def _assembler(rrule: str, clauses: _Clauses) -> Rythme:
    lue = recurrence(f"{rrule};UNTIL={clauses.jusqu_au:%Y%m%d}" if clauses.jusqu_au else rrule)
    debut, fin = clauses.heures
    if lue.debut and (debut or fin):
        raise Illisible("l'heure est dite deux fois, dans la RRULE et à côté")
    return Rythme(lue.rrule, lue.debut or debut, fin, clauses.feries, clauses.a_partir_du, lue.ancree)


def _recurrence(texte: Texte, ecrit: str) -> str:
    """What remains, as an RRULE."""
    mois = _mois(texte)
    intervalle = _intervalle(texte)
    parite = texte.marquer(r"(?:(?:des|les|de la|en|l[ea]) )?semaines? (paires?|impaires?)")
    mensuel = texte.retirer(r"(?:du|de chaque|chaque|par) mois")
    reste, un_sur = _un_sur(texte.reste)
    intervalle = intervalle or un_sur
    parties = _jours_du_mois(reste) if mensuel else None
    parties = parties or _rangs(reste) or _semaine(reste, seul=not intervalle)
    if parties is None or (mensuel and parties["FREQ"] != "MONTHLY"):
        raise Illisible(f"« {ecrit} » ne se lit pas{_pourquoi(texte)} ; écrivez par exemple {EXEMPLES}")
    if not texte.va_avec_tous_les_jours():
        raise Illisible(f"« {ecrit} » : {_DE_QUELS_JOURS}")
    if (intervalle or parite) and (parties["FREQ"] != "WEEKLY" or (intervalle and parite)):
        raise Illisible(f"« {ecrit} » : quel jour, de quelles semaines ? Écrivez « le mardi des semaines paires »")
    if intervalle:
        parties["INTERVAL"] = str(intervalle)
    if parite:
        parties |= des_semaines(pair=parite[1].startswith("p"))
    if mois:
        parties["BYMONTH"] = ",".join(map(str, mois))
    return ";".join(f"{nom}={valeur}" for nom, valeur in parties.items())


def _pourquoi(texte: Texte) -> str:
    if re.search(_SAISON, texte.reste):
        return " : la saison ne dit pas les mois (« en été (juin à septembre) »)"
    return ""


def des_semaines(*, pair: bool) -> Mapping[str, str]:
    """Of the ISO weeks: every second week would lose its parity in a year that has 53 of them, as 2026 has."""
    return {"FREQ": "YEARLY", "BYWEEKNO": ",".join(map(str, range(2 if pair else 1, 54, 2)))}


def _mois(texte: Texte) -> Sequence[int]:
    saison = rf"(?:{_SAISON}[ ,]+)?\(?"
    if lu := texte.marquer(rf"{saison}(?:de |d'|du mois de )?({_MOIS}) (?:a|au mois de|jusqu'en) ({_MOIS})"):
        premier, dernier = mots.MOIS[lu[1]], mots.MOIS[lu[2]]
        return [(premier - 1 + n) % 12 + 1 for n in range((dernier - premier) % 12 + 1)]
    if lu := texte.marquer(rf"{saison}(?:en |de |d'|des mois de )?({_MOIS}(?:(?:,? et |, ?)(?:en |de |d')?{_MOIS})*)"):
        return sorted({mots.MOIS[un] for un in re.findall(_MOIS, lu[1])})
    return ()


def _intervalle(texte: Texte) -> int | None:
    if texte.marquer(r"tous les (?:15|quinze) jours|(?:toutes les|chaque) quinzaines?"):
        return 2
    lu = texte.marquer(rf"(?:toutes les {_NOMBRE} semaines|une semaine sur {_NOMBRE})")
    return _nombre(lu[1] or lu[2]) if lu else None


def _un_sur(reste: str) -> tuple[str, int | None]:
    """« un jeudi sur deux »: « jeudi », and 2."""
    lu = re.fullmatch(rf"un ({JOUR}) sur {_NOMBRE}", reste)
    return (lu[1], _nombre(lu[2])) if lu else (reste, None)


def _nombre(ecrit: str) -> int:
    return _EN_LETTRES.get(ecrit) or int(ecrit)


def _morceaux(reste: str) -> list[str]:
    return [un.strip() for un in re.split(r"[,;]|\bet\b|\bpuis\b", reste) if un.strip()]


def _jours_du_mois(reste: str) -> dict[str, str] | None:
    """« les 1er et 15 », once « du mois » is out."""
    lus = [re.fullmatch(r"(?:les? )?([0-9]{1,2})(?:er)?", un) for un in _morceaux(reste)]
    if not lus or not all(lus):
        return None
    return {"FREQ": "MONTHLY", "BYMONTHDAY": ",".join(un[1] for un in lus if un)}


def _rangs(reste: str) -> dict[str, str] | None:
    """« premier jeudi », « deuxième et quatrième mardi »: a rank alone waits for its day."""
    choisis, en_attente = [], []
    for morceau in _morceaux(reste):
        lu = re.fullmatch(rf"(?:les? |chaque )?({'|'.join(RANGS)})s?(?: ({JOUR}))?", morceau)
        if lu is None:
            return None
        en_attente.append(RANGS[lu[1]])
        if lu[2]:
            choisis += [f"{rang}{CODES[_rang(lu[2])]}" for rang in en_attente]
            en_attente = []
    return {"FREQ": "MONTHLY", "BYDAY": ",".join(choisis)} if choisis and not en_attente else None


def _semaine(reste: str, *, seul: bool) -> dict[str, str] | None:
    """`seul`: no interval was said, so that some day must be."""
    if not reste and not seul:
        return {"FREQ": "WEEKLY"}
    dits, sauf = reste, ""
    if lu := SAUF.search(reste):
        dits, sauf = reste[: lu.start()], reste[lu.end() :]
    jours, exclus = _jours(dits), _jours(sauf)
    if not jours or (sauf and not exclus) or not jours - exclus:
        return None
    restent = sorted(jours - exclus)
    if len(restent) == len(JOURS) and seul:
        return {"FREQ": "DAILY"}
    return {"FREQ": "WEEKLY", "BYDAY": ",".join(CODES[rang] for rang in restent)}


def _jours(ecrit: str) -> set[int]:
    """The days of the week, Monday 0; empty where anything is not one. Raises Illisible for one said twice."""
    trouves: set[int] = set()
    for morceau in _morceaux(ecrit):
        jours = _quels_jours(re.sub(r"^(?:tous )?(?:les? |chaque )(?!jours?)", "", morceau))
        if not jours:
            return set()
        if not trouves.isdisjoint(jours):
            raise Illisible(f"« {morceau} » redit un jour déjà dit ; dites chaque jour une fois")
        trouves |= set(jours)
    return trouves


def _quels_jours(morceau: str) -> Iterable[int]:
    if re.fullmatch(r"tous les jours|chaque jour|7 jours sur 7|quotidien(?:nement)?", morceau):
        return range(len(JOURS))
    if lu := re.fullmatch(r"(?:tous |chaque )?(?:les )?jours? (ouvre|ouvrable)s?", morceau):
        return _OUVRES if lu[1] == "ouvre" else _OUVRABLES
    if lu := re.fullmatch(rf"(?:du |de )?({JOUR}) (?:au|a) ({JOUR})", morceau):
        return range(_rang(lu[1]), _rang(lu[2]) + 1)
    return [_rang(morceau)] if re.fullmatch(JOUR, morceau) else ()


def _rang(jour: str) -> int:
    return JOURS.index(jour.removesuffix("s"))
