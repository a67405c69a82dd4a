"""How a command reaches its installation: its settings, its database, its territoire. What every command shares."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, select

from relais import embedded, migrations
from relais.caller import Door, Identity
from relais.db import Session, make_engine
from relais.settings import Settings, settings
from relais.tables.territoire import Territoire

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DOSSIER",
        show_default=False,
        help="Le dossier de l'installation : base, photos, clés. Par défaut RELAIS_DATA_DIR, sinon « data » ici.",
    ),
]
CodeTerritoire = Annotated[
    str | None,
    typer.Option(
        "--territoire",
        metavar="CODE",
        show_default=False,
        help="Le territoire dont il s'agit, par son code (« VSL »). Inutile quand il n'y en a qu'un.",
    ),
]
Essai = Annotated[bool, typer.Option("--essai", help="Montre ce qui changerait, et n'applique rien.")]


class Arret(Exception):
    """What stops a command. Its text, in French, says what to do next."""


def chosen_settings(data_dir: Path | None) -> Settings:
    """The environment's settings, the data folder absolute: processes started from here may stand elsewhere."""
    given = settings()
    return given.model_copy(update={"data_dir": (data_dir or given.data_dir).resolve()})


def has_cluster(chosen: Settings) -> bool:
    return any((chosen.data_dir / name).exists() for name in ("postgres", "postgres.path"))


@contextmanager
def database(chosen: Settings, *, create: bool = False) -> Iterator[str]:
    """The URL of the database: the one given, else the data folder's own, started for the time of the command.

    Without `create` a folder where nothing was ever installed is refused (Arret): a mistyped path makes no new base.
    """
    if chosen.database_url is not None:
        yield chosen.database_url
        return
    if not create and not has_cluster(chosen):
        raise Arret(
            f"Rien n'est installé dans {chosen.data_dir}. Vérifiez --data-dir, ou commencez par « relais up --demo »"
            " (commune fictive) ou « relais migrate » (la vôtre)."
        )
    with embedded.attach(chosen.data_dir) as server:
        yield server.url()


@contextmanager
def connected(chosen: Settings) -> Iterator[Engine]:
    """An engine on a database whose schema is this program's. Raises Arret, PostgresError."""
    with database(chosen) as url:
        engine = make_engine(url, pool=2)
        try:
            ours, theirs = revisions(engine)
            if ours != theirs:
                raise Arret("Le schéma de la base n'est pas celui de ce programme. Lancez « relais migrate ».")
            yield engine
        finally:
            engine.dispose()


def revisions(engine: Engine) -> tuple[str | None, str | None]:
    """The schema this program wants, and the database's (None: it has none)."""
    with engine.connect() as connection:
        theirs = MigrationContext.configure(connection).get_current_revision()
    return ScriptDirectory(str(migrations.scripts())).get_current_head(), theirs


@contextmanager
def transaction(engine: Engine, code: str | None = None, *, essai: bool = False) -> Iterator[Session]:
    """One transaction at the owner's door, in that territoire, or the only one; rolled back at the end of an `essai`.

    Raises TerritoireInconnu for a code that nobody bears.
    """
    with Session(engine, door=Door.OWNER, identity=Identity(code=code)) as session, session.begin() as whole:
        yield session
        if essai:
            whole.rollback()


def the_territoire(session: Session) -> Territoire:
    """The one this transaction is in. Raises Arret when there is none yet, or several to choose from."""
    known = all_territoires(session)
    for one in known:
        if one.id == session.opening.territoire:
            return one
    if not known:
        raise Arret("Aucun territoire n'est encore importé. Commencez par « relais import territoire.yaml ».")
    raise Arret(f"Précisez --territoire, l'un de : {', '.join(one.code for one in known)}.")


def all_territoires(session: Session) -> list[Territoire]:
    return list(session.scalars(select(Territoire).order_by(Territoire.code)))
