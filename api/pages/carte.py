"""A small map drawn as SVG, with nothing to fetch: the zones' outlines over whose ground it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, radians
from typing import Any

import shapely
from shapely.geometry import shape

from relais.rules.carte import Emprise
from relais.rules.configuration import LIBELLES_DOMANIALITE, Configuration, Domanialite, GeoJSON
from relais.rules.couches import COULEURS

LARGEUR = 1000.0
"""Units of the drawing's width; a tenth of one is under the width of a line."""


@dataclass(frozen=True)
class Trait:
    """One path, and what it is in words: colour alone says nothing to many."""

    d: str
    titre: str
    couleur: str | None = None


@dataclass(frozen=True)
class Dessin:
    largeur: float
    hauteur: float
    emprises: Sequence[Trait]
    zones: Sequence[Trait]
    legende: Sequence[tuple[str, str]]


def dessiner(configuration: Configuration, emprises: Iterable[Emprise]) -> Dessin | None:
    """Largest ground first, so that a lawn is not hidden by its quarter. None: nothing to draw."""
    ground = sorted(emprises, key=lambda one: (-shape(dict(one.geometrie)).area, one.code))
    drawn = [*(one.geometrie for one in ground), *(zone.contour for zone in configuration.zones)]
    if not drawn:
        return None
    cadre = _Cadre(*shapely.total_bounds([shape(dict(one)) for one in drawn]).tolist())
    present = {one.domanialite for one in ground}
    return Dessin(
        largeur=LARGEUR,
        hauteur=cadre.hauteur,
        emprises=[
            Trait(cadre.tracer(one.geometrie), _nommer(configuration, one), COULEURS[one.domanialite]) for one in ground
        ],
        zones=[Trait(cadre.tracer(zone.contour), zone.nom) for zone in configuration.zones],
        legende=[(COULEURS[code], LIBELLES_DOMANIALITE[code]) for code in Domanialite if code in present],
    )


def _nommer(configuration: Configuration, one: Emprise) -> str:
    keeper = configuration.acteur.get(one.gestionnaire or "")
    return ", ".join(
        filter(None, (one.nom or one.code, LIBELLES_DOMANIALITE[one.domanialite], keeper.nom if keeper else None))
    )


@dataclass(frozen=True)
class _Cadre:
    """Degrees to units of the drawing: a town is flat enough for one cosine."""

    ouest: float
    sud: float
    est: float
    nord: float

    @property
    def hauteur(self) -> float:
        return round((self.nord - self.sud) * self._y, 1)

    @property
    def _x(self) -> float:
        return LARGEUR / (self.est - self.ouest)

    @property
    def _y(self) -> float:
        return self._x / cos(radians((self.sud + self.nord) / 2))

    def tracer(self, geometrie: GeoJSON) -> str:
        """Every ring of a Polygon or MultiPolygon; drawn even-odd, a hole is a hole."""
        parts: Any = geometrie["coordinates"]
        polygons = parts if geometrie["type"] == "MultiPolygon" else [parts]
        return "".join(self._ring(ring) for polygon in polygons for ring in polygon)

    def _ring(self, ring: Any) -> str:  # noqa: ANN401 - GeoJSON as it came
        points = (f"{(lon - self.ouest) * self._x:.1f},{(self.nord - lat) * self._y:.1f}" for lon, lat, *_ in ring[:-1])
        return f"M{' '.join(points)}Z"
