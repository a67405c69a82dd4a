"""A cursor is a place in an order, opaque to whoever carries it from one page to the next."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from relais.errors import BadRequest, Fault


def pack(place: bytes) -> str:
    return urlsafe_b64encode(place).rstrip(b"=").decode()


def unpack(curseur: str, *, parametre: str) -> bytes:
    """Raises BadRequest, at that parameter of the address, when `pack` never wrote it."""
    try:
        place = urlsafe_b64decode(curseur.encode("ascii") + b"=" * (-len(curseur) % 4))
    except ValueError as wrong:
        raise unreadable(parametre) from wrong
    if pack(place) != curseur:
        raise unreadable(parametre)
    return place


def unreadable(parametre: str) -> BadRequest:
    return BadRequest(errors=(Fault(f"?{parametre}", "Reprenez tel quel le curseur de la page précédente."),))
