"""What may be the same thing as what one is about to signal, or has."""

import datetime as dt
from uuid import UUID

from pydantic import Field

from api.schemas.commun import Out
from api.schemas.signalement import CodeEtLibelle
from relais.rules.statuts import Statut


class StatutProcheOut(Out):
    code: Statut
    libelle: str


class VignetteOut(Out):
    vignette: str
    alt: str


class ProcheOut(Out):
    """De celui qu'on ne peut pas lire, il n'y a que le thème, le statut, le jour et la distance."""

    id: UUID | None = None
    numero: str | None = None
    theme: CodeEtLibelle
    statut: StatutProcheOut
    distance_m: int
    recu_le: dt.date
    description: str | None = None
    photo: VignetteOut | None = None
    le_mien: bool
    peut_suivre: bool


class ProchesOut(Out):
    """Le plus proche d'abord. `rayon_m` et `jours` : jusqu'où l'on a cherché."""

    elements: list[ProcheOut]
    rayon_m: float = Field(description="Celui du thème, ou l'incertitude du téléphone si elle est plus grande (100 m).")
    jours: int
