"""A signalement and its photos in one request, for a client too simple to hold a queue."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from api.deps import Db, Res, presenter
from api.idempotence import answer_once
from api.multipart import FORM, Form
from api.problems import responses
from api.representation import Answer
from api.resources import Resources
from api.schemas.signalement import SignalementOut
from api.uploads import Spooled, keep
from relais.commands.idempotence import Demande
from relais.commands.signalement import submit_signalement
from relais.db import Session
from relais.errors import ClefReutilisee, SignalementDifferent
from relais.queries.dossier import dossier
from relais.rules.depot import PHOTOS_MAX, Depot, empreinte

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
def deposer_signalement(form: Form, db: Db, res: Res) -> Response:
    """Déposer un signalement et ses photos d'un seul envoi. `Idempotency-Key` est obligatoire."""
    id, depot = form.signed(db.caller.id)
    demande = Demande(str(db.caller.id), "deposer_signalement", form.clef, empreinte(depot))
    return answer_once(db, res, demande, lambda: _deposit(db, res, id, depot, form.photos))


def _deposit(db: Session, res: Resources, id: UUID, depot: Depot, photos: tuple[Spooled, ...]) -> Answer:
    try:
        ticket, _ = submit_signalement(db, caller=db.caller, id=id, depot=depot, now=db.now)
    except SignalementDifferent as other:  # its answer is forgotten after seven days, the signalement is not
        raise ClefReutilisee("Prenez une nouvelle clef pour chaque nouvelle demande.") from other
    _keep_all(db, res, id, depot, photos)
    return presenter(res, db).answer(dossier(db, ticket))


def _keep_all(db: Session, res: Resources, id: UUID, depot: Depot, photos: tuple[Spooled, ...]) -> None:
    """All of them, or none: the signalement is about to be undone with them."""
    written: list[str] = []
    try:
        for declared, spooled in zip(depot.photos, photos, strict=True):
            _, cle = keep(db, res, id=id, photo_id=declared.id, spooled=spooled)
            written += [cle] if cle else []
    except BaseException:
        for cle in written:
            with suppress(OSError):  # then it is swept in thirty days
                res.stockage.effacer(cle)
        raise
