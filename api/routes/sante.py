"""For whoever watches the process: alive, and ready."""

from fastapi import APIRouter
from sqlalchemy.exc import ProgrammingError

from api.deps import Res, Slot, session_as
from api.problems import responses
from api.schemas.commun import Out
from relais.caller import Identity
from relais.errors import Unavailable

router = APIRouter(tags=["sante"])


class SanteOut(Out):
    etat: str


@router.get("/healthz")
async def vivant() -> SanteOut:
    """Le processus répond."""
    return SanteOut(etat="vivant")


@router.get("/readyz", responses=responses(503), dependencies=[Slot])
def pret(res: Res) -> SanteOut:
    """La base répond, et son schéma est en place."""
    try:
        with session_as(res, Identity()) as session, session.begin():
            session.connection()
    except ProgrammingError as missing:
        raise Unavailable("Le schéma n'est pas en place : relais migrate") from missing
    return SanteOut(etat="pret")
