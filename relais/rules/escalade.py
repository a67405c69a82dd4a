"""The ladder: which paliers come next, when, and whom they tell. Pure: facts in, dates and recipients out."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from relais.rules.calendrier import Calendrier
from relais.rules.configuration import (
    Configuration,
    Delai,
    Destinataire,
    Instance,
    Palier,
    TypeInstance,
)
from relais.rules.delais import Unite, a_la_part, jours_ouvres_apres
from relais.rules.echelle import paliers

JOURS_DE_RETENUE = 15
"""How far ahead, in working days of the territoire, a dated next step may hold the instances' paliers."""

JOURS_D_AJOURNEMENT = 10
AJOURNEMENTS = 2
"""The pilote may put a decision off twice, each time by at most ten working days."""


@dataclass(frozen=True)
class EcheanceQuiCourt:
    """A délai not yet stopped, with the paliers its tour has already reached."""

    delai: Delai
    tour: int
    commence_le: datetime
    echeance: datetime
    unite: Unite
    calendrier: Calendrier
    atteints: frozenset[str]


@dataclass(frozen=True)
class PalierDu:
    """`prevu_le` is the ladder's date; `le` is later where a dated next step holds it."""

    delai: Delai
    tour: int
    palier: Palier
    prevu_le: datetime
    le: datetime

    @property
    def hauteur(self) -> tuple[int, int, int]:
        """To compare two paliers of one ticket: the later after the échéance the higher, then the weightier délai."""
        jours = -1 if self.palier.jours is None else self.palier.jours
        return jours, list(Delai).index(self.delai), self.palier.part or 0


def a_venir(
    courent: Iterable[EcheanceQuiCourt], configuration: Configuration, *, retenu_jusqu_a: datetime | None
) -> list[PalierDu]:
    """Every palier not reached yet, soonest first. `retenu_jusqu_a`: the announced next step; instances wait for it."""
    found = []
    for running in courent:
        for palier in paliers(configuration, running.delai):
            if palier.code in running.atteints:
                continue
            date = _date(running, palier, configuration.calendrier)
            held = palier.inscrire is not None and retenu_jusqu_a is not None and date < retenu_jusqu_a
            found.append(
                PalierDu(running.delai, running.tour, palier, date, retenu_jusqu_a if held and retenu_jusqu_a else date)
            )
    return sorted(found, key=lambda due: (due.le, due.hauteur))


def _date(running: EcheanceQuiCourt, palier: Palier, territoire: Calendrier) -> datetime:
    if palier.part is not None:
        date = a_la_part(running.commence_le, running.echeance, palier.part, running.unite, running.calendrier)
    elif palier.jours:
        date = jours_ouvres_apres(running.echeance, palier.jours, territoire)
    else:
        date = running.echeance
    return date.astimezone(UTC)  # two instants of one summer-time zone would be compared by their wall clocks


def destinataires(palier: Palier, *, danger: bool, sans_acteur: bool) -> tuple[Destinataire, ...]:
    """Who is told. A danger overdue goes at once to who can act tonight and to who decides.

    Without an acteur (`a_qualifier`), what was for the acteur falls to the pilotes: they alone can move the ticket.
    """
    told = list(palier.prevenir)
    if danger and palier.jours == 0:
        told += [Destinataire.ASTREINTE, Destinataire.PILOTES, Destinataire.DIRECTION_GENERALE]
    if sans_acteur:
        fallen = {Destinataire.ACTEUR, Destinataire.RESPONSABLE}
        told = [Destinataire.PILOTES if one in fallen else one for one in told]
    return tuple(dict.fromkeys(told))


def instance_visee(palier: Palier, configuration: Configuration, zones: Collection[str]) -> Instance | None:
    """The instance a palier names, or of the type it names: the one of the ticket's zone first, else one of no zone."""
    if palier.inscrire is None:
        return None
    if palier.inscrire in configuration.instance:
        return configuration.instance[palier.inscrire]
    of_type = [one for one in configuration.instances if one.type == palier.inscrire]
    return next((one for one in of_type if one.zone in zones), None) or next(
        (one for one in of_type if one.zone is None), None
    )


def decision_avant(configuration: Configuration, instance: Instance, inscrite_le: datetime) -> datetime | None:
    """Until when the pilote may decide; None where no decision is awaited. Counted in the territoire's calendar."""
    if instance.type is not TypeInstance.GUSP_DG:
        return None
    jours = configuration.sans_decision.jours
    return jours_ouvres_apres(inscrite_le, jours, configuration.calendrier).astimezone(UTC)
