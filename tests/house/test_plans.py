"""What a tick costs follows what is due, not what is open: PostgreSQL's plans for the queries we send."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from conftest import MARDI, Ville
from sqlalchemy import Engine, event, text

from relais.caller import Door
from relais.commands.escalade import next_due
from relais.db import Session, make_engine
from relais.outbox import claim, territoires_due
from relais.tables.envoi import Envoi

DUE = 100
BULK = """
INSERT INTO signalement (territoire_id, id, numero, version, empreinte, auteur_id, source, theme, constate_le, recu_le,
        modifie_le, lon, lat, statut, statut_depuis, domanialite, explication, zones)
    SELECT 1, gen_random_uuid(), 'MASSE-' || n, 2, '', gen_random_uuid(), 'api', 'proprete.depot_sauvage', :le, :le,
        :le, 0.4, 48.1, 'affecte', :le, 'DPC', '', '{}' FROM generate_series(1, 20000) n;
INSERT INTO rappel (territoire_id, signalement_id, du_le)
    SELECT 1, id, :le + substr(numero, 7)::integer * interval '1 minute' FROM signalement;
INSERT INTO evenement (territoire_id, id, type, le, auteur, donnees)
    VALUES (1, gen_random_uuid(), 'masse', :le, '', '{}');
INSERT INTO envoi (territoire_id, id, evenement_id, canal, gabarit, destinataire, donnees, etat, cree_le, due_at)
    SELECT 1, gen_random_uuid(), e.id, 'courriel', 'masse', n::text, '{}', 'en_attente', :le,
        :le + n * interval '1 minute' FROM evenement e, generate_series(1, 20000) n;
ANALYZE signalement, rappel, envoi
"""


@pytest.fixture(scope="module")
def worker(clone: Callable[[], str]) -> Iterator[Engine]:
    """A worker's engine on 20 000 open signalements and as many envois, a hundred of each due."""
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    with ville.session(Door.OWNER) as session, session.begin():
        for statement in BULK.split(";"):
            session.execute(text(statement), {"le": MARDI - timedelta(minutes=DUE)})
    yield engine
    engine.dispose()


def scans(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind of scan, table) of every leaf of a plan."""
    if "Relation Name" in node:
        yield node["Node Type"], node["Relation Name"]
    for inner in node.get("Plans", ()):
        yield from scans(inner)


@pytest.mark.parametrize(
    ("ask", "tables"),
    [
        (lambda session: claim(session, Envoi, now=session.now, limit=20), {"envoi"}),
        (lambda session: territoires_due(session, Envoi), {"envoi"}),
        (lambda session: next_due(session, now=session.now), {"rappel", "signalement"}),
    ],
    ids=["claim", "territoires_due", "next_due"],
)
def test_no_tick_reads_what_is_not_due(worker, ask, tables):
    """Explained where it runs: in the worker's role and under its policies, which can cost a query its index."""
    seen: set[tuple[str, str]] = set()

    def explain(_connection, cursor, statement, parameters, *_rest):
        if statement.startswith("SELECT") and "\nFROM " in statement:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            seen.update(scans(cursor.fetchone()[0][0]["Plan"]))

    event.listen(worker, "before_cursor_execute", explain)
    with Session.for_worker(worker, territoire=1) as session, session.begin():
        assert ask(session)
    event.remove(worker, "before_cursor_execute", explain)
    assert {table for _, table in seen} == tables
    assert "Seq Scan" not in {kind for kind, _ in seen}
