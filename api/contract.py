"""The contract: OpenAPI 3.1 as generators understand it. `make openapi` writes it; a test says it is fresh."""

import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.schemas.commun import Problem
from relais import __version__

DESCRIPTION = """Chaque signalement de quartier a un responsable, une date promise, et remonte quand elle passe.

Instants avec décalage horaire ; valeurs absentes omises, jamais nulles ; refus en RFC 9457, avec un `code` stable.
"""

PUBLIC = frozenset({"referentiel", "sante"})
"""Tags of what needs no token; one that is sent all the same must be good."""

REFUSALS = {"401": "Pas de jeton, ou pas un bon.", "503": "Pas maintenant : la même demande peut passer plus tard."}
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


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
    for operation in operations(schema):
        _finish(operation)
    schemas = schema["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schemas["Problem"].pop("$defs")
    for unused in ("HTTPValidationError", "ValidationError"):  # the framework's own refusal, which nobody receives
        schemas.pop(unused, None)
    found: dict[str, Any] = without_null(schema)
    return found


def operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        yield from path.values()


def _finish(operation: dict[str, Any]) -> None:
    """A French summary, security said either way, and every refusal as what it is: a problem."""
    operation["summary"] = operation["description"].splitlines()[0]
    if "security" not in operation or PUBLIC.intersection(operation.get("tags", ())):
        operation["security"] = []
    for status, answer in operation["responses"].items():
        if status >= "4":
            answer["content"] = PROBLEM
            answer["description"] = REFUSALS.get(status, "Refus, expliqué.")
    operation["responses"]["default"] = {"description": "Tout autre refus, expliqué de même.", "content": PROBLEM}


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
