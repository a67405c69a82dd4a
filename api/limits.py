"""A ceiling on every body without photos, counted while it streams: a lying Content-Length changes nothing."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem
from api.uploads import announced_length
from relais.errors import DemandeTropGrosse

JSON_MAX = 1024 * 1024


class LimitBody:
    """Pure ASGI: it sees the bytes before any parser does. Photos stream to disk under their own limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _streams_photos(scope):
            await self._app(scope, receive, send)
            return
        if announced_length(Request(scope)) > JSON_MAX:
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


def _streams_photos(scope: Scope) -> bool:
    if scope["method"] == "PUT":
        return "/photos/" in scope["path"]
    kind = dict(scope["headers"]).get(b"content-type", b"").lower()
    return (scope["method"], scope["path"]) == ("POST", "/v1/signalements") and kind.startswith(b"multipart/form-data")


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    refusal = DemandeTropGrosse(f"Au plus {JSON_MAX // 1024} ko, photos à part.")
    response = problem(refusal, Request(scope))
    response.headers["Connection"] = "close"
    await response(scope, receive, send)
