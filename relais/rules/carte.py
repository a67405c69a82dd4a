"""The map: what lies at a point, on a day. Pure: geometries in, facts out.

Longitudes and latitudes are WGS 84 degrees; geometries are bare GeoJSON polygons or multipolygons, valid (the import
checks them). Distances are metres in an equirectangular projection about the point asked for, on the ellipsoid: off by
less than 0.1 % up to 5 km. No projection library is needed for that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import cos, pi, radians, sin, sqrt

import shapely
from shapely import MultiPolygon, Point, Polygon, STRtree
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from relais.rules.configuration import Domanialite, GeoJSON, Zone

_DEMI_GRAND_AXE_M = 6_378_137.0
_EXCENTRICITE_2 = 0.006_694_379_990_141
"""WGS 84: a, and e². A plain sphere would be wrong by 0.3 %."""

_GRILLE_M = 0.001
"""Overlays are rounded to the millimetre: neighbours drawn with different vertices leave no sliver between them."""

ECART_INVERSE_M = 1000
"""Swapped and then this near the contour, a position was swapped: no other mistake crosses the globe to land there."""

_FRANCE = (
    (-5.5, 41.0, 10.0, 51.5),
    (-63.5, 14.0, -60.5, 18.5),  # Guadeloupe, Martinique, Saint-Martin, Saint-Barthélemy
    (-55.0, 2.0, -51.0, 6.0),  # Guyane
    (55.0, -21.6, 56.0, -20.7),  # La Réunion
    (44.8, -13.2, 45.5, -12.4),  # Mayotte
    (-56.8, 46.5, -55.8, 47.4),  # Saint-Pierre-et-Miquelon
    (157.0, -23.5, 172.5, -18.0),  # Nouvelle-Calédonie
    (-155.0, -28.5, -134.0, -7.5),  # Polynésie
    (-178.5, -14.5, -175.5, -13.0),  # Wallis-et-Futuna
)
"""West, south, east, north: enough to tell a latitude from a longitude, not to draw a border."""


@dataclass(frozen=True)
class Emprise:
    """A polygon of ground with its domanialité and, when known, the acteur who manages it.

    It is valid from day to day, both included; no day means no limit.
    """

    code: str
    nom: str | None
    domanialite: Domanialite
    gestionnaire: str | None
    geometrie: GeoJSON
    priorite: int = 0
    valide_du: date | None = None
    valide_au: date | None = None

    def valide(self, le: date) -> bool:
        return (self.valide_du or le) <= le <= (self.valide_au or le)


class Carte:
    """The emprises, zones and contour of one version. Never changed once built, so any thread may read it."""

    def __init__(self, emprises: Iterable[Emprise], zones: Iterable[Zone], contour: GeoJSON | None) -> None:
        drawn = [(emprise, _draw(emprise.geometrie)) for emprise in emprises]
        drawn.sort(key=lambda pair: (_area(pair[1]), -pair[0].priorite, pair[0].code))
        # The index of an emprise in the tree is its rank: of two that hold the same point, the lower index wins.
        self._emprises = [emprise for emprise, _ in drawn]
        self._geometries = [geometry for _, geometry in drawn]
        self._emprise_tree = STRtree(self._geometries)
        self._zones = list(zones)
        self._zone_tree = STRtree([_draw(zone.contour) for zone in self._zones])
        self.contour = None if contour is None else _draw(contour)

    @property
    def emprises(self) -> Sequence[Emprise]:
        """All of them, whatever their days, smallest first."""
        return self._emprises

    def emprises_en(self, lon: float, lat: float, le: date) -> list[Emprise]:
        """The emprises valid that day that hold the point, their edge included: smallest first, then priorite, code."""
        found = self._emprise_tree.query(Point(lon, lat), predicate="intersects")
        return [emprise for index in sorted(found.tolist()) if (emprise := self._emprises[index]).valide(le)]

    def emprises_a_moins_de(self, lon: float, lat: float, metres: float, le: date) -> list[tuple[Emprise, float]]:
        """The emprises valid that day within `metres` of the point, with their distance (0 inside), nearest first."""
        near = self._around(lon, lat, metres, le)
        return sorted(((self._emprises[index], away) for index, _, away in near), key=_distance)

    def emprises_visibles(self, lon: float, lat: float, metres: float, le: date) -> list[tuple[Emprise, float]]:
        """The emprises that win somewhere within `metres` of the point, with the distance to where, nearest first.

        An emprise wholly under smaller ones there is left out: a background laid over the whole town would otherwise
        touch every disc, and no position would ever be certain.
        """
        # One metre more: this polygon only resembles a circle, and what lies at exactly `metres` must reach into it.
        disc = _ICI.buffer(metres + 1)
        plots: list[BaseGeometry] = []
        seen = []
        for index, geometry, _ in self._around(lon, lat, metres, le):
            plot = _ground(shapely.intersection(geometry, disc, grid_size=_GRILLE_M))
            # Only what overlaps is taken off: one remainder of the whole disc, cut down as we go, costs ten times more.
            over = [plots[rank] for rank in shapely.intersects(plot, plots).nonzero()[0]]
            visible = _ground(shapely.difference(plot, shapely.union_all(over), grid_size=_GRILLE_M)) if over else plot
            if (away := visible.distance(_ICI)) <= metres:
                seen.append((self._emprises[index], away))
            plots.append(plot)
        return sorted(seen, key=_distance)

    def zones_en(self, lon: float, lat: float) -> tuple[Zone, ...]:
        """The zones that hold the point, their edge included, in the order of the configuration."""
        found = self._zone_tree.query(Point(lon, lat), predicate="intersects")
        return tuple(self._zones[index] for index in sorted(found.tolist()))

    def metres_hors(self, lon: float, lat: float) -> float:
        """How far outside the contour the point is: 0.0 inside, and when there is no contour."""
        if self.contour is None or self.contour.intersects(Point(lon, lat)):
            return 0.0
        [contour] = _about(lon, lat, [self.contour])
        return float(contour.distance(_ICI))

    def _around(self, lon: float, lat: float, metres: float, le: date) -> list[tuple[int, BaseGeometry, float]]:
        """Rank, projected geometry and distance of each valid emprise within `metres`, in rank order."""
        east, north = _metres_per_degree(lat)
        # A hundredth more than the arithmetic asks for: the box only has to miss nothing.
        wide, high = 1.01 * metres / east, 1.01 * metres / north
        found = self._emprise_tree.query(box(lon - wide, lat - high, lon + wide, lat + high))
        ranks = [index for index in sorted(found.tolist()) if self._emprises[index].valide(le)]
        # All of them in one call: three times faster than one by one.
        geometries = _about(lon, lat, [self._geometries[index] for index in ranks])
        distances = (geometry.distance(_ICI) for geometry in geometries)
        return [near for near in zip(ranks, geometries, distances, strict=True) if near[2] <= metres]


class HorsTerritoire(Exception):
    """The position is that many metres outside the territoire, more than its precision explains."""

    def __init__(self, metres: float) -> None:
        super().__init__(f"{metres:.0f} m outside the territoire")
        self.metres = metres


class PositionInversee(Exception):
    """Longitude and latitude were given for each other."""


def verifier_position(carte: Carte, *, lon: float, lat: float, precision_m: float | None) -> None:
    """Raises `PositionInversee` or `HorsTerritoire`. Without a contour, only a swap that leaves France is seen."""
    if carte.contour is None:
        if not en_france(lon, lat) and en_france(lat, lon):
            raise PositionInversee
        return
    metres = carte.metres_hors(lon, lat)
    if metres <= (precision_m or 0):
        return
    if carte.metres_hors(lat, lon) <= ECART_INVERSE_M:
        raise PositionInversee
    raise HorsTerritoire(metres)


def en_france(lon: float, lat: float) -> bool:
    """In or near it, overseas included: a position that is there only once swapped was swapped."""
    return any(west <= lon <= east and south <= lat <= north for west, south, east, north in _FRANCE)


_ICI = Point(0, 0)


def _draw(geojson: GeoJSON) -> BaseGeometry:
    return shape(dict(geojson))


def _distance(near: tuple[Emprise, float]) -> float:
    return near[1]


def _about(lon: float, lat: float, geometries: list[BaseGeometry]) -> list[BaseGeometry]:
    """The geometries in metres east and north of the point."""
    scale = _metres_per_degree(lat)
    # An empty list would be taken for an array of numbers.
    return list(shapely.transform(geometries, lambda degrees: (degrees - (lon, lat)) * scale)) if geometries else []


def _ground(overlay: BaseGeometry) -> BaseGeometry:
    """Its polygons alone: an overlay also answers the lines along which neighbours touch."""
    return MultiPolygon([part for part in shapely.get_parts(overlay) if isinstance(part, Polygon)])


def _metres_per_degree(lat: float) -> tuple[float, float]:
    """Metres in one degree of longitude and in one of latitude: the two radii of curvature of the ellipsoid."""
    flattening = 1 - _EXCENTRICITE_2 * sin(radians(lat)) ** 2
    east = _DEMI_GRAND_AXE_M / sqrt(flattening) * cos(radians(lat))
    north = _DEMI_GRAND_AXE_M * (1 - _EXCENTRICITE_2) / flattening**1.5
    return east * pi / 180, north * pi / 180


def _area(geometry: BaseGeometry) -> float:
    """Area in square degrees: emprises that hold one point share its latitude, so they compare as they do in metres.

    Rounded to a square decimetre or so: one outline drawn from two starting points is a tie, for priorite to settle.
    """
    return round(geometry.area, 12)
