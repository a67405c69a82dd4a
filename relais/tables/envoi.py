from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from relais.db import Base, enum_column, territoire_key
from relais.tables.claimable import Claimable


class Canal(StrEnum):
    COURRIEL = "courriel"
    WEBHOOK = "webhook"


class EtatEnvoi(StrEnum):
    EN_ATTENTE = "en_attente"
    ENVOYE = "envoye"
    MORT = "mort"  #: refused for good, or every retry spent: visible, and can be sent again
    ANNULE = "annule"  #: the ticket ended before it left


class Envoi(Claimable, Base):
    """One delivery to one recipient: at least once, always under this id."""

    __tablename__ = "envoi"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    evenement_id: Mapped[UUID]
    signalement_id: Mapped[UUID | None]
    canal: Mapped[Canal] = mapped_column(enum_column(Canal))
    gabarit: Mapped[str]
    destinataire: Mapped[str]
    personne_id: Mapped[UUID | None]
    acteur: Mapped[str | None]
    donnees: Mapped[dict[str, Any]]
    corps: Mapped[bytes | None] = mapped_column(LargeBinary)
    annulable: Mapped[bool] = mapped_column(server_default="false")
    etat: Mapped[EtatEnvoi] = mapped_column(enum_column(EtatEnvoi))
    cree_le: Mapped[datetime]
    envoye_le: Mapped[datetime | None]
    reponse: Mapped[int | None]
    erreur: Mapped[str | None]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id", "evenement_id"], ["evenement.territoire_id", "evenement.id"]),
        Index(
            "uq_envoi_promesse",
            "territoire_id",
            "evenement_id",
            "canal",
            "gabarit",
            "destinataire",
            unique=True,
        ),
        Index("ix_envoi_du", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_envoi_signalement", "territoire_id", "signalement_id"),
        Index("ix_envoi_cree", "territoire_id", "cree_le", "id"),
    )


class Webhook(Base):
    """Where a partner listens. `secret` is sealed by the secret box; empty `types`: everything."""

    __tablename__ = "webhook"

    territoire_id: Mapped[int] = territoire_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    url: Mapped[str]
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    acteur: Mapped[str | None]
    actif: Mapped[bool] = mapped_column(server_default="true")
    cree_le: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),
        ForeignKeyConstraint(["territoire_id", "acteur"], ["acteur.territoire_id", "acteur.code"]),
    )
