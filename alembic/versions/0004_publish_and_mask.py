"""Publish signalements and photos, mask what must not be seen, and count the prints of a photo."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

POSITION = sa.text("position IS NOT NULL")
PUBLIE = sa.text("publie_le IS NOT NULL")


def upgrade() -> None:
    op.add_column("signalement", sa.Column("publie_le", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "signalement", sa.Column("publie_par_le_pilote", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column("photo", sa.Column("preparee_le", sa.DateTime(timezone=True), nullable=True))
    op.add_column("photo", sa.Column("tirage", sa.Integer(), server_default="0", nullable=False))
    op.add_column("photo", sa.Column("blurhash", sa.Text(), nullable=True))
    op.add_column("photo", sa.Column("position", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("photo", sa.Column("masques", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("photo", sa.Column("publiee", sa.Boolean(), server_default="false", nullable=False))
    op.create_index(
        "ix_photo_position", "photo", ["territoire_id", "preparee_le"], unique=False, postgresql_where=POSITION
    )
    op.create_index(
        "ix_signalement_publie",
        "signalement",
        ["territoire_id", "recu_le", "id"],
        unique=False,
        postgresql_where=PUBLIE,
    )


def downgrade() -> None:
    op.drop_index("ix_signalement_publie", table_name="signalement", postgresql_where=PUBLIE)
    op.drop_index("ix_photo_position", table_name="photo", postgresql_where=POSITION)
    for column in ("publiee", "masques", "position", "blurhash", "tirage", "preparee_le"):
        op.drop_column("photo", column)
    for column in ("publie_par_le_pilote", "publie_le"):
        op.drop_column("signalement", column)
