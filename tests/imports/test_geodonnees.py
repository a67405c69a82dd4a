"""The formats, projections and encodings a town's map comes in. The same place is found in all of them."""

import json
import sqlite3
import zipfile
from contextlib import closing

import numpy as np
import pytest
import shapely
from imports.couches import COMPAGNONS, FORMATS, ecrire
from pyogrio import raw
from pyproj import Transformer
from shapely import LineString, Point, Polygon, transform

from relais.imports import FichierRefuse
from relais.imports.geodonnees import lire_couche

CARRE = Polygon([(0.40, 48.10), (0.41, 48.10), (0.41, 48.11), (0.40, 48.11)])

PROJECTIONS = {
    "EPSG:2154": (0.40, 48.10),  # Lambert-93
    "EPSG:3948": (0.40, 48.10),  # the conic of the 48th parallel
    "EPSG:5490": (-61.55, 16.25),  # Guadeloupe, Martinique
    "EPSG:2972": (-52.33, 4.93),  # Guyane
    "EPSG:2975": (55.45, -20.90),  # La Réunion
    "EPSG:4471": (45.22, -12.78),  # Mayotte
}


def projete(geometrie, crs):
    return transform(geometrie, Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform, interleaved=False)


def carre_en(lon, lat):
    return Polygon([(lon, lat), (lon + 0.01, lat), (lon + 0.01, lat + 0.01), (lon, lat + 0.01)])


def faute(chemin, **options):
    with pytest.raises(FichierRefuse) as refuse:
        lire_couche(chemin, **options)
    [seule] = refuse.value.fautes
    return seule.raison


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("crs", PROJECTIONS)
def test_a_place_is_where_it_is_whatever_the_projection_the_file_declares(tmp_path, format_, crs):
    carre = carre_en(*PROJECTIONS[crs])
    chemin = ecrire(tmp_path / f"plan.{format_}", [(projete(carre, crs), {"code": "a"})], crs=crs)
    [objet] = lire_couche(chemin).objets
    assert objet.geometrie.hausdorff_distance(carre) < 2e-9


def test_the_reference_point_of_the_french_address_base_is_found_again(tmp_path):
    """Lon 2.278922, lat 48.84696 are x 647082.8, y 6861010 in Lambert-93, says its API."""
    autour = Point(647082.8, 6861010).buffer(50)
    [objet] = lire_couche(ecrire(tmp_path / "plan.gpkg", [(autour, {"code": "a"})], crs="EPSG:2154")).objets
    assert objet.geometrie.centroid.distance(Point(2.278922, 48.84696)) < 1e-6


@pytest.mark.parametrize("format_", FORMATS)
def test_columns_hold_the_same_words_in_every_format(tmp_path, format_):
    proprietes = {"code": "a", "nom": "Résidence de l'Œuvre, été", "gestionnaire": None}
    [objet] = lire_couche(ecrire(tmp_path / f"plan.{format_}", [(CARRE, proprietes)])).objets
    assert list(objet.proprietes.values()) == ["a", "Résidence de l'Œuvre, été", None]


def test_a_column_is_found_by_its_whole_name_in_a_shapefile_that_cut_it(tmp_path):
    lue = lire_couche(ecrire(tmp_path / "plan.shp", [(CARRE, {"gestionnaire": "x", "domanialite": "y"})]))
    assert lue.champs == ("gestionnai", "domanialit")
    assert (lue.champ("gestionnaire"), lue.champ("domanialite"), lue.champ("nom")) == ("gestionnai", "domanialit", None)


@pytest.mark.parametrize("encodage", ["UTF-8", "ISO-8859-1"])
@pytest.mark.parametrize("annonce", [True, False], ids=["cpg", "sans cpg"])
def test_accents_survive_a_dbf_that_does_not_say_its_encoding(tmp_path, encodage, annonce):
    chemin = ecrire(tmp_path / "plan.shp", [(CARRE, {"nom": "Résidence d'été"})], encodage=encodage)
    if not annonce:
        chemin.with_suffix(".cpg").unlink()
    [objet] = lire_couche(chemin).objets
    assert objet.proprietes["nom"] == "Résidence d'été"


