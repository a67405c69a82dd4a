"""A town whose workers are killed at random: real parts, a clock that jumps, and what the other side received.

What arrived is recorded by the receivers, outside the system under test, and nothing of that system is hurried: a dead
worker's leases end by themselves. A seed replays the choices; only the machine's own timing stays its own.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Self

from sqlalchemy import Engine, func, select, text, update
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from relais import embedded
from relais.boite import Boite
from relais.caller import Door, Identity
from relais.commands.horloge import move_to
from relais.db import Session, make_engine
from relais.tables.envoi import Envoi, Webhook
from relais.tables.photo import Photo
from relais.tables.signalement import Rappel

WORKERS = 2
PAUSE = 2.0
"""Seconds of work, at most, between a jump of the clock and the kill: two ticks, and as many as fit between."""

PATIENCE = 75.0
"""Seconds in which something must move: the lease of what was killed (60 s), a retry (5 s), and the work itself."""

FAULTS = 0.2
"""Share of the webhooks whose first attempt fails at the partner's, half refused, half received and unanswered."""


class NotDrained(Exception):
    """Work was left when patience ended: it is late, and nothing can be said of it yet."""


def copy_database(server: embedded.Server, source: str, name: str) -> str:
    """The URL of a copy, made anew. Nobody may be connected to `source`."""
    admin = make_engine(server.url("postgres"), pool=1)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {source}"))
    admin.dispose()
    return server.url(name)


def owner(engine: Engine) -> Session:
    return Session(engine, door=Door.OWNER, identity=Identity(code="VSL"))


def jump(engine: Engine, instant: datetime) -> None:
    with owner(engine) as session, session.begin():
        move_to(session, instant)


@dataclass(frozen=True)
class Received:
    """One body read to its end. `signed`: an independent library verified it."""

    id: str
    body: bytes
    signed: bool


