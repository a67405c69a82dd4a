"""Signing in without a password: a code by mail, tokens for the device that asked, and who one is then.

No endpoint of `/v1/auth` reads the Authorization header: an app whose token is out of date may send it all the same.
"""

from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from api.deps import Db, Res, Slot, session_as
from api.problems import responses
from api.reading import StrictRoute
from api.representation import Conditional, answer, send
from api.resources import Resources
from api.schemas.auth import CodeDemandeIn, DefiOut, JetonIn, JetonOut, MoiOut, NommeOut, RevocationIn
from relais import tokens
from relais.caller import Identity
from relais.commands.connexion import ask_code, renew, revoke, use_code
from relais.db import Session
from relais.errors import CodeInvalide, Fault, SessionTerminee, TerritoireAChoisir
from relais.keys import Keys
from relais.queries.referentiel import referentiel
from relais.rules.acces import SIGNALENT
from relais.tables.connexion import Appareil, Defi
from relais.tokens import Renouvellement

router = APIRouter(prefix="/v1", route_class=StrictRoute)


def _no_store(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


SECRET = [Slot, Depends(_no_store)]
"""Of what opens a session, nothing is kept on the way (RFC 6749 §5.1)."""


@router.post(
    "/auth/codes", tags=["auth"], status_code=202, responses=responses(400, 404, 422, 429), dependencies=SECRET
)
def demander_code(body: CodeDemandeIn, res: Res) -> DefiOut:
    """Demander un code par courriel. La même réponse, que l'adresse soit connue ou non.

    Le code vaut dix minutes et cinq essais, avec le `defi` rendu ici : sur l'appareil qui l'a demandé.
    """
    defi = _ask(res, body)
    return DefiOut(defi=tokens.defi_token(res.keys, territoire=defi.territoire_id, defi=defi.id))


@router.post("/auth/token", tags=["auth"], responses=responses(401, 403, 422), dependencies=SECRET)
def obtenir_jeton(body: JetonIn, res: Res) -> JetonOut:
    """Échanger un code, ou le dernier `refresh_token`, contre un jeton d'accès de dix minutes.

    Une réponse perdue se redemande avec le même `refresh_token` ; un plus ancien est tenu pour volé, et met fin à la
    session de l'appareil. Sans nouvelles de lui pendant 90 jours, elle s'éteint.
    """
    return _tokens(res.keys, _renewed(res, body.refresh_token) if body.refresh_token else _signed_in(res, body))


@router.post("/auth/revoke", tags=["auth"], response_class=Response, responses=responses(422), dependencies=SECRET)
def terminer_session(body: RevocationIn, res: Res) -> None:
    """Terminer la session d'un appareil. Toujours 200, même si elle l'était déjà (RFC 7009).

    Le jeton d'accès déjà donné vaut jusqu'au bout de ses dix minutes ; seule la suspension d'un compte l'arrête avant.
    """
    _revoke(res, body.token)


@router.get("/moi", tags=["moi"], response_model=MoiOut, responses=responses(401, 403), dependencies=[Conditional])
def lire_moi(request: Request, db: Db) -> Response:
    """Qui je suis ici : mon rôle, pour qui j'agis, et si je peux signaler."""
    return send(request, answer(_moi(db)))


def _ask(res: Resources, body: CodeDemandeIn) -> Defi:
    with session_as(res, Identity(code=body.territoire)) as session, session.begin():
        try:
            return ask_code(session, identifiant=body.identifiant, now=session.now, real=datetime.now(UTC))
        except TerritoireAChoisir as several:
            raise TerritoireAChoisir(errors=(Fault("/territoire", "Donnez son code."),)) from several


def _signed_in(res: Resources, body: JetonIn) -> Appareil:
    """A wrong try is committed before it is refused: a crowd of them at once counts as one after the other."""
    territoire, defi = tokens.read_defi(res.keys, body.defi or "")
    with session_as(res, Identity(territoire=territoire)) as session, session.begin():
        device = use_code(session, keys=res.keys, defi=defi, code=body.code or "", now=datetime.now(UTC))
    if device is None:
        raise CodeInvalide(tokens.CODE_REFUSE)
    return device


def _renewed(res: Resources, token: str) -> Appareil:
    """A theft is committed before it is refused."""
    said = tokens.read_refresh(res.keys, token)
    with session_as(res, Identity(territoire=said.territoire)) as session, session.begin():
        device = renew(session, appareil=said.appareil, rang=said.rang, now=datetime.now(UTC))
    if device is None:
        raise SessionTerminee
    return device


def _revoke(res: Resources, token: str) -> None:
    try:
        said = tokens.read_refresh(res.keys, token)
    except SessionTerminee:
        return
    with session_as(res, Identity(territoire=said.territoire)) as session, session.begin():
        revoke(session, appareil=said.appareil, now=datetime.now(UTC))


def _tokens(keys: Keys, device: Appareil) -> JetonOut:
    territoire = device.territoire_id
    return JetonOut(
        access_token=tokens.issue(
            keys, territoire=territoire, personne=device.personne_id, generation=device.generation
        ),
        expires_in=tokens.LIFE.seconds,
        refresh_token=tokens.refresh_token(keys, Renouvellement(territoire, device.id, device.rang)),
    )


def _moi(db: Session) -> MoiOut:
    caller, configuration = db.caller, referentiel(db).configuration
    acteur = configuration.acteur.get(caller.acteur or "")
    return MoiOut(
        id=cast(UUID, caller.id),  # only a mail's link has none, and it asks nothing here
        role=caller.role,
        nom=caller.nom,
        identifiant=caller.courriel,
        acteur=NommeOut(code=acteur.code, nom=acteur.nom) if acteur else None,
        territoire=NommeOut(code=configuration.code, nom=configuration.nom),
        signale=caller.role in SIGNALENT,
    )
