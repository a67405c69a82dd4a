"""Deliveries and the addresses partners listen at."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator

from api.schemas.commun import In, Instant, Out, Short
from relais.tables.envoi import Canal, EtatEnvoi


class WebhookIn(In):
    url: Annotated[str, Field(max_length=500, examples=["https://partenaire.example/relais"])]
    types: Annotated[tuple[Short, ...], Field(max_length=50, description="Vide : tous les événements.")] = ()
    acteur: Short | None = None

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")) or any(c.isspace() or ord(c) < ord(" ") for c in url):
            raise ValueError("écrivez une adresse https:// complète")
        return url


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
