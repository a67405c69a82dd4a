"""All that is known of one signalement, gathered once: what a JSON answer, a mail or a page then words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, bindparam, select, tuple_

from relais.db import Session
from relais.queries.referentiel import Referentiel, referentiels
from relais.rules.configuration import Acteur, Delai, Theme
from relais.tables.echeance import Echeance
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement

Fille = TypeVar("Fille", Echeance, Photo)


@dataclass(frozen=True)
class Dossier:
    """`born` is the version the ticket keeps (promises, ladder); `current` the one in force (names, addresses)."""

    signalement: Signalement
    born: Referentiel
    current: Referentiel
    echeances: tuple[Echeance, ...]
    photos: tuple[Photo, ...]

    @property
    def acteur(self) -> Acteur | None:
        return acteur_de(self.signalement.acteur, self.current, self.born)

    @property
    def theme(self) -> Theme:
        return next(iter(self.themes), Theme(self.signalement.theme, self.signalement.theme))

    @property
    def themes(self) -> tuple[Theme, ...]:
        """As each version describes it, where it knows it: what protects people in one of them does."""
        code = self.signalement.theme  # a correction may have named one that is younger than the ticket
        known = (one.configuration.theme.get(code) for one in (self.born, self.current))
        return tuple(filter(None, known))

    @property
    def photos_manquantes(self) -> tuple[Photo, ...]:
        return tuple(photo for photo in self.photos if photo.etat in {EtatPhoto.ATTENDUE, EtatPhoto.REFUSEE})


def acteur_de(code: str | None, *known: Referentiel) -> Acteur | None:
    """The acteur as the first of these versions that knows it describes it."""
    if code is None:
        return None
    return next((r.configuration.acteur[code] for r in known if code in r.configuration.acteur), None)


def dossiers(session: Session, signalements: Sequence[Signalement]) -> list[Dossier]:
    """Three statements at most, whatever the number (and two a version this process has not met yet)."""
    ids = [one.id for one in signalements]
    echeances, photos = _grouped(session, _ECHEANCES, ids), _grouped(session, _PHOTOS, ids)
    known = referentiels(session, {session.version, *(one.version for one in signalements)})
    current = known[session.version]
    return [
        Dossier(one, known[one.version], current, last_tours(echeances[one.id]), tuple(photos[one.id]))
        for one in signalements
    ]


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
