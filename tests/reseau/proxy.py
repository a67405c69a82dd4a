"""A network that loses, cuts, slows and repeats what goes through it, requests and answers alike.

What happens to a request is drawn from the seed, its name and its rank among its namesakes, so that a seed replays the
same misfortunes whatever the threads do; only the machine's own timing stays its own. One connection is one request,
read whole before its fate is drawn.
"""

import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Lock, Thread
from typing import Self

Address = tuple[str, int]

LIMIT = 30.0
"""Seconds without a byte after which the proxy itself gives up: nothing here may last for ever."""

PIECES = 4
"""In how many pieces what is slow arrives."""


def _answer(status: str, media_type: str, content: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


PORTAL = _answer("200 OK", "text/html", b"<html><h1>Bienvenue sur le Wi-Fi de la gare</h1></html>")
ASKED = 5
"""Seconds that BUSY asks for."""
BUSY = _answer(
    "503 Service Unavailable",
    "application/problem+json",
    b'{"status": 503, "code": "unavailable", "retryable": true}',
    f"Retry-After: {ASKED}",
)


class Going(StrEnum):
    CLEAR = "clear"
    LOST = "lost"  #: nothing reaches the server
    CUT = "cut"  #: its beginning does, then the line is closed
    SLOW = "slow"
    AGAIN = "again"  #: delivered a second time once answered; the client hears the second answer
    TWINS = "twins"  #: delivered twice at once
    ECHO = "echo"  #: delivered a second time long after the client heard its answer


class Coming(StrEnum):
    CLEAR = "clear"
    LOST = "lost"  #: the server did it, the client sees a reset
    CUT = "cut"
    SLOW = "slow"
    TWICE = "twice"  #: the same answer two times over
    SILENT = "silent"  #: the server did it, and the line stays open with nothing on it until the client hangs up
    PORTAL = "portal"  #: the server did it, and a Wi-Fi portal says 200 in its place
    BUSY = "busy"  #: the server did it, and says that it could not: 503, with a Retry-After


REPEATED = {Going.AGAIN, Going.TWINS, Going.ECHO}


@dataclass(frozen=True)
class Weather:
    """The share of each misfortune; what is left over goes through untouched."""

    going: Mapping[Going, float] = field(default_factory=dict)
    coming: Mapping[Coming, float] = field(default_factory=dict)


CALM = Weather()
STORM = Weather(
    {
        Going.LOST: 0.08,
        Going.CUT: 0.08,
        Going.SLOW: 0.05,
        Going.AGAIN: 0.06,
        Going.TWINS: 0.08,
        Going.ECHO: 0.05,
    },
    {
        Coming.LOST: 0.10,
        Coming.CUT: 0.08,
        Coming.SLOW: 0.05,
        Coming.TWICE: 0.04,
        Coming.SILENT: 0.01,
        Coming.PORTAL: 0.02,
        Coming.BUSY: 0.03,
    },
)


@dataclass
class Passage:
    """One request that came by `at` that time, what became of it, and the status of each answer the server gave."""

    name: str
    rank: int
    going: Going
    coming: Coming
    rng: Random
    at: float
    statuses: list[int] = field(default_factory=list)

    @property
    def faulty(self) -> bool:
        return self.going is not Going.CLEAR or self.coming is not Coming.CLEAR


class Proxy:
    """Listens on a free loopback port while open, in front of one or several servers; closing waits for the echoes."""

    def __init__(self, servers: Sequence[Address], *, seed: int, weather: Weather) -> None:
        self.passages: list[Passage] = []
        self.broken: list[BaseException] = []
        """What went wrong in the proxy itself: a run that has any proves nothing."""
        self._servers, self._seed, self._weather = servers, seed, weather
        self._ranks: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def address(self) -> Address:
        host, port = self._listening.server_address[:2]
        return str(host), int(port)

    def __enter__(self) -> Self:
        proxy = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                proxy._carry(self.request)

        self._listening = _Listening(("127.0.0.1", 0), Handler)
        self._listening.broken = self.broken
        self._thread = Thread(target=self._listening.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown()
        self._listening.server_close()
        self._thread.join()

    def _carry(self, client: socket.socket) -> None:
        client.settimeout(LIMIT)
        request = _read_request(client)
        if request is None:
            return
        passage = self._draw(_name(request))
        answer = self._go(passage, request)
        with suppress(ConnectionError):  # it has hung up: its patience is its own affair
            _come(passage, client, answer)
        client.close()
        if passage.going is Going.ECHO:
            time.sleep(passage.rng.uniform(0.2, 1.5))
            self._deliver(passage, request, self._server(passage))

    def _draw(self, name: str) -> Passage:
        with self._lock:
            rank = self._ranks[name]
            self._ranks[name] += 1
            rng = Random(f"{self._seed} {name} {rank}")  # noqa: S311 - dice to be thrown again, not a secret
            going = _drawn(rng, self._weather.going) or Going.CLEAR
            coming = _drawn(rng, self._weather.coming) or Coming.CLEAR
            passage = Passage(name, rank, going, coming, rng, time.monotonic())
            self.passages.append(passage)
        return passage

    def _server(self, passage: Passage) -> Address:
        return passage.rng.choice(self._servers)

    def _go(self, passage: Passage, request: bytes) -> bytes:
        """What the server answered; nothing when it was not asked, or not in full."""
        server = self._server(passage)
        match passage.going:
            case Going.LOST:
                return b""
            case Going.CUT:
                _say_half(request, server, passage.rng)
                return b""
            case Going.AGAIN:
                self._deliver(passage, request, server)
                return self._deliver(passage, request, self._server(passage))
            case Going.TWINS:
                both = [server, self._server(passage)]
                with ThreadPoolExecutor(2) as pool:
                    answers = list(pool.map(lambda one: self._deliver(passage, request, one), both))
                return passage.rng.choice(answers)
            case Going.SLOW:
                return self._deliver(passage, request, server, pause=passage.rng.uniform(0.01, 0.1))
            case _:
                return self._deliver(passage, request, server)

    def _deliver(self, passage: Passage, request: bytes, server: Address, *, pause: float = 0.0) -> bytes:
        """The server's whole answer. It may answer, and close, before it has read everything."""
        answer = b""
        with suppress(ConnectionError), socket.create_connection(server, LIMIT) as line:
            with suppress(ConnectionError):
                _trickle(line, request, pause)
            while piece := line.recv(65_536):
                answer += piece
        if answer:
            passage.statuses.append(int(answer.split(maxsplit=2)[1]))
        return answer


class _Listening(ThreadingTCPServer):
    request_queue_size = 128
    broken: list[BaseException]

    def handle_error(self, request: object, client_address: object) -> None:
        del request, client_address
        if (error := sys.exception()) is not None:
            self.broken.append(error)


def _drawn(rng: Random, shares: Mapping[Going, float] | Mapping[Coming, float]) -> Going | Coming | None:
    dice = rng.random()
    for fate, share in shares.items():
        if dice < share:
            return fate
        dice -= share
    return None


def _name(request: bytes) -> str:
    """Method and address; where the address is that of many, its Idempotency-Key too."""
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return " ".join([*lines[0].split()[:2], *filter(None, [headers.get("idempotency-key")])])


def _read_request(client: socket.socket) -> bytes | None:
    """None: the client left before its end."""
    read = b""
    while True:
        head, end, body = read.partition(b"\r\n\r\n")
        if end and len(body) >= _announced(head):
            return read
        try:
            piece = client.recv(65_536)
        except ConnectionError:
            return None
        if not piece:
            return None
        read += piece


def _announced(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _come(passage: Passage, client: socket.socket, answer: bytes) -> None:
    if not answer or passage.coming is Coming.LOST:
        _reset(client)
        return
    match passage.coming:
        case Coming.CUT:
            client.sendall(answer[: passage.rng.randrange(1, len(answer))])
        case Coming.SLOW:
            _trickle(client, answer, passage.rng.uniform(0.01, 0.1))
        case Coming.TWICE:
            client.sendall(answer + answer)
        case Coming.SILENT:
            client.recv(1)
        case Coming.PORTAL:
            client.sendall(PORTAL)
        case Coming.BUSY:
            client.sendall(BUSY)
        case _:
            client.sendall(answer)


def _say_half(request: bytes, server: Address, rng: Random) -> None:
    """Some beginning of it, in the head or in the body; then a polite end or a rude one."""
    with suppress(ConnectionError), socket.create_connection(server, LIMIT) as line:
        line.sendall(request[: rng.randrange(1, len(request))])
        if rng.random() < 0.5:
            _reset(line)


def _trickle(line: socket.socket, what: bytes, pause: float) -> None:
    size = len(what) if not pause else len(what) // PIECES + 1
    for start in range(0, len(what), size):
        line.sendall(what[start : start + size])
        time.sleep(pause)


def _reset(line: socket.socket) -> None:
    """Close with RST, as a mobile network that forgot the connection does."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
