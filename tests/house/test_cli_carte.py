"""The map by the command line: in by one format, out by another, back by its versions, and what doctor sees of it."""

import json
import zipfile

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from relais.caller import Door, Identity
from relais.cli import app
from relais.db import Session, make_engine
from relais.queries.referentiel import emprises, referentiel
from relais.queries.version import version
from relais.settings import settings

FORMATS = ("geojson", "gpkg", "shp", "zip")
COUCHES = ("emprises", "zones", "secteurs")


@pytest.fixture
def ville(clone, monkeypatch, tmp_path, large):  # noqa: ARG001 - asked for what it does
    """A database of its own, and the command line upon it."""
    url = clone()
    monkeypatch.setenv("RELAIS_DATABASE_URL", url)
    monkeypatch.setenv("RELAIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("RELAIS_AUTEUR", "Ada Vernis")
    settings.cache_clear()
    engine = make_engine(url)
    yield Ville(engine)
    engine.dispose()
    settings.cache_clear()


class Ville:
    def __init__(self, engine):
        self.engine = engine

    def relais(self, *arguments, code=0):
        done = CliRunner().invoke(app, list(map(str, arguments)))
        assert done.exit_code == code, done.output
        return done

    def lire(self, reader):
        with Session(self.engine, door=Door.OWNER, identity=Identity(code="VSL")) as session, session.begin():
            return reader(session)

    def version(self):
        return self.lire(lambda session: session.version)

    def carte(self, numero=None):
        return self.lire(lambda session: emprises(session, session.territoire, numero or session.version))


def features(fichier):
    return json.loads(fichier.read_text(encoding="utf-8"))["features"]


def ecrire(fichier, elements):
    fichier.write_text(json.dumps({"type": "FeatureCollection", "features": elements}), encoding="utf-8")
    return fichier


# --- out and in again


@pytest.mark.parametrize("couche", COUCHES)
@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_exported_and_imported_again_changes_nothing(ville, tmp_path, couche, format_):
    fichier = tmp_path / f"carte.{format_}"
    ville.relais("export", couche, fichier)
    assert "rien ne change" in ville.relais("import", couche, fichier).stderr
    assert ville.version() == 2


@pytest.mark.parametrize("crs", ["EPSG:2154", "EPSG:3948"])
@pytest.mark.parametrize("format_", ["gpkg", "shp", "zip"])
def test_an_export_in_metres_comes_back_within_a_tenth_of_a_millimetre(ville, tmp_path, crs, format_):
    before = {one.code: one for one in ville.carte()}
    fichier = tmp_path / f"carte.{format_}"
    ville.relais("export", "emprises", fichier, "--projection", crs)
    ville.relais("import", "emprises", fichier)
    for one in ville.carte():
        assert one.geometrie.dessin.hausdorff_distance(before[one.code].geometrie.dessin) < 1e-9


def test_everything_an_emprise_says_survives_every_format(ville, tmp_path):
    """Days, priorite, an accent, an absent name, a hole and two pieces."""
    carre = [[0.41, 48.105], [0.42, 48.105], [0.42, 48.106], [0.41, 48.106], [0.41, 48.105]]
    trou = [[0.412, 48.1052], [0.412, 48.1054], [0.414, 48.1054], [0.414, 48.1052], [0.412, 48.1052]]
    loin = [[0.43, 48.105], [0.44, 48.105], [0.44, 48.106], [0.43, 48.105]]
    elements = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [carre, trou]},
         "properties": {"code": "a", "nom": "L'Œuvre d'été", "domanialite": "FRICHE", "gestionnaire": "habitat-lisse",
                        "priorite": 3, "valide_du": "2026-01-01", "valide_au": "2026-12-31"}},
        {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": [[carre], [loin]]},
         "properties": {"code": "b", "domanialite": "DPC"}},
    ]  # fmt: skip
    ville.relais("import", "emprises", ecrire(tmp_path / "carte.geojson", elements))
    before = ville.carte()
    for format_ in FORMATS:
        fichier = tmp_path / f"sortie.{format_}"
        ville.relais("export", "emprises", fichier)
        assert "rien ne change" in ville.relais("import", "emprises", fichier).stderr
        if format_ == "shp":  # a shp and a zip of one name: no file of the one is the other's
            assert {one.suffix for one in tmp_path.glob("sortie.*")} >= {".shp", ".shx", ".dbf", ".prj", ".cpg"}
    assert ville.carte() == before


