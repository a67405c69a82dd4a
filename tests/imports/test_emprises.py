import json
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from imports.couches import ecrire
from shapely.geometry import shape

from relais.imports import FichierRefuse
from relais.imports.emprises import lire_emprises
from relais.rules.carte import Emprise
from relais.rules.configuration import Domanialite

ACTEURS = ("habitat-lisse", "voirie", "proprete")
CARRE = [[0.40, 48.10], [0.41, 48.10], [0.41, 48.11], [0.40, 48.11], [0.40, 48.10]]
LE_MANS = Path(__file__).resolve().parents[2] / ".." / "shared" / "geodata" / "osm" / "le-mans-centre-osm.geojson"

CORRESPONDANCE = """code: ref
nom: nom
domanialite:
  propriete: nature
  valeurs: { residence: bailleur, rue: DPC }
gestionnaire:
  propriete: proprietaire
  valeurs: { "OPH de la Lisse": habitat-lisse }
  par_domanialite: { domaine public communal: voirie }
priorite: rang
valide_du: debut
valide_au: fin
"""


def polygone(anneau=CARRE, **proprietes):
    proprietes = {"ref": "a", "nature": "residence"} | proprietes
    return {"type": "Feature", "properties": proprietes, "geometry": {"type": "Polygon", "coordinates": [anneau]}}


@pytest.fixture
def lire(tmp_path):
    def lire(*elements, correspondance=CORRESPONDANCE, brut=None):
        (tmp_path / "carte.yaml").write_text(correspondance, encoding="utf-8")
        texte = json.dumps({"type": "FeatureCollection", "features": elements}) if brut is None else brut
        (tmp_path / "carte.geojson").write_text(texte, encoding="utf-8")
        return lire_emprises(tmp_path / "carte.geojson", tmp_path / "carte.yaml", ACTEURS)

    return lire


@pytest.fixture
def refus(lire):
    def refus(*elements, **autres):
        with pytest.raises(FichierRefuse) as refuse:
            lire(*elements, **autres)
        return [f"{faute.ligne or ''} {faute.chemin} {faute.raison}".strip() for faute in refuse.value.fautes]

    return refus


def test_a_polygon_becomes_an_emprise(lire):
    (emprise,) = lire(
        polygone(
            nom="Résidence des Érables", proprietaire="OPH de la Lisse", rang=3, debut="2026-01-01", fin="2026-12-31"
        )
    ).emprises
    assert emprise == Emprise(
        code="a",
        nom="Résidence des Érables",
        domanialite=Domanialite.BAIL,
        gestionnaire="habitat-lisse",
        geometrie={"type": "Polygon", "coordinates": [CARRE]},
        priorite=3,
        valide_du=date(2026, 1, 1),
        valide_au=date(2026, 12, 31),
    )


def test_the_domanialite_names_a_gestionnaire_where_the_property_is_silent(lire):
    lues = lire(polygone(ref="a", nature="rue"), polygone(ref="b", proprietaire=""), polygone(ref="c", nature="rue"))
    assert [une.gestionnaire for une in lues.emprises] == ["voirie", None, "voirie"]


def test_without_values_the_property_holds_our_codes(lire, refus):
    sens = CORRESPONDANCE.replace('  valeurs: { "OPH de la Lisse": habitat-lisse }\n', "")
    (emprise,) = lire(polygone(proprietaire="proprete"), correspondance=sens).emprises
    assert emprise.gestionnaire == "proprete"
    (faute,) = refus(polygone(proprietaire="propreté urbaine"), correspondance=sens)
    assert faute.startswith("features[1].proprietaire acteur inconnu")


def test_the_feature_s_own_id_may_name_it(lire):
    element = polygone() | {"id": 42}
    (emprise,) = lire(element, correspondance=CORRESPONDANCE.replace("code: ref", "code: id")).emprises
    assert emprise.code == "42"


