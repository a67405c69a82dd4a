"""What an app needs to show a form without a network."""

from api.schemas.commun import Out
from relais.rules.configuration import Delai, Nature, RegleDePhoto, TypeZone


class DelaiAnnonceOut(Out):
    delai: Delai
    duree: str
    nature: Nature
    source: str | None = None


class ThemeOut(Out):
    code: str
    libelle: str
    photo: RegleDePhoto
    photo_apres: bool
    interieur: bool
    danger: bool
    consigne: str | None = None
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


class TerritoireOut(Out):
    code: str
    nom: str
    sigle: str
    fuseau: str
    bbox: tuple[float, float, float, float] | None = None


class MetaOut(Out):
    territoire: TerritoireOut
    version: int
    themes: list[ThemeOut]
    zones: list[ZoneMetaOut]
    limites: LimitesOut
    version_application_min: str