def test_a_shapefile_says_which_names_it_cut_and_is_zipped_flat(ville, tmp_path):
    done = ville.relais("export", "emprises", tmp_path / "carte.zip")
    assert "« domanialit » pour « domanialite »" in done.stderr
    assert "relais import les reconnaît" in done.stderr
    names = zipfile.ZipFile(tmp_path / "carte.zip").namelist()
    assert sorted(names) == [f"carte.{suffix}" for suffix in ("cpg", "dbf", "prj", "shp", "shx")]


@pytest.mark.parametrize("format_", FORMATS)
def test_a_name_is_written_as_it_was_given(ville, tmp_path, format_):
    nom = tmp_path / f"plan ! v2.0, été.{format_.upper()}"
    ville.relais("export", "zones", nom)
    assert nom.is_file()
    assert {one.stem for one in tmp_path.iterdir()} - {"data"} == {nom.stem}


def test_umap_reads_the_exported_geojson_as_it_is(ville, tmp_path):
    for couche in COUCHES:
        ville.relais("export", couche, tmp_path / f"{couche}.geojson")
        for feature in features(tmp_path / f"{couche}.geojson"):
            assert {"name", "description", "_umap_options", "code"} <= feature["properties"].keys()


@pytest.mark.parametrize(
    ("nom", "options", "dit"),
    [
        ("carte.dxf", [], "Format inconnu : « carte.dxf »"),
        ("carte.geojson", ["--projection", "EPSG:2154"], "Pour EPSG:2154, prenez .gpkg ou .shp"),
        ("carte.gpkg", ["--projection", "Lambert"], "projection inconnue : « Lambert »"),
        ("absent/carte.gpkg", [], "Impossible d'écrire"),
        ("prise.gpkg", [], "existe déjà"),
        ("nord ! sud/carte.shp", [], "Choisissez un dossier sans ce signe"),
        ("prise.shp", [], "prise.dbf » existe déjà"),
    ],
)
def test_an_export_that_cannot_be_is_refused_and_leaves_nothing(ville, tmp_path, nom, options, dit):
    for taken in ("prise.gpkg", "prise.dbf"):
        (tmp_path / taken).write_text("le travail de quelqu'un")
    assert dit in ville.relais("export", "emprises", tmp_path / nom, *options, code=1).stderr
    assert {one.name for one in tmp_path.iterdir()} <= {"prise.gpkg", "prise.dbf", "data"}
    assert (tmp_path / "prise.dbf").read_text() == "le travail de quelqu'un"


# --- in


def test_a_zone_drawn_anew_changes_alone_and_the_yaml_is_warned_of(ville, tmp_path):
    ville.relais("export", "zones", tmp_path / "zones.geojson")
    [zone, *_] = features(tmp_path / "zones.geojson")
    zone["geometry"]["coordinates"][0][1][0] += 0.001
    done = ville.relais("import", "zones", ecrire(tmp_path / "une.geojson", [zone]))
    code = zone["properties"]["code"]
    assert code in done.stdout
    assert "Absents du fichier, ils gardent leur contour" in done.stderr
    assert "son prochain import les remettra" in done.stderr
    assert ville.lire(lambda session: version(session, session.territoire, 3).difference)["modifies"] == [
        f"zones.{code}"
    ]
    drawn = ville.lire(lambda session: referentiel(session).configuration.zone[code])
    assert drawn.contour["coordinates"][0][1][0] == zone["geometry"]["coordinates"][0][1][0]


