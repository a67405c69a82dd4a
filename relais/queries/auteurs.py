"""Who did what, as each reader may know it: the pilote and the administrateur by name, everybody else by function."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import String, literal, select, union_all

from relais.caller import Caller
from relais.db import Session
from relais.outbox import SYSTEM
from relais.queries.dossier import acteur_de
from relais.queries.referentiel import Referentiel, referentiel
from relais.rules.acces import AGISSENT_POUR_UN_ACTEUR, FONCTIONS, LISENT_LES_NOMS, Role
from relais.tables.evenement import Evenement
from relais.tables.personne import Cle, Personne

EFFACE = "un compte effacé"


@dataclass(frozen=True)
class Auteurs:
    """The rôle and the acteur that each author has today, by id."""

    lecteur: Caller
    referentiels: tuple[Referentiel, ...]
    comptes: Mapping[UUID, tuple[Role, str | None]]

    def nommer(self, evenement: Evenement) -> str:
        """Never a person's name, but to those who read names and to that person."""
        who = evenement.auteur_id
        if who is None:  # Relais itself, or an acteur by a link of a mail
            return evenement.auteur if evenement.auteur == SYSTEM.nom else self._acteur(evenement.auteur) or EFFACE
        if self.lecteur.role in LISENT_LES_NOMS or who == self.lecteur.id:
            return evenement.auteur
        if who not in self.comptes:
            return EFFACE
        role, acteur = self.comptes[who]
        known = self._acteur(acteur) if role in AGISSENT_POUR_UN_ACTEUR else None
        return known or FONCTIONS[role].format(sigle=self.referentiels[0].configuration.sigle)

    def _acteur(self, code: str | None) -> str | None:
        found = acteur_de(code, *self.referentiels)
        return found.nom if found else None


def auteurs(session: Session, evenements: Iterable[Evenement], *, version: int) -> Auteurs:
    """One statement, whatever the number of authors. `version`: the ticket's own, for acteurs since gone."""
    ids = {one.auteur_id for one in evenements} - {None}
    people = select(Personne.id, Personne.role.cast(String).label("role"), Personne.acteur)
    keys = select(Cle.id, literal(Role.CLE.value), Cle.acteur)
    wanted = union_all(
        people.where(Personne.territoire_id == session.territoire, Personne.id.in_(ids)),
        keys.where(Cle.territoire_id == session.territoire, Cle.id.in_(ids)),
    )
    found = {id: (Role(role), acteur) for id, role, acteur in session.execute(wanted)} if ids else {}
    return Auteurs(session.caller, (referentiel(session), referentiel(session, version)), found)
