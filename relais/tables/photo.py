from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, enum_column
from relais.tables.claimable import Claimable


class Phase(StrEnum):
    AVANT = "avant"
    PENDANT = "pendant"
    APRES = "apres"


class EtatPhoto(StrEnum):
    ATTENDUE = "attendue"  #: declared; its bytes are owed
    RECUE = "recue"  #: its bytes are on disk, and match the digest
    PRETE = "prete"  #: cleaned; the original is gone
    REFUSEE = "refusee"  #: proved undecodable; its bytes are gone and owed again


class Photo(Claimable, Base):
    """A declared picture. Its id is the phone's, so it only has a meaning inside its signalement.

    `original`: under what name the store has the bytes received last. `tirage`: the print to show; it is in its
    address, and each attempt at one takes the next of `essais_de_tirage`: a print is never overwritten. `masques`:
    rectangles still to be painted on the last print. `position`: where its metadata said it was taken, offered once to
    its author; `{}`: offered, and forgotten. `publiee`: the public may see it, once its signalement is published and no
    rectangle is owed.
    """

    __tablename__ = "photo"

    signalement_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rang: Mapped[int]
    phase: Mapped[Phase] = mapped_column(enum_column(Phase))
    type: Mapped[str]
    octets: Mapped[int]
    sha256: Mapped[str]
    alt: Mapped[str | None]
    etat: Mapped[EtatPhoto] = mapped_column(enum_column(EtatPhoto))
    motif: Mapped[str | None]
    largeur: Mapped[int | None]
    hauteur: Mapped[int | None]
    recue_le: Mapped[datetime | None]
    preparee_le: Mapped[datetime | None]
    original: Mapped[UUID | None]
    tirage: Mapped[int] = mapped_column(server_default="0")
    essais_de_tirage: Mapped[int] = mapped_column(server_default="0")
    blurhash: Mapped[str | None]
    position: Mapped[dict[str, Any] | None]
    masques: Mapped[list[dict[str, Any]] | None]
    publiee: Mapped[bool] = mapped_column(server_default="false")

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id", "signalement_id"], ["signalement.territoire_id", "signalement.id"]),
        Index("ix_photo_du", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_photo_position", "territoire_id", "preparee_le", postgresql_where=text("position IS NOT NULL")),
    )
