"""Sending a file that the store lends: whole, or one part of it, and given back however the sending ends."""

import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from relais.stockage import Stockage

_PART = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.IGNORECASE)


def borrow(stockage: Stockage, cle: str, loan: ExitStack) -> tuple[Path, os.stat_result]:
    """Until `loan` is closed. Raises FileNotFoundError, and the store's own troubles."""
    path = loan.enter_context(stockage.emprunter(cle))
    return path, path.stat()


def lend(
    request: Request, path: Path, seen: os.stat_result, *, loan: ExitStack, headers: Mapping[str, str], media_type: str
) -> Response:
    """`headers` holds its ETag. What `loan` holds is given back once the file is sent, or cannot be.

    A Range that is not one part of this very file is ignored, as RFC 9110 §14.2 has it; several parts are too.
    """
    part = _part(request, headers["ETag"])
    if part is not None and _beyond(part, seen.st_size):
        # Their reader may ask for another part at once: a refusal is not kept for an hour.
        more = {"Content-Range": f"bytes */{seen.st_size}", "Cache-Control": "no-store"}
        return Response(status_code=416, headers={**headers, **more})
    return _Lent(path, seen, part=part, loan=loan.pop_all(), headers=headers, media_type=media_type)


class _Lent(FileResponse):
    """The parent reads of a request its Range alone: it is shown the one that was understood."""

    def __init__(
        self,
        path: Path,
        seen: os.stat_result,
        *,
        part: re.Match[str] | None,
        loan: ExitStack,
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(path, headers=headers, media_type=media_type, stat_result=seen)
        self._range = [] if part is None else [(b"range", part[0].encode())]
        self._loan = loan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._loan:
            await super().__call__({**scope, "headers": self._range}, receive, send)


def _part(request: Request, etag: str) -> re.Match[str] | None:
    asked = _PART.fullmatch(request.headers.get("range", ""))
    if asked is None or request.method != "GET" or request.headers.get("if-range", etag) != etag:
        return None
    first, last, _ = asked.groups()
    return None if first and last and int(last) < int(first) else asked


def _beyond(part: re.Match[str], size: int) -> bool:
    first, _, suffix = part.groups()
    return int(first) >= size if first else int(suffix) == 0
