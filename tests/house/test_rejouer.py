"""`relais rejouer-routage`: what another version would have changed, shown on real signalements and written nowhere."""

import csv
import errno
import json
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pyogrio
import pytest
from commands.factories import DELAISSE, RUE_ERABLES, TROTTOIR, act, deposit, le, ticket
from conftest import DEMO, Ville
from sqlalchemy import func, select, text
from typer.testing import CliRunner, Result

from relais.caller import Door
from relais.cli import app
from relais.commands.corrections import corriger
from relais.commands.territoire import get_territoire, import_emprises
from relais.commands.verbes import reaffecter
from relais.db import Base, make_engine
from relais.queries.referentiel import referentiel
from relais.rules.depot import Correction, Position
from relais.rules.refus import MotifDeRenvoi
from relais.settings import settings

PERIODE = ("--du", "2026-03-31", "--au", "2026-04-30")


@pytest.fixture(scope="module")
def base(clone):
    """Three signalements of 31 March: Habitat Lisse's ground, a street, and ground whose keeper nobody knows."""
    url = clone()
    engine = make_engine(url)
    ville = Ville(engine)
    ville.at(le("2026-03-31 18:12"))
    ids = [deposit(ville), deposit(ville, place=RUE_ERABLES), deposit(ville, theme=TROTTOIR, place=DELAISSE)]
    yield ville, url, ids
    engine.dispose()


@pytest.fixture
def rejouer(base, monkeypatch, large):  # noqa: ARG001 - asked for what it does
    monkeypatch.setenv("RELAIS_DATABASE_URL", base[1])
    settings.cache_clear()

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, ["rejouer-routage", *map(str, arguments)])

    yield run
    settings.cache_clear()


def rows(ville: Ville) -> dict[str, int]:
    with ville.session(Door.OWNER) as session, session.begin():
        return {
            name: session.scalar(select(func.count()).select_from(one)) for name, one in Base.metadata.tables.items()
        }


