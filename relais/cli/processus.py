"""The processes a command runs: started so that they never outlive it, started again when they die, stopped in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Self

from relais.cli.affichage import alerte
from relais.cli.base import Arret
from relais.settings import Settings

STOP = 20
"""Seconds given to children to end what they hold; a worker's lease gives back what it could not."""
PAUSE_MIN, PAUSE_MAX, STABLE = 0.5, 30.0, 60.0
"""Seconds before a dead child is started again: doubled at each death, until one has lived `STABLE`."""
STILLBORN = 4
"""Deaths before the installation was ever ready: it never will be."""
TICK = 0.1

API = ("uvicorn", "api.app:create_app", "--factory", "--no-access-log", "--log-level", "warning")


def api_command(host: str, port: int) -> tuple[str, ...]:
    return (*API, "--host", host, "--port", str(port), "--timeout-graceful-shutdown", str(STOP // 2))


def environment(chosen: Settings, url: str) -> dict[str, str]:
    """What the API and the workers read: where this command found or put things, whatever it was told by options."""
    told = {
        "RELAIS_DATABASE_URL": url,
        "RELAIS_DATA_DIR": str(chosen.data_dir),
        "RELAIS_URL_PUBLIQUE": chosen.url_publique,
        "RELAIS_EXPEDITEUR": chosen.expediteur,
    }
    smtp = {"RELAIS_SMTP_URL": chosen.smtp_url} if chosen.smtp_url else {}
    return {**os.environ, **told, **smtp}


def start(command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """`python -m` of this command, in a session of its own (the terminal's Ctrl-C is for us alone to answer)."""
    # -P: neither this folder nor the current one may stand for a library.
    line = [sys.executable, "-P", str(Path(__file__).with_name("enfant.py")), *command]
    return subprocess.Popen(line, stdin=subprocess.PIPE, env=env, start_new_session=True)  # noqa: S603 - no shell


def run(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Its exit status; ended with us whatever happens."""
    with start(command, env) as process:
        try:
            return process.wait()
        finally:
            process.terminate()


class Interruption:
    """Whether somebody asked for the end: SIGTERM, Ctrl-C, a closed terminal. Asked, and never raised: what stops is
    then stopped in order, and nothing is left half started.
    """

    asked = False

    def __enter__(self) -> Self:
        kinds = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self._before = {kind: signal.signal(kind, self._ask) for kind in kinds}
        return self

    def __exit__(self, *_exception: object) -> None:
        for kind, handler in self._before.items():
            signal.signal(kind, handler)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True


class Enfant:
    """A process that has to be there. `nom` is what people read: « L'API »."""

    def __init__(self, nom: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.nom, self._command, self._env = nom, command, env
        self.deaths = 0
        self._again: float | None = None
        self._begin()

    def _begin(self) -> None:
        self._again, self._since = None, time.monotonic()
        self.process = start(self._command, self._env)

    def watch(self) -> None:
        """Start it again when it has died, after a pause."""
        now = time.monotonic()
        if self._again is not None:
            if now >= self._again:
                self._begin()
        elif (code := self.process.poll()) is not None:
            self._close()
            self.deaths = 1 if now - self._since > STABLE else self.deaths + 1
            pause = min(PAUSE_MAX, PAUSE_MIN * 2 ** (self.deaths - 1))
            self._again = now + pause
            alerte(f"{self.nom} s'est arrêté (code {code}) ; relancé dans {pause:g} s.")

    def stop(self, deadline: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0, deadline - time.monotonic()))
        if self.process.poll() is None:
            alerte(f"{self.nom} ne s'arrête pas : tué. Rien n'est perdu, ses baux expirent.")
            self.process.kill()
            self.process.wait()
        self._close()

    def _close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()


def until_ready(enfants: Sequence[Enfant], ready: Callable[[], bool], interruption: Interruption) -> bool:
    """False: the end was asked meanwhile. Raises Arret when a child dies again and again."""
    while not interruption.asked:
        if ready():
            return True
        for enfant in enfants:
            enfant.watch()
            if enfant.deaths == STILLBORN:
                raise Arret(f"{enfant.nom} ne démarre pas : la raison est ci-dessus.")
        time.sleep(TICK)
    return False


def keep(enfants: Sequence[Enfant], postgres: int | None, interruption: Interruption) -> None:
    """Until the end is asked. Raises Arret when the embedded PostgreSQL (its pid) is gone: nothing works without it."""
    while not interruption.asked:
        for enfant in enfants:
            enfant.watch()
        if postgres is not None:
            try:
                os.kill(postgres, 0)
            except ProcessLookupError:
                raise Arret("PostgreSQL s'est arrêté : voir postgres.log, puis relancez « relais up ».") from None
        time.sleep(TICK)


def stop(enfants: Sequence[Enfant]) -> None:
    """All at once, and each at most until the same deadline."""
    for enfant in enfants:
        enfant.process.terminate()
    deadline = time.monotonic() + STOP
    for enfant in enfants:
        enfant.stop(deadline)
