"""The public maps: RFC 7946, and as uMap reads them (`name`, `description`, `_umap_options`)."""

import pytest
from shapely.geometry import shape

from relais.rules.configuration import Domanialite
from relais.rules.couches import COULEURS

CARTES = ("zones", "secteurs", "emprises")


def lire(api, carte):
    return api("GET", f"/v1/{carte}.geojson", who=None).json()


@pytest.mark.parametrize("carte", CARTES)
def test_every_map_is_a_valid_feature_collection(api, carte):
    document = lire(api, carte)
    assert document["type"] == "FeatureCollection"
    assert "crs" not in document
    for feature in document["features"]:
        assert feature["type"] == "Feature"
        dessin = shape(feature["geometry"])
        assert dessin.is_valid
        assert not dessin.has_z
        west, south, east, north = dessin.bounds
        assert -180 <= west <= east <= 180
        assert -90 <= south <= north <= 90
        polygones = getattr(dessin, "geoms", [dessin])
        assert all(un.exterior.is_ccw and not any(trou.is_ccw for trou in un.interiors) for un in polygones)


@pytest.mark.parametrize("carte", CARTES)
def test_umap_finds_what_it_shows_in_every_element(api, carte):
    for feature in lire(api, carte)["features"]:
        proprietes = feature["properties"]
        assert proprietes["name"]
        assert proprietes["description"]
        assert proprietes["_umap_options"]["color"].startswith("#")
        assert None not in proprietes.values()


def test_each_domanialite_has_its_colour_and_the_gestionnaire_its_name(api):
    seen = {one["properties"]["domanialite"]: one["properties"] for one in lire(api, "emprises")["features"]}
    assert {one["_umap_options"]["color"] for one in seen.values()} == {COULEURS[Domanialite(code)] for code in seen}
    assert len(set(COULEURS.values())) == len(Domanialite)
    assert seen["DPF"]["description"].startswith("Domaine public fluvial · ")
