from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, Index, Interval, text
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, enum_column, territoire_key
from relais.rules.configuration import Domanialite


class Territoire(Base):
    """The directory of tenants: the one table whose rows any door may read, for it names nobody."""

    __tablename__ = "territoire"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    nom: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="0")
    cree_le: Mapped[datetime]


class Version(Base):
    """One immutable configuration. A signalement keeps the number it was born under.

    `difference`: names of what it added, took away and changed, since the version before.
    """

    __tablename__ = "version"

    territoire_id: Mapped[int] = territoire_key()
    numero: Mapped[int] = mapped_column(primary_key=True)
    configuration: Mapped[dict[str, Any]]
    empreinte: Mapped[str]
    auteur: Mapped[str]
    resume: Mapped[str]
    difference: Mapped[dict[str, Any] | None]
    cree_le: Mapped[datetime]

    __table_args__ = (ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),)


class Acteur(Base):
    """An acteur's identity, which tickets and people point at; what is said of it lives in the versions."""

    __tablename__ = "acteur"

    territoire_id: Mapped[int] = territoire_key()
    code: Mapped[str] = mapped_column(primary_key=True)

    __table_args__ = (ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),)


class EmpriseRow(Base):
    """A polygon of ground, from the version `depuis` to the version before `jusqu_a` (None: still there).

    One edited emprise among 100 000 is two rows written, and older versions still read their own map.
    """

    __tablename__ = "emprise"

    territoire_id: Mapped[int] = territoire_key()
    code: Mapped[str] = mapped_column(primary_key=True)
    depuis: Mapped[int] = mapped_column(primary_key=True)
    jusqu_a: Mapped[int | None]
    nom: Mapped[str | None]
    domanialite: Mapped[Domanialite] = mapped_column(enum_column(Domanialite))
    gestionnaire: Mapped[str | None]
    priorite: Mapped[int] = mapped_column(server_default="0")
    valide_du: Mapped[date | None]
    valide_au: Mapped[date | None]
    geometrie: Mapped[dict[str, Any]]
    ouest: Mapped[float]
    sud: Mapped[float]
    est: Mapped[float]
    nord: Mapped[float]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),
        ForeignKeyConstraint(["territoire_id", "gestionnaire"], ["acteur.territoire_id", "acteur.code"]),
        CheckConstraint("jusqu_a > depuis", name="ordre"),
        Index("ix_emprise_jusqu_a", "territoire_id", "jusqu_a", postgresql_where=text("jusqu_a IS NOT NULL")),
        Index("uq_emprise_courante", "territoire_id", "code", unique=True, postgresql_where=text("jusqu_a IS NULL")),
    )


class Compteur(Base):
    """The last number given in a year: `VSL-2026-00042`."""

    __tablename__ = "compteur"

    territoire_id: Mapped[int] = territoire_key()
    annee: Mapped[int] = mapped_column(primary_key=True)
    dernier: Mapped[int]

    __table_args__ = (ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),)


class Horloge(Base):
    """The business clock's offset: one row, which only a demonstration may move."""

    __tablename__ = "horloge"

    id: Mapped[int] = mapped_column(primary_key=True)
    demonstration: Mapped[bool]
    decalage: Mapped[timedelta] = mapped_column(Interval, server_default="0")

    __table_args__ = (
        CheckConstraint("id = 1", name="une_seule"),
        CheckConstraint("demonstration OR decalage = interval '0'", name="fixe_hors_demonstration"),
    )
