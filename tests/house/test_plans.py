"""What a tick costs follows what is due, not what is open; what a page costs, its length: PostgreSQL's plans."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from conftest import MARDI, Ville
from sqlalchemy import Engine, event, text

from relais.caller import Door, Identity
from relais.commands.escalade import next_due
from relais.db import Session, make_engine
from relais.outbox import claim, territoires_due
from relais.queries.changement import list_changements
from relais.queries.dossier import dossiers
from relais.queries.sejour import sejours_des_reaffectes
from relais.queries.signalement import Filtres, list_signalements
from relais.queries.voisinage import LUS_MAX, alentours
from relais.rules.configuration import Theme
from relais.rules.depot import Position
from relais.tables.envoi import Envoi

DUE = 100
BULK = """
INSERT INTO signalement (territoire_id, id, numero, version, empreinte, auteur_id, source, theme, constate_le, recu_le,
        modifie_le, lon, lat, statut, statut_depuis, domanialite, explication, zones, acteur, publie_le)
    SELECT 1, gen_random_uuid(), 'MASSE-' || n, 2, '', CASE WHEN n % 4 = 0 THEN id ELSE gen_random_uuid() END, 'api',
        'proprete.depot_sauvage', :le, :le - n * interval '1 minute', :le, 0.4, 48.1, 'affecte', :le, 'DPC', '', '{}',
        CASE WHEN n % 5 = 0 THEN acteur ELSE 'voirie' END, CASE WHEN n % 2 = 0 THEN :le END
    FROM personne, generate_series(1, 20000) n WHERE identifiant = 'agent@demo.test';
INSERT INTO rappel (territoire_id, signalement_id, du_le)
    SELECT 1, id, :le + substr(numero, 7)::integer * interval '1 minute' FROM signalement;
INSERT INTO evenement (territoire_id, id, type, le, auteur, donnees)
    VALUES (1, gen_random_uuid(), 'masse', :le, '', '{}');
INSERT INTO envoi (territoire_id, id, evenement_id, canal, gabarit, destinataire, donnees, etat, cree_le, due_at)
    SELECT 1, gen_random_uuid(), e.id, 'courriel', 'masse', n::text, '{}', 'en_attente', :le,
        :le + n * interval '1 minute' FROM evenement e, generate_series(1, 20000) n;
INSERT INTO evenement (territoire_id, id, signalement_id, type, le, auteur, donnees)
    SELECT 1, gen_random_uuid(), id, CASE WHEN substr(numero, 7)::integer <= 20 THEN 'signalement.reaffecte'
        ELSE 'signalement.repondu' END, recu_le, '', '{"motif": "pas_mon_terrain", "par": "acteur"}' FROM signalement;
ANALYZE
"""


PAGE = 50


@pytest.fixture(scope="module")
def base(clone: Callable[[], str]) -> Iterator[Engine]:
    """20 000 open signalements and as many envois, a hundred of each due."""
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
def test_no_tick_reads_what_is_not_due(base, ask, tables):
    """Explained where it runs: in the worker's role and under its policies, which can cost a query its index."""
    seen: set[tuple[str, str]] = set()

    def explain(_connection, cursor, statement, parameters, *_rest):
        if statement.startswith("SELECT") and "\nFROM " in statement:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            seen.update(scans(cursor.fetchone()[0][0]["Plan"]))

    event.listen(base, "before_cursor_execute", explain)
    with Session.for_worker(base, territoire=1) as session, session.begin():
        assert ask(session)
    event.remove(base, "before_cursor_execute", explain)
    assert {table for _, table in seen} == tables
    assert "Seq Scan" not in {kind for kind, _ in seen}


