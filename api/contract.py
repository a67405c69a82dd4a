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

TAGS = {
    "auth": "Se connecter par un code reçu par courriel, et le rester.",
    "moi": "Le compte qui parle.",
    "signalements": "Envoyer, retrouver, suivre.",
    "photos": "Les octets annoncés, et les images nettoyées.",
    "verbes": "Ce que chacun peut faire d'un signalement : la lecture le dit dans `actions`.",
    "referentiel": "Le territoire : thèmes, zones, et qui répond d'un lieu.",
    "instances": "Les ordres du jour, et les décisions du pilote.",
    "envois": "Les webhooks, et le sort de chaque envoi.",
    "sante": "Pour qui surveille l'installation.",
}
"""In the order an app developer meets them."""

HEADERS = {
    "ETag": {"description": "À rendre tel quel : `If-None-Match`, `If-Match`.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Secondes à attendre, quand `retryable` est vrai.",
        "schema": {"type": "integer", "minimum": 0},
    },
}

OWED = {"envoyer_photo": "content-digest", "deposer_signalement": "idempotency-key"}
"""Headers whose absence is refused in our own words, so that the framework believes them optional."""

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
        tags=[{"name": name, "description": said} for name, said in TAGS.items()],
        contact={"name": "Relais", "url": "https://relais.example/"},
        license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
    )
    for operation in operations(schema):
        _finish(operation)
    schema["components"]["headers"] = HEADERS
    schemas = schema["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schemas["Problem"].pop("$defs")
    for unused in ("HTTPValidationError", "ValidationError"):  # the framework's own refusal, which nobody receives
        schemas.pop(unused, None)
    found: dict[str, Any] = for_generators(schema)
    return found


def operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        yield from path.values()


def _finish(operation: dict[str, Any]) -> None:
    """A French summary, who may call, what a cache may keep, and every refusal as what it is: a problem."""
    operation["summary"] = operation["description"].splitlines()[0]
    operation["security"] = _security(operation)
    operation["responses"] = _answers(operation)
    for parameter in operation.get("parameters", ()):
        parameter["required"] |= parameter["name"] == OWED.get(operation["operationId"])


def _answers(operation: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = operation["responses"]
    if _takes(operation, "if-none-match"):
        answers["200"] |= _with("ETag")
        answers["304"] = {"description": "Rien de neuf : ce que vous avez est bon."} | _with("ETag")
    for answer in answers.values():
        if answer["description"] == "Successful Response":
            answer["description"] = "Fait."
    refused = {status for status in answers if status >= "4"} | ({"401", "403"} if operation["security"] else set())
    answers |= {status: _refusal(REFUSALS.get(status, "Refus, expliqué.")) for status in refused}
    return answers | {"default": _refusal("Tout autre refus, expliqué de même.")}


def _refusal(description: str) -> dict[str, Any]:
    return {"description": description, "content": PROBLEM} | _with("Retry-After")


def _with(header: str) -> dict[str, Any]:
    return {"headers": {header: {"$ref": f"#/components/headers/{header}"}}}


def _security(operation: dict[str, Any]) -> list[dict[str, list[str]]]:
    """Only a reading open to strangers asks which territoire: a token says so by itself, and is not required there."""
    asked: list[dict[str, list[str]]] = [one for one in operation.get("security", []) if one]
    return [{}, *asked] if _takes(operation, "territoire") else asked


def _takes(operation: dict[str, Any], parameter: str) -> bool:
    return any(one["name"] == parameter for one in operation.get("parameters", ()))


def for_generators(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """What generators would drop in silence, said as they understand it.

    Absent is how Relais says nothing: `anyOf: [X, null]` becomes X. A tuple of one kind is an array of that kind.
    """
    if isinstance(node, list):
        return [for_generators(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: for_generators(value) for key, value in node.items()}
    choices = node.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        kept = [one for one in choices if one != {"type": "null"}]
        del node["anyOf"]
        node |= kept[0] if len(kept) == 1 else {"anyOf": kept}
        if node.get("default", ...) is None:
            del node["default"]
    kinds = node.get("prefixItems")
    if isinstance(kinds, list) and kinds.count(kinds[0]) == len(kinds):
        node["items"] = node.pop("prefixItems")[0]
    return node


def text_of(app: FastAPI) -> str:
    """The contract as it is committed."""
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
