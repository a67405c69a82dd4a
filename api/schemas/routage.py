"""Who is responsible here, and why."""

import datetime as dt

from api.schemas.commun import Out
from relais.rules.configuration import Domanialite


class CandidatOut(Out):
    acteur: str | None = None
    emprise: str
    domanialite: Domanialite
    distance_m: float


class ZoneDecisionOut(Out):
    code: str
    nom: str


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
    version: int
    date: dt.date
