"""RFC 9457 on the way out, for every refusal: ours, the framework's, and what should never happen."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from starlette.exceptions import HTTPException

from api.schemas.commun import PHRASE, Problem
from relais import errors
from relais.errors import Fault, RelaisError

STATUS: Mapping[type[RelaisError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.Invalid: 422,
    errors.Unavailable: 503,
    errors.TooMany: 429,
    errors.PlusDePlace: 507,
}
"""A family to its status; a class named here speaks for itself before its family does."""

TYPE = "https://relais.example/problemes/"

TITRES: Mapping[int, str] = {
    400: "La demande est mal formée",
    404: "Cette adresse n'existe pas",
    405: "Cette méthode n'existe pas à cette adresse",
    413: "La demande est trop grosse",
}

FAULTS_MAX = 50
STEP_MAX = 100
"""Characters of a key that a pointer shows."""

_log = logging.getLogger("relais.api")


class Crash(RelaisError):
    """Relais a rencontré une erreur ; elle est dans son journal."""

    retryable = True


class ContenuInattendu(errors.UnsupportedType):
    """Ce type de contenu n'est pas accepté ici."""


def status_of(refusal: RelaisError) -> int:
    return next((STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS), 500)


def problem(refusal: RelaisError, request: Request) -> JSONResponse:
    status = status_of(refusal)
    body: dict[str, Any] = {
        "type": TYPE + refusal.code.replace("_", "-"),
        "title": refusal.title,
        "status": status,
        "code": refusal.code,
        "retryable": refusal.retryable,
        "instance": request.url.path,
    }
    if refusal.detail:
        body["detail"] = refusal.detail
    if refusal.errors:
        body["errors"] = [{"pointer": fault.pointer, "detail": fault.detail} for fault in refusal.errors]
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(refusal, errors.Unauthorized) else {}
    if refusal.retryable:
        headers["Retry-After"] = str(refusal.attente)
    return JSONResponse(
        jsonable_encoder(body | refusal.extra), status, headers=headers, media_type="application/problem+json"
    )


def _pointer(loc: Sequence[str | int]) -> str:
    """A body's field is a pointer; a parameter's is written `?name`, as no body holds it."""
    where, *rest = loc or ("body",)
    steps = [_shown(step) for step in rest]
    if where == "body":
        return "/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
    return f"?{'.'.join(steps)}"


def _shown(step: str | int) -> str:
    """A key the sender chose: it may be a megabyte, or half a character that no answer can carry."""
    return str(step)[:STEP_MAX].encode(errors="replace").decode()


_NOMBRE = "Écrivez un nombre, sans guillemets."
_ENTIER = "Écrivez un nombre entier."
_UUID = "Ce n'est pas un UUID."
_INSTANT = "Écrivez la date et l'heure ainsi : 2026-03-31T18:12:00+02:00."
_JOUR = "Écrivez le jour ainsi : 2026-04-07."
_OUI_NON = "Écrivez true (oui) ou false (non)."
_LISTE = "Écrivez une liste, entre crochets."
_OBJET = "Écrivez un objet JSON, entre accolades."
_PARMI = "Au choix : {expected}."

SENS: Mapping[str, str] = {
    "missing": "Ce champ est obligatoire.",
    "extra_forbidden": "Ce champ n'est pas connu : retirez-le, ou corrigez son nom.",
    "string_type": "Écrivez un texte, entre guillemets.",
    "string_too_short": "Ce texte est trop court. Longueur minimale, en caractères : {min_length}.",
    "string_too_long": "Ce texte est trop long. Longueur maximale, en caractères : {max_length}.",
    "string_unicode": "Ce texte contient un caractère incomplet.",
    "string_pattern_mismatch": "Ce texte n'a pas la forme attendue : {pattern}",
    "too_short": "C'est trop court. Longueur minimale : {min_length}.",
    "too_long": "C'est trop long. Longueur maximale : {max_length}.",
    "int_type": _ENTIER,
    "int_parsing": _ENTIER,
    "int_parsing_size": _ENTIER,
    "int_from_float": _ENTIER,
    "float_type": _NOMBRE,
    "float_parsing": _NOMBRE,
    "finite_number": "Ce nombre n'en est pas un, ou il est trop grand.",
    "greater_than": "Écrivez un nombre supérieur à {gt}.",
    "greater_than_equal": "Écrivez au moins {ge}.",
    "less_than": "Écrivez un nombre inférieur à {lt}.",
    "less_than_equal": "Écrivez au plus {le}.",
    "bool_type": _OUI_NON,
    "bool_parsing": _OUI_NON,
    "enum": _PARMI,
    "literal_error": _PARMI,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "timezone_aware": "Précisez le décalage horaire, par exemple 2026-03-31T18:12:00+02:00.",
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "date_type": _JOUR,
    "date_parsing": _JOUR,
    "date_from_datetime_parsing": _JOUR,
    "date_from_datetime_inexact": _JOUR,
    "list_type": _LISTE,
    "tuple_type": _LISTE,
    "dict_type": _OBJET,
    "model_type": _OBJET,
    "model_attributes_type": _OBJET,
}
"""What Pydantic finds wrong, by its type, to a person. What it names is filled in by `_en_francais`."""