def counts(node: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """(rows read or thrown away, where) of every step of a plan that was run; the databases of this cluster apart."""
    if node.get("Relation Name") == "pg_database":
        return
    for key in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter"):
        yield (
            round(node.get(key, 0) * node["Actual Loops"]),
            f"{node['Node Type']} {node.get('Relation Name')} {node.get('Index Name')} {node.get('Filter')} {key}",
        )
    for inner in node.get("Plans", ()):
        yield from counts(inner)


@pytest.mark.parametrize("who", ["pilote", "relais", "agent", None])
@pytest.mark.parametrize("read", ["list", "filtered", "feed"])
def test_a_page_reads_no_more_than_its_length(base, who, read):
    """The agent's is made of two orders, what it wrote and what its acteur has: neither is read to its end."""
    ville, seen, length = Ville(base), [], 0

    def explain(_connection, cursor, statement, parameters, *_rest):
        if statement.startswith("SELECT") and "signalement" in statement:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            seen.extend(counts(cursor.fetchone()[0][0]["Plan"]))

    identity = ville.identity(who) if who else Identity(code="VSL")
    event.listen(base, "before_cursor_execute", explain)
    try:
        with ville.session(identity=identity) as session, session.begin():
            curseur = None
            for _ in range(2):
                if read == "feed":
                    page = list_changements(session, reader=session.reader, depuis=curseur, limite=PAGE)
                    found, curseur = [one.signalement for one in page.changements], page.curseur
                else:
                    portee = session.reader.portee if session.reader else None
                    filtres = Filtres(theme="proprete", en_retard=False) if read == "filtered" else Filtres()
                    found, curseur = list_signalements(
                        session, portee=portee, filtres=filtres, curseur=curseur, limite=PAGE
                    )
                dossiers(session, found)
                length += len(found)
    finally:
        event.remove(base, "before_cursor_execute", explain)
    assert length == (0 if who == "relais" else 2 * PAGE)
    assert max(seen)[0] <= 2 * (PAGE + 1), max(seen)


def test_where_the_map_was_wrong_is_read_from_what_changed_hands_alone(base):
    seen = []

    def explain(_connection, cursor, statement, parameters, *_rest):
        if statement.startswith("SELECT evenement"):
            with cursor.connection.cursor() as beside:
                beside.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
                seen.extend(counts(beside.fetchone()[0][0]["Plan"]))

    event.listen(base, "before_cursor_execute", explain)
    try:
        with Ville(base).as_("pilote") as session, session.begin():
            du, au = MARDI - timedelta(days=30), MARDI
            moved = dict(sejours_des_reaffectes(session, du=du, au=au))
    finally:
        event.remove(base, "before_cursor_execute", explain)
    assert len(moved) == 20
    assert any("ix_evenement_reaffecte" in where for _, where in seen)
    assert max(seen)[0] <= 2 * 20, max(seen)


@pytest.mark.parametrize("place", [(0.4, 48.1), (0.41224, 48.10598)], ids=["where all are", "where none is"])
@pytest.mark.parametrize("who", ["pilote", "relais2", "agent"])
def test_a_creation_looks_around_without_reading_the_town(base, who, place):
    """Twenty thousand heaps of one thème on one spot, or none within a hundred metres: some tens are read."""
    ville, seen = Ville(base), []

    def explain(_connection, cursor, statement, parameters, *_rest):
        if "BETWEEN" in statement:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            seen.extend(counts(cursor.fetchone()[0][0]["Plan"]))

    here, theme = Position(*place, 10.0), Theme("proprete.depot_sauvage", "")
    event.listen(base, "before_cursor_execute", explain)
    try:
        with ville.as_(who) as session, session.begin():
            found = alentours(
                session,
                id=uuid4(),
                caller=session.caller,
                theme=theme,
                position=here,
                le=session.now,
                constate_le=session.now,
            )
    finally:
        event.remove(base, "before_cursor_execute", explain)
    assert len(found.voisins) == (LUS_MAX if place == (0.4, 48.1) else 0)
    assert max(seen)[0] <= 2 * LUS_MAX, max(seen)
