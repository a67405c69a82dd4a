"""Which promise holds where: the most precise line, délai by délai, and never the quartier's over the QPV's."""

from dataclasses import replace

import pytest
from conftest import DEMO

from relais.imports.territoire import lire_territoire
from relais.rules.configuration import TOUT, Delai, Engagement, Nature, TypeZone, Zone
from relais.rules.delais import Duree, Unite
from relais.rules.engagements import promesses

T = Delai.TRAITEMENT
SOL = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
ZONES = (Zone("est", "Est", TypeZone.QUARTIER, SOL), Zone("tilleuls", "Les Tilleuls", TypeZone.QPV, SOL))


def line(theme: str, zone: str, jours: int, **delais: Duree) -> Engagement:
    promised = {T: Duree(jours, Unite.JOURS_OUVRES)} | {Delai(name): duree for name, duree in delais.items()}
    return Engagement(theme, zone, promised, Nature.INDICATIF)


@pytest.fixture(scope="module")
def town():
    return replace(lire_territoire(DEMO / "territoire.yaml").configuration, zones=ZONES)


@pytest.mark.parametrize(
    ("lines", "jours"),
    [
        ([line(TOUT, TOUT, 9), line("tag", TOUT, 3)], 3),
        ([line(TOUT, "est", 2), line("tag", TOUT, 3)], 3),
        ([line("tag", TOUT, 3), line("tag", "est", 2)], 2),
        ([line("tag", "est", 10), line("tag", "tilleuls", 3)], 3),
        ([line("tag", "tilleuls", 3), line("tag", "est", 10)], 3),
        ([line("tag", TOUT, 3), line("tag", TOUT, 4)], 3),
        ([line("autre", TOUT, 1), line(TOUT, "nord", 1), line(TOUT, TOUT, 9)], 9),
    ],
    ids=[
        "thème",
        "thème before zone",
        "zone",
        "QPV after quartier",
        "QPV before",
        "first of a tie",
        "not this, not here",
    ],
)
def test_the_most_precise_line_is_the_promise(town, lines, jours):
    there = promesses(replace(town, engagements=tuple(lines)), theme="tag", zones=("est", "tilleuls"))
    assert there[T].duree.valeur == jours


def test_each_delai_finds_its_own_line_and_none_is_invented(town):
    lines = (line("tag", TOUT, 3), line(TOUT, TOUT, 9, reponse=Duree(5, Unite.JOURS_OUVRES)))
    there = promesses(replace(town, engagements=lines), theme="tag", zones=())
    assert {delai: one.duree.valeur for delai, one in there.items()} == {Delai.REPONSE: 5, T: 3}
