"""Deliveries and the addresses partners listen at."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.schemas.commun import PHRASE, In, Instant, Out, Short, Storable
from relais.rules.evenements import CONTRAT
from relais.tables.envoi import Canal, EtatEnvoi


def _du_contrat(type_: str) -> str:
    if type_ not in CONTRAT:
        raise PydanticCustomError(PHRASE, "Aucun webhook ne porte d'événement de ce nom : voir /openapi.json.")
    return type_


TypeEcoute = Annotated[str, AfterValidator(_du_contrat), WithJsonSchema({"type": "string", "enum": list(CONTRAT)})]


class WebhookIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://partenaire.example/relais", "types": ["signalement.affecte"]}],
        }
    )

    url: Annotated[
        Storable, Field(min_length=1, max_length=500, description="https, port 443 ou 8443, une machine publique.")
    ]
    types: Annotated[tuple[TypeEcoute, ...], Field(max_length=50, description="Vide : tous les événements.")] = ()
    acteur: Short | None = None


class WebhookOut(Out):
    id: UUID
    url: str
    types: list[str]
    acteur: str | None = None
    actif: bool
    cree_le: Instant
    secret: str | None = Field(None, description="Montré à la création seulement.")


class WebhooksOut(Out):
    elements: list[WebhookOut]


class EnvoiOut(Out):
    id: UUID
    canal: Canal
    gabarit: str
    destinataire: str
    etat: EtatEnvoi
    signalement: UUID | None = None
    cree_le: Instant
    prochain_essai: Instant | None = None
    essais: int
    envoye_le: Instant | None = None
    reponse: int | None = None
    erreur: str | None = None


class EnvoisOut(Out):
    elements: list[EnvoiOut]
