"""Find what is rare among a million signalements: every filter of the list has an index that row security allows.

Under it only leakproof comparisons reach an index: a family of thèmes is a range of codes, never a LIKE.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

EN_COURS = sa.text("arrete_le IS NULL")


def upgrade() -> None:
    # A code is for machines: in the order of its bytes, whatever the language of the database.
    op.execute('ALTER TABLE signalement ALTER COLUMN theme TYPE text COLLATE "C"')
    op.create_index("ix_signalement_statut", "signalement", ["territoire_id", "statut", "recu_le", "id"], unique=False)
    op.create_index("ix_signalement_theme", "signalement", ["territoire_id", "theme", "recu_le", "id"], unique=False)
    op.create_index("ix_signalement_modifie", "signalement", ["territoire_id", "modifie_le"], unique=False)
    op.create_index("ix_signalement_position", "signalement", ["territoire_id", "lon", "lat"], unique=False)
    op.create_index(
        "ix_echeance_en_cours", "echeance", ["territoire_id", "echeance"], unique=False, postgresql_where=EN_COURS
    )


def downgrade() -> None:
    op.drop_index("ix_echeance_en_cours", table_name="echeance", postgresql_where=EN_COURS)
    for name in ("position", "modifie", "theme", "statut"):
        op.drop_index(f"ix_signalement_{name}", table_name="signalement")
    op.execute('ALTER TABLE signalement ALTER COLUMN theme TYPE text COLLATE "default"')
