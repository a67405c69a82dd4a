"""Bytes from a stranger's phone in, clean pictures out: the only room that knows Pillow."""

from relais.media.formats import AVEC_HEIC, FORMATS, PhotoRefusee, refus_de_format, refus_de_type, type_reel
from relais.media.tirage import ENCRE, REPRENDRE, Variantes, masquer, preparer

__all__ = [
    "AVEC_HEIC",
    "ENCRE",
    "FORMATS",
    "REPRENDRE",
    "PhotoRefusee",
    "Variantes",
    "masquer",
    "preparer",
    "refus_de_format",
    "refus_de_type",
    "type_reel",
]
