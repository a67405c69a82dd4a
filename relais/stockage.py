"""Where the bytes of photos live. What is acknowledged is on disk, name and bytes."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import uuid4

# No segment starts with a dot: neither «..» nor a hidden file can be named.
_CLE = re.compile(r"[a-z0-9_-][a-z0-9_.-]*(/[a-z0-9_-][a-z0-9_.-]*)*")


class PlusDePlace(Exception):
    """The disk is full, or its quota; nothing was kept under the key."""


class Stockage(Protocol):
    """Bytes under a key: segments of a-z 0-9 - _ . separated by «/», else ValueError."""

    def brouillon(self) -> Path:
        """A fresh path, not created, to spool an upload before `deposer`; the caller removes what it abandons."""

    def deposer(self, cle: str, source: Path) -> None:
        """Take the file `source` away and keep it under the key; once this returns, a power cut loses nothing.

        The same again is harmless; other bytes replace the former ones in one step. Raises PlusDePlace, and then
        `source` is still there.
        """

    def ecrire(self, cle: str, octets: bytes) -> None:
        """Same promise as `deposer`, from memory."""

    def ouvrir(self, cle: str) -> BinaryIO:
        """Raises FileNotFoundError."""

    def chemin(self, cle: str) -> Path:
        """A local file with these bytes, to read and leave in place. Raises FileNotFoundError."""

    def existe(self, cle: str) -> bool: ...

    def effacer(self, cle: str) -> None:
        """Gone for good once this returns; a missing key is fine."""

    def cles(self, prefixe: str) -> Iterator[tuple[str, datetime]]:
        """Every key under that first segment, with the instant it was last written (real time)."""

    def balayer(self, age: timedelta) -> int:
        """Remove the drafts nobody has touched for that long: a killed process leaves its own. Returns how many."""


class Local:
    """Files under `racine / "fichiers"`, readable by our user alone; drafts beside them, on the same filesystem."""

    def __init__(self, racine: Path) -> None:
        self._racine = racine
        self._brouillons = racine / ".tmp"
        with no_space_is_refused():
            racine.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._brouillons.mkdir(mode=0o700, exist_ok=True)
            _sync(racine.parent)

    def brouillon(self) -> Path:
        return self._brouillons / uuid4().hex

    def deposer(self, cle: str, source: Path) -> None:
        cible = self._place(cle)
        with no_space_is_refused():
            try:
                self._settle(source, cible)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                with source.open("rb") as origin, self._draft() as (copy, file):
                    shutil.copyfileobj(origin, file)
                    file.flush()
                    self._settle(copy, cible)
                source.unlink()

    def ecrire(self, cle: str, octets: bytes) -> None:
        cible = self._place(cle)
        with no_space_is_refused(), self._draft() as (copy, file):
            file.write(octets)
            file.flush()
            self._settle(copy, cible)

    def ouvrir(self, cle: str) -> BinaryIO:
        return self._place(cle).open("rb")

    def chemin(self, cle: str) -> Path:
        return self._place(cle).resolve(strict=True)

    def existe(self, cle: str) -> bool:
        return self._place(cle).is_file()

    def effacer(self, cle: str) -> None:
        place = self._place(cle)
        if place.is_file():
            place.unlink(missing_ok=True)
            _sync(place.parent)

    def cles(self, prefixe: str) -> Iterator[tuple[str, datetime]]:
        racine = self._racine / "fichiers"
        for path in self._place(prefixe).rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file():
                    yield path.relative_to(racine).as_posix(), _written(path)

    def balayer(self, age: timedelta) -> int:
        swept = 0
        for draft in self._brouillons.iterdir():
            with suppress(FileNotFoundError):
                if _written(draft) < datetime.now(UTC) - age:
                    draft.unlink()
                    swept += 1
        return swept

    def _place(self, cle: str) -> Path:
        if not _CLE.fullmatch(cle):
            raise ValueError(f"not a key: {cle!r}")
        return self._racine / "fichiers" / cle

    @contextmanager
    def _draft(self) -> Iterator[tuple[Path, BinaryIO]]:
        path = self.brouillon()
        try:
            with path.open("xb") as file:
                yield path, file
        finally:
            path.unlink(missing_ok=True)

    def _settle(self, source: Path, cible: Path) -> None:
        """Bytes, then name, then every folder that leads to it: each is on disk before the next step relies on it."""
        source.chmod(0o600)
        _sync(source)
        folders = [cible.parent, *cible.parent.parents]
        folders = folders[: folders.index(self._racine) + 1]
        for folder in reversed(folders):
            folder.mkdir(mode=0o700, exist_ok=True)
        source.replace(cible)
        # All of them, not only those made here: another deposit may have just made one and not synced it yet.
        for folder in folders:
            _sync(folder)


@contextmanager
def no_space_is_refused() -> Iterator[None]:
    """Turn the system's «no space left» into PlusDePlace; also for whoever writes to a `brouillon`."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise PlusDePlace from error
        raise


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