def test_lines_and_points_are_left_out_and_counted(lire):
    autres = [
        {"type": "Feature", "properties": {}, "geometry": une}
        for une in (None, {"type": "Point", "coordinates": [0, 0]})
    ]
    lues = lire(polygone(), *autres, autres[1])
    assert len(lues.emprises) == 1
    assert lues.ecartees == {"sans géométrie": 1, "Point": 2}


def test_an_element_that_lost_its_drawing_is_a_warning_and_no_mere_count(lire):
    lues = lire(polygone(), polygone(ref="b") | {"geometry": None})
    assert [emprise.code for emprise in lues.emprises] == ["a"]
    assert lues.ecartees == {}
    dite = lues.avertissements[-1]
    assert (dite.chemin, dite.raison) == (
        "« features[2] »",
        "sans tracé, donc laissé de côté ; dessinez-le, ou retirez-le",
    )


def test_columns_that_a_shapefile_cut_alike_are_refused_by_their_long_names(tmp_path):
    colonnes = {"code": "a", "domanialite": "DPC", "gestionnaire": "voirie", "gestionnaire_secondaire": "proprete"}
    carte = ecrire(tmp_path / "carte.shp", [(shape(polygone()["geometry"]), colonnes)])
    with pytest.raises(FichierRefuse) as refuse:
        lire_emprises(carte, None, ACTEURS)
    [faute] = refuse.value.fautes
    assert faute.chemin == "colonne « gestionnaire »"
    assert faute.raison == (
        "coupée à 10 lettres comme une autre ; donnez son nom court, l'un de : code, domanialit, gestionnai, gestionn_1"
    )


def test_a_third_dimension_is_dropped(lire):
    (emprise,) = lire(polygone([[*position, 87.5] for position in CARRE])).emprises
    assert emprise.geometrie == {"type": "Polygon", "coordinates": [CARRE]}


def test_a_polygon_that_crosses_itself_is_refused_and_says_where(refus):
    noeud = [[0.40, 48.10], [0.42, 48.12], [0.42, 48.10], [0.40, 48.12], [0.40, 48.10]]
    (faute,) = refus(polygone(), polygone(noeud, ref="b"))
    assert faute == (
        "features[2].geometry « b » : le contour se recoupe près de 0.41 ; 48.11,"
        " et rien ne dit ce qui a été voulu ; redessinez-le"
    )


def test_swapped_coordinates_are_recognised(refus):
    (faute,) = refus(polygone([[lat, lon] for lon, lat in CARRE]))
    assert "latitude et longitude sont inversées" in faute


def test_la_reunion_is_not_taken_for_swapped(lire):
    reunion = [[55.45, -20.9], [55.46, -20.9], [55.46, -20.8], [55.45, -20.9]]
    assert len(lire(polygone(reunion)).emprises) == 1


@pytest.mark.parametrize(
    ("anneau", "raison"),
    [
        (CARRE[:2] + CARRE[:1], "au moins 4 positions"),
        (CARRE[:4], "finit où il commence"),
        ([[652000, 6862000]] * 4, "hors de la Terre"),
        ([["0.4", 48.1]] * 4, "avec des nombres"),
        ([[True, 48.1]] * 4, "avec des nombres"),
        ([[10**400, 48.1]] * 4, "nombre fini"),
        ([[0.4]] * 4, r"\[longitude, latitude\]"),
        ([], "les coordonnées manquent"),
        (None, "les coordonnées manquent"),
    ],
)
def test_a_ring_that_is_no_ring(refus, anneau, raison):
    (faute,) = refus(polygone(anneau))
    assert faute.startswith("features[1].geometry")
    assert re.search(raison, faute)