def test_an_essai_of_a_layer_writes_nothing(ville, tmp_path):
    ville.relais("export", "emprises", tmp_path / "carte.geojson")
    fichier = ecrire(tmp_path / "moins.geojson", features(tmp_path / "carte.geojson")[1:])
    done = ville.relais("import", "emprises", fichier, "--essai")
    assert "- retiré" in done.stdout
    assert "Essai : rien n'a été appliqué" in done.stderr
    assert ville.version() == 2


def test_a_fault_in_one_element_adopts_none_and_names_it(ville, tmp_path):
    ville.relais("export", "emprises", tmp_path / "carte.geojson")
    elements = features(tmp_path / "carte.geojson")
    [anneau, *_] = elements[4]["geometry"]["coordinates"]
    elements[4]["geometry"]["coordinates"] = [[[lat, lon] for lon, lat in anneau]]
    refused = ville.relais("import", "emprises", ecrire(tmp_path / "faute.geojson", elements), code=1)
    assert "features[5].geometry" in refused.stderr
    assert f"« {elements[4]['properties']['code']} » : latitude et longitude sont inversées" in refused.stderr
    assert "Rien n'a été appliqué" in refused.stderr
    assert ville.version() == 2


@pytest.mark.parametrize("nombre", [12, 13])
def test_the_same_fault_in_many_elements_is_told_once_with_where_to_look(ville, tmp_path, nombre):
    ville.relais("export", "emprises", tmp_path / "carte.geojson")
    [first, *_] = features(tmp_path / "carte.geojson")
    wrong = [first | {"properties": first["properties"] | {"code": f"c{n}", "domanialite": "?"}} for n in range(nombre)]
    said = ville.relais("import", "emprises", ecrire(tmp_path / "fausse.geojson", wrong), code=1).stderr
    assert f"{nombre} à corriger" in said
    assert said.count("n'est pas dans la correspondance") == (12 if nombre == 12 else 1)
    assert ("features[12].domanialite … et 1 autre" in said) == (nombre == 13)


def test_what_was_mended_is_told_beside_what_changed(ville, tmp_path):
    ville.relais("export", "emprises", tmp_path / "carte.geojson")
    elements = features(tmp_path / "carte.geojson")
    [anneau] = next(one for one in elements if one["geometry"]["type"] == "Polygon")["geometry"]["coordinates"]
    anneau.insert(1, anneau[0])
    done = ville.relais("import", "emprises", ecrire(tmp_path / "double.geojson", elements))
    assert "sommets répétés retirés" in done.stderr
    assert "rien ne change" in done.stderr


@pytest.mark.parametrize(
    "ligne",
    [
        ["import", "emprises"],
        ["import", "territoire.yaml", "--couche", "x"],
        ["import", "territoire.yaml", "--projection", "EPSG:2154"],
        ["versions", "douze"],
        ["versions", "revenir"],
        ["versions", "3", "4"],
        ["export", "acteurs", "x.gpkg"],
    ],
    ids=" ".join,
)
def test_a_line_that_means_nothing_says_what_to_write(ville, ligne):
    assert ville.relais(*ligne, code=2).stderr


# --- versions


def test_versions_are_listed_shown_and_gone_back_to(ville, tmp_path):
    before = ville.carte()
    ville.relais("export", "emprises", tmp_path / "carte.geojson")
    kept = features(tmp_path / "carte.geojson")
    gone = kept.pop()["properties"]["code"]
    ville.relais("import", "emprises", ecrire(tmp_path / "moins.geojson", kept), "--auteur", "Maud Tervallon")
    listed = ville.relais("versions").stdout
    assert "→" in listed
    assert "Maud Tervallon" in listed
    assert "emprises : 0 ajoutés, 1 retirés, 0 modifiés" in listed
    shown = ville.relais("versions", 3)
    assert gone in shown.stdout
    assert "par Maud Tervallon" in shown.stdout
    tried = ville.relais("versions", "revenir", 2, "--essai")
    assert "+ ajouté" in tried.stdout
    assert ville.version() == 3
    assert "la version 4, égale à la 2" in ville.relais("versions", "revenir", 2).stderr
    assert ville.version() == 4
    assert ville.carte() == before
    assert len(ville.carte(3)) == len(before) - 1
    row = ville.lire(lambda session: version(session, session.territoire, 4))
    assert (row.auteur, row.resume) == ("Ada Vernis", "retour à la version 2 : 1 ajoutés, 0 retirés, 0 modifiés")
    assert "est déjà égale à la version 2" in ville.relais("versions", "revenir", 2).stderr


