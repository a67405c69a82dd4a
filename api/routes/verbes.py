"""What one can do to a signalement: a verb is posted under it, and answers with what it has become."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response

from api.deps import Db, Res, presenter
from api.idempotence import Idempotent
from api.problems import responses
from api.reading import StrictRoute
from api.representation import Answer, expect
from api.schemas import signalement as schemas
from api.schemas.signalement import SignalementOut
from relais.commands import corrections, rattachement, verbes
from relais.queries.dossier import dossier
from relais.queries.signalement import get_signalement
from relais.tables.signalement import Signalement

router = APIRouter(
    prefix="/v1/signalements/{id}",
    tags=["verbes"],
    responses=responses(401, 403, 404, 409, 412, 422),
    route_class=StrictRoute,
)


class Acting:
    """A verb being done by this caller: checked against the version he read, answered with the new one."""

    def __init__(
        self,
        once: Idempotent,
        id: UUID,
        db: Db,
        res: Res,
        if_match: Annotated[str | None, Header(description="ETag de la version lue ; modifiée depuis : 412.")] = None,
    ) -> None:
        self._once, self._id, self._db, self._res, self._if_match = once, id, db, res, if_match

    def do(self, verbe: Callable[..., Signalement], **facts: object) -> Response:
        """A verb sent again under its key is answered before its version is looked at: the first time changed it."""
        return self._once(lambda: self._done(verbe, **facts))

    def _done(self, verbe: Callable[..., Signalement], **facts: object) -> Answer:
        db = self._db
        if self._if_match is not None:
            held = get_signalement(db, caller=db.caller, id=self._id, lock=True)
            expect(self._if_match, held.revision)
        ticket = verbe(db, caller=db.caller, id=self._id, now=db.now, **facts)
        return presenter(self._res, db).answer(dossier(db, ticket))


Act = Annotated[Acting, Depends(scope="function")]


@router.post("/prises-en-charge", response_model=SignalementOut, status_code=201)
def prendre_en_charge(act: Act, body: schemas.RienIn | None = None) -> Response:
    """« Je m'en occupe » : le délai de prise en charge s'arrête."""
    del body
    return act.do(verbes.prendre_en_charge)


@router.post("/reponses", response_model=SignalementOut, status_code=201)
def repondre(body: schemas.ReponseIn, act: Act) -> Response:
    """Répondre utilement, opération faite ou explication datée : le délai de réponse s'arrête, pas le traitement."""
    etape = body.prochaine_etape.etape() if body.prochaine_etape else None
    return act.do(verbes.repondre, nature=body.nature, texte=body.texte, etape=etape)


@router.post("/interventions", response_model=SignalementOut, status_code=201)
def intervenir(body: schemas.InterventionIn, act: Act) -> Response:
    """C'est fait : tous les délais s'arrêtent, les remontées aussi."""
    photos = [photo.declared() for photo in body.photos]
    return act.do(verbes.intervenir, commentaire=body.commentaire, nature=body.nature, photos=photos)


@router.post("/reaffectations", response_model=SignalementOut, status_code=201)
def reaffecter(body: schemas.ReaffectationIn, act: Act) -> Response:
    """Pas le bon responsable : en nommer un autre, ou laisser le pilote arbitrer."""
    return act.do(verbes.reaffecter, motif=body.motif, commentaire=body.commentaire, acteur=body.acteur)


@router.post("/clotures", response_model=SignalementOut, status_code=201)
def clore(act: Act, body: schemas.RienIn | None = None) -> Response:
    """Confirmer que c'est résolu."""
    del body
    return act.do(verbes.clore)


@router.post("/reouvertures", response_model=SignalementOut, status_code=201)
def rouvrir(body: schemas.ReouvertureIn, act: Act) -> Response:
    """« Toujours pas résolu » : chaque délai repart."""
    photos = [photo.declared() for photo in body.photos]
    return act.do(verbes.rouvrir, motif=body.motif, commentaire=body.commentaire, photos=photos)


@router.post("/corrections", response_model=SignalementOut, status_code=201)
def corriger(body: schemas.CorrectionIn, act: Act) -> Response:
    """Corriger ce qui a été signalé : un autre thème ou un autre lieu refait le routage, les délais restent."""
    return act.do(corrections.corriger, correction=body.correction())


@router.post("/retraits", response_model=SignalementOut, status_code=201)
def retirer_signalement(body: schemas.RetraitDuSignalementIn, act: Act) -> Response:
    """Retirer un signalement : plus personne n'y travaille."""
    return act.do(corrections.retirer, motif=body.motif)


@router.post("/rattachements", response_model=SignalementOut, status_code=201)
def rattacher(body: schemas.RattachementIn, act: Act) -> Response:
    """C'est la même chose qu'un autre : l'autre parle pour les deux, et ses nouvelles vont aux deux auteurs."""
    return act.do(rattachement.rattacher, signalement=body.signalement)


@router.post("/detachements", response_model=SignalementOut, status_code=201)
def detacher(act: Act, body: schemas.RienIn | None = None) -> Response:
    """Ce n'était pas la même chose : il reprend son cours, et ses délais repartent."""
    del body
    return act.do(rattachement.detacher)
