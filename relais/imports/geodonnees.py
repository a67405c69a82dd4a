"""A layer of any format a town keeps (GeoJSON, shapefile, GeoPackage) → its objects, in WGS 84 degrees.

GeoJSON is read by us, for GDAL would close an open ring, cut a number and lose the line of a fault in silence; the two
others by GDAL, through pyogrio. What a geometry must be, beyond being read, is `contours`' business.
"""

import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import shapely
from pyogrio import list_layers, raw  # type: ignore[import-untyped]  # it publishes no types
from pyogrio.errors import DataLayerError, DataSourceError, GeometryError  # type: ignore[import-untyped]  # nor there
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from relais.imports import Faute, FichierRefuse, Illisible
from relais.imports.contenants import PAS_UN_GEOPACKAGE, PAS_UN_SHAPEFILE, PAS_UN_ZIP, ouvrir
from relais.imports.fichiers import lire_texte
from relais.rules.carte import en_france

T = TypeVar("T")
Suivi = Callable[[Sequence[T]], Iterable[T]]
"""What hands the objects of a long reading on, one by one, and may draw a bar meanwhile."""

WGS84 = CRS.from_epsg(4326)
POLYGONES = ("Polygon", "MultiPolygon")
FORMATS = (".geojson", ".json", ".shp", ".zip", ".gpkg")
NOM_COURT = 10
"""What a shapefile keeps of a column's name."""

_DECIMALES = 9
"""Of a degree, once reprojected: a tenth of a millimetre, so that the same file twice gives the same numbers."""
_ANNEAU_MIN = 4
_EXEMPLE = "« --projection EPSG:2154 » pour du Lambert-93"
_GEOMETRIE_INCONNUE = "a des mesures ou des volumes ; retirez la dimension M, et n'exportez que des polygones"
_ENCODAGE_FAUX = (
    "ses textes ne sont pas dans l'encodage annoncé ; exportez-le à nouveau en UTF-8, ou retirez son fichier .cpg"
)


@dataclass(frozen=True)
class Objet:
    """One object of a layer. `rang` counts from 1; `ou` cites it as the format does; `id` is its own, where it has one.

    `type` is the geometry's GeoJSON type; None without any. `geometrie` is None where it could not be read: `defaut`
    says why. `altitude`: it had one, which was dropped.
    """

    rang: int
    ou: str
    id: object
    proprietes: Mapping[str, Any]
    type: str | None
    geometrie: BaseGeometry | None
    defaut: str | None = None
    altitude: bool = False

    @property
    def surface(self) -> bool:
        return self.type in POLYGONES

    @property
    def nature(self) -> str:
        return self.type or "sans géométrie"


@dataclass(frozen=True)
class Couche:
    """`champs`: the names of its columns, in their order. `courts`: the format cut them (shapefile)."""

    objets: Sequence[Objet]
    champs: tuple[str, ...]
    courts: bool = False

    @property
    def surfaces(self) -> list[Objet]:
        return [objet for objet in self.objets if objet.surface]

    @property
    def sans_trace(self) -> list[Objet]:
        """Objects without a geometry where all the others are surfaces: each was meant to be one, and was lost."""
        natures = {objet.type for objet in self.objets} - {None}
        if not natures or not natures.issubset(POLYGONES):
            return []
        return [objet for objet in self.objets if objet.type is None]

    @property
    def ecartes(self) -> Mapping[str, int]:
        """What is not a surface, nor was to be one, counted by nature."""
        perdus = {objet.rang for objet in self.sans_trace}
        return Counter(objet.nature for objet in self.objets if not objet.surface and objet.rang not in perdus)

    def champ(self, nom: str) -> str | None:
        """The column of that name, as this format could write it; None where there is none."""
        court = nom[:NOM_COURT] if self.courts else nom
        return next((champ for champ in (nom, court) if champ in self.champs), None)

    def confondus(self, noms: Iterable[str]) -> list[str]:
        """Those of these names that the format cut as it cut another: nobody can say which column is theirs."""
        coupes = {nom for nom in noms if self.courts and nom not in self.champs and self.champ(nom)}
        pareils = Counter(nom[:NOM_COURT] for nom in coupes)
        return sorted(nom for nom in coupes if pareils[nom[:NOM_COURT]] > 1 or self._a_un_jumeau(nom))

    def _a_un_jumeau(self, nom: str) -> bool:
        """A second name that would be cut the same is written with a number at its end."""
        jumeau = re.compile(re.escape(nom[: NOM_COURT - 2]) + r"(_\d|\d\d)")
        return any(map(jumeau.fullmatch, self.champs))


