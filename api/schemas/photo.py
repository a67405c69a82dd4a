"""A photo as it is announced: what it will be, before any of its bytes."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from api.schemas.commun import PHRASE, In, Out, Rank, Short, filled
from relais.media import FORMATS, refus_de_type
from relais.rules.depot import PhotoDeclaree
from relais.tables.photo import EtatPhoto, Phase

PHOTO_APRES: JsonDict = {
    "id": "019d44b0-11c2-7f60-a0d4-93e1b7c25a68",
    "phase": "apres",
    "type": "image/jpeg",
    "octets": 380211,
    "sha256": "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce",
}


# The contract does not depend on what is installed: /v1/meta tells which of them this server reads.
TypeDePhoto = Literal["image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"]


def _lisible(media_type: object) -> object:
    if isinstance(media_type, str) and media_type not in FORMATS:
        raise PydanticCustomError(PHRASE, refus_de_type(media_type))
    return media_type


class PhotoIn(In):
    id: UUID
    phase: Phase = Phase.AVANT
    type: Annotated[TypeDePhoto, BeforeValidator(_lisible)] = "image/jpeg"
    octets: Rank
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Hexadécimal, minuscules.")]
    alt: Short | None = None

    @model_validator(mode="before")
    @classmethod
    def _default_where_empty(cls, said: object) -> object:
        return filled(said)

    def declared(self) -> PhotoDeclaree:
        return PhotoDeclaree(self.id, self.phase, self.type, self.octets, self.sha256, self.alt)


class PhotoDeSignalementOut(Out):
    id: UUID
    phase: Phase
    etat: EtatPhoto
    motif: str | None = None


class PhotosOut(Out):
    """Le signalement réduit à ce que change l'arrivée d'une photo : quelques octets, quand chacun compte."""

    id: UUID
    numero: str
    photos: list[PhotoDeSignalementOut]
    photos_manquantes: list[UUID]
