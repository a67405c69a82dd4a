"""Place in the change feed what was there before it: the trigger of 0005 writes each signalement's place.

A revision of its own, for it rewrites the table: no reader waits for it, as all would for the ALTERs of 0005.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.execute("UPDATE signalement SET revision = revision WHERE changed_seq = 0")


def downgrade() -> None:
    """The places go with their columns, in 0005."""
