"""How things stand for one button of a mail: it can be pressed, or a sentence says what is the case."""

from collections.abc import Sequence
from dataclasses import dataclass

from relais.caller import Caller
from relais.courriels.dates import Dates
from relais.courriels.histoire import Recit
from relais.links import Choice
from relais.outbox import SYSTEM
from relais.rules.escalade import AJOURNEMENTS
from relais.rules.statuts import LIBELLES, Statut
from relais.tables.evenement import Evenement
from relais.tables.saisine import EtatSaisine, Saisine
from relais.tables.signalement import Signalement

DECISIONS = {
    Choice.MOBILISER: EtatSaisine.MOBILISEE,
    Choice.AJOURNER: EtatSaisine.AJOURNEE,
    Choice.RETIRER: EtatSaisine.RETIREE,
}
"""What a pilote's button leads to; the other button is an acteur's."""


@dataclass(frozen=True)
class Situation:
    """`fait`: what the button does was done, by its recipient. `phrase` is in French, without a final full stop."""

    ouverte: bool
    phrase: str = ""
    fait: bool = False
    avant: str = ""

    @property
    def dite(self) -> str:
        return f"{self.avant}{self.phrase}."


@dataclass(frozen=True)
class Regard:
    """What both kinds of button look at: who presses, and what the journal and the calendar say."""

    caller: Caller
    recit: Recit
    dates: Dates
    evenements: Sequence[Evenement]

    def prise_en_charge(self, ticket: Signalement) -> Situation:
        if ticket.statut is Statut.AFFECTE:
            return Situation(ouverte=True)
        taken = self._last("signalement.pris_en_charge", acteur=ticket.acteur)
        if taken is not None:
            phrase = f"pris en charge par {self.recit.acteur(ticket.acteur)} le {self.dates.instant_court(taken.le)}"
            return Situation(ouverte=False, phrase=phrase, fait=True, avant="Déjà ")
        since = self.dates.instant_court(ticket.statut_depuis)
        phrase = f"ce signalement est « {LIBELLES[ticket.statut].lower()} » depuis le {since}"
        return Situation(ouverte=False, phrase=phrase, avant="Il n'y a rien à prendre en charge : ")

    def decision(self, choice: Choice, saisine: Saisine, *, vu: int | None) -> Situation:
        """`vu`: how many times it had been put off when the form was shown, so that a double press counts once."""
        put_off = saisine.etat is EtatSaisine.AJOURNEE and choice is Choice.AJOURNER
        pressed_again = put_off and vu is not None and vu < saisine.ajournements
        if saisine.etat in {EtatSaisine.INSCRITE, EtatSaisine.AJOURNEE} and not pressed_again:
            return self._spent(saisine) if put_off and saisine.ajournements >= AJOURNEMENTS else Situation(ouverte=True)
        decided = self._last(f"instance.{saisine.etat}", saisine=str(saisine.id))
        mine = decided is not None and decided.auteur_id == self.caller.id
        done = mine and DECISIONS[choice] is saisine.etat
        before = "C'est déjà fait : " if done else "Une décision a déjà été prise : "
        return Situation(ouverte=False, phrase=self._decided(saisine, mine=mine), fait=done, avant=before)

    def _spent(self, saisine: Saisine) -> Situation:
        phrase = f"{self._decided(saisine, mine=None)}, et ne peut plus l'être : il reste à mobiliser ou à retirer"
        return Situation(ouverte=False, phrase=phrase, avant=f"Déjà ajournée {AJOURNEMENTS} fois : ")

    def _decided(self, saisine: Saisine, *, mine: bool | None) -> str:
        """By function: a forwarded link names nobody. `mine` None: whoever it was."""
        by = {True: " par vous", False: " par un autre pilote", None: ""}[mine]
        if saisine.etat is EtatSaisine.AJOURNEE and saisine.decision_avant is not None:
            return f"la décision a été ajournée{by} au {self.dates.instant(saisine.decision_avant)}"
        when = f" le {self.dates.instant_court(saisine.decidee_le)}" if saisine.decidee_le else ""
        match saisine.etat:
            case EtatSaisine.MOBILISEE:
                return f"{self.recit.instance(saisine.instance)} a été mobilisée{by}{when}"
            case EtatSaisine.TRANSMISE:
                return f"le dossier a été transmis à la direction générale{when}, sans décision du pilote"
            case _ if saisine.decidee_par == SYSTEM.nom:
                return f"retiré de l'ordre du jour{when}. {(saisine.motif or '').removesuffix('.')}".removesuffix(". ")
            case _:
                return f"le signalement a été retiré de l'ordre du jour{by}{when}"

    def _last(self, type_: str, **said: object) -> Evenement | None:
        found = (
            one
            for one in reversed(self.evenements)
            if one.type == type_ and all(one.donnees.get(key) == value for key, value in said.items())
        )
        return next(found, None)
