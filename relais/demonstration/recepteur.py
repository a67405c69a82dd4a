"""A partner's side of a webhook: an HTTP server that verifies each signature before it says 204."""

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from relais.signature import sign


@dataclass(frozen=True)
class Recue:
    id: str
    type: str
    data: dict[str, Any]
    signee: bool


class Recepteur:
    """Open as a context manager on a free loopback port. `secret` is given once the webhook is made."""

    def __init__(self) -> None:
        self.recues: list[Recue] = []
        self.secret = ""

    @property
    def hote(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        partner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204 if partner._keep(dict(self.headers.items()), body) else 400)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent: the journey prints what matters."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _keep(self, headers: dict[str, str], body: bytes) -> bool:
        sent = {name.lower(): value for name, value in headers.items()}
        expected = sign(self.secret, id=sent["webhook-id"], timestamp=int(sent["webhook-timestamp"]), body=body)
        signed = expected in sent["webhook-signature"].split()
        event = json.loads(body)
        self.recues.append(Recue(sent["webhook-id"], event["type"], event["data"], signed))
        return signed