class Partner:
    """Who listens to the webhook, on a free loopback port. Where `faulty`, some first attempts go wrong."""

    def __init__(self, secret: str, rng: Random, *, faulty: bool) -> None:
        self.received: list[Received] = []
        self.refused = self.unanswered = 0
        self._verifier, self._rng, self._faults = Verifier(secret), rng, FAULTS if faulty else 0
        self._known: set[str] = set()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        partner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                announced = int(self.headers["Content-Length"])
                body = self.rfile.read(announced)
                if len(body) < announced:  # its sender was killed in the middle
                    return
                status = partner._answer(dict(self.headers.items()), body)
                if status is not None:
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent: what counts is in `received`."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, headers: dict[str, str], body: bytes) -> int | None:
        """The status to answer; None: the body is kept, and the line is cut without a word."""
        sent = {name.lower(): value for name, value in headers.items()}
        id, fate = sent["webhook-id"], 1.0
        if id not in self._known:
            self._known.add(id)
            fate = self._rng.random()
        if fate < self._faults / 2:
            self.refused += 1
            return 503
        self.received.append(Received(id, body, self._verifies(sent, body)))
        if fate < self._faults:
            self.unanswered += 1
            return None
        return 204

    def _verifies(self, headers: dict[str, str], body: bytes) -> bool:
        try:
            self._verifier.verify(body, headers)
        except WebhookVerificationError:
            return False
        return True


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A client killed before it read its answer is this test's daily bread; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class Town:
    engine: Engine
    folder: Path
    partner: Partner
    boite: Boite
    rng: Random
    tree: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kills: int = 0
    torn: int = 0
    """Transactions seen open at the moment of a kill."""
    _names: dict[int, str] = field(default_factory=dict)

    def start_workers(self) -> None:
        while len(self.workers) < WORKERS:
            self.workers.append(self._start())

    def _start(self) -> subprocess.Popen[bytes]:
        """`-m` puts the folder it is started in first: the modules are those of `tree`."""
        name = f"worker-{len(self._names)}"
        with (self.folder / "workers.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "workers"],
                env=self.environment | {"PGAPPNAME": name},
                cwd=self.tree,
                stdout=log,
                stderr=log,
            )
        self._names[worker.pid] = name
        return worker

    def storm(self, jumps: Sequence[datetime]) -> None:
        """At each jump of the clock work falls due; at a random moment of it one worker is killed, and replaced."""
        self.start_workers()
        for instant in jumps:
            rank = self.rng.randrange(WORKERS)
            self._wait_at_work(self.workers[rank])
            jump(self.engine, instant)
            time.sleep(self.rng.uniform(0, PAUSE))
            self._kill(rank)

    def _wait_at_work(self, worker: subprocess.Popen[bytes]) -> None:
        """A process killed while it still imports its modules proves nothing."""
        start = time.monotonic()
        while not self._backends(worker):
            if worker.poll() is not None or time.monotonic() - start > PATIENCE:
                raise AssertionError(f"a worker does not come to work ({worker.poll()}): {self.last_words()}")
            time.sleep(0.05)

    def _backends(self, worker: subprocess.Popen[bytes], *, in_transaction: bool = False) -> int:
        """How many connections that worker has, known by the name given to it; or those with a transaction open."""
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name"
        count += " AND xact_start IS NOT NULL" if in_transaction else ""
        with owner(self.engine) as session, session.begin():
            session.execute(text("RESET ROLE"))  # a role sees its own connections only
            return session.scalar(text(count), {"name": self._names[worker.pid]}) or 0

    def _kill(self, rank: int) -> None:
        worker = self.workers[rank]
        self.torn += self._backends(worker, in_transaction=True)
        if worker.poll() is not None:
            raise AssertionError(f"a worker ended by itself, status {worker.returncode}: {self.last_words()}")
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self.kills += 1
        self.workers[rank] = self._start()

    def drain(self) -> float:
        """Seconds until all that is due was done; the workers are then stopped. Raises NotDrained.

        A loaded machine is given the time it needs; work that no longer shrinks is not.
        """
        start = time.monotonic()
        while True:
            self.start_workers()
            self._wait_drained()
            elapsed = time.monotonic() - start
            self.stop_workers()
            if not any(self.pending().values()):  # their last tick may have promised something more
                return elapsed

    def _wait_drained(self) -> None:
        fewest, moved = sum(self.pending().values()), time.monotonic()
        while any((left := self.pending()).values()):
            if sum(left.values()) < fewest:
                fewest, moved = sum(left.values()), time.monotonic()
            elif time.monotonic() - moved > PATIENCE:
                raise NotDrained(f"nothing less in {PATIENCE:.0f} s: {left}. {self.last_words()}")
            time.sleep(0.2)

    def pending(self) -> dict[str, int]:
        """What is due, and the deliveries and photos that wait for another try: those end too."""
        due = {
            "paliers": select(func.count()).select_from(Rappel).where(Rappel.du_le <= func.relais_maintenant()),
            "envois": select(func.count()).select_from(Envoi).where(Envoi.due_at.is_not(None)),
            "photos": select(func.count()).select_from(Photo).where(Photo.due_at.is_not(None)),
        }
        with owner(self.engine) as session, session.begin():
            return {what: session.scalar(count) or 0 for what, count in due.items()}

    def stop_workers(self) -> None:
        """As a deployment does: what is under way is finished."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(30)
        self.workers.clear()

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()

    def last_words(self) -> str:
        log = self.folder / "workers.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else ""


@contextlib.contextmanager
def open_town(url: str, data: Path, *, secret: str, rng: Random, tree: Path, faulty: bool = True) -> Iterator[Town]:
    """The database at `url` and the keys and photos in `data`, served by the code of `tree`; nothing left running."""
    with contextlib.ExitStack() as stack:
        engine = make_engine(url, pool=2)
        stack.callback(engine.dispose)
        boite = stack.enter_context(Boite(data / "courriels"))
        partner = stack.enter_context(Partner(secret, rng, faulty=faulty))
        with owner(engine) as session, session.begin():
            session.execute(update(Webhook).values(url=f"http://{partner.host}/relais"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RELAIS_")} | {
            "PYTHONPATH": str(tree),
            "RELAIS_DATABASE_URL": url,
            "RELAIS_DATA_DIR": str(data.resolve()),
            "RELAIS_URL_PUBLIQUE": "https://relais.vaucelles.test",
            "RELAIS_SMTP_URL": boite.url,
            "RELAIS_EXPEDITEUR": "Relais <ne-pas-repondre@vaucelles.test>",
            "RELAIS_WEBHOOKS_AUTORISES": f'["{partner.host}"]',
        }
        town = Town(engine, data, partner, boite, rng, tree, environment)
        stack.callback(town.end)
        yield town
