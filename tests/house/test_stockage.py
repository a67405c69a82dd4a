"""What a store promises, on a disk or in a bucket: an acknowledged photo is whole, under its name; a refused one leaves
nothing. Then what a disk promises besides."""

import os
import resource
import stat
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from conftest import Api

from relais.settings import Settings
from relais.stockage import (
    Local,
    PlusDePlace,
    Stockage,
    StockageInjoignable,
    StockageRefuse,
    disk_troubles,
    new_draft,
    open_stockage,
)

CLE = "vsl/2026/019d44aa-da88.jpg"


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Stockage:
    """Either, as `RELAIS_STOCKAGE_URL` opens it; nothing else is in the test's folder."""
    url = request.getfixturevalue("seau") if request.param == "s3" else None
    return open_stockage(Settings(data_dir=tmp_path, stockage_url=url))


@pytest.fixture
def disk(tmp_path: Path) -> Local:
    return Local(tmp_path / "donnees")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 256 kB, so that «disk full» is the kernel's word and not ours."""
    point = tmp_path / "petit"
    point.mkdir()
    mounted = subprocess.run(  # noqa: S603 - fixed arguments
        ["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", point], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield point
    subprocess.run(["/bin/umount", point], check=True)  # noqa: S603 - fixed arguments


def spool(store: Stockage, octets: bytes) -> Path:
    draft = store.brouillon()
    draft.write_bytes(octets)
    return draft


def read(store: Stockage, cle: str = CLE) -> bytes:
    with store.emprunter(cle) as path:
        return path.read_bytes()


def kept(store: Stockage, prefixe: str = "vsl") -> dict[str, int]:
    return {one.cle: one.octets for one in store.cles(prefixe)}


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def drafts(folder: Path) -> list[Path]:
    return [path for path in files_under(folder) if ".tmp" in path.parts]


# --- whichever it is


@pytest.mark.parametrize("octets", [b"", b"photo" * 50_000, b"grande" * 1_500_000], ids=["empty", "usual", "in-parts"])
def test_a_deposited_file_is_taken_whole_and_no_draft_stays(octets: bytes, store: Stockage, tmp_path: Path) -> None:
    draft = spool(store, octets)
    store.deposer(CLE, draft)
    assert read(store) == octets
    assert not draft.exists()
    assert kept(store) == {CLE: len(octets)}
    assert drafts(tmp_path) == []


def test_bytes_from_memory_are_kept_the_same_way(store: Stockage, tmp_path: Path) -> None:
    store.ecrire(CLE, b"vignette")
    assert read(store) == b"vignette"
    assert kept(store) == {CLE: 8}
    assert drafts(tmp_path) == []


def test_what_is_lent_may_be_read_at_leisure_and_leaves_nothing(store: Stockage, tmp_path: Path) -> None:
    store.ecrire(CLE, b"photo")
    with store.emprunter(CLE) as first, store.emprunter(CLE) as second:
        assert first.read_bytes() == second.read_bytes() == b"photo"
    assert drafts(tmp_path) == []
    assert read(store) == b"photo"


def test_the_same_deposit_again_changes_nothing(store: Stockage) -> None:
    for _ in range(2):
        store.deposer(CLE, spool(store, b"photo"))
        store.ecrire(CLE, b"photo")
    assert read(store) == b"photo"
    assert len(kept(store)) == 1


def test_other_bytes_replace_the_former_ones(store: Stockage) -> None:
    store.ecrire(CLE, b"avant")
    store.deposer(CLE, spool(store, b"plus longue"))
    assert read(store) == b"plus longue"


def test_simultaneous_deposits_of_one_key_leave_one_whole_file(store: Stockage) -> None:
    candidates = [bytes([number]) * 200_000 for number in range(8)]
    spooled = [spool(store, octets) for octets in candidates]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda draft: store.deposer(CLE, draft), spooled))
    assert read(store) in candidates
    assert len(kept(store)) == 1


