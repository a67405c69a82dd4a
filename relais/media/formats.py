"""What a stranger's bytes are, told from their first ones, and the French sentences for what Relais does not read."""

from dataclasses import dataclass
from typing import Literal

try:
    from pillow_heif import register_heif_opener
except ImportError:
    AVEC_HEIC = False
else:
    register_heif_opener(thumbnails=False, aux_images=False, depth_images=False, decode_threads=1)
    AVEC_HEIC = True
"""Whether the extra `heic` is installed: without it an iPhone's own format is refused, with the way out."""

_TYPES_HEIC = frozenset({"image/heic", "image/heif"})
FORMATS = {"image/jpeg", "image/png", "image/webp"} | (_TYPES_HEIC if AVEC_HEIC else frozenset())

_MARQUES_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_MARQUES_HEIF = {b"mif1", b"msf1"}
_TYPES_NOMMES_HEIC = _TYPES_HEIC | {"image/heic-sequence", "image/heif-sequence"}
_REFUS = f"Ce fichier n’est pas une photo {'JPEG, PNG, WebP ou HEIC' if AVEC_HEIC else 'JPEG, PNG ou WebP'}."
_REFUS_HEIC = (
    "Cette photo est au format HEIC, que nous ne lisons pas encore. Envoyez-la en JPEG\u00a0; sur un iPhone, "
    "Réglages, Appareil photo, Formats, choisissez «\u00a0Le plus compatible\u00a0»."
)


@dataclass
class PhotoRefusee(Exception):
    """No picture can be made of these bytes, however often one tries. `detail` is a French sentence for the sender."""

    motif: Literal["format", "illisible", "trop_grande", "vide"]
    detail: str


def type_reel(debut: bytes) -> str | None:
    """The media type that the first 12 bytes show, one of FORMATS; None for anything else, whatever its name says."""
    if debut.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if debut.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if debut.startswith(b"RIFF") and debut[8:12] == b"WEBP":
        return "image/webp"
    return _type_heic(debut) if AVEC_HEIC else None


def _type_heic(debut: bytes) -> str | None:
    if debut[4:8] != b"ftyp":
        return None
    if debut[8:12] in _MARQUES_HEIC:
        return "image/heic"
    return "image/heif" if debut[8:12] in _MARQUES_HEIF else None


def refus_de_format(debut: bytes) -> str:
    """The French sentence for bytes that `type_reel` does not accept; an iPhone's HEIC is named, with the way out."""
    return _REFUS_HEIC if _type_heic(debut) else _REFUS


def refus_de_type(media_type: str) -> str:
    """The same sentences, for a media type that is not one of FORMATS, announced before any byte is seen."""
    return _REFUS_HEIC if media_type in _TYPES_NOMMES_HEIC else _REFUS
