"""Pages: one shared base, strict headers, and refusals that a browser can show."""

import base64
from collections.abc import Callable, Coroutine
from functools import lru_cache
from hashlib import sha256
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy.exc import OperationalError

from api.problems import status_of
from relais.errors import BadRequest, LienInvalide, RelaisError, Unauthorized, Unavailable

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address of a page may be the right to act
    "Cache-Control": "no-store",
}


@lru_cache(maxsize=1)
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("api.pages", "gabarits"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Ours, between two tags that quote nothing; its digest is what the browser accepts as a style.
    made.globals["style"] = Markup(_style(made))  # noqa: S704 - a file of this package
    return made


def _style(env: Environment) -> str:
    return env.get_template("style.css").render()


@lru_cache(maxsize=1)
def csp() -> str:
    """Nothing but our own style sheet, and forms that come back here."""
    digest = base64.b64encode(sha256(_style(environment()).encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def page(gabarit: str, *, status: int = 200, politique: str | None = None, **said: object) -> HTMLResponse:
    """`politique`: another Content-Security-Policy than the strict one."""
    html = environment().get_template(gabarit).render(said)
    return HTMLResponse(html, status, headers=HEADERS | {"Content-Security-Policy": politique or csp()})


class PageRoute(APIRoute):
    """Whoever follows a link reads a page, refusals included. Raising has rolled back before it gets here."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except RelaisError as refusal:
                return _explain(refusal)
            except RequestValidationError:
                return _explain(BadRequest("Revenez à la page précédente, et recommencez."))
            except OperationalError:
                return _explain(Unavailable("Rien n'a été enregistré. Réessayez dans quelques minutes."))

        return handle_or_explain


def _explain(refusal: RelaisError) -> HTMLResponse:
    if isinstance(refusal, Unauthorized):  # nobody shows a token here: it is the link that leads to no account
        refusal = LienInvalide("Ce lien ne correspond plus à aucun compte.")
    return page("refus.html", status=status_of(refusal), titre=refusal.title, detail=refusal.detail)
