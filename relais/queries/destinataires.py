"""From a function to the addresses that hold it today."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from relais.db import Session
from relais.outbox import Letter
from relais.queries.personne import by_role
from relais.queries.referentiel import Referentiel
from relais.rules.acces import Role
from relais.rules.configuration import Acteur, Destinataire
from relais.tables.personne import Personne


@dataclass(frozen=True)
class Adresse:
    courriel: str
    personne: UUID | None = None
    acteur: str | None = None

    def letter(self, gabarit: str, *, annulable: bool = False, **donnees: object) -> Letter:
        return Letter(gabarit, self.courriel, self.personne, self.acteur, annulable, donnees)


class Annuaire:
    """Who holds which function. People are read once, and only if a palier speaks to people."""

    def __init__(self, session: Session, current: Referentiel, acteur: Acteur | None) -> None:
        self._session, self._current, self._acteur = session, current, acteur
        self._people: list[Personne] | None = None

    def adresses(self, destinataires: Iterable[Destinataire]) -> list[Adresse]:
        """Each address once, in the order of the functions."""
        found = [adresse for one in destinataires for adresse in self._of(one)]
        return list({adresse.courriel.lower(): adresse for adresse in reversed(found)}.values())[::-1]

    def acteurs(self, codes: Iterable[str]) -> list[Adresse]:
        """Of those whom the configuration in force knows."""
        known = (self._current.configuration.acteur.get(code) for code in codes)
        return [adresse for acteur in known for adresse in self._acteur_box(acteur)]

    def _of(self, destinataire: Destinataire) -> list[Adresse]:
        match destinataire:
            case Destinataire.ACTEUR:
                return self._acteur_box(self._acteur)
            case Destinataire.RESPONSABLE:
                return self._responsable()
            case Destinataire.ASTREINTE:
                code = self._current.configuration.astreinte
                return self._acteur_box(self._current.configuration.acteur[code]) if code else []
            case Destinataire.PILOTES:
                return self._with(Role.PILOTE)
            case Destinataire.DIRECTION_GENERALE:
                return self._with(Role.DIRECTION_GENERALE)

    def _acteur_box(self, acteur: Acteur | None) -> list[Adresse]:
        return [Adresse(acteur.courriel, acteur=acteur.code)] if acteur else []

    def _responsable(self) -> list[Adresse]:
        """The function the acteur named for delays; else its responsables; else its own box. Never nobody."""
        if self._acteur is None:
            return []
        if self._acteur.en_cas_de_retard:
            return [Adresse(self._acteur.en_cas_de_retard, acteur=self._acteur.code)]
        people = [one for one in self._with(Role.RESPONSABLE) if one.acteur == self._acteur.code]
        return people or self._acteur_box(self._acteur)

    def _with(self, role: Role) -> list[Adresse]:
        if self._people is None:
            self._people = by_role(self._session, (Role.PILOTE, Role.DIRECTION_GENERALE, Role.RESPONSABLE))
        return [Adresse(one.identifiant, one.id, _acteur(one)) for one in self._people if one.role is role]


def _acteur(person: Personne) -> str | None:
    """Only a responsable is written to for an acteur: the pilote of an EPCI keeps his mail when it loses a ticket."""
    return person.acteur if person.role is Role.RESPONSABLE else None
