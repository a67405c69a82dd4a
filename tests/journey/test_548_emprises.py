"""Each of the 548 polygons of Le Mans, from a point inside: routed, and explained."""

from datetime import date

import pytest
from journey.services import TERRAINS
from journey.territoire_du_mans import OSM, ecrire
from shapely.geometry import shape

from relais.imports.emprises import lire_emprises
from relais.imports.territoire import lire_territoire
from relais.rules.carte import Carte
from relais.rules.routage import router

pytestmark = pytest.mark.skipif(not OSM.exists(), reason="the real map is not beside the checkout")

THEMES = ("proprete.depot_sauvage", "voirie.danger", "habitat.parties_communes")
"""By the ground, by the on-call team, by the nearest building."""


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    here = tmp_path_factory.mktemp("le_mans")
    ecrire(here)
    configuration = lire_territoire(here / "territoire.yaml").configuration
    read = lire_emprises(OSM, here / "correspondance.yaml", configuration.acteur)
    return configuration, Carte(read.emprises, configuration.zones, configuration.contour)


@pytest.mark.parametrize("theme", THEMES)
def test_a_point_inside_each_polygon_is_routed_and_explained(town, theme):
    configuration, carte = town
    gestionnaires = dict(TERRAINS.values())
    drawn = {one.code: one for one in carte.emprises}
    assert len(drawn) == 548
    for code, emprise in drawn.items():
        inside = shape(dict(emprise.geometrie)).representative_point()
        said = {"theme": theme, "lon": inside.x, "lat": inside.y, "precision_m": None, "le": date(2026, 3, 31)}
        found = router(configuration, carte, **said)
        ground = drawn[found.emprise]
        assert found.domanialite is ground.domanialite, code
        assert shape(dict(ground.geometrie)).distance(inside) == 0 or theme == "habitat.parties_communes", code
        assert found.explication.endswith("."), code
        assert "None" not in found.explication, code
        if found.acteur is None:
            assert found.explication.endswith(" : le pilote GUSP va décider."), code
            assert theme == "habitat.parties_communes" or gestionnaires[found.domanialite] is None, code
        else:
            assert found.regle is not None, code
            assert configuration.acteur[found.acteur].nom in found.explication.replace("du Logis", "Logis"), code
