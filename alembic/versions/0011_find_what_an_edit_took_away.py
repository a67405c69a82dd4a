"""Find what an edit took away: a map in memory becomes the next one by the rows that differ, found without a scan."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "ix_emprise_jusqu_a",
        "emprise",
        ["territoire_id", "jusqu_a"],
        unique=False,
        postgresql_where=sa.text("jusqu_a IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_emprise_jusqu_a", table_name="emprise")
