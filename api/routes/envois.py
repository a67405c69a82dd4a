"""What leaves: webhooks, the log of deliveries, and sending a dead one again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.deps import Db, Res
from api.problems import responses
from api.schemas.envoi import EnvoiOut, EnvoisOut, WebhookIn, WebhookOut, WebhooksOut
from relais.commands.envoi import resend
from relais.commands.webhook import create_webhook, delete_webhook, list_webhooks
from relais.queries.envoi import list_envois
from relais.tables.envoi import Envoi, EtatEnvoi, Webhook

router = APIRouter(prefix="/v1", tags=["envois"], responses=responses(401, 403, 404, 422))


def _webhook(webhook: Webhook, secret: str | None = None) -> WebhookOut:
    return WebhookOut(
        id=webhook.id,
        url=webhook.url,
        types=webhook.types,
        acteur=webhook.acteur,
        actif=webhook.actif,
        cree_le=webhook.cree_le,
        secret=secret,
    )


def _envoi(envoi: Envoi) -> EnvoiOut:
    return EnvoiOut(
        id=envoi.id,
        canal=envoi.canal,
        gabarit=envoi.gabarit,
        destinataire=envoi.destinataire,
        etat=envoi.etat,
        signalement=envoi.signalement_id,
        cree_le=envoi.cree_le,
        prochain_essai=envoi.due_at,
        essais=envoi.attempts,
        envoye_le=envoi.envoye_le,
        reponse=envoi.reponse,
        erreur=envoi.erreur,
    )


@router.post("/webhooks", status_code=201, response_model_exclude_none=True)
def creer_webhook(body: WebhookIn, db: Db, res: Res) -> WebhookOut:
    """Recevoir les événements à une adresse, signés (Standard Webhooks v1). Le secret n'est montré qu'ici."""
    webhook, secret = create_webhook(
        db, caller=db.caller, box=res.keys.box, url=body.url, types=body.types, acteur=body.acteur, now=db.now
    )
    return _webhook(webhook, secret)


@router.get("/webhooks", response_model_exclude_none=True)
def lister_webhooks(db: Db) -> WebhooksOut:
    """Les webhooks que ce compte règle."""
    return WebhooksOut(elements=[_webhook(one) for one in list_webhooks(db, caller=db.caller)])


@router.delete("/webhooks/{id}", status_code=204)
def supprimer_webhook(id: UUID, db: Db) -> None:
    """Ne plus rien envoyer à cette adresse."""
    delete_webhook(db, caller=db.caller, id=id)


@router.get("/envois", response_model_exclude_none=True)
def lister_envois(
    db: Db, etat: EtatEnvoi | None = None, limite: Annotated[int, Query(ge=1, le=200)] = 50
) -> EnvoisOut:
    """Le journal des envois, du plus récent au plus ancien ; `etat=mort` : ceux qui attendent quelqu'un."""
    return EnvoisOut(elements=[_envoi(one) for one in list_envois(db, caller=db.caller, etat=etat, limite=limite)])


@router.post("/envois/{id}/reexpeditions", status_code=201, response_model_exclude_none=True)
def reexpedier(id: UUID, db: Db) -> EnvoiOut:
    """Renvoyer, sous le même identifiant : qui l'avait reçu le reconnaît."""
    return _envoi(resend(db, caller=db.caller, id=id, now=db.now))
