from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from relais.db import Base, enum_column, territoire_key
from relais.rules.configuration import Domanialite
from relais.rules.statuts import Motif, Statut

PUBLIE = text("publie_le IS NOT NULL")


class Signalement(Base):
    """A ticket. `id` is the phone's; `version` the configuration it was born under; `revision` grows at each write.

    `doublon_de`: the one that speaks for it. `recurrence_de`: the one, closed, that it is the return of.
    `informes`: the acteurs told of it who need do nothing.
    `changed_xid`, `changed_seq`: its place in the change feed, written by the trigger `relais_marquer` alone.
    """

    __tablename__ = "signalement"

    territoire_id: Mapped[int] = territoire_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    numero: Mapped[str]
    version: Mapped[int]
    revision: Mapped[int] = mapped_column(server_default="1")
    empreinte: Mapped[str]
    auteur_id: Mapped[UUID]
    source: Mapped[str]
    theme: Mapped[str] = mapped_column(Text(collation="C"))
    description: Mapped[str | None]
    constate_le: Mapped[datetime]
    constate_corrige: Mapped[bool] = mapped_column(server_default="false")
    recu_le: Mapped[datetime]
    modifie_le: Mapped[datetime]
    lon: Mapped[float]
    lat: Mapped[float]
    precision_m: Mapped[float | None]
    origine: Mapped[str | None]
    lieu: Mapped[dict[str, Any] | None]
    questions: Mapped[dict[str, Any] | None]
    statut: Mapped[Statut] = mapped_column(enum_column(Statut))
    statut_depuis: Mapped[datetime]
    motif: Mapped[Motif | None] = mapped_column(enum_column(Motif))
    acteur: Mapped[str | None]
    affecte_par_le_pilote: Mapped[bool] = mapped_column(server_default="false")
    rebonds: Mapped[int] = mapped_column(server_default="0")
    regle: Mapped[str | None]
    emprise: Mapped[str | None]
    domanialite: Mapped[Domanialite] = mapped_column(enum_column(Domanialite))
    explication: Mapped[str]
    incertain: Mapped[bool] = mapped_column(server_default="false")
    candidats: Mapped[list[dict[str, Any]] | None]
    informes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    zones: Mapped[list[str]] = mapped_column(ARRAY(Text))
    traite_le: Mapped[datetime | None]
    doublon_de: Mapped[UUID | None]
    recurrence_de: Mapped[UUID | None]
    derniere_reponse: Mapped[dict[str, Any] | None]
    etape_le: Mapped[datetime | None]
    etape_tour: Mapped[int | None]
    etape_constatee: Mapped[bool] = mapped_column(server_default="false")
    publie_le: Mapped[datetime | None]
    publie_par_le_pilote: Mapped[bool] = mapped_column(server_default="false")
    changed_xid: Mapped[int] = mapped_column(BigInteger, server_default="0")
    changed_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id", "version"], ["version.territoire_id", "version.numero"]),
        ForeignKeyConstraint(["territoire_id", "acteur"], ["acteur.territoire_id", "acteur.code"]),
        *(
            ForeignKeyConstraint(
                ["territoire_id", other],
                ["signalement.territoire_id", "signalement.id"],
                ondelete=f"SET NULL ({other})",
            )
            for other in ("doublon_de", "recurrence_de")
        ),
        Index("uq_signalement_numero", "territoire_id", "numero", unique=True),
        Index("ix_signalement_recu", "territoire_id", "recu_le", "id"),
        Index("ix_signalement_acteur", "territoire_id", "acteur", "recu_le"),
        Index("ix_signalement_auteur", "territoire_id", "auteur_id", "recu_le"),
        Index("ix_signalement_statut", "territoire_id", "statut", "recu_le", "id"),
        Index("ix_signalement_theme", "territoire_id", "theme", "recu_le", "id"),
        Index("ix_signalement_modifie", "territoire_id", "modifie_le"),
        Index("ix_signalement_position", "territoire_id", "lon", "lat"),
        Index("ix_signalement_doublon", "territoire_id", "doublon_de", postgresql_where=text("doublon_de IS NOT NULL")),
        Index(
            "ix_signalement_recurrence",
            "territoire_id",
            "recurrence_de",
            postgresql_where=text("recurrence_de IS NOT NULL"),
        ),
        Index("ix_signalement_publie", "territoire_id", "recu_le", "id", postgresql_where=PUBLIE),
        Index("ix_signalement_change", "territoire_id", "changed_xid", "changed_seq"),
        Index("ix_signalement_change_acteur", "territoire_id", "acteur", "changed_xid", "changed_seq"),
        Index("ix_signalement_change_auteur", "territoire_id", "auteur_id", "changed_xid", "changed_seq"),
        Index("ix_signalement_change_publie", "territoire_id", "changed_xid", "changed_seq", postgresql_where=PUBLIE),
    )


class Rappel(Base):
    """When a worker must next look at a signalement. The row goes when nothing is due any more.

    It is a table of its own so that the worker may look across territoires without seeing anybody's ticket.
    """

    __tablename__ = "rappel"

    territoire_id: Mapped[int] = territoire_key()
    signalement_id: Mapped[UUID] = mapped_column(primary_key=True)
    du_le: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["territoire_id", "signalement_id"], ["signalement.territoire_id", "signalement.id"]),
        Index("ix_rappel_du", "du_le"),
        Index("ix_rappel_territoire_du", "territoire_id", "du_le"),
    )


class Abonnement(Base):
    """Somebody follows a signalement that is not theirs: what anybody may read of it, and its news by mail."""

    __tablename__ = "abonnement"

    territoire_id: Mapped[int] = territoire_key()
    signalement_id: Mapped[UUID] = mapped_column(primary_key=True)
    personne_id: Mapped[UUID] = mapped_column(primary_key=True)
    cree_le: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["territoire_id", "signalement_id"],
            ["signalement.territoire_id", "signalement.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["territoire_id", "personne_id"], ["personne.territoire_id", "personne.id"]),
        Index("ix_abonnement_personne", "territoire_id", "personne_id"),
    )
