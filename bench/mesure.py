"""What every measure shares: alternating rounds, medians, and a ratio against something of the same run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A ratio or a count, and what it must stay within; `plancher` a floor, `plafond` a ceiling."""

    nom: str
    valeur: float
    plancher: float | None = None
    plafond: float | None = None
    detail: str = ""

    @property
    def tenu(self) -> bool:
        above = self.plancher is None or self.valeur >= self.plancher
        return above and (self.plafond is None or self.valeur <= self.plafond)

    @property
    def cible(self) -> str:
        if self.plancher is not None:
            return f"≥ {self.plancher:g}"
        return f"≤ {self.plafond:g}" if self.plafond is not None else ""


def medians(rounds: int, candidates: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Each candidate answers its own cost. One round runs them all, so that a noisy neighbour hurts them alike."""
    costs: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, cost in candidates.items():
            costs[name].append(cost())
    return {name: median(seen) for name, seen in costs.items()}


def elapsed(act: Callable[[], object]) -> float:
    """Wall seconds."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def show(titre: str, figures: list[Figure]) -> bool:
    """Print the table; whether every figure holds."""
    table = Table("mesure", "valeur", "cible", "", "détail", title=titre, title_justify="left")
    for one in figures:
        table.add_row(one.nom, f"{one.valeur:.2f}", one.cible, "tenu" if one.tenu else "MANQUÉ", one.detail)
    Console(width=140).print(table)
    return all(one.tenu for one in figures)
