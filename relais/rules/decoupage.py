"""Places drawn on the map, found by a point."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from shapely import Point, STRtree
from shapely.geometry import shape


class Dessine(Protocol):
    """Whatever has an outline: GeoJSON, WGS 84 degrees."""

    @property
    def contour(self) -> Mapping[str, Any]: ...


Lieu = TypeVar("Lieu", bound=Dessine)


class Decoupage(Generic[Lieu]):
    """Never changed once built, so any thread may read it."""

    def __init__(self, lieux: Sequence[Lieu]) -> None:
        self._lieux = lieux
        self._arbre = STRtree([shape(dict(lieu.contour)) for lieu in lieux])

    def en(self, lon: float, lat: float) -> tuple[Lieu, ...]:
        """Those that hold the point, their edge included, in the order given."""
        found = self._arbre.query(Point(lon, lat), predicate="intersects")
        return tuple(self._lieux[index] for index in sorted(found.tolist()))
