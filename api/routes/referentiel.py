"""The territoire as apps and maps read it: thèmes, who is responsible where, and the geometry. No token is needed."""

from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from shapely.geometry import shape

from api.deps import PublicDb, local
from api.geojson import CollectionOut, GeoJson, collection
from api.passages import prochain
from api.position import Lat, Lon, Precision, verifier
from api.problems import responses
from api.representation import Conditional, answer, send
from api.schemas.commun import JourIn
from api.schemas.meta import (
    ChoixOut,
    DelaiAnnonceOut,
    LimitesOut,
    MetaOut,
    QuestionOut,
    TerritoireOut,
    ThemeOut,
    ZoneMetaOut,
)
from api.schemas.routage import CandidatOut, ChaineOut, DecisionOut, ZoneDecisionOut, competent_out, informes_out
from api.theme import CodeDeTheme, theme_demande
from relais.media import FORMATS
from relais.queries.referentiel import Referentiel, referentiel
from relais.rules import couches, organisation, routage
from relais.rules.configuration import Configuration, Question, Theme
from relais.rules.depot import ANCIENNETE_MAX, CHAMP_MAX, OCTETS_MAX, PHOTOS_MAX, TEXTE_MAX
from relais.rules.engagements import promesses
from relais.rules.questions import URGENCE

router = APIRouter(prefix="/v1", tags=["referentiel"], responses=responses(400, 404, 422))

APP_MIN = "1.0"
COTE_CONSEILLE = 2048
"""Pixels a phone should shrink to before sending: 300 to 600 kB, sharper than what is kept."""


@router.get("/meta", response_model=MetaOut, dependencies=[Conditional])
def lire_meta(request: Request, db: PublicDb) -> Response:
    """Thèmes, délais annoncés, règles de photo, limites : de quoi remplir un formulaire hors connexion."""
    return send(request, answer(_meta(referentiel(db))), private=False)


def _meta(ref: Referentiel) -> MetaOut:
    configuration = ref.configuration
    return MetaOut(
        territoire=TerritoireOut(
            code=configuration.code,
            nom=configuration.nom,
            sigle=configuration.sigle,
            fuseau=configuration.calendrier.fuseau,
            publication=configuration.publication,
            bbox=shape(dict(configuration.contour)).bounds if configuration.contour else None,
        ),
        version=ref.version,
        urgence=URGENCE,
        themes=[_theme(configuration, theme) for theme in configuration.themes],
        zones=[ZoneMetaOut(code=zone.code, nom=zone.nom, type=zone.type) for zone in configuration.zones],
        limites=LimitesOut(
            photos_max=PHOTOS_MAX,
            octets_par_photo_max=OCTETS_MAX,
            types_de_photo=sorted(FORMATS),
            cote_conseille_px=COTE_CONSEILLE,
            caracteres_max=TEXTE_MAX,
            caracteres_par_champ_de_lieu_max=CHAMP_MAX,
            jours_apres_le_constat_max=ANCIENNETE_MAX.days,
        ),
        version_application_min=APP_MIN,
    )


def _theme(configuration: Configuration, theme: Theme) -> ThemeOut:
    return ThemeOut(
        code=theme.code,
        libelle=theme.libelle,
        photo=theme.photo,
        photo_apres=theme.photo_apres,
        interieur=theme.interieur,
        danger=theme.danger,
        consigne=theme.consigne,
        questions=[_question(question) for question in theme.questions],
        delais=_delais(configuration, theme.code, ()),
        delais_par_zone={zone.code: _delais(configuration, theme.code, (zone.code,)) for zone in configuration.zones},
    )


def _question(question: Question) -> QuestionOut:
    return QuestionOut(
        code=question.code,
        libelle=question.libelle,
        type=question.type,
        obligatoire=question.obligatoire,
        choix=[ChoixOut.model_validate(choix, from_attributes=True) for choix in question.choix] or None,
        arret=question.arret,
    )


def _delais(configuration: Configuration, theme: str, zones: tuple[str, ...]) -> list[DelaiAnnonceOut]:
    return [
        DelaiAnnonceOut(delai=delai, duree=str(promesse.duree), nature=promesse.nature, source=promesse.source)
        for delai, promesse in promesses(configuration, theme=theme, zones=zones).items()
    ]


@router.get("/routage", response_model_exclude_none=True)
def expliquer_routage(
    db: PublicDb,
    lon: Lon,
    lat: Lat,
    theme: CodeDeTheme,
    precision_m: Precision = None,
    date: Annotated[JourIn | None, Query(description="Le jour du constat ; aujourd'hui par défaut.")] = None,
) -> DecisionOut:
    """À qui est-ce, ici, et pourquoi ? Ne crée rien."""
    ref = referentiel(db)
    configuration = ref.configuration
    theme_demande(configuration, theme)
    verifier(ref.carte, lon, lat, precision_m)
    day = date or db.now.astimezone(local(db)).date()
    found = routage.router(configuration, ref.carte, theme=theme, lon=lon, lat=lat, precision_m=precision_m, le=day)
    acteur = configuration.acteur.get(found.acteur or "")
    told = organisation.informes(configuration, found, theme=theme) if acteur else ()
    above = organisation.chaine(configuration, theme=theme, zones=found.zones, acteur=found.acteur)
    return DecisionOut(
        acteur=acteur.code if acteur else None,
        nom=acteur.nom if acteur else None,
        telephone=acteur.telephone if acteur else None,
        courriel=acteur.courriel if acteur else None,
        hors_perimetre=found.hors_perimetre,
        explication=found.explication,
        regle=found.regle,
        emprise=found.emprise,
        domanialite=found.domanialite,
        zones=[ZoneDecisionOut(code=code, nom=configuration.zone[code].nom) for code in found.zones],
        incertain=found.incertain,
        candidats=[CandidatOut.model_validate(one, from_attributes=True) for one in found.candidats] or None,
        informes=informes_out(configuration.acteur[code] for code in told),
        competent=competent_out(found.competent),
        chaine=None if found.hors_perimetre else ChaineOut.model_validate(above, from_attributes=True),
        prochain_passage=prochain(configuration, theme=theme, lon=lon, lat=lat, apres=db.now),
        version=ref.version,
        date=day,
    )


@router.get("/zones.geojson", response_model=CollectionOut, response_class=GeoJson)
def lire_zones(db: PublicDb) -> GeoJson:
    """Les zones (quartiers, QPV), lisibles telles quelles dans uMap et QGIS."""
    return collection(one.feature() for one in couches.zones(referentiel(db).configuration))


@router.get("/emprises.geojson", response_model=CollectionOut, response_class=GeoJson)
def lire_emprises(db: PublicDb, date: JourIn | None = None) -> GeoJson:
    """Les emprises valides ce jour-là : à qui est le sol."""
    ref = referentiel(db)
    day = date or db.now.astimezone(local(db)).date()
    valid = (one for one in sorted(ref.carte.emprises, key=attrgetter("code")) if one.valide(day))
    return collection(one.feature() for one in couches.emprises(ref.configuration, valid))
