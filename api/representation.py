"""Sending one thing: a strong ETag over the very bytes, 304 when the reader has them, 412 when a writer does not."""

from hashlib import sha256

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from relais.errors import VersionDepassee


def body_of(out: BaseModel) -> bytes:
    return out.model_dump_json(exclude_none=True).encode()


def etag_of(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


def send(request: Request, out: BaseModel, *, status: int = 200, private: bool = True) -> Response:
    """`private`: it was worded for this caller, and no shared cache may keep it."""
    body = body_of(out)
    if request.method in {"GET", "HEAD"} and _held(request.headers.get("if-none-match"), etag_of(body)):
        return Response(status_code=304, headers=_headers(body, private=private))
    return reply(body, status, private=private)


def reply(body: bytes, status: int, *, private: bool = True) -> Response:
    return Response(body, status, headers=_headers(body, private=private), media_type=JSONResponse.media_type)


def expect(if_match: str | None, out: BaseModel) -> None:
    """Raises VersionDepassee when the writer read another version than this one."""
    if if_match is not None and if_match.strip() != "*" and etag_of(body_of(out)) not in _listed(if_match):
        raise VersionDepassee("Relisez-le, puis refaites votre modification si elle a encore un sens.")


def _headers(body: bytes, *, private: bool) -> dict[str, str]:
    cache = "private, no-cache" if private else "no-cache"
    return {"ETag": etag_of(body), "Cache-Control": cache, "Vary": "Authorization"}


def _held(if_none_match: str | None, etag: str) -> bool:
    """Weakly compared (RFC 9110 §13.1.2): a proxy that compresses marks our tags `W/`."""
    held = {one.removeprefix("W/") for one in _listed(if_none_match)}
    return etag in held or "*" in held


def _listed(header: str | None) -> set[str]:
    return {one.strip() for one in (header or "").split(",")}
