"""What the store promises: an acknowledged photo is whole, under its name, on disk; a refused one leaves nothing."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from relais.stockage import Local, PlusDePlace, no_space_is_refused

CLE = "vsl/2026/019d44aa-da88.jpg"


@pytest.fixture
def store(tmp_path: Path) -> Local:
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


def spool(store: Local, octets: bytes) -> Path:
    draft = store.brouillon()
    draft.write_bytes(octets)
    return draft


def read(store: Local, cle: str = CLE) -> bytes:
    with store.ouvrir(cle) as file:
        return file.read()


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_deposited_file_is_taken_whole_and_no_draft_stays(store: Local, tmp_path: Path) -> None:
    draft = spool(store, b"photo" * 50_000)
    store.deposer(CLE, draft)
    assert read(store) == b"photo" * 50_000
    assert not draft.exists()
    assert files_under(tmp_path) == [tmp_path / "donnees" / "fichiers" / CLE]
    assert store.chemin(CLE).read_bytes() == b"photo" * 50_000


def test_bytes_from_memory_are_kept_the_same_way(store: Local, tmp_path: Path) -> None:
    store.ecrire(CLE, b"vignette")
    assert read(store) == b"vignette"
    assert files_under(tmp_path) == [tmp_path / "donnees" / "fichiers" / CLE]


def test_a_store_opened_again_finds_what_was_kept(store: Local, tmp_path: Path) -> None:
    store.ecrire(CLE, b"photo")
    assert read(Local(tmp_path / "donnees")) == b"photo"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to name what is synced")
@pytest.mark.parametrize("gesture", ["deposer", "ecrire"])
def test_bytes_then_name_then_every_folder_reach_the_disk(
    gesture: str, store: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        store.deposer(CLE, spool(store, b"photo"))
    else:
        store.ecrire(CLE, b"photo")
    folders = ["donnees/fichiers/vsl/2026", "donnees/fichiers/vsl", "donnees/fichiers", "donnees"]
    assert journal == ["bytes", "name", *folders]


def test_the_same_deposit_again_changes_nothing(store: Local, tmp_path: Path) -> None:
    for _ in range(2):
        store.deposer(CLE, spool(store, b"photo"))
        store.ecrire(CLE, b"photo")
    assert read(store) == b"photo"
    assert len(files_under(tmp_path)) == 1


def test_a_reader_keeps_the_bytes_it_opened_while_others_replace_them(store: Local) -> None:
    store.ecrire(CLE, b"avant")
    with store.ouvrir(CLE) as reader:
        store.ecrire(CLE, b"apres")
        assert reader.read() == b"avant"
    assert read(store) == b"apres"


def test_simultaneous_deposits_of_one_key_leave_one_whole_file(store: Local, tmp_path: Path) -> None:
    candidates = [bytes([number]) * 200_000 for number in range(8)]
    drafts = [spool(store, octets) for octets in candidates]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda draft: store.deposer(CLE, draft), drafts))
    assert read(store) in candidates
    assert len(files_under(tmp_path)) == 1


def test_a_file_from_another_disk_is_moved_too(store: Local, small_disk: Path) -> None:
    source = small_disk / "photo"
    source.write_bytes(b"photo" * 1000)
    store.deposer(CLE, source)
    assert read(store) == b"photo" * 1000
    assert not source.exists()


def test_a_full_disk_refuses_and_keeps_nothing(small_disk: Path) -> None:
    store = Local(small_disk)
    store.ecrire(CLE, b"petite")
    with pytest.raises(PlusDePlace):
        store.ecrire("vsl/grande", b"x" * 1_000_000)
    assert not store.existe("vsl/grande")
    assert files_under(small_disk) == [small_disk / "fichiers" / CLE]
    assert read(store) == b"petite"


def test_a_full_disk_leaves_the_source_to_its_owner(small_disk: Path, tmp_path: Path) -> None:
    store = Local(small_disk)
    source = tmp_path / "grande"
    source.write_bytes(b"x" * 1_000_000)
    with pytest.raises(PlusDePlace):
        store.deposer("vsl/grande", source)
    assert source.stat().st_size == 1_000_000
    assert files_under(small_disk) == []


def test_an_upload_that_fills_the_disk_can_say_so(small_disk: Path) -> None:
    draft = Local(small_disk).brouillon()
    with pytest.raises(PlusDePlace), no_space_is_refused():
        draft.write_bytes(b"x" * 1_000_000)


def test_another_error_of_the_disk_is_not_called_a_full_disk(store: Local) -> None:
    with pytest.raises(FileNotFoundError):
        store.deposer(CLE, store.brouillon())
    assert not store.existe(CLE)


def test_a_process_killed_while_writing_leaves_the_former_file_whole(store: Local, tmp_path: Path) -> None:
    store.ecrire(CLE, b"avant")
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
    assert read(store) == b"avant"


@pytest.mark.parametrize(
    "cle",
    [
        "", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./a", "a/./b", "a//b", "a/", ".tmp/x", "a/.cache",
        "A.jpg", "é", "a b", "a\\b", "a\n", "a\0b", "~root", "a:b", "%2e%2e/x",
    ],
)  # fmt: skip
def test_a_key_that_could_leave_its_folder_is_refused_by_every_gesture(cle: str, store: Local, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"secret")
    draft = spool(store, b"photo")
    gestures: list[Callable[[str], object]] = [
        store.ouvrir,
        store.chemin,
        store.existe,
        store.effacer,
        lambda key: store.ecrire(key, b"photo"),
        lambda key: store.deposer(key, draft),
    ]
    for gesture in gestures:
        with pytest.raises(ValueError, match="not a key"):
            gesture(cle)
    assert sorted(files_under(tmp_path)) == sorted([tmp_path / "x", draft])


def test_nobody_else_on_the_machine_can_read_a_photo(store: Local, tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        store.deposer(CLE, spool(store, b"photo"))
        store.ecrire("vsl/autre", b"photo")
    finally:
        os.umask(former)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "donnees").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert stat.S_IMODE((tmp_path / "donnees").stat().st_mode) == 0o700


def test_an_erased_file_is_gone_and_erasing_again_is_fine(store: Local) -> None:
    store.ecrire(CLE, b"photo")
    assert store.existe(CLE)
    store.effacer(CLE)
    store.effacer(CLE)
    assert not store.existe(CLE)
    for reading in (store.ouvrir, store.chemin):
        with pytest.raises(FileNotFoundError):
            reading(CLE)


def test_two_drafts_never_share_a_path() -> None:
    with TemporaryDirectory() as folder:
        store = Local(Path(folder))
        assert len({store.brouillon() for _ in range(100)}) == 100
