"""Bytes from a stranger's phone in, two clean JPEG out: the only module that knows Pillow."""

import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import ExifTags, Image, ImageCms

FORMATS = {"image/jpeg", "image/png", "image/webp"}

COTE_IMAGE = 1600
COTE_VIGNETTE = 400
QUALITE = 80

# A JPEG of one scan is shrunk while it is decoded: 120 MP cost 44 MB. Everything else is held whole: 50 MP of pixels is
# 200 MB, and a progressive JPEG of 120 MP was seen at 730 MB.
PIXELS_AU_FIL = 120_000_000
PIXELS_ENTIERS = 50_000_000
# Every scan sweeps the whole picture again: 75 bytes buy 28 ms at 50 MP, 10 MB would buy an hour. Encoders write ten.
BALAYAGES = 64

# Pillow's own guard stands behind ours; alone it would print a warning, and refuse only at twice the figure.
Image.MAX_IMAGE_PIXELS = PIXELS_AU_FIL
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# It also complains of broken metadata, which we throw away: real phones would fill the log.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")

_OUVREURS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_MARQUES_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_MARQUEUR_JPEG = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SANS_LONGUEUR, _FIN, _BALAYAGE = {0x01, 0xD8}, 0xD9, 0xDA
_REDRESSEMENT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TYPES_HEIC = {"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"}
_REFUS = "Ce fichier n’est pas une photo JPEG, PNG ou WebP."
_REFUS_HEIC = (
    "Cette photo est au format HEIC, que nous ne lisons pas encore. Envoyez-la en JPEG\u00a0; sur un iPhone, "
    "Réglages, Appareil photo, Formats, choisissez «\u00a0Le plus compatible\u00a0»."
)
_REPRENDRE = "Reprenez la photo, ou choisissez-en une autre."


@dataclass
class PhotoRefusee(Exception):
    """No picture can be made of these bytes, however often one tries. `detail` is a French sentence for the sender."""

    motif: Literal["format", "illisible", "trop_grande", "vide"]
    detail: str


@dataclass(frozen=True)
class Variantes:
    """Two JPEG, upright, sRGB, without any metadata; `largeur` and `hauteur` are the pixels of `image`."""

    image: bytes
    vignette: bytes
    largeur: int
    hauteur: int


def type_reel(debut: bytes) -> str | None:
    """The media type that the first 12 bytes show, one of FORMATS; None for anything else, whatever its name says."""
    if debut.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if debut.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if debut.startswith(b"RIFF") and debut[8:12] == b"WEBP":
        return "image/webp"
    return None


def refus_de_format(debut: bytes) -> str:
    """The French sentence for bytes that `type_reel` does not accept; an iPhone's HEIC is named, with the way out."""
    return _REFUS_HEIC if debut[4:8] == b"ftyp" and debut[8:12] in _MARQUES_HEIC else _REFUS


def refus_de_type(media_type: str) -> str:
    """The same sentences, for a media type that is not one of FORMATS, announced before any byte is seen."""
    return _REFUS_HEIC if media_type in _TYPES_HEIC else _REFUS


def preparer(chemin: Path) -> Variantes:
    """Decode the whole photo and make its two variants: `image` within 1600 × 1600 pixels, `vignette` within 400 × 400.

    Never enlarged; first frame only; transparency becomes white. Raises PhotoRefusee for what the bytes are, and lets
    an OSError of the disk through: it says nothing about the photo.
    """
    octets = chemin.read_bytes()
    if not octets:
        raise PhotoRefusee("vide", f"Le fichier reçu est vide. {_REPRENDRE}")
    media_type = type_reel(octets)
    if media_type is None:
        raise PhotoRefusee("format", refus_de_format(octets))
    try:
        with Image.open(BytesIO(octets), formats=[_OUVREURS[media_type]]) as source:
            _check_size(source.size, media_type, octets)
            return _variantes(source)
    except PhotoRefusee:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _trop_grande(PIXELS_AU_FIL) from error
    except Exception as error:
        # Decoders fed hostile bytes raise nearly anything: SyntaxError, struct.error, ZeroDivisionError, MemoryError…
        raise PhotoRefusee("illisible", f"Cette photo est abîmée ou incomplète. {_REPRENDRE}") from error


def _check_size(size: tuple[int, int], media_type: str, octets: bytes) -> None:
    """Refuse from the header, before a pixel exists."""
    scans = _count_scans(octets) if media_type == "image/jpeg" else 0
    if scans > BALAYAGES:
        raise PhotoRefusee("illisible", f"Cette photo est enregistrée d’une façon anormale. {_REPRENDRE}")
    limit = PIXELS_AU_FIL if scans == 1 else PIXELS_ENTIERS
    if size[0] * size[1] > limit:
        raise _trop_grande(limit)


def _trop_grande(limit: int) -> PhotoRefusee:
    return PhotoRefusee("trop_grande", f"Cette photo dépasse {limit // 1_000_000} millions de pixels. {_REPRENDRE}")


def _count_scans(octets: bytes) -> int:
    """How many scans a JPEG's first picture holds; segments are stepped over, a preview inside one is not counted."""
    scans, place = 0, 2
    while scans <= BALAYAGES and (found := _MARQUEUR_JPEG.search(octets, place)):
        marker, place = found.group()[1], found.end()
        if marker == _FIN:
            break
        scans += marker == _BALAYAGE
        if marker not in _SANS_LONGUEUR:
            place += int.from_bytes(octets[place : place + 2])
    return scans


def _variantes(source: Image.Image) -> Variantes:
    size = _fit(source.size, COTE_IMAGE)
    # The fitted box: asked for 1600 × 1600, a 4:3 photo of 12 MP is decoded whole, for three times the price.
    source.draft(None, size)
    source.load()
    image = _to_srgb(
        _flatten(source).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0), source.info.get("icc_profile")
    )
    # Last, because turning 1600 pixels costs a tenth of turning 4000.
    turn = _REDRESSEMENT.get(_orientation(source))
    if turn is not None:
        image = image.transpose(turn)
    # Pillow writes back a comment it finds here, even when not asked to.
    image.info = {}
    vignette = image.resize(_fit(image.size, COTE_VIGNETTE), Image.Resampling.LANCZOS)
    return Variantes(_jpeg(image), _jpeg(vignette), image.width, image.height)


def _fit(size: tuple[int, int], side: int) -> tuple[int, int]:
    ratio = min(1.0, side / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _orientation(source: Image.Image) -> int:
    # Broken Exif beside good pixels is common on real phones: the photo is kept, as it lies.
    with suppress(Exception):
        return int(source.getexif().get(ExifTags.Base.Orientation, 1))
    return 1


def _flatten(source: Image.Image) -> Image.Image:
    """The same picture, opaque, on eight bits, as L, RGB or CMYK: the modes that can be resampled and have profiles."""
    if source.mode == "I;16":
        # `convert` clips to white; the high byte of each little-endian sample is the grey.
        return Image.frombytes("L", source.size, source.tobytes()[1::2])
    if source.has_transparency_data:
        layer = source.convert("RGBA")
        flat = Image.new("RGB", layer.size, "white")
        flat.paste(layer, mask=layer)
        return flat
    return source if source.mode in {"L", "RGB", "CMYK"} else source.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Through the photo's colour profile where it can be applied, else by the plain formula."""
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            origin = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, origin, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=QUALITE)
    return out.getvalue()
