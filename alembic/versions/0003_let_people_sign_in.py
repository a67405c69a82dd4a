"""Let people sign in: the codes they ask for, and the devices they signed in on."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "defi",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("identifiant", sa.Text(), nullable=False),
        sa.Column("essais", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consomme_le", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_defi_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_defi")),
    )
    op.create_index("ix_defi_du", "defi", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_defi_identifiant", "defi", ["territoire_id", "identifiant", "cree_le"], unique=False)
    op.create_table(
        "appareil",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("personne_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("rang", sa.Integer(), nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renouvele_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expire_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoque_le", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["territoire_id", "personne_id"],
            ["personne.territoire_id", "personne.id"],
            name=op.f("fk_appareil_personne"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_appareil")),
    )
    op.create_index("ix_appareil_personne", "appareil", ["territoire_id", "personne_id"], unique=False)
    op.create_index("ix_appareil_expire", "appareil", ["territoire_id", "expire_le"], unique=False)
    secure()


def secure() -> None:
    """As in 0001. The API writes both; the worker sends the codes, and forgets what is out of date."""
    doors = "relais_api, relais_worker"
    mine = "territoire_id = (SELECT relais_territoire())"
    for table in ("defi", "appareil"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY proprietaire ON {table} TO relais_owner USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY territoire ON {table} TO {doors} USING ({mine}) WITH CHECK ({mine})")
        op.execute(f"GRANT SELECT, UPDATE ON {table} TO {doors}")
        op.execute(f"GRANT INSERT ON {table} TO relais_api")
        op.execute(f"GRANT DELETE ON {table} TO relais_worker")
    op.execute("CREATE POLICY a_servir ON defi FOR SELECT TO relais_worker USING (true)")


def downgrade() -> None:
    op.drop_index("ix_appareil_expire", table_name="appareil")
    op.drop_index("ix_appareil_personne", table_name="appareil")
    op.drop_table("appareil")
    op.drop_index("ix_defi_identifiant", table_name="defi")
    op.drop_index("ix_defi_du", table_name="defi", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("defi")
