"""Receiving a body as a file: bounded in size and patience, digested on the way, with no connection held meanwhile."""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.requests import ClientDisconnect

from api.auth import identify
from api.resources import resources
from relais import media
from relais.caller import Identity
from relais.errors import (
    BadRequest,
    EmpreinteDifferente,
    EmpreinteManquante,
    EnvoiInterrompu,
    Fault,
    FormatDePhoto,
    PhotoTropGrosse,
    PlusDePlace,
)
from relais.rules.depot import OCTETS_MAX
from relais.stockage import PlusDePlace as DisquePlein
from relais.stockage import no_space_is_refused

STALL = 20.0
"""Seconds without a byte before a client is cut: a phone in a tunnel retries, a slow-loris does not hold a file."""

TOTAL = 600.0
"""Seconds for a whole photo, however it trickles: 25 MB in ten minutes is the slowest network that is any use."""

HEAD = 12
"""Bytes that show what a picture is."""

_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True)
class Spooled:
    """A body on disk, not yet kept: whoever asked for it moves it, or it is removed when the request ends."""

    path: Path
    octets: int
    sha256: str


def _announced(header: str | None) -> str:
    """RFC 9530: `sha-256=:base64:`. Raises EmpreinteManquante."""
    found = _DIGEST.search(header or "")
    try:
        raw = base64.b64decode(found.group(1), validate=True) if found else b""
    except binascii.Error:
        raw = b""
    if len(raw) != sha256().digest_size:
        raise EmpreinteManquante("Écrivez-le ainsi : Content-Digest: sha-256=:<base64>:")
    return raw.hex()


async def spool(
    request: Request,
    identity: Annotated[Identity, Depends(identify)],
    content_digest: Annotated[str | None, Header(description="RFC 9530, sha-256.")] = None,
) -> AsyncIterator[Spooled]:
    """Raises EmpreinteManquante, PhotoTropGrosse, FormatDePhoto, EmpreinteDifferente, EnvoiInterrompu, PlusDePlace."""
    del identity  # asked for so that a stranger is refused before a byte of his is written
    _typed(request.headers.get("content-type"))
    announced = _announced(content_digest)
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > OCTETS_MAX:
        raise _too_big()
    path = resources(request).stockage.brouillon()
    try:
        received = await _write(request, path)
        if received.sha256 != announced:
            raise EmpreinteDifferente(errors=(Fault("/", "Le corps reçu n'a pas l'empreinte de Content-Digest."),))
        yield received
    finally:
        path.unlink(missing_ok=True)


def _typed(header: str | None) -> None:
    """Raises BadRequest, FormatDePhoto. What counts is what the bytes are; a client that says otherwise has a bug."""
    if header is None:
        raise BadRequest("Il faut l'en-tête Content-Type, par exemple image/jpeg.")
    announced = header.partition(";")[0].strip().lower()
    if announced not in media.FORMATS:
        raise FormatDePhoto(media.refus_de_type(announced))


def _too_big() -> PhotoTropGrosse:
    return PhotoTropGrosse(f"Au plus {OCTETS_MAX // 1024 // 1024} Mo : réduisez la photo avant l'envoi.")


async def _write(request: Request, path: Path) -> Spooled:
    digest, size, head = sha256(), 0, b""
    try:
        with no_space_is_refused(), path.open("xb") as file:
            async for chunk in _patient(request.stream()):
                size += len(chunk)
                if size > OCTETS_MAX:
                    raise _too_big()
                if len(head) < HEAD:
                    head += chunk[:HEAD]
                    _picture(head, size)
                digest.update(chunk)
                file.write(chunk)
    except DisquePlein as full:
        raise PlusDePlace("Réessayez plus tard ; le signalement est déjà enregistré.") from full
    if media.type_reel(head) is None:
        raise FormatDePhoto(media.refus_de_format(head))
    return Spooled(path, size, digest.hexdigest())


def _picture(head: bytes, size: int) -> None:
    """Refuse what is no picture at its first bytes, not after 25 MB."""
    if size >= HEAD and media.type_reel(head) is None:
        raise FormatDePhoto(media.refus_de_format(head))


async def _patient(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    limit = clock() + TOTAL
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), min(STALL, limit - clock()))
        except StopAsyncIteration:
            return
        except TimeoutError as slow:
            if clock() >= limit:
                late = f"Photo pas encore reçue entière après {TOTAL / 60:.0f} min ; réduisez-la, et renvoyez-la."
                raise EnvoiInterrompu(late) from slow
            raise EnvoiInterrompu(f"Rien reçu pendant {STALL:.0f} s ; renvoyez la photo.") from slow
        except ClientDisconnect as gone:
            raise EnvoiInterrompu("La connexion s'est coupée ; renvoyez la photo.") from gone
        yield chunk


SpooledPhoto = Annotated[Spooled, Depends(spool, scope="function")]
