"""`Idempotency-Key`: whoever did not hear the answer asks again, and hears the same one."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from starlette.requests import ClientDisconnect

from api.deps import Db, Res
from api.representation import Answer, reply
from api.resources import Resources
from relais.commands.idempotence import Demande, answered, remember
from relais.db import Session
from relais.errors import EnvoiInterrompu

Key = Annotated[
    str | None,
    Header(
        max_length=200,
        pattern="^[!-~]+$",
        description="Une clef par demande, gardée sept jours : la même demande sous la même clef a la même réponse.",
        examples=["019d44ab-2f61-7c3e-b1a7-6d0c5e9f4a28"],
    ),
]

CREATED = 201


async def _body(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect as gone:
        raise EnvoiInterrompu("La connexion s'est coupée ; renvoyez la demande.") from gone


class Once:
    """An act done once for one key and one caller; without a key, done each time it is asked."""

    def __init__(
        self, request: Request, db: Db, res: Res, body: Annotated[bytes, Depends(_body)], idempotency_key: Key = None
    ) -> None:
        self._request, self._db, self._res, self._body, self._clef = request, db, res, body, idempotency_key

    def __call__(self, act: Callable[[], Answer]) -> Response:
        """201 with what `act` returns, now or the first time. Raises DemandeEnCours, ClefReutilisee."""
        if self._clef is None:
            return reply(act(), CREATED)
        demande = Demande(
            qui=str(self._db.caller.id),
            route=self._request.scope["route"].name,
            clef=self._clef,
            empreinte=self._digest(),
        )
        return answer_once(self._db, self._res, demande, act)

    def _digest(self) -> str:
        """The address and what was said there, whatever the order: a dictionary of Swift has another at each start."""
        url = self._request.url
        return sha256(f"{url.path}?{url.query}\n{_canonical(self._body)}".encode()).hexdigest()


def answer_once(db: Session, res: Resources, demande: Demande, act: Callable[[], Answer]) -> Response:
    """201 with what `act` returns, now or the first time. Raises DemandeEnCours, ClefReutilisee."""
    box = res.keys.box
    if (known := answered(db, demande)) is not None:
        return reply(_read(box.decrypt(known.corps)), known.statut)
    told = act()
    remember(db, demande, statut=CREATED, corps=box.encrypt(_written(told)), now=db.now)
    return reply(told, CREATED)


def _written(told: Answer) -> bytes:
    """With its ETag, which the bytes alone do not tell: whoever asks again may write over what was answered first."""
    return told.etag.encode() + b"\n" + told.body


def _read(kept: bytes) -> Answer:
    etag, _, body = kept.partition(b"\n")
    return Answer(body, etag.decode())


def _canonical(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body or b"{}"), sort_keys=True)
    except (ValueError, RecursionError):  # only where the endpoint reads no body, and so refused none
        return sha256(body).hexdigest()


Idempotent = Annotated[Once, Depends(scope="function")]
