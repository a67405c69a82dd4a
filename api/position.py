"""A place in the address of a request: read, and refused where it is not of the territoire."""

from typing import Annotated

from fastapi import Query

from relais.errors import Fault, HorsTerritoire, PositionInversee
from relais.rules import carte as rules

Lon = Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False)]
Lat = Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False)]
Precision = Annotated[float | None, Query(ge=0, le=10_000, allow_inf_nan=False)]


def verifier(carte: rules.Carte, lon: float, lat: float, precision_m: float | None = None) -> None:
    """Raises PositionInversee or HorsTerritoire."""
    try:
        rules.verifier_position(carte, lon=lon, lat=lat, precision_m=precision_m)
    except rules.PositionInversee as swapped:
        raise PositionInversee(errors=(Fault("?lon", "lon et lat semblent inversés."),)) from swapped
    except rules.HorsTerritoire as outside:
        raise HorsTerritoire(errors=(Fault("?lon", f"À {outside.metres:.0f} m hors du territoire."),)) from outside
