from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, territoire_key


class Idempotence(Base):
    """The answer a POST got under its author's key. `corps` is sealed: an answer may hold a secret shown only once."""

    __tablename__ = "idempotence"

    territoire_id: Mapped[int] = territoire_key()
    qui: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    clef: Mapped[str] = mapped_column(primary_key=True)
    empreinte: Mapped[str]
    statut: Mapped[int]
    corps: Mapped[bytes] = mapped_column(LargeBinary)
    cree_le: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),
        Index("ix_idempotence_cree", "territoire_id", "cree_le"),
    )
