"""Posting one webhook: the very bytes that were promised, signed now (Standard Webhooks v1)."""

import time
from uuid import UUID

from relais.signature import headers
from relais.tables.envoi import Envoi, Webhook
from relais.wire import Answer, WireBlocked, WireFailed
from workers.handlers.outcome import Failed, Outcome, Refused, Sent
from workers.means import Means

GONE = 410
OK = range(200, 300)


def post_webhook(means: Means, envoi: Envoi) -> Outcome:
    with means.session(envoi.territoire_id) as session, session.begin():
        webhook = session.get(Webhook, (envoi.territoire_id, UUID(envoi.destinataire)))
    if webhook is None or not webhook.actif:
        return Refused("Ce webhook n'existe plus, ou est arrêté.")
    body = envoi.corps or b""
    secret = means.keys.box.decrypt(webhook.secret).decode()
    # The receiver allows five minutes around its own clock: the attempt's real time, never the demonstration's.
    signed = headers([secret], id=str(envoi.id), timestamp=int(time.time()), body=body)
    try:
        answer = means.wire.post(webhook.url, body, signed | {"Content-Type": "application/json"})
    except WireBlocked as blocked:
        return Refused(str(blocked))
    except WireFailed as failed:
        return Failed(str(failed))
    if answer.status == GONE:
        _stop(means, webhook)
    return _judge(answer)


def _judge(answer: Answer) -> Outcome:
    if answer.status in OK:
        return Sent(answer.status)
    said = f"{answer.status} {answer.extrait}".strip()
    if answer.status == GONE:
        return Refused(said, answer.status)
    return Failed(said, answer.status, answer.retry_after)


def _stop(means: Means, webhook: Webhook) -> None:
    with means.session(webhook.territoire_id) as session, session.begin():
        session.get_one(Webhook, (webhook.territoire_id, webhook.id)).actif = False
