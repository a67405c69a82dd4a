from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, territoire_key


class Evenement(Base):
    """The journal: append-only (the doors hold no UPDATE nor DELETE on it), and what webhooks carry."""

    __tablename__ = "evenement"

    territoire_id: Mapped[int] = territoire_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rang: Mapped[int] = mapped_column(BigInteger, Identity())
    signalement_id: Mapped[UUID | None]
    type: Mapped[str]
    le: Mapped[datetime]
    auteur_id: Mapped[UUID | None]
    auteur: Mapped[str]
    donnees: Mapped[dict[str, Any]]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id", "signalement_id"], ["signalement.territoire_id", "signalement.id"]),
        Index("ix_evenement_signalement", "territoire_id", "signalement_id", "rang"),
        Index(
            "ix_evenement_reaffecte",
            "territoire_id",
            "le",
            postgresql_where=text("type = 'signalement.reaffecte'"),
        ),
    )
