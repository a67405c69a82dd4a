"""What the schema itself guarantees, read from PostgreSQL's own catalogue: a table added carelessly fails here."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from alembic.script import ScriptDirectory
from commands.factories import deposit
from conftest import MARDI, Ville, load_demo
from sqlalchemy import Engine, create_engine, text

from relais import embedded, migrations
from relais.caller import Door
from relais.db import Session, make_engine
from relais.queries.changement import list_changements

CLAIMED = {"rappel", "photo", "envoi", "defi"}
SHARED = {"territoire", "horloge", "alembic_version"}
APPENDED = {"INSERT", "SELECT"}
WRITTEN = {"INSERT", "SELECT", "UPDATE"}
GRANTS = {
    "abonnement": {"DELETE", "SELECT"},
    "acteur": {"SELECT"},
    "appareil": {"SELECT", "UPDATE"},
    "cle": {"SELECT"},
    "compteur": WRITTEN,
    "defi": {"SELECT", "UPDATE"},
    "disparition": APPENDED,
    "echeance": WRITTEN,
    "emprise": {"SELECT"},
    "envoi": WRITTEN,
    "escalade": APPENDED,
    "evenement": APPENDED,
    "horloge": {"SELECT"},
    "idempotence": {"SELECT"},
    "personne": {"SELECT"},
    "photo": WRITTEN,
    "rappel": WRITTEN | {"DELETE"},
    "saisine": WRITTEN,
    "signalement": WRITTEN,
    "territoire": {"SELECT"},
    "version": {"SELECT"},
    "webhook": WRITTEN,
}
"""What both doors may do; and below, what one alone may."""
MORE = {
    Door.API: {
        "webhook": {"DELETE"},
        "idempotence": {"INSERT"},
        "defi": {"INSERT"},
        "appareil": {"INSERT"},
        "abonnement": {"INSERT"},
    },
    Door.WORKER: {"idempotence": {"DELETE"}, "defi": {"DELETE"}, "appareil": {"DELETE"}, "disparition": {"DELETE"}},
}
TENANT = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'territoire_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
"""
TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')"
)
FUNCTIONS = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"

_names = count(1)


@pytest.fixture
def empty(cluster: embedded.Server) -> Iterator[str]:
    """The URL of a database of its own, with nothing in it."""
    name = f"vide_{next(_names)}"
    _as_superuser(cluster, f"CREATE DATABASE {name}")
    yield cluster.url(name)
    _as_superuser(cluster, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _as_superuser(cluster: embedded.Server, *statements: str) -> None:
    engine = create_engine(cluster.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _column(engine: Engine, query: str) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text(query)))


@pytest.fixture(scope="module")
def tenants(engine: Engine) -> set[str]:
    found = _column(engine, TENANT)
    assert {"signalement", "envoi", "personne", "evenement"} <= found
    return found


# --- migrations


def test_up_down_and_up_again_leaves_nothing_and_builds_the_same(empty):
    engine = make_engine(empty)
    migrations.upgrade(engine)
    built = _column(engine, TABLES), _column(engine, FUNCTIONS)
    migrations.downgrade(engine, "base")
    assert _column(engine, TABLES) == {"alembic_version"}
    assert _column(engine, "SELECT version_num FROM alembic_version") == set()
    assert _column(engine, FUNCTIONS) == set()
    assert not _column(engine, "SELECT polname FROM pg_policy")
    migrations.upgrade(engine)
    assert (_column(engine, TABLES), _column(engine, FUNCTIONS)) == built
    migrations.check(engine)
    engine.dispose()


def test_what_was_restored_from_an_older_server_is_placed_again_in_the_feed(clone):
    engine = make_engine(clone())
    town = Ville(engine)
    town.at(MARDI)
    deposit(town)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE signalement DISABLE TRIGGER marquer"))
        connection.execute(text("UPDATE signalement SET changed_xid = 9000000000000"))
        connection.execute(text("ALTER TABLE signalement ENABLE TRIGGER marquer"))
    migrations.upgrade(engine)
    with town.as_("pilote") as session, session.begin():
        found = list_changements(session, reader=session.reader, depuis=None, limite=10)
    engine.dispose()
    assert len(found.changements) == 1


def test_a_database_that_holds_a_town_can_be_brought_down(empty):
    engine = make_engine(empty)
    migrations.upgrade(engine)
    load_demo(engine)
    migrations.downgrade(engine, "base")
    assert _column(engine, TABLES) == {"alembic_version"}
    engine.dispose()


