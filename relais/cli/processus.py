"""The processes a command runs: never outliving it, started again when they die, stopped in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, Self

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


def become(command: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    line = [sys.executable, "-P", "-m", *command]
    os.execve(sys.executable, line, dict(env))  # noqa: S606 - no shell


class Interruption:
    """Whether somebody asked for the end: SIGTERM, Ctrl-C, a closed terminal.

    Asked, and never raised: everything is then stopped in its order, and nothing is left half started.
    """

    asked = False

    def __enter__(self) -> Self:
        kinds = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        # Under nohup, or behind a script's «&», whoever started us wants some of them ignored.
        heard = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]
        self._before = {kind: signal.signal(kind, self._ask) for kind in heard}
        return self

    def __exit__(self, *_exception: object) -> None:
        for kind, handler in self._before.items():
            signal.signal(kind, handler)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True


def follow(command: Sequence[str], env: Mapping[str, str], interruption: Interruption) -> int:
    """Run it to its end, or to ours, which is 0; its exit status otherwise."""
    process = start(command, env)
    try:
        while (status := process.poll()) is None and not interruption.asked:
            time.sleep(TICK)
    finally:
        end(process)
    return status or 0


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL where it was not heard; nothing to a process that has ended."""
    process.terminate()
    _reap(process, time.monotonic() + STOP)


def _reap(process: subprocess.Popen[bytes], by: float) -> bool:
    """Its end, asked for already, by that time of the monotonic clock. False: it had to be killed."""
    try:
        process.wait(max(0.0, by - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    finally:
        if process.stdin is not None:
            process.stdin.close()
    return True


class Enfant:
    """A process that has to be there. `nom` is what people read: « API »."""

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
            end(self.process)
            self.deaths = 1 if now - self._since > STABLE else self.deaths + 1
            pause = min(PAUSE_MAX, PAUSE_MIN * 2 ** (self.deaths - 1))
            self._again = now + pause
            alerte(f"Arrêt inattendu : {self.nom} (code {code}) ; nouvel essai dans {pause:g} s.")


def until_ready(enfants: Sequence[Enfant], ready: Callable[[], bool], interruption: Interruption) -> bool:
    """False: the end was asked meanwhile. Raises Arret when a child dies again and again."""
    while not interruption.asked:
        if ready():
            return True
        for enfant in enfants:
            enfant.watch()
            if enfant.deaths == STILLBORN:
                raise Arret(f"{enfant.nom} : ne démarre pas. La raison est écrite ci-dessus.")
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
    by = time.monotonic() + STOP
    for enfant in enfants:
        if not _reap(enfant.process, by):
            alerte(f"{enfant.nom} : pas d'arrêt en {STOP} s, tué. Rien n'est perdu : ses baux expirent.")
