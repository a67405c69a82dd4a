"""A form with a signalement and its photos, read as it streams: on disk at once, and never more than was promised."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from uuid import NAMESPACE_OID, UUID, uuid5

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool

from api.auth import identify
from api.idempotence import Key
from api.limits import JSON_MAX
from api.problems import ContenuInattendu
from api.reading import parse
from api.resources import resources
from api.schemas.signalement import SignalementIn
from api.uploads import Reception, Spooled, announced_length, receive, storing
from relais.caller import Identity
from relais.errors import (
    BadRequest,
    ChampInvalide,
    ClefManquante,
    DemandeTropGrosse,
    EnvoiInterrompu,
    Fault,
    RelaisError,
)
from relais.rules.depot import OCTETS_MAX, PHOTOS_MAX, Depot, PhotoDeclaree

FORM = "multipart/form-data"
FORM_MAX = JSON_MAX + PHOTOS_MAX * OCTETS_MAX + 64 * 1024
"""All the parts, and what separates them."""


@dataclass(frozen=True)
class Formulaire:
    """What was said, and the photos on disk in the order they came: they are kept, or removed when the request ends."""

    clef: str
    depot: Depot
    photos: tuple[Spooled, ...]

    def signed(self, auteur: UUID | None) -> tuple[UUID, Depot]:
        """The ids that a phone would have chosen, drawn from the author and his key: sent again in a year, the same."""
        id = uuid5(NAMESPACE_OID, f"{auteur}/{self.clef}")
        photos = (
            PhotoDeclaree(uuid5(id, str(rank)), "avant", one.type, one.octets, one.sha256)
            for rank, one in enumerate(self.photos)
        )
        return id, replace(self.depot, photos=tuple(photos))


async def receive_form(
    request: Request, identity: Annotated[Identity, Depends(identify)], idempotency_key: Key = None
) -> AsyncIterator[Formulaire]:
    """Raises ContenuInattendu, ClefManquante, BadRequest, an Invalid pointing at each field, and all a photo may."""
    del identity  # asked for so that a stranger is refused before a byte of his is written
    boundary = _boundary(request.headers.get("content-type"))
    if idempotency_key is None:
        raise ClefManquante("Prenez-en une au hasard pour chaque signalement, et gardez-la tant que vous le renvoyez.")
    if announced_length(request) > FORM_MAX:
        raise _too_large()
    with storing("Réessayez plus tard, ou sans photos."):
        form = _Form(boundary, resources(request).stockage.brouillon)
        try:
            await receive(request, form)
            yield await run_in_threadpool(form.read, idempotency_key)
        finally:
            form.discard()


class _Form:
    """The parser's side: it says what part begins, and gives its bytes."""

    def __init__(self, boundary: bytes, draft: Callable[[], Path]) -> None:
        self._draft = draft
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._said: bytearray | None = None
        self._receptions: list[Reception] = []
        self._seen, self._in_photo, self._unnamed, self._whole = 0, False, False, False

    def write(self, chunk: bytes) -> None:
        self._seen += len(chunk)
        if self._seen > FORM_MAX:
            raise _too_large()
        try:
            self._parser.write(chunk)
        except FormParserError as wrong:
            raise BadRequest("Ce n'est pas un formulaire multipart/form-data bien formé.") from wrong

    @property
    def waiting(self) -> int:
        return sum(reception.waiting for reception in self._receptions)

    def lot(self) -> Callable[[], None]:
        lots = [reception.lot() for reception in self._receptions]

        def keep() -> None:
            for lot in lots:
                lot()

        return keep

    def read(self, clef: str) -> Formulaire:
        if not self._whole:
            raise EnvoiInterrompu("Le formulaire s'arrête avant sa fin ; recommencez l'envoi.")
        if self._said is None:
            raise ChampInvalide(errors=(Fault("/", "Il manque la partie « signalement », en JSON."),))
        depot = _depot(bytes(self._said))
        return Formulaire(clef, depot, tuple(self._spooled()))

    def _spooled(self) -> Iterator[Spooled]:
        for rank, reception in enumerate(self._receptions):
            with _pointing(rank):
                spooled = reception.end()
            yield spooled

    def discard(self) -> None:
        for reception in self._receptions:
            reception.discard()

    def _begin(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode(errors="replace")
        self._in_photo = name == "photo"
        # A browser sends one with no name and no byte for a file that nobody chose: it is a photo from its first byte.
        self._unnamed = self._in_photo and options.get(b"filename") == b""
        if self._in_photo:
            if not self._unnamed:
                self._add()
        elif name == "signalement" and self._said is None:
            self._said = bytearray()
        else:
            known = "une partie « signalement » et des parties « photo », rien d'autre."
            raise ChampInvalide(errors=(Fault("/", f"« {name[:100]} » est de trop : {known}"),))

    def _add(self) -> None:
        if len(self._receptions) == PHOTOS_MAX:
            raise ChampInvalide(errors=(Fault("/photos", f"Au plus {PHOTOS_MAX} photos à la fois."),))
        self._receptions.append(Reception(self._draft()))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._unnamed:
            self._add()
            self._unnamed = False
        if self._in_photo:
            with _pointing(len(self._receptions) - 1):
                self._receptions[-1].write(data[start:end])
        elif self._said is not None:
            self._said += data[start:end]
            if len(self._said) > JSON_MAX:
                raise DemandeTropGrosse(f"Au plus {JSON_MAX // 1024} ko, photos à part.")

    def _end(self) -> None:
        self._whole = True


@contextmanager
def _pointing(rank: int) -> Iterator[None]:
    """Of ten photos, which one is refused."""
    try:
        yield
    except RelaisError as refusal:
        refusal.errors = (Fault(f"/photos/{rank}", refusal.detail or refusal.title),)
        raise


def _boundary(header: str | None) -> bytes:
    kind, options = parse_options_header(header)
    if kind != FORM.encode():
        raise ContenuInattendu(
            "Ici, multipart/form-data. Pour envoyer du JSON : PUT /v1/signalements/{id}, puis chaque photo à part."
        )
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:  # noqa: PLR2004 - RFC 2046 §5.1.1
        raise BadRequest("Content-Type doit dire son séparateur : multipart/form-data; boundary=…")
    return boundary


def _depot(said: bytes) -> Depot:
    """Raises ChampInvalide and RequestValidationError, with the same pointers as `PUT`."""
    try:
        read = parse(said)
    except json.JSONDecodeError as wrong:
        raise ChampInvalide(errors=(Fault("/", wrong.msg),)) from wrong
    if isinstance(read, dict) and "photos" in read:
        raise ChampInvalide(errors=(Fault("/photos", "Ici, chaque photo est une partie « photo » du formulaire."),))
    try:
        return SignalementIn.model_validate(read).depot()
    except ValidationError as wrong:
        faults = wrong.errors(include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in faults]) from wrong


def _too_large() -> DemandeTropGrosse:
    return DemandeTropGrosse(f"Au plus {PHOTOS_MAX} photos de {OCTETS_MAX // 1024 // 1024} Mo.")


Form = Annotated[Formulaire, Depends(receive_form, scope="function")]
