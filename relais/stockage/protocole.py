"""What a store promises, whichever it is."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

# No segment starts with a dot: neither «..» nor a hidden file can be named.
_CLE = re.compile(r"[a-z0-9_-][a-z0-9_.-]*(/[a-z0-9_-][a-z0-9_.-]*)*")


class PlusDePlace(Exception):
    """The disk or the bucket is full, or its quota; nothing was kept under the key."""


class StockageInjoignable(OSError):
    """The store does not answer, or not as it should: the same gesture may pass later."""


class StockageRefuse(SystemExit):
    """The store that was set cannot be used: its text, in French, says why and what to do, and ends the process."""


class Fichier(NamedTuple):
    """What is kept under a key: when it was last written (real time), and how many bytes."""

    cle: str
    ecrit_le: datetime
    octets: int


class Stockage(Protocol):
    """Bytes under a key: segments of a-z 0-9 - _ . separated by «/», else ValueError.

    Any gesture raises StockageInjoignable, an OSError, when the place itself fails.
    """

    def brouillon(self) -> Path:
        """A fresh path, not created, to spool an upload before `deposer`; the caller removes what it abandons."""

    def deposer(self, cle: str, source: Path, *, neuf: bool = False) -> None:
        """Take the file `source` away and keep it under the key; once this returns, a power cut loses nothing.

        `neuf`: nobody knows this key yet, and whatever a power cut leaves under it before this returns is nobody's.

        The same again is harmless; other bytes replace the former ones in one step. Raises PlusDePlace, and then
        `source` is still there; StockageInjoignable too when there is no such file, for it was in our own folder.
        """

    def ecrire(self, cle: str, octets: bytes) -> None:
        """Same promise as `deposer`, from memory."""

    def emprunter(self, cle: str) -> AbstractContextManager[Path]:
        """A local file with these bytes, to read and leave in place: it may be gone afterwards.

        Raises FileNotFoundError; PlusDePlace when the copy does not fit here.
        """

    def existe(self, cle: str) -> bool: ...

    def effacer(self, cle: str) -> None:
        """Gone for good once this returns; a missing key is fine."""

    def cles(self, prefixe: str) -> Iterator[Fichier]:
        """Everything under that first segment, in no order."""

    def balayer(self, age: timedelta) -> int:
        """Remove the drafts nobody has touched for that long: a killed process leaves its own. Returns how many."""


def is_cle(text: str) -> bool:
    return _CLE.fullmatch(text) is not None


def check_cle(cle: str) -> str:
    if not is_cle(cle):
        raise ValueError(f"not a key: {cle!r}")
    return cle


def new_draft(path: Path) -> BinaryIO:
    """Open it to write: born for our user alone, so that nothing of it changes when it is kept."""
    with disk_troubles():
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


@contextmanager
def disk_troubles(*, looking: bool = False) -> Iterator[None]:
    """The system's as ours: PlusDePlace when no space is left, else StockageInjoignable.

    For whoever writes to a `brouillon` too. `looking`: to find no file is an answer, and stays FileNotFoundError.
    """
    try:
        yield
    except StockageInjoignable:
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise PlusDePlace from error
        if looking and isinstance(error, FileNotFoundError):
            raise
        raise StockageInjoignable(str(error)) from error
