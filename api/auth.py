"""From the Authorization header to a claim. Pure: what the claim is worth is the database's to say."""

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.resources import resources
from api.schemas.commun import Storable
from relais import tokens
from relais.caller import Identity
from relais.errors import JetonAbsent, JetonInvalide

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="jeton",
    description="Jeton d'accès (EdDSA, dix minutes) d'une personne, ou clé d'API `rk_…` d'un acteur.",
)

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
TerritoireCode = Annotated[
    Storable | None,
    Query(alias="territoire", max_length=20, description="Code du territoire, si plusieurs sont servis ici."),
]


async def identify(request: Request, credentials: Credentials) -> Identity:
    """Raises JetonAbsent, JetonInvalide or JetonExpire."""
    if credentials is None:
        raise JetonAbsent("Envoyez l'en-tête « Authorization: Bearer … ».")
    token = credentials.credentials
    if token.startswith(tokens.CLE_PREFIX):
        return tokens.read_cle(token)
    try:
        return tokens.read(resources(request).keys, token)
    except RecursionError as nested:  # a header is read before it is verified, and can be 64 kB of brackets
        raise JetonInvalide("Le jeton est illisible.") from nested


async def identify_reader(request: Request, credentials: Credentials, code: TerritoireCode = None) -> Identity:
    """A public read: anonymous without a token; a token that is present must be good."""
    if credentials is None:
        return Identity(code=code)
    return await identify(request, credentials)
