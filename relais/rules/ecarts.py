"""Where the map was wrong: the réaffectations of a period, emprise by emprise, and what would mend it.

Each is somebody's word against the map's. One proves little; five on one emprise, all towards the same acteur, are a
gestionnaire to correct.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from relais.rules.calendrier import Calendrier
from relais.rules.configuration import Configuration
from relais.rules.refus import Cause, MotifDeRenvoi, cause
from relais.rules.sejours import Issue, Sejour, Temps, detenteur, gardien, temps, temps_perdu

DERNIERS = 5
"""Signalements told of an emprise: enough to go and look."""


@dataclass(frozen=True)
class Deplacement:
    """From who had it wrongly to who keeps it. None: nobody could be named; nobody keeps it yet.

    `chez`: while nobody says that it keeps it, who has it.
    """

    de: str | None
    a: str | None
    chez: str | None = None


@dataclass(frozen=True)
class Rectification:
    """One signalement that people moved, `le` when.

    `perdu`: at the wrong acteur once that is agreed, then until somebody was named. Nothing for what accuses no map.
    """

    signalement: UUID
    emprise: str | None
    regle: str | None
    deplacement: Deplacement
    motif: str
    le: datetime
    perdu: Temps

    @property
    def accuse(self) -> Cause | MotifDeRenvoi | None:
        """What there is to mend: a position and a thème said wrong are not mended at the same place.

        Taken from an acteur for a reason that says nothing of the routing, nothing. Where nobody had been named, the
        map is short of somebody whatever the reason: Cause.AUCUNE.
        """
        found = cause(self.motif)
        if found is Cause.AUCUNE and self.deplacement.de is not None:
            return None
        return MotifDeRenvoi(self.motif) if found is Cause.CONSTAT else found


@dataclass(frozen=True)
class Ecart:
    """Of one emprise (None: ground absent from the map), most recent rectification first.

    `sur`: how many signalements of the period lie on it. `conseil`: how often, and what to look at if anything.
    """

    emprise: str | None
    rectifications: tuple[Rectification, ...]
    sur: int
    conseil: str

    @property
    def signalements(self) -> tuple[UUID, ...]:
        return tuple(dict.fromkeys(one.signalement for one in self.rectifications))

    @property
    def perdu(self) -> Temps:
        return sum((one.perdu for one in self.rectifications), Temps())

    @property
    def deplacements(self) -> Sequence[tuple[Deplacement, int]]:
        return Counter(one.deplacement for one in self.rectifications).most_common()

    @property
    def motifs(self) -> Sequence[tuple[str, int]]:
        return Counter(one.motif for one in self.rectifications).most_common()

    @property
    def regles(self) -> Sequence[tuple[str, int]]:
        return Counter(one.regle for one in self.rectifications if one.regle is not None).most_common()


def rectifications(
    signalement: UUID,
    stays: Sequence[Sejour],
    *,
    du: datetime,
    au: datetime,
    now: datetime,
    calendrier_de: Callable[[str | None], Calendrier],
) -> list[Rectification]:
    """The stays of one signalement that people ended in [du, au), less those it came back to: there the map was right.

    A correction of what was signalled ends a stay too, and accuses no map.
    """
    found = []
    for rank, stay in enumerate(stays):
        if stay.motif is None or stay.au is None or not du <= stay.au < au or _settling(stays, rank):
            continue
        kept = gardien(stays[rank + 1 :])
        if kept is not None and kept == stay.acteur:
            continue
        found.append(
            Rectification(
                signalement=signalement,
                emprise=stay.emprise,
                regle=stay.regle,
                deplacement=Deplacement(stay.acteur, kept, None if kept else detenteur(stays[rank + 1 :])),
                motif=stay.motif,
                le=stay.au,
                perdu=_perdu(stays[rank:], calendrier_de, now),
            )
        )
    return found


def _perdu(stays: Sequence[Sejour], calendrier_de: Callable[[str | None], Calendrier], now: datetime) -> Temps:
    """By the first of these stays: the verdict is that of the acteur's own times."""
    stay, *after = stays
    mine = calendrier_de(stay.acteur)
    if stay.acteur is None:
        return temps(stay, mine, jusqu_a=now)
    if not stay.a_tort:
        return Temps()
    waited = (temps(one, calendrier_de(None), jusqu_a=now) for one in after[:1] if one.acteur is None)
    return sum(waited, temps_perdu(stay, mine, jusqu_a=now))


