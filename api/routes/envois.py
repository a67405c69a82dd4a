"""What leaves: webhooks, the log of deliveries, and sending a dead one again."""

from datetime import tzinfo
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.adresses import check_address
from api.deps import Db, Res, local
from api.idempotence import Idempotent
from api.problems import responses
from api.reading import StrictRoute
from api.representation import Answer, answer
from api.schemas.envoi import EnvoiOut, EnvoisOut, WebhookIn, WebhookOut, WebhooksOut
from relais.commands.envoi import resend
from relais.commands.webhook import create_webhook, delete_webhook, list_webhooks
from relais.db import Session
from relais.queries.envoi import list_envois
from relais.tables.envoi import Envoi, EtatEnvoi, Webhook

router = APIRouter(prefix="/v1", tags=["envois"], responses=responses(401, 403, 422), route_class=StrictRoute)


def _webhook(webhook: Webhook, zone: tzinfo, secret: str | None = None) -> WebhookOut:
    return WebhookOut(
        id=webhook.id,
        url=webhook.url,
        types=webhook.types,
        acteur=webhook.acteur,
        actif=webhook.actif,
        cree_le=webhook.cree_le.astimezone(zone),
        secret=secret,
    )


def _envoi(envoi: Envoi, zone: tzinfo) -> EnvoiOut:
    return EnvoiOut(
        id=envoi.id,
        canal=envoi.canal,
        gabarit=envoi.gabarit,
        destinataire=envoi.destinataire,
        etat=envoi.etat,
        signalement=envoi.signalement_id,
        cree_le=envoi.cree_le.astimezone(zone),
        prochain_essai=envoi.due_at.astimezone(zone) if envoi.due_at else None,
        essais=envoi.attempts,
        envoye_le=envoi.envoye_le.astimezone(zone) if envoi.envoye_le else None,
        reponse=envoi.reponse,
        erreur=envoi.erreur,
    )


def _create(db: Session, res: Res, body: WebhookIn) -> Answer:
    check_address(res.settings, body.url)
    webhook, secret = create_webhook(
        db,
        caller=db.caller,
        box=res.keys.box,
        url=body.url,
        types=body.types,
        acteur=body.acteur,
        now=db.now,
    )
    return answer(_webhook(webhook, local(db), secret))


@router.post("/webhooks", response_model=WebhookOut, status_code=201, responses=responses(409))
def creer_webhook(body: WebhookIn, once: Idempotent, db: Db, res: Res) -> Response:
    """Recevoir les événements à une adresse, signés (Standard Webhooks v1). Le secret n'est montré qu'ici."""
    return once(lambda: _create(db, res, body))


@router.get("/webhooks", response_model_exclude_none=True)
def lister_webhooks(db: Db) -> WebhooksOut:
    """Les webhooks que ce compte règle."""
    return WebhooksOut(elements=[_webhook(one, local(db)) for one in list_webhooks(db, caller=db.caller)])


@router.delete("/webhooks/{id}", status_code=204, responses=responses(404))
def supprimer_webhook(id: UUID, db: Db) -> None:
    """Ne plus rien envoyer à cette adresse."""
    delete_webhook(db, caller=db.caller, id=id)


@router.get("/envois", response_model_exclude_none=True)
def lister_envois(db: Db, etat: EtatEnvoi | None = None, limite: Annotated[int, Query(ge=1, le=200)] = 50) -> EnvoisOut:
    """Le journal des envois, du plus récent au plus ancien ; `etat=mort` : ceux qui attendent quelqu'un."""
    found = list_envois(db, caller=db.caller, etat=etat, limite=limite)
    return EnvoisOut(elements=[_envoi(one, local(db)) for one in found])


@router.post("/envois/{id}/reexpeditions", response_model=EnvoiOut, status_code=201, responses=responses(404, 409))
def reexpedier(id: UUID, once: Idempotent, db: Db) -> Response:
    """Renvoyer un envoi mort, sous le même identifiant : qui l'avait reçu le reconnaît."""
    return once(lambda: answer(_envoi(resend(db, caller=db.caller, id=id, now=db.now), local(db))))
