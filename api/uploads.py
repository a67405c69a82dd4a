"""Receiving a body as files: bounded in size and patience, digested on the way, with no connection held meanwhile."""

import asyncio
import base64
import binascii
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Protocol, Self
from uuid import UUID

from fastapi import Depends, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.auth import identify
from api.resources import Resources, resources
from relais import media
from relais.caller import Identity
from relais.commands.photo import cle_originale, cles_attendues, expect_photo, receive_photo
from relais.db import Session
from relais.errors import (
    BadRequest,
    EmpreinteDifferente,
    EmpreinteManquante,
    EnvoiInterrompu,
    Fault,
    FormatDePhoto,
    PhotoTropGrosse,
    PlusDePlace,
    Unavailable,
)
from relais.queries.signalement import get_signalement
from relais.rules.depot import OCTETS_MAX
from relais.stockage import PlusDePlace as DisquePlein
from relais.stockage import StockageInjoignable, disk_troubles, new_draft
from relais.tables.signalement import Signalement

STALL = 20.0
"""Seconds without a byte before a client is cut: a phone in a tunnel retries, a slow-loris does not hold a file."""

TOTAL = 600.0
"""Seconds for a whole body, however it trickles: 25 MB in ten minutes is the slowest network that is any use."""

LOT = 512 * 1024
"""Bytes held in memory before a thread digests and writes them. Piece by piece, the loop that serves everybody would
give up the interpreter a hundred times a photo, and each time wait for the threads that speak to the database."""

HEAD = 12
"""Bytes that show what a picture is."""

_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True)
class Spooled:
    """A photo on disk, not yet kept: whoever asked for it moves it, or it is removed when the request ends."""

    path: Path
    octets: int
    sha256: str
    type: str


class Sink(Protocol):
    """Where a body goes: `write` only takes note; once `full`, a thread does what `lot` says, one at a time."""

    def write(self, chunk: bytes) -> None: ...

    @property
    def full(self) -> bool: ...

    def lot(self) -> Callable[[], None]: ...


