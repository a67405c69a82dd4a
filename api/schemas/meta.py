"""What an app needs to show a form without a network."""

from pydantic import Field

from api.schemas.commun import Out
from relais.rules.configuration import Delai, Nature, Publication, RegleDePhoto, TypeQuestion, TypeZone

ARRET = "Qui donne cette réponse lit ce message, et ne signale rien : envoyée quand même, elle est refusée."


class DelaiAnnonceOut(Out):
    delai: Delai
    duree: str
    nature: Nature
    source: str | None = None


class ChoixOut(Out):
    code: str
    libelle: str
    arret: str | None = Field(None, description=ARRET)


class QuestionOut(Out):
    """`date` : un jour, `2026-04-07`. `oui_non` : un booléen. `choix` : un code ; `choix_multiple` : une liste."""

    code: str
    libelle: str
    type: TypeQuestion
    obligatoire: bool
    choix: list[ChoixOut] | None = None
    arret: str | None = Field(None, description=f"Pour le oui. {ARRET}")


class ThemeOut(Out):
    code: str
    libelle: str
    photo: RegleDePhoto
    photo_apres: bool
    interieur: bool
    danger: bool
    consigne: str | None = Field(None, description="À montrer avant tout le reste.")
    questions: list[QuestionOut]
    delais: list[DelaiAnnonceOut]
    delais_par_zone: dict[str, list[DelaiAnnonceOut]]


class ZoneMetaOut(Out):
    code: str
    nom: str
    type: TypeZone


class LimitesOut(Out):
    photos_max: int
    octets_par_photo_max: int
    types_de_photo: list[str]
    cote_conseille_px: int
    caracteres_max: int = Field(description="De la description, du complément d'un lieu, d'une réponse en texte.")
    caracteres_par_champ_de_lieu_max: int
    jours_apres_le_constat_max: int


class TerritoireOut(Out):
    code: str
    nom: str
    sigle: str
    fuseau: str
    publication: Publication
    bbox: tuple[float, float, float, float] | None = None


class MetaOut(Out):
    territoire: TerritoireOut
    version: int = Field(description="À renvoyer avec chaque signalement rempli d'après elle.")
    urgence: str = Field(description="Les numéros d'urgence : Relais n'en est pas un.")
    themes: list[ThemeOut]
    zones: list[ZoneMetaOut]
    limites: LimitesOut
    version_application_min: str