def lire_couche(chemin: Path, *, couche: str | None = None, projection: str | None = None) -> Couche:
    """The layer of the file, named by `couche` where there are several.

    `projection` (`EPSG:2154`) says what the coordinates are, against what the file may declare. Raises FichierRefuse.
    """
    if chemin.suffix.lower() not in FORMATS:
        raison = f"format inconnu (« {chemin.name} ») ; au choix : {', '.join(FORMATS)}"
        raise FichierRefuse(chemin, Faute(None, "", raison))
    try:
        voulue = lire_projection(projection) if projection else None
        if chemin.suffix.lower() in (".geojson", ".json"):
            return _geojson(chemin, voulue)
        return _gdal(chemin, couche, voulue)
    except Illisible as illisible:
        raise FichierRefuse(chemin, Faute(None, "", str(illisible))) from None


def lire_projection(ecrite: str) -> CRS:
    """`EPSG:2154`, `2154`. Raises Illisible."""
    code = ecrite.strip().upper().removeprefix("EPSG:")
    try:
        if code.isdecimal():
            return CRS.from_epsg(int(code))
    except ProjError:
        pass
    raise Illisible(f"projection inconnue : « {ecrite} » ; écrivez son numéro, par exemple {_EXEMPLE}")


def nom_de_projection(projection: CRS) -> str:
    code = projection.to_epsg()
    return f"EPSG:{code}" if code else projection.name


# --- GeoJSON


def _geojson(chemin: Path, voulue: CRS | None) -> Couche:
    document = _lire_json(chemin)
    objets = [_objet(rang, element) for rang, element in enumerate(_elements(chemin, document), start=1)]
    champs = dict.fromkeys(nom for objet in objets for nom in objet.proprietes)
    return Couche(_en_degres(objets, voulue or _declaree(document)), tuple(champs))


def _lire_json(chemin: Path) -> Any:  # noqa: ANN401 : whatever JSON holds
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


def _pas_un_nombre(ecrit: str) -> NoReturn:
    raise Illisible(f"« {ecrit} » n'est pas un nombre JSON")


def _elements(chemin: Path, document: object) -> list[Mapping[str, Any]]:
    """The features, or the only one: a file may hold a Feature, or a bare geometry."""
    if not isinstance(document, Mapping):
        raise Illisible("n'est pas un GeoJSON ; exportez toute la couche")
    if document.get("type") != "FeatureCollection":
        return [document if document.get("type") == "Feature" else {"type": "Feature", "geometry": document}]
    features = document.get("features")
    if not isinstance(features, list):
        raise Illisible("n'est pas une FeatureCollection GeoJSON ; exportez toute la couche")
    autres = [rang for rang, une in enumerate(features, start=1) if not _est_feature(une)]
    if autres:
        raison = "n'est pas un objet « Feature »"
        raise FichierRefuse(chemin, *(Faute(None, f"features[{rang}]", raison) for rang in autres))
    return features


def _est_feature(element: object) -> bool:
    return isinstance(element, Mapping) and element.get("type") == "Feature"


def _objet(rang: int, element: Mapping[str, Any]) -> Objet:
    proprietes, geometrie = element.get("properties"), element.get("geometry")
    objet = Objet(
        rang,
        f"features[{rang}]",
        element.get("id"),
        proprietes if isinstance(proprietes, Mapping) else {},
        str(geometrie.get("type")) if isinstance(geometrie, Mapping) else None,
        None,
    )
    if not isinstance(geometrie, Mapping) or not objet.surface:
        return objet
    try:
        return replace(objet, geometrie=_forme(geometrie), altitude=_a_une_altitude(geometrie["coordinates"]))
    except Illisible as illisible:
        return replace(objet, defaut=str(illisible))


def _declaree(document: Mapping[str, Any]) -> CRS:
    """WGS 84, unless the file says otherwise as GeoJSON did before 2016."""
    crs = document.get("crs")
    proprietes = crs.get("properties") if isinstance(crs, Mapping) else None
    nom = proprietes.get("name") if isinstance(proprietes, Mapping) else None
    if nom is None:
        return WGS84
    try:
        return CRS.from_user_input(str(nom))
    except ProjError:
        raise Illisible(f"déclare une projection inconnue (« {nom} ») ; donnez la bonne : {_EXEMPLE}") from None


def _forme(geometrie: Mapping[str, Any]) -> BaseGeometry:
    coordonnees = geometrie.get("coordinates")
    polygones = [coordonnees] if geometrie["type"] == POLYGONES[0] else _suite(coordonnees)
    nets = [[_anneau(anneau) for anneau in _suite(polygone)] for polygone in polygones]
    return shape({"type": POLYGONES[1], "coordinates": nets})