def test_whole_numbers_stay_whole_beside_an_empty_cell(tmp_path):
    """GDAL makes floats of a column with a hole in it: « 12.0 » would be another code than « 12 »."""
    wkb = np.array([shapely.to_wkb(CARRE)] * 2, object)
    rangs = np.array([12, 0])
    raw.write(
        tmp_path / "plan.gpkg", wkb, [rangs], ["rang"], field_mask=[np.array([False, True])],
        crs="EPSG:4326", geometry_type="Polygon", driver="GPKG", layer="plan",
    )  # fmt: skip
    assert [objet.proprietes["rang"] for objet in lire_couche(tmp_path / "plan.gpkg").objets] == [12, None]


def test_what_is_no_surface_is_counted_by_its_nature(tmp_path):
    objets = [(CARRE, {"code": "a"}), (Point(0.4, 48.1), {}), (LineString([(0, 0), (1, 1)]), {}), (None, {})]
    for format_ in ("geojson", "gpkg"):
        lue = lire_couche(ecrire(tmp_path / f"plan.{format_}", objets))
        assert len(lue.surfaces) == 1
        assert lue.ecartes == {"Point": 1, "LineString": 1, "sans géométrie": 1}


def test_of_several_layers_one_is_named(tmp_path):
    chemin = ecrire(tmp_path / "plan.gpkg", [(CARRE, {"code": "a"})], couche="parcelles")
    ecrire(chemin, [(CARRE, {"code": "b"}), (CARRE, {"code": "c"})], couche="rues", ajouter=True)
    assert faute(chemin) == "contient plusieurs couches ; choisissez par --couche : parcelles, rues"
    assert faute(chemin, couche="routes") == "n'a pas de couche « routes » ; au choix : parcelles, rues"
    assert len(lire_couche(chemin, couche="rues").objets) == 2


def test_a_shapefile_without_its_projection_is_refused_and_says_how_to_give_it(tmp_path):
    chemin = ecrire(tmp_path / "plan.shp", [(projete(CARRE, "EPSG:2154"), {"code": "a"})], crs="EPSG:2154")
    chemin.with_suffix(".prj").unlink()
    assert faute(chemin) == (
        "ne dit pas sa projection (pas de .prj) ; joignez ce fichier, ou donnez-la :"
        " « --projection EPSG:2154 » pour du Lambert-93"
    )
    [objet] = lire_couche(chemin, projection="EPSG:2154").objets
    assert objet.geometrie.hausdorff_distance(CARRE) < 2e-9


@pytest.mark.parametrize("format_", FORMATS)
def test_a_projection_that_sends_the_town_to_sea_is_refused(tmp_path, format_):
    """Degrees declared as Lambert-93 land off Angola: without a look, every signalement would lie outside the map."""
    chemin = ecrire(tmp_path / f"plan.{format_}", [(CARRE, {"code": "a"})], crs="EPSG:2154")
    [objet] = lire_couche(chemin).objets
    assert objet.geometrie is None
    assert "lu en EPSG:2154, l'objet tombe hors de France" in objet.defaut


@pytest.mark.parametrize("ecrite", ["Lambert", "EPSG:9999999", "EPSG:", "²", "EPSG:-1"])
def test_a_projection_nobody_knows_is_refused(tmp_path, ecrite):
    chemin = ecrire(tmp_path / "plan.geojson", [(CARRE, {"code": "a"})])
    assert f"projection inconnue : « {ecrite} »" in faute(chemin, projection=ecrite)


def test_a_projection_may_be_given_by_its_number_alone(tmp_path):
    chemin = ecrire(tmp_path / "plan.geojson", [(projete(CARRE, "EPSG:2154"), {"code": "a"})])
    [objet] = lire_couche(chemin, projection="2154").objets
    assert objet.geometrie.hausdorff_distance(CARRE) < 2e-9


@pytest.mark.parametrize("manquant", ["shx", "dbf"])
def test_a_shapefile_without_its_companions_says_which(tmp_path, manquant):
    chemin = ecrire(tmp_path / "plan.shp", [(CARRE, {"code": "a"})])
    chemin.with_suffix(f".{manquant}").unlink()
    assert faute(chemin) == (
        f"il manque son fichier .{manquant} ; un shapefile va avec ses compagnons (.shx, .dbf, .prj)"
    )