def test_a_deposit_of_nothing_keeps_nothing(store: Stockage) -> None:
    with pytest.raises(StockageInjoignable):
        store.deposer(CLE, store.brouillon())
    assert not store.existe(CLE)


def test_a_key_that_holds_nothing_lends_nothing(store: Stockage, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), store.emprunter(CLE):
        pytest.fail("nothing is there")
    assert drafts(tmp_path) == []


def test_an_erased_file_is_gone_and_erasing_again_is_fine(store: Stockage) -> None:
    store.ecrire(CLE, b"photo")
    assert store.existe(CLE)
    store.effacer(CLE)
    store.effacer(CLE)
    assert not store.existe(CLE)
    assert kept(store) == {}


def test_everything_kept_is_listed_with_its_date_and_size(store: Stockage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)  # S3 tells whole seconds
    keys = {f"vsl/{number}/{number}.jpg" for number in range(12)}
    for key in keys:
        store.ecrire(key, key.encode())
    store.ecrire("vslx/autre", b"x")
    found = list(store.cles("vsl"))
    assert {one.cle for one in found} == keys
    assert all(one.octets == len(one.cle) and before < one.ecrit_le <= datetime.now(UTC) for one in found)
    assert list(store.cles("rien")) == []


def test_a_draft_nobody_touches_is_swept_and_the_others_stay(store: Stockage) -> None:
    old, fresh = spool(store, b"vieux"), spool(store, b"neuf")
    day = timedelta(days=1)
    os.utime(old, (before := time.time() - day.total_seconds() - 60, before))
    assert store.balayer(day) == 1
    assert (old.exists(), fresh.exists()) == (False, True)