def _suite(valeur: object) -> list[object]:
    if not isinstance(valeur, list) or not valeur:
        raise Illisible("les coordonnées manquent ou ne sont pas rangées comme en GeoJSON")
    return valeur


def _anneau(anneau: object) -> list[tuple[float, float]]:
    positions = [_position(une) for une in _suite(anneau)]
    if len(positions) < _ANNEAU_MIN:
        raise Illisible(f"un contour a au moins {_ANNEAU_MIN} positions ; celui-ci en a {len(positions)}")
    if positions[0] != positions[-1]:
        raise Illisible(f"un contour finit où il commence ; celui-ci s'ouvre près de {pres(*positions[0])}")
    return positions


def _position(position: object) -> tuple[float, float]:
    if not isinstance(position, list) or len(position) < 2:  # noqa: PLR2004 : longitude and latitude
        raise Illisible("une position s'écrit [longitude, latitude]")
    if not all(isinstance(nombre, (int, float)) and not isinstance(nombre, bool) for nombre in position):
        raise Illisible("une position s'écrit avec des nombres")
    try:
        x, y = float(position[0]), float(position[1])
    except OverflowError:
        x = y = float("inf")
    if not (isfinite(x) and isfinite(y)):
        raise Illisible("une coordonnée n'est pas un nombre fini")
    return x, y


def _a_une_altitude(coordonnees: Any) -> bool:  # noqa: ANN401 : GeoJSON nests to the type's depth
    while isinstance(coordonnees[0], list):
        coordonnees = coordonnees[0]
    return len(coordonnees) > 2  # noqa: PLR2004 : longitude and latitude


# --- shapefile, GeoPackage


def _gdal(chemin: Path, couche: str | None, voulue: CRS | None) -> Couche:
    if not chemin.is_file():
        raise Illisible(f"fichier introuvable ; vérifiez le chemin « {chemin} »")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what GDAL mends it says in English; what it mends wrongly, `contours` sees
        try:
            with ouvrir(chemin, couche) as (ouvert, voulue_dedans):
                meta, ids, geometries, colonnes = _lire(ouvert, _choisir(ouvert, voulue_dedans))
        except GeometryError:
            raise Illisible(_GEOMETRIE_INCONNUE) from None
        except UnicodeDecodeError:
            raise Illisible(_ENCODAGE_FAUX) from None
        except (DataSourceError, DataLayerError) as erreur:
            raise Illisible(_que_faire(chemin, str(erreur))) from None
    champs = tuple(map(str, meta["fields"]))
    if not champs:  # GDAL reads the drawings of a shapefile without its table
        raise Illisible(_que_faire(chemin, ".dbf"))
    entiers = [type_.startswith("OFTInteger") for type_ in meta["ogr_types"]]
    lus = [_valeurs(colonne, entier=entier) for colonne, entier in zip(colonnes, entiers, strict=True)]
    courts = chemin.suffix.lower() != ".gpkg"
    objets = [
        _objet_gdal(rang, None if courts else int(id_), dict(zip(champs, valeurs, strict=True)), geometrie)
        for rang, (id_, geometrie, *valeurs) in enumerate(zip(ids, _depuis_wkb(geometries), *lus, strict=True), start=1)
    ]
    return Couche(_en_degres(objets, voulue or _annoncee(meta["crs"])), champs, courts)


def _choisir(chemin: Path, couche: str | None) -> str:
    """The layer asked for, or the only one that has geometries."""
    toutes = {str(nom): type_ for nom, type_ in list_layers(chemin)}
    dessinees = [nom for nom, type_ in toutes.items() if type_ is not None]
    if couche is not None and couche not in toutes:
        raise Illisible(f"n'a pas de couche « {couche} » ; au choix : {', '.join(dessinees)}")
    if couche is None and len(dessinees) != 1:
        if not dessinees:
            raise Illisible("ne contient aucune couche dessinée ; exportez celle des polygones")
        raise Illisible(f"contient plusieurs couches ; choisissez par --couche : {', '.join(dessinees)}")
    return couche or dessinees[0]


def _lire(chemin: Path, couche: str) -> tuple[Mapping[str, Any], Any, Any, Any]:
    """A .dbf without a .cpg says nothing of its accents: UTF-8 where its bytes are, else Windows'."""
    options: dict[str, Any] = {"layer": couche, "return_fids": True, "datetime_as_string": True}
    lue: tuple[Mapping[str, Any], Any, Any, Any] = raw.read(chemin, **options)
    if lue[0]["encoding"] == "UTF-8":
        return lue
    try:
        return raw.read(chemin, encoding="UTF-8", **options)  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        return raw.read(chemin, encoding="CP1252", **options)  # type: ignore[no-any-return]


