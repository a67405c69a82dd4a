"""Drawings as they come → polygons the map can trust: valid, in degrees, in two dimensions, of a reasonable size.

What can only be meant one way is mended, and said; what could be meant two ways is refused, with the place to look at.
"""

import json
import re
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

import shapely
from shapely import GEOSException, LinearRing, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from relais.imports import Faute, Illisible
from relais.imports.geodonnees import Objet, pres
from relais.rules.carte import en_france
from relais.rules.configuration import GeoJSON

SOMMETS_MAX = 100_000
"""Vertices of one element: the coast of a département has fewer. Beyond, each lookup near it would pay for it."""
PLUS_GRAND = 2
"""How many times the territoire an element may be. A background covers it once, and spills over a little."""

_TOLERANCE_DEGRES = 1e-6
"""A tenth of a metre: what simplifying may move a border by, well under what a phone knows of its position."""
_ECART_MAX = 0.01
"""Part of its area a ring may change by when untangled. A bow-tie changes by half: nobody can say what was meant."""
_SURFACE_MIN = 1e-12
"""Square degrees: a hundred square centimetres. Less is a line."""
_CITES = 12

_RAISONS = {
    "Self-intersection": "le contour se recoupe",
    "Ring Self-intersection": "le contour passe deux fois par le même point",
    "Hole lies outside shell": "un trou sort du contour",
    "Nested shells": "deux morceaux se recouvrent",
    "Nested holes": "un trou est dans un autre",
    "Duplicate Rings": "deux contours sont identiques",
    "Too few points in geometry component": "un contour n'a pas assez de points",
    "Interior is disconnected": "un trou coupe le contour en deux",
}

ALTITUDE = "altitude retirée, la carte est à plat"
REPARE = "tracé réparé"
REPETES = "sommets répétés retirés"
SIMPLIFIE = "tracé simplifié, à 10 cm près"
DEHORS = "entièrement hors du territoire"
SANS_TRACE = "sans tracé, donc laissé de côté ; dessinez-le, ou retirez-le"


class Note(NamedTuple):
    """What was mended, or should be known: one of the words above, and what it was."""

    genre: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.genre} : {self.detail}" if self.detail else self.genre


@dataclass
class Notes:
    """Those of a whole layer. Few of a kind are told one by one; many, by their number and some examples."""

    par_genre: dict[str, list[tuple[str, Note]]] = field(default_factory=dict)

    def ajouter(self, code: str, note: Note) -> None:
        self.par_genre.setdefault(note.genre, []).append((code, note))

    def avertissements(self) -> tuple[Faute, ...]:
        return tuple(faute for genre, notees in self.par_genre.items() for faute in _dire(genre, notees))


def _dire(genre: str, notees: list[tuple[str, Note]]) -> list[Faute]:
    if len(notees) <= _CITES:
        return [Faute(None, f"« {code} »", str(note)) for code, note in notees]
    exemples = ", ".join(f"« {code} »" for code, _ in notees[:_CITES])
    return [Faute(None, f"{len(notees)} objets", f"{genre} ; par exemple {exemples}")]


def unir(traces: list[BaseGeometry]) -> GeoJSON:
    """One contour of its pieces."""
    contour = traces[0] if len(traces) == 1 else _orienter(shapely.union_all(traces))
    geojson: GeoJSON = json.loads(shapely.to_geojson(contour))
    return geojson


def tracer(objet: Objet, *, territoire: BaseGeometry | None = None) -> tuple[BaseGeometry, tuple[Note, ...]]:
    """The polygon of an object, valid and turned as RFC 7946 wants, and what was mended. Raises Illisible.

    `territoire`: what it must not dwarf, and is noted to lie outside of.
    """
    if objet.geometrie is None:
        raise Illisible(objet.defaut or "n'a pas de géométrie")
    if objet.geometrie.is_empty:
        raise Illisible("le tracé est vide ; redessinez cet objet, ou retirez-le")
    _verifier_les_degres(objet.geometrie)
    notes = [Note(ALTITUDE)] if objet.altitude else []
    try:
        geometrie = _alleger(_deplier(objet.geometrie, notes), notes)
    except GEOSException:  # a ring of one point…
        raise Illisible("le tracé est trop abîmé pour être lu ; redessinez cet objet") from None
    if territoire is not None:
        _situer(geometrie, territoire, notes)
    return _orienter(geometrie), tuple(notes)


