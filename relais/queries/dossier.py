"""All that is known of one signalement, gathered once: what a JSON answer, a mail or a page then words."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, tuple_

from relais.db import Session
from relais.queries.referentiel import Referentiel, referentiel
from relais.rules.configuration import Acteur, Delai, Theme
from relais.tables.echeance import Echeance
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement


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
        code = self.signalement.theme
        return self.born.configuration.theme.get(code) or Theme(code, code)

    @property
    def photos_manquantes(self) -> tuple[Photo, ...]:
        return tuple(photo for photo in self.photos if photo.etat in {EtatPhoto.ATTENDUE, EtatPhoto.REFUSEE})


def acteur_de(code: str | None, *known: Referentiel) -> Acteur | None:
    """The acteur as the first of these versions that knows it describes it."""
    if code is None:
        return None
    return next((r.configuration.acteur[code] for r in known if code in r.configuration.acteur), None)


def dossiers(session: Session, signalements: Sequence[Signalement]) -> list[Dossier]:
    """Two statements, whatever the number (and one a version not met yet)."""
    ids = [one.id for one in signalements]
    echeances, photos = _echeances(session, ids), _photos(session, ids)
    current = referentiel(session)
    return [
        Dossier(one, referentiel(session, one.version), current, _last_tours(echeances[one.id]), tuple(photos[one.id]))
        for one in signalements
    ]


def dossier(session: Session, signalement: Signalement) -> Dossier:
    return dossiers(session, [signalement])[0]


def _echeances(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[Echeance]]:
    found: dict[UUID, list[Echeance]] = defaultdict(list)
    wanted = select(Echeance).where(Echeance.territoire_id == session.territoire, Echeance.signalement_id.in_(ids))
    for row in session.scalars(wanted.execution_options(populate_existing=True)):
        found[row.signalement_id].append(row)
    return found


def _photos(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[Photo]]:
    found: dict[UUID, list[Photo]] = defaultdict(list)
    wanted = select(Photo).where(Photo.territoire_id == session.territoire, Photo.signalement_id.in_(ids))
    for row in session.scalars(wanted.order_by(Photo.rang).execution_options(populate_existing=True)):
        found[row.signalement_id].append(row)
    return found


def _last_tours(echeances: Iterable[Echeance]) -> tuple[Echeance, ...]:
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
