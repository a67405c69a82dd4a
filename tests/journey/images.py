"""What a served picture is, read from its bytes."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SANS_LONGUEUR = {0x01, 0xD8, *range(0xD0, 0xD8)}
BALAYAGE, FIN = 0xDA, 0xD9
PIXELS = {0xC0, 0xC1, 0xC2, 0xC4, 0xD8, 0xDA, 0xDB, 0xDD}
JFIF = 0xE0


def metadonnees(octets: bytes) -> set[int | bytes]:
    """What says anything beyond the pixels: of a JPEG its APPn (EXIF, GPS, XMP, profiles) and comments, of a WebP the
    chunks that are not the picture."""
    if octets.startswith(b"RIFF"):
        return set(_morceaux(octets)) - {b"VP8 "}
    return set(_marqueurs(octets)) - PIXELS - {JFIF}


def _morceaux(octets: bytes) -> Iterator[bytes]:
    place = 12
    while place < len(octets):
        yield octets[place : place + 4]
        length = int.from_bytes(octets[place + 4 : place + 8], "little")
        place += 8 + length + length % 2


def _marqueurs(octets: bytes) -> Iterator[int]:
    """Up to the first scan; after the last byte of the picture nothing may follow."""
    place = 0
    while True:
        signe, marqueur = octets[place : place + 2]
        if signe != 0xFF:
            raise ValueError(f"no marker at {place}")
        yield marqueur
        if marqueur == BALAYAGE:
            break
        place += 2
        if marqueur not in SANS_LONGUEUR:
            place += int.from_bytes(octets[place : place + 2])
    if not octets.endswith(bytes((0xFF, FIN))):
        raise ValueError("bytes after the end of the picture")


def ressemblance(octets: bytes, original: Path) -> float:
    """Correlation of the greys with the original held upright, at the served size: 1 the same, 0 nothing to do."""
    with Image.open(BytesIO(octets)) as servie, Image.open(original) as source:
        droite = ImageOps.exif_transpose(source).convert("L").resize(servie.size)
        ici, la = (np.asarray(one, dtype=float).ravel() for one in (servie.convert("L"), droite))
    return float(np.corrcoef(ici, la)[0, 1])
