"""Who had a signalement, from when to when, how that ended, and whether it should ever have gone there.

Indicators read these stays and not the life of the ticket: an acteur answers for its own hours. What others kept before
it, what the pilote took to settle, and what it held for nobody's good because the map was wrong, are not its delay.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from relais.rules.calendrier import Calendrier
from relais.rules.delais import minutes_ouvertes
from relais.rules.refus import Cause, cause


class Issue(StrEnum):
    EN_COURS = "en_cours"
    TRAITE = "traite"
    REFUSE = "refuse"  #: that acteur sent it back
    REAFFECTE = "reaffecte"  #: the pilote gave it to somebody else
    CORRIGE = "corrige"  #: another thème or position, and the map named somebody else
    FINI = "fini"  #: withdrawn, attached or sent elsewhere: it ended without being done


@dataclass(frozen=True)
class Fait:
    """A line of the journal."""

    le: datetime
    type: str
    donnees: Mapping[str, Any]


@dataclass(frozen=True)
class Sejour:
    """`acteur` None: in the pilote's hands. `au` None: it is still there. `motif`, `emprise` and `regle`: of its end.

    `choisi`: the pilote put it there. `engage_le`: when that acteur first answered, took it, or said that it was done.
    `a_tort`: it should never have been there, by its own word, and whoever kept it afterwards agrees. What it held
    after it engaged is its own all the same: a refusal on the last day does not buy back the others.
    """

    acteur: str | None
    du: datetime
    au: datetime | None = None
    issue: Issue = Issue.EN_COURS
    motif: str | None = None
    emprise: str | None = None
    regle: str | None = None
    choisi: bool = False
    engage_le: datetime | None = None
    a_tort: bool = False

    @property
    def garde(self) -> bool:
        """Whoever had it then accepts that it was theirs."""
        return (self.engage_le is not None or self.choisi) and self.issue not in {
            Issue.REFUSE,
            Issue.REAFFECTE,
            Issue.CORRIGE,
        }


@dataclass(frozen=True)
class Temps:
    """`ouvre`: minutes of a calendar."""

    reel: timedelta = timedelta()
    ouvre: int = 0

    def __add__(self, other: "Temps") -> "Temps":
        return Temps(self.reel + other.reel, self.ouvre + other.ouvre)


FINS = {
    "signalement.traite": Issue.TRAITE,
    "signalement.retire": Issue.FINI,
    "signalement.reoriente": Issue.FINI,
    "signalement.rattache": Issue.FINI,
}
RETOURS = frozenset({"signalement.rouvert", "signalement.detache"})
ENGAGEMENTS = frozenset({"signalement.pris_en_charge", "signalement.programme", "signalement.repondu"})
"""What stops the clock of `prise_en_charge`; a réponse too, where it is the acteur's and not the pilote's."""

SUIVIS = frozenset({"signalement.recu", "signalement.affecte", "signalement.reaffecte", *FINS, *RETOURS, *ENGAGEMENTS})
"""The types of event that say where a signalement is: no other line of the journal need be read."""


def sejours(faits: Iterable[Fait]) -> tuple[Sejour, ...]:
    """First to last, from the facts of one signalement in their order; those of other types are left out.

    It is always in somebody's hands until it ends: each stay begins as the one before does, or as it comes back.
    """
    found: list[Sejour] = []
    for fait in faits:
        if fait.type in FINS:
            _close(found, fait, FINS[fait.type])
        elif fait.type in RETOURS:
            found.append(Sejour(found[-1].acteur if found else None, fait.le))
        elif fait.type in ENGAGEMENTS and found:
            found[-1] = _engaged(found[-1], fait)
        elif fait.type == "signalement.recu":
            found.append(Sejour(None, fait.le))
        elif fait.type == "signalement.affecte":
            _close(found, fait, Issue.REAFFECTE)
            found.append(Sejour(fait.donnees.get("acteur"), fait.le))
        elif fait.type == "signalement.reaffecte":
            _close(found, fait, _issue(fait))
            par_le_pilote = fait.donnees.get("par") == "pilote"
            found.append(Sejour(fait.donnees.get("a"), fait.le, choisi=par_le_pilote and "a" in fait.donnees))
    stays = [stay for stay in found if stay.acteur is not None or stay.au != stay.du]
    return tuple(replace(stay, a_tort=_a_tort(stay, stays[rank + 1 :])) for rank, stay in enumerate(stays))


def _engaged(stay: Sejour, fait: Fait) -> Sejour:
    mine = fait.type != "signalement.repondu" or fait.donnees.get("acteur") == stay.acteur
    return replace(stay, engage_le=stay.engage_le or fait.le) if mine and stay.acteur is not None else stay


def _issue(fait: Fait) -> Issue:
    if "motif" not in fait.donnees:
        return Issue.CORRIGE
    return Issue.REAFFECTE if fait.donnees.get("par") == "pilote" else Issue.REFUSE


def _close(found: list[Sejour], fait: Fait, issue: Issue) -> None:
    if not found or found[-1].au is not None:
        return
    said = fait.donnees if issue in {Issue.REFUSE, Issue.REAFFECTE} else {}
    found[-1] = replace(
        found[-1],
        au=fait.le,
        issue=issue,
        motif=said.get("motif"),
        emprise=said.get("emprise"),
        regle=said.get("regle"),
        engage_le=found[-1].engage_le or (fait.le if issue is Issue.TRAITE else None),
    )


def _a_tort(stay: Sejour, after: Sequence[Sejour]) -> bool:
    """A correction shows it by itself, unless it comes back; a refusal needs somebody else who keeps it.

    Until then the acteur's word stands alone: were the ticket given back to it, its hours would be its own.
    """
    if stay.acteur is None:
        return False
    if stay.issue is Issue.CORRIGE:
        return (gardien(after) or detenteur(after)) != stay.acteur
    if stay.issue not in {Issue.REFUSE, Issue.REAFFECTE} or cause(stay.motif or "") is Cause.AUCUNE:
        return False
    return gardien(after) not in {None, stay.acteur}


def gardien(after: Iterable[Sejour]) -> str | None:
    """Who keeps it in the end, among these later stays; None while nobody says so."""
    return next((stay.acteur for stay in after if stay.acteur is not None and stay.garde), None)


def detenteur(after: Sequence[Sejour]) -> str | None:
    """Who has it now, among these later stays, or had it as it ended."""
    return after[-1].acteur if after else None


def temps(stay: Sejour, calendrier: Calendrier, *, jusqu_a: datetime) -> Temps:
    """How long it lasted; until `jusqu_a` where it has not ended."""
    return _entre(stay.du, stay.au or jusqu_a, calendrier)


def temps_perdu(stay: Sejour, calendrier: Calendrier, *, jusqu_a: datetime) -> Temps:
    """Of a stay that should not have been, what its acteur does not answer for; of any other, nothing."""
    return _entre(stay.du, _a_soi(stay, jusqu_a), calendrier)


def temps_de(acteur: str, stays: Iterable[Sejour], calendrier: Calendrier, *, jusqu_a: datetime) -> Temps:
    """What that acteur answers for: its own stays, less their `temps_perdu`. `calendrier`: its own."""
    mine = (stay for stay in stays if stay.acteur == acteur)
    return sum((_entre(_a_soi(stay, jusqu_a), stay.au or jusqu_a, calendrier) for stay in mine), Temps())


def _a_soi(stay: Sejour, jusqu_a: datetime) -> datetime:
    """From when it is its acteur's own time."""
    return (stay.engage_le or stay.au or jusqu_a) if stay.a_tort else stay.du


def _entre(du: datetime, au: datetime, calendrier: Calendrier) -> Temps:
    return Temps(au - du, minutes_ouvertes(du, au, calendrier))
