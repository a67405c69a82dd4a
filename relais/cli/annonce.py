"""What a running `relais up` tells the commands beside it: its address, and where it catches mail.

A file of the data folder, true as long as its lock is held, so that a killed `up` announces nothing any more.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "up.json"


@dataclass(frozen=True)
class Annonce:
    pid: int
    url_publique: str
    smtp_url: str | None


@contextmanager
def announced(data_dir: Path, *, url_publique: str, smtp_url: str | None) -> Iterator[None]:
    # «a» and not «w»: another `up` that is refused here must not empty the file of the one that runs.
    with (data_dir / FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(json.dumps(asdict(Annonce(os.getpid(), url_publique, smtp_url))))
        file.flush()
        yield
        file.truncate(0)


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
