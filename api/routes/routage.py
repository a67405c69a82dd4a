"""What the town's réaffectations say of its map."""

from datetime import date, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from api.deps import Db, local
from api.filtres import Limite
from api.geojson import CollectionOut, GeoJson, collection, feature
from api.problems import responses
from api.schemas import correction_de_routage as schemas
from api.schemas.commun import JourIn
from relais.queries.correction_de_routage import JOURS_PAR_DEFAUT, Bilan, corrections_de_routage
from relais.rules.ecarts import DERNIERS, Ecart
from relais.rules.refus import en_clair

router = APIRouter(prefix="/v1/routage", tags=["referentiel"], responses=responses(401, 403, 422))

MINUTE = timedelta(minutes=1)

Du = Annotated[JourIn | None, Query(description=f"Premier jour ; par défaut {JOURS_PAR_DEFAUT} jours avant `au`.")]
Au = Annotated[JourIn | None, Query(description="Dernier jour, compris ; par défaut aujourd'hui.")]


@router.get("/corrections", response_model_exclude_none=True)
def lister_corrections(db: Db, du: Du = None, au: Au = None, limite: Limite = 50) -> schemas.CorrectionsOut:
    """Où la carte s'est trompée : les réaffectations, emprise par emprise, la plus coûteuse d'abord."""
    bilan, zone = _bilan(db, du, au, limite), local(db)
    return schemas.CorrectionsOut(
        du=bilan.periode.du, au=bilan.periode.au, elements=[_ecart(bilan, one, zone) for one in bilan.elements]
    )


@router.get("/corrections.geojson", response_model=CollectionOut, response_class=GeoJson)
def dessiner_corrections(db: Db, du: Du = None, au: Au = None, limite: Limite = 50) -> GeoJson:
    """Les mêmes, sur la carte : les emprises à vérifier, à ouvrir dans uMap ou QGIS."""
    bilan = _bilan(db, du, au, limite)
    drawn = ((one, bilan.emprises.get(one.emprise or "")) for one in bilan.elements)
    return collection(
        feature(
            emprise.geometrie,
            name=emprise.nom or emprise.code,
            description=one.conseil,
            code=emprise.code,
            signalements=len(one.signalements),
            sur=one.sur,
            minutes_ouvrees=one.perdu.ouvre,
        )
        for one, emprise in drawn
        if emprise is not None
    )


def _bilan(db: Db, du: date | None, au: date | None, limite: int) -> Bilan:
    return corrections_de_routage(db, caller=db.caller, du=du, au=au, limite=limite)


def _ecart(bilan: Bilan, ecart: Ecart, zone: ZoneInfo) -> schemas.EcartOut:
    return schemas.EcartOut(
        emprise=_emprise(bilan, ecart.emprise) if ecart.emprise else None,
        conseil=ecart.conseil,
        signalements=len(ecart.signalements),
        sur=ecart.sur,
        changements=len(ecart.rectifications),
        temps_perdu=schemas.TempsPerduOut(
            minutes_reelles=ecart.perdu.reel // MINUTE, minutes_ouvrees=ecart.perdu.ouvre
        ),
        deplacements=[
            schemas.DeplacementOut(de=one.de, a=one.a, chez=one.chez, nombre=n) for one, n in ecart.deplacements
        ],
        motifs=[schemas.MotifCompteOut(motif=one, libelle=en_clair(one), nombre=n) for one, n in ecart.motifs],
        regles=[schemas.RegleCompteeOut(regle=one, nombre=n) for one, n in ecart.regles],
        derniers=_derniers(bilan, ecart, zone),
    )


def _emprise(bilan: Bilan, code: str) -> schemas.EmpriseCorrigeeOut:
    known = bilan.emprises.get(code)
    if known is None:
        return schemas.EmpriseCorrigeeOut(code=code)
    return schemas.EmpriseCorrigeeOut(
        code=code, nom=known.nom, domanialite=known.domanialite, gestionnaire=known.gestionnaire
    )


def _derniers(bilan: Bilan, ecart: Ecart, zone: ZoneInfo) -> list[schemas.DernierOut]:
    """Each signalement once, by what last moved it."""
    last = {one.signalement: one for one in reversed(ecart.rectifications)}
    return [
        schemas.DernierOut(id=id, numero=bilan.numeros[id], le=last[id].le.astimezone(zone), motif=last[id].motif)
        for id in ecart.signalements[:DERNIERS]
    ]
