"""Who comes by a place, and when next."""

from dataclasses import dataclass
from datetime import datetime, time

from relais.rules.configuration import Acteur, Configuration, Passage, Secteur
from relais.rules.rythme import Prochain, prochains
from relais.rules.statuts import OUVERTS, Statut

ATTENDENT_UN_PASSAGE = frozenset({*OUVERTS, Statut.REORIENTE})
"""Elsewhere than in the démarche, somebody comes all the same; once it is done, nobody is to wait."""


@dataclass(frozen=True)
class ProchainPassage:
    secteur: Secteur
    acteur: Acteur
    passage: Passage
    prochain: Prochain


def prochain_passage(
    configuration: Configuration, *, theme: str, lon: float, lat: float, apres: datetime
) -> ProchainPassage | None:
    """The next passage there of what this thème waits for, the earliest where several acteurs come.

    None for a thème that waits for none, or that this version does not know. On a tie, the first in the file.
    """
    known = configuration.theme.get(theme)
    if known is None or known.prestation is None:
        return None
    found = (
        ProchainPassage(secteur, configuration.acteur[secteur.acteur], passage, prochain)
        for secteur in configuration.decoupage.en(lon, lat)
        for passage in secteur.passages
        if passage.prestation == known.prestation
        for prochain in prochains(passage, apres, 1, configuration.calendrier)
    )
    return min(found, key=lambda one: (one.prochain.le, one.passage.debut or one.passage.fin or time.max), default=None)
