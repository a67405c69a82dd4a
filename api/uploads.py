"""Receiving a body as files: bounded in size and patience, digested on the way, with no connection held meanwhile."""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Protocol, Self, TypeVar
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.auth import identify
from api.resources import Resources, resources
from relais import media
from relais.caller import Identity
from relais.commands.photo import Accueil, cle_d_un_envoi, receive_photo
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
from relais.rules.depot import OCTETS_MAX
from relais.stockage import PlusDePlace as DisquePlein
from relais.stockage import Stockage, StockageInjoignable, disk_troubles, new_draft

T = TypeVar("T")

STALL = 20.0
"""Seconds without a byte before a client is cut: a phone in a tunnel retries, a slow-loris does not hold a file."""

TOTAL = 600.0
"""Seconds for a whole body, however it trickles: 25 MB in ten minutes is the slowest network that is any use."""

LOT = 4 * 1024 * 1024
LOT_LENT = 256 * 1024
LENT = 0.1
"""Bytes held in memory before a thread digests and writes them; and that of them is enough after LENT seconds, so that
a hundred slow phones hold 25 MB and not 400. Piece by piece, the loop that serves everybody would give up the
interpreter a hundred times a photo, and each time wait for the threads that speak to the database."""

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
    """Where a body goes: `write` only takes note, of `waiting` bytes; a thread does what `lot` says, one at a time."""

    def write(self, chunk: bytes) -> None: ...

    @property
    def waiting(self) -> int: ...

    def lot(self) -> Callable[[], None]: ...


class Reception:
    """One photo on its way to a draft. Its owner calls `discard` in the end, whatever happened."""

    def __init__(self, path: Path) -> None:
        self._path, self._digest, self._size, self._head = path, sha256(), 0, b""
        self._held: list[bytes] = []
        self.waiting = 0
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
        self.waiting += len(chunk)

    def lot(self) -> Callable[[], None]:
        """Raises DisquePlein when it is done."""
        held, self._held, self.waiting = self._held, [], 0
        return partial(self._keep, held)

    def _keep(self, held: list[bytes]) -> None:
        lot = b"".join(held)
        self._digest.update(lot)
        with disk_troubles():
            self._file.write(lot)
            self._file.flush()

    def end(self) -> Spooled:
        """Raises FormatDePhoto, DisquePlein."""
        kind = self._type()
        self.lot()()
        with disk_troubles():
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
    since = seen = clock()
    limit = since + TOTAL
    try:
        async with _Behind() as behind, asyncio.timeout(STALL) as patience:
            async for chunk in request.stream():
                sink.write(chunk)
                now = clock()
                if sink.waiting >= LOT or (sink.waiting >= LOT_LENT and now - since > LENT):
                    patience.reschedule(None)  # the disk's time is not the client's
                    await behind.do(sink.lot())
                    since = seen = now = clock()
                    patience.reschedule(min(now + STALL, limit))
                elif now - seen > 1:  # at each piece it would be fifty times a photo
                    seen = now
                    patience.reschedule(min(now + STALL, limit))
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


@dataclass(frozen=True)
class Recue:
    """A body received, and the digest it must have."""

    reception: Reception
    annoncee: str

    def end(self) -> Spooled:
        """Raises EmpreinteDifferente, FormatDePhoto, DisquePlein."""
        received = self.reception.end()
        if received.sha256 != self.annoncee:
            raise EmpreinteDifferente(errors=(Fault("/", "Le corps reçu n'a pas l'empreinte de Content-Digest."),))
        return received


async def receive_photo_body(
    request: Request,
    identity: Annotated[Identity, Depends(identify)],
    content_digest: Annotated[str | None, Header(description="RFC 9530, sha-256.")] = None,
) -> AsyncIterator[Recue]:
    """Raises EmpreinteManquante, PhotoTropGrosse, FormatDePhoto, EnvoiInterrompu, PlusDePlace."""
    del identity  # asked for so that a stranger is refused before a byte of his is written
    _typed(request.headers.get("content-type"))
    announced = _announced(content_digest)
    if announced_length(request) > OCTETS_MAX:
        raise too_big()
    with storing(PLUS_TARD):
        reception = Reception(resources(request).stockage.brouillon())
        try:
            await receive(request, reception)
            yield Recue(reception, announced)
        finally:
            reception.discard()


PLUS_TARD = "Réessayez plus tard ; le signalement est déjà enregistré."


@dataclass
class Original:
    """Bytes in the store, under a name of their own. `adopte` once a row says whose they are."""

    id: UUID
    cle: str
    octets: int
    sha256: str
    adopte: bool = False


def store(stockage: Stockage, whose: tuple[int, UUID, UUID], spooled: Spooled) -> Original:
    """Kept for good, though nobody's yet. `whose`: territoire, signalement, photo. Raises the store's own troubles."""
    id = uuid4()
    cle = cle_d_un_envoi(*whose, id)
    stockage.deposer(cle, spooled.path, neuf=True)
    return Original(id, cle, spooled.octets, spooled.sha256)


def adopt(db: Session, *, id: UUID, photo_id: UUID, original: Original, perdue: str | None = None) -> Accueil:
    """Say that they are this photo's: the last act of a transaction. Raises what `receive_photo` does."""
    accueil = receive_photo(
        db,
        caller=db.caller,
        id=id,
        photo_id=photo_id,
        original=original.id,
        sha256=original.sha256,
        octets=original.octets,
        perdue=perdue,
        now=db.now,
    )
    original.adopte = accueil.adoptees
    return accueil


@asynccontextmanager
async def stored(res: Resources, bring: Callable[[], Iterable[Original]]) -> AsyncIterator[list[Original]]:
    """What `bring` puts in the store, with no transaction open; those that nobody adopted are removed in the end."""
    found: list[Original] = []
    try:
        await at_the_store(res, lambda: found.extend(bring()))
        yield found
    finally:
        stray = [one.cle for one in found if not one.adopte]
        if stray:
            await at_the_store(res, partial(_remove, res.stockage, stray))


async def at_the_store(res: Resources, act: Callable[[], T]) -> T:
    """In a thread, among as few others as a silent store may hold."""
    async with res.gestes:
        return await run_in_threadpool(act)


def _remove(stockage: Stockage, keys: Iterable[str]) -> None:
    for cle in keys:
        with suppress(OSError):  # then it is swept in thirty days
            stockage.effacer(cle)


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


PhotoRecue = Annotated[Recue, Depends(receive_photo_body, scope="function")]
