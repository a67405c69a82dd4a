"""Accounts and keys. An import adds and corrects; it never removes anybody: who leaves is suspended."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, select

from relais.db import Session
from relais.errors import ActeurInconnu
from relais.imports.personnes import PersonneLue
from relais.queries.personne import by_identifiant
from relais.rules.acces import Role
from relais.tables.personne import Cle, Personne
from relais.tables.territoire import Acteur, Territoire
from relais.tokens import CLE_PREFIX, digest_of_cle


def import_personnes(
    session: Session, territoire: Territoire, people: Iterable[PersonneLue], *, now: datetime
) -> tuple[int, int]:
    """How many were added, and how many corrected. Raises ActeurInconnu, and then nobody is."""
    added = corrected = 0
    for one in people:
        _require_acteur(session, territoire, one.acteur)
        known = session.scalar(
            select(Personne).where(
                Personne.territoire_id == territoire.id, func.lower(Personne.identifiant) == one.identifiant.lower()
            )
        )
        if known is None:
            session.add(
                Personne(
                    territoire_id=territoire.id,
                    id=uuid4(),
                    identifiant=one.identifiant,
                    nom=one.nom,
                    role=Role(one.role),
                    acteur=one.acteur,
                    cree_le=now,
                )
            )
            added += 1
        elif (known.nom, known.role, known.acteur) != (one.nom, one.role, one.acteur):
            known.nom, known.role, known.acteur = one.nom, Role(one.role), one.acteur
            corrected += 1
    session.flush()
    return added, corrected


def suspend_personne(session: Session, *, identifiant: str) -> Personne:
    """Access ends at once, reads included. Twice is once. Raises PersonneInconnue.

    The generation is raised: what was given before, access and refresh tokens, stays dead once the account is restored.
    """
    who = by_identifiant(session, identifiant)
    if who.actif:
        who.actif, who.generation = False, who.generation + 1
        session.flush()
    return who


def restore_personne(session: Session, *, identifiant: str) -> Personne:
    """The account may sign in again, on every device anew. Raises PersonneInconnue."""
    who = by_identifiant(session, identifiant)
    who.actif = True
    session.flush()
    return who


def make_cle(session: Session, territoire: Territoire, *, libelle: str, acteur: str | None, now: datetime) -> str:
    """A new API key, in clear for the only time: the database keeps its digest."""
    _require_acteur(session, territoire, acteur)
    clear = f"{CLE_PREFIX}{territoire.id}_{secrets.token_urlsafe(32)}"
    session.add(
        Cle(
            territoire_id=territoire.id,
            id=uuid4(),
            libelle=libelle,
            acteur=acteur,
            empreinte=digest_of_cle(clear),
            cree_le=now,
        )
    )
    session.flush()
    return clear


def _require_acteur(session: Session, territoire: Territoire, acteur: str | None) -> None:
    if acteur is not None and session.get(Acteur, (territoire.id, acteur)) is None:
        raise ActeurInconnu(f"« {acteur} » n'est pas un acteur de {territoire.nom}.")
