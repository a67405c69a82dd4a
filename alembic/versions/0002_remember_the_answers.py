"""Remember the answer a POST got under its key."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "idempotence",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("qui", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("clef", sa.Text(), nullable=False),
        sa.Column("empreinte", sa.Text(), nullable=False),
        sa.Column("statut", sa.Integer(), nullable=False),
        sa.Column("corps", sa.LargeBinary(), nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_idempotence_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "qui", "route", "clef", name=op.f("pk_idempotence")),
    )
    op.create_index("ix_idempotence_cree", "idempotence", ["territoire_id", "cree_le"], unique=False)
    secure()


def secure() -> None:
    """As in 0001. The API writes an answer and reads it again; the worker forgets it."""
    doors = "relais_api, relais_worker"
    mine = "territoire_id = (SELECT relais_territoire())"
    op.execute("ALTER TABLE idempotence ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE idempotence FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY proprietaire ON idempotence TO relais_owner USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY territoire ON idempotence TO {doors} USING ({mine}) WITH CHECK ({mine})")
    op.execute(f"GRANT SELECT ON idempotence TO {doors}")
    op.execute("GRANT INSERT ON idempotence TO relais_api")
    op.execute("GRANT DELETE ON idempotence TO relais_worker")


def downgrade() -> None:
    op.drop_index("ix_idempotence_cree", table_name="idempotence")
    op.drop_table("idempotence")
