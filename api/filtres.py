"""What a list of signalements may be asked, read from the address: the same for the JSON and for the map."""

import math
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from api.schemas.commun import InstantIn, Storable
from api.schemas.signalement import SignalementOut
from relais.errors import BadRequest, ChampInvalide, Fault
from relais.queries.signalement import PAGE_MAX, Filtres
from relais.rules.statuts import Statut

Bbox = Annotated[
    str | None,
    Query(description="ouest,sud,est,nord en degrés WGS 84.", examples=["0.40,48.10,0.42,48.11"], max_length=200),
]
Curseur = Annotated[Storable | None, Query(max_length=200, description="`curseur_suivant` de la page précédente.")]
Limite = Annotated[int, Query(ge=1, le=PAGE_MAX)]


def read_bbox(bbox: str | None) -> tuple[float, float, float, float] | None:
    """Raises BadRequest on anything but four finite numbers in order."""
    if bbox is None:
        return None
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (west <= east and south <= north and all(map(math.isfinite, (west, south, east, north)))):
        raise BadRequest(
            errors=(Fault("?bbox", "Écrivez ouest,sud,est,nord en degrés, par exemple 0.40,48.10,0.42,48.11."),)
        )
    return west, south, east, north


def read_filtres(
    bbox: Bbox = None,
    statut: Annotated[list[Statut] | None, Query(max_length=20)] = None,
    theme: Annotated[Storable | None, Query(max_length=100, description="Thème, ou famille : `proprete`.")] = None,
    acteur: Annotated[Storable | None, Query(max_length=100)] = None,
    zone: Annotated[Storable | None, Query(max_length=100)] = None,
    *,
    en_retard: bool | None = None,
    depuis: Annotated[InstantIn | None, Query(description="Modifiés depuis cet instant.")] = None,
    q: Annotated[Storable | None, Query(max_length=200, description="Numéro, ou mots de la description.")] = None,
) -> Filtres:
    return Filtres(read_bbox(bbox), tuple(statut or ()), theme, acteur, zone, en_retard, depuis, q)


def read_champs(
    champs: Annotated[
        str | None,
        Query(max_length=500, description="Les champs voulus, séparés par des virgules.", examples=["id,numero"]),
    ] = None,
) -> set[str] | None:
    """What each signalement is cut down to; None: all of it. Raises ChampInvalide on a field that does not exist."""
    if champs is None:
        return None
    wanted = set(champs.split(","))
    if unknown := sorted(wanted - set(SignalementOut.model_fields)):
        raise ChampInvalide(errors=(Fault("?champs", f"Champ inconnu : {', '.join(unknown)}."),))
    return wanted


@dataclass(frozen=True)
class Tranche:
    """Which signalements, and which page of them."""

    filtres: Filtres
    publics: bool
    curseur: str | None
    limite: int


def read_tranche(
    filtres: Annotated[Filtres, Depends(read_filtres)],
    *,
    publics: Annotated[
        bool, Query(description="Ce que tout le monde peut lire, au lieu de ce que ce compte voit.")
    ] = False,
    curseur: Curseur = None,
    limite: Limite = 50,
) -> Tranche:
    return Tranche(filtres, publics, curseur, limite)


Asked = Annotated[Tranche, Depends(read_tranche)]
Champs = Annotated[set[str] | None, Depends(read_champs)]
Depuis = Annotated[
    Storable | None, Query(max_length=200, description="`curseur_suivant` de la fois précédente ; absent : tout.")
]
