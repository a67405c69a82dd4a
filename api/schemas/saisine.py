"""Instances, their agendas, and the pilote's decisions."""

from uuid import UUID

from pydantic import ConfigDict

from api.schemas.commun import In, Instant, JourIn, Out, Sentence
from relais.rules.configuration import Delai, TypeInstance
from relais.tables.saisine import EtatSaisine


class MobilisationIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"motif": "Quatrième dépôt depuis janvier."}]})

    motif: Sentence | None = None


class AjournementIn(In):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"motif": "Benne annoncée vendredi.", "jusqu_au": "2026-04-17"}]}
    )

    motif: Sentence
    jusqu_au: JourIn


class RetraitIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"motif": "Réglé avec le bailleur ce matin."}]})

    motif: Sentence


class InstanceOut(Out):
    code: str
    nom: str
    type: TypeInstance
    zone: str | None = None


class InstancesOut(Out):
    elements: list[InstanceOut]


class SaisineOut(Out):
    id: UUID
    instance: str
    signalement: UUID
    numero: str
    delai: Delai
    palier: str
    etat: EtatSaisine
    inscrite_le: Instant
    decision_avant: Instant | None = None
    ajournements: int
    motif: str | None = None
    decidee_le: Instant | None = None
    decidee_par: str | None = None


class OrdreDuJourOut(Out):
    instance: InstanceOut
    elements: list[SaisineOut]


class EscaladeOut(Out):
    signalement: UUID
    numero: str
    delai: Delai
    tour: int
    palier: str
    prevue_le: Instant
    declenchee_le: Instant


class EscaladesOut(Out):
    elements: list[EscaladeOut]
