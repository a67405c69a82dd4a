"""A store of photos that was asked, and does not answer until it is told to."""

from pathlib import Path
from threading import Event

from relais.stockage import Local


class Muet(Local):
    def __init__(self, racine: Path) -> None:
        super().__init__(racine)
        self.asked, self.answers = Event(), Event()

    def deposer(self, cle: str, source: Path, *, neuf: bool = False) -> None:
        self._wait()
        super().deposer(cle, source, neuf=neuf)

    def ecrire(self, cle: str, octets: bytes) -> None:
        self._wait()
        super().ecrire(cle, octets)

    def _wait(self) -> None:
        self.asked.set()
        assert self.answers.wait(30)
