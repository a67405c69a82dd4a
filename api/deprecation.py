"""Taking leave of a route: its callers are told in every answer, long before it goes (RFC 9745, RFC 8594)."""

from datetime import datetime
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCOPE = "relais.deprecated"


def deprecated(*, since: datetime, sunset: datetime, successor: str) -> dict[str, Any]:
    """For a route's decorator: `@router.get("/…", **deprecated(…))`. Both instants in UTC; `successor`, an address."""
    headers = {
        "Deprecation": f"@{int(since.timestamp())}",
        "Sunset": format_datetime(sunset, usegmt=True),
        "Link": f'<{successor}>; rel="successor-version"',
    }

    def remember(request: Request) -> None:
        request.scope[SCOPE].update(headers)

    return {"deprecated": True, "dependencies": [Depends(remember)]}


class TellDeprecated:
    """Refusals included: an old application that only ever fails must hear of it too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told: dict[str, str] = {}

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).update(told)
            await send(message)

        await self._app({**scope, SCOPE: told}, receive, telling)
