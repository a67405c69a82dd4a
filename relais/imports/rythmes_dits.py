"""A recurrence of days → the words of a town, for people to read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise

from babel.dates import format_date, get_day_names, get_month_names

from relais.imports.rrules import JOURS as CODES
from relais.imports.rythmes import Rythme, des_semaines
from relais.rules.configuration import JoursFeries
from relais.rules.rythme import dire_les_heures

A_DATES_VARIABLES = "à dates variables"
"""What is read of a recurrence that no short French sentence says: the next dates are told beside."""


def dire(lu: Rythme) -> str:
    """What `rythme` reads back as the same, or `A_DATES_VARIABLES` where words would be longer than dates."""
    parties = dict(partie.split("=") for partie in lu.rrule.split(";"))
    dire_le_coeur = _PHRASES.get(frozenset(parties.keys() - {"BYMONTH", "UNTIL"}))
    coeur = dire_le_coeur(parties) if dire_le_coeur else None
    if coeur is None:
        return A_DATES_VARIABLES
    suites = (
        coeur,
        _les_mois([int(un) for un in parties["BYMONTH"].split(",")]) if "BYMONTH" in parties else "",
        f"à partir du {_date_dite(lu.a_partir_du)}" if lu.a_partir_du else "",
        f"jusqu'au {_date_dite(date.fromisoformat(parties['UNTIL']))}" if "UNTIL" in parties else "",
        dire_les_heures(lu.debut, lu.fin),
        _FERIES[lu.feries],
    )
    return ", ".join(filter(None, suites))


_FERIES = {
    JoursFeries.SAUTES: "sauf jours fériés",
    JoursFeries.REPORTES: "reporté au lendemain des jours fériés",
    JoursFeries.COMPRIS: "jours fériés compris",
}
_RANGS_DITS = {
    1: "premier",
    2: "deuxième",
    3: "troisième",
    4: "quatrième",
    5: "cinquième",
    -1: "dernier",
    -2: "avant-dernier",
}

Parties = Mapping[str, str]


def _dire_frequence(parties: Parties) -> str | None:
    return "tous les jours" if parties["FREQ"] == "DAILY" else None


def _dire_intervalle(parties: Parties) -> str | None:
    if parties["FREQ"] != "WEEKLY":
        return None
    semaines = int(parties["INTERVAL"])
    combien = "une semaine sur deux" if semaines == 2 else f"toutes les {semaines} semaines"  # noqa: PLR2004 : a half
    return ", ".join(filter(None, (combien, _les_jours(parties.get("BYDAY", "")))))


def _dire_jours(parties: Parties) -> str | None:
    match parties["FREQ"]:
        case "WEEKLY":
            return _les_jours(parties["BYDAY"])
        case "MONTHLY":
            return _les_rangs(parties["BYDAY"].split(","))
    return None


def _dire_semaines(parties: Parties) -> str | None:
    for adjectif, pair in (("paires", True), ("impaires", False)):
        if parties["BYWEEKNO"] == des_semaines(pair=pair)["BYWEEKNO"]:
            jours = _les_jours(parties["BYDAY"])
            # After several days, it would be that of the last.
            return f"les semaines {adjectif}, {jours}" if " et " in jours else f"{jours} des semaines {adjectif}"
    return None


def _dire_quantiemes(parties: Parties) -> str | None:
    jours = [int(un) for un in parties["BYMONTHDAY"].split(",")]
    if parties["FREQ"] != "MONTHLY" or min(jours) < 1:
        return None
    return f"{_et(f'le {jour}er' if jour == 1 else f'le {jour}' for jour in jours)} du mois"


_PHRASES: Mapping[frozenset[str], Callable[[Parties], str | None]] = {
    frozenset({"FREQ"}): _dire_frequence,
    frozenset({"FREQ", "INTERVAL"}): _dire_intervalle,
    frozenset({"FREQ", "INTERVAL", "BYDAY"}): _dire_intervalle,
    frozenset({"FREQ", "BYDAY"}): _dire_jours,
    frozenset({"FREQ", "BYWEEKNO", "BYDAY"}): _dire_semaines,
    frozenset({"FREQ", "BYMONTHDAY"}): _dire_quantiemes,
}


def _les_jours(codes: str) -> str:
    """« le lundi, le mercredi et le vendredi », « du lundi au samedi »."""
    rangs = [CODES.index(code) for code in codes.split(",")] if codes else []
    if len(rangs) > 2 and all(suivant == rang + 1 for rang, suivant in pairwise(rangs)):  # noqa: PLR2004 : two are said
        return f"du {_nom_du_jour(rangs[0])} au {_nom_du_jour(rangs[-1])}"
    return _et(f"le {_nom_du_jour(rang)}" for rang in rangs)


def _les_rangs(codes: Sequence[str]) -> str | None:
    lus = [(int(code[:-2] or "0"), CODES.index(code[-2:])) for code in codes]
    if not all(rang in _RANGS_DITS for rang, _ in lus):
        return None
    return f"{_et(f'le {_RANGS_DITS[rang]} {_nom_du_jour(jour)}' for rang, jour in lus)} du mois"


def _les_mois(rangs: Sequence[int]) -> str:
    """« en mars et septembre », « de juin à septembre »; a winter is told month by month."""
    if len(rangs) > 2 and rangs[-1] - rangs[0] == len(rangs) - 1:  # noqa: PLR2004 : two are said
        premier = _nom_du_mois(rangs[0])
        de = "d'" if premier[0] in "ao" else "de "
        return f"{de}{premier} à {_nom_du_mois(rangs[-1])}"
    return f"en {_et(map(_nom_du_mois, rangs))}"


def _et(mots_dits: Iterable[str]) -> str:
    *premiers, dernier = [*mots_dits] or [""]
    return f"{', '.join(premiers)} et {dernier}" if premiers else dernier


def _nom_du_jour(rang: int) -> str:
    return str(get_day_names("wide", locale="fr")[rang])


def _nom_du_mois(rang: int) -> str:
    return str(get_month_names("wide", locale="fr")[rang])


def _date_dite(le: date) -> str:
    return format_date(le, "d'er' MMMM y" if le.day == 1 else "d MMMM y", locale="fr")
