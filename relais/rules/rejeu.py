"""One signalement routed twice: what was decided, what would be, and whether anything changes for anybody."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

from relais.rules.carte import Carte
from relais.rules.configuration import Competent, Configuration
from relais.rules.organisation import informes
from relais.rules.routage import Routage, router
from relais.rules.sejours import Fait


class Aspect(StrEnum):
    """What of a decision may change. RESPONSABLE: other people are asked."""

    RESPONSABLE = "responsable"
    INFORMES = "informes"
    COMPETENT = "competent"
    ZONES = "zones"


@dataclass(frozen=True)
class Decision:
    """To whom it goes: an acteur, nobody yet, or somebody elsewhere (`reoriente`, to `competent`); and why.

    `informes`, `zones`: codes. `du_journal`: as it was told at the time, when nobody wrote down who was `competent`.
    """

    acteur: str | None
    reoriente: bool = False
    regle: str | None = None
    emprise: str | None = None
    explication: str = ""
    informes: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    competent: Competent | None = None
    du_journal: bool = False

    @classmethod
    def of(cls, where: Routage, told: Iterable[str]) -> "Decision":
        return cls(
            where.acteur,
            where.hors_perimetre,
            where.regle,
            where.emprise,
            where.explication,
            frozenset(told),
            frozenset(where.zones),
            where.competent,
        )

    def differe(self, other: "Decision") -> Iterator[Aspect]:
        """Another rule that leads to the same is nobody's business but the town's."""
        if (self.acteur, self.reoriente) != (other.acteur, other.reoriente):
            yield Aspect.RESPONSABLE
        if self.informes != other.informes:
            yield Aspect.INFORMES
        if self.competent != other.competent and not (self.du_journal or other.du_journal):
            yield Aspect.COMPETENT
        if self.zones != other.zones:
            yield Aspect.ZONES


@dataclass(frozen=True)
class Recu:
    """What routing a signalement again needs of it, and who has it today."""

    numero: str
    theme: str
    constate_le: date
    lon: float
    lat: float
    precision_m: float | None
    aujourd_hui: str | None


@dataclass(frozen=True)
class Rejeu:
    recu: Recu
    avant: Decision
    apres: Decision

    @cached_property
    def aspects(self) -> tuple[Aspect, ...]:
        """What changes."""
        return tuple(self.avant.differe(self.apres))

    @property
    def change(self) -> bool:
        """It goes to somebody else."""
        return Aspect.RESPONSABLE in self.aspects

    @property
    def rejoint(self) -> bool:
        """The change goes where people have put it since."""
        return self.change and self.apres.acteur is not None and self.apres.acteur == self.recu.aujourd_hui


def rejouer(configuration: Configuration, carte: Carte, recu: Recu) -> Decision:
    """Who would answer for it, by that map on the day it was seen."""
    if recu.theme not in configuration.theme:
        return Decision(None, explication=f"Le thème « {recu.theme} » n'existe pas dans cette version.")
    where = router(
        configuration,
        carte,
        theme=recu.theme,
        lon=recu.lon,
        lat=recu.lat,
        precision_m=recu.precision_m,
        le=recu.constate_le,
    )
    return Decision.of(where, informes(configuration, where, theme=recu.theme))


def decide_alors(faits: Iterable[Fait], informes: Iterable[str], zones: Iterable[str]) -> Decision:
    """What the map said, then and at each correction: the réaffectations that people made since do not count."""
    acteur, reoriente = None, False
    for fait in faits:
        match fait.type:
            case "signalement.affecte":
                acteur, reoriente = fait.donnees.get("acteur"), False
            case "signalement.reoriente":
                acteur, reoriente = None, True
            case "signalement.corrige" if {"de", "a"} & fait.donnees.keys():
                acteur, reoriente = fait.donnees.get("a"), False
    return Decision(acteur, reoriente, informes=frozenset(informes), zones=frozenset(zones), du_journal=True)


def par_acteur(rejeux: Sequence[Rejeu]) -> Mapping[str | None, tuple[int, int]]:
    """How many each would lose, and how many it would gain, of these that change."""
    lost = Counter(one.avant.acteur for one in rejeux)
    gained = Counter(one.apres.acteur for one in rejeux)
    return {acteur: (lost[acteur], gained[acteur]) for acteur in sorted({*lost, *gained}, key=lambda one: one or "")}
