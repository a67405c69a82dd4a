"""Opening hours as a town writes them → a week, and the calendar they make."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from relais.imports import Illisible
from relais.imports.mots import sans_accents
from relais.rules.calendrier import Calendrier, Plage

Semaine = tuple[tuple[Plage, ...], ...]

_MINUIT = 24 * 60
TOUJOURS: Semaine = ((Plage(0, _MINUIT),),) * 7
SEMAINE_DE_SECOURS: Semaine = ((Plage(540, 1020),),) * 5 + ((), ())
"""Stands in for hours that could not be read."""

JOURS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
FUSEAUX = {
    "guadeloupe": "America/Guadeloupe",
    "saint-barthelemy": "America/Guadeloupe",  # same clock; its own name is missing from small zone databases
    "saint-martin": "America/Guadeloupe",
    "martinique": "America/Martinique",
    "guyane": "America/Cayenne",
    "reunion": "Indian/Reunion",
    "mayotte": "Indian/Mayotte",
    "saint-pierre-et-miquelon": "America/Miquelon",
    "nouvelle-caledonie": "Pacific/Noumea",
    "polynesie-francaise": "Pacific/Tahiti",
    "wallis-et-futuna": "Pacific/Wallis",
}
"""The clock that goes with public holidays; Europe/Paris for the others."""

_MODELE = "« lundi à vendredi, 9 h - 12 h et 14 h - 17 h »"
_HEURE = r"([0-9]{1,2}) ?[h:] ?([0-5][0-9])?"
_PLAGE = re.compile(rf"(?:de )?{_HEURE} ?(?:-|a) ?{_HEURE}")
_SUITE = re.compile(r"(?:du )?(\w+) (?:a|au) (\w+)")
_TOUJOURS = re.compile(r"toujours|24 ?h? ?(?:sur|/) ?24 ?h?(?:,? ?(?:et )?7 ?j? ?(?:sur|/) ?7 ?j?)?")


def horaires(ecrit: str) -> Semaine:
    """Seven days, Monday first; `TOUJOURS` for « 24 h sur 24 ». Groups of days are parted by « ; ».

    « lundi à jeudi, 9 h - 12 h et 14 h - 17 h ; vendredi, 9 h - 12 h ». Raises Illisible.
    """
    pli = sans_accents(ecrit)
    if _TOUJOURS.fullmatch(pli):
        return TOUJOURS
    semaine: list[tuple[Plage, ...]] = [()] * 7
    for groupe in filter(None, map(str.strip, pli.split(";"))):
        debut = re.search(r"[0-9]", groupe)
        if debut is None:
            raise Illisible(f"« {groupe} » n'a pas d'heures ; n'écrivez que les jours ouverts : {_MODELE}")
        plages = tuple(_plages(groupe[debut.start() :]))
        for rang in _jours(re.sub(r"[ ,:]+$|[ ,:]+de $", "", groupe[: debut.start()])):
            if semaine[rang]:
                raise Illisible(f"« {JOURS[rang]} » est dit deux fois ; réunissez ses heures")
            semaine[rang] = plages
    if not any(semaine):
        raise Illisible(f"aucun jour ouvert ; écrivez {_MODELE}")
    return tuple(semaine)


def fuseau(ecrit: str) -> str:
    try:
        return ZoneInfo(ecrit).key
    except (ZoneInfoNotFoundError, OSError, ValueError):  # OSError: "Europe" is a folder of the database
        raise Illisible(f"« {ecrit} » n'est pas un fuseau horaire ; écrivez par exemple « Europe/Paris »") from None


def calendrier(fuseau: str, semaine: Semaine, feries: str, fermetures: Iterable[date]) -> Calendrier:
    """Whoever is open at any hour works on public holidays."""
    return Calendrier(fuseau, semaine, "aucun" if semaine == TOUJOURS else feries, frozenset(fermetures))


def _jours(ecrit: str) -> Iterator[int]:
    if ecrit in {"tous les jours", "chaque jour", "7 jours sur 7"}:
        yield from range(7)
        return
    for morceau in re.split(r" et |, ?", ecrit):
        suite = _SUITE.fullmatch(morceau)
        premier, dernier = (_rang(suite[1]), _rang(suite[2])) if suite else (_rang(morceau), _rang(morceau))
        if premier > dernier:
            raise Illisible(f"« {morceau} » va à rebours ; la semaine commence le lundi")
        yield from range(premier, dernier + 1)


def _rang(mot: str) -> int:
    seul = mot.removeprefix("le ").removesuffix("s")
    if seul not in JOURS:
        raise Illisible(f"« {mot} » n'est pas un jour ; écrivez {_MODELE}")
    return JOURS.index(seul)


def _plages(ecrit: str) -> Iterator[Plage]:
    fin = 0
    for morceau in re.split(r" et |, ?", ecrit):
        lu = _PLAGE.fullmatch(morceau.strip())
        if lu is None:
            raise Illisible(f"« {morceau.strip()} » ne se lit pas ; écrivez {_MODELE}")
        plage = Plage(60 * int(lu[1]) + int(lu[2] or 0), 60 * int(lu[3]) + int(lu[4] or 0))
        if not plage.ouvre < plage.ferme <= _MINUIT:
            raise Illisible(f"« {morceau.strip()} » finit avant de commencer ou après 24 h ; la nuit se coupe à minuit")
        if plage.ouvre < fin:
            raise Illisible(f"« {morceau.strip()} » commence avant la fin des heures précédentes")
        fin = plage.ferme
        yield plage
