"""The map: what lies at a point, on a day. Pure: geometries in, facts out.

Longitudes and latitudes are WGS 84 degrees; geometries are bare GeoJSON polygons or multipolygons, valid (the import
checks them). Distances are metres in an equirectangular projection about the point asked for, on the ellipsoid: off by
less than 0.1 % up to 5 km. No projection library is needed for that.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import groupby
from math import cos, pi, radians, sin, sqrt
from threading import Lock
from typing import Any

import shapely
from shapely import MultiPolygon, Point, Polygon, STRtree
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from relais.rules.configuration import Domanialite, GeoJSON, Zone

_DEMI_GRAND_AXE_M = 6_378_137.0
_EXCENTRICITE_2 = 0.006_694_379_990_141
"""WGS 84: a, and e². A plain sphere would be wrong by 0.3 %."""

_GRILLE_M = 0.001
"""Overlays are rounded to the millimetre: neighbours drawn with different vertices leave no sliver between them."""

_FINESSE_M = 0.01
"""How finely a heavy outline is followed around a point. Vertices every 3 mm took ten seconds to overlay."""

PART_RECOUVERTE = 0.02
"""Of the emprises of a map: what may change over it before it is built whole again, in half a second for 100 000."""

SOMMETS_LOURDS = 1000
"""Past that many vertices a polygon is prepared. A parcel has 5 to 50: prepared, it would only take more memory."""

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


class Trace(Mapping[str, Any]):
    """A polygon as GEOS holds it, read as the GeoJSON it came from: its lists and floats would take three times more.

    Bare, as every Mapping of our own is to `json`: `dict(trace)` is what can be written.
    """

    __slots__ = ("dessin",)
    __hash__ = None  # type: ignore[assignment] # as a dict's

    def __init__(self, dessin: BaseGeometry) -> None:
        self.dessin = dessin

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - as GeoJSON nests
        return mapping(self.dessin)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(mapping(self.dessin))

    def __len__(self) -> int:
        return len(mapping(self.dessin))

    def __eq__(self, other: object) -> bool:
        """The same vertices in the same order, whatever holds the other."""
        return isinstance(other, Mapping) and bool(shapely.equals_identical(self.dessin, dessiner(other)))


@dataclass(frozen=True, slots=True)
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
    """The emprises, zones and contour of one version. Never changed once built, so any thread may read it.

    A version that differs little from another shares its polygons and their index, and lays its own over them.
    """

    def __init__(self, emprises: Iterable[Emprise], zones: Iterable[Zone], contour: GeoJSON | None) -> None:
        self._fond, self._otees, self._dessus = _Couche(emprises), frozenset[int](), _Couche(())
        self._habille(zones, contour)

    def modifiee(
        self, *, otees: Collection[str], posees: Iterable[Emprise], zones: Iterable[Zone], contour: GeoJSON | None
    ) -> "Carte":
        """Another map: this one without the emprises of those codes, with those laid down. As exact as one built whole.

        It costs what has changed since the map was built whole, which it is again past `PART_RECOUVERTE`.
        """
        fond = self._fond
        retirees = self._otees | {fond.rangs[code] for code in otees if code in fond.rangs}
        dessus = [*(one for one in self._dessus.emprises if one.code not in otees), *posees]
        if len(retirees) + len(dessus) > PART_RECOUVERTE * len(fond.emprises):
            return Carte((*_sauf(fond.emprises, retirees), *dessus), zones, contour)
        carte = Carte.__new__(Carte)
        carte._fond, carte._otees, carte._dessus = fond, retirees, _Couche(dessus)  # noqa: SLF001 - ours
        carte._habille(zones, contour)  # noqa: SLF001 - ours
        return carte

    def _habille(self, zones: Iterable[Zone], contour: GeoJSON | None) -> None:
        self._zones = tuple(zones)
        self._sol_des_zones = _Formes([dessiner(zone.contour) for zone in self._zones])
        self.contour = None if contour is None else dessiner(contour)

    @property
    def emprises(self) -> Sequence[Emprise]:
        """All of them, whatever their days, smallest first."""
        if not self._modifiee:
            return self._fond.emprises
        kept = [rank for rank in range(len(self._fond.emprises)) if rank not in self._otees]
        return [one for one, _ in self._ordonnees(kept, range(len(self._dessus.emprises)))]

    def emprises_en(self, lon: float, lat: float, le: date) -> list[Emprise]:
        """The emprises valid that day that hold the point, their edge included: smallest first, then priorite, code."""
        emprises = self._fond.emprises
        under = self._fond.formes.sous(lon, lat)
        if not self._modifiee:
            return [emprise for rank in under if (emprise := emprises[rank]).valide(le)]
        return [one for one, _ in self._ordonnees(under, self._dessus.formes.sous(lon, lat)) if one.valide(le)]

    def emprises_autour(self, lon: float, lat: float, metres: float, le: date) -> list[Emprise]:
        """All those that `emprises_a_moins_de` would answer and perhaps some more, smallest first, at a tenth of it."""
        return [one for one, _ in self._autour(lon, lat, metres, le)]

    def emprises_a_moins_de(self, lon: float, lat: float, metres: float, le: date) -> list[tuple[Emprise, float]]:
        """The emprises valid that day within `metres` of the point, with their distance (0 inside), nearest first."""
        near = self._around(lon, lat, metres, le)
        return sorted(((emprise, away) for emprise, _, away in near), key=_distance)

    def emprises_visibles(self, lon: float, lat: float, metres: float, le: date) -> list[tuple[Emprise, float]]:
        """The emprises that win somewhere within `metres` of the point, with the distance to where, nearest first.

        An emprise wholly under smaller ones there is left out: a background laid over the whole town would otherwise
        touch every disc, and no position would ever be certain.
        """
        near = self._around(lon, lat, metres, le)
        if len(near) <= 1:
            return [(emprise, away) for emprise, _, away in near]
        disc = _disque(metres)
        plots: list[BaseGeometry] = []
        seen = []
        for emprise, geometry, away in near:
            if shapely.covers(geometry, disc) and not plots:
                return [(emprise, away)]  # the common case: all the others are under it
            plot = _ground(shapely.intersection(geometry, disc, grid_size=_GRILLE_M))
            # Only what overlaps is taken off: one remainder of the whole disc, cut down as we go, costs ten times more.
            over = [plots[rank] for rank in shapely.intersects(plot, plots).nonzero()[0]]
            visible = _ground(shapely.difference(plot, shapely.union_all(over), grid_size=_GRILLE_M)) if over else plot
            if (away := visible.distance(_ICI)) <= metres:
                seen.append((emprise, away))
            plots.append(plot)
        return sorted(seen, key=_distance)

    def zones_en(self, lon: float, lat: float) -> tuple[Zone, ...]:
        """The zones that hold the point, their edge included, in the order of the configuration."""
        return tuple([self._zones[rank] for rank in self._sol_des_zones.sous(lon, lat)])

    def zones_a_moins_de(self, lon: float, lat: float, metres: float) -> tuple[Zone, ...]:
        """The zones within `metres` of the point, in the order of the configuration."""
        ranks = self._sol_des_zones.touchees(_carre(lon, lat, metres))
        shapes = self._sol_des_zones.geometries
        near = _about(lon, lat, [_alentour(shapes[rank], lon, lat, metres) for rank in ranks])
        return tuple(
            self._zones[rank] for rank, shape in zip(ranks, near, strict=True) if shape.distance(_ICI) <= metres
        )

    def metres_hors(self, lon: float, lat: float) -> float:
        """How far outside the contour the point is: 0.0 inside, and when there is no contour."""
        if self.contour is None or _tient(self.contour, lon, lat):
            return 0.0
        [contour] = _about(lon, lat, [self.contour])
        return float(contour.distance(_ICI))

    @property
    def _modifiee(self) -> bool:
        return bool(self._otees or self._dessus.emprises)

    def _ordonnees(self, fond: Iterable[int], dessus: Iterable[int]) -> list[tuple[Emprise, BaseGeometry]]:
        """Emprises of these ranks in the two layers, in the order in which they win."""
        found = [self._fond.plan(rank) for rank in fond if rank not in self._otees]
        if self._dessus.emprises:
            found = sorted([*found, *map(self._dessus.plan, dessus)], key=_ordre)
        return found

    def _autour(self, lon: float, lat: float, metres: float, le: date) -> list[tuple[Emprise, BaseGeometry]]:
        """The emprises valid that day, and their geometry, that touch the square around the disc."""
        place = _carre(lon, lat, metres)
        found = self._ordonnees(self._fond.formes.touchees(place), self._dessus.formes.touchees(place))
        return [pair for pair in found if pair[0].valide(le)]

    def _around(self, lon: float, lat: float, metres: float, le: date) -> list[tuple[Emprise, BaseGeometry, float]]:
        """Each valid emprise within `metres`, projected, with its distance, in the order in which they win."""
        found = self._autour(lon, lat, metres, le)
        # All of them in one call: three times faster than one by one.
        geometries = _about(lon, lat, [_alentour(geometry, lon, lat, metres) for _, geometry in found])
        geometries = [one.simplify(_FINESSE_M) if _lourde(one) else one for one in geometries]
        distances = shapely.distance(geometries, _ICI).tolist()
        near = zip((emprise for emprise, _ in found), geometries, distances, strict=True)
        return [one for one in near if one[2] <= metres]


class _Formes:
    """Geometries found by where they lie, named by their rank in the list."""

    def __init__(self, geometries: Sequence[BaseGeometry]) -> None:
        self.geometries = geometries
        lourdes = (shapely.get_num_coordinates(geometries) > SOMMETS_LOURDS).nonzero()[0].tolist()
        self._lourdes = {rank: geometries[rank] for rank in lourdes}
        # The tree walks every vertex of a polygon at each question: it holds the box of a heavy one, which is then
        # asked itself, prepared. With 100 000 vertices, 3 µs instead of 650.
        ranked = enumerate(geometries)
        self._tree = STRtree([one.envelope if rank in self._lourdes else one for rank, one in ranked])

    def sous(self, lon: float, lat: float) -> list[int]:
        """The ranks of those that hold the point, their edge included, lowest first."""
        found: list[int] = self._tree.query(_point(lon, lat), predicate="intersects")[1].tolist()
        if self._lourdes:
            lourdes = self._lourdes
            found = [rank for rank in found if rank not in lourdes or _tient(lourdes[rank], lon, lat)]
        found.sort()
        return found

    def touchees(self, place: BaseGeometry) -> list[int]:
        """The ranks of those that touch the place, lowest first; of a heavy one, its box."""
        found: list[int] = self._tree.query([place], predicate="intersects")[1].tolist()
        found.sort()
        return found


class _Couche:
    """Emprises in the order in which they win: of two that hold the same point, the lower rank wins."""

    def __init__(self, emprises: Iterable[Emprise]) -> None:
        listed = list(emprises)
        drawn = [dessiner(emprise.geometrie) for emprise in listed]
        aires = _aires(drawn)
        # Numbers first, names only on a tie: as many tuples sorted at once would keep every other thread waiting.
        by_area = groupby(aires.argsort().tolist(), key=aires.tolist().__getitem__)
        order = [rank for _, tied in by_area for rank in sorted(tied, key=lambda rank: _departage(listed[rank]))]
        self.emprises = [listed[index] for index in order]
        self.rangs = {one.code: rank for rank, one in enumerate(self.emprises)}
        self.formes = _Formes([drawn[index] for index in order])

    def plan(self, rank: int) -> tuple[Emprise, BaseGeometry]:
        return self.emprises[rank], self.formes.geometries[rank]


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


def dessiner(geojson: GeoJSON) -> BaseGeometry:
    return geojson.dessin if isinstance(geojson, Trace) else shape(dict(geojson))


_UN_A_LA_FOIS = Lock()


def _tient(prepared: BaseGeometry, lon: float, lat: float) -> bool:
    """Whether it holds the point, its edge included. Prepared here if it is not.

    One thread at a time, for 3 µs: GEOS makes the index of a prepared geometry at its second question, and two threads
    that ask it together have crashed the process.
    """
    with _UN_A_LA_FOIS:
        return bool(shapely.intersects_xy(prepared, lon, lat))


@lru_cache(maxsize=16)
def _point(lon: float, lat: float) -> Any:  # noqa: ANN401 - an array, NumPy's
    """An array of one, made and looked up in half the time of a `Point`. Kept: one decision asks of several layers."""
    return shapely.points([(lon, lat)])


@lru_cache(maxsize=128)
def _disque(metres: float) -> BaseGeometry:
    """A metre more: this polygon only resembles a circle, and what lies at exactly `metres` must reach into it."""
    return _ICI.buffer(metres + 1)


def _sauf(emprises: Sequence[Emprise], ranks: Container[int]) -> Iterator[Emprise]:
    return (one for rank, one in enumerate(emprises) if rank not in ranks)


def _carre(lon: float, lat: float, metres: float) -> BaseGeometry:
    east, north = _metres_per_degree(lat)
    # A hundredth more than the arithmetic asks for: the box only has to miss nothing.
    wide, high = 1.01 * metres / east, 1.01 * metres / north
    return shapely.box(lon - wide, lat - high, lon + wide, lat + high)


def _alentour(geometry: BaseGeometry, lon: float, lat: float, metres: float) -> BaseGeometry:
    """The part of a heavy geometry that is near the point: to project all of it would cost ten times more."""
    return shapely.intersection(geometry, _carre(lon, lat, metres + 2)) if _lourde(geometry) else geometry


def _lourde(geometry: BaseGeometry) -> bool:
    return bool(shapely.get_num_coordinates(geometry) > SOMMETS_LOURDS)


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


def _aires(geometries: Sequence[BaseGeometry]) -> Any:  # noqa: ANN401 - an array of numbers, NumPy's
    """Areas in square degrees: emprises that hold one point share its latitude, so they compare as they do in metres.

    Rounded to a square decimetre or so: one outline drawn from two starting points is a tie, for priorite to settle.
    """
    return shapely.area(geometries).round(12)


def _ordre(plan: tuple[Emprise, BaseGeometry]) -> tuple[float, tuple[int, str]]:
    emprise, geometry = plan
    return _aires([geometry])[0], _departage(emprise)


def _departage(emprise: Emprise) -> tuple[int, str]:
    return -emprise.priorite, emprise.code
