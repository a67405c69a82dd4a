"""A signalement and its photos in one request, for a client too simple to hold a queue."""

from collections.abc import Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.auth import identify
from api.deps import Res, in_transaction, presenter
from api.idempotence import answer_once
from api.multipart import FORM, Form, Formulaire
from api.problems import responses
from api.representation import Answer
from api.resources import Resources
from api.schemas.signalement import SignalementOut
from api.uploads import Original, adopt, store, stored
from relais.caller import Identity
from relais.commands.idempotence import Demande
from relais.commands.signalement import submit_signalement
from relais.db import Session
from relais.errors import ClefReutilisee, SignalementDifferent
from relais.queries.dossier import dossier
from relais.rules.depot import PHOTOS_MAX, Depot, empreinte
from relais.stockage import Stockage

CORPS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["signalement"],
                    "properties": {
                        "signalement": {
                            "allOf": [{"$ref": "#/components/schemas/SignalementIn"}],
                            "description": "Sans `photos` : chacune est une partie du formulaire.",
                        },
                        "photo": {
                            "type": "array",
                            "maxItems": PHOTOS_MAX,
                            "items": {"type": "string", "format": "binary"},
                        },
                    },
                },
                "encoding": {"signalement": {"contentType": "application/json"}},
            }
        },
    }
}

router = APIRouter(tags=["signalements"])


@router.post(
    "/v1/signalements",
    response_model=SignalementOut,
    status_code=201,
    responses=responses(400, 401, 403, 409, 413, 415, 422, 503, 507),
    openapi_extra=CORPS,
)
async def deposer_signalement(form: Form, identity: Annotated[Identity, Depends(identify)], res: Res) -> Response:
    """Déposer un signalement et ses photos d'un seul envoi. `Idempotency-Key` est obligatoire."""
    caller = await in_transaction(res, identity, attrgetter("caller"))
    id, depot = form.signed(caller.id)
    async with stored(res, partial(_store_all, res.stockage, caller.territoire, id, depot, form)) as originaux:
        return await in_transaction(res, identity, partial(_answer_once, res, form.clef, id, depot, originaux))


def _store_all(stockage: Stockage, territoire: int, id: UUID, depot: Depot, form: Formulaire) -> Iterator[Original]:
    for declared, spooled in zip(depot.photos, form.photos, strict=True):
        yield store(stockage, (territoire, id, declared.id), spooled)


def _answer_once(
    res: Resources, clef: str, id: UUID, depot: Depot, originaux: Sequence[Original], db: Session
) -> Response:
    demande = Demande(str(db.caller.id), "deposer_signalement", clef, empreinte(depot))
    try:
        return answer_once(db, res, demande, lambda: _deposit(db, res, id, depot, originaux))
    except BaseException:
        for one in originaux:  # undone together: those adopted before the one that was refused are nobody's again
            one.adopte = False
        raise


def _deposit(db: Session, res: Resources, id: UUID, depot: Depot, originaux: Sequence[Original]) -> Answer:
    try:
        ticket, _ = submit_signalement(db, caller=db.caller, id=id, depot=depot, now=db.now)
    except SignalementDifferent as other:  # its answer is forgotten after seven days, the signalement is not
        raise ClefReutilisee("Prenez une nouvelle clef pour chaque nouvelle demande.") from other
    for declared, original in zip(depot.photos, originaux, strict=True):
        adopt(db, id=id, photo_id=declared.id, original=original)
    db.refresh(ticket)
    return presenter(res, db).answer(dossier(db, ticket))
