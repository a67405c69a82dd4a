"""People, by their function."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, func, select

from relais.db import Session
from relais.errors import PersonneInconnue
from relais.rules.acces import Role
from relais.tables.personne import Personne


def by_role(session: Session, roles: Collection[Role]) -> list[Personne]:
    """The active people of these rôles, in a stable order."""
    wanted = select(Personne).where(
        Personne.territoire_id == session.territoire, Personne.role.in_(roles), Personne.actif
    )
    return list(session.scalars(wanted.order_by(Personne.identifiant)))


def by_id(session: Session, id: UUID) -> Personne | None:
    """None: it was a key that signalled, or somebody since erased."""
    return session.scalar(select(Personne).where(Personne.territoire_id == session.territoire, Personne.id == id))


def by_identifiant(session: Session, identifiant: str) -> Personne:
    """Raises PersonneInconnue. Identifiants are e-mail addresses: case does not count."""
    found = session.scalar(_called(session, identifiant))
    if found is None:
        raise PersonneInconnue(f"« {identifiant} » n'est pas un compte de ce territoire.")
    return found


def active(session: Session, identifiant: str) -> Personne | None:
    """Whoever may sign in under that identifiant. None: nobody, or somebody suspended."""
    return session.scalar(_called(session, identifiant).where(Personne.actif))


def _called(session: Session, identifiant: str) -> Select[Personne]:
    same = func.lower(Personne.identifiant) == identifiant.strip().lower()
    return select(Personne).where(Personne.territoire_id == session.territoire, same)
