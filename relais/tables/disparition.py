from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from relais.db import Base, territoire_key

GARDE = timedelta(days=400)
"""How long one is kept: a copy that has not been brought up to date for more than a year is read again whole."""


class Disparition(Base):
    """A tombstone of the change feed: from here on, these readers see that signalement no more.

    `acteur`: those who act for it; `publique`: who reads without an account; neither: everybody, for it is erased.
    Written by triggers, so that no command can forget one. `le`: on the business clock.
    """

    __tablename__ = "disparition"

    territoire_id: Mapped[int] = territoire_key()
    changed_xid: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    changed_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    signalement_id: Mapped[UUID]
    acteur: Mapped[str | None]
    publique: Mapped[bool]
    le: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id"], ["territoire.id"]),
        Index("ix_disparition_acteur", "territoire_id", "acteur", "changed_xid", "changed_seq"),
        Index(
            "ix_disparition_publique",
            "territoire_id",
            "changed_xid",
            "changed_seq",
            postgresql_where=text("publique"),
        ),
    )
