"""What anybody at all may read of a signalement, and when: the territoire's rule, the people it must protect."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from relais.rules.configuration import Publication, RegleDePhoto, Theme
from relais.rules.statuts import PUBLIABLES, Statut

DECIMALES = 3
"""Of a degree: 111 m from north to south, 74 m from east to west at Paris. Enough for a quartier's map."""

RECTANGLES_MAX = 50

_ARRONDI = 1e-9
"""What 0.7 + 0.3 may exceed 1 by."""

Bbox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Rectangle:
    """A part of an image: fractions of its width and height as displayed, from its top left corner."""

    x: float
    y: float
    largeur: float
    hauteur: float

    @property
    def dans_l_image(self) -> bool:
        return (
            0 <= self.x < 1
            and 0 <= self.y < 1
            and 0 < self.largeur <= 1 - self.x + _ARRONDI
            and 0 < self.hauteur <= 1 - self.y + _ARRONDI
        )


def sans_photo(themes: Iterable[Theme]) -> bool:
    """Whether photos are refused, to protect people, by a signalement's thème as any of these versions describes it."""
    return any(theme.photo is RegleDePhoto.INTERDITE for theme in themes)


def publie_d_office(regle: Publication, theme: Theme, statut: Statut) -> bool:
    """Whether a signalement is public as soon as it is received. What takes no photo, to protect people, never is."""
    return regle is Publication.IMMEDIATE and not sans_photo([theme]) and statut in PUBLIABLES


def relu(ecrit_le: datetime, *, publie_le: datetime | None, par_le_pilote: bool) -> bool:
    """Free text may name somebody: the public reads only what the pilote had read when publishing.

    What was written since waits for the next publication.
    """
    return par_le_pilote and publie_le is not None and ecrit_le <= publie_le


def protege(themes: Collection[Theme]) -> bool:
    """Whether people live there or are talked about, by a signalement's thème as any of these versions describes it."""
    return sans_photo(themes) or any(theme.interieur for theme in themes)


def position_publique(themes: Collection[Theme], lon: float, lat: float) -> tuple[float, float]:
    """Where people live or are talked about, the place is rounded: a hall at its exact point is somebody's door.

    `themes`: its thème as each version describes it. One that protects is enough.
    """
    if protege(themes):
        return round(lon, DECIMALES), round(lat, DECIMALES)
    return lon, lat


def bbox_publique(bbox: Bbox) -> Bbox:
    """The same box, grown to the edges of what is rounded: ever smaller boxes do not find the point behind it."""
    west, south, east, north = (round(degree, DECIMALES) for degree in bbox)
    half = 10**-DECIMALES / 2
    return west - half, south - half, east + half, north + half


def hors_de_l_image(rectangles: Iterable[Rectangle]) -> tuple[int, ...]:
    """The ranks of those that go beyond the image, or cover nothing of it."""
    return tuple(rank for rank, one in enumerate(rectangles) if not one.dans_l_image)