def _settling(stays: Sequence[Sejour], rank: int) -> bool:
    """The pilote's hands, after an acteur's: that time is counted with what brought it there."""
    return stays[rank].acteur is None and rank > 0 and stays[rank - 1].issue in {Issue.REFUSE, Issue.REAFFECTE}


def ecarts(
    found: Iterable[Rectification],
    *,
    sur: Mapping[str | None, int],
    noms: Mapping[str, str],
    configuration: Configuration,
) -> list[Ecart]:
    """Most costly first: in working minutes, then in number of what accuses the map.

    `noms`: of the emprises that have one.
    """
    groups: dict[str | None, list[Rectification]] = {}
    for one in sorted(found, key=lambda one: one.le, reverse=True):
        groups.setdefault(one.emprise, []).append(one)
    made = []
    for emprise, group in groups.items():
        total = max(sur.get(emprise, 0), len({one.signalement for one in group}))
        where = f"L'emprise « {noms.get(emprise, emprise)} »" if emprise else "Le terrain absent de la carte"
        against = _accusing(group)
        constat, remede = _constat(against or group, total, configuration), _remede(emprise, against)
        made.append(Ecart(emprise, tuple(group), total, " : ".join(filter(None, (where, constat, remede))) + "."))
    return sorted(made, key=lambda one: (-one.perdu.ouvre, -len(_accusing(one.rectifications)), one.emprise or ""))


def _accusing(group: Sequence[Rectification]) -> list[Rectification]:
    return [one for one in group if one.accuse is not None]


def _constat(group: Sequence[Rectification], total: int, configuration: Configuration) -> str:
    """« 4 signalements sur 5 y ont changé de mains (Habitat Lisse → Direction de la voirie) »."""
    move, _ = Counter(one.deplacement for one in group).most_common(1)[0]
    moved = len({one.signalement for one in group if one.deplacement == move})
    to = _nom(move.a or move.chez, configuration, "à désigner") + (" (pas encore pris en charge)" if move.chez else "")
    who = f"{_nom(move.de, configuration, 'sans responsable')} → {to}"
    many = f"{moved} signalements sur {total} y ont" if moved > 1 else f"1 signalement sur {total} y a"
    return f"{many} changé de mains ({who})"


def _remede(code: str | None, group: Sequence[Rectification]) -> str | None:
    """Of those that accuse the map; None where none does."""
    if not group:
        return None
    if code is None:
        return "dessinez-y une emprise, ou écrivez une règle pour ce terrain"
    blamed, _ = Counter(one.accuse for one in group).most_common(1)[0]
    regle, _ = Counter(one.regle for one in group).most_common(1)[0]
    if blamed in REMEDES:
        return REMEDES[blamed]
    if blamed is Cause.REGLE:
        return f"vérifiez la règle {regle}" if regle else "écrivez une règle pour ce thème"
    if regle is None:
        return "donnez-lui un gestionnaire, ou écrivez une règle pour ce terrain"
    return f"vérifiez son gestionnaire, puis la règle {regle}"


REMEDES: Mapping[Cause | MotifDeRenvoi | None, str] = {
    Cause.CARTE: "vérifiez son gestionnaire",
    MotifDeRenvoi.MAUVAISE_POSITION: "vérifiez son contour",
    MotifDeRenvoi.MAUVAIS_THEME: "le thème est souvent mal choisi ; vérifiez son libellé",
}


def _nom(code: str | None, configuration: Configuration, sinon: str) -> str:
    acteur = configuration.acteur.get(code or "")
    return acteur.nom if acteur else code or sinon
