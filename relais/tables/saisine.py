from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, enum_column, territoire_key
from relais.rules.configuration import Delai, TypeInstance


class EtatSaisine(StrEnum):
    INSCRITE = "inscrite"  #: on the agenda; at `gusp_dg`, the pilote's decision runs
    AJOURNEE = "ajournee"  #: the pilote put it off, to the date that now stands in `decision_avant`
    MOBILISEE = "mobilisee"  #: the pilote sent the file to the members
    RETIREE = "retiree"  #: off the agenda, by the pilote or by the ticket's end
    TRANSMISE = "transmise"  #: no decision in time: the direction générale has it


class Saisine(Base):
    """One signalement on one instance's agenda. `decision_avant`: only where a decision is awaited."""

    __tablename__ = "saisine"

    territoire_id: Mapped[int] = territoire_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    signalement_id: Mapped[UUID]
    instance: Mapped[str]
    type_instance: Mapped[TypeInstance] = mapped_column(enum_column(TypeInstance))
    delai: Mapped[Delai] = mapped_column(enum_column(Delai))
    tour: Mapped[int]
    palier: Mapped[str]
    etat: Mapped[EtatSaisine] = mapped_column(enum_column(EtatSaisine))
    inscrite_le: Mapped[datetime]
    decision_avant: Mapped[datetime | None]
    ajournements: Mapped[int] = mapped_column(server_default="0")
    motif: Mapped[str | None]
    decidee_le: Mapped[datetime | None]
    decidee_par: Mapped[str | None]
    annoncee_le: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["territoire_id", "signalement_id", "delai", "tour", "palier"],
            [
                "escalade.territoire_id",
                "escalade.signalement_id",
                "escalade.delai",
                "escalade.tour",
                "escalade.palier",
            ],
        ),
        Index(
            "uq_saisine_ouverte",
            "territoire_id",
            "signalement_id",
            "instance",
            unique=True,
            postgresql_where=text("etat IN ('inscrite', 'ajournee')"),
        ),
        Index("ix_saisine_instance", "territoire_id", "instance", "inscrite_le"),
        Index(
            "ix_saisine_a_annoncer",
            "territoire_id",
            "decidee_le",
            postgresql_where=text("etat = 'transmise' AND annoncee_le IS NULL"),
        ),
    )
