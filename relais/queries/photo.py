"""Photos as the store sees them: rows whose bytes are owed by it."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import func, select, tuple_

from relais.db import Session
from relais.tables.photo import EtatPhoto, Photo

GARDEES = (EtatPhoto.RECUE, EtatPhoto.PRETE)


def photos_gardees(session: Session, *, apres: tuple[UUID, UUID] | None, limite: int) -> Sequence[Photo]:
    """At most so many of this territoire's, by (signalement, photo), the next ones after that key."""
    key = tuple_(Photo.signalement_id, Photo.id)
    wanted = select(Photo).where(Photo.territoire_id == session.territoire, Photo.etat.in_(GARDEES))
    if apres is not None:
        wanted = wanted.where(key > apres)
    return session.scalars(wanted.order_by(Photo.signalement_id, Photo.id).limit(limite)).all()


def count_gardees(session: Session) -> int:
    wanted = select(func.count()).where(Photo.territoire_id == session.territoire, Photo.etat.in_(GARDEES))
    return session.scalars(wanted).one()


def photos_at(session: Session, keys: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Photo]:
    """Those of this territoire's that exist, by (signalement, photo)."""
    wanted = select(Photo).where(
        Photo.territoire_id == session.territoire, tuple_(Photo.signalement_id, Photo.id).in_(list(keys))
    )
    return {(one.signalement_id, one.id): one for one in session.scalars(wanted)}
