"""GeoJSON → polygons the map can trust: closed, simple, in degrees, longitude first, in two dimensions."""

import json
import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

import shapely
from shapely.geometry import mapping, shape

from relais.imports import Faute, FichierRefuse, Illisible
from relais.imports.fichiers import lire_texte
from relais.rules.carte import en_france
from relais.rules.configuration import GeoJSON

POLYGONES = ("Polygon", "MultiPolygon")

_RAISONS = {
    "Self-intersection": "le contour se recoupe",
    "Ring Self-intersection": "le contour passe deux fois par le même point",
    "Hole lies outside shell": "un trou sort du contour",
    "Nested shells": "deux morceaux se recouvrent",
    "Nested holes": "un trou est dans un autre",
    "Duplicate Rings": "deux contours sont identiques",
    "Interior is disconnected": "un trou coupe le contour en deux",
}
_ANNEAU_MIN = 4


def lire_json(chemin: Path) -> Any:  # noqa: ANN401 : whatever JSON holds
    """Raises FichierRefuse, with the line where the text stops being JSON."""
    texte = lire_texte(chemin)
    try:
        return json.loads(texte, parse_constant=_pas_un_nombre)
    except json.JSONDecodeError as erreur:
        raison = f"JSON invalide (colonne {erreur.colno}) ; exportez le fichier à nouveau"
        raise FichierRefuse(chemin, Faute(erreur.lineno, "", raison)) from None
    except (ValueError, RecursionError) as erreur:  # NaN, a number of 5 000 figures, 10⁵ brackets
        raison = str(erreur) if isinstance(erreur, Illisible) else "ce JSON n'est pas un GeoJSON"
        raise FichierRefuse(chemin, Faute(None, "", raison)) from None


def lire_contour(chemin: Path) -> GeoJSON:
    """The polygon or multipolygon of a file that holds one: alone, in a Feature, or in a collection (united).

    Raises Illisible, with the file's name.
    """
    try:
        return _unir([_polygonal(geometrie) for geometrie in _geometries(lire_json(chemin))])
    except FichierRefuse as refus:
        raisons = " ; ".join(str(faute) for faute in refus.fautes)
    except Illisible as illisible:
        raisons = str(illisible)
    raise Illisible(f"{chemin.name} : {raisons}")


def _unir(geometries: list[GeoJSON]) -> GeoJSON:
    if not geometries:
        raise Illisible("ne contient aucun polygone")
    if len(geometries) == 1:
        return geometries[0]
    union = mapping(shapely.union_all([shape(dict(une)) for une in geometries]))
    return verifier(json.loads(json.dumps(union)))  # tuples to lists


def verifier(geometrie: object) -> GeoJSON:
    """The same Polygon or MultiPolygon, as lists of [longitude, latitude]; an altitude is dropped. Raises Illisible."""
    if not isinstance(geometrie, Mapping) or geometrie.get("type") not in POLYGONES:
        raise Illisible("n'est ni un Polygon ni un MultiPolygon")
    type_, coordonnees = geometrie["type"], geometrie.get("coordinates")
    polygones = [coordonnees] if type_ == "Polygon" else _suite(coordonnees)
    nets = [[_anneau(anneau) for anneau in _suite(polygone)] for polygone in polygones]
    net = {"type": type_, "coordinates": nets[0] if type_ == "Polygon" else nets}
    raison = shapely.is_valid_reason(shape(net))
    if raison != "Valid Geometry":
        raise Illisible(_traduire(raison))
    return net


def _geometries(objet: object) -> list[object]:
    if not isinstance(objet, Mapping):
        raise Illisible("n'est pas un GeoJSON")
    match objet.get("type"):
        case "FeatureCollection":
            return [une for element in _suite(objet.get("features")) for une in _geometries(element)]
        case "Feature":
            return [objet.get("geometry")]
        case _:
            return [objet]


def _polygonal(geometrie: object) -> GeoJSON:
    trouve = geometrie.get("type") if isinstance(geometrie, Mapping) else None
    if trouve not in POLYGONES:
        raise Illisible(f"contient {trouve or 'un objet sans géométrie'} ; un contour est un polygone fermé")
    return verifier(geometrie)


def _suite(valeur: object) -> list[object]:
    if not isinstance(valeur, list) or not valeur:
        raise Illisible("les coordonnées manquent ou ne sont pas rangées comme en GeoJSON")
    return valeur


def _anneau(anneau: object) -> list[list[float]]:
    positions = [_position(une) for une in _suite(anneau)]
    if len(positions) < _ANNEAU_MIN:
        raise Illisible(f"un contour a au moins {_ANNEAU_MIN} positions ; celui-ci en a {len(positions)}")
    if positions[0] != positions[-1]:
        raise Illisible(f"un contour finit où il commence ; celui-ci s'ouvre près de {_pres(*positions[0])}")
    return positions


def _position(position: object) -> list[float]:
    if not isinstance(position, list) or len(position) < 2:  # noqa: PLR2004 : longitude and latitude
        raise Illisible("une position s'écrit [longitude, latitude]")
    if not all(isinstance(nombre, (int, float)) and not isinstance(nombre, bool) for nombre in position):
        raise Illisible("une position s'écrit avec des nombres")
    try:
        lon, lat = float(position[0]), float(position[1])
    except OverflowError:
        lon = lat = float("inf")
    if not (isfinite(lon) and isfinite(lat)):
        raise Illisible("une coordonnée n'est pas un nombre fini")
    if not en_france(lon, lat) and en_france(lat, lon):
        raise Illisible(
            f"latitude et longitude sont inversées près de {_pres(lon, lat)} ; GeoJSON met la longitude d'abord"
        )
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 : the Earth
        raise Illisible(f"{_pres(lon, lat)} est hors de la Terre ; exportez en degrés (WGS 84, EPSG:4326)")
    return [lon, lat]


def _traduire(raison: str) -> str:
    """« Self-intersection[0.5 0.5] » → what a person looks for on the map."""
    lu = re.fullmatch(r"([^\[]+)(?:\[(\S+) (\S+)\])?", raison)
    dit = _RAISONS.get(lu[1].strip(), f"le contour est invalide ({lu[1].strip()})") if lu else raison
    return f"{dit} près de {_pres(float(lu[2]), float(lu[3]))}" if lu and lu[2] else dit


def _pres(lon: float, lat: float) -> str:
    return f"{lon:.6g} ; {lat:.6g}"


def _pas_un_nombre(ecrit: str) -> NoReturn:
    raise Illisible(f"« {ecrit} » n'est pas un nombre JSON")