def _que_faire(chemin: Path, erreur: str) -> str:
    if chemin.suffix.lower() == ".gpkg":
        return PAS_UN_GEOPACKAGE
    if chemin.suffix.lower() == ".zip":
        return PAS_UN_ZIP
    manquant = next((suffixe for suffixe in (".shx", ".dbf") if suffixe in erreur), None)
    if manquant:
        return f"il manque son fichier {manquant} ; un shapefile va avec ses compagnons (.shx, .dbf, .prj)"
    return PAS_UN_SHAPEFILE


def _valeurs(colonne: Any, *, entier: bool) -> list[Any]:  # noqa: ANN401 : an array of numpy
    """Python's own values; None where the cell is empty, which makes of whole numbers floats on the way."""
    valeurs = colonne.tolist()
    if colonne.dtype.kind != "f":
        return list(valeurs)
    return [None if valeur != valeur else int(valeur) if entier else valeur for valeur in valeurs]  # noqa: PLR0124 : NaN


def _depuis_wkb(geometries: Any) -> list[BaseGeometry | str | None]:  # noqa: ANN401 : an array of numpy
    """None without a geometry; why, where it cannot be read."""
    lues = shapely.from_wkb(geometries, on_invalid="ignore")
    return [
        "le tracé est illisible ; redessinez cet objet" if lue is None and wkb is not None else lue
        for wkb, lue in zip(geometries, lues, strict=True)
    ]


def _objet_gdal(
    rang: int, id_: int | None, proprietes: Mapping[str, Any], geometrie: BaseGeometry | str | None
) -> Objet:
    objet = Objet(rang, f"objet {rang}", id_, proprietes, None, None)
    if isinstance(geometrie, str):
        return replace(objet, type=POLYGONES[0], defaut=geometrie)
    if geometrie is None:
        return objet
    altitude = bool(geometrie.has_z)
    return replace(objet, type=geometrie.geom_type, geometrie=shapely.force_2d(geometrie), altitude=altitude)


def _annoncee(crs: str | None) -> CRS:
    if crs is None:
        raise Illisible(f"ne dit pas sa projection (pas de .prj) ; joignez ce fichier, ou donnez-la : {_EXEMPLE}")
    try:
        return CRS.from_user_input(crs)
    except ProjError:
        raise Illisible(f"déclare une projection inconnue ; donnez la bonne : {_EXEMPLE}") from None


# --- projections


def _en_degres(objets: Sequence[Objet], projection: CRS) -> list[Objet]:
    """All of them reprojected at once: a hundred times faster than one by one."""
    if projection.equals(WGS84, ignore_axis_order=True):
        return list(objets)
    lues = [objet.geometrie for objet in objets]
    nom = nom_de_projection(projection)
    try:
        degres = reprojeter(np.array(lues, dtype=object), projection, WGS84, decimales=_DECIMALES)
    except ProjError:  # a drawing office's own axes, tied to nothing
        raise Illisible(f"sa projection (« {nom} ») ne dit pas où l'on est ; donnez la bonne : {_EXEMPLE}") from None
    return [_situe(replace(objet, geometrie=lue), nom) for objet, lue in zip(objets, degres, strict=True)]


def _situe(objet: Objet, projection: str) -> Objet:
    """Read in the wrong projection, a map falls into a sea: no other check would see it."""
    if objet.geometrie is None or objet.geometrie.is_empty:
        return objet
    ouest, sud, est, nord = objet.geometrie.bounds
    if en_france((ouest + est) / 2, (sud + nord) / 2):
        return objet
    raison = f"lu en {projection}, l'objet tombe hors de France ; donnez sa vraie projection, par exemple {_EXEMPLE}"
    return replace(objet, geometrie=None, defaut=raison)


def reprojeter(geometries: Any, source: CRS, cible: CRS, *, decimales: int | None = None) -> Any:  # noqa: ANN401 : arrays
    """An array of geometries (None stays None), x before y on both sides."""
    transformer = Transformer.from_crs(source, cible, always_xy=True)

    def changer(positions: Any) -> Any:  # noqa: ANN401 : arrays
        changees = np.column_stack(transformer.transform(positions[:, 0], positions[:, 1]))
        return changees if decimales is None else changees.round(decimales)

    return shapely.transform(geometries, changer)


def pres(lon: float, lat: float) -> str:
    return f"{lon:.6g} ; {lat:.6g}"
