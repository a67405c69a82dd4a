"""« Ce qui s'est passé »: the journal of a ticket, one line a minute, in French and without anybody's name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from relais.courriels.dates import Dates, precede_de
from relais.queries.dossier import Dossier, acteur_de
from relais.rules.acces import Role
from relais.rules.configuration import LIBELLES_DELAI, Delai, Destinataire
from relais.rules.echelle import paliers
from relais.rules.escalade import destinataires
from relais.rules.refus import en_clair
from relais.tables.evenement import Evenement

Donnees = Mapping[str, Any]


@dataclass(frozen=True)
class Ligne:
    le: datetime
    texte: str


def instance_nommee(nom: str) -> str:
    """« l'instance GUSP ville », « l'instance « Comité de quartier du Centre » »: no name tells its gender."""
    kind, _, rest = nom.partition(" ")
    return f"l'instance {rest}" if kind == "Instance" and rest else f"l'instance « {nom} »"


@dataclass(frozen=True)
class Recit:
    """`lecteur` is the reader's rôle, None for a function's box; a pilote is « vous »."""

    dossier: Dossier
    dates: Dates
    lecteur: Role | None

    def raconter(self, evenements: Iterable[Evenement]) -> tuple[Ligne, ...]:
        """First to last. What happened within one minute is one line; what people need not read is left out."""
        lines = [Ligne(one.le, texte) for one in evenements if (texte := self._phrase(one))]
        return tuple(
            Ligne(same[0].le, " ; ".join(dict.fromkeys(line.texte for line in same)))
            for _, group in groupby(lines, key=lambda line: self.dates.colonne(line.le))
            if (same := list(group))
        )

    def refus(self, evenements: Iterable[Evenement]) -> tuple[str, ...]:
        """For each that sent it back: « Habitat Lisse : terrain d'un autre acteur ; propose Régie des Tilleuls ».

        One that sent it back twice is one acteur, and its last word counts.
        """
        last = {
            one.donnees.get("de"): _refus(self, one.donnees)
            for one in evenements
            if one.type == "signalement.reaffecte" and one.donnees.get("par") == "acteur"
        }
        return tuple(f"{self.acteur(code)} : {said}" for code, said in last.items())

    def acteur(self, code: str | None) -> str:
        found = acteur_de(code, self.dossier.current, self.dossier.born)
        return found.nom if found else code or "le pilote"

    def instance(self, code: str) -> str:
        known = (self.dossier.current.configuration.instance, self.dossier.born.configuration.instance)
        return instance_nommee(next((one[code].nom for one in known if code in one), code))

    def _phrase(self, evenement: Evenement) -> str | None:
        say = PHRASES.get(evenement.type)
        return say(self, evenement.donnees) if say else None


def _retard(recit: Recit, donnees: Donnees) -> str:
    delai = Delai(donnees["delai"])
    what = f"retard {precede_de(LIBELLES_DELAI[delai])}"
    ladder = paliers(recit.dossier.born.configuration, delai)
    palier = next((one for one in ladder if one.code == donnees["palier"]), None)
    if palier is None:
        return what
    ticket = recit.dossier.signalement
    told = destinataires(palier, danger=recit.dossier.theme.danger, sans_acteur=ticket.acteur is None)
    words = {
        Destinataire.ACTEUR: "au responsable",
        Destinataire.RESPONSABLE: "au responsable",
        Destinataire.PILOTES: "à vous" if recit.lecteur is Role.PILOTE else "aux pilotes",
        Destinataire.ASTREINTE: "à l'astreinte",
        Destinataire.DIRECTION_GENERALE: "à la direction générale",
    }
    *before, last = dict.fromkeys(words[one] for one in told) or ["à personne"]
    return f"{what} signalé {', '.join(before)}{' et ' if before else ''}{last}"


def _repondu(recit: Recit, donnees: Donnees) -> str:
    said = donnees["reponse"]
    step = said.get("prochaine_etape")
    announced = f" (étape annoncée : {step['libelle']}, {recit.dates.jour_iso(step['le'])})" if step else ""
    return f"réponse : « {said['texte']} »{announced}"


def _reaffecte(recit: Recit, donnees: Donnees) -> str:
    to = f"confié à {recit.acteur(donnees['a'])}" if "a" in donnees else "renvoyé au pilote"
    by = f", auparavant {recit.acteur(donnees['de'])}" if "de" in donnees else ""
    proposed = f" ; proposait {recit.acteur(donnees['propose'])}" if "propose" in donnees else ""
    return f"{to}{by}{_motif(donnees)}{proposed}"


def _refus(recit: Recit, donnees: Donnees) -> str:
    wanted = donnees.get("a") or donnees.get("propose")
    proposed = f" ; propose {recit.acteur(wanted)}" if wanted else ""
    return en_clair(donnees["motif"], donnees.get("commentaire")) + proposed


CHAMPS = {
    "theme": "thème",
    "position": "position",
    "lieu": "lieu",
    "description": "description",
    "questions": "réponses",
}


def _corrige(_: Recit, donnees: Donnees) -> str:
    return f"corrigé ({', '.join(CHAMPS[champ] for champ in donnees['champs'])})"


def _motif(donnees: Donnees) -> str:
    reason = donnees.get("motif")
    return f" (motif : {en_clair(reason, donnees.get('commentaire')).rstrip(' .')})" if reason else ""


def _traite(_: Recit, donnees: Donnees) -> str:
    nature = " provisoire" if donnees["nature"] == "palliative" else ""
    return f"intervention{nature} enregistrée : « {donnees['commentaire']} »"


def _mobilisee(recit: Recit, donnees: Donnees) -> str:
    return f"{recit.instance(donnees['instance'])} mobilisée par le pilote{_motif(donnees)}"


def _ajournee(recit: Recit, donnees: Donnees) -> str:
    return f"décision ajournée par le pilote au {recit.dates.jour_iso(donnees['jusqu_au'])}{_motif(donnees)}"


def _retiree(recit: Recit, donnees: Donnees) -> str:
    return f"retiré de l'ordre du jour de {recit.instance(donnees['instance'])}{_motif(donnees)}"


PHRASES: Mapping[str, Callable[[Recit, Donnees], str]] = {
    "signalement.pris_en_charge": lambda recit, said: f"pris en charge par {recit.acteur(said['acteur'])}",
    "signalement.repondu": _repondu,
    "signalement.reaffecte": _reaffecte,
    "signalement.corrige": _corrige,
    "signalement.reoriente": lambda _, __: "réorienté, hors de la démarche",
    "signalement.retire": lambda _, said: f"retiré{_motif(said)}",
    "signalement.traite": _traite,
    "signalement.rouvert": lambda _, said: f"rouvert, toujours pas résolu : « {said['commentaire']} »",
    "signalement.rattache": lambda _, said: f"regroupé avec {said['numero']}, qui parle de la même chose",
    "signalement.detache": lambda _, __: "suivi de nouveau pour lui-même",
    "signalement.regroupe": lambda _, said: f"le signalement {said['numero']} lui est rattaché",
    "signalement.separe": lambda _, said: f"le signalement {said['numero']} n'est plus regroupé avec lui",
    "signalement.clos": lambda _, __: "clos",
    "signalement.publie": lambda _, __: "rendu public",
    "signalement.depublie": lambda _, said: f"retiré du public{_motif(said)}",
    "echeance.depassee": _retard,
    "etape.manquee": lambda _, __: "aucune intervention enregistrée à la date annoncée",
    "instance.inscrite": lambda recit, said: f"inscrit à {recit.instance(said['instance'])}",
    "instance.mobilisee": _mobilisee,
    "instance.ajournee": _ajournee,
    "instance.retiree": _retiree,
    "instance.transmise": lambda _, __: "transmis à la direction générale, sans décision du pilote",
    "instance.rappelee": lambda _, __: "décision rappelée aux pilotes",
}
"""The events people read about; the others (received, photo added, palier reached…) are for machines."""
