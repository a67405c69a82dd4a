"""Why a signalement leaves an acteur: one closed list, so that what recurs can be counted, and the map mended.

« Pas chez moi », typed freely, says nothing to whoever looks for the emprise that is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MotifDeRenvoi(StrEnum):
    PAS_MON_TERRAIN = "pas_mon_terrain"
    PAS_MA_COMPETENCE = "pas_ma_competence"
    MAUVAIS_THEME = "mauvais_theme"
    MAUVAISE_POSITION = "mauvaise_position"
    AUTRE_ACTEUR_ENGAGE = "autre_acteur_engage"
    QUALIFICATION = "qualification"
    ARBITRAGE = "arbitrage"
    AUTRE = "autre"


class Cause(StrEnum):
    """What sent it to the wrong place, if anything did: what there is to mend."""

    CARTE = "carte"  #: the emprise: its outline, its gestionnaire, its dates
    REGLE = "regle"  #: the line of `qui_s_en_occupe`
    CONSTAT = "constat"  #: what was said of it: another thème or position would have gone elsewhere
    AUCUNE = "aucune"


@dataclass(frozen=True)
class Renvoi:
    """`libelle` reads in brackets, whoever speaks: « (motif : terrain d'un autre acteur) »."""

    libelle: str
    cause: Cause
    au_pilote: bool = False


RENVOIS: Mapping[MotifDeRenvoi, Renvoi] = {
    MotifDeRenvoi.PAS_MON_TERRAIN: Renvoi("terrain d'un autre acteur", Cause.CARTE),
    MotifDeRenvoi.PAS_MA_COMPETENCE: Renvoi("compétence d'un autre acteur", Cause.REGLE),
    MotifDeRenvoi.MAUVAIS_THEME: Renvoi("thème à corriger", Cause.CONSTAT),
    MotifDeRenvoi.MAUVAISE_POSITION: Renvoi("position à corriger", Cause.CONSTAT),
    MotifDeRenvoi.AUTRE_ACTEUR_ENGAGE: Renvoi("un autre acteur s'en occupe déjà", Cause.AUCUNE),
    MotifDeRenvoi.QUALIFICATION: Renvoi("responsable désigné par le pilote", Cause.AUCUNE, au_pilote=True),
    MotifDeRenvoi.ARBITRAGE: Renvoi("arbitrage du pilote", Cause.AUCUNE, au_pilote=True),
    MotifDeRenvoi.AUTRE: Renvoi("autre raison", Cause.AUCUNE),
}


def en_clair(motif: str, commentaire: str | None = None) -> str:
    """« terrain d'un autre acteur, « Limite au portail. » ». A motif that is no code is itself: older journals."""
    libelle = RENVOIS[MotifDeRenvoi(motif)].libelle if motif in set(MotifDeRenvoi) else motif.rstrip(" .")
    if not commentaire:
        return libelle
    return f"« {commentaire} »" if motif == MotifDeRenvoi.AUTRE else f"{libelle}, « {commentaire} »"


def cause(motif: str) -> Cause:
    """AUCUNE too for a motif that is no code: nothing can be concluded from it."""
    return RENVOIS[MotifDeRenvoi(motif)].cause if motif in set(MotifDeRenvoi) else Cause.AUCUNE


_CARTE = " D'après la carte : "

_EN_SUSPENS = re.compile(r" : le pilote .+ va décider\.$")
"""How the map ends when it names nobody: untrue as soon as somebody moves it."""


def redit(explication: str, motif: MotifDeRenvoi, *, vers: str | None, par: str | None) -> str:
    """The explanation of what people move: to whom, by whom and why, then what the map said.

    `vers`, `par`: names; None is the pilote. No comment, which is for those who work on it: its author reads this one.
    """
    renvoi = RENVOIS[motif]
    who = f"par {par or 'le pilote'}" + ("" if renvoi.au_pilote else f" (motif : {renvoi.libelle})")
    what = f"Confié à {vers}" if vers else ("Renvoyé au pilote" if par else "Repris")
    return f"{what} {who}." + _CARTE + _EN_SUSPENS.sub(".", explication.rpartition(_CARTE)[2])


def redit_de_la_carte(explication: str, carte: str) -> str:
    """That explanation, with what the map says now. What people did not word stays as it was."""
    said, sep, _ = explication.partition(_CARTE)
    return said + sep + _EN_SUSPENS.sub(".", carte) if sep else explication
