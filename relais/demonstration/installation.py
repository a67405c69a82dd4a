"""A whole Relais started for the journey: PostgreSQL, the API, workers, a mail server, a partner that listens."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, func, select, text

from relais import embedded, migrations
from relais.boite import Boite, Recu, lire
from relais.caller import Door, Identity
from relais.commands.horloge import move_to
from relais.commands.webhook import create_webhook
from relais.db import Session, make_engine
from relais.demonstration.chargement import load_demo
from relais.demonstration.recepteur import Recepteur
from relais.keys import Keys, load_keys
from relais.queries.personne import by_identifiant
from relais.queries.rappel import next_instant
from relais.settings import Settings
from relais.tables.envoi import Envoi
from relais.tables.photo import Photo
from relais.tables.signalement import Rappel
from relais.tokens import issue

PATIENCE = 90.0
"""Real seconds after which something that should have happened has not: longer than a lease."""

UVICORN = ("-m", "uvicorn", "api.app:create_app", "--factory", "--no-access-log")

GUARD = timedelta(milliseconds=1)


@dataclass
class Installation:
    engine: Engine
    keys: Keys
    url: str
    courriels: Path
    recepteur: Recepteur
    environment: dict[str, str]
    logs: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    # --- time

    def owner(self) -> Session:
        return Session(self.engine, door=Door.OWNER, identity=Identity(code="VSL"))

    @property
    def now(self) -> datetime:
        with self.owner() as session, session.begin():
            return session.now

    def advance(self, until: datetime) -> None:
        """Live every due instant up to `until` in its turn, then `until` itself, each to the end of what it causes."""
        while (following := self._next()) is not None and following <= until:
            self.jump(following + GUARD)
        self.jump(until)

    def jump(self, instant: datetime) -> None:
        self.set_clock(instant)
        self.wait_quiet()

    def set_clock(self, instant: datetime) -> None:
        with self.owner() as session, session.begin():
            if instant > session.now:
                move_to(session, instant)

    def _next(self) -> datetime | None:
        with self.owner() as session, session.begin():
            return next_instant(session)

    def wait_quiet(self) -> None:
        """Until nothing is due and nothing is held."""
        self.wait(lambda: self._pending() == 0, "que tout ce qui est dû soit fait")

    def _pending(self) -> int:
        with self.owner() as session, session.begin():
            counts = [
                session.scalar(select(func.count()).select_from(table).where(date <= session.now))
                for table, date in ((Rappel, Rappel.du_le), (Envoi, Envoi.due_at), (Photo, Photo.due_at))
            ]
        return sum(count or 0 for count in counts)

    @staticmethod
    def wait(condition: Any, what: str) -> float:  # noqa: ANN401 - any callable that answers yes or no
        """Real seconds waited. Raises TimeoutError, saying what never came."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() - start > PATIENCE:
                raise TimeoutError(f"{PATIENCE:.0f} s passées à attendre {what}")
            time.sleep(0.05)
        return time.monotonic() - start

    # --- people

    def call(self, method: str, path: str, who: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        with self.owner() as session, session.begin():
            person = by_identifiant(session, f"{who}@demo.test")
        token = issue(self.keys, territoire=person.territoire_id, personne=person.id, generation=person.generation)
        headers = {"Authorization": f"Bearer {token}"} | options.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, timeout=30, trust_env=False, **options)

    def mails(self) -> list[Recu]:
        return lire(self.courriels)

    # --- workers

    def start_worker(self) -> subprocess.Popen[bytes]:
        worker = self.start("worker", "-m", "workers")
        self.workers.append(worker)
        return worker

    def stop_workers(self) -> None:
        for worker in self.workers:
            _stop(worker)
        self.workers.clear()

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own modules, by this interpreter
                [sys.executable, *arguments], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill_in_the_middle(self) -> float:
        """Kill -9 the one worker while it fires a palier, its transaction open; then another takes over.

        A lock on the deliveries holds it exactly there: the palier is written and not committed. Returns the real
        seconds from the kill until everything due was done.
        """
        worker = self.workers[-1]
        with self.engine.connect() as holding, holding.begin():
            holding.execute(text("LOCK TABLE envoi IN SHARE ROW EXCLUSIVE MODE"))
            stuck = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'envoi'::regclass")
            self.wait(lambda: holding.scalar(stuck), "qu'un worker soit au milieu d'un palier")
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            self.workers.remove(worker)
        start = time.monotonic()
        self.start_worker()
        self.wait_quiet()
        return time.monotonic() - start


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def installation(folder: Path, *, debut: datetime) -> Iterator[Installation]:
    """Everything running on an empty `folder`, on a story that begins at `debut`; all stopped at the end."""
    for name in ("fichiers", "courriels", "journaux"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(embedded.own(folder))
        engine = _fresh_database(server)
        stack.callback(engine.dispose)
        boite = stack.enter_context(Boite(folder / "courriels"))
        recepteur = stack.enter_context(Recepteur())
        settings = Settings(data_dir=folder)
        keys = load_keys(settings)
        port = _free_port()
        town = Installation(
            engine=engine,
            keys=keys,
            url=f"http://127.0.0.1:{port}",
            courriels=folder / "courriels",
            recepteur=recepteur,
            environment=_environment(server, folder, port, boite, recepteur),
            logs=folder / "journaux",
        )
        _load(town, debut)
        stack.callback(_stop, town.start("api", *UVICORN, "--port", str(port)))
        stack.callback(town.stop_workers)
        town.wait(lambda: _ready(town.url), "que l'API réponde")
        town.start_worker()
        yield town


def _fresh_database(server: embedded.Server) -> Engine:
    """The journey always starts on an empty database; the rest of the folder may have served before."""
    admin = make_engine(server.url("postgres"), pool=1)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE IF EXISTS recit WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE recit"))
    admin.dispose()
    engine = make_engine(server.url("recit"), pool=4)
    migrations.upgrade(engine)
    return engine


def _environment(
    server: embedded.Server, folder: Path, port: int, boite: Boite, recepteur: Recepteur
) -> dict[str, str]:
    return os.environ | {
        "RELAIS_DATABASE_URL": server.url("recit"),
        "RELAIS_DATA_DIR": str(folder.resolve()),
        "RELAIS_URL_PUBLIQUE": f"http://127.0.0.1:{port}",
        "RELAIS_SMTP_URL": boite.url,
        "RELAIS_EXPEDITEUR": "Relais <ne-pas-repondre@vaucelles.test>",
        "RELAIS_WEBHOOKS_AUTORISES": f'["{recepteur.hote}"]',
    }


def _load(town: Installation, debut: datetime) -> None:
    with Session(town.engine, door=Door.OWNER, identity=Identity()) as session, session.begin():
        load_demo(session, debut=debut)
    with town.owner() as session, session.begin():
        admin = by_identifiant(session, "admin@demo.test")
        identity = Identity(territoire=admin.territoire_id, personne=admin.id)
    with Session(town.engine, door=Door.API, identity=identity) as session, session.begin():
        url = f"http://{town.recepteur.hote}/relais"
        _, town.recepteur.secret = create_webhook(
            session, caller=session.caller, box=town.keys.box, url=url, types=(), acteur=None, now=session.now
        )


def _ready(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/readyz", timeout=2, trust_env=False).is_success
    return False
