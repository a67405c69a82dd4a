"""A recurrence as calendars exchange it (RFC 5545) → the same in one spelling, checked: days only, and few of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import NoReturn

from relais.imports import Illisible

JOURS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_LONGUEUR_MAX = 500
_FREQUENCES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_JOUR = re.compile(rf"(?:([+-]?)([1-9][0-9]?))?({'|'.join(JOURS)})")
_RANG_MAX = 53
_MODELE = "« RRULE:FREQ=WEEKLY;BYDAY=TU »"


@dataclass(frozen=True)
class Recurrence:
    """`rrule` without its hour, which is `debut`. `ancree`: it means nothing without the day it starts from."""

    rrule: str
    debut: time | None
    ancree: bool


def recurrence(ecrit: str) -> Recurrence:
    """What follows « RRULE: ». Raises Illisible for an unknown part, and for what RFC 5545 forbids to combine."""
    if len(ecrit) > _LONGUEUR_MAX:
        raise Illisible(f"une RRULE de plus de {_LONGUEUR_MAX} signes ; coupez-la en plusieurs passages")
    lues: dict[str, str] = {}
    for partie in ecrit.upper().rstrip(";").split(";"):
        nom, egal, valeur = partie.partition("=")
        if nom not in _LECTURES or not egal:
            _refuser(partie, f"n'est pas une partie lue ici ; écrivez par exemple {_MODELE}")
        if nom in lues:
            _refuser(nom, "est dit deux fois")
        lues[nom] = _LECTURES[nom](nom, valeur)
    _verifier(lues)
    debut = time(int(lues["BYHOUR"]), int(lues.get("BYMINUTE", "0"))) if "BYHOUR" in lues else None
    lues = {nom: valeur for nom, valeur in lues.items() if (nom, valeur) != ("INTERVAL", "1")}
    rrule = ";".join(f"{nom}={lues[nom]}" for nom in _ORDRE if nom in lues)
    return Recurrence(rrule, debut, _ancree(lues))


def _verifier(lues: Mapping[str, str]) -> None:
    frequence = lues.get("FREQ")
    if frequence is None:
        _refuser("FREQ", f"manque ; écrivez par exemple {_MODELE}")
    if "COUNT" in lues and "UNTIL" in lues:
        _refuser("COUNT", "ne va pas avec UNTIL ; gardez l'un des deux")
    for nom in {"BYWEEKNO", "BYYEARDAY"} & lues.keys():
        if frequence != "YEARLY":
            _refuser(nom, "ne va qu'avec FREQ=YEARLY")
    if "BYMONTHDAY" in lues and frequence == "WEEKLY":
        _refuser("BYMONTHDAY", "ne va pas avec FREQ=WEEKLY")
    if re.search("[0-9]", lues.get("BYDAY", "")) and (frequence not in {"MONTHLY", "YEARLY"} or "BYWEEKNO" in lues):
        _refuser("BYDAY", "n'a de rang (1TH) qu'avec FREQ=MONTHLY, ou FREQ=YEARLY sans BYWEEKNO")
    if "BYWEEKNO" in lues and "BYDAY" not in lues:
        _refuser("BYWEEKNO", "demande un BYDAY : quel jour de ces semaines ?")
    if "BYSETPOS" in lues and not _PAR_JOUR & lues.keys():
        _refuser("BYSETPOS", "choisit parmi des jours ; il manque un BYDAY ou un BYMONTHDAY")
    if "BYMINUTE" in lues and "BYHOUR" not in lues:
        _refuser("BYMINUTE", "demande un BYHOUR")


def _ancree(lues: Mapping[str, str]) -> bool:
    """Every second week, from which? The tenth time, since when? Once a month, on what day."""
    sans_jour = lues["FREQ"] != "DAILY" and not _PAR_JOUR & lues.keys()
    return sans_jour or not {"INTERVAL", "COUNT"}.isdisjoint(lues)


def _refuser(quoi: str, raison: str) -> NoReturn:
    raise Illisible(f"dans la RRULE, « {quoi} » {raison}")


def _frequence(nom: str, valeur: str) -> str:
    if valeur not in _FREQUENCES:
        _refuser(f"{nom}={valeur}", f"n'est pas un rythme de passage ; au choix : {', '.join(_FREQUENCES)}")
    return valeur


def _nombres(plus_grand: int, *, plus_petit: int = 1, plusieurs: bool = True, signe: bool = False) -> "Lecture":
    def lire(nom: str, valeur: str) -> str:
        lus = valeur.split(",")
        motif = r"[+-]?[0-9]{1,4}" if signe else r"[0-9]{1,4}"
        justes = all(re.fullmatch(motif, un) and plus_petit <= abs(int(un)) <= plus_grand for un in lus)
        if not justes or (len(lus) > 1 and not plusieurs):
            combien = "des nombres" if plusieurs else "un nombre"
            _refuser(f"{nom}={valeur}", f"attend {combien} de {plus_petit} à {plus_grand}")
        return ",".join(map(str, sorted({int(un) for un in lus})))

    return lire


def _jours(nom: str, valeur: str) -> str:
    lus = [_JOUR.fullmatch(un) for un in valeur.split(",")]
    if not all(un and int(un[2] or 1) <= _RANG_MAX for un in lus):
        _refuser(f"{nom}={valeur}", f"attend des jours : {', '.join(JOURS)}, ou 1TH, -1FR")
    nets = {(JOURS.index(un[3]), int(f"{un[1]}{un[2]}" if un[2] else "0")) for un in lus if un}
    return ",".join(f"{rang or ''}{JOURS[jour]}" for jour, rang in sorted(nets))


def _jusqu_au(nom: str, valeur: str) -> str:
    """The day alone: an hour says nothing more of a passage that day."""
    lu = re.fullmatch(r"([0-9]{8})(T[0-9]{6}Z?)?", valeur)
    try:
        return f"{date.fromisoformat(lu[1] if lu else ''):%Y%m%d}"
    except ValueError:
        _refuser(f"{nom}={valeur}", "attend un jour : UNTIL=20261231")


def _debut_de_semaine(nom: str, valeur: str) -> str:
    if valeur not in JOURS:
        _refuser(f"{nom}={valeur}", f"attend un jour : {', '.join(JOURS)}")
    return valeur


Lecture = Callable[[str, str], str]

_LECTURES: Mapping[str, Lecture] = {
    "FREQ": _frequence,
    "INTERVAL": _nombres(99, plusieurs=False),
    "COUNT": _nombres(9999, plusieurs=False),
    "UNTIL": _jusqu_au,
    "WKST": _debut_de_semaine,
    "BYMONTH": _nombres(12),
    "BYWEEKNO": _nombres(53, signe=True),
    "BYYEARDAY": _nombres(366, signe=True),
    "BYMONTHDAY": _nombres(31, signe=True),
    "BYDAY": _jours,
    "BYSETPOS": _nombres(366, signe=True),
    "BYHOUR": _nombres(23, plus_petit=0, plusieurs=False),
    "BYMINUTE": _nombres(59, plus_petit=0, plusieurs=False),
    "BYSECOND": _nombres(0, plus_petit=0, plusieurs=False),
}
_ORDRE = tuple(nom for nom in _LECTURES if nom not in {"BYHOUR", "BYMINUTE", "BYSECOND"})
_PAR_JOUR = {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"}