def candidate(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The demo's territoire.yaml with those lines changed."""
    shutil.copytree(DEMO / "contours", tmp_path / "contours")
    told = (DEMO / "territoire.yaml").read_text(encoding="utf-8")
    for before, after in changes:
        assert before in told
        told = told.replace(before, after, 1)
    made = tmp_path / "territoire.yaml"
    made.write_text(told, encoding="utf-8")
    return made


TO_VOIRIE = (
    "{ theme: Dépôt sauvage, terrain: bailleur, confier_a: le propriétaire du terrain }",
    "{ theme: Dépôt sauvage, terrain: bailleur, confier_a: voirie }",
)


def test_a_rule_to_be_adopted_says_whom_it_would_move_and_writes_nothing(base, rejouer, tmp_path):
    ville, _, ids = base
    before = rows(ville)
    done = rejouer(*PERIODE, "--territoire-yaml", candidate(tmp_path, TO_VOIRIE))
    assert done.exit_code == 0, done.stderr
    assert ticket(ville, ids[0]).numero in done.stdout
    assert "Habitat Lisse" in done.stdout
    assert "Direction de la voirie et de l'éclairage" in done.stdout
    assert "1 signalement sur 3 changerait de responsable ; 0 pour qui l'a aujourd'hui." in done.stdout
    assert rows(ville) == before
    assert ticket(ville, ids[0]).acteur == "habitat-lisse"


def test_the_same_version_changes_nothing(rejouer, tmp_path):
    done = rejouer(*PERIODE, "--territoire-yaml", candidate(tmp_path))
    assert "0 signalement sur 3 changerait de responsable" in done.stdout


VOIRIE_TOLD = (TO_VOIRIE[0], TO_VOIRIE[0].replace(" }", ", informer: [voirie] }"))
NANTAIS = ("modele: angevin", "epci: lisse-agglo\n  modele: nantais")


@pytest.mark.parametrize(
    ("change", "many", "informes"),
    [(VOIRIE_TOLD, "1 changerait", "voirie"), (NANTAIS, "3 changeraient", "lisse-agglo")],
    ids=["by its line", "by the modèle"],
)
def test_whoever_would_be_told_is_counted_apart_from_whoever_would_answer(
    base, rejouer, tmp_path, change, many, informes
):
    ville, _, ids = base
    written = tmp_path / "changements.csv"
    done = rejouer(*PERIODE, "--territoire-yaml", candidate(tmp_path, change), "--csv", written)
    assert done.exit_code == 0, done.stderr
    assert "0 signalement sur 3 changerait de responsable" in done.stdout
    assert f"{many} autrement : qui en est informé" in done.stdout
    assert "informés : personne" in done.stdout
    numero = ticket(ville, ids[0]).numero
    lignes = csv.DictReader(written.read_text(encoding="utf-8-sig").splitlines(), delimiter=";")
    [row] = [one for one in lignes if one["numero"] == numero]
    assert (row["change"], row["avant"], row["apres"]) == ("informes", "habitat-lisse", "habitat-lisse")
    assert (row["informes_avant"], row["informes_apres"]) == ("", informes)


def test_who_is_competent_where_the_town_would_not_go_any_more_is_shown(rejouer, tmp_path):
    elsewhere = (
        "themes_suivis: [toute la voirie]\n  competents: [{ nom: Accueil de la mairie, telephone: 02 61 91 00 00 }]"
    )
    yaml = candidate(tmp_path, ("  modele: angevin", f"  modele: angevin\n  {elsewhere}"))
    done = rejouer(*PERIODE, "--territoire-yaml", yaml)
    assert done.exit_code == 0, done.stderr
    assert "réorienté ; compétent : Accueil de la mairie" in done.stdout


def without(tmp_path: Path, code: str) -> tuple[str, ...]:
    """The demo's ground, less one emprise."""
    drawn = json.loads((DEMO / "emprises.geojson").read_text(encoding="utf-8"))
    kept = [one for one in drawn["features"] if one["properties"]["code"] != code]
    assert len(kept) == len(drawn["features"]) - 1
    made = tmp_path / "emprises.geojson"
    made.write_text(json.dumps(drawn | {"features": kept}), encoding="utf-8")
    return "--fichier", str(made), "--correspondance", str(DEMO / "correspondance.yaml")


def test_ground_to_be_adopted_says_whom_it_would_move_and_into_a_table_of_its_own(base, rejouer, tmp_path):
    ville, _, ids = base
    written = tmp_path / "changements.csv"
    done = rejouer(*PERIODE, *without(tmp_path, ticket(ville, ids[0]).emprise), "--csv", written)
    assert done.exit_code == 0, done.stderr
    assert "1 signalement sur 3 changerait de responsable" in done.stdout
    assert "à qualifier" in done.stdout
    assert written.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(written.read_text(encoding="utf-8-sig").splitlines(), delimiter=";")
    assert row["numero"] == ticket(ville, ids[0]).numero
    assert (row["avant"], row["apres"], row["aujourd_hui"]) == ("habitat-lisse", "", "habitat-lisse")
    assert (row["emprise_avant"], row["emprise_apres"]) == (ticket(ville, ids[0]).emprise, "")
    assert row["constate_le"] == "2026-03-31"
    assert row["pourquoi"].endswith(".")


def test_no_cell_of_the_table_is_a_formula(rejouer, tmp_path):
    named = json.loads((DEMO / "emprises.geojson").read_text(encoding="utf-8"))
    for one in named["features"]:
        one["properties"]["code"] = f"=cmd|{one['properties']['code']}"
        one["properties"]["nom"] = "=HYPERLINK(0)"
    (tmp_path / "emprises.geojson").write_text(json.dumps(named), encoding="utf-8")
    written = tmp_path / "changements.csv"
    ground = ("--fichier", tmp_path / "emprises.geojson", "--correspondance", DEMO / "correspondance.yaml")
    done = rejouer(*PERIODE, *ground, "--territoire-yaml", candidate(tmp_path, TO_VOIRIE), "--csv", written)
    assert done.exit_code == 0, done.stderr
    (row,) = csv.DictReader(written.read_text(encoding="utf-8-sig").splitlines(), delimiter=";")
    assert row["emprise_apres"].startswith("'=cmd|")
    assert row["pourquoi"].startswith("'=HYPERLINK")


def test_with_nothing_to_try_what_was_decided_then_is_compared_with_the_map_of_today(clone, monkeypatch, large):  # noqa: ARG001 - asked for what it does
    """Neither what people moved since, nor what was corrected, is a drift; the ground that changed hands is one."""
    url = clone()
    engine = make_engine(url)
    ville = Ville(engine)
    ville.at(le("2026-03-31 18:12"))
    drifted, moved, corrected = deposit(ville), deposit(ville, place=RUE_ERABLES), deposit(ville)
    act(ville, "pilote", reaffecter, moved, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="voirie")
    act(ville, "relais", corriger, corrected, correction=Correction(position=Position(*RUE_ERABLES)))
    act(ville, "pilote", reaffecter, drifted, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="voirie")
    code = ticket(ville, drifted).emprise
    with ville.session(Door.OWNER) as session, session.begin():
        held = referentiel(session).carte.emprises
        new = [replace(one, gestionnaire="foyer-vaucellois" if one.code == code else one.gestionnaire) for one in held]
        import_emprises(session, get_territoire(session, "VSL"), new, auteur="test", now=session.now)
    monkeypatch.setenv("RELAIS_DATABASE_URL", url)
    settings.cache_clear()
    done = CliRunner().invoke(app, ["rejouer-routage", *PERIODE])
    settings.cache_clear()
    engine.dispose()
    assert done.exit_code == 0, done.stderr
    assert "1 signalement sur 3 a changé de responsable ; 0 pour qui l'a aujourd'hui." in done.stdout
    assert "0 a changé autrement" in done.stdout
    assert ticket_number(done.stdout) == {1}


def test_the_map_to_be_tried_is_in_any_projection_that_an_import_takes(rejouer, tmp_path):
    metres = tmp_path / "plan.shp"
    made = CliRunner().invoke(app, ["export", "emprises", str(metres), "--projection", "EPSG:2154"])
    assert made.exit_code == 0, made.output
    metres.with_suffix(".prj").unlink()
    refused = rejouer(*PERIODE, "--fichier", metres)
    assert refused.exit_code == 1
    done = rejouer(*PERIODE, "--fichier", metres, "--projection", "EPSG:2154")
    assert done.exit_code == 0, done.stderr
    assert "0 signalement sur 3 changerait de responsable" in done.stdout


def test_of_a_file_of_several_layers_the_one_to_be_tried_is_named(rejouer, tmp_path):
    plan = tmp_path / "plan.gpkg"
    for couche in ("emprises", "zones"):
        alone = tmp_path / f"{couche}.geojson"
        made = CliRunner().invoke(app, ["export", couche, str(alone)])
        assert made.exit_code == 0, made.output
        meta, _, drawn, data = pyogrio.raw.read(alone)
        pyogrio.raw.write(
            plan, drawn, data, meta["fields"], layer=couche, crs=meta["crs"], geometry_type="Unknown", driver="GPKG"
        )
    refused = rejouer(*PERIODE, "--fichier", plan)
    assert refused.exit_code == 1
    done = rejouer(*PERIODE, "--fichier", plan, "--couche", "emprises")
    assert done.exit_code == 0, done.stderr
    assert "0 signalement sur 3 changerait de responsable" in done.stdout


def test_what_is_left_out_or_odd_in_the_map_to_be_tried_is_said_as_by_an_import(rejouer, tmp_path):
    drawn = json.loads((DEMO / "emprises.geojson").read_text(encoding="utf-8"))
    first = drawn["features"][0]
    line = {"type": "LineString", "coordinates": [[0.41, 48.105], [0.42, 48.105]]}
    far = {"type": "Polygon", "coordinates": [[[2, 47], [2.001, 47], [2.001, 47.001], [2, 47.001], [2, 47]]]}
    named = {**first["properties"], "code": "au-loin"}
    drawn["features"] += [{**first, "geometry": line}, {**first, "properties": named, "geometry": far}]
    plan = tmp_path / "plan.geojson"
    plan.write_text(json.dumps(drawn), encoding="utf-8")
    files = (plan, "--correspondance", DEMO / "correspondance.yaml")
    done = rejouer(*PERIODE, "--fichier", *files)
    assert done.exit_code == 0, done.stderr
    assert "Laissé de côté, qui n'est pas une surface : 1 LineString" in done.stderr
    assert "« au-loin »" in done.stderr
    assert "entièrement hors du territoire" in done.stderr
    imported = CliRunner().invoke(app, ["import", "emprises", *map(str, files), "--auteur", "Ada Vernis", "--essai"])
    assert imported.stderr.startswith(done.stderr)


def being_read(pipe: Path) -> TextIO:
    """The end that writes, as soon as somebody has opened the other."""
    for _ in range(600):
        try:
            end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as nobody:
            if nobody.errno != errno.ENXIO:
                raise
            time.sleep(0.1)
        else:
            os.set_blocking(end, True)
            return os.fdopen(end, "w", encoding="utf-8")
    pytest.fail("nobody reads this file")


def test_no_transaction_is_open_while_the_files_are_read(base, rejouer, tmp_path):
    """The file is a pipe: the command waits in the middle of its reading for what we have to say."""
    ville, _, _ = base
    yaml = candidate(tmp_path)
    told = yaml.read_text(encoding="utf-8")
    yaml.unlink()
    os.mkfifo(yaml)
    others = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' AND xact_start IS NOT NULL"
    )
    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(rejouer, *PERIODE, "--territoire-yaml", yaml)
        with being_read(yaml) as pipe:
            with ville.bind.connect() as connection:
                held = connection.scalar(others)
            pipe.write(told)
        assert done.result(timeout=60).exit_code == 0
    assert held == 0


