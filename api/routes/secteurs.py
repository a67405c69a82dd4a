"""Who passes where, and when next: the seminar's interactive map. No token is needed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date as Day  # noqa: N812 - `date` is the word of the address
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from api.deps import PublicDb
from api.geojson import CollectionOut, GeoJson, collection
from api.position import Lat, Lon, verifier
from api.problems import responses
from api.representation import Conditional, answer, send
from api.schemas.commun import JourIn
from api.schemas.secteurs import ActeurDuSecteurOut, DateDePassageOut, PassageOut, SecteurOut, SecteursOut
from relais.courriels.dates import Dates
from relais.courriels.passages import quand
from relais.errors import ChampInvalide, Fault
from relais.queries.referentiel import referentiel
from relais.rules import couches
from relais.rules.configuration import Configuration, Passage, Secteur
from relais.rules.rythme import Prochain, prochains

router = APIRouter(prefix="/v1", tags=["referentiel"], responses=responses(400, 404, 422))

PROCHAINS = 3

D_AVANCE = timedelta(days=2 * 366)
"""How far from today a day may be asked: what is computed for nobody costs as much as for somebody."""


@dataclass(frozen=True)
class _Mots:
    """Says what comes after an instant, and dates it from a day."""

    configuration: Configuration
    apres: datetime

    @property
    def jour(self) -> Day:
        return self.configuration.calendrier.jour(self.apres)

    def prochains(self, passage: Passage, combien: int) -> Iterable[tuple[Prochain, str]]:
        calendrier = self.configuration.calendrier
        for one in prochains(passage, self.apres, combien, calendrier):
            yield one, quand(passage, one, Dates(calendrier), self.jour)


@router.get("/secteurs", response_model=SecteursOut, dependencies=[Conditional])
def situer_secteurs(
    request: Request,
    db: PublicDb,
    lon: Lon,
    lat: Lat,
    date: Annotated[JourIn | None, Query(description="À partir de ce jour ; de maintenant par défaut.")] = None,
) -> Response:
    """Qui passe ici, pour quoi faire, et quand la prochaine fois."""
    ref = referentiel(db)
    verifier(ref.carte, lon, lat)
    words = _Mots(ref.configuration, _debut_de(date, db.now, ref.configuration.calendrier.zone))
    here = [_secteur(words, one) for one in ref.configuration.decoupage.en(lon, lat)]
    return send(request, answer(SecteursOut(elements=here, version=ref.version, date=words.jour)), private=False)


def _debut_de(date: Day | None, now: datetime, zone: ZoneInfo) -> datetime:
    if date is None:
        return now
    start = datetime.combine(date, time(), zone)
    if abs(start - now) > D_AVANCE:
        raise ChampInvalide(errors=(Fault("?date", "Demandez un jour à moins de deux ans d'aujourd'hui."),))
    return start


def _secteur(words: _Mots, secteur: Secteur) -> SecteurOut:
    return SecteurOut(
        code=secteur.code,
        nom=secteur.nom,
        acteur=ActeurDuSecteurOut.model_validate(words.configuration.acteur[secteur.acteur], from_attributes=True),
        prestations=list(secteur.prestations),
        rythme=secteur.rythme,
        passages=[_passage(words, one) for one in secteur.passages],
    )


def _passage(words: _Mots, passage: Passage) -> PassageOut:
    return PassageOut(
        prestation=passage.prestation,
        rythme=passage.texte,
        rrule=passage.rrule,
        a_partir_du=passage.a_partir_du,
        jours_feries=passage.feries,
        prochains=[
            DateDePassageOut(le=one.le, debut=one.debut, fin=one.fin, texte=said)
            for one, said in words.prochains(passage, PROCHAINS)
        ],
    )


@router.get("/secteurs.geojson", response_model=CollectionOut, response_class=GeoJson)
def lire_secteurs(db: PublicDb) -> GeoJson:
    """Les secteurs d'intervention : qui passe où, à quel rythme, et la prochaine fois. uMap les ouvre tels quels."""
    configuration = referentiel(db).configuration
    words = _Mots(configuration, db.now)
    return collection(
        replace(drawn, description="\n".join((drawn.description, *_a_venir(words, secteur)))).feature()
        for drawn, secteur in zip(couches.secteurs(configuration), configuration.secteurs, strict=True)
    )


def _a_venir(words: _Mots, secteur: Secteur) -> Iterable[str]:
    """« Prochain passage, encombrants : jeudi 23 avril, à partir de 6 h. », for each prestation that has one."""
    for passage in secteur.passages:
        for _, said in words.prochains(passage, 1):
            yield f"Prochain passage, {passage.prestation} : {said}."