def _verifier_les_degres(geometrie: BaseGeometry) -> None:
    ouest, sud, est, nord = geometrie.bounds
    if en_france(ouest, sud) and en_france(est, nord):
        return
    for lon, lat in shapely.get_coordinates(geometrie).tolist():
        if not (isfinite(lon) and isfinite(lat)):
            raise Illisible("une coordonnée n'est pas un nombre fini")
        if not en_france(lon, lat) and en_france(lat, lon):
            raise Illisible(
                f"latitude et longitude sont inversées près de {pres(lon, lat)} ; exportez la longitude d'abord"
            )
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 : the Earth
            raise Illisible(
                f"{pres(lon, lat)} est hors de la Terre ; si ce sont des mètres, donnez leur projection :"
                " « --projection EPSG:2154 » pour du Lambert-93"
            )


def _deplier(geometrie: BaseGeometry, notes: list[Note]) -> BaseGeometry:
    """The same without what crosses, overlaps or sticks out, where that leaves each ring what it was."""
    uniques = shapely.remove_repeated_points(geometrie)
    if shapely.get_num_coordinates(uniques) < shapely.get_num_coordinates(geometrie):
        notes.append(Note(REPETES))
    raison = shapely.is_valid_reason(uniques)
    net = uniques if raison == "Valid Geometry" else _reparer(uniques, _traduire(raison))
    if net.area < _SURFACE_MIN:
        raise Illisible("le tracé n'a pas de surface ; redessinez cet objet, ou retirez-le")
    if net is not uniques:
        notes.append(Note(REPARE, _traduire(raison)))
    return net


def _reparer(geometrie: BaseGeometry, dit: str) -> BaseGeometry:
    morceaux = shapely.union_all([_sans_croisement(morceau, dit) for morceau in shapely.get_parts(geometrie)])
    return MultiPolygon([un for un in shapely.get_parts(morceaux) if isinstance(un, Polygon)])


def _sans_croisement(polygone: Polygon, dit: str) -> BaseGeometry:
    """Its outline less its holes, each made valid alone: GEOS would make ground of a hole that lies outside."""
    plein = _anneau_valide(polygone.exterior, dit)
    reste = shapely.difference(plein, shapely.union_all([_anneau_valide(trou, dit) for trou in polygone.interiors]))
    if reste.area < _SURFACE_MIN <= plein.area:
        raise Illisible("un trou prend tout un morceau ; redessinez-le")
    return reste


def _anneau_valide(anneau: LinearRing, dit: str) -> BaseGeometry:
    dessine = Polygon(anneau)
    valide = shapely.make_valid(dessine, method="structure", keep_collapsed=False)
    if abs(dessine.area - valide.area) > _ECART_MAX * valide.area + _SURFACE_MIN:
        raise Illisible(f"{dit}, et rien ne dit ce qui a été voulu ; redessinez-le")
    return valide


def _alleger(geometrie: BaseGeometry, notes: list[Note]) -> BaseGeometry:
    if (avant := shapely.get_num_coordinates(geometrie)) <= SOMMETS_MAX:
        return geometrie
    leger = shapely.simplify(geometrie, _TOLERANCE_DEGRES, preserve_topology=True)
    apres = shapely.get_num_coordinates(leger)
    if apres > SOMMETS_MAX or not leger.is_valid:
        raise Illisible(
            f"{avant} sommets, {SOMMETS_MAX} au plus ; simplifiez-le dans votre logiciel, ou coupez-le en morceaux"
        )
    notes.append(Note(SIMPLIFIE, f"{avant} sommets, {apres} gardés"))
    return leger


def _situer(geometrie: BaseGeometry, territoire: BaseGeometry, notes: list[Note]) -> None:
    if geometrie.area > PLUS_GRAND * territoire.area:
        fois = round(geometrie.area / territoire.area)
        raise Illisible(f"{fois} fois plus grand que le territoire ; est-ce bien un terrain de la commune ?")
    if not geometrie.intersects(territoire):
        notes.append(Note(DEHORS))


def _orienter(geometrie: BaseGeometry) -> BaseGeometry:
    """The simplest type that says it: what went through a format that knows only multipolygons comes back as it was."""
    seul = geometrie.geoms[0] if isinstance(geometrie, MultiPolygon) and len(geometrie.geoms) == 1 else geometrie
    return shapely.orient_polygons(seul)


def _traduire(raison: str) -> str:
    """« Self-intersection[0.5 0.5] » → what a person looks for on the map."""
    lu = re.fullmatch(r"([^\[]+)(?:\[(\S+) (\S+)\])?", raison)
    dit = _RAISONS.get(lu[1].strip(), f"le contour est invalide ({lu[1].strip()})") if lu else raison
    return f"{dit} près de {pres(float(lu[2]), float(lu[3]))}" if lu and lu[2] else dit