class Reception:
    """One photo on its way to a draft. Its owner calls `discard` in the end, whatever happened."""

    def __init__(self, path: Path) -> None:
        self._path, self._digest, self._size, self._head = path, sha256(), 0, b""
        self._held: list[bytes] = []
        self._waiting = 0
        with disk_troubles():
            self._file = new_draft(path)

    def write(self, chunk: bytes) -> None:
        """Raises PhotoTropGrosse, and FormatDePhoto at the first bytes, not after 25 MB."""
        self._size += len(chunk)
        if self._size > OCTETS_MAX:
            raise too_big()
        if len(self._head) < HEAD:
            self._head += chunk[:HEAD]
            if self._size >= HEAD:
                self._type()
        self._held.append(chunk)
        self._waiting += len(chunk)

    @property
    def full(self) -> bool:
        return self._waiting >= LOT

    def lot(self) -> Callable[[], None]:
        """Raises DisquePlein when it is done."""
        held, self._held, self._waiting = self._held, [], 0
        return partial(self._keep, held)

    def _keep(self, held: list[bytes]) -> None:
        lot = b"".join(held)
        self._digest.update(lot)
        with disk_troubles():
            self._file.write(lot)
            self._file.flush()

    def end(self) -> Spooled:
        """On disk already: what `deposer` still has to sync then takes no time from the transaction.

        Raises FormatDePhoto, DisquePlein.
        """
        kind = self._type()
        self.lot()()
        with disk_troubles():
            os.fsync(self._file.fileno())
            self._file.close()
        return Spooled(self._path, self._size, self._digest.hexdigest(), kind)

    def discard(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._path.unlink()

    def _type(self) -> str:
        """What counts is what the bytes are, whatever was announced."""
        found = media.type_reel(self._head)
        if found is None:
            raise FormatDePhoto(media.refus_de_format(self._head))
        return found


class _Behind:
    """One act at a time in a thread while the loop receives what follows; none is left when the block ends."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def do(self, act: Callable[[], None]) -> None:
        """Once the one before has ended. Raises what that one did."""
        await self._settle()
        self._task = asyncio.create_task(run_in_threadpool(act))

    async def _settle(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self._settle()
        elif self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)


async def receive(request: Request, sink: Sink) -> None:
    """Give it the body as it comes. Raises EnvoiInterrompu, when it stops, stalls or trickles for ever."""
    clock = asyncio.get_running_loop().time
    limit = clock() + TOTAL
    try:
        async with _Behind() as behind, asyncio.timeout(STALL) as patience:
            async for chunk in request.stream():
                sink.write(chunk)
                if sink.full:
                    patience.reschedule(None)  # the disk's time is not the client's
                    await behind.do(sink.lot())
                patience.reschedule(min(clock() + STALL, limit))
    except TimeoutError as slow:
        if clock() >= limit:
            late = f"Envoi pas encore reçu entier après {TOTAL / 60:.0f} min ; réduisez les photos, et recommencez."
            raise EnvoiInterrompu(late) from slow
        raise EnvoiInterrompu(f"Rien reçu pendant {STALL:.0f} s ; recommencez l'envoi.") from slow
    except ClientDisconnect as gone:
        raise EnvoiInterrompu("La connexion s'est coupée ; recommencez l'envoi.") from gone


@contextmanager
def storing(sinon: str) -> Iterator[None]:
    """The store's troubles as refusals: PlusDePlace, which says `sinon` (what to do then), and Unavailable."""
    try:
        yield
    except DisquePlein as full:
        raise PlusDePlace(sinon) from full
    except StockageInjoignable as away:
        raise Unavailable("Le stockage des photos ne répond pas.") from away


async def spool(
    request: Request,
    identity: Annotated[Identity, Depends(identify)],
    content_digest: Annotated[str | None, Header(description="RFC 9530, sha-256.")] = None,
) -> AsyncIterator[Spooled]:
    """Raises EmpreinteManquante, PhotoTropGrosse, FormatDePhoto, EmpreinteDifferente, EnvoiInterrompu, PlusDePlace."""
    del identity  # asked for so that a stranger is refused before a byte of his is written
    _typed(request.headers.get("content-type"))
    announced = _announced(content_digest)
    if announced_length(request) > OCTETS_MAX:
        raise too_big()
    with storing(PLUS_TARD):
        reception = Reception(resources(request).stockage.brouillon())
        try:
            await receive(request, reception)
            received = await run_in_threadpool(reception.end)
            if received.sha256 != announced:
                raise EmpreinteDifferente(errors=(Fault("/", "Le corps reçu n'a pas l'empreinte de Content-Digest."),))
            yield received
        finally:
            reception.discard()


PLUS_TARD = "Réessayez plus tard ; le signalement est déjà enregistré."


def keep(db: Session, res: Resources, *, id: UUID, photo_id: UUID, spooled: Spooled) -> tuple[Signalement, str | None]:
    """Have the bytes of a declared photo, and say so: its signalement, and the key written (None: they were here).

    Bytes that were here and are lost since are taken again: the phone still has them, and nobody else does.
    Raises what `expect_photo` does, and the store's own troubles: see `storing`.
    """
    photo, here = expect_photo(
        db, caller=db.caller, id=id, photo_id=photo_id, sha256=spooled.sha256, octets=spooled.octets
    )
    cle = cle_originale(photo)
    if here and (cle not in cles_attendues(photo) or res.stockage.existe(cle)):
        return get_signalement(db, caller=db.caller, id=id), None
    res.stockage.deposer(cle, spooled.path)
    return receive_photo(db, caller=db.caller, photo=photo, now=db.now), cle


def announced_length(request: Request) -> int:
    """0 when it is not said, or not a number: the bytes are counted all the same."""
    length = request.headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


def too_big() -> PhotoTropGrosse:
    return PhotoTropGrosse(f"Au plus {OCTETS_MAX // 1024 // 1024} Mo : réduisez la photo avant l'envoi.")


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


def _typed(header: str | None) -> None:
    """Raises BadRequest, FormatDePhoto: a client that announces no picture has a bug."""
    if header is None:
        raise BadRequest("Il faut l'en-tête Content-Type, par exemple image/jpeg.")
    announced = header.partition(";")[0].strip().lower()
    if announced not in media.FORMATS | {"image/jpg"}:  # the name that many clients give JPEG
        raise FormatDePhoto(media.refus_de_type(announced))


SpooledPhoto = Annotated[Spooled, Depends(spool, scope="function")]
