"""Prints: a photo as it is shown, upright and bare, in two sizes; and the same painted over where it must be."""

import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from math import ceil, floor
from pathlib import Path

import blurhash
from PIL import Image, ImageCms, ImageDraw

from relais.media import metadonnees
from relais.media.formats import PhotoRefusee, refus_de_format, type_reel

COTE_IMAGE = 1600
COTE_VIGNETTE = 400
COTE_FLOU = 20
"""A blurhash costs 2 ms from 20 pixels, 4 from 32 and 49 from 100, for the same few colours."""
QUALITE = 80
ENCRE = (0, 0, 0)
"""What rectangles are painted with."""

# A JPEG of one scan is shrunk while it is decoded: 120 MP cost 44 MB. Everything else is held whole: 50 MP of pixels is
# 200 MB, twice that with transparency, and a progressive JPEG of 120 MP was seen at 730 MB.
PIXELS_AU_FIL = 120_000_000
PIXELS_ENTIERS = 50_000_000
# libwebp holds the canvas twice, and Pillow copies it twice: 50 MP were seen at 794 MB, and a worker gives it 520.
PIXELS_WEBP = 30_000_000
# Every scan sweeps the whole picture again: 75 bytes buy 28 ms at 50 MP, 10 MB would buy an hour. Encoders write ten.
BALAYAGES = 64

# Pillow's own guard stands behind ours; alone it would print a warning, and refuse only at twice the figure.
Image.MAX_IMAGE_PIXELS = PIXELS_AU_FIL
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# It also complains of broken metadata, which we throw away: real phones would fill the log.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")

_OUVREURS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
}
_MARQUEUR_JPEG = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SANS_LONGUEUR, _FIN, _BALAYAGE = {0x01, 0xD8}, 0xD9, 0xDA
_JUSQU_AU_BOUT, _SUR_64_BITS = 0, 1
_REDRESSEMENT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
REPRENDRE = "Reprenez la photo, ou choisissez-en une autre."


@dataclass(frozen=True)
class Variantes:
    """A JPEG (`image`) and a WebP (`vignette`), upright, sRGB, without any metadata, and what is kept beside them.

    `largeur` and `hauteur` are the pixels of `image`; `position` is where the original said it was taken, in degrees.
    """

    image: bytes
    vignette: bytes
    largeur: int
    hauteur: int
    blurhash: str
    position: dict[str, float] | None = None


