"""Who sees what, who may do what. One reading of the seven rôles, for the list, the detail and the verbs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    RELAIS = "relais"  #: an inhabitant the town knows: signals, sees what it signalled
    ELU = "elu"  #: signals, sees the whole territoire, reassigns nothing
    AGENT = "agent"  #: acts for its acteur on what is assigned to it
    RESPONSABLE = "responsable"  #: as an agent, and told of what is late
    PILOTE = "pilote"  #: sees all, decides what climbs
    DIRECTION_GENERALE = "direction_generale"  #: sees all, receives what climbs
    ADMINISTRATEUR = "administrateur"  #: sees all, keeps the accounts and the webhooks
    CLE = "cle"  #: a program: acts for its acteur, or signals for a partner


class Qualite(StrEnum):
    """What a caller is to one signalement. The table of verbs speaks in these words."""

    AUTEUR = "auteur"
    ACTEUR = "acteur"
    PILOTE = "pilote"
    LECTEUR = "lecteur"
    RESPONSABLE = "responsable"  #: answers for the acteur that has it
    PERSONNE = "personne"  #: sees it, and has an address of its own to be written to


VOIENT_TOUT = frozenset({Role.ELU, Role.PILOTE, Role.DIRECTION_GENERALE, Role.ADMINISTRATEUR})
AGISSENT_POUR_UN_ACTEUR = frozenset({Role.AGENT, Role.RESPONSABLE, Role.CLE})
SIGNALENT = frozenset({Role.RELAIS, Role.ELU, Role.AGENT, Role.RESPONSABLE, Role.PILOTE, Role.ADMINISTRATEUR, Role.CLE})
SUIVENT_LES_INSTANCES = frozenset({Role.PILOTE, Role.DIRECTION_GENERALE})
TIENNENT_LES_ENVOIS = frozenset({Role.ADMINISTRATEUR, Role.CLE})
TIENNENT_LA_CARTE = frozenset({Role.PILOTE, Role.ADMINISTRATEUR, Role.DIRECTION_GENERALE})
LISENT_LES_NOMS = frozenset({Role.PILOTE, Role.ADMINISTRATEUR})
"""Of the people who signal and act. Everybody else reads a function, and oneself."""

FONCTIONS: Mapping[Role, str] = {
    Role.RELAIS: "un ou une relais du quartier",
    Role.ELU: "une personne élue",
    Role.AGENT: "une personne des services ou d'un partenaire",
    Role.RESPONSABLE: "une personne des services ou d'un partenaire",
    Role.PILOTE: "l'équipe pilote {sigle}",
    Role.DIRECTION_GENERALE: "la direction générale",
    Role.ADMINISTRATEUR: "l'administration de Relais",
    Role.CLE: "le logiciel d'un partenaire",
}
"""Somebody without a name, in words that fit anybody; to be formatted with the territoire's `sigle`."""


@dataclass(frozen=True)
class Portee:
    """What a caller sees: everything, or what it wrote, or what its acteur answers for today (not what it once did)."""

    tout: bool = False
    auteur: UUID | None = None
    acteur: str | None = None

    def couvre(self, *, auteur: UUID | None, acteur: str | None) -> bool:
        return (
            self.tout
            or (self.auteur is not None and self.auteur == auteur)
            or (self.acteur is not None and self.acteur == acteur)
        )


def peut_suivre(role: Role, *, id: UUID | None) -> bool:
    """Somebody with an account: a program hears by webhook, and a link of a mail is nobody's."""
    return id is not None and role is not Role.CLE


def lit_la_recurrence(seen: Portee, *, acteur: str | None) -> bool:
    """That it came back speaks of what others signalled: to its acteur, to who sees everything, not to its author."""
    return seen.couvre(auteur=None, acteur=acteur)


def portee(role: Role, *, id: UUID | None, acteur: str | None) -> Portee:
    """`queries.signalement.visibles` turns the same value into SQL: a list never shows what a detail would hide."""
    return Portee(tout=role in VOIENT_TOUT, auteur=id, acteur=acteur if role in AGISSENT_POUR_UN_ACTEUR else None)


def qualites(
    role: Role, *, id: UUID | None, acteur: str | None, auteur_id: UUID, acteur_du_ticket: str | None
) -> frozenset[Qualite]:
    """What this caller is to that signalement; empty: it does not see it."""
    seen = portee(role, id=id, acteur=acteur)
    if not seen.couvre(auteur=auteur_id, acteur=acteur_du_ticket):
        return frozenset()
    found = {Qualite.LECTEUR}
    if seen.auteur == auteur_id:
        found.add(Qualite.AUTEUR)
    if seen.acteur is not None and seen.acteur == acteur_du_ticket:
        found.add(Qualite.ACTEUR)
        if role is Role.RESPONSABLE:
            found.add(Qualite.RESPONSABLE)
    if role is Role.PILOTE:
        found.add(Qualite.PILOTE)
    if peut_suivre(role, id=id):
        found.add(Qualite.PERSONNE)
    return frozenset(found)