def test_a_version_of_before_differences_were_kept_is_shown_without(ville):
    with ville.engine.begin() as connection:
        connection.execute(text("UPDATE version SET difference = NULL"))
    shown = ville.relais("versions", 1)
    assert "Version 1" in shown.stdout
    assert "ajoutés" in shown.stderr


def test_a_version_that_never_was_says_which_there_are(ville):
    for numero in (9, 99_999_999_999):
        assert "vont de 1 à 2" in ville.relais("versions", numero, code=1).stderr
        assert "vont de 1 à 2" in ville.relais("versions", "revenir", numero, code=1).stderr


def test_without_a_name_the_author_is_who_sits_at_the_machine(ville, monkeypatch, tmp_path):
    monkeypatch.delenv("RELAIS_AUTEUR")
    monkeypatch.setenv("LOGNAME", "mtervallon")
    ville.relais("export", "emprises", tmp_path / "carte.geojson")
    ville.relais("import", "emprises", ecrire(tmp_path / "m.geojson", features(tmp_path / "carte.geojson")[1:]))
    assert ville.lire(lambda session: version(session, session.territoire, 3).auteur) == "mtervallon"


# --- doctor


def constats(done):
    return {line.split("│")[2].strip() for line in done.stdout.splitlines() if "VSL," in line}


def test_doctor_tells_overlaps_and_writes_where_to_look(ville, tmp_path):
    ville.relais("export", "emprises", tmp_path / "carte.geojson")
    elements = features(tmp_path / "carte.geojson")
    bailleur = next(one for one in elements if one["properties"]["domanialite"] == "BAIL")
    west, south = bailleur["geometry"]["coordinates"][0][0]
    d = 0.0002
    anneau = [
        [west - d, south - d],
        [west + d, south - d],
        [west + d, south + d],
        [west - d, south + d],
        [west - d, south - d],
    ]
    dessus = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [anneau]},
        "properties": {"code": "intrus", "nom": "Intrus", "domanialite": "COPRO", "gestionnaire": "syndic-vaucellois"},
    }
    before = ville.relais("doctor")
    ville.relais("import", "emprises", ecrire(tmp_path / "avec.geojson", [*elements, dessus]))
    done = ville.relais("doctor", "--geojson", tmp_path / "a-regarder.geojson")
    assert any("chevauchement" in one for one in constats(done) - constats(before))
    seen = features(tmp_path / "a-regarder.geojson")
    [*overlaps] = [one["properties"] for one in seen if one["properties"]["genre"] == "chevauchement"]
    assert any("intrus" in one["name"] for one in overlaps)
    assert all({"name", "description", "_umap_options"} <= one["properties"].keys() for one in seen)
    assert f"{len(seen)} endroits à regarder" in done.stderr


def test_overlaps_and_gaps_are_to_know_not_to_mend(ville):
    lines = [line for line in ville.relais("doctor").stdout.splitlines() if "VSL," in line]
    assert lines
    assert all("⚠" in line or "✓" in line for line in lines)


def test_the_demo_itself_has_a_map_without_overlaps_and_no_mute_rule(ville):
    found = constats(ville.relais("doctor"))
    assert found
    assert not any("chevauchement" in one or "règles" in one for one in found)
