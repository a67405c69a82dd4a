"""One cluster for the run, one database migrated once and cloned, one savepoint a test.

`ville` is the fictional Vaucelles-sur-Lisse, imported once into the template: every test finds it as `make run` does.
"""

import logging
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Connection, Engine, create_engine, text

from api.app import build_app
from api.resources import Resources
from relais import demonstration, embedded, migrations
from relais.caller import Door, Identity
from relais.commands.horloge import move_to
from relais.db import Session, make_engine
from relais.keys import Keys, load_keys
from relais.queries.personne import by_identifiant
from relais.settings import Settings
from relais.stockage import Local
from relais.tokens import issue

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demo"
SHARED = ROOT.parent / "shared"
MARDI = datetime(2026, 3, 31, 16, 12, tzinfo=UTC)
"""Tuesday 31 March 2026, 18:12 in Vaucelles: when the demo's journey begins."""

# Started in the background, a shell has us ignore Ctrl-C, and so would every process these tests start: with a handler
# of our own, they start as from a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)


def load_demo(engine: Engine) -> None:
    with Session(engine, door=Door.OWNER, identity=Identity()) as session, session.begin():
        demonstration.load_demo(session)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Server]:
    with embedded.own(tmp_path_factory.mktemp("grappe"), fsync=False) as server:
        yield server
    shutil.rmtree(server.cluster.parent)  # as root it may lie outside the temporary folder


@pytest.fixture(scope="session")
def template(cluster: embedded.Server) -> str:
    """A migrated database holding the demo's territoire; nobody stays connected to it, so it can be cloned."""
    _admin(cluster, "CREATE DATABASE modele")
    engine = make_engine(cluster.url("modele"))
    migrations.upgrade(engine)
    load_demo(engine)
    engine.dispose()
    return "modele"


def _admin(cluster: embedded.Server, statement: str) -> None:
    engine = create_engine(cluster.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


_numbers = count(1)


@pytest.fixture(scope="session")
def clone(cluster: embedded.Server, template: str) -> Callable[[], str]:
    """The URL of a fresh copy of the template, for tests that really commit."""

    def make() -> str:
        name = f"copie_{next(_numbers)}"
        _admin(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
        return cluster.url(name)

    return make


@pytest.fixture(scope="session")
def engine(clone: Callable[[], str]) -> Iterator[Engine]:
    engine = make_engine(clone())
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One outer transaction, rolled back: whatever the test commits goes with it."""
    with engine.connect() as connection:
        outer = connection.begin()
        yield connection
        outer.rollback()


class Ville:
    """The demo's town in one test: sessions at either door, people by name, and its clock."""

    def __init__(self, bind: Connection | Engine) -> None:
        self.bind = bind
        self._options = {"join_transaction_mode": "create_savepoint"} if isinstance(bind, Connection) else {}

    def session(self, door: Door = Door.API, identity: Identity | None = None) -> Session:
        return Session(self.bind, door=door, identity=identity or Identity(code="VSL"), **self._options)

    def as_(self, prenom: str) -> Session:
        """A session of `prenom@demo.test`, at the API's door."""
        return self.session(identity=self.identity(prenom))

    def identity(self, prenom: str) -> Identity:
        with self.session() as session, session.begin():
            person = by_identifiant(session, f"{prenom}@demo.test")
            return Identity(territoire=person.territoire_id, personne=person.id, generation=person.generation)

    def worker(self) -> Session:
        return self.session(Door.WORKER)

    def at(self, instant: datetime) -> None:
        """Put the business clock exactly there, backwards too: a test's right, not a demonstration's."""
        with self.session(Door.OWNER) as session, session.begin():
            session.execute(text("UPDATE horloge SET decalage = :instant - now()"), {"instant": instant})

    def forward(self, **delta: float) -> datetime:
        with self.session(Door.OWNER) as session, session.begin():
            move_to(session, session.now + timedelta(**delta))
        with self.session() as session, session.begin():
            return session.now


@pytest.fixture
def ville(connection: Connection) -> Ville:
    town = Ville(connection)
    town.at(MARDI)
    return town


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("data"), url_publique="https://relais.vaucelles.test")


@pytest.fixture(scope="session")
def keys(settings: Settings) -> Keys:
    return load_keys(settings)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a service that speaks S3, on loopback."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - two seconds, for the tests that ask

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def seau(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The RELAIS_STOCKAGE_URL of a fresh bucket, with its keys in the environment."""
    name = f"photos-{next(_numbers)}"
    httpx2.put(f"{s3}/{name}", trust_env=False).raise_for_status()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "vaucelles")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return f"s3://{name}/relais?endpoint={s3}&region=fr-test"


@pytest.fixture
def api(connection: Connection, settings: Settings, keys: Keys, ville: Ville) -> Iterator["Api"]:
    stockage = Local(settings.depot)
    with TestClient(
        build_app(Resources(connection, keys, settings, stockage)), raise_server_exceptions=False
    ) as client:
        yield Api(client, keys, ville, stockage)


class Api:
    """The API over the test's own transaction, called as somebody."""

    def __init__(self, client: TestClient, keys: Keys, ville: Ville, stockage: Local) -> None:
        self.client, self._keys, self._ville, self.stockage = client, keys, ville, stockage

    def bearer(self, prenom: str) -> dict[str, str]:
        who = self._ville.identity(prenom)
        assert who.territoire is not None
        assert who.personne is not None
        token = issue(self._keys, territoire=who.territoire, personne=who.personne, generation=who.generation or 0)
        return {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, *, who: str | None = "relais", **options: Any) -> Response:
        headers = (self.bearer(who) if who else {}) | options.pop("headers", {})
        return self.client.request(method, path, headers=headers, **options)
