"""Feed what changed: each signalement knows the transaction that last wrote it, and a lost sight of one is a row."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

PLACE = ["changed_xid", "changed_seq"]
PUBLIE = sa.text("publie_le IS NOT NULL")
PUBLIQUE = sa.text("publique")

MARQUER = """
CREATE SEQUENCE changement_seq;

-- The place of a write in the feed: its transaction, then its rank. A reader is served what is below the oldest
-- transaction still open, so that one that commits late is never behind him.
CREATE FUNCTION relais_marquer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    xid bigint := pg_current_xact_id()::text::bigint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.acteur IS NOT NULL AND OLD.acteur IS DISTINCT FROM NEW.acteur THEN
            INSERT INTO disparition
                (territoire_id, changed_xid, changed_seq, signalement_id, acteur, publique, le)
            VALUES (NEW.territoire_id, xid, nextval('changement_seq'), NEW.id, OLD.acteur, false, NEW.modifie_le);
        END IF;
        IF OLD.publie_le IS NOT NULL AND NEW.publie_le IS NULL THEN
            INSERT INTO disparition
                (territoire_id, changed_xid, changed_seq, signalement_id, acteur, publique, le)
            VALUES (NEW.territoire_id, xid, nextval('changement_seq'), NEW.id, NULL, true, NEW.modifie_le);
        END IF;
    END IF;
    NEW.changed_xid := xid;
    NEW.changed_seq := nextval('changement_seq');
    RETURN NEW;
END $$;

CREATE TRIGGER marquer BEFORE INSERT OR UPDATE ON signalement FOR EACH ROW EXECUTE FUNCTION relais_marquer();
"""


def upgrade() -> None:
    op.create_table(
        "disparition",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("changed_xid", sa.BigInteger(), nullable=False),
        sa.Column("changed_seq", sa.BigInteger(), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=False),
        sa.Column("acteur", sa.Text(), nullable=True),
        sa.Column("publique", sa.Boolean(), nullable=False),
        sa.Column("le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_disparition_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "changed_xid", "changed_seq", name=op.f("pk_disparition")),
    )
    op.create_index("ix_disparition_acteur", "disparition", ["territoire_id", "acteur", *PLACE], unique=False)
    op.create_index(
        "ix_disparition_publique", "disparition", ["territoire_id", *PLACE], unique=False, postgresql_where=PUBLIQUE
    )
    for column in PLACE:
        op.add_column("signalement", sa.Column(column, sa.BigInteger(), server_default="0", nullable=False))
    for statement in MARQUER.split("\n\n"):
        op.execute(statement)
    op.create_index("ix_signalement_change", "signalement", ["territoire_id", *PLACE], unique=False)
    op.create_index("ix_signalement_change_acteur", "signalement", ["territoire_id", "acteur", *PLACE], unique=False)
    op.create_index("ix_signalement_change_auteur", "signalement", ["territoire_id", "auteur_id", *PLACE], unique=False)
    op.create_index(
        "ix_signalement_change_publie", "signalement", ["territoire_id", *PLACE], unique=False, postgresql_where=PUBLIE
    )
    secure()


def secure() -> None:
    """As in 0001. A tombstone is written by the trigger, in the name of whoever writes the signalement."""
    doors = "relais_api, relais_worker"
    mine = "territoire_id = (SELECT relais_territoire())"
    op.execute("ALTER TABLE disparition ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE disparition FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY proprietaire ON disparition TO relais_owner USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY territoire ON disparition TO {doors} USING ({mine}) WITH CHECK ({mine})")
    op.execute(f"GRANT SELECT, INSERT ON disparition TO {doors}")
    op.execute(f"GRANT USAGE ON SEQUENCE changement_seq TO {doors}")


def downgrade() -> None:
    op.drop_index("ix_signalement_change_publie", table_name="signalement", postgresql_where=PUBLIE)
    op.drop_index("ix_signalement_change_auteur", table_name="signalement")
    op.drop_index("ix_signalement_change_acteur", table_name="signalement")
    op.drop_index("ix_signalement_change", table_name="signalement")
    op.execute("DROP TRIGGER marquer ON signalement")
    op.execute("DROP FUNCTION relais_marquer")
    op.execute("DROP SEQUENCE changement_seq")
    for column in reversed(PLACE):
        op.drop_column("signalement", column)
    op.drop_index("ix_disparition_publique", table_name="disparition", postgresql_where=PUBLIQUE)
    op.drop_index("ix_disparition_acteur", table_name="disparition")
    op.drop_table("disparition")
