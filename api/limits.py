"""A ceiling on every body that is not a photo, counted while it streams: a lying Content-Length changes nothing."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem
from relais.errors import DemandeTropGrosse

JSON_MAX = 1024 * 1024


class LimitBody:
    """Pure ASGI: it sees the bytes before any parser does. Photos stream to disk under their own limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"] == "PUT" and "/photos/" in scope["path"]):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > JSON_MAX:
            await _too_large(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > JSON_MAX:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    refusal = DemandeTropGrosse(f"Au plus {JSON_MAX // 1024} ko, photos à part.")
    response = problem(refusal, Request(scope))
    response.headers["Connection"] = "close"
    await response(scope, receive, send)
