"""A layer → a file of the format its suffix asks for. Whole under its name, or not there at all."""

import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import shapely
from pyogrio import raw  # type: ignore[import-untyped]  # it publishes no types
from pyogrio.errors import DataSourceError  # type: ignore[import-untyped]  # nor there
from pyproj import CRS
from shapely import MultiPolygon

from relais.cli.base import Arret
from relais.imports.geodonnees import NOM_COURT, WGS84, nom_de_projection, reprojeter
from relais.rules.carte import dessiner
from relais.rules.couches import Colonnes, Element

GEOJSON, SHAPEFILE, ZIP, GEOPACKAGE = ".geojson", ".shp", ".zip", ".gpkg"
COMPAGNONS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
TEXTE_COURT = 254
"""Bytes a shapefile keeps of a text."""

_NOM = "couche"
"""Of what is being written, before it takes its own: the driver reads some signs of a name as its own words."""
_PILOTES = {SHAPEFILE: "ESRI Shapefile", ZIP: "ESRI Shapefile", GEOPACKAGE: "GPKG"}


@dataclass(frozen=True)
class Ecrite:
    """`coupees`: columns whose name the format cut → the name written. `textes_coupes`: how many values it cut."""

    coupees: Mapping[str, str]
    textes_coupes: int = 0


def ecrire_couche(
    fichier: Path, couche: str, elements: Sequence[Element], colonnes: Colonnes, projection: CRS = WGS84
) -> Ecrite:
    """`couche`: its name in a format that has several. Raises Arret where the file cannot be written."""
    suffixe = fichier.suffix.lower()
    _refuser_d_avance(fichier, suffixe, projection)
    try:
        scratch = Path(mkdtemp(prefix=".relais-", dir=fichier.parent))
    except OSError as error:
        raise Arret(f"Impossible d'écrire dans « {fichier.parent} » : {error.strerror}.") from None
    try:
        if suffixe == GEOJSON:
            ecrite = _geojson(scratch / f"{_NOM}{suffixe}", elements)
        else:
            ecrite = _gdal(scratch, fichier, couche, elements, colonnes, projection)
        for made in scratch.iterdir():
            made.rename(fichier if made.suffix == suffixe else fichier.with_suffix(made.suffix))
    except (DataSourceError, OSError) as error:
        raise Arret(f"« {fichier} » n'a pas pu être écrit : {error}.") from None
    finally:
        shutil.rmtree(scratch)
    return ecrite


def _refuser_d_avance(fichier: Path, suffixe: str, projection: CRS) -> None:
    if suffixe != GEOJSON and suffixe not in _PILOTES:
        raise Arret(
            f"Format inconnu : « {fichier.name} ». Au choix : .geojson, .gpkg, .shp, ou .zip (shapefile zippé)."
        )
    if suffixe == GEOJSON and projection != WGS84:
        raise Arret(
            f"Un GeoJSON s'écrit en WGS 84 (RFC 7946). Pour {nom_de_projection(projection)}, prenez .gpkg ou .shp."
        )
    if suffixe != GEOJSON and "!" in str(fichier.parent.absolute()):
        raise Arret(f"« {fichier.parent.absolute()} » contient un « ! ». Choisissez un dossier sans ce signe.")
    wanted = [fichier.with_suffix(one) for one in COMPAGNONS] if suffixe == SHAPEFILE else [fichier]
    if taken := next((one for one in wanted if one.exists()), None):
        raise Arret(f"« {taken} » existe déjà. Choisissez un autre nom, ou supprimez-le d'abord.")


def _geojson(fichier: Path, elements: Sequence[Element]) -> Ecrite:
    """By us, and not by GDAL, which would round the positions."""
    collection = {"type": "FeatureCollection", "features": [element.feature() for element in elements]}
    fichier.write_text(json.dumps(collection, ensure_ascii=False), encoding="utf-8")
    return Ecrite({})


def _gdal(
    scratch: Path, fichier: Path, couche: str, elements: Sequence[Element], colonnes: Colonnes, projection: CRS
) -> Ecrite:
    suffixe = fichier.suffix.lower()
    shapefile = suffixe != GEOPACKAGE
    # A driver zips what it writes under that double suffix.
    made = scratch / f"{_NOM}{'.shp.zip' if suffixe == ZIP else suffixe}"
    names = {column: column[:NOM_COURT] if shapefile else column for column in colonnes}
    values = {column: [element.colonnes[column] for element in elements] for column in colonnes}
    cut = 0
    if shapefile:
        texts = [column for column, type_ in colonnes.items() if type_ is str]
        cut = sum(one is not None and len(one.encode()) > TEXTE_COURT for column in texts for one in values[column])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in English, what is said in French after
        raw.write(
            made,
            shapely.to_wkb(_geometries(elements, projection)),
            [_array(values[column], type_) for column, type_ in colonnes.items()],
            list(names.values()),
            crs=projection.to_wkt(),
            # One type for all, as the software of a town expects of a layer; `relais import` undoes it.
            geometry_type="Polygon" if shapefile else "MultiPolygon",
            driver=_PILOTES[suffixe],
            layer={SHAPEFILE: _NOM, ZIP: fichier.stem}.get(suffixe, couche),
            encoding="UTF-8" if shapefile else None,
        )
    return Ecrite({column: name for column, name in names.items() if name != column}, cut)


def _geometries(elements: Sequence[Element], projection: CRS) -> Any:  # noqa: ANN401 : an array of numpy
    drawn = [dessiner(element.geometrie) for element in elements]
    degrees: Any = np.array([MultiPolygon([*shapely.get_parts(one)]) for one in drawn], dtype=object)
    return degrees if projection == WGS84 else reprojeter(degrees, WGS84, projection)


def _array(values: Sequence[Any], type_: type) -> Any:  # noqa: ANN401 : an array of numpy
    if type_ is date:
        return np.array([one.isoformat() if one else "NaT" for one in values], dtype="datetime64[D]")
    return np.array(values, dtype="int64" if type_ is int else object)
