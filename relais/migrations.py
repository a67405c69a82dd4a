"""Bringing a database to the schema of this code, and its roles with it. Several starts at once wait for each other."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from relais.caller import Door

LOCK = 7_331_001
"""The advisory lock two migrations at once compete for: any constant, the same for ever."""


def scripts() -> Path:
    """In a wheel, the folder travels inside the package; in a checkout it stands at the root."""
    packed = Path(__file__).with_name("_migrations")
    return packed if packed.is_dir() else Path(__file__).parents[1] / "alembic"


def upgrade(engine: Engine, revision: str = "head") -> None:
    _run(engine, lambda config: command.upgrade(config, revision))
    if revision == "head":
        _run(engine, _place_again)


def _place_again(config: Config) -> None:
    """A dump restored into a younger server holds places in the change feed that its transactions have yet to reach.

    Nobody would be served them for months. Written again, they take a place of today; elsewhere it touches no row.
    """
    connection: Connection = config.attributes["connection"]
    connection.execute(
        text(
            "UPDATE signalement SET revision = revision"
            " WHERE changed_xid > pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        )
    )
    connection.commit()


def downgrade(engine: Engine, revision: str) -> None:
    _run(engine, lambda config: command.downgrade(config, revision))


def check(engine: Engine) -> None:
    """Raises `alembic.util.CommandError` when the models say something the migrations do not."""
    _run(engine, command.check)


def _run(engine: Engine, action: Callable[[Config], object]) -> None:
    config = Config(output_buffer=None)
    config.set_main_option("script_location", str(scripts()))
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.commit()
        try:
            _make_roles(connection)
            # A migration that waits behind a long query must not make every request wait behind it.
            connection.execute(text(f"SET lock_timeout = '4s'; SET ROLE {Door.OWNER}"))
            connection.commit()
            config.attributes["connection"] = connection
            action(config)
        finally:
            connection.rollback()
            connection.execute(text("RESET ROLE; RESET lock_timeout"))
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
            connection.commit()


def _make_roles(connection: Connection) -> None:
    """Three NOLOGIN roles; who logs in is made a member of them. Needs CREATEROLE the first time only.

    From PostgreSQL 16 on, who creates a role is its member without the right to take it: «MEMBER» would say yes.
    """
    usable = "SET" if (connection.dialect.server_version_info or ()) >= (16,) else "MEMBER"
    for role in Door:
        known = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
        if not known:
            connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
        member = text("SELECT pg_has_role(current_user, :role, :usable)")
        if not connection.scalar(member, {"role": role, "usable": usable}):
            connection.execute(text(f"GRANT {role} TO CURRENT_USER"))
    connection.execute(text(f"GRANT USAGE, CREATE ON SCHEMA public TO {Door.OWNER}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {Door.API}, {Door.WORKER}"))
    connection.commit()
