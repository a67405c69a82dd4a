"""All that is known of one signalement, gathered once: what a JSON answer, a mail or a page then words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, bindparam, select, tuple_

from relais.db import Session
from relais.queries.liens import Liens, attaches
from relais.queries.referentiel import Referentiel, referentiels
from relais.rules.configuration import PROMIS, Acteur, Competent, Delai, Theme
from relais.rules.statuts import Statut
from relais.tables.echeance import Echeance
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement

Fille = TypeVar("Fille", Echeance, Photo)


@dataclass(frozen=True)
class Dossier:
    """`born` is the version the ticket keeps (promises, ladder); `current` the one in force (names, addresses).

    `principal`: of a doublon, the one that speaks for it.
    """

    signalement: Signalement
    born: Referentiel
    current: Referentiel
    echeances: tuple[Echeance, ...]
    photos: tuple[Photo, ...]
    liens: Liens = field(default_factory=Liens)
    principal: "Dossier | None" = None

    @property
    def acteur(self) -> Acteur | None:
        return acteur_de(self.signalement.acteur, self.current, self.born)

    @property
    def theme(self) -> Theme:
        return next(iter(self.themes), Theme(self.signalement.theme, self.signalement.theme))

    @property
    def themes(self) -> tuple[Theme, ...]:
        return themes_de(self.signalement.theme, self.born, self.current)

    @property
    def promesses(self) -> tuple[Echeance, ...]:
        """What was promised to the resident: not what the pilote has to settle meanwhile."""
        return tuple(one for one in self.echeances if one.delai in PROMIS)

    @property
    def competent(self) -> Competent | None:
        """Who is, for what the démarche does not follow; None: it follows it."""
        if self.signalement.statut is not Statut.REORIENTE:
            return None
        theme, known = self.signalement.theme, (self.current.configuration, self.born.configuration)
        return next(filter(None, (configuration.competent(theme) for configuration in known)), None)

    @property
    def informes(self) -> tuple[Acteur, ...]:
        """Who is told of it and has nothing to do, but for whom it was given to since. Nobody is before it is given."""
        if self.signalement.acteur is None:
            return ()
        known = (acteur_de(code, self.current, self.born) for code in self.signalement.informes)
        return tuple(acteur for acteur in known if acteur and acteur.code != self.signalement.acteur)

    @property
    def photos_manquantes(self) -> tuple[Photo, ...]:
        return tuple(photo for photo in self.photos if photo.etat in {EtatPhoto.ATTENDUE, EtatPhoto.REFUSEE})


def themes_de(code: str, *known: Referentiel) -> tuple[Theme, ...]:
    """As each version describes it, where it knows it (a correction may have named one younger than the ticket).

    What protects people in one of them does.
    """
    return tuple(filter(None, (one.configuration.theme.get(code) for one in known)))


def acteur_de(code: str | None, *known: Referentiel) -> Acteur | None:
    """The acteur as the first of these versions that knows it describes it."""
    if code is None:
        return None
    return next((r.configuration.acteur[code] for r in known if code in r.configuration.acteur), None)


def dossiers(session: Session, signalements: Sequence[Signalement]) -> list[Dossier]:
    """Three statements at most, whatever the number (and two a version this process has not met yet)."""
    ties = attaches(session, [one.id for one in signalements])
    every = [*signalements, *ties.principaux.values()]
    ids = [one.id for one in every]
    echeances, photos = _grouped(session, _ECHEANCES, ids), _grouped(session, _PHOTOS, ids)
    known = referentiels(session, {session.version, *(one.version for one in every)}, empreintes=ties.empreintes)

    def gather(one: Signalement) -> Dossier:
        principal = ties.principaux.get(one.id)
        return Dossier(
            signalement=one,
            born=known[one.version],
            current=known[session.version],
            echeances=last_tours(echeances[one.id]),
            photos=tuple(photos[one.id]),
            liens=ties.liens.get(one.id, Liens()),
            principal=gather(principal) if principal else None,
        )

    return [gather(one) for one in signalements]


def dossier(session: Session, signalement: Signalement) -> Dossier:
    return dossiers(session, [signalement])[0]


def _of_these(table: type[Fille]) -> Select[Fille]:
    ids = bindparam("ids", type_=ARRAY(Uuid))
    mine = select(table).where(table.territoire_id == bindparam("territoire"), table.signalement_id == any_(ids))
    return mine.execution_options(populate_existing=True)


# Written once: to build them at each reading costs twice what they do.
_ECHEANCES = _of_these(Echeance)
_PHOTOS = _of_these(Photo).order_by(Photo.rang)


def _grouped(session: Session, wanted: Select[Fille], ids: Sequence[UUID]) -> Mapping[UUID, list[Fille]]:
    found: dict[UUID, list[Fille]] = defaultdict(list)
    for row in session.scalars(wanted, {"territoire": session.territoire, "ids": ids}):
        found[row.signalement_id].append(row)
    return found


def last_tours(echeances: Iterable[Echeance]) -> tuple[Echeance, ...]:
    """People read the promise that runs now; the earlier tours stay in the journal."""
    last: dict[Delai, Echeance] = {}
    for one in echeances:
        if one.delai not in last or one.tour > last[one.delai].tour:
            last[one.delai] = one
    return tuple(last[delai] for delai in Delai if delai in last)


def journal(session: Session, signalement: Signalement) -> Sequence[Evenement]:
    """Everything that happened to it, first to last."""
    return session.scalars(
        select(Evenement)
        .where(
            tuple_(Evenement.territoire_id, Evenement.signalement_id) == (session.territoire, signalement.id),
        )
        .order_by(Evenement.rang)
    ).all()
