"""Layers as a town's software would have written them: through GDAL, not through what we test."""

import json
import warnings
import zipfile

import numpy as np
import shapely
from pyogrio import raw
from shapely.geometry import mapping

FORMATS = ("geojson", "shp", "zip", "gpkg")
COMPAGNONS = ("shp", "shx", "dbf", "prj", "cpg")


def ecrire(chemin, objets, *, crs="EPSG:4326", couche=None, encodage="UTF-8", ajouter=False):
    """`objets`: pairs of a geometry (or None) and its properties, all text. The suffix says the format."""
    suffixe = chemin.suffix[1:]
    if suffixe == "geojson":
        chemin.write_text(json.dumps(collection(objets, crs)), encoding="utf-8")
        return chemin
    cible = chemin.with_suffix(".shp") if suffixe == "zip" else chemin
    noms = list(dict.fromkeys(nom for _, proprietes in objets for nom in proprietes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a shapefile's « laundered » names
        raw.write(
            cible,
            np.array([None if geometrie is None else shapely.to_wkb(geometrie) for geometrie, _ in objets], object),
            [np.array([proprietes.get(nom) for _, proprietes in objets], object) for nom in noms],
            noms,
            crs=crs,
            geometry_type=type_de([geometrie for geometrie, _ in objets], suffixe),
            driver="GPKG" if suffixe == "gpkg" else "ESRI Shapefile",
            layer=couche or chemin.stem,
            encoding=None if suffixe == "gpkg" else encodage,
            append=ajouter,
        )
    if suffixe == "zip":
        with zipfile.ZipFile(chemin, "w") as archive:
            for compagnon in COMPAGNONS:
                if (fichier := cible.with_suffix(f".{compagnon}")).exists():
                    archive.write(fichier, fichier.name)
                    fichier.unlink()
    return chemin


def type_de(geometries, suffixe):
    """A shapefile has one type for all, and knows no multipolygon."""
    if suffixe == "gpkg":
        return "Unknown"
    premiere = next(une for une in geometries if une is not None)
    nature = premiere.geom_type.removeprefix("Multi")
    return f"{nature} Z" if premiere.has_z else nature


def collection(objets, crs):
    features = [
        {"type": "Feature", "properties": proprietes, "geometry": None if geometrie is None else mapping(geometrie)}
        for geometrie, proprietes in objets
    ]
    declaree = {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{crs.replace(':', '::')}"}}}
    return {"type": "FeatureCollection", "features": features} | ({} if crs == "EPSG:4326" else declaree)
