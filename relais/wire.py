"""The only outgoing HTTP: one POST to a partner's address, which cannot be turned against our own network.

The check sits where the socket opens: the name is resolved once, every address it gives is looked up in the table of
special addresses, and the connection goes to an address so checked. A name that answers differently the second time,
`0x7f000001`, `[::ffff:127.0.0.1]`, `localhost` all end there; redirects are answers like any other, never followed.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

import httpcore
import httpx
from ssrfguard import DEFAULT_DENIED

PORTS = frozenset({443, 8443})
CONNECT_SECONDS = 5.0
READ_BYTES = 16 * 1024
EXTRAIT_BYTES = 1024
RETRY_AFTER_SECONDS = 86_400.0
WRITE_BYTES = 2048

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


class WireBlocked(Exception):
    """The address is not allowed and nothing was sent. The text says why, in French, to whoever typed it."""


class WireFailed(Exception):
    """No answer: connection, TLS or time. The partner may have received the body all the same."""


@dataclass(frozen=True)
class Answer:
    """What the partner said, 3xx, 4xx and 5xx included.

    `retry_after` in seconds, at most 24 h, None when absent or unreadable; `extrait` the first KiB of the body as text
    (what is not UTF-8 replaced, NUL too: PostgreSQL has no place for it); `millis` from the call to the last byte read.
    """

    status: int
    retry_after: float | None
    extrait: str
    millis: int


class Wire:
    """`allow`: exact "host:port" that escape every rule, for the demo and the tests ("127.0.0.1:9999", http accepted).

    `proxy`: "http://[user:password@]host:port" of the town's way out. It then resolves the names, so what is written as
    a special address is all that can be refused here, and the proxy's own rules do the rest.
    `timeout`: seconds for the whole exchange, of which 5 at most to connect. The environment's proxies are not read.
    """

    def __init__(self, *, allow: Collection[str] = (), proxy: str | None = None, timeout: float = 15) -> None:
        self._allow = frozenset(allow)
        self._proxy = None if proxy is None else _proxy(proxy)
        # What the guard connects to unchecked. Through a proxy, nothing but the proxy is ever connected to.
        self._exempt = self._allow if proxy is None else frozenset({_key(*_origin(httpx.URL(proxy)))})
        self._timeout = timeout
        self._tls = httpcore.default_ssl_context()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` once, uncompressed, on a connection of its own; read at most 16 KiB of the answer.

        The status stands as soon as the headers are in: a body that dawdles past the total time, or breaks off, is cut
        short, for the partner has received ours and a retry would be a duplicate. Raises WireBlocked, WireFailed.
        """
        started = time.monotonic()
        target = self.check(url)
        # A pool for one request: nothing is kept alive between two partners, and each exchange has its own deadline.
        guard = _Guard(self._exempt, deadline=started + self._timeout)
        pool = httpcore.ConnectionPool(self._tls, self._proxy, network_backend=guard)
        try:
            with pool, pool.stream("POST", target, headers=_headers(headers), content=body) as answer:
                received = _read(answer)
        except httpcore.ConnectTimeout:
            raise WireFailed(f"connexion impossible en {min(CONNECT_SECONDS, self._timeout):g} s") from None
        except httpcore.TimeoutException:
            raise WireFailed(f"pas de réponse en {self._timeout:g} s") from None
        except (httpcore.NetworkError, httpcore.RemoteProtocolError, httpcore.ProxyError) as error:
            raise WireFailed(f"échec de la connexion : {error}") from error
        return Answer(
            status=answer.status,
            retry_after=_retry_after(httpx.Headers(answer.headers)),
            extrait=received.decode("utf-8", "replace").replace("\x00", "\ufffd"),
            millis=round((time.monotonic() - started) * 1000),
        )

    def check(self, url: str) -> httpcore.URL:
        """Where `post` would go. Raises WireBlocked for all that the text alone shows; names are resolved by `post`."""
        try:
            parts = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            raise WireBlocked("adresse illisible") from None
        if any(char.isspace() for char in url):  # it would be escaped, and looked up for ever under another name
            raise WireBlocked("l’adresse ne doit pas contenir d’espace")
        target = httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path)
        host, port = _origin(parts)
        if parts.scheme in {"http", "https"} and _key(host, port) in self._allow:
            return target
        if parts.scheme != "https" or not host:
            raise WireBlocked("l’adresse doit commencer par https:// et un nom d’hôte")
        if parts.userinfo:
            raise WireBlocked("l’adresse ne doit contenir ni identifiant ni mot de passe")
        if port not in PORTS:
            raise WireBlocked("seuls les ports 443 et 8443 sont ouverts")
        if not _HOST.fullmatch(host):
            raise WireBlocked("nom d’hôte impossible")
        if _written_special(host):
            raise WireBlocked(_special(host))
        return target


