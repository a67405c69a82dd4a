"""What the tests of the door share: a refusal that must leave nothing, and a real socket."""

import asyncio
from collections.abc import Iterator

import pytest
from conftest import MARDI
from refus import Server, check, files, rows

from api.app import build_app
from api.resources import Resources
from relais.db import make_engine
from relais.stockage import Local


@pytest.fixture
def refused(api, ville):
    """Send it, and require a clear refusal that stored nothing; returns what it says."""

    def send(method: str, path: str, status: int, code: str | None = None, pointer: str | None = None, **options):
        before, kept = rows(ville), files(api.stockage)
        answer = api(method, path, **options)
        told = check(answer, status, code, pointer)
        assert (rows(ville), files(api.stockage)) == (before, kept)
        return told

    return send


@pytest.fixture
def served(clone, settings, keys) -> Iterator[Server]:
    engine = make_engine(clone(), pool=3)
    stockage = Local(settings.depot)
    app = build_app(Resources(engine, keys, settings, stockage, asyncio.Semaphore(3)))
    with Server(engine, app) as server:
        server.ville.at(MARDI)
        yield server
