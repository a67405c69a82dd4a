from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, enum_column, territoire_key
from relais.rules.configuration import Delai, Nature
from relais.rules.delais import Unite


class EtatDelai(StrEnum):
    EN_COURS = "en_cours"
    EN_PAUSE = "en_pause"
    TENU = "tenu"
    DEPASSE = "depasse"  #: for ever: what stops late stays late, with the instant it stopped


class Echeance(Base):
    """The date of one délai, in one tour. `acteur` says whose calendar counted it; None: the territoire's."""

    __tablename__ = "echeance"

    territoire_id: Mapped[int] = territoire_key()
    signalement_id: Mapped[UUID] = mapped_column(primary_key=True)
    delai: Mapped[Delai] = mapped_column(enum_column(Delai), primary_key=True)
    tour: Mapped[int] = mapped_column(primary_key=True)
    commence_le: Mapped[datetime]
    echeance: Mapped[datetime]
    valeur: Mapped[int]
    unite: Mapped[Unite] = mapped_column(enum_column(Unite))
    acteur: Mapped[str | None]
    nature: Mapped[Nature] = mapped_column(enum_column(Nature))
    source: Mapped[str | None]
    etat: Mapped[EtatDelai] = mapped_column(enum_column(EtatDelai))
    arrete_le: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id", "signalement_id"], ["signalement.territoire_id", "signalement.id"]),
        Index("ix_echeance_en_cours", "territoire_id", "echeance", postgresql_where=text("arrete_le IS NULL")),
    )


class Escalade(Base):
    """A palier reached: once for ever, by its primary key."""

    __tablename__ = "escalade"

    territoire_id: Mapped[int] = territoire_key()
    signalement_id: Mapped[UUID] = mapped_column(primary_key=True)
    delai: Mapped[Delai] = mapped_column(enum_column(Delai), primary_key=True)
    tour: Mapped[int] = mapped_column(primary_key=True)
    palier: Mapped[str] = mapped_column(primary_key=True)
    prevue_le: Mapped[datetime]
    declenchee_le: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["territoire_id", "signalement_id", "delai", "tour"],
            ["echeance.territoire_id", "echeance.signalement_id", "echeance.delai", "echeance.tour"],
        ),
        Index("ix_escalade_declenchee", "territoire_id", "declenchee_le"),
    )
