"""GeoJSON (RFC 7946) as uMap and QGIS open it: a `name` and a `description` are what they show."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from fastapi.responses import JSONResponse

from api.schemas.commun import Out

Feature = dict[str, Any]


class FeatureOut(Out):
    type: Literal["Feature"]
    geometry: dict[str, object]
    properties: dict[str, object]


class CollectionOut(Out):
    """`curseur_suivant` : la page suivante, s'il y en a une."""

    type: Literal["FeatureCollection"]
    features: list[FeatureOut]
    curseur_suivant: str | None = None


class GeoJson(JSONResponse):
    media_type = "application/geo+json"


def collection(features: Iterable[Feature], **beside: str | None) -> GeoJson:
    known = {key: value for key, value in beside.items() if value is not None}
    return GeoJson({"type": "FeatureCollection", "features": list(features)} | known)


def feature(geometry: Mapping[str, Any], **properties: object) -> Feature:
    known = {key: value for key, value in properties.items() if value is not None}
    return {"type": "Feature", "geometry": dict(geometry), "properties": known}
