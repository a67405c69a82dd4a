"""Tell of what is erased: a signalement deleted leaves everybody a tombstone; and let a worker forget the old ones.

Each is dated by the business clock. The ticket's own `modifie_le` is, when the trigger runs, often still that of the
write before: a ticket at rest for a year would have left a tombstone already old enough to be forgotten.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MARQUER = """
CREATE OR REPLACE FUNCTION relais_marquer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    xid bigint := pg_current_xact_id()::text::bigint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.acteur IS NOT NULL AND OLD.acteur IS DISTINCT FROM NEW.acteur THEN
            INSERT INTO disparition
                (territoire_id, changed_xid, changed_seq, signalement_id, acteur, publique, le)
            VALUES (NEW.territoire_id, xid, nextval('changement_seq'), NEW.id, OLD.acteur, false, {le});
        END IF;
        IF OLD.publie_le IS NOT NULL AND NEW.publie_le IS NULL THEN
            INSERT INTO disparition
                (territoire_id, changed_xid, changed_seq, signalement_id, acteur, publique, le)
            VALUES (NEW.territoire_id, xid, nextval('changement_seq'), NEW.id, NULL, true, {le});
        END IF;
    END IF;
    NEW.changed_xid := xid;
    NEW.changed_seq := nextval('changement_seq');
    RETURN NEW;
END $$
"""

EFFACER = """
CREATE FUNCTION relais_effacer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO disparition (territoire_id, changed_xid, changed_seq, signalement_id, acteur, publique, le)
    VALUES (OLD.territoire_id, pg_current_xact_id()::text::bigint, nextval('changement_seq'), OLD.id, NULL, false,
            relais_maintenant());
    RETURN NULL;
END $$;

CREATE TRIGGER effacer AFTER DELETE ON signalement FOR EACH ROW EXECUTE FUNCTION relais_effacer();
"""


def upgrade() -> None:
    op.execute(MARQUER.format(le="relais_maintenant()"))
    for statement in EFFACER.split("\n\n"):
        op.execute(statement)
    op.execute("GRANT DELETE ON disparition TO relais_worker")


def downgrade() -> None:
    op.execute("REVOKE DELETE ON disparition FROM relais_worker")
    op.execute("DROP TRIGGER effacer ON signalement")
    op.execute("DROP FUNCTION relais_effacer")
    op.execute(MARQUER.format(le="NEW.modifie_le"))
