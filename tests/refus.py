"""What a refusal must be, and leave: told as a problem, with every row and every file as before."""

import asyncio
import json
import re
import socket
import threading

import uvicorn
from conftest import Ville
from sqlalchemy import Engine, func, literal, select, union_all

from relais.caller import Door
from relais.db import Base
from relais.stockage import Local
from relais.tokens import issue

TABLES = Base.metadata.tables
ANGLAIS = re.compile(r"\b(should|input|valid|value|expected|than|must|at least|at most|field)\b", re.IGNORECASE)
"""Words of Pydantic's own messages: a person reads French."""


def rows(ville: Ville) -> dict[str, int]:
    with ville.session(Door.OWNER) as session, session.begin():
        counts = [select(literal(name), func.count()).select_from(table) for name, table in TABLES.items()]
        return dict(session.execute(union_all(*counts)).all())


def files(stockage: Local) -> set:
    return {path for path in stockage.brouillon().parents[1].rglob("*") if path.is_file()}


def check(answer, status, code=None, pointer=None) -> dict:
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert {"type", "title", "status", "code", "retryable"} <= set(told)
    assert told["status"] == status
    assert told["type"].endswith(told["code"].replace("_", "-"))
    assert isinstance(told["retryable"], bool)
    assert code in {None, told["code"]}, told
    if pointer is not None:
        assert pointer in [fault["pointer"] for fault in told["errors"]], told
        assert all(fault["detail"] for fault in told["errors"])
    assert not any(ANGLAIS.search(fault["detail"]) for fault in told.get("errors", ())), told
    return told


class Server:
    """Relais served by uvicorn on a database of its own."""

    def __init__(self, engine: Engine, app) -> None:
        self.ville, self._engine = Ville(engine), engine
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = self._socket.getsockname()
        self._uvicorn = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._uvicorn.serve([self._socket])))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._uvicorn.should_exit = True
        self._thread.join()
        self._socket.close()
        self._engine.dispose()

    def say(self, head: str, content: bytes, *, hang_up: bool = False) -> bytes:
        """Send this much, then listen, or hang up without listening."""
        with socket.create_connection(self.address, timeout=20) as wire:
            wire.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + content)
            if hang_up:
                return b""
            return heard(wire)


def heard(wire: socket.socket) -> bytes:
    """The whole answer, in as many pieces as it comes."""
    answer = b""
    while piece := wire.recv(65_536):
        answer += piece
    return answer


def head(method: str, path: str, token: str, length: int, *more: str) -> str:
    lines = (f"{method} {path} HTTP/1.1", "Host: relais", f"Authorization: Bearer {token}", "Connection: close")
    return "\n".join([*lines, f"Content-Length: {length}", *more])


def token_of(server: Server, keys) -> str:
    who = server.ville.identity("relais")
    return issue(keys, territoire=who.territoire, personne=who.personne, generation=0)


def parsed(raw: bytes) -> tuple[int, dict]:
    top, _, rest = raw.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(rest)
