"""Sending one thing: a strong ETag over the very bytes, 304 when the reader has them, 412 when a writer does not."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from relais.errors import VersionDepassee

Cut = dict[str, Any] | set[str]
"""What of an answer is sent, as Pydantic's `include` says it."""

_REVISED = re.compile(r'"(\d{1,18})-[0-9a-f]{32}"', re.ASCII)


@dataclass(frozen=True)
class Answer:
    """One thing as it leaves."""

    body: bytes
    etag: str
    media_type: str = JSONResponse.media_type


def answer(out: BaseModel, *, revision: int | None = None, include: Cut | None = None) -> Answer:
    """`revision`: what a writer is compared by, for the bytes change with time alone (signed links, lateness)."""
    body = out.model_dump_json(exclude_none=True, include=include).encode()
    return Answer(body, _tag(body) if revision is None else f'"{revision}-{_tag(body)[1:]}')


def answer_as(response: JSONResponse) -> Answer:
    """Of another kind of JSON, as its own class writes it."""
    body = bytes(response.body)
    return Answer(body, _tag(body), response.media_type)


def _tag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


def send(request: Request, told: Answer, *, status: int = 200, private: bool = True) -> Response:
    """`private`: it was worded for this caller, and no shared cache may keep it."""
    if request.method in {"GET", "HEAD"} and held(request.headers.get("if-none-match"), told.etag):
        return Response(status_code=304, headers=_headers(told, private=private))
    return reply(told, status, private=private)


def reply(told: Answer, status: int, *, private: bool = True) -> Response:
    return Response(told.body, status, headers=_headers(told, private=private), media_type=told.media_type)


def expect(if_match: str | None, revision: int) -> None:
    """Raises VersionDepassee when the writer read another revision than this one."""
    if if_match is None or if_match.strip() == "*":
        return
    read = (_REVISED.fullmatch(one) for one in listed(if_match))
    if revision not in {int(one[1]) for one in read if one}:
        raise VersionDepassee("Relisez-le, puis refaites votre modification si elle a encore un sens.")


def _conditional(
    if_none_match: Annotated[str | None, Header(description="ETag de ce que l'on a déjà.")] = None,
) -> None:
    """`send` reads it: here the contract shows it."""


Conditional = Depends(_conditional)


def _headers(told: Answer, *, private: bool) -> dict[str, str]:
    cache = "private, no-cache" if private else "no-cache"
    return {"ETag": told.etag, "Cache-Control": cache, "Vary": "Authorization"}


def held(if_none_match: str | None, etag: str) -> bool:
    """Weakly compared (RFC 9110 §13.1.2): a proxy that compresses marks our tags `W/`."""
    held = {one.removeprefix("W/") for one in listed(if_none_match)}
    return etag in held or "*" in held


def listed(header: str | None) -> set[str]:
    """The tags of `If-Match` or `If-None-Match`, as they are written."""
    return {one.strip() for one in (header or "").split(",")}
