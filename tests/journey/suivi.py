"""What the test itself knows of each signalement: where it is, who must answer, which délais ran, from when to when."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Any, NamedTuple
from uuid import UUID

from journey.services import ORACLES, TERRAINS, URGENTS, VILLE, Duree
from journey.territoire_du_mans import OSM, QPV_DEPOT, QPV_EST, promesses, themes
from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry

DELAIS = ("prise_en_charge", "reponse", "traitement")
PARTOUT: Mapping[str, Mapping[str, Duree]] = {one["code"]: promesses(one) for one in themes()} if OSM.exists() else {}


class Terrain(NamedTuple):
    osm_id: str
    domanialite_presumee: str
    forme: BaseGeometry


class Palier(NamedTuple):
    """A date of the ladder. `le` is later than `prevu_le` where an announced next step holds it."""

    delai: str
    tour: int
    palier: str
    prevu_le: datetime
    le: datetime


@dataclass
class Tour:
    """One run of one délai, in the hours of `acteur` (None: the territoire's)."""

    delai: str
    tour: int
    duree: Duree
    acteur: str | None
    commence_le: datetime
    arrete_le: datetime | None = None

    @cached_property
    def echeance(self) -> datetime:
        return ORACLES[self.acteur].echeance(self.commence_le, *self.duree)

    def echelle(self) -> Iterator[tuple[str, datetime, bool]]:
        """(palier, date, whether it goes to an instance): the ladder of the file, and the ordinary one."""
        fin = self.echeance
        yield "relance", ORACLES[self.acteur].aux_80_pour_cent(self.commence_le, fin, self.duree[1]), False
        yield "retard", fin, False
        if self.delai == "traitement":
            yield "pilotage_quartier", VILLE.jours_ouvres_apres(fin, 2), True
            yield "gusp_dg", VILLE.jours_ouvres_apres(fin, 8), True
        if self.delai != "prise_en_charge":
            yield "pilotage_ville", VILLE.jours_ouvres_apres(fin, 5), True


@dataclass
class Suivi:
    id: UUID
    theme: str
    terrain: Terrain
    acteur: str | None
    point: Point
    recu_le: datetime
    tours: list[Tour] = field(default_factory=list)
    retenue: tuple[datetime, datetime] | None = None
    """When a dated next step was announced, and until when instances wait for it."""

    @property
    def zone(self) -> str:
        return "rive" if self.point.x < QPV_EST else "centre"

    @property
    def promesses(self) -> dict[str, Duree]:
        du_qpv = QPV_DEPOT if (self.theme, self.zone) == ("proprete.depot_sauvage", "rive") else {}
        return {**PARTOUT[self.theme], **du_qpv}

    def ouvrir(self, le: datetime, *delais: str) -> None:
        tours = {one.delai: one.tour for one in self.tours}
        self.tours += [
            Tour(delai, tours.get(delai, 0) + 1, self.promesses[delai], self.acteur, le) for delai in delais or DELAIS
        ]

    def arreter(self, le: datetime, *delais: str) -> None:
        for one in self.tours:
            if one.delai in (delais or DELAIS) and one.arrete_le is None:
                one.arrete_le = le

    def annoncer(self, le: datetime, jusqu_a: datetime) -> None:
        self.retenue = le, jusqu_a

    def paliers(self, fin: datetime) -> Iterator[Palier]:
        """Those that must have been reached by `fin`, and no other."""
        for tour in self.tours:
            for palier, prevu_le, instance in tour.echelle():
                le = prevu_le
                if instance and self.retenue and self.retenue[0] < prevu_le:
                    le = max(le, self.retenue[1])
                if le <= min(fin, tour.arrete_le or fin):
                    yield Palier(tour.delai, tour.tour, palier, prevu_le, le)


@cache
def terrains() -> list[Terrain]:
    """The polygons of the map, in an order that does not depend on the file's."""
    features: list[dict[str, Any]] = json.loads(OSM.read_text(encoding="utf-8"))["features"]
    found = [
        Terrain(one["properties"]["osm_id"], one["properties"]["domanialite_presumee"], shape(one["geometry"]))
        for one in features
        if one["geometry"]["type"] == "Polygon"
    ]
    return sorted(found, key=lambda one: one.osm_id)


def sol(point: Point) -> Terrain:
    """The smallest polygon that contains the point, by trying them all."""
    return min((one for one in terrains() if one.forme.contains(point)), key=lambda one: one.forme.area)


def responsable(theme: str, terrain: Terrain) -> str | None:
    if theme in URGENTS:
        return "astreinte"
    return TERRAINS[terrain.domanialite_presumee][1]