@pytest.mark.parametrize("nombre", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_coordinate_that_is_not_finite(refus, nombre):
    brut = json.dumps({"type": "FeatureCollection", "features": [polygone()]}).replace("0.41", nombre, 1)
    (faute,) = refus(brut=brut)
    assert "nombre" in faute


def test_invalid_json_is_refused_at_its_line(refus):
    (faute,) = refus(brut='{"type": "FeatureCollection",\n "features": [\n  {,}\n]}')
    assert faute.startswith("3 ")


@pytest.mark.parametrize("brut", ["[]", '{"type": "Feature"}', "[" * 100_000, "", '{"type": "FeatureCollection"}'])
def test_what_is_no_collection_is_refused_once(refus, brut):
    assert len(refus(brut=brut)) == 1


def test_every_fault_is_listed_and_nothing_returned(refus):
    nul = polygone(ref="d", nom="Rési\0dence")
    assert refus(
        polygone(),
        polygone(),
        polygone(ref="b", nature="jardin"),
        polygone(ref="c", proprietaire="Inconnu"),
        nul,
        polygone(ref=None),
        polygone(ref="e", nature=None),
        polygone(ref="f", rang="haut", debut="2026-13-01"),
        polygone(ref="g", debut="2026-02-01", fin="2026-01-01"),
    ) == [
        "features[2].ref « a » est déjà pris par features[1]",
        "features[3].nature « jardin » n'est pas dans la correspondance ; au choix : residence, rue",
        "features[4].proprietaire « Inconnu » n'est pas dans la correspondance ; au choix : oph de la lisse",
        "features[5].nom contient un caractère invisible (NUL) ; effacez-le et retapez la valeur",
        "features[6].ref manque ; chaque emprise a besoin d'un nom qui ne change pas",
        "features[7].nature manque ; ajoutez « sinon » à la correspondance pour l'accepter",
        "features[8].debut « 2026-13-01 » n'est pas un jour du calendrier ; écrivez « 2026-05-15 » ou « 15 mai 2026 »",
        "features[8].rang « haut » n'est pas un nombre entier",
        "features[9].fin finit le 2026-01-01, avant de commencer le 2026-02-01",
    ]


def test_elements_that_are_no_features_are_all_cited(refus):
    assert refus({"type": "Polygon"}, polygone(), 3) == [
        "features[1] n'est pas un objet « Feature »",
        "features[3] n'est pas un objet « Feature »",
    ]


def test_the_map_file_is_checked_first_line_by_line(refus):
    sens = """nom: nom
domanialite:
  propriete: nature
  valeurs: { rue: DPX }
gestionnaire:
  par_domanialite: { BAIL: habitat-lise }
couleur: rouge
"""
    fautes = refus(polygone(), correspondance=sens)
    assert [faute.split(" ")[:2] for faute in fautes] == [
        ["1", "code"],
        ["4", "domanialite.valeurs.rue"],
        ["6", "gestionnaire.par_domanialite.BAIL"],
        ["7", "couleur"],
    ]
    assert "vouliez-vous dire « habitat-lisse »" in fautes[2]


def test_otherwise_covers_what_the_map_file_does_not_list(lire):
    sens = CORRESPONDANCE.replace("rue: DPC }", "rue: DPC }\n  sinon: INDET")
    lues = lire(polygone(nature="jardin"), polygone(ref="b", nature=None), correspondance=sens)
    assert [une.domanialite for une in lues.emprises] == [Domanialite.INDET] * 2


@pytest.mark.skipif(not LE_MANS.exists(), reason="the OpenStreetMap extract is not beside this checkout")
def test_a_real_openstreetmap_extract(tmp_path):
    sens = tmp_path / "osm.yaml"
    sens.write_text(
        """code: osm_id
nom: name
domanialite:
  propriete: domanialite_presumee
  valeurs: { bati_prive_indetermine: PRIV, habitat_collectif: bailleur, fluvial_ou_plan_eau: DPF, parking: DPC }
  sinon: domanialité indéterminée
gestionnaire:
  par_domanialite: { BAIL: habitat-lisse }
""",
        encoding="utf-8",
    )
    lues = lire_emprises(LE_MANS, sens, ACTEURS)
    assert len(lues.emprises) == 548
    assert lues.ecartees == {"LineString": 202, "Point": 75}
    domanialites = Counter(une.domanialite for une in lues.emprises)
    assert domanialites[Domanialite.PRIV] == 481
    assert [une.domanialite for une in lues.emprises if une.gestionnaire] == [Domanialite.BAIL] * 2
    assert all(shape(une.geometrie).is_valid for une in lues.emprises)
