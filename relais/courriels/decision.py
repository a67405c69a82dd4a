"""An agenda, what the pilote may decide about it, and what happens without a decision."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Exists, exists, select

from relais.courriels.faits import Vue
from relais.db import Session
from relais.links import Choice
from relais.queries.dossier import Dossier
from relais.rules.acces import Role
from relais.rules.configuration import SansDecision
from relais.rules.escalade import AJOURNEMENTS
from relais.tables.envoi import Envoi, EtatEnvoi
from relais.tables.personne import Personne
from relais.tables.saisine import EtatSaisine, Saisine

CHOIX = {
    Choice.MOBILISER: ("Mobiliser l'instance", "le dossier part à ses membres"),
    Choice.AJOURNER: ("Ajourner", "motif et date"),
    Choice.RETIRER: ("Retirer de l'ordre du jour", "motif"),
}

ETATS = {
    EtatSaisine.MOBILISEE: "instance mobilisée",
    EtatSaisine.RETIREE: "retiré de l'ordre du jour",
    EtatSaisine.TRANSMISE: "transmis à la direction générale",
}


@dataclass(frozen=True)
class Inscription:
    """`avant` is None once decided; `decidee` then says what. `dg_sans_nouvelle`: nothing has reached it."""

    inscrite_le: datetime
    avant: datetime | None
    decidee: str | None
    choix: tuple[Choice, ...]
    transmettre: bool
    dg_sans_nouvelle: bool


def read_saisine(session: Session, id: str) -> Saisine:
    return session.get_one(Saisine, (session.territoire, UUID(id)))


def inscription(vue: Vue, file: Dossier, saisine: Saisine) -> Inscription:
    left = saisine.ajournements < AJOURNEMENTS
    choices = tuple(choice for choice in CHOIX if choice is not Choice.AJOURNER or left)
    return Inscription(
        inscrite_le=saisine.inscrite_le,
        avant=saisine.decision_avant,
        decidee=ETATS.get(saisine.etat),
        choix=choices if saisine.decision_avant else (),
        transmettre=file.born.configuration.sans_decision.faire is SansDecision.TRANSMETTRE,
        dg_sans_nouvelle=not vue.session.scalar(select(_told(saisine) | _decided(saisine))),
    )


def _told(saisine: Saisine) -> Exists:
    """The direction générale was written to about this ticket: a danger overdue goes to it at once."""
    return exists().where(
        Envoi.territoire_id == saisine.territoire_id,
        Envoi.signalement_id == saisine.signalement_id,
        Envoi.etat != EtatEnvoi.ANNULE,
        Personne.territoire_id == Envoi.territoire_id,
        Personne.id == Envoi.personne_id,
        Personne.role == Role.DIRECTION_GENERALE,
    )


def _decided(saisine: Saisine) -> Exists:
    """It was on that agenda before, and the file left."""
    return exists().where(
        Saisine.territoire_id == saisine.territoire_id,
        Saisine.signalement_id == saisine.signalement_id,
        Saisine.instance == saisine.instance,
        Saisine.etat.in_((EtatSaisine.MOBILISEE, EtatSaisine.TRANSMISE)),
    )