@pytest.mark.parametrize(
    ("nom", "dit"),
    [
        ("plan.shp", "n'est pas un shapefile lisible"),
        ("plan.gpkg", "n'est pas un GeoPackage lisible"),
        ("plan.zip", "n'est pas un shapefile zippé lisible"),
        ("plan.geojson", "JSON invalide"),
        ("plan.dwg", "format inconnu (« plan.dwg ») ; au choix : .geojson, .json, .shp, .zip, .gpkg"),
        ("plan", "format inconnu (« plan »)"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, nom, dit):
    (tmp_path / nom).write_bytes(b"ceci n'est pas une carte")
    assert dit in faute(tmp_path / nom)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_missing_file_is_said_missing(tmp_path, format_):
    assert "introuvable" in faute(tmp_path / f"plan.{format_}")


@pytest.mark.parametrize("taille", [100, 8192, 20_000])
def test_a_truncated_geopackage_is_refused(tmp_path, taille):
    chemin = ecrire(tmp_path / "plan.gpkg", [(CARRE, {"code": "a"})])
    chemin.write_bytes(chemin.read_bytes()[:taille])
    assert "n'est pas un GeoPackage lisible" in faute(chemin)


def test_a_geojson_of_before_2016_may_say_its_projection(tmp_path):
    document = {"type": "FeatureCollection", "features": [], "crs": {"properties": {"name": "urn:x-inconnue"}}}
    (tmp_path / "plan.geojson").write_text(json.dumps(document), encoding="utf-8")
    assert "déclare une projection inconnue (« urn:x-inconnue »)" in faute(tmp_path / "plan.geojson")


def test_the_identifiers_of_a_geopackage_are_its_own_and_a_shapefile_has_none(tmp_path):
    objets = [(CARRE, {"code": "a"}), (CARRE, {"code": "b"})]
    assert [un.id for un in lire_couche(ecrire(tmp_path / "plan.gpkg", objets)).objets] == [1, 2]
    assert [un.id for un in lire_couche(ecrire(tmp_path / "plan.shp", objets)).objets] == [None, None]
    assert set(COMPAGNONS) == {fichier.suffix[1:] for fichier in tmp_path.iterdir()} - {"gpkg"}


# --- what GDAL must not be given


@pytest.mark.parametrize("format_", ["shp", "gpkg", "zip"])
def test_a_file_that_names_others_to_read_is_not_followed(tmp_path, format_):
    """GDAL would read the other as if it were in the layer, from this machine or from any address."""
    ailleurs = ecrire(tmp_path / "secret.geojson", [(CARRE, {"code": "secret"})])
    vrt = (
        f'<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{ailleurs}</SrcDataSource>'
        "<LayerSRS>EPSG:4326</LayerSRS></OGRVRTLayer></OGRVRTDataSource>"
    )
    chemin = tmp_path / f"plan.{format_}"
    if format_ == "zip":
        with zipfile.ZipFile(chemin, "w") as archive:
            archive.writestr("plan.vrt", vrt)
    else:
        chemin.write_text(vrt, encoding="utf-8")
    assert "lisible" in faute(chemin)


def test_a_zip_without_a_shapefile_is_refused(tmp_path):
    geopackage = ecrire(tmp_path / "plan.gpkg", [(CARRE, {"code": "a"})])
    with zipfile.ZipFile(tmp_path / "plan.zip", "w") as archive:
        archive.write(geopackage, geopackage.name)
    assert "n'est pas un shapefile zippé lisible" in faute(tmp_path / "plan.zip")


def test_a_zip_that_would_fill_the_machine_is_refused_before_it_is_unzipped(tmp_path):
    with zipfile.ZipFile(tmp_path / "plan.zip", "w") as archive:
        archive.writestr("plan.shp", b"")
        archive.getinfo("plan.shp").file_size = 1 << 31
    assert "plus d'un gigaoctet une fois dézippé" in faute(tmp_path / "plan.zip")


def test_of_several_shapefiles_in_a_zip_one_is_named_wherever_it_lies(tmp_path):
    with zipfile.ZipFile(tmp_path / "plan.zip", "w") as archive:
        for nom, rangee in (("parcelles", "export/Parcelles"), ("rues", "rues")):
            ecrire(tmp_path / f"{nom}.shp", [(CARRE, {"code": nom})])
            for suffixe in COMPAGNONS:
                archive.write(tmp_path / f"{nom}.{suffixe}", f"{rangee}.{suffixe}")
                archive.writestr(f"__MACOSX/._{nom}.{suffixe}", b"x")
    assert faute(tmp_path / "plan.zip").endswith("choisissez par --couche : export/Parcelles, rues")
    assert "n'a pas de couche « routes »" in faute(tmp_path / "plan.zip", couche="routes")
    [objet] = lire_couche(tmp_path / "plan.zip", couche="export/Parcelles").objets
    assert objet.proprietes == {"code": "parcelles"}


@pytest.mark.parametrize("format_", ["shp", "zip"])
def test_a_shapefile_cut_before_its_end_is_refused(tmp_path, format_):
    """GDAL reads what is left, and says of the rest that it has no geometry."""
    chemin = ecrire(tmp_path / "plan.shp", [(CARRE, {"code": str(rang)}) for rang in range(50)])
    chemin.write_bytes(chemin.read_bytes()[:4000])
    if format_ == "zip":
        with zipfile.ZipFile(tmp_path / "plan.zip", "w") as archive:
            for suffixe in COMPAGNONS:
                archive.write(chemin.with_suffix(f".{suffixe}"), f"plan.{suffixe}")
    assert "est coupé avant sa fin" in faute(tmp_path / f"plan.{format_}")


@pytest.mark.parametrize("format_", FORMATS)
def test_what_has_no_drawing_among_surfaces_is_told_apart(tmp_path, format_):
    lue = lire_couche(ecrire(tmp_path / f"plan.{format_}", [(CARRE, {"code": "a"}), (None, {"code": "b"})]))
    assert [objet.proprietes["code"] for objet in lue.sans_trace] == ["b"]
    assert lue.ecartes == {}


@pytest.mark.parametrize("annonce", ["UTF-8", "UTF8"])
def test_a_shapefile_whose_cpg_is_wrong_says_what_to_do(tmp_path, annonce):
    chemin = ecrire(tmp_path / "plan.shp", [(CARRE, {"nom": "Été"})], encodage="ISO-8859-1")
    chemin.with_suffix(".cpg").write_text(annonce, encoding="ascii")
    assert faute(chemin) == (
        "ses textes ne sont pas dans l'encodage annoncé ; exportez-le à nouveau en UTF-8, ou retirez son fichier .cpg"
    )
    chemin.with_suffix(".cpg").unlink()
    assert lire_couche(chemin).objets[0].proprietes["nom"] == "Été"


def test_axes_that_are_tied_to_no_place_are_refused(tmp_path):
    chemin = ecrire(tmp_path / "plan.shp", [(CARRE, {"code": "a"})])
    chemin.with_suffix(".prj").write_text('LOCAL_CS["Bureau",UNIT["m",1]]', encoding="ascii")
    assert faute(chemin).startswith("sa projection (« Bureau ») ne dit pas où l'on est ; donnez la bonne : ")
    assert lire_couche(chemin, projection="EPSG:4326").objets[0].geometrie.equals(CARRE)


@pytest.mark.parametrize("altitude", [0, 1], ids=["M", "ZM"])
def test_measures_are_refused_and_the_word_for_them_is_said(tmp_path, altitude):
    chemin = ecrire(tmp_path / "plan.gpkg", [(CARRE, {"code": "a"})])
    with closing(sqlite3.connect(chemin)) as base, base:
        base.execute("UPDATE gpkg_geometry_columns SET z = ?, m = 1", (altitude,))
    assert "retirez la dimension M" in faute(chemin)


@pytest.mark.parametrize("format_", ["shp", "gpkg"])
def test_a_path_with_an_exclamation_mark_says_it_must_go(tmp_path, format_):
    chemin = ecrire(tmp_path / f"plan.{format_}", [(CARRE, {"code": "a"})])
    for fichier in list(tmp_path.iterdir()):
        fichier.rename(fichier.with_stem("plan !"))
    assert "contient un « ! » ; renommez le fichier ou son dossier" in faute(chemin.with_stem("plan !"))


def test_columns_that_a_shapefile_cut_alike_are_told_apart_by_their_short_names_alone(tmp_path):
    colonnes = {"gestionnaire": "x", "gestionnaire_secondaire": "y"}
    lue = lire_couche(ecrire(tmp_path / "plan.shp", [(CARRE, {"code": "a"} | colonnes)]))
    assert lue.champs == ("code", "gestionnai", "gestionn_1")
    assert lue.confondus(["code", "gestionnaire"]) == ["gestionnaire"]
    assert lue.confondus(["code", "gestionnai", "gestionn_1"]) == []
    seule = lire_couche(ecrire(tmp_path / "seule.shp", [(CARRE, {"gestionnaire": "x"})]))
    assert seule.confondus(["gestionnaire"]) == []
    assert seule.confondus(colonnes) == list(colonnes)
