"""The contract: OpenAPI 3.1 as generators understand it. `make openapi` writes it; a test says it is fresh."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from relais import __version__

DESCRIPTION = """Le serveur des signalements de quartier : un responsable, une date promise, une remontée quand elle passe.

Instants avec décalage horaire ; valeurs absentes omises, jamais nulles ; refus en RFC 9457, avec un `code` stable.
"""


def describe(app: FastAPI) -> None:
    """Have the app answer its contract in the form app developers' generators understand."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _openapi(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _openapi(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title="Relais",
        version=__version__,
        summary="Signalements de quartier : responsable, délais, remontées.",
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/", "description": "Cette installation"}],
        license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
    )
    found: dict[str, Any] = without_null(schema)
    return found


def without_null(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Absent is how Relais says nothing: `anyOf: [X, null]` becomes X, which generators would else drop silently."""
    if isinstance(node, list):
        return [without_null(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: without_null(value) for key, value in node.items()}
    choices = node.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        kept = [one for one in choices if one != {"type": "null"}]
        del node["anyOf"]
        node |= kept[0] if len(kept) == 1 else {"anyOf": kept}
        if node.get("default", ...) is None:
            del node["default"]
    return node


def text_of(app: FastAPI) -> str:
    """The contract as it is committed."""
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
