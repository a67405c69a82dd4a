"""The contours of zones and secteurs: a file each, or a whole layer by code."""

import pytest
from imports.couches import FORMATS, ecrire
from shapely import Point, box, equals
from shapely.geometry import shape

from relais.imports import FichierRefuse, Illisible
from relais.imports.contours import lire_contour, lire_contours

EST, OUEST, LOIN = box(0.40, 48.10, 0.41, 48.11), box(0.39, 48.10, 0.40, 48.11), box(0.50, 48.10, 0.51, 48.11)


def muet(dit):
    raise AssertionError(dit)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_contour_may_be_any_format_and_its_pieces_are_united(tmp_path, format_):
    chemin = ecrire(tmp_path / f"quartier.{format_}", [(EST, {"code": "a"}), (OUEST, {"code": "b"})])
    assert equals(shape(lire_contour(chemin, muet)), EST.union(OUEST))


def test_what_was_mended_in_a_contour_is_said_with_its_file(tmp_path):
    dits = []
    en_relief = shape({"type": "Polygon", "coordinates": [[(x, y, 90) for x, y in EST.exterior.coords]]})
    lire_contour(ecrire(tmp_path / "quartier.gpkg", [(en_relief, {"code": "a"})]), dits.append)
    assert dits == ["quartier.gpkg : altitude retirée, la carte est à plat"]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_point_is_no_contour(tmp_path, format_):
    chemin = ecrire(tmp_path / f"quartier.{format_}", [(Point(0.4, 48.1), {"code": "a"})])
    with pytest.raises(Illisible, match=f"quartier.{format_} : contient Point ; un contour est un polygone fermé"):
        lire_contour(chemin, muet)


def test_a_territoire_yaml_cites_a_contour_of_any_format_and_warns_on_its_own_line(fichier):
    dossier = fichier.chemin.parent / "contours"
    en_relief = shape({"type": "Polygon", "coordinates": [[(x, y, 90) for x, y in EST.exterior.coords]]})
    ecrire(dossier / "tilleuls.gpkg", [(en_relief, {"code": "a"})])
    lecture = fichier.changer("contours/tilleuls.geojson", "contours/tilleuls.gpkg").lire()
    assert equals(shape(lecture.configuration.zones[0].contour), EST)
    assert (10, "zones[1].contour", "tilleuls.gpkg : altitude retirée, la carte est à plat") in [
        (un.ligne, un.chemin, un.raison) for un in lecture.avertissements
    ]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_layer_gives_each_code_its_contour(tmp_path, format_):
    objets = [(EST, {"code": "est"}), (OUEST, {"code": "ouest"}), (LOIN, {"code": "est"})]
    lus = lire_contours(ecrire(tmp_path / f"q.{format_}", objets), None, ("est", "ouest", "nord"))
    assert {code: shape(contour).area for code, contour in lus.contours.items()} == pytest.approx(
        {"est": EST.area + LOIN.area, "ouest": OUEST.area}
    )


def test_a_map_file_names_the_column_of_the_code(tmp_path):
    (tmp_path / "plan.yaml").write_text("code: QUARTIER\n", encoding="utf-8")
    chemin = ecrire(tmp_path / "q.shp", [(EST, {"QUARTIER": "Est"})])
    assert set(lire_contours(chemin, tmp_path / "plan.yaml", ("est",)).contours) == {"est"}
    with pytest.raises(FichierRefuse, match="n'a pas de colonne « code » ; au choix : QUARTIER"):
        lire_contours(chemin, None, ("est",))


@pytest.mark.parametrize(
    ("objets", "dit"),
    [
        ([(EST, {"code": "sud"})], r"code inconnu de territoire.yaml : « sud » ; au choix : est, ouest"),
        ([(EST, {"code": None})], r"code inconnu de territoire.yaml : «  »"),
        ([(Point(0.4, 48.1), {"code": "est"})], "ne contient aucune surface ; est-ce la bonne couche ?"),
        ([(box(48.10, 0.40, 48.11, 0.41), {"code": "est"})], "« est » : latitude et longitude sont inversées"),
    ],
    ids=["inconnu", "sans code", "un point", "inversé"],
)
def test_a_layer_with_a_fault_gives_nothing(tmp_path, objets, dit):
    with pytest.raises(FichierRefuse, match=dit):
        lire_contours(ecrire(tmp_path / "q.gpkg", objets), None, ("est", "ouest"))
