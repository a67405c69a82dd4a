"""From the token of a link to what its recipient may see: the mail it stood in, the ticket, and what to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from api.deps import session_as
from api.resources import Resources
from relais.caller import Identity
from relais.commands.saisine import get_saisine
from relais.courriels.dates import Dates
from relais.courriels.faits import Faits, Vue, faits_de
from relais.courriels.histoire import Recit
from relais.db import Session
from relais.errors import ActionInterdite, LienInvalide, SignalementIntrouvable
from relais.links import ACTION_DAYS, Choice, read_action
from relais.queries.dossier import Dossier, journal
from relais.queries.referentiel import referentiel
from relais.queries.signalement import get_signalement
from relais.rules.acces import Qualite, Role
from relais.rules.configuration import Configuration
from relais.tables.envoi import Envoi
from relais.tables.evenement import Evenement
from relais.tables.saisine import Saisine
from relais.tables.signalement import Signalement


@dataclass(frozen=True)
class Lien:
    """A link that is ours and still young: what its button does, about what, and as whom its recipient acts."""

    choice: Choice
    signalement: UUID
    saisine: UUID | None
    identity: Identity


def suivre(res: Resources, token: str) -> Lien:
    """Raises LienInvalide: not ours, too old, or sent to nobody who may act."""
    action = read_action(res.keys, token)
    with session_as(res, Identity(territoire=action.territoire)) as session, session.begin():
        envoi = session.get(Envoi, (action.territoire, action.envoi))
        if envoi is None or envoi.signalement_id is None or (envoi.personne_id is None and envoi.acteur is None):
            raise LienInvalide("Reprenez le lien du courriel, en entier.")
        if session.now - envoi.cree_le > timedelta(days=ACTION_DAYS):
            raise LienInvalide(f"Un lien vaut {ACTION_DAYS} jours : reprenez celui d'un courriel plus récent.")
    saisine = envoi.donnees.get("saisine") if action.choice is not Choice.PRENDRE_EN_CHARGE else None
    if (saisine is None) is not (action.choice is Choice.PRENDRE_EN_CHARGE):
        raise LienInvalide("Ce courriel ne demandait pas de décision.")
    return Lien(
        choice=action.choice,
        signalement=envoi.signalement_id,
        saisine=UUID(saisine) if saisine else None,
        identity=Identity(
            territoire=action.territoire,
            personne=envoi.personne_id,
            acteur=envoi.acteur if envoi.personne_id is None else None,
        ),
    )


@dataclass(frozen=True)
class Scene:
    """A ticket as the recipient of a link sees it now. `saisine`: the agenda a pilote decides about."""

    session: Session
    choice: Choice
    configuration: Configuration
    dossier: Dossier
    faits: Faits
    dates: Dates
    recit: Recit
    evenements: Sequence[Evenement]
    saisine: Saisine | None

    @property
    def ticket(self) -> Signalement:
        return self.dossier.signalement

    @property
    def instance(self) -> str | None:
        return self.recit.instance(self.saisine.instance) if self.saisine else None


def lire(res: Resources, session: Session, lien: Lien, *, lock: bool = False) -> Scene:
    """Raises SignalementIntrouvable once the ticket is another acteur's, ActionInterdite to who is no longer a pilote.

    `lock`: the ticket is held, so that nothing crosses what is pressed.
    """
    caller = session.caller
    if lien.saisine is not None and caller.role is not Role.PILOTE:
        raise ActionInterdite("La décision revient au pilote.")
    ticket = get_signalement(session, caller=caller, id=lien.signalement, lock=lock)
    if lien.saisine is None and Qualite.ACTEUR not in caller.qualites(auteur_id=ticket.auteur_id, acteur=ticket.acteur):
        raise SignalementIntrouvable
    configuration = referentiel(session).configuration
    dates = Dates(configuration.calendrier)
    vue = Vue(session, res.keys, res.settings.url_publique.rstrip("/"), dates, session.now)
    file, faits = faits_de(vue, ticket)
    return Scene(
        session=session,
        choice=lien.choice,
        configuration=configuration,
        dossier=file,
        faits=faits,
        dates=dates,
        recit=Recit(file, dates, caller.role if lien.saisine else None),
        evenements=journal(session, ticket),
        saisine=get_saisine(session, caller=caller, id=lien.saisine) if lien.saisine else None,
    )
