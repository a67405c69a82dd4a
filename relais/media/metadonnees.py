"""What is read of a photo's metadata before all of it is thrown away: which way is up, and where it was taken."""

from contextlib import suppress
from math import isfinite

from PIL import ExifTags, Image

_SEXAGESIMAL = (1, 60, 3600)
_SANS_FIX = "V"
"""GPSStatus of a receiver that had no fix: what it writes beside is an old position, or none."""


def orientation(source: Image.Image) -> int:
    """1 to 8 (Exif 2.32 §4.6.4); 1 where nothing readable is said."""
    # Broken Exif beside good pixels is common on real phones: the photo is kept, as it lies.
    with suppress(Exception):
        return int(source.getexif().get(ExifTags.Base.Orientation, 1))
    return 1


def position(source: Image.Image) -> dict[str, float] | None:
    """WGS 84 degrees as `{"lon", "lat"}`; None where absent, broken, impossible, or the 0, 0 of a GPS without a fix."""
    with suppress(Exception):
        gps = source.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        if gps.get(ExifTags.GPS.GPSStatus) == _SANS_FIX:
            return None
        lat = _degrees(gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef], "NS")
        lon = _degrees(gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef], "EW")
        if isfinite(lon) and isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90 and (lon, lat) != (0, 0):  # noqa: PLR2004 - degrees
            return {"lon": round(lon, 6), "lat": round(lat, 6)}
    return None


def _degrees(parts: tuple[float, ...], reference: str, hemispheres: str) -> float:
    """Degrees, minutes and seconds, signed by a hemisphere that must be one of the two."""
    sign = 1 - 2 * hemispheres.index(reference[0])
    return sign * sum(float(part) / share for part, share in zip(parts, _SEXAGESIMAL, strict=True))
