"""The body of a creation and of a reading: the contract of samples §F."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError, PydanticKnownError

from api.schemas.commun import PHRASE, In, Instant, InstantIn, JourIn, Number, Out, Rank, Sentence, Short, Text, filled
from api.schemas.photo import PHOTO_APRES, PhotoIn
from api.schemas.publication import PublicationOut
from api.schemas.routage import CandidatOut, CompetentOut, InformeOut
from api.schemas.secteurs import ProchainPassageOut
from relais.commands.verbes import Etape
from relais.rules.configuration import Delai, Domanialite, Nature, TypeZone
from relais.rules.depot import SOURCE, Correction, Depot, Position
from relais.rules.questions import QUESTIONS_MAX, repondues
from relais.rules.refus import RENVOIS, MotifDeRenvoi
from relais.rules.statuts import Motif, Statut, Verbe
from relais.tables.echeance import EtatDelai
from relais.tables.photo import EtatPhoto, Phase

T = TypeVar("T")

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

    def dite(self) -> Position:
        return Position(self.lon, self.lat, self.precision_m, self.origine)


class LieuIn(In):
    """Ce qu'un passant dirait. Un champ vide est un champ absent."""

    adresse: Short | None = None
    residence: Short | None = None
    batiment: Short | None = None
    entree: Short | None = None
    etage: Short | None = None
    complement: Text | None = None

    def dit(self) -> dict[str, str]:
        return self.model_dump(exclude_none=True)


Lieu = Annotated[LieuIn, BeforeValidator(filled)]


def _une_reponse(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """One fault at the question, where Pydantic would tell one for each type that an answer might have had."""
    try:
        return read(value)
    except ValidationError as wrong:
        for one in wrong.errors():  # of the type it has, and wrong all the same
            if one["type"] == "string_too_long":
                raise PydanticKnownError("string_too_long", one["ctx"]) from wrong
            if one["type"] == "value_error":
                raise one["ctx"]["error"] from wrong
        told = "Répondez par un texte, un nombre, oui (true) ou non (false), ou une liste de choix."
        raise PydanticCustomError(PHRASE, told) from wrong


Reponse = Annotated[bool, Strict()] | Number | Text | list[Text]
Reponses = Annotated[
    dict[Short, Annotated[Reponse | None, WrapValidator(_une_reponse)]], Field(max_length=QUESTIONS_MAX)
]


class SignalementIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [EXEMPLE]})

    theme: Short
    constate_le: InstantIn
    position: PositionIn
    description: Text | None = None
    lieu: Lieu | None = None
    questions: Reponses | None = None
    photos: Annotated[tuple[PhotoIn, ...], Field(max_length=50)] = ()
    source: Short = SOURCE
    version: Rank | None = Field(
        None,
        description="La `version` de `/v1/meta` qui a servi à remplir : les réponses sont lues d'après elle, si elle "
        "avait encore cours au moment du constat.",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_where_empty(cls, said: object) -> object:
        return filled(said)

    def depot(self) -> Depot:
        return Depot(
            theme=self.theme,
            constate_le=self.constate_le,
            lon=self.position.lon,
            lat=self.position.lat,
            precision_m=self.position.precision_m,
            origine=self.position.origine,
            description=_dite(self.description),
            lieu=(self.lieu.dit() or None) if self.lieu else None,
            questions=repondues(self.questions),
            photos=tuple(photo.declared() for photo in self.photos),
            source=self.source,
            version=self.version,
        )


def _dite(description: str | None) -> str | None:
    return description if description and description.strip() else None


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
        json_schema_extra={
            "examples": [
                {"motif": "pas_mon_terrain", "commentaire": "Ce trottoir est à la Ville.", "acteur": "proprete"}
            ]
        }
    )

    motif: MotifDeRenvoi = Field(
        description=" ; ".join(
            f"`{code}` : {one.libelle}{' (pilote seul)' if one.au_pilote else ''}" for code, one in RENVOIS.items()
        )
    )
    commentaire: Sentence | None = Field(default=None, description="Obligatoire avec `autre`.")
    acteur: Short | None = None


