"""The buttons of a mail. GET shows how things stand and one real button; POST presses it.

Scanners follow the links of a mail, so GET and HEAD change nothing. A second press is told what is the case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response

from api.deps import Res, Slot, session_as
from api.pages.rendu import PageRoute, page
from api.pages.situation import DECISIONS, Regard, Situation
from api.resources import Resources
from relais.caller import Identity
from relais.commands import saisine as decisions
from relais.commands.verbes import prendre_en_charge
from relais.courriels.dates import Dates
from relais.courriels.faits import Vue, faits_de
from relais.courriels.histoire import Recit
from relais.db import Session
from relais.errors import ActionInterdite, Invalid, LienInvalide, SignalementIntrouvable
from relais.links import ACTION_DAYS, Choice, read_action
from relais.queries.dossier import journal
from relais.queries.referentiel import referentiel
from relais.queries.signalement import get_signalement
from relais.rules.acces import Qualite, Role
from relais.rules.calendrier import Calendrier
from relais.rules.delais import jours_ouvres_apres
from relais.rules.escalade import AJOURNEMENTS, JOURS_D_AJOURNEMENT
from relais.tables.echeance import Echeance, EtatDelai
from relais.tables.envoi import Envoi
from relais.tables.saisine import Saisine
from relais.tables.signalement import Signalement

router = APIRouter(route_class=PageRoute, dependencies=[Slot])

MOTIF_MIN, MOTIF_MAX = 3, 2_000
"""Characters, as the API asks of a motif."""

HISTOIRE = 5
"""Lines of « ce qui s'est passé »: what happened last. The mail had the whole."""

BOUTONS = {
    Choice.PRENDRE_EN_CHARGE: "Je prends en charge",
    Choice.MOBILISER: "Mobiliser l'instance",
    Choice.AJOURNER: "Ajourner",
    Choice.RETIRER: "Retirer de l'ordre du jour",
}


@dataclass(frozen=True)
class Lien:
    """A link that is ours and still young: the mail it stood in, and as whom that mail's recipient acts."""

    choice: Choice
    envoi: Envoi
    signalement: UUID
    identity: Identity


@dataclass(frozen=True)
class Saisie:
    """What was typed, kept as typed, with what is to be mended, by field."""

    motif: str = ""
    jusqu_au: str = ""
    fautes: Mapping[str, str] = field(default_factory=dict)


def suivre(res: Resources, token: str) -> Lien:
    """Raises LienInvalide: not ours, too old, or to nobody who may act."""
    action = read_action(res.keys, token)
    with session_as(res, Identity(territoire=action.territoire)) as session, session.begin():
        envoi = session.get(Envoi, (action.territoire, action.envoi))
        if envoi is None or envoi.signalement_id is None or (envoi.personne_id is None and envoi.acteur is None):
            raise LienInvalide("Reprenez le lien du courriel, en entier.")
        if session.now - envoi.cree_le > timedelta(days=ACTION_DAYS):
            raise LienInvalide(f"Un lien vaut {ACTION_DAYS} jours : reprenez celui d'un courriel plus récent.")
    acteur = envoi.acteur if envoi.personne_id is None else None
    identity = Identity(territoire=action.territoire, personne=envoi.personne_id, acteur=acteur)
    return Lien(action.choice, envoi, envoi.signalement_id, identity)


@dataclass(frozen=True)
class Scene:
    """One button, its ticket and, for a pilote, the saisine to decide, as the recipient may see them now."""

    res: Resources
    session: Session
    lien: Lien
    ticket: Signalement
    saisine: Saisine | None

    @classmethod
    def ouvrir(cls, res: Resources, session: Session, lien: Lien, *, lock: bool = False) -> "Scene | None":
        """None: the ticket is not this acteur's any more. Raises ActionInterdite for who is no longer a pilote."""
        caller = session.caller
        if lien.choice in DECISIONS and caller.role is not Role.PILOTE:
            raise ActionInterdite("La décision revient au pilote.")
        try:
            ticket = get_signalement(session, caller=caller, id=lien.signalement, lock=lock)
        except SignalementIntrouvable:
            return None
        if lien.choice in DECISIONS:
            return cls(res, session, lien, ticket, _saisine(session, lien))
        mine = Qualite.ACTEUR in caller.qualites(auteur_id=ticket.auteur_id, acteur=ticket.acteur)
        return cls(res, session, lien, ticket, None) if mine else None

    def situation(self, vu: int | None = None) -> Situation:
        regard = Regard(self.session.caller, self._recit, self._dates, journal(self.session, self.ticket))
        if self.saisine is None:
            return regard.prise_en_charge(self.ticket)
        return regard.decision(self.lien.choice, self.saisine, vu=vu)

    def appuyer(self, saisie: Saisie) -> None:
        """Raises Invalid, with what to mend, before anything is written."""
        who = {"caller": self.session.caller, "now": self.session.now}
        if self.saisine is None:
            prendre_en_charge(self.session, id=self.ticket.id, **who)
            return
        match self.lien.choice:
            case Choice.MOBILISER:
                decisions.mobiliser(self.session, id=self.saisine.id, motif=saisie.motif or None, **who)
            case Choice.AJOURNER:
                until = date.fromisoformat(saisie.jusqu_au)
                decisions.ajourner(self.session, id=self.saisine.id, motif=saisie.motif, jusqu_au=until, **who)
            case _:
                decisions.retirer(self.session, id=self.saisine.id, motif=saisie.motif, **who)

    def page(self, situation: Situation, saisie: Saisie, *, status: int, dite: str | None = None) -> Response:
        """`dite`: what has just been done."""
        ref = referentiel(self.session)
        vue = Vue(self.session, self.res.keys, self.res.settings.url_publique.rstrip("/"), self._dates, self.session.now)
        file, faits = faits_de(vue, self.ticket)
        return page(
            "action.html",
            status=status,
            configuration=ref.configuration,
            choix=self.lien.choice.name,
            bouton=BOUTONS[self.lien.choice],
            faits=faits,
            delais=[
                (annonce, self._etat(one)) for annonce, one in zip(faits.annonces, file.echeances, strict=True)
            ],
            histoire=self._recit.raconter(journal(self.session, self.ticket))[-HISTOIRE:],
            dates=self._dates,
            saisine=self.saisine,
            instance=self._recit.instance(self.saisine.instance) if self.saisine else None,
            ajournements=AJOURNEMENTS,
            jours=limites(self.session, file.born.configuration.calendrier),
            motif_max=MOTIF_MAX,
            situation=situation,
            dite=dite or (None if situation.ouverte else situation.dite),
            saisie=saisie,
        )
