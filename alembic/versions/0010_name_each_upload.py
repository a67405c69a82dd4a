"""Name each upload, and each attempt at a print: bytes are stored before any row says so, and never over others."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("photo", sa.Column("original", sa.Uuid(), nullable=True))
    op.add_column("photo", sa.Column("essais_de_tirage", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE photo SET essais_de_tirage = tirage WHERE tirage > 0")


def downgrade() -> None:
    op.drop_column("photo", "essais_de_tirage")
    op.drop_column("photo", "original")
