"""What a running `relais up` tells the commands beside it: its address, and where it catches mail.

A file of the data folder, true as long as its lock is held, so that a killed `up` announces nothing any more.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from relais.embedded import AlreadyUp
from relais.settings import Settings

FILE = "up.json"
READERS = 1
"""Seconds: who looks at the file holds it for microseconds, another `up` for its life."""


@dataclass(frozen=True)
class Annonce:
    pid: int
    url_publique: str
    smtp_url: str | None


@contextmanager
def announced(data_dir: Path, *, url_publique: str, smtp_url: str | None) -> Iterator[None]:
    """Raises AlreadyUp when another `up` was faster."""
    # «a» and not «w»: an `up` that is refused here must not empty the file of the one that runs.
    with (data_dir / FILE).open("a") as file:
        _lock(file)
        file.truncate(0)
        file.write(json.dumps(asdict(Annonce(os.getpid(), url_publique, smtp_url))))
        file.flush()
        yield
        file.truncate(0)


def _lock(file: IO[str]) -> None:
    deadline = time.monotonic() + READERS
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise AlreadyUp(f"Relais démarre déjà sur le dossier {Path(file.name).parent}.") from None
            time.sleep(0.02)


def read(data_dir: Path) -> Annonce | None:
    """None when no `relais up` runs on this folder, or is only starting."""
    try:
        file = (data_dir / FILE).open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read()
            return Annonce(**json.loads(text)) if text else None
    return None


def beside(chosen: Settings) -> Settings:
    """With the address and the mail catcher of the `relais up` that runs on this folder, if one does."""
    running = read(chosen.data_dir)
    if running is None:
        return chosen
    return chosen.model_copy(update={"url_publique": running.url_publique, "smtp_url": running.smtp_url})
