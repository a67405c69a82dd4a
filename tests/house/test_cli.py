"""The command line as people use it: real processes, a real PostgreSQL, a real port."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from relais.cli import app
from relais.cli.base import Arret
from relais.cli.demo import instant_vise
from relais.imports.territoire import lire_territoire

ROOT = Path(__file__).resolve().parents[2]
RELAIS = Path(sys.executable).with_name("relais")
PATIENCE = 60
"""Seconds before a wait is a failure, on a busy machine."""


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RELAIS_")}
    return kept | {"COLUMNS": "200", "LANG": "C.UTF-8"}


def relais(*arguments: object, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [RELAIS, *map(str, arguments), *(["--data-dir", str(data)] if data else [])]
    return subprocess.run(line, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own program


@pytest.fixture
def command(data, monkeypatch):
    """A command on the installation that runs, in this process: the same code, two seconds of imports less."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object, installation: bool = True) -> Result:
        where = ["--data-dir", str(data)] if installation else []
        return CliRunner().invoke(app, [*map(str, arguments), *where])

    return run


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def until(what, failed) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, failed()
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """A zombie whose parent has not looked yet is no longer alive."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607 - a figure
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


class Up:
    """A `relais up --demo` in a session of its own, as a terminal would hold it."""

    def __init__(self, data: Path, port: int, *options: str) -> None:
        self.port = port
        self.log = data.parent / f"up-{time.monotonic_ns()}.log"
        line = [RELAIS, "up", "--demo", "--port", str(port), "--data-dir", str(data), *options]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                line, env=environment(), cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: self.ended() or self.announced(), self.said)
        assert not self.ended(), self.said()
        self.postgres = int((data / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
        self.children = self.find_children()

    def said(self) -> str:
        return self.log.read_text()

    def announced(self) -> bool:
        return "Relais est prêt" in self.said()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def get(self, path: str, **headers: str) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def version(self) -> int:
        return self.get("/v1/meta")[1]["version"]

    def find_children(self) -> set[int]:
        listing = subprocess.check_output(["ps", "-e", "-o", "pid=,ppid="], text=True)  # noqa: S607 - the system's
        pairs = (map(int, line.split()) for line in listing.splitlines())
        return {pid for pid, parent in pairs if parent == self.process.pid}

    def wait(self) -> int:
        return self.process.wait(PATIENCE)

    def leaves_nothing(self) -> None:
        for pid in {*self.children, self.postgres}:
            until(lambda pid=pid: not alive(pid), lambda pid=pid: f"{pid} is left\n{self.said()}")
        with socket.create_server(("127.0.0.1", self.port)):
            pass


@contextmanager
def started(data: Path, port: int, *options: str):
    up = Up(data, port, *options)
    try:
        yield up
    finally:
        if not up.ended():
            up.process.terminate()
            up.wait()


@pytest.fixture(scope="module")
def data():
    """In a folder that every user of the machine can cross: as root, PostgreSQL is nobody's."""
    folder = Path(tempfile.mkdtemp(prefix="relais-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "data"
    with suppress(FileNotFoundError):
        shutil.rmtree((folder / "data" / "postgres.path").read_text().strip())
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def up(data):
    with started(data, free_port()) as running:
        yield running


def test_up_says_where_it_answers_and_serves_the_fictional_territoire(up):
    assert up.get("/readyz") == (200, {"etat": "pret"})
    assert f"http://localhost:{up.port}/" in up.said()
    assert "demo avancer" in up.said()
    assert up.get("/v1/meta")[1]["territoire"]["code"] == "VSL"
    assert len(up.children) == 2


def test_a_second_up_on_the_folder_says_so_and_stops(up, data):
    second = relais("up", "--demo", "--port", up.port, data=data)
    assert second.returncode == 1
    assert "Relais tourne déjà" in second.stderr
    assert str(up.process.pid) in second.stderr
    assert up.get("/readyz")[0] == 200


def test_a_taken_port_is_said_before_anything_starts(up, data):
    refused = relais("up", "--port", up.port, data=data.with_name("another"))
    assert refused.returncode == 1
    assert f"port {up.port} : un autre programme l'occupe" in refused.stderr
    assert not data.with_name("another").exists()


def test_a_token_stands_alone_on_the_last_line_and_opens_the_api(up, data):
    made = relais("jeton", "Pilote@demo.test", data=data)
    assert made.returncode == 0, made.stderr
    (token,) = made.stdout.splitlines()
    assert up.get("/v1/instances")[0] == 401
    assert up.get("/v1/instances", Authorization=f"Bearer {token}")[0] == 200


def test_a_key_stands_alone_on_the_last_line_and_an_unknown_name_is_refused(up, command):
    made = command("cle", "Logiciel du bailleur", "--acteur", "habitat-lisse")
    assert re.fullmatch(r"rk_1_[\w-]{43}\n", made.stdout), made.stderr
    assert up.get("/v1/signalements", Authorization=f"Bearer {made.stdout.strip()}")[0] == 200
    refused = command("jeton", "personne@demo.test")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Personne ne porte cet identifiant" in refused.stderr


@pytest.fixture
def files(tmp_path):
    shutil.copytree(ROOT / "demo", tmp_path / "demo")
    return tmp_path / "demo"


def edit(file: Path, before: str, after: str) -> Path:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    return file


def test_an_essai_shows_the_difference_and_applies_nothing(up, command, files):
    version = up.version()
    file = edit(files / "territoire.yaml", "02 61 91 00 10", "02 61 91 00 19")
    tried = command("import", file, "--essai")
    assert tried.exit_code == 0, tried.stderr
    assert "modifié" in tried.stdout
    assert "proprete" in tried.stdout
    assert up.version() == version
    assert command("import", file).exit_code == 0
    assert up.version() == version + 1


def test_a_real_town_does_not_settle_in_a_demonstration(up, command, files):
    version = up.version()
    theirs = edit(files / "territoire.yaml", "code: VSL", "code: AUTRE")
    assert command("import", theirs, "--essai").exit_code == 0
    refused = command("import", theirs)
    assert refused.exit_code == 1
    assert "autre dossier" in refused.stderr
    assert up.version() == version


def test_emprises_are_imported_by_the_word_and_the_same_map_changes_nothing(up, command, files):
    version = up.version()
    line = ["import", "emprises", files / "emprises.geojson", "--correspondance", files / "correspondance.yaml"]
    again = command(*line, "--territoire", "VSL")
    assert again.exit_code == 0, again.stderr
    assert "rien ne change" in again.stderr
    assert up.version() == version


def test_every_fault_is_cited_with_its_line_and_nothing_is_applied(up, command, files):
    version = up.version()
    file = edit(files / "territoire.yaml", "modele: angevin", "modele: angvin")
    edit(file, "type: direction\n", "type: dirction\n")
    refused = command("import", file)
    assert refused.exit_code == 1
    assert "acteurs[1].type" in refused.stderr
    line = next(n for n, text in enumerate(file.read_text().splitlines(), start=1) if "angvin" in text)
    assert re.search(rf"│ {line} +│ territoire.modele", refused.stderr)
    assert "Rien n'a été appliqué" in refused.stderr
    assert up.version() == version


def test_people_are_added_and_corrected(up, command, tmp_path):
    file = tmp_path / "personnes.csv"
    file.write_text(
        "identifiant,nom,role,acteur\nelu@demo.test,Maud Tervallon-Roy,elu,\nnouvelle@demo.test,Ada Vernis,relais,\n"
    )
    done = command("personnes", "importer", file)
    assert done.exit_code == 0, done.stderr
    assert "1 ajoutés, 1 corrigés, 0 inchangés" in done.stderr
    token = command("jeton", "nouvelle@demo.test").stdout.strip()
    assert up.get("/v1/signalements", Authorization=f"Bearer {token}")[0] == 200


def test_doctor_finds_a_healthy_installation_and_a_missing_one(up, command, data):
    healthy = command("doctor")
    assert healthy.exit_code == 0, healthy.stdout
    assert "✗" not in healthy.stdout
    assert f"http://localhost:{up.port}" in healthy.stdout
    missing = command("doctor", "--data-dir", data.with_name("mistyped"), installation=False)
    assert missing.exit_code == 1
    assert "Rien n'est installé" in missing.stdout
    assert not data.with_name("mistyped").exists()


def test_the_demonstrations_clock_moves_to_the_closing_time(up, command):
    moved = command("demo", "avancer", "2 jours ouvrés")
    assert moved.exit_code == 0, moved.stderr
    assert "0 remontée · 0 courriel" in moved.stdout
    assert re.search(r"Nous sommes maintenant le .* à 17 h\.", moved.stdout)
    assert command("demo", "avancer", "2020-01-01").exit_code == 1
    assert not up.ended()


def test_killed_it_leaves_no_child_and_the_next_one_adopts_its_database_until_sigterm(up, data):
    version = up.version()
    up.process.kill()
    up.wait()
    for pid in up.children:
        until(lambda pid=pid: not alive(pid), lambda pid=pid: f"{pid} outlives its supervisor")
    assert alive(up.postgres)
    with started(data, up.port) as again:
        assert again.postgres == up.postgres
        assert again.version() == version
        again.process.terminate()
        assert again.wait() == 0
        again.leaves_nothing()
        assert "Traceback" not in again.said()


def test_a_dead_child_is_started_again_and_ctrl_c_stops_everything_without_a_traceback(data):
    with started(data, free_port(), "--sans-worker") as up:
        (first,) = up.children
        os.kill(first, signal.SIGKILL)
        until(lambda: "Arrêt inattendu : API" in up.said(), up.said)
        until(lambda: up.find_children() - {first}, up.said)
        up.children |= up.find_children()
        os.killpg(up.process.pid, signal.SIGINT)
        assert up.wait() == 0
        up.leaves_nothing()
        assert "Traceback" not in up.said()


@pytest.mark.parametrize(
    ("ecrit", "attendu"),
    [
        ("2 jours ouvrés", "2026-04-02T17:00+02:00"),
        ("8 jours ouvrés", "2026-04-13T17:00+02:00"),  # Easter Monday does not count
        ("3 heures", "2026-03-31T21:12+02:00"),
        ("4 h ouvrées", "2026-04-01T15:00+02:00"),
        ("1 jour", "2026-04-01T17:00+02:00"),
        ("6 jours", "2026-04-07T00:00+02:00"),  # closed that day: its midnight
        ("2026-04-20", "2026-04-20T17:00+02:00"),
        ("2026-04-20T08:30", "2026-04-20T08:30+02:00"),
        ("2026-04-20T08:30Z", "2026-04-20T10:30+02:00"),
    ],
)
def test_a_clock_is_moved_in_the_words_of_the_town(ecrit, attendu):
    calendrier = lire_territoire(ROOT / "demo" / "territoire.yaml").configuration.calendrier
    mardi = datetime.fromisoformat("2026-03-31T18:12+02:00")
    assert instant_vise(ecrit, mardi, calendrier) == datetime.fromisoformat(attendu)


@pytest.mark.parametrize("ecrit", ["demain", "quarante jours", "2026-13-45", "2099-01-01", "", "-3 heures"])
def test_a_clock_is_not_moved_by_what_cannot_be_read_or_is_too_far(ecrit):
    calendrier = lire_territoire(ROOT / "demo" / "territoire.yaml").configuration.calendrier
    with pytest.raises(Arret):
        instant_vise(ecrit, datetime.fromisoformat("2026-03-31T18:12+02:00"), calendrier)
