"""What the process holds for its whole life, made once and handed to every request."""

import asyncio
from dataclasses import dataclass, field

from fastapi import Request
from sqlalchemy import Connection, Engine

from relais.keys import Keys
from relais.settings import Settings
from relais.stockage import Stockage


@dataclass(frozen=True)
class Resources:
    """`slots`: as many transactions at once as the pool has connections. `gestes`: as many gestures at the store.

    A silent store holds no more threads than its gestures, of the forty there are. A request that waits for a slot
    holds nothing; one that waited for a connection would hold a thread, and the one that has the connection would then
    wait for a thread to commit in: a deadlock, measured.
    """

    bind: Engine | Connection
    keys: Keys
    settings: Settings
    stockage: Stockage
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(10))
    gestes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(16))


def resources(request: Request) -> Resources:
    found: Resources = request.app.state.resources
    return found
