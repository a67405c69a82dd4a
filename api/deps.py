"""Everything an endpoint may ask for, as one-word types. None of it touches SQL before the endpoint runs."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from api.auth import identify, identify_reader
from api.presentation import Presenter
from api.resources import Resources, resources
from relais.caller import Door, Identity
from relais.db import Session
from relais.queries.referentiel import referentiel

T = TypeVar("T")

Res = Annotated[Resources, Depends(resources)]


async def open_session(request: Request, identity: Annotated[Identity, Depends(identify)]) -> AsyncIterator[Session]:
    async with _transaction(resources(request), identity) as session:
        yield session


async def open_reading(
    request: Request, identity: Annotated[Identity, Depends(identify_reader)]
) -> AsyncIterator[Session]:
    async with _transaction(resources(request), identity) as session:
        yield session


def session_as(res: Resources, identity: Identity) -> Session:
    """Not begun yet. For an endpoint that learns who is asking from the database: it depends on `Slot`."""
    nested = {"join_transaction_mode": "create_savepoint"} if isinstance(res.bind, Connection) else {}
    return Session(res.bind, door=Door.API, identity=identity, **nested)


async def hold_slot(res: Res) -> AsyncIterator[None]:
    async with res.slots:
        yield


async def in_transaction(res: Resources, identity: Identity, act: Callable[[Session], T]) -> T:
    """What `act` returns, committed, in one visit to a thread: for an endpoint that also awaits something else."""

    def whole() -> T:
        with session_as(res, identity) as session, session.begin():
            return act(session)

    async with res.slots:
        return await run_in_threadpool(whole)


async def territoire_of(res: Resources, identity: Identity) -> int:
    """A token says it; whose an API key is, the database."""
    if identity.territoire is not None:
        return identity.territoire
    return await in_transaction(res, identity, lambda session: session.caller.territoire)


@asynccontextmanager
async def _transaction(res: Resources, identity: Identity) -> AsyncIterator[Session]:
    """One transaction a request: returning commits, raising rolls back, and either is done before the answer leaves."""
    async with res.slots:
        session = session_as(res, identity)
        end = session.close
        try:
            yield session
            end = partial(_commit, session)
        finally:
            await run_in_threadpool(end)


def _commit(session: Session) -> None:
    with session:
        session.commit()


# scope="function": commit before the answer leaves, so that a 201 is never a lie.
Db = Annotated[Session, Depends(open_session, scope="function")]
PublicDb = Annotated[Session, Depends(open_reading, scope="function")]

Slot = Depends(hold_slot, scope="function")
"""The right to one connection, for an endpoint that opens its sessions itself: one at a time, in its own thread."""


def local(session: Session) -> ZoneInfo:
    """The territoire's time, in which every instant is answered."""
    return ZoneInfo(referentiel(session).configuration.calendrier.fuseau)


def presenter(res: Resources, session: Session) -> Presenter:
    return Presenter(keys=res.keys, url=res.settings.url_publique, caller=session.reader, now=session.now)