class _Guard(httpcore.NetworkBackend):
    """Where sockets open. One guard an exchange, since it carries the deadline."""

    def __init__(self, exempt: frozenset[str], *, deadline: float) -> None:
        self._exempt = exempt
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is what counts
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        limit = min(time.monotonic() + CONNECT_SECONDS, self._deadline)
        addresses = _look_up(host, port, seconds=_left(limit))
        # One special address among public ones is the sign of a rebinding: the name is refused whole.
        if _key(host, port) not in self._exempt and any(_is_special(address) for address in addresses):
            raise WireBlocked(_special(host))
        failure: Exception = httpcore.ConnectError("aucune adresse")
        for tried, address in enumerate(addresses):
            share = _left(limit) / (len(addresses) - tried)  # a dead IPv6 route must leave its time to IPv4
            try:
                stream = self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Bounded(stream, deadline=self._deadline)
        raise failure


class _Bounded(httpcore.NetworkStream):
    """A stream under one deadline. A time-out that starts again at each read never ends a byte-by-byte answer."""

    def __init__(self, stream: httpcore.NetworkStream, *, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is what counts
        return self._stream.read(min(max_bytes, READ_BYTES), _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        for start in range(0, len(buffer), WRITE_BYTES):  # in pieces: within one, a slow reader restarts the clock
            self._stream.write(buffer[start : start + WRITE_BYTES], _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        limit = min(CONNECT_SECONDS, _left(self._deadline))
        encrypted = self._stream.start_tls(ssl_context, server_hostname, limit)
        return _Bounded(encrypted, deadline=self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as its parent
        return self._stream.get_extra_info(info)


def _left(limit: float) -> float:
    """Seconds until `limit`, never 0, which a socket takes for «do not wait» and reports as another error."""
    return max(limit - time.monotonic(), 0.001)


def _look_up(host: str, port: int, *, seconds: float) -> list[str]:
    """Every address of `host`, in the system's order of preference."""
    found: Future[list[str]] = Future()

    def ask() -> None:
        try:
            found.set_result([str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            found.set_exception(error)

    # Aside, for getaddrinfo knows no time limit and the partner's name server may never answer.
    threading.Thread(target=ask, name="relais-dns", daemon=True).start()
    try:
        return found.result(seconds)
    except TimeoutError:
        raise httpcore.ConnectTimeout from None
    except UnicodeError:
        raise WireBlocked("nom d’hôte impossible") from None
    except OSError as error:
        raise httpcore.ConnectError(error) from error


def _is_special(address: str) -> bool:
    return DEFAULT_DENIED.classify(address).blocked


def _written_special(host: str) -> bool:
    """Whether `host`, with no look-up, is a special address in any of the spellings the system reads, or localhost."""
    name = host.partition("%")[0].rstrip(".")  # without the zone of an IPv6 link
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        numeric = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return False
    return any(_is_special(str(entry[4][0])) for entry in numeric)


def _special(host: str) -> str:
    # The address found is not told: it would map our network, name by name, to whoever may register a webhook.
    return f"« {host} » désigne une adresse interne ou réservée"


def _key(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _origin(url: httpx.URL) -> tuple[str, int]:
    usual = 443 if url.scheme == "https" else 80
    return url.raw_host.decode("ascii"), usual if url.port is None else url.port


def _proxy(url: str) -> httpcore.Proxy:
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        parts = httpx.URL()
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise ValueError("proxy sortant attendu : http://[utilisateur:motdepasse@]hôte:port")
    address = httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=b"/")
    user, _, password = parts.userinfo.decode("ascii").partition(":")
    return httpcore.Proxy(address, auth=(unquote(user), unquote(password)) if user else None)


def _headers(given: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    headers = httpx.Headers({"user-agent": "Relais"})
    headers.update(given)
    # Nothing to inflate: sixteen KiB of gzip could be sixteen MiB of text.
    headers.update({"accept-encoding": "identity", "connection": "close"})
    return headers.raw


def _read(answer: httpcore.Response) -> bytes:
    received = bytearray()
    with suppress(httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError):
        for piece in answer.iter_stream():
            received += piece
            if len(received) >= READ_BYTES:
                break
    return bytes(received[:EXTRAIT_BYTES])


def _retry_after(headers: httpx.Headers) -> float | None:
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_SECONDS)
    until = _instant(value)
    if until is None:
        return None
    # Counted on the clock that wrote it: between theirs and ours there may be minutes.
    since = _instant(headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - since).total_seconds(), 0.0), RETRY_AFTER_SECONDS)


def _instant(value: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
