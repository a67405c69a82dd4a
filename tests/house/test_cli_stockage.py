"""The store from the command line: copied while the service runs, and every photo of it looked for."""

import hashlib
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from conftest import Ville
from sqlalchemy import update
from typer.testing import CliRunner, Result

from relais.caller import Door
from relais.cli import app
from relais.commands.photo import cles_attendues
from relais.commands.signalement import submit_signalement
from relais.db import make_engine
from relais.rules.depot import Depot, PhotoDeclaree
from relais.settings import Settings, settings
from relais.stockage import Local, Stockage, open_stockage
from relais.tables.photo import EtatPhoto, Photo


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def here(tmp_path) -> Local:
    return Local(Settings(data_dir=tmp_path).depot)


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data-dir", str(data)])


def fill(store: Stockage, number: int) -> set[str]:
    keys = {f"{('originaux', 'photos')[rank % 2]}/1/a/{uuid4()}" for rank in range(number)}
    for key in keys:
        store.ecrire(key, key.encode())
    return keys


def held(store: Stockage) -> dict[str, str]:
    found = {}
    for prefixe in ("originaux", "photos"):
        for one in store.cles(prefixe):
            with store.emprunter(one.cle) as path:
                found[one.cle] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.mark.parametrize("way", ["there", "back", "folder"])
def test_every_photo_is_copied_once_whichever_the_way(way, here, tmp_path, seau):
    there = f"file://{tmp_path}/autre" if way == "folder" else seau
    other = open_stockage(Settings(data_dir=tmp_path, stockage_url=there))
    source, target = (other, here) if way == "back" else (here, other)
    names = (there, "local") if way == "back" else ("local", there)
    keys = fill(source, 25)
    source.ecrire("inventaire/ronde", b"not a photo")
    first = run(tmp_path, "stockage", "copier", *names)
    assert first.exit_code == 0, first.output
    assert "25 fichiers copiés" in first.stderr
    assert "Tout y est" in first.stderr
    assert held(target) == held(source)
    assert set(held(source)) == keys
    again = run(tmp_path, "stockage", "copier", *names)
    assert (again.exit_code, "Rien n'a été copié" in again.stderr) == (0, True)
    assert list((tmp_path / "fichiers" / ".tmp").iterdir()) == []


def test_only_what_is_missing_or_torn_is_copied_and_nothing_is_removed(here, tmp_path, seau):
    keys = sorted(fill(here, 6))
    other = open_stockage(Settings(data_dir=tmp_path, stockage_url=seau))
    assert run(tmp_path, "stockage", "copier", "local", seau).exit_code == 0
    other.ecrire(keys[0], b"torn")
    other.effacer(keys[1])
    other.ecrire("photos/1/a/theirs", b"theirs")
    here.effacer(keys[2])
    told = run(tmp_path, "stockage", "copier", "local", seau)
    assert "2 fichiers copiés" in told.stderr
    assert set(held(other)) == {*keys, "photos/1/a/theirs"}
    assert {key: digest for key, digest in held(other).items() if key in held(here)} == held(here)


def test_a_copy_that_finds_no_more_room_says_what_remains_and_goes_on_from_there(here, tmp_path):
    for rank in range(6):
        here.ecrire(f"photos/1/a/{rank}", bytes(60_000))
    point = tmp_path / "petit"
    point.mkdir()
    small = f"file://{point}"
    mounted = subprocess.run(  # noqa: S603 - fixed arguments
        ["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", point], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        told = run(tmp_path, "stockage", "copier", "local", small)
        assert told.exit_code == 1
        assert "Il n'y a plus de place là où l'on copie" in told.stderr
        assert "relancez la même commande" in told.stderr
        target = Local(point)
        copied = set(held(target))
        assert 0 < len(copied) < 6
        assert list((point / ".tmp").iterdir()) == []
        for key in copied:
            here.effacer(key)
        subprocess.run(["/bin/mount", "-o", "remount,size=1m", point], check=True)  # noqa: S603 - fixed arguments
        assert run(tmp_path, "stockage", "copier", "local", small).exit_code == 0
        assert len(held(target)) == 6
    finally:
        subprocess.run(["/bin/umount", point], check=True)  # noqa: S603 - fixed arguments


def test_a_store_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, seau):
    for names, words in (
        (("local", "local"), "deux fois le même"),
        (("local", "ftp://x/y"), "RELAIS_STOCKAGE_URL ne se lit pas"),
        ((seau.replace("s3://photos", "s3://nulle-part"), "local"), "n'existe pas"),
    ):
        told = run(tmp_path, "stockage", "copier", *names)
        assert (told.exit_code, words in told.stderr) == (1, True), told.output


# --- doctor


@pytest.fixture
def ville(clone, monkeypatch):
    url = clone()
    monkeypatch.setenv("RELAIS_DATABASE_URL", url)
    engine = make_engine(url)
    yield Ville(engine)
    engine.dispose()


def declare(ville: Ville, store: Stockage, etat: EtatPhoto) -> tuple[str, ...]:
    """The keys that the store must hold for a photo in that state, held."""
    photo = PhotoDeclaree(uuid4(), "avant", "image/jpeg", 5, "9f" * 32)
    with ville.as_("relais") as session, session.begin():
        depot = Depot("proprete.depot_sauvage", session.now, lon=0.41237, lat=48.10562, photos=(photo,))
        submit_signalement(session, caller=session.caller, id=uuid4(), depot=depot, now=session.now)
    with ville.session(Door.OWNER) as session, session.begin():
        values = {"etat": etat, "tirage": 1, "recue_le": session.now}
        row = session.scalars(update(Photo).where(Photo.id == photo.id).values(values).returning(Photo)).one()
        keys = cles_attendues(row)
    for key in keys:
        store.ecrire(key, b"photo")
    return keys


@pytest.mark.parametrize("where", ["local", "s3"])
def test_doctor_looks_for_every_photo_and_fails_when_one_is_missing(where, ville, tmp_path, monkeypatch, request):
    if where == "s3":
        monkeypatch.setenv("RELAIS_STOCKAGE_URL", request.getfixturevalue("seau"))
    settings.cache_clear()
    store = open_stockage(Settings(data_dir=tmp_path))
    kept = {etat: declare(ville, store, etat) for etat in EtatPhoto}
    assert [len(keys) for keys in kept.values()] == [0, 1, 2, 0]
    healthy = run(tmp_path, "doctor")
    assert "2 photos, aucune ne manque" in healthy.stdout, healthy.output
    lost = [kept[EtatPhoto.PRETE][1], kept[EtatPhoto.RECUE][0]]
    for key in lost:
        store.effacer(key)
    told = run(tmp_path, "doctor")
    assert told.exit_code == 1
    assert "2 fichiers de photos manquent" in told.stdout
    assert all(f"{key} manque" in told.stderr for key in lost)


@pytest.mark.usefixtures("ville")
def test_doctor_says_when_the_store_itself_is_away(tmp_path, monkeypatch, seau):
    monkeypatch.setenv("RELAIS_STOCKAGE_URL", seau.replace("s3://photos", "s3://nulle-part"))
    settings.cache_clear()
    told = run(tmp_path, "doctor")
    assert (told.exit_code, "n'existe pas" in told.stdout) == (1, True), told.output
