from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, territoire_key
from relais.tables.claimable import Claimable


class Defi(Claimable, Base):
    """A one-time code asked for. The same row whoever asks, known or not: a worker finds out, and writes if it must.

    The code is not here: it is derived from the id by a secret. `expire_le` is real time, as that of every token.
    """

    __tablename__ = "defi"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    identifiant: Mapped[str]
    essais: Mapped[int] = mapped_column(server_default="0")
    cree_le: Mapped[datetime]
    expire_le: Mapped[datetime]
    consomme_le: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),
        Index("ix_defi_du", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_defi_identifiant", "territoire_id", "identifiant", "cree_le"),
    )


class Appareil(Base):
    """A signed-in device: a family of refresh tokens. `rang` is that of the last one given; none of them is kept.

    A token is derived from the device and its rank, so that an answer lost on the way can be given again.
    """

    __tablename__ = "appareil"

    territoire_id: Mapped[int] = territoire_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    personne_id: Mapped[UUID]
    generation: Mapped[int]
    rang: Mapped[int]
    cree_le: Mapped[datetime]
    renouvele_le: Mapped[datetime]
    expire_le: Mapped[datetime]
    revoque_le: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id", "personne_id"], ["personne.territoire_id", "personne.id"]),
        Index("ix_appareil_personne", "territoire_id", "personne_id"),
        Index("ix_appareil_expire", "territoire_id", "expire_le"),
    )
