"""Who is asking. An `Identity` is what a token claims; a `Caller` is what the database confirms."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from relais.rules.acces import Portee, Qualite, Role, portee, qualites


class Door(StrEnum):
    """The database role a transaction takes; the login role is a member of all three."""

    API = "relais_api"
    WORKER = "relais_worker"
    OWNER = "relais_owner"  #: the command line: imports, accounts, the demo's clock


@dataclass(frozen=True)
class Identity:
    """Claims only: nothing is granted on them until `relais_ouvrir` has read the standing.

    Exactly one of `personne`, `cle` (hash of an API key) and `acteur` (an action link) is set; none: an anonymous read.
    """

    territoire: int | None = None
    code: str | None = None
    personne: UUID | None = None
    generation: int | None = None
    cle: str | None = None
    acteur: str | None = None

    @property
    def anonymous(self) -> bool:
        return self.personne is None and self.cle is None and self.acteur is None


@dataclass(frozen=True)
class Caller:
    """`id` is the personne's or the key's; None when an acteur acts by a link of a mail, without an account."""

    territoire: int
    role: Role
    id: UUID | None
    acteur: str | None
    nom: str
    courriel: str | None = None

    @property
    def portee(self) -> Portee:
        return portee(self.role, id=self.id, acteur=self.acteur)

    def qualites(self, *, auteur_id: UUID, acteur: str | None) -> frozenset[Qualite]:
        return qualites(self.role, id=self.id, acteur=self.acteur, auteur_id=auteur_id, acteur_du_ticket=acteur)