INCOMPRIS = "Cette valeur n'est pas acceptée ici : voir /openapi.json."


def _refusal_of_input(error: RequestValidationError) -> RelaisError:
    if isinstance(error.body, bytes):
        return ContenuInattendu("Envoyez du JSON, avec l'en-tête Content-Type: application/json.")
    return errors.ChampInvalide(errors=tuple(_fault(one) for one in error.errors()[:FAULTS_MAX]))


def _fault(one: Mapping[str, Any]) -> Fault:
    if one["type"] == "json_invalid":
        return Fault("/", one["ctx"]["error"])
    if one["type"] == PHRASE:
        return Fault(_pointer(one["loc"]), one["msg"])
    return Fault(_pointer(one["loc"]), _reason(one["type"], one.get("ctx", {})))


def _reason(kind: str, context: Mapping[str, Any]) -> str:
    """Our own validators speak French; Pydantic's message never reaches anybody."""
    ours = context.get("error")
    if isinstance(ours, ValueError):
        return f"Valeur refusée : {ours}."
    return SENS.get(kind, INCOMPRIS).format_map({name: _en_francais(value) for name, value in context.items()})


def _en_francais(value: object) -> str:
    """« 5 000 » and « 0,5 » for numbers; « gps, photo ou carte » for what Pydantic lists."""
    if isinstance(value, int | float):
        return f"{value:,.10g}".translate({ord(","): "\u202f", ord("."): ","})
    return str(value).replace("'", "").replace(" or ", " ou ")


async def _ours(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RelaisError):
        raise error
    return problem(error, request)


async def _input(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    return problem(_refusal_of_input(error), request)


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    codes = {404: "adresse_inconnue", 405: "methode_inconnue", 413: "demande_trop_grosse"}
    code = codes.get(error.status_code, "demande_refusee")
    body = {
        "type": TYPE + code.replace("_", "-"),
        "title": TITRES.get(error.status_code, "La demande ne peut pas être satisfaite"),
        "status": error.status_code,
        "code": code,
        "retryable": False,
        "instance": request.url.path,
    }
    return JSONResponse(body, error.status_code, headers=error.headers, media_type="application/problem+json")


async def _unstorable(request: Request, error: Exception) -> JSONResponse:
    _log.warning("unstorable value refused at %s: %s", request.url.path, type(error.__cause__ or error).__name__)
    return problem(
        errors.ChampInvalide("Une valeur ne peut pas être enregistrée (caractère nul, nombre trop grand)."), request
    )


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    _log.error("database unavailable at %s", request.url.path, exc_info=error)
    return problem(errors.Unavailable("La base de données ne répond pas."), request)


async def _crash(request: Request, error: Exception) -> JSONResponse:
    _log.error("crash at %s %s", request.method, request.url.path, exc_info=error)
    return problem(Crash(), request)


def install(app: FastAPI) -> None:
    app.add_exception_handler(RelaisError, _ours)
    app.add_exception_handler(RequestValidationError, _input)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DataError, _unstorable)
    for away in (OperationalError, InterfaceError, PoolExhausted):
        app.add_exception_handler(away, _database_away)
    app.add_exception_handler(Exception, _crash)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the contract: these statuses answer a Problem."""
    return {status: {"model": Problem, "description": "Refus, expliqué."} for status in statuses}
