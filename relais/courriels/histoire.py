"""« Ce qui s'est passé »: the journal of a ticket, one line a minute, in French and without anybody's name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from relais.courriels.dates import Dates
from relais.queries.dossier import Dossier, acteur_de
from relais.rules.acces import Role
from relais.rules.configuration import LIBELLES_DELAI, Delai, Destinataire
from relais.rules.escalade import destinataires
from relais.tables.evenement import Evenement

Donnees = Mapping[str, Any]

ETAPE_MANQUEE = "aucune intervention enregistrée à la date annoncée"


@dataclass(frozen=True)
class Ligne:
    le: datetime
    texte: str


def instance_nommee(nom: str) -> str:
    """« l'instance GUSP ville », « l'instance « Comité de quartier du Centre » »: a name bears its own article or none."""
    kind, _, rest = nom.partition(" ")
    return f"l'instance {rest}" if kind == "Instance" and rest else f"l'instance « {nom} »"


@dataclass(frozen=True)
class Recit:
    """`lecteur` is the reader's rôle, None for a function's box: a pilote is addressed as « vous ». `le`: the mail's."""

    dossier: Dossier
    dates: Dates
    lecteur: Role | None
    le: datetime

    def raconter(self, evenements: Iterable[Evenement]) -> tuple[Ligne, ...]:
        """First to last. What happened within one minute is one line; what people need not read is left out."""
        known = list(evenements)
        lines = [Ligne(one.le, texte) for one in known if (texte := self._phrase(one))]
        lines = sorted([*lines, *self._etape_manquee(known)], key=lambda line: line.le)
        return tuple(
            Ligne(same[0].le, " ; ".join(dict.fromkeys(line.texte for line in same)))
            for _, group in groupby(lines, key=lambda line: self.dates.colonne(line.le))
            if (same := list(group))
        )

    def acteur(self, code: str | None) -> str:
        found = acteur_de(code, self.dossier.current, self.dossier.born)
        return found.nom if found else code or "le pilote"

    def instance(self, code: str) -> str:
        known = (self.dossier.current.configuration.instance, self.dossier.born.configuration.instance)
        return instance_nommee(next((one[code].nom for one in known if code in one), code))

    def _phrase(self, evenement: Evenement) -> str | None:
        say = PHRASES.get(evenement.type)
        return say(self, evenement.donnees) if say else None

    def _etape_manquee(self, known: list[Evenement]) -> list[Ligne]:
        """The ticket says it when the journal does not: a palier due at that closing time is announced in its place."""
        ticket = self.dossier.signalement
        step = ticket.etape_le
        if step is None or not ticket.etape_constatee or step > self.le:
            return []
        done = ticket.traite_le is not None and ticket.traite_le <= step
        told = any(one.type == "etape.manquee" and one.le >= step for one in known)
        return [] if done or told else [Ligne(step, ETAPE_MANQUEE)]


def _retard(recit: Recit, donnees: Donnees) -> str:
    delai = Delai(donnees["delai"])
    what = f"retard de {LIBELLES_DELAI[delai]}"
    ladder = recit.dossier.born.configuration.paliers(delai)
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
    announced = f" Étape annoncée pour {recit.dates.jour_iso(step['le'])} : {step['libelle']}" if step else ""
    return f"réponse : « {said['texte']} »{announced}"


def _reaffecte(recit: Recit, donnees: Donnees) -> str:
    to = f"confié à {recit.acteur(donnees['a'])}" if "a" in donnees else "renvoyé au pilote"
    by = f", auparavant {recit.acteur(donnees['de'])}" if "de" in donnees else ""
    return f"{to}{by}. Motif : {donnees['motif']}"


def _traite(_: Recit, donnees: Donnees) -> str:
    nature = " provisoire" if donnees["nature"] == "palliative" else ""
    return f"intervention{nature} enregistrée : « {donnees['commentaire']} »"


def _decision(verbe: str) -> Callable[[Recit, Donnees], str]:
    def say(recit: Recit, donnees: Donnees) -> str:
        until = f" jusqu'au {recit.dates.jour_iso(donnees['jusqu_au'])}" if "jusqu_au" in donnees else ""
        reason = f". Motif : {donnees['motif']}" if donnees.get("motif") else ""
        return f"{recit.instance(donnees['instance'])}, {verbe}{until}{reason}"

    return say


PHRASES: Mapping[str, Callable[[Recit, Donnees], str]] = {
    "signalement.pris_en_charge": lambda recit, said: f"pris en charge par {recit.acteur(said['acteur'])}",
    "signalement.repondu": _repondu,
    "signalement.reaffecte": _reaffecte,
    "signalement.traite": _traite,
    "signalement.rouvert": lambda _, said: f"rouvert, toujours pas résolu : « {said['commentaire']} »",
    "signalement.clos": lambda _, __: "clos",
    "echeance.depassee": _retard,
    "etape.manquee": lambda _, __: ETAPE_MANQUEE,
    "instance.inscrite": lambda recit, said: f"inscrit à {recit.instance(said['instance'])}",
    "instance.mobilisee": _decision("mobilisée par le pilote"),
    "instance.ajournee": _decision("décision ajournée par le pilote"),
    "instance.retiree": _decision("retiré de l'ordre du jour"),
    "instance.transmise": lambda _, __: "transmis à la direction générale, sans décision du pilote",
    "instance.rappelee": lambda _, __: "décision rappelée aux pilotes",
}
"""The events people read about; the others (received, photo added, palier reached…) are for machines."""
