"""Sending one mail: worded from the state of things, then handed to the town's relay."""

from relais.courriels import rendre
from relais.mail import MailDeferred, MailRefused
from relais.tables.envoi import Envoi
from workers.handlers.outcome import Failed, Outcome, Refused, Sent, Waiting
from workers.means import Means


def send_mail(means: Means, envoi: Envoi) -> Outcome:
    if means.mailbox is None:
        return Waiting("Aucun serveur de courriel : RELAIS_SMTP_URL manque.")
    with means.session(envoi.territoire_id) as session, session.begin():
        courriel = rendre(
            session,
            envoi,
            keys=means.keys,
            url=means.settings.url_publique,
            expediteur=means.settings.expediteur,
        )
    try:
        means.mailbox.send(courriel)
    except MailRefused as refused:
        return Refused(str(refused))
    except MailDeferred as deferred:
        return Failed(str(deferred))
    return Sent()
