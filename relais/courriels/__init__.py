"""From a promised envoi to the message that leaves: facts of the database, in French, the same at every try."""

from relais.courriels.contexte import redaction
from relais.courriels.dates import Dates
from relais.courriels.faits import Vue
from relais.courriels.rendu import render
from relais.db import Session
from relais.keys import Keys
from relais.mail import Courriel
from relais.queries.referentiel import referentiel
from relais.tables.envoi import Envoi

__all__ = ["rendre"]


def rendre(session: Session, envoi: Envoi, *, keys: Keys, url: str, expediteur: str) -> Courriel:
    """The mail of this envoi (canal `courriel`), read in the session's territoire; nothing is written.

    `url` is the public address without a final slash, `expediteur` the address it leaves from. One state of the
    database gives one message, under the envoi's id; the links of its photos hold for a week and change once a day.
    """
    configuration = referentiel(session).configuration
    vue = Vue(session, keys, url.rstrip("/"), Dates(configuration.calendrier), envoi.cree_le)
    said = render(envoi.gabarit, redaction(vue, envoi).contexte())
    return Courriel(
        id=envoi.id,
        de=expediteur,
        a=envoi.destinataire,
        objet=said.objet,
        texte=said.texte,
        html=said.html,
        repondre_a=configuration.courriel,
        fil=str(envoi.signalement_id) if envoi.signalement_id else None,
    )