class CorrectionIn(In):
    """Ce qui change. `lieu` et `questions` se remplacent en entier : `{}` les efface, comme `""` la description."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"position": {"lon": 0.41312, "lat": 48.105424, "origine": "carte"}}]}
    )

    theme: Short | None = None
    position: PositionIn | None = None
    lieu: Lieu | None = None
    description: Text | None = None
    questions: Reponses | None = None

    def correction(self) -> Correction:
        return Correction(
            theme=self.theme,
            position=self.position.dite() if self.position else None,
            lieu=self.lieu.dit() if self.lieu else None,
            description=None if self.description is None else _dite(self.description) or "",
            questions=None if self.questions is None else repondues(self.questions) or {},
        )


class RetraitDuSignalementIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"motif": "Les encombrants ont été repris ce matin."}]})

    motif: Sentence


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


class PointOut(Out):
    lon: float
    lat: float


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
    informes: list[InformeOut] | None = Field(default=None, description="Prévenus, sans avoir rien à faire.")
    competent: CompetentOut | None = Field(default=None, description="Réorienté : à qui s'adresser.")


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
    publiee: bool | None = Field(default=None, description="Tout le monde la voit. Absent de la lecture publique.")
    largeur: int | None = None
    hauteur: int | None = None
    image: str | None = None
    vignette: str | None = None
    expire_le: Instant | None = None
    blurhash: str | None = Field(default=None, description="De quoi en montrer une ombre avant son premier octet.")
    alt: str
    position_proposee: PointOut | None = Field(
        default=None, description="Où elle dit avoir été prise : à son auteur seul, un jour durant."
    )


def _range(said: dict[str, T]) -> dict[str, T]:
    """PostgreSQL has its own order of keys: just written or read back, the same thing has the same bytes and ETag."""
    return dict(sorted(said.items()))


class SuiviOut(Out):
    """D'un doublon, c'est celui qui parle pour lui que l'on suit."""

    je_suis: bool
    nombre: int | None = Field(default=None, description="Combien de personnes sont prévenues, son auteur compris.")


class PrincipalOut(Out):
    """Celui qui parle pour un doublon : où il en est, et rien de ce que son auteur a écrit."""

    id: UUID | None = Field(default=None, description="Pour qui peut le lire.")
    numero: str
    statut: StatutOut
    responsable: ResponsableOut | None = None
    delais: list[DelaiOut]


class DoublonsOut(Out):
    nombre: int = Field(description="Les signalements qui lui sont rattachés.")
    declarants: int = Field(description="Les personnes différentes qui l'ont signalé en tout.")


class RecurrenceOut(Out):
    """Revenu : la même chose, au même endroit, après une intervention."""

    de: str = Field(description="Le numéro du dernier qui y a été traité.")
    jours: int = Field(description="Entre cette intervention et la réception de celui-ci.")
    fois: int = Field(description="Combien y ont été traités pendant la fenêtre du thème.")


class DoublonsPossiblesOut(Out):
    nombre: int
    proches: str = Field(description="Où les lire.", examples=["/v1/signalements/019d…/proches"])


class RattachementIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"signalement": "019d44aa-d6a0-7a31-9c2b-5f1d8e0a7b42"}]})

    signalement: UUID = Field(description="Celui qui parlera pour les deux.")


class SignalementOut(Out):
    """À qui n'en voit que ce qui est publié, `lieu`, `questions`, `source`, `routage` et `publication` manquent."""

    id: UUID
    numero: str
    statut: StatutOut
    theme: CodeEtLibelle
    description: str | None = None
    constate_le: Instant
    constate_corrige: bool | None = Field(
        default=None, description="Vrai : l'heure du téléphone avançait, celle de réception la remplace."
    )
    recu_le: Instant
    modifie_le: Instant
    position: PositionOut
    lieu: Annotated[dict[str, str], AfterValidator(_range)] | None = None
    questions: Annotated[dict[str, Reponse], AfterValidator(_range)] | None = None
    source: str | None = None
    zones: list[ZoneOut]
    responsable: ResponsableOut | None = None
    routage: RoutageOut | None = None
    prochain_passage: ProchainPassageOut | None = None
    delais: list[DelaiOut]
    en_retard: bool
    derniere_reponse: ReponseOut | None = None
    photos: list[PhotoOut]
    photos_manquantes: list[UUID]
    actions: list[Verbe]
    publication: PublicationOut | None = Field(default=None, description="Absent : tout le monde ne peut pas le lire.")
    suivi: SuiviOut | None = Field(default=None, description="À qui a un compte.")
    doublon_de: PrincipalOut | None = None
    doublons: DoublonsOut | None = Field(default=None, description="Absent : aucun.")
    recurrence: RecurrenceOut | None = Field(default=None, description="À son acteur, et à qui voit tout.")
    doublons_possibles: DoublonsPossiblesOut | None = Field(
        default=None, description="En réponse à l'envoi seul. Rien n'est regroupé de soi-même."
    )


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
