"""Where the map was wrong, as whoever keeps it reads it."""

import datetime as dt
from uuid import UUID

from pydantic import Field

from api.schemas.commun import Instant, Out
from relais.rules.configuration import Domanialite


class EmpriseCorrigeeOut(Out):
    code: str
    nom: str | None = None
    domanialite: Domanialite | None = Field(default=None, description="Absente : l'emprise n'est plus sur la carte.")
    gestionnaire: str | None = None


class DeplacementOut(Out):
    de: str | None = Field(default=None, description="L'acteur qui l'avait ; absent : personne n'était désigné.")
    a: str | None = Field(default=None, description="L'acteur qui le garde ; absent : personne ne l'a encore gardé.")
    chez: str | None = Field(
        default=None, description="Tant que personne ne l'a gardé, l'acteur qui l'a ; absent : il est au pilote."
    )
    nombre: int


class MotifCompteOut(Out):
    motif: str
    libelle: str
    nombre: int


class RegleCompteeOut(Out):
    regle: str
    nombre: int


class TempsPerduOut(Out):
    """Chez qui ne devait pas l'avoir, avant qu'il s'engage, une fois qu'un autre le garde ; puis sans responsable."""

    minutes_reelles: int
    minutes_ouvrees: int = Field(description="Aux horaires de qui l'avait.")


class DernierOut(Out):
    id: UUID
    numero: str
    le: Instant
    motif: str


class EcartOut(Out):
    emprise: EmpriseCorrigeeOut | None = Field(default=None, description="Absente : un terrain hors de la carte.")
    conseil: str
    signalements: int
    sur: int = Field(description="Signalements de la période sur ce terrain.")
    changements: int = Field(description="Fois où l'un d'eux a changé de mains.")
    temps_perdu: TempsPerduOut
    deplacements: list[DeplacementOut]
    motifs: list[MotifCompteOut]
    regles: list[RegleCompteeOut]
    derniers: list[DernierOut]


class CorrectionsOut(Out):
    du: dt.date
    au: dt.date
    elements: list[EcartOut]
