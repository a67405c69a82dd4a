"""The change feed: a copy of what one sees, kept up to date by asking again."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from api.deps import PublicDb, Res, presenter
from api.filtres import Champs, Depuis, Limite
from api.presentation import Presenter
from api.problems import responses
from api.representation import Conditional, answer, send
from api.schemas.changement import ChangementOut, ChangementsOut
from relais.db import Session
from relais.queries.changement import Changement, list_changements
from relais.queries.dossier import dossiers

router = APIRouter(prefix="/v1/changements", tags=["signalements"], responses=responses(400, 401, 403, 410, 422))


@router.get("", response_model=ChangementsOut, dependencies=[Conditional])
def lire_changements(
    request: Request, db: PublicDb, res: Res, champs: Champs, depuis: Depuis = None, limite: Limite = 50
) -> Response:
    """Ce qui a changé depuis la dernière fois, du plus ancien au plus récent, disparitions comprises."""
    found = list_changements(db, reader=db.reader, depuis=depuis, limite=limite)
    told = ChangementsOut(
        elements=_worded(db, presenter(res, db), found.changements),
        curseur_suivant=found.curseur,
        encore=found.encore,
    )
    each = {"id": True, "disparu": True, "signalement": champs}
    cut = {"elements": {"__all__": each}, "curseur_suivant": True, "encore": True} if champs else None
    return send(request, answer(told, include=cut), private=db.reader is not None)


def _worded(db: Session, words: Presenter, changements: Sequence[Changement]) -> list[ChangementOut]:
    held = [one.signalement for one in changements if one.signalement is not None]
    told = {file.signalement.id: words.signalement(file) for file in dossiers(db, held)} if held else {}
    return [
        ChangementOut(id=one.id, signalement=told.get(one.id))
        if one.signalement is not None
        else ChangementOut(id=one.id, disparu=True)
        for one in changements
    ]
