"""For whoever watches the process: alive, and ready."""

from fastapi import APIRouter
from sqlalchemy import text

from api.deps import Res
from api.problems import responses
from api.schemas.commun import Out

router = APIRouter(tags=["sante"])


class SanteOut(Out):
    etat: str


@router.get("/healthz")
async def vivant() -> SanteOut:
    """Le processus répond."""
    return SanteOut(etat="vivant")


@router.get("/readyz", responses=responses(503))
def pret(res: Res) -> SanteOut:
    """La base répond, et son schéma est en place."""
    with res.bind.engine.connect() as connection:
        connection.execute(text("SELECT version FROM territoire LIMIT 1"))
    return SanteOut(etat="pret")
