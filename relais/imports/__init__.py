"""Files people write → checked values. Writes nothing, knows no SQL.

A reading finds every fault of a file before it refuses it: whoever keeps the file corrects it in one go.
"""

from dataclasses import dataclass
from pathlib import Path


class Illisible(ValueError):
    """A word or a shape that cannot be understood. Its text, in French, completes « ligne 12, acteurs[1].type : … »."""


@dataclass(frozen=True)
class Faute:
    """What is wrong, where, and what to do about it.

    `ligne` counts from 1; None where the format has no lines worth citing (a GeoJSON on one line). `chemin` counts
    elements from 1, as people do: `acteurs[2].courriel` is the second acteur's.
    """

    ligne: int | None
    chemin: str
    raison: str

    def __str__(self) -> str:
        ou = ", ".join(filter(None, (f"ligne {self.ligne}" if self.ligne else "", self.chemin)))
        return f"{ou} : {self.raison}" if ou else self.raison


class FichierRefuse(Exception):
    """A file with faults yields nothing. `fautes`: all of them, in the order of the lines."""

    def __init__(self, fichier: Path, *fautes: Faute) -> None:
        self.fichier = fichier
        self.fautes = tuple(sorted(fautes, key=lambda faute: faute.ligne or 0))
        super().__init__("\n".join([f"{fichier} est refusé :", *map(str, self.fautes)]))
