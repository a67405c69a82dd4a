"""The mail of a code: the one that speaks of no signalement, and the one that must be read at once."""

from relais.courriels.contexte import Contexte
from relais.courriels.dates import Dates
from relais.courriels.rendu import render
from relais.db import Session
from relais.keys import Keys
from relais.mail import Courriel
from relais.queries.referentiel import referentiel
from relais.tables.connexion import Defi
from relais.tokens import code_of


def rendre_code(session: Session, defi: Defi, *, a: str, keys: Keys, expediteur: str) -> Courriel:
    """The mail of this defi, to the address `a` of the account; under the defi's id, the same at every try.

    It holds no link: nobody learns from us to sign in by clicking in a mail.
    """
    configuration = referentiel(session).configuration
    said = render(
        "code",
        Contexte(
            configuration=configuration,
            dates=Dates(configuration.calendrier),
            donnees={"code": code_of(keys, defi.id)},
            le=defi.cree_le,
            rouvrable_jusqu_au=defi.cree_le,
        ),
    )
    return Courriel(
        id=defi.id,
        de=expediteur,
        a=a,
        objet=said.objet,
        texte=said.texte,
        html=said.html,
        repondre_a=configuration.courriel,
    )
