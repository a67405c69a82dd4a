"""Photos on a disk of this machine."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO
from uuid import uuid4

from relais.stockage.protocole import Fichier, check_cle, disk_troubles, new_draft

KNOWN = 10_000
"""Folders known to be on disk for good. Each costs a sync the first time, some milliseconds, and 300 bytes."""


PRIVATE = 0o600


class Brouillons:
    """Files on their way in or out, in a folder of this machine, readable by our user alone."""

    def __init__(self, dossier: Path) -> None:
        self._brouillons = dossier
        with disk_troubles():
            dossier.mkdir(mode=0o700, parents=True, exist_ok=True)

    def brouillon(self) -> Path:
        return self._brouillons / uuid4().hex

    def balayer(self, age: timedelta) -> int:
        swept = 0
        with disk_troubles():
            for draft in self._brouillons.iterdir():
                with suppress(FileNotFoundError):
                    if _written(draft.stat()) < datetime.now(UTC) - age:
                        draft.unlink()
                        swept += 1
        return swept


class Local(Brouillons):
    """Files under `racine / "fichiers"`, readable by our user alone; drafts beside them, on the same filesystem."""

    def __init__(self, racine: Path) -> None:
        self._racine = racine
        self._settled: set[Path] = set()
        with disk_troubles():
            racine.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(racine.parent)
        super().__init__(racine / ".tmp")

    def deposer(self, cle: str, source: Path, *, neuf: bool = False) -> None:
        cible = self._place(cle)
        with disk_troubles():
            try:
                self._settle(source, cible, neuf=neuf)
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
        with disk_troubles(), self._draft() as (copy, file):
            file.write(octets)
            file.flush()
            self._settle(copy, cible)

    @contextmanager
    def emprunter(self, cle: str) -> Iterator[Path]:
        with disk_troubles(looking=True):
            path = self._place(cle).absolute()
            path.stat()
        yield path

    def existe(self, cle: str) -> bool:
        try:
            with disk_troubles(looking=True):
                return S_ISREG(self._place(cle).stat().st_mode)
        except FileNotFoundError:
            return False

    def effacer(self, cle: str) -> None:
        place = self._place(cle)
        with disk_troubles():
            try:
                place.unlink()
            except FileNotFoundError:
                return
            _sync(place.parent)

    def cles(self, prefixe: str) -> Iterator[Fichier]:
        racine = self._racine / "fichiers"
        with disk_troubles():
            for folder, _, names in os.walk(self._place(prefixe), onerror=_unless_missing):
                for path in (Path(folder, name) for name in names):
                    with suppress(FileNotFoundError):
                        seen = path.stat()
                        if S_ISREG(seen.st_mode):
                            yield Fichier(path.relative_to(racine).as_posix(), _written(seen), seen.st_size)

    def _place(self, cle: str) -> Path:
        return self._racine / "fichiers" / check_cle(cle)

    @contextmanager
    def _draft(self) -> Iterator[tuple[Path, BinaryIO]]:
        path = self.brouillon()
        try:
            with new_draft(path) as file:
                yield path, file
        finally:
            path.unlink(missing_ok=True)

    def _settle(self, source: Path, cible: Path, *, neuf: bool = False) -> None:
        """Bytes, then name, then every folder that leads to it: each is on disk before the next step relies on it.

        Under a new key the name goes first: the journal of the disk then writes both at once, not one after the other.
        """
        if source.stat().st_mode & 0o777 != PRIVATE:
            source.chmod(PRIVATE)
        if not neuf:
            _sync(source)
        unsure = [] if cible.parent in self._settled else self._make_all(cible)
        try:
            source.replace(cible)
        except FileNotFoundError:  # the folder was removed since
            unsure = self._make_all(cible)
            source.replace(cible)
        if neuf:
            _sync(cible)
        _sync(cible.parent)
        for folder in reversed(unsure):
            _sync(folder.parent)
        if len(self._settled) > KNOWN:
            self._settled.clear()
        self._settled.update(unsure)

    def _make_all(self, cible: Path) -> list[Path]:
        """The folders whose name may not be on disk yet."""
        return [folder for folder in self._folders(cible) if self._make(folder)]

    def _folders(self, cible: Path) -> list[Path]:
        """From the first under our root to the one it lies in."""
        above = [cible.parent, *cible.parent.parents]
        return above[above.index(self._racine) - 1 :: -1]

    def _make(self, folder: Path) -> bool:
        """Whether its name may not be on disk yet: made here, or by another deposit that has not synced it yet."""
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return folder not in self._settled
        return True


def _unless_missing(error: OSError) -> None:
    """A folder that cannot be read is not an empty one."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _written(seen: os.stat_result) -> datetime:
    return datetime.fromtimestamp(seen.st_mtime, UTC)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