def ticket_number(told: str) -> set[int]:
    return {int(found) for found in re.findall(r"VSL-2026-(\d{5})", told)}


def test_only_what_was_received_in_the_period_is_replayed(rejouer, tmp_path):
    yaml = candidate(tmp_path, TO_VOIRIE)
    assert "sur 0 " in rejouer("--du", "2026-04-01", "--au", "2026-04-30", "--territoire-yaml", yaml).stdout
    assert "sur 3 " in rejouer("--du", "2026-03-31", "--au", "2026-03-31", "--territoire-yaml", yaml).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--du", "2026-04-02", "--au", "2026-04-01"), "--au vient avant --du"),
        (("--du", "hier", "--au", "2026-04-01"), "hier"),
        (("--au", "2026-04-01"), "--du"),
        ((*PERIODE, "--correspondance", "x.yaml"), "--correspondance accompagne --fichier"),
        ((*PERIODE, "--couche", "parcelles"), "--couche accompagne --fichier"),
        ((*PERIODE, "--projection", "EPSG:2154"), "--projection accompagne --fichier"),
        ((*PERIODE, "--fichier", "absent.geojson", "--correspondance", "absent.yaml"), "absent"),
        ((*PERIODE, "--territoire-yaml", "absent.yaml"), "absent.yaml"),
    ],
    ids=[
        "backwards",
        "no day",
        "half a period",
        "half a map",
        "a layer of nothing",
        "metres of nothing",
        "no ground",
        "no file",
    ],
)
def test_what_cannot_be_tried_is_refused_with_what_to_do(rejouer, arguments, told):
    refused = rejouer(*arguments)
    assert refused.exit_code in {1, 2}
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_another_town_s_file_is_refused(rejouer, tmp_path):
    refused = rejouer(*PERIODE, "--territoire-yaml", candidate(tmp_path, ("code: VSL ", "code: AUT ")))
    assert refused.exit_code == 1
    assert "celui de « AUT »" in refused.stderr
