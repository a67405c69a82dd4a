"""Answers in fewer bytes, for 2G: zstd, brotli or gzip, and for each a strong ETag of its own (RFC 9110 §8.8.3.3)."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_compress import CompressMiddleware

from api.representation import listed

AS_THEY_ARE = ("/m/", "/v1/auth/")
"""Pictures are compressed already; an answer that holds a secret has a length that must say nothing of it."""

CODINGS = ("zstd", "br", "gzip")
_CODED = re.compile(rf'-({"|".join(CODINGS)})"')


class Compress:
    """Pure ASGI. Inside, tags know nothing of codings; outside, those of compressed bytes end with its name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._compressing = app, CompressMiddleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(AS_THEY_ARE):
            await self._app(scope, receive, send)
            return
        held = {one.removeprefix("W/") for one in listed(Headers(scope=scope).get("if-none-match"))}
        accepted = _accepted(scope)
        inside = [(name, _inside(name, value, accepted)) for name, value in scope["headers"]]

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                _outside(MutableHeaders(raw=message["headers"]), message["status"], held, accepted)
            await send(message)

        await self._compressing({**scope, "headers": inside}, receive, tagged)


def _accepted(scope: Scope) -> set[str]:
    """The codings named without a refusal. One left out only costs a whole answer where a 304 would have done."""
    said = Headers(scope=scope).get("accept-encoding", "").lower()
    listed = (one.replace(" ", "").partition(";") for one in said.split(","))
    return {name for name, _, quality in listed if not re.fullmatch(r"q=0(\.0*)?", quality)}


def _inside(name: bytes, value: bytes, accepted: set[str]) -> bytes:
    """A writer is compared by what he read, whatever the coding; a reader by bytes that he can still decode."""
    if name not in {b"if-match", b"if-none-match"}:
        return value
    known = value.decode("latin-1")
    return _CODED.sub(lambda one: '"' if name == b"if-match" or one[1] in accepted else one[0], known).encode("latin-1")


def _outside(headers: MutableHeaders, status: int, held: set[str], accepted: set[str]) -> None:
    etag = headers.get("etag")
    if etag is None:
        return
    if status == 304:  # noqa: PLR2004 - what is held is what is current: its own tag, and what it was chosen by
        headers.add_vary_header("Accept-Encoding")
        coded = (f'{etag[:-1]}-{coding}"' for coding in CODINGS if coding in accepted)
        headers["ETag"] = next((one for one in coded if one in held), etag)
    elif (coding := headers.get("content-encoding")) is not None:
        headers["ETag"] = f'{etag[:-1]}-{coding}"'
