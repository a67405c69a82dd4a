"""The body of a creation and of a reading: the contract of samples §F."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, Strict
from pydantic.config import JsonDict

from api.schemas.commun import In, Instant, InstantIn, JourIn, Number, Out, Sentence, Short, Text
from api.schemas.photo import PHOTO_APRES, PhotoIn
from api.schemas.routage import CandidatOut
from relais.commands.verbes import Etape
from relais.rules.configuration import Delai, Domanialite, Nature, TypeZone
from relais.rules.depot import Depot
from relais.rules.statuts import Motif, Statut, Verbe
from relais.tables.echeance import EtatDelai
from relais.tables.photo import EtatPhoto, Phase

EXEMPLE: JsonDict = {
    "theme": "proprete.depot_sauvage",
    "description": "Matelas et deux fauteuils devant l'entrée B.",
    "constate_le": "2026-03-31T18:12:00+02:00",
    "position": {"lon": 0.41237, "lat": 48.10562, "precision_m": 12, "origine": "gps"},
    "lieu": {"adresse": "12 rue des Érables", "residence": "Résidence des Érables", "entree": "B"},
    "photos": [
        {
            "id": "019d44aa-da88-7d0e-8a55-0b7c3d9e6f10",
            "phase": "avant",
            "type": "image/jpeg",
            "octets": 412338,
            "sha256": "9f2c4e0b7a61d8355c0e9b1f4a7d2386e5b90c1f3a6d7e8849b2c05f1e7a3d64",
        }
    ],
    "source": "application",
}


class Origine(StrEnum):
    GPS = "gps"
    PHOTO = "photo"
    CARTE = "carte"
    ADRESSE = "adresse"


class PositionIn(In):
    lon: Annotated[Number, Field(ge=-180, le=180, description="Longitude, degrés WGS 84.")]
    lat: Annotated[Number, Field(ge=-90, le=90, description="Latitude, degrés WGS 84.")]
    precision_m: Annotated[Number, Field(ge=0, le=10_000, description="Rayon, mètres.")] | None = None
    origine: Origine | None = None


class LieuIn(In):
    adresse: Short | None = None
    residence: Short | None = None
    batiment: Short | None = None
    entree: Short | None = None
    etage: Short | None = None
    complement: Text | None = None


Reponse = Annotated[bool, Strict()] | Number | Text | list[Text]


class SignalementIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [EXEMPLE]})

    theme: Short
    constate_le: InstantIn
    position: PositionIn
    description: Text | None = None
    lieu: LieuIn | None = None
    questions: Annotated[dict[Short, Reponse], Field(max_length=50)] | None = None
    photos: Annotated[tuple[PhotoIn, ...], Field(max_length=50)] = ()
    source: Short = "application"

    def depot(self) -> Depot:
        return Depot(
            theme=self.theme,
            constate_le=self.constate_le,
            lon=self.position.lon,
            lat=self.position.lat,
            precision_m=self.position.precision_m,
            origine=self.position.origine,
            description=self.description,
            lieu=self.lieu.model_dump(exclude_none=True) if self.lieu else None,
            questions=self.questions,
            photos=tuple(photo.declared() for photo in self.photos),
            source=self.source,
        )


class RienIn(In):
    """Le verbe dit tout : `{}`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class EtapeIn(In):
    libelle: Short
    le: JourIn

    def etape(self) -> Etape:
        return Etape(self.libelle, self.le)


class ReponseIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "nature": "explicative",
                    "texte": "Benne commandée, passage le mardi 7 avril.",
                    "prochaine_etape": {"libelle": "Passage de la benne", "le": "2026-04-07"},
                }
            ]
        }
    )

    nature: Literal["operationnelle", "explicative"]
    texte: Text
    prochaine_etape: EtapeIn | None = None


class InterventionIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"commentaire": "Encombrants enlevés, sol nettoyé.", "nature": "durable", "photos": [PHOTO_APRES]}
            ]
        }
    )

    commentaire: Sentence
    nature: Literal["durable", "palliative"]
    photos: Annotated[tuple[PhotoIn, ...], Field(max_length=50)] = ()


class ReaffectationIn(In):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"motif": "Ce trottoir est à la Ville.", "acteur": "proprete"}]}
    )

    motif: Sentence
    acteur: Short | None = None


class ReouvertureIn(In):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"motif": "Toujours pas résolu", "commentaire": "Le matelas est encore là.", "photos": []}]
        }
    )

    motif: Sentence
    commentaire: Sentence
    photos: Annotated[tuple[PhotoIn, ...], Field(max_length=50)] = ()


class StatutOut(Out):
    code: Statut
    libelle: str
    depuis: Instant
    motif: Motif | None = None


class CodeEtLibelle(Out):
    code: str
    libelle: str


class PositionOut(Out):
    lon: float
    lat: float
    precision_m: float | None = None
    origine: str | None = None


class ZoneOut(Out):
    code: str
    type: TypeZone
    libelle: str


class ResponsableOut(Out):
    code: str
    nom: str
    telephone: str
    courriel: str


class RoutageOut(Out):
    explication: str
    incertain: bool
    domanialite: Domanialite
    regle: str | None = None
    emprise: str | None = None
    version: int
    candidats: list[CandidatOut] | None = None


class DelaiOut(Out):
    delai: Delai
    echeance: Instant
    etat: EtatDelai
    arrete_le: Instant | None = None
    nature: Nature
    source: str | None = None


class EtapeOut(Out):
    libelle: str
    le: date


class ReponseOut(Out):
    nature: str
    texte: str
    auteur: str
    le: Instant
    prochaine_etape: EtapeOut | None = None


class PhotoOut(Out):
    id: UUID
    phase: Phase
    etat: EtatPhoto
    motif: str | None = None
    largeur: int | None = None
    hauteur: int | None = None
    image: str | None = None
    vignette: str | None = None
    expire_le: Instant | None = None
    alt: str


class SignalementOut(Out):
    id: UUID
    numero: str
    statut: StatutOut
    theme: CodeEtLibelle
    description: str | None = None
    constate_le: Instant
    constate_corrige: bool | None = Field(
        None, description="Vrai : l'heure du téléphone avançait, celle de réception la remplace."
    )
    recu_le: Instant
    modifie_le: Instant
    position: PositionOut
    lieu: dict[str, str] | None = None
    questions: dict[str, Reponse] | None = None
    source: str
    zones: list[ZoneOut]
    responsable: ResponsableOut | None = None
    routage: RoutageOut
    delais: list[DelaiOut]
    en_retard: bool
    derniere_reponse: ReponseOut | None = None
    photos: list[PhotoOut]
    photos_manquantes: list[UUID]
    actions: list[Verbe]


class PageOut(Out):
    elements: list[SignalementOut]
    curseur_suivant: str | None = None


class EvenementOut(Out):
    id: UUID
    type: str
    le: Instant
    auteur: str
    donnees: dict[str, object]


class JournalOut(Out):
    elements: list[EvenementOut]