def test_two_drafts_never_share_a_path(store: Stockage) -> None:
    assert len({store.brouillon() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "cle",
    [
        "", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./a", "a/./b", "a//b", "a/", ".tmp/x", "a/.cache",
        "A.jpg", "é", "a b", "a\\b", "a\n", "a\0b", "~root", "a:b", "%2e%2e/x",
    ],
)  # fmt: skip
def test_a_key_that_could_leave_its_folder_is_refused_by_every_gesture(
    cle: str, store: Stockage, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"secret")
    draft = spool(store, b"photo")

    def lend(key: str) -> None:
        with store.emprunter(key):
            pytest.fail("lent")

    gestures: list[Callable[[str], object]] = [
        lend,
        store.existe,
        store.effacer,
        lambda key: list(store.cles(key)),
        lambda key: store.ecrire(key, b"photo"),
        lambda key: store.deposer(key, draft),
    ]
    for gesture in gestures:
        with pytest.raises(ValueError, match="not a key"):
            gesture(cle)
    assert sorted(files_under(tmp_path)) == sorted([tmp_path / "x", draft])


# --- a disk


def test_a_file_lies_where_its_key_says(disk: Local, tmp_path: Path) -> None:
    disk.deposer(CLE, spool(disk, b"photo"))
    assert files_under(tmp_path) == [tmp_path / "donnees" / "fichiers" / CLE]


def test_a_store_opened_again_finds_what_was_kept(disk: Local, tmp_path: Path) -> None:
    disk.ecrire(CLE, b"photo")
    elsewhere = Settings(data_dir=tmp_path / "ailleurs", stockage_url=f"file://{tmp_path}/donnees")
    assert read(open_stockage(elsewhere)) == b"photo"


@pytest.mark.parametrize(
    "url", ["ftp://cle:SECRET@a/b", "file://machine/x", "file:relatif", "donnees", "http://a.example/b"]
)
def test_an_address_that_names_no_store_ends_the_process_with_a_sentence(url: str, tmp_path: Path) -> None:
    with pytest.raises(StockageRefuse, match="RELAIS_STOCKAGE_URL ne se lit pas") as refused:
        open_stockage(Settings(data_dir=tmp_path, stockage_url=url))
    assert "SECRET" not in str(refused.value)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to name what is synced")
@pytest.mark.parametrize("gesture", ["deposer", "ecrire"])
def test_bytes_then_name_then_every_folder_reach_the_disk(
    gesture: str, disk: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut cannot be tested here; the order of the system calls that survive one can."""
    journal: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        journal.append("bytes" if path.is_file() else str(path.relative_to(tmp_path)))
        assert not path.is_file() or path.read_bytes() == b"photo"

    def watched_rename(self: Path, target: Path) -> Path:
        journal.append("name")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_rename)
    if gesture == "deposer":
        disk.deposer(CLE, spool(disk, b"photo"))
    else:
        disk.ecrire(CLE, b"photo")
    folders = ["donnees/fichiers/vsl/2026", "donnees/fichiers/vsl", "donnees/fichiers", "donnees"]
    assert journal == ["bytes", "name", *folders]


def test_a_reader_keeps_the_bytes_it_opened_while_others_replace_them(disk: Local) -> None:
    disk.ecrire(CLE, b"avant")
    with disk.emprunter(CLE) as path, path.open("rb") as reader:
        disk.ecrire(CLE, b"apres")
        assert reader.read() == b"avant"
    assert read(disk) == b"apres"


def test_a_file_from_another_disk_is_moved_too(disk: Local, small_disk: Path) -> None:
    source = small_disk / "photo"
    source.write_bytes(b"photo" * 1000)
    disk.deposer(CLE, source)
    assert read(disk) == b"photo" * 1000
    assert not source.exists()


def no_folder_for_drafts(root: Path) -> Iterator[None]:
    (root / ".tmp").rmdir()
    yield


def no_descriptor(root: Path) -> Iterator[None]:
    """Not one more for this process."""
    del root
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/", os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, former)


def a_file_for_a_folder(root: Path) -> Iterator[None]:
    (root / "fichiers").rename(root / "ailleurs")
    (root / "fichiers").touch()
    yield


def a_link_that_turns_round(root: Path) -> Iterator[None]:
    (root / "fichiers").rename(root / "ailleurs")
    (root / "fichiers").symlink_to("fichiers")
    yield


def lend(disk: Local) -> None:
    with disk.emprunter(CLE):
        pytest.fail("lent")


GESTURES: dict[str, Callable[[Local], object]] = {
    "ecrire": lambda disk: disk.ecrire(CLE, b"apres"),
    "emprunter": lend,
    "existe": lambda disk: disk.existe(CLE),
    "effacer": lambda disk: disk.effacer(CLE),
    "cles": lambda disk: list(disk.cles("vsl")),
    "balayer": lambda disk: disk.balayer(timedelta()),
    "new_draft": lambda disk: new_draft(disk.brouillon()),
}


@pytest.mark.parametrize(
    ("trouble", "gestures"),
    [
        (no_folder_for_drafts, ["ecrire", "balayer", "new_draft"]),
        (no_descriptor, ["ecrire", "balayer", "new_draft"]),
        (a_file_for_a_folder, ["ecrire", "emprunter", "existe", "effacer", "cles"]),
        (a_link_that_turns_round, ["ecrire", "emprunter", "existe", "effacer", "cles"]),
    ],
)
def test_a_disk_that_fails_is_a_store_out_of_reach(
    trouble: Callable[[Path], Iterator[None]], gestures: list[str], disk: Local, tmp_path: Path
) -> None:
    disk.ecrire(CLE, b"avant")
    with contextmanager(trouble)(tmp_path / "donnees"):
        raised = []
        for gesture in gestures:
            try:
                GESTURES[gesture](disk)
            except OSError as error:
                raised.append((gesture, type(error)))
    assert raised == [(gesture, StockageInjoignable) for gesture in gestures]


def test_a_disk_that_was_made_read_only_is_out_of_reach_to_writers_alone(small_disk: Path, tmp_path: Path) -> None:
    disk = Local(small_disk)
    disk.ecrire(CLE, b"avant")
    (source := tmp_path / "photo").write_bytes(b"apres")
    subprocess.run(["/bin/mount", "-o", "remount,ro", small_disk], check=True)  # noqa: S603 - fixed arguments
    for gesture in (
        lambda: new_draft(disk.brouillon()),
        lambda: disk.deposer(CLE, source),
        lambda: disk.effacer(CLE),
    ):
        with pytest.raises(StockageInjoignable):
            gesture()
    assert read(disk) == b"avant"
    assert source.exists()


def test_a_photo_that_cannot_be_written_is_refused_for_now_and_kept_nowhere(api: Api) -> None:
    octets = b"\xff\xd8\xff" + bytes(100_000)
    digest = sha256(octets)
    photo = {"id": str(uuid4()), "octets": len(octets), "sha256": digest.hexdigest()}
    said = {"theme": "proprete.depot_sauvage", "position": {"lon": 0.41237, "lat": 48.10562}, "photos": [photo]}
    path = f"/v1/signalements/{uuid4()}"
    assert api("PUT", path, json=said | {"constate_le": "2026-03-31T18:12:00+02:00"}).status_code == 201
    headers = {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{b64encode(digest.digest()).decode()}:"}
    drafts_at = api.stockage.brouillon().parent
    drafts_at.rename(aside := drafts_at.with_name("ailleurs"))
    try:
        told = api("PUT", f"{path}/photos/{photo['id']}", content=octets, headers=headers)
    finally:
        aside.rename(drafts_at)
    assert (told.status_code, told.json()["code"], told.json()["retryable"]) == (503, "unavailable", True)
    assert api("GET", path).json()["photos_manquantes"] == [photo["id"]]
    assert api("PUT", f"{path}/photos/{photo['id']}", content=octets, headers=headers).status_code == 201


def test_a_full_disk_refuses_and_keeps_nothing(small_disk: Path) -> None:
    disk = Local(small_disk)
    disk.ecrire(CLE, b"petite")
    with pytest.raises(PlusDePlace):
        disk.ecrire("vsl/grande", b"x" * 1_000_000)
    assert not disk.existe("vsl/grande")
    assert files_under(small_disk) == [small_disk / "fichiers" / CLE]
    assert read(disk) == b"petite"


def test_a_full_disk_leaves_the_source_to_its_owner(small_disk: Path, tmp_path: Path) -> None:
    disk = Local(small_disk)
    source = tmp_path / "grande"
    source.write_bytes(b"x" * 1_000_000)
    with pytest.raises(PlusDePlace):
        disk.deposer("vsl/grande", source)
    assert source.stat().st_size == 1_000_000
    assert files_under(small_disk) == []


def test_an_upload_that_fills_the_disk_can_say_so(small_disk: Path) -> None:
    draft = Local(small_disk).brouillon()
    with pytest.raises(PlusDePlace), disk_troubles():
        draft.write_bytes(b"x" * 1_000_000)


def test_a_process_killed_while_writing_leaves_the_former_file_whole(disk: Local, tmp_path: Path) -> None:
    disk.ecrire(CLE, b"avant")
    # The kill strikes at the last moment before the name changes.
    script = (
        "import os, sys; from pathlib import Path; from relais.stockage import Local\n"
        "Path.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "Local(Path(sys.argv[1])).ecrire(sys.argv[2], b'apres')"
    )
    killed = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script, tmp_path / "donnees", CLE], check=False, cwd=Path(__file__).parents[2]
    )
    assert killed.returncode == -9
    assert read(disk) == b"avant"


def test_nobody_else_on_the_machine_can_read_a_photo(disk: Local, tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        disk.deposer(CLE, spool(disk, b"photo"))
        disk.ecrire("vsl/autre", b"photo")
    finally:
        os.umask(former)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "donnees").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert stat.S_IMODE((tmp_path / "donnees").stat().st_mode) == 0o700
