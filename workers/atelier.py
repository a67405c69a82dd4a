"""A process apart for pictures from strangers: what one does to its decoder is done there, alone, and not for long."""

import errno
import fcntl
import logging
import multiprocessing
import os
import resource
import signal
import weakref
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from pebble import ProcessExpired, ProcessPool

from relais.media import REPRENDRE, PhotoRefusee

TEMPS = 25.0
"""Seconds for one photo: near a hundred times what a phone's costs, and all its tries end within one lease."""

MEMOIRE = 520 * 1024 * 1024
"""Bytes of its own the process may ask for; with the libraries it maps it stays under 600 MB."""

TACHES = 200
"""Photos before a fresh process: what decoders leak goes with the old one."""

DEMARRAGE = 30.0
"""Seconds for a process to be there, on a machine that is busy."""

ESSAIS = 2
"""A first failure may be the machine's (memory short, a deploy); a second one is the photo's."""

_log = logging.getLogger("relais.atelier")
T = TypeVar("T")


class Atelier:
    """Started at the first task; gone when closed, dropped, or when whoever holds it dies, even by SIGKILL."""

    def __init__(self, *, temps: float = TEMPS) -> None:
        self._temps = temps
        self._seul = Lock()
        self._pool: ProcessPool | None = None
        self._arreter: weakref.finalize[[ProcessPool], Atelier] | None = None

    def faire(self, tache: Callable[..., T], *args: object) -> T:
        """What `tache(*args)` answers or raises, one at a time.

        One that does not end, crashes or asks for too much memory is killed and tried once more; then PhotoRefusee.
        """
        with self._seul:
            for essai in range(1, ESSAIS + 1):
                try:
                    answer = self._essayer(tache, args)
                except (TimeoutError, ProcessExpired, BrokenProcessPool) as trouble:
                    _log.warning("%s%r, try %d: %r", tache.__name__, args, essai, trouble)
                    self.close()
                else:
                    if isinstance(answer, _Raised):
                        raise answer.error
                    return answer
        raise PhotoRefusee("illisible", f"Cette photo demande trop de temps ou de mémoire pour être lue. {REPRENDRE}")

    def close(self) -> None:
        """What is under way is killed. The next task starts another process."""
        if self._arreter is not None:
            self._arreter()
        self._pool = self._arreter = None

    def _essayer(self, tache: Callable[..., T], args: tuple[object, ...]) -> "T | _Raised":
        future = self._ouvert().schedule(_executer, args=(tache, args), timeout=self._temps)
        answer: T | _Raised = future.result(self._temps + DEMARRAGE)
        return answer

    def _ouvert(self) -> ProcessPool:
        if self._pool is None:
            # Spawned: a fork of a process with threads and database connections is a copy of their locks too.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(max_workers=1, max_tasks=TACHES, initializer=_installer, context=context)
            self._arreter = weakref.finalize(self, _arreter, self._pool)
        return self._pool


def _arreter(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _installer() -> None:
    """The limits of the process, before it sees a photo."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMOIRE, MEMOIRE))
    # A crash leaves no citizen's picture in a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Killed by the system itself, at once: a handler of Python's waits for the decoder to come back.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _follow_the_worker()


def _follow_the_worker() -> None:
    """Die with it, in the middle of a decoder if need be: the system signals the end of the pipe that it holds."""
    worker = multiprocessing.parent_process()
    if worker is None:
        return
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(worker.sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(worker.sentinel, fcntl.F_SETFL, fcntl.fcntl(worker.sentinel, fcntl.F_GETFL) | os.O_ASYNC)


@dataclass(frozen=True)
class _Raised:
    """What the photo or the disk had to say. It comes back as an answer: only the pool's own troubles are raised."""

    error: Exception


def _executer(tache: Callable[..., T], args: tuple[object, ...]) -> T | _Raised:
    try:
        return tache(*args)
    except (PhotoRefusee, OSError) as error:
        return _Raised(error)
    except MemoryError:
        # The next try deserves a process that holds nothing.
        os._exit(errno.ENOMEM)
