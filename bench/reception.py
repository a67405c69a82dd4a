"""Accepting a photo for good, beside a bare endpoint that streams the same bytes and syncs the file and its folder.

Both are served by uvicorn, one process each; Relais with its own PostgreSQL, fsync on, knows the caller, checks the
digest and the declaration, and tells the town's workers. Several phones at once, as many for one as for the other.
"""

import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path
from threading import local
from uuid import uuid4

from mesure import Figure, elapsed, medians, show
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relais import demonstration, embedded, migrations
from relais.caller import Door, Identity
from relais.cli.processus import API
from relais.commands.signalement import submit_signalement
from relais.db import Session, make_engine
from relais.keys import load_keys
from relais.queries.personne import by_identifiant
from relais.rules.depot import PHOTOS_MAX, Depot, PhotoDeclaree
from relais.settings import Settings
from relais.tokens import issue

PART = 0.6
ROUNDS, PHOTOS, TELEPHONES = 9, 30, 3
OCTETS = b"\xff\xd8\xff" + os.urandom(3_000_000)
DIGEST = sha256(OCTETS)
NUE = "DOSSIER_DE_LA_MESURE"


async def recevoir(request: Request) -> Response:
    folder = Path(os.environ[NUE])
    with (folder / uuid4().hex).open("xb") as file:
        async for chunk in request.stream():
            file.write(chunk)
        file.flush()
        await run_in_threadpool(_sync, file.fileno(), folder)
    return Response(status_code=201)


def _sync(descriptor: int, folder: Path) -> None:
    os.fsync(descriptor)
    above = os.open(folder, os.O_RDONLY)
    os.fsync(above)
    os.close(above)


nue = Starlette(routes=[Route("/{photo:path}", recevoir, methods=["PUT"])])


@dataclass
class Serveur:
    """A process that answers on loopback; each phone keeps its connection."""

    port: int
    headers: Mapping[str, str]
    pid: int

    def __post_init__(self) -> None:
        self._phones = local()

    def envoyer(self, path: str) -> None:
        if not hasattr(self._phones, "line"):
            self._phones.line = HTTPConnection("127.0.0.1", self.port, timeout=60)
        self._phones.line.request("PUT", path, OCTETS, dict(self.headers))
        answer = self._phones.line.getresponse()
        told = answer.read()
        if answer.status != 201:  # noqa: PLR2004 - created
            raise SystemExit(f"{path} : {answer.status} {told.decode()}")


@contextmanager
def served(command: tuple[str, ...], headers: Mapping[str, str], **env: str) -> Iterator[Serveur]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = [sys.executable, "-m", *command, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(line, env=os.environ | env, cwd=Path(__file__).parent)
    try:
        _wait(process, port)
        yield Serveur(port, headers, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("Le serveur de la mesure ne répond pas.")


@contextmanager
def relais(folder: Path) -> Iterator[tuple[Serveur, Callable[[], list[str]]]]:
    """Relais, and what declares the photos of a round: their paths."""
    settings = Settings(data_dir=folder)
    with embedded.own(folder) as postgres:
        engine = make_engine(postgres.url())
        migrations.upgrade(engine)
        with Session(engine, door=Door.OWNER, identity=Identity()) as session, session.begin():
            demonstration.load_demo(session)
        with Session(engine, door=Door.API, identity=Identity(code="VSL")) as session, session.begin():
            person = by_identifiant(session, "relais@demo.test")
            who = Identity(territoire=person.territoire_id, personne=person.id, generation=person.generation)
        token = issue(
            load_keys(settings), territoire=person.territoire_id, personne=person.id, generation=person.generation
        )
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "image/jpeg",
            "Content-Digest": f"sha-256=:{base64.b64encode(DIGEST.digest()).decode()}:",
        }
        url = postgres.url()
        with served(API, headers, RELAIS_DATABASE_URL=url, RELAIS_DATA_DIR=str(folder)) as serveur:
            yield serveur, lambda: _declare(Session(engine, door=Door.API, identity=who))
        engine.dispose()


def _declare(session: Session) -> list[str]:
    """The first photo of each signalement, then the second of each: a phone sends the photos of one after the other."""
    paths: list[list[str]] = []
    with session, session.begin():
        for _ in range(PHOTOS // PHOTOS_MAX):
            photos = tuple(
                PhotoDeclaree(uuid4(), "avant", "image/jpeg", len(OCTETS), DIGEST.hexdigest())
                for _ in range(PHOTOS_MAX)
            )
            depot = Depot("voirie.trottoir", session.now, lon=0.41312, lat=48.105424, precision_m=1, photos=photos)
            id = uuid4()
            submit_signalement(session, caller=session.caller, id=id, depot=depot, now=session.now)
            paths.append([f"/v1/signalements/{id}/photos/{photo.id}" for photo in photos])
    return list(chain.from_iterable(zip(*paths, strict=True)))


def cost(serveur: Serveur, paths: list[str], threads: ThreadPoolExecutor, folder: Path) -> float:
    """Seconds a photo. What was received is then removed: a whole run would fill a small disk."""
    seconds = elapsed(lambda: list(threads.map(serveur.envoyer, paths)))
    for one in folder.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    return seconds / len(paths)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="relais-mesure-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root PostgreSQL is nobody's
        bare, originals = folder / "nu", folder / "relais" / "fichiers" / "fichiers" / "originaux"
        bare.mkdir()
        quiet = ("uvicorn", "reception:nue", "--no-access-log", "--log-level", "warning")
        with (
            served(quiet, {}, **{NUE: str(bare)}) as nu,
            relais(folder / "relais") as (serveur, declare),
            ThreadPoolExecutor(TELEPHONES) as threads,
        ):
            costs = medians(
                ROUNDS,
                {
                    "nu": lambda: cost(nu, [f"/{rank}" for rank in range(PHOTOS)], threads, bare),
                    "relais": lambda: cost(serveur, declare(), threads, originals),
                },
            )
    told = ", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in costs.items())
    figure = Figure(
        "Photo de 3 Mo acceptée pour de bon, débit nu = 1", costs["nu"] / costs["relais"], PART, detail=told
    )
    return 0 if show("Réception", [figure]) else 1


if __name__ == "__main__":
    sys.exit(main())