def test_two_migrations_at_once_on_an_empty_database_both_succeed(empty):
    engines = [make_engine(empty), make_engine(empty)]
    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(migrations.upgrade, engine) for engine in engines]:
            done.result(timeout=60)
    head = ScriptDirectory(str(migrations.scripts())).get_current_head()
    assert _column(engines[0], "SELECT version_num FROM alembic_version") == {head}
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("inherit", ["INHERIT", "NOINHERIT"])
def test_a_login_that_is_no_superuser_migrates_and_serves(cluster, empty, inherit):
    """The town's DBA gives a database and an account that owns it. Our three roles belong to the cluster: this test
    takes them under names of the moment's own, so that this account is the one that creates them."""
    base, login = empty.rpartition("/")[2].partition("?")[0], f"ville_{inherit.lower()}"
    _as_superuser(
        cluster,
        f"CREATE ROLE {login} LOGIN CREATEROLE {inherit}",
        f"ALTER DATABASE {base} OWNER TO {login}",
        *(f"ALTER ROLE {door} RENAME TO {door}_mis_de_cote" for door in Door),
    )
    engine = make_engine(empty.replace("postgres@", f"{login}@"))
    try:
        migrations.upgrade(engine)
        migrations.upgrade(engine)
        migrations.check(engine)
        load_demo(engine)
        with Ville(engine).as_("relais") as session, session.begin():
            assert session.caller.nom == "Camille Aubry"
            assert session.scalar(text("SELECT current_user")) == Door.API
            assert session.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = session_user")) is False
        with Session.for_worker(engine) as session, session.begin():
            assert session.scalar(text("SELECT count(*) FROM personne")) == 10
    finally:
        engine.dispose()
        _as_superuser(
            cluster,
            f"DROP DATABASE {base} WITH (FORCE)",
            *(f"DROP ROLE {door}" for door in Door),
            f"DROP ROLE {login}",
            *(f"ALTER ROLE {door}_mis_de_cote RENAME TO {door}" for door in Door),
        )


# --- the catalogue


def test_every_table_belongs_to_a_territoire_or_is_known_not_to(engine, tenants):
    every = _column(engine, TABLES.replace(", 'S'", ""))
    assert every - tenants == SHARED
    assert set(GRANTS) == every - {"alembic_version"}


def test_row_security_is_enabled_and_forced_on_every_tenant_table(engine, tenants):
    protected = _column(engine, "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    assert protected == tenants


def test_the_policies_are_exactly_those_expected(engine, tenants):
    mine = "(territoire_id = ( SELECT relais_territoire() AS relais_territoire))"
    expected = {(table, "proprietaire", "ALL", "relais_owner", "true", "true") for table in tenants}
    expected |= {(table, "territoire", "ALL", "relais_api,relais_worker", mine, mine) for table in tenants}
    expected |= {(table, "a_servir", "SELECT", "relais_worker", "true", None) for table in CLAIMED}
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT tablename, policyname, cmd, array_to_string(roles, ','), qual, with_check, permissive"
                " FROM pg_policies"
            )
        ).all()
    assert {tuple(row)[:6] for row in found} == expected
    assert {row.permissive for row in found} == {"PERMISSIVE"}


def test_the_territoire_comes_first_in_every_key_that_must_be_unique(engine, tenants):
    with engine.connect() as connection:
        firsts = connection.execute(
            text(
                "SELECT c.relname, x.indexrelid::regclass::text, x.indisprimary, a.attname FROM pg_index x"
                " JOIN pg_class c ON c.oid = x.indrelid"
                " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]"
                " WHERE x.indisunique AND c.relname = ANY(:tables)"
            ),
            {"tables": list(tenants)},
        ).all()
    assert {row.relname for row in firsts if row.indisprimary} == tenants
    assert {row.indexrelid for row in firsts if row.attname != "territoire_id"} == set()


def test_the_territoire_comes_first_in_every_foreign_key_between_tenant_tables(engine, tenants):
    with engine.connect() as connection:
        keys = connection.execute(
            text(
                "SELECT k.conname, a.attname AS here, b.attname AS there, k.confrelid::regclass::text AS target"
                " FROM pg_constraint k"
                " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]"
                " JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]"
                " WHERE k.contype = 'f' AND k.conrelid::regclass::text = ANY(:tables)"
            ),
            {"tables": list(tenants)},
        ).all()
    between = [row for row in keys if row.target in tenants]
    assert len(between) > 10
    assert {row.conname for row in between if (row.here, row.there) != ("territoire_id", "territoire_id")} == set()
    assert {row.target for row in keys if row not in between} == {"territoire"}


@pytest.mark.parametrize("door", [Door.API, Door.WORKER])
def test_a_door_holds_exactly_the_rights_it_needs(engine, door):
    expected = {table: rights | MORE[door].get(table, set()) for table, rights in GRANTS.items()}
    with engine.connect() as connection:
        held = connection.execute(
            text("SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = :door"),
            {"door": door},
        ).all()
    assert {(table, right) for table, rights in expected.items() for right in rights} == {tuple(row) for row in held}


def test_no_function_runs_with_another_s_rights(engine):
    assert _column(engine, f"{FUNCTIONS} AND prosecdef") == set()
