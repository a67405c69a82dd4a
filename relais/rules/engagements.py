"""What is promised for a thème somewhere: the engagements of a configuration, line by line, délai by délai."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from relais.rules.configuration import PROMIS, TOUT, Configuration, Delai, Engagement, Nature, TypeZone
from relais.rules.delais import Duree


@dataclass(frozen=True)
class Promesse:
    duree: Duree
    nature: Nature
    source: str | None


def promesses(configuration: Configuration, *, theme: str, zones: Collection[str]) -> Mapping[Delai, Promesse]:
    """For each délai the most precise line that speaks of it: thème before zone, and of two zones the QPV.

    On a tie, the first in the file. A délai no line speaks of is not promised: nothing is invented.
    """
    found: dict[Delai, tuple[int, Promesse]] = {}
    for line in configuration.engagements:
        weight = _weight(configuration, line, theme, zones)
        if weight is None:
            continue
        for delai, duree in line.delais.items():
            if delai not in found or weight > found[delai][0]:
                found[delai] = (weight, Promesse(duree, line.nature, line.source))
    return {delai: found[delai][1] for delai in PROMIS if delai in found}


def _weight(configuration: Configuration, line: Engagement, theme: str, zones: Collection[str]) -> int | None:
    if line.theme not in {TOUT, theme} or (line.zone != TOUT and line.zone not in zones):
        return None
    zone = configuration.zone.get(line.zone)
    # A QPV lies inside quartiers: theirs must not hide what it was promised (« lissage par le bas »).
    return 4 * (line.theme != TOUT) + (zone is not None) + (zone is not None and zone.type is TypeZone.QPV)
