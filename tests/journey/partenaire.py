"""A partner's server, which believes a webhook only when PyPI's `standardwebhooks` does."""

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True)
class Recue:
    chemin: str
    id: str
    corps: dict[str, Any]


class Partenaire:
    """Open as a context manager on a free loopback port; answers 204 to what verifies, 401 to the rest.

    `secrets`: the one of each path, as the API gave it.
    """

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.recues: list[Recue] = []
        self.refusees: list[str] = []

    @property
    def hote(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        partner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204 if partner.verifie(self.path, dict(self.headers.items()), body) else 401)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def verifie(self, chemin: str, headers: dict[str, str], body: bytes) -> bool:
        try:
            Webhook(self.secrets[chemin]).verify(body, headers)
        except (KeyError, WebhookVerificationError) as refused:
            self.refusees.append(f"{chemin}: {refused!r}")
            return False
        sent = {name.lower(): value for name, value in headers.items()}
        self.recues.append(Recue(chemin, sent["webhook-id"], json.loads(body)))
        return True
