from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, enum_column, territoire_key
from relais.rules.acces import Role


class Personne(Base):
    """Somebody with a rôle. `generation` is raised to revoke every token already given."""

    __tablename__ = "personne"

    territoire_id: Mapped[int] = territoire_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    identifiant: Mapped[str]
    nom: Mapped[str]
    role: Mapped[Role] = mapped_column(enum_column(Role))
    acteur: Mapped[str | None]
    actif: Mapped[bool] = mapped_column(server_default="true")
    generation: Mapped[int] = mapped_column(server_default="0")
    cree_le: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),
        ForeignKeyConstraint(["territoire_id", "acteur"], ["acteur.territoire_id", "acteur.code"]),
        Index("uq_personne_identifiant", "territoire_id", text("lower(identifiant)"), unique=True),
    )


class Cle(Base):
    """An API key, of an acteur or of a partner. Only its sha-256 is kept."""

    __tablename__ = "cle"

    territoire_id: Mapped[int] = territoire_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    libelle: Mapped[str]
    acteur: Mapped[str | None]
    empreinte: Mapped[str]
    actif: Mapped[bool] = mapped_column(server_default="true")
    cree_le: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),
        ForeignKeyConstraint(["territoire_id", "acteur"], ["acteur.territoire_id", "acteur.code"]),
        Index("uq_cle_empreinte", "territoire_id", "empreinte", unique=True),
    )
