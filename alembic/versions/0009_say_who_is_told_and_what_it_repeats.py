"""Say who is told besides, which signalements speak of one thing, who follows them, and what a version changed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

OTHERS = {"doublon": "doublon_de", "recurrence": "recurrence_de"}
DELAIS = ("prise_en_charge", "reponse", "traitement")
ARBITRAGE = (*DELAIS, "arbitrage")


def upgrade() -> None:
    empty = sa.text("'{}'")
    op.add_column(
        "signalement", sa.Column("informes", postgresql.ARRAY(sa.Text()), server_default=empty, nullable=False)
    )
    for name, column in OTHERS.items():
        op.add_column("signalement", sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_signalement_{column}"),
            "signalement",
            "signalement",
            ["territoire_id", column],
            ["territoire_id", "id"],
            ondelete=f"SET NULL ({column})",
        )
        op.create_index(
            f"ix_signalement_{name}",
            "signalement",
            ["territoire_id", column],
            unique=False,
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_table(
        "abonnement",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=False),
        sa.Column("personne_id", sa.Uuid(), nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "signalement_id"],
            ["signalement.territoire_id", "signalement.id"],
            name=op.f("fk_abonnement_signalement"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["territoire_id", "personne_id"],
            ["personne.territoire_id", "personne.id"],
            name=op.f("fk_abonnement_personne"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "signalement_id", "personne_id", name=op.f("pk_abonnement")),
    )
    op.create_index("ix_abonnement_personne", "abonnement", ["territoire_id", "personne_id"], unique=False)
    op.add_column("version", sa.Column("difference", postgresql.JSONB(none_as_null=True), nullable=True))
    op.create_index(
        "ix_evenement_reaffecte",
        "evenement",
        ["territoire_id", "le"],
        unique=False,
        postgresql_where=sa.text("type = 'signalement.reaffecte'"),
    )
    clocks(ARBITRAGE)
    secure()


def secure() -> None:
    """As in 0001. The API writes who follows what; the worker reads it to tell them, and forgets."""
    doors = "relais_api, relais_worker"
    mine = "territoire_id = (SELECT relais_territoire())"
    op.execute("ALTER TABLE abonnement ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE abonnement FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY proprietaire ON abonnement TO relais_owner USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY territoire ON abonnement TO {doors} USING ({mine}) WITH CHECK ({mine})")
    op.execute(f"GRANT SELECT, DELETE ON abonnement TO {doors}")
    op.execute("GRANT INSERT ON abonnement TO relais_api")


def clocks(words: Sequence[str]) -> None:
    """The délais that an échéance, an escalade and a saisine may name."""
    named = ", ".join(f"'{word}'" for word in words)
    for table in ("echeance", "escalade", "saisine"):
        op.drop_constraint(op.f(f"ck_{table}_delai"), table)
        op.create_check_constraint(op.f(f"ck_{table}_delai"), table, f"delai IN ({named})")


def downgrade() -> None:
    op.execute("DELETE FROM escalade WHERE delai = 'arbitrage'")
    op.execute("DELETE FROM echeance WHERE delai = 'arbitrage'")
    clocks(DELAIS)
    op.drop_index("ix_evenement_reaffecte", table_name="evenement")
    op.drop_column("version", "difference")
    op.drop_index("ix_abonnement_personne", table_name="abonnement")
    op.drop_table("abonnement")
    for name, column in OTHERS.items():
        op.drop_index(f"ix_signalement_{name}", table_name="signalement")
        op.drop_constraint(op.f(f"fk_signalement_{column}"), "signalement", type_="foreignkey")
        op.drop_column("signalement", column)
    op.drop_column("signalement", "informes")