def preparer(chemin: Path) -> Variantes:
    """Decode the whole photo and print it: `image` within 1600 × 1600 pixels, `vignette` within 400 × 400.

    Never enlarged; first frame only; transparency becomes white. Raises PhotoRefusee for what the bytes are; lets an
    OSError of the disk and a MemoryError through: they say nothing about the photo.
    """
    octets = chemin.read_bytes()
    if not octets:
        raise PhotoRefusee("vide", f"Le fichier reçu est vide. {REPRENDRE}")
    media_type = type_reel(octets)
    if media_type is None:
        raise PhotoRefusee("format", refus_de_format(octets))
    if _OUVREURS[media_type] == "HEIF" and _boxes_end(octets) > len(octets):
        # libheif would paint in grey what is missing.
        raise _abimee()
    try:
        with Image.open(BytesIO(octets), formats=[_OUVREURS[media_type]]) as source:
            _check_size(source.size, media_type, octets)
            return _print(_upright(source), metadonnees.position(source))
    except (PhotoRefusee, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _trop_grande(PIXELS_AU_FIL) from error
    except Exception as error:
        # Decoders fed hostile bytes raise nearly anything: SyntaxError, struct.error, ZeroDivisionError, EOFError…
        raise _abimee() from error


def masquer(chemin: Path, rectangles: Sequence[Mapping[str, float]]) -> Variantes:
    """The print at `chemin`, painted over: `x`, `y`, `largeur`, `hauteur` are parts of the picture, from 0 to 1.

    Each is grown to whole pixels and one more; thumbnail and blurhash are made from what is painted. Raises as
    `preparer`.
    """
    printed = chemin.read_bytes()
    try:
        with Image.open(BytesIO(printed), formats=["JPEG"]) as image:
            image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise _abimee() from error
    draw = ImageDraw.Draw(image)
    for one in rectangles:
        draw.rectangle(_pixels(one, image.size), fill=ENCRE)
    return _print(image)


def _pixels(rectangle: Mapping[str, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom, all painted: Pillow's rectangles include their last pixel."""
    left, top = rectangle["x"] * size[0], rectangle["y"] * size[1]
    right, bottom = left + rectangle["largeur"] * size[0], top + rectangle["hauteur"] * size[1]
    return floor(left) - 1, floor(top) - 1, ceil(right), ceil(bottom)


def _check_size(size: tuple[int, int], media_type: str, octets: bytes) -> None:
    """Refuse from the header, before a pixel exists."""
    scans = _count_scans(octets) if media_type == "image/jpeg" else 0
    if scans > BALAYAGES:
        raise PhotoRefusee("illisible", f"Cette photo est enregistrée d’une façon anormale. {REPRENDRE}")
    limit = PIXELS_WEBP if media_type == "image/webp" else PIXELS_ENTIERS
    if scans == 1:
        limit = PIXELS_AU_FIL
    if size[0] * size[1] > limit:
        raise _trop_grande(limit)


def _abimee() -> PhotoRefusee:
    return PhotoRefusee("illisible", f"Cette photo est abîmée ou incomplète. {REPRENDRE}")


def _trop_grande(limit: int) -> PhotoRefusee:
    return PhotoRefusee("trop_grande", f"Cette photo dépasse {limit // 1_000_000} millions de pixels. {REPRENDRE}")


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


def _boxes_end(octets: bytes) -> int:
    """Where the boxes of a HEIC say that it ends (ISO/IEC 14496-12 §4.2); past its end too when one is broken."""
    place = 0
    while place < len(octets):
        size, header = int.from_bytes(octets[place : place + 4]), 8
        if size == _SUR_64_BITS:
            size, header = int.from_bytes(octets[place + 8 : place + 16]), 16
        elif size == _JUSQU_AU_BOUT:
            size = max(header, len(octets) - place)
        place += size if size >= header else len(octets) + 1
    return place


def _upright(source: Image.Image) -> Image.Image:
    """The whole of it decoded, then shrunk to its print: opaque, sRGB, the right way up."""
    size = _fit(source.size, COTE_IMAGE)
    if source.format in {"JPEG", "MPO"}:
        # The fitted box: asked for 1600 × 1600, a 4:3 photo of 12 MP is decoded whole, for three times the price. No
        # other format: HEIC answers it by its embedded preview, and the photo itself would never be decoded.
        source.draft(None, size)
    source.load()
    small = _samples(source).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    image = _to_srgb(_flatten(small), source.info.get("icc_profile"))
    # Last, because turning 1600 pixels costs a tenth of turning 4000.
    turn = _REDRESSEMENT.get(metadonnees.orientation(source))
    return image if turn is None else image.transpose(turn)


def _print(image: Image.Image, position: dict[str, float] | None = None) -> Variantes:
    # Pillow writes back a comment it finds here, even when not asked to.
    image.info = {}
    vignette = image.resize(_fit(image.size, COTE_VIGNETTE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Variantes(
        _encode(image, "JPEG"),
        _encode(vignette, "WEBP"),
        image.width,
        image.height,
        _blurhash(vignette),
        position,
    )


def _fit(size: tuple[int, int], side: int) -> tuple[int, int]:
    ratio = min(1.0, side / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _samples(source: Image.Image) -> Image.Image:
    """The same picture on eight bits, in a mode that can be resampled: L, LA, RGB, RGBA or CMYK."""
    if source.mode == "I;16":
        # `convert` clips to white; the high byte of each little-endian sample is the grey.
        return Image.frombytes("L", source.size, source.tobytes()[1::2])
    if source.mode in {"LA", "RGBA"}:
        return source
    if source.has_transparency_data:
        return source.convert("RGBA")
    return source if source.mode in {"L", "RGB", "CMYK"} else source.convert("RGB")


def _flatten(image: Image.Image) -> Image.Image:
    """On white. Once small: a second layer of 50 MP would be another 200 MB."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    flat = Image.new("RGB", layer.size, "white")
    flat.paste(layer, mask=layer)
    return flat


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Through the photo's colour profile where it can be applied, else by the plain formula."""
    if profile:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            origin = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, origin, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _encode(image: Image.Image, name: str) -> bytes:
    out = BytesIO()
    image.save(out, name, quality=QUALITE)
    return out.getvalue()


def _blurhash(vignette: Image.Image) -> str:
    """https://blurha.sh: what an app shows while the picture comes; four components along its long side."""
    tiny = vignette.resize(_fit(vignette.size, COTE_FLOU), Image.Resampling.BOX)
    flat = tiny.tobytes()
    row = 3 * tiny.width
    pixels = [[flat[at : at + 3] for at in range(line, line + row, 3)] for line in range(0, len(flat), row)]
    across, down = (4, 3) if tiny.width >= tiny.height else (3, 4)
    # More components than pixels would invent stripes.
    said: str = blurhash.encode(pixels, min(across, tiny.width), min(down, tiny.height))
    return said
