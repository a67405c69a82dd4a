"""Who is responsible here, and why."""

import datetime as dt
from collections.abc import Iterable

from pydantic import Field

from api.schemas.commun import Out
from api.schemas.secteurs import ProchainPassageOut
from relais.rules.configuration import Acteur, Competent, Domanialite, Modele
from relais.rules.organisation import Collectivite, Pilote


class CandidatOut(Out):
    acteur: str | None = None
    emprise: str
    domanialite: Domanialite
    distance_m: float


class ZoneDecisionOut(Out):
    code: str
    nom: str


class InformeOut(Out):
    """Prévenu, sans avoir rien à faire."""

    acteur: str
    nom: str


class CompetentOut(Out):
    """À qui s'adresser où la démarche ne va pas."""

    nom: str
    telephone: str | None = None
    courriel: str | None = None
    adresse: str | None = None


class ChaineOut(Out):
    """Au-dessus de l'acteur : qui pilote, et quelle direction générale siège en haut."""

    modele: Modele
    pilote: Pilote
    direction_generale: Collectivite


class DecisionOut(Out):
    acteur: str | None = None
    nom: str | None = None
    telephone: str | None = None
    courriel: str | None = None
    hors_perimetre: bool
    explication: str
    regle: str | None = None
    emprise: str | None = None
    domanialite: Domanialite
    zones: list[ZoneDecisionOut]
    incertain: bool
    candidats: list[CandidatOut] | None = None
    informes: list[InformeOut] | None = None
    competent: CompetentOut | None = None
    chaine: ChaineOut | None = Field(default=None, description="Absente hors du périmètre.")
    prochain_passage: ProchainPassageOut | None = None
    version: int
    date: dt.date


def informes_out(acteurs: Iterable[Acteur]) -> list[InformeOut] | None:
    return [InformeOut(acteur=one.code, nom=one.nom) for one in acteurs] or None


def competent_out(competent: Competent | None) -> CompetentOut | None:
    return CompetentOut.model_validate(competent, from_attributes=True) if competent else None
