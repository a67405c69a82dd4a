"""How things stand for one button of a mail: it can be pressed, or a sentence says what is the case."""

from dataclasses import dataclass

from api.pages.scene import Scene
from relais.commands.saisine import OUVERTES
from relais.links import Choice
from relais.outbox import SYSTEM
from relais.rules.escalade import AJOURNEMENTS
from relais.rules.statuts import LIBELLES, Statut
from relais.tables.evenement import Evenement
from relais.tables.saisine import EtatSaisine, Saisine

DECISIONS = {
    Choice.MOBILISER: EtatSaisine.MOBILISEE,
    Choice.AJOURNER: EtatSaisine.AJOURNEE,
    Choice.RETIRER: EtatSaisine.RETIREE,
}


@dataclass(frozen=True)
class Situation:
    """`faite`: what the button does was done, by its recipient. `phrase` closes with what follows `intro`."""

    ouverte: bool
    faite: bool = False
    intro: str = ""
    phrase: str = ""

    def __str__(self) -> str:
        return f"{self.intro}{self.phrase}."


OUVERTE = Situation(ouverte=True)
EPUISEE = Situation(
    ouverte=False,
    intro=f"Déjà ajournée {AJOURNEMENTS} fois : ",
    phrase="il reste à mobiliser l'instance, ou à retirer l'inscription, par les autres liens du courriel",
)


def situation(scene: Scene, *, vu: int | None = None) -> Situation:
    """`vu`: how many times it had been put off when the form was shown, so that a double press counts once."""
    if scene.saisine is None:
        return _prise_en_charge(scene)
    return _decision(scene, scene.saisine, vu)


def _prise_en_charge(scene: Scene) -> Situation:
    ticket = scene.ticket
    if ticket.statut is Statut.AFFECTE:
        return OUVERTE
    taken = _last(scene, "signalement.pris_en_charge", acteur=ticket.acteur)
    if taken is not None:
        phrase = f"pris en charge par {scene.recit.acteur(ticket.acteur)} le {scene.dates.instant_court(taken.le)}"
        return Situation(ouverte=False, faite=True, intro="Déjà ", phrase=phrase)
    since = scene.dates.instant_court(ticket.statut_depuis)
    phrase = f"ce signalement est « {LIBELLES[ticket.statut].lower()} » depuis le {since}"
    return Situation(ouverte=False, intro="Il n'y a plus rien à prendre en charge : ", phrase=phrase)


def _decision(scene: Scene, saisine: Saisine, vu: int | None) -> Situation:
    pressed_again = vu is not None and vu < saisine.ajournements and saisine.etat is EtatSaisine.AJOURNEE
    if saisine.etat in OUVERTES and not (scene.choice is Choice.AJOURNER and pressed_again):
        spent = scene.choice is Choice.AJOURNER and saisine.ajournements >= AJOURNEMENTS
        return EPUISEE if spent else OUVERTE
    decided = _last(scene, f"instance.{saisine.etat}", saisine=str(saisine.id))
    mine = decided is not None and decided.auteur_id == scene.session.caller.id
    done = mine and DECISIONS[scene.choice] is saisine.etat
    return Situation(
        ouverte=False,
        faite=done,
        intro="C'est déjà fait : " if done else "Une décision a déjà été prise : ",
        phrase=_decided(scene, saisine, "par vous" if mine else "par un autre pilote"),
    )


def _decided(scene: Scene, saisine: Saisine, by: str) -> str:
    """By function: a link that was forwarded names nobody."""
    when = f"le {scene.dates.instant_court(saisine.decidee_le)}" if saisine.decidee_le else ""
    match saisine.etat:
        case EtatSaisine.AJOURNEE if saisine.decision_avant is not None:
            return f"la décision a été ajournée {by} au {scene.dates.instant(saisine.decision_avant)}"
        case EtatSaisine.MOBILISEE:
            return f"{scene.instance} a été mobilisée {by} {when}"
        case EtatSaisine.TRANSMISE:
            return f"le dossier a été transmis à la direction générale {when}, sans décision du pilote"
        case _ if saisine.decidee_par == SYSTEM.nom:
            return (
                f"le signalement est « {LIBELLES[scene.ticket.statut].lower()} », et retiré de l'ordre du jour {when}"
            )
        case _:
            return f"le signalement a été retiré de l'ordre du jour {by} {when}"


def _last(scene: Scene, type_: str, **said: object) -> Evenement | None:
    found = (
        one
        for one in reversed(scene.evenements)
        if one.type == type_ and all(one.donnees.get(key) == value for key, value in said.items())
    )
    return next(found, None)
