"""The demo's mail catcher: a real SMTP server that keeps each message as a file, in the order of arrival."""

import re
import socket
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Recu:
    """One message read back. `fichier` is the name of its file, `le` its own Date, `texte` and `html` its bodies."""

    fichier: str
    de: str
    a: str
    objet: str
    le: datetime
    texte: str
    html: str
    message_id: str


class Boite:
    """Open as a context manager: listens on the loopback alone and writes `000001-<objet>.eml`, … into `dossier`.

    A folder that already holds messages goes on with the next number. `port` 0 takes any free one; `url` says which.
    """

    def __init__(self, dossier: Path, *, port: int = 0) -> None:
        self.dossier = dossier
        self._port = port

    @property
    def url(self) -> str:
        """What to give to `relais.mail.Smtp`; known once open."""
        return f"smtp://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self.dossier.mkdir(parents=True, exist_ok=True)
        listening = socket.create_server((HOST, self._port))
        self._port = listening.getsockname()[1]
        self._server = _Server(_Keeper(self.dossier), listening)
        self._server.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.stop()


class _Server(Controller):
    """aiosmtpd in its thread, on a socket already bound: by itself it cannot take a free port."""

    def __init__(self, keeper: "_Keeper", listening: socket.socket) -> None:
        port = listening.getsockname()[1]
        super().__init__(keeper, hostname=HOST, port=port, server_hostname="localhost")  # named: no DNS at the start
        self._listening = listening

    def _create_server(self) -> Any:  # noqa: ANN401 - as its parent
        return self.loop.create_server(self._factory_invoker, sock=self._listening)


class _Keeper:
    """Called on the server's one loop, a message at a time: the numbers need no lock."""

    def __init__(self, dossier: Path) -> None:
        self._dossier = dossier
        self._number = max((int(file.name[:6]) for file in _files(dossier)), default=0)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802, ANN401 - aiosmtpd's
        self._keep(envelope.content)
        return "250 OK"

    def _keep(self, content: bytes) -> None:
        self._number += 1
        objet = message_from_bytes(content, policy=default).get("Subject", "")
        whole = self._dossier / f"{self._number:06}-{_slug(objet)}.eml"
        partial = whole.with_suffix(".partiel")
        partial.write_bytes(content)
        partial.replace(whole)  # a page that lists the folder never reads half a message


def lire(dossier: Path) -> list[Recu]:
    """The messages caught in `dossier`, oldest first; none while the folder is missing."""
    return [_read(file) for file in _files(dossier)]


def _files(dossier: Path) -> list[Path]:
    return sorted(dossier.glob("[0-9][0-9][0-9][0-9][0-9][0-9]-*.eml"))


def _read(file: Path) -> Recu:
    message = message_from_bytes(file.read_bytes(), policy=default)
    return Recu(
        fichier=file.name,
        de=message["From"],
        a=message["To"],
        objet=message["Subject"],
        le=message["Date"].datetime,
        texte=_body(message, "plain"),
        html=_body(message, "html"),
        message_id=message["Message-ID"],
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return "" if part is None else part.get_content().replace("\r\n", "\n")


def _slug(objet: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", objet).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only)[:60].strip("-") or "sans-objet"
