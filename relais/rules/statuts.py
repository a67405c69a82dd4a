"""The life of a signalement: one table. A verb not in it does not exist; a transition not in it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from relais.rules.acces import Qualite


class Statut(StrEnum):
    A_QUALIFIER = "a_qualifier"  #: nobody could be named, or two acteurs refused it: the pilote's queue
    AFFECTE = "affecte"  #: an acteur has it and has not said so yet
    PRIS_EN_CHARGE = "pris_en_charge"  #: its acteur said « je m'en occupe »
    PROGRAMME = "programme"  #: its acteur gave a day
    EN_ATTENTE = "en_attente"  #: its acteur waits for something named, until a day named
    TRAITE = "traite"  #: its acteur says it is done; the author has 30 days to say it is not
    CLOS = "clos"  #: confirmed, or 30 days passed
    REORIENTE = "reoriente"  #: inside the town, outside the démarche: the author was told who is competent
    DOUBLON = "doublon"  #: attached to another signalement
    RETIRE = "retire"  #: withdrawn


class Motif(StrEnum):
    """Why a signalement waits for the pilote to name somebody."""

    INDETERMINE = "indetermine"  #: nobody could be named
    ARBITRAGE = "arbitrage"  #: two acteurs in turn have said it was not theirs


LIBELLES: Mapping[Statut, str] = {
    Statut.A_QUALIFIER: "À qualifier",
    Statut.AFFECTE: "Affecté",
    Statut.PRIS_EN_CHARGE: "Pris en charge",
    Statut.PROGRAMME: "Programmé",
    Statut.EN_ATTENTE: "En attente",
    Statut.TRAITE: "Traité",
    Statut.CLOS: "Clos",
    Statut.REORIENTE: "Réorienté",
    Statut.DOUBLON: "Doublon",
    Statut.RETIRE: "Retiré",
}

OUVERTS = frozenset({Statut.A_QUALIFIER, Statut.AFFECTE, Statut.PRIS_EN_CHARGE, Statut.PROGRAMME, Statut.EN_ATTENTE})

PUBLIABLES = OUVERTS | {Statut.TRAITE, Statut.CLOS}
"""What anybody may be shown. The other one speaks for a doublon, and whoever is competent for what went elsewhere."""

AVANT_PRISE_EN_CHARGE = frozenset({Statut.A_QUALIFIER, Statut.AFFECTE})
"""Nobody has said « je m'en occupe »: what was signalled still belongs to its author alone."""

JOURS_POUR_ROUVRIR = 30
"""Real days after `traite` during which it can be reopened; then it closes by itself."""


class Verbe(StrEnum):
    """Named as in the paths."""

    PRISES_EN_CHARGE = "prises-en-charge"
    REPONSES = "reponses"
    INTERVENTIONS = "interventions"
    REAFFECTATIONS = "reaffectations"
    CLOTURES = "clotures"
    REOUVERTURES = "reouvertures"
    CORRECTIONS = "corrections"
    RETRAITS = "retraits"
    PUBLICATIONS = "publications"
    DEPUBLICATIONS = "depublications"
    RATTACHEMENTS = "rattachements"
    DETACHEMENTS = "detachements"
    ABONNEMENTS = "abonnements"


@dataclass(frozen=True)
class Transition:
    depuis: frozenset[Statut]
    vers: Statut | None
    """None: the statut does not change, or the rule decides (réaffectation, correction, détachement)."""
    qui: frozenset[Qualite]
    tot: frozenset[Qualite] = frozenset()
    """Of `qui`, those who may only before an acteur has taken it in charge."""

    def permet(self, statut: Statut, qualites: frozenset[Qualite]) -> bool:
        qui = self.qui if statut in AVANT_PRISE_EN_CHARGE else self.qui - self.tot
        return statut in self.depuis and bool(qui & qualites)


_DE_L_ACTEUR = frozenset({Qualite.ACTEUR})
_DE_L_ACTEUR_OU_DU_PILOTE = frozenset({Qualite.ACTEUR, Qualite.PILOTE})
_DE_L_AUTEUR = frozenset({Qualite.AUTEUR})
_DE_L_AUTEUR_OU_DU_PILOTE = frozenset({Qualite.AUTEUR, Qualite.PILOTE})
_DU_PILOTE = frozenset({Qualite.PILOTE})
_DU_PILOTE_OU_DU_RESPONSABLE = frozenset({Qualite.PILOTE, Qualite.RESPONSABLE})

TRANSITIONS: Mapping[Verbe, Transition] = {
    Verbe.PRISES_EN_CHARGE: Transition(frozenset({Statut.AFFECTE}), Statut.PRIS_EN_CHARGE, _DE_L_ACTEUR),
    Verbe.REPONSES: Transition(OUVERTS, None, _DE_L_ACTEUR_OU_DU_PILOTE),
    Verbe.INTERVENTIONS: Transition(OUVERTS - {Statut.A_QUALIFIER}, Statut.TRAITE, _DE_L_ACTEUR),
    Verbe.REAFFECTATIONS: Transition(OUVERTS, None, _DE_L_ACTEUR_OU_DU_PILOTE),
    Verbe.CLOTURES: Transition(frozenset({Statut.TRAITE}), Statut.CLOS, _DE_L_AUTEUR_OU_DU_PILOTE),
    Verbe.REOUVERTURES: Transition(frozenset({Statut.TRAITE, Statut.CLOS}), Statut.AFFECTE, _DE_L_AUTEUR_OU_DU_PILOTE),
    Verbe.CORRECTIONS: Transition(OUVERTS, None, _DE_L_AUTEUR_OU_DU_PILOTE, tot=_DE_L_AUTEUR),
    Verbe.RETRAITS: Transition(OUVERTS, Statut.RETIRE, _DE_L_AUTEUR_OU_DU_PILOTE, tot=_DE_L_AUTEUR),
    Verbe.PUBLICATIONS: Transition(PUBLIABLES, None, _DU_PILOTE),
    Verbe.DEPUBLICATIONS: Transition(PUBLIABLES, None, _DU_PILOTE),
    Verbe.RATTACHEMENTS: Transition(OUVERTS, Statut.DOUBLON, _DU_PILOTE_OU_DU_RESPONSABLE),
    Verbe.DETACHEMENTS: Transition(frozenset({Statut.DOUBLON}), None, _DU_PILOTE_OU_DU_RESPONSABLE),
    Verbe.ABONNEMENTS: Transition(frozenset(Statut), None, frozenset({Qualite.PERSONNE})),
}


def possibles(statut: Statut, qualites: frozenset[Qualite], *, reouvrable: bool) -> tuple[Verbe, ...]:
    """The verbs this caller may use now. `reouvrable`: still within the days to reopen."""
    return tuple(
        verbe
        for verbe, transition in TRANSITIONS.items()
        if transition.permet(statut, qualites) and (verbe is not Verbe.REOUVERTURES or reouvrable)
    )


def permis(verbe: Verbe, qualites: frozenset[Qualite]) -> bool:
    """Whether this caller may ever use the verb on this signalement, whatever its statut."""
    return bool(TRANSITIONS[verbe].qui & qualites)
