"""JSON with one meaning only: no key said twice, no NaN, nothing nested past reason, and told in French."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute


class StrictRoute(APIRoute):
    """For a router whose endpoints read JSON. Of two same keys, two readers would keep different ones (RFC 8259 §4)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return read_strictly


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - any JSON
        return parse(await self.body())


def parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Raises json.JSONDecodeError alone, which FastAPI answers as a refused input: its text is shown as it is."""
    try:
        return json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as wrong:
        raise _unreadable(f"Ce n'est pas du JSON lisible, au caractère {wrong.pos}.") from wrong
    except UnicodeDecodeError as wrong:
        raise _unreadable("Ce n'est pas du texte UTF-8.") from wrong
    except RecursionError as wrong:
        raise _unreadable("Trop de niveaux imbriqués.") from wrong
    except ValueError as wrong:  # the standard library's own limit on figures, or one of ours below
        ours = wrong.args[0] if isinstance(wrong, _Ambiguous) else "Un nombre a trop de chiffres."
        raise _unreadable(ours) from wrong


class _Ambiguous(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Ambiguous("Une clé est écrite deux fois dans le même objet.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Ambiguous(f"{name} n'est pas du JSON.")


def _unreadable(message: str) -> json.JSONDecodeError:
    return json.JSONDecodeError(message, "", 0)
