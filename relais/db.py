"""The one engine, the one base, and a session that knows who is asking and what time it is.

A transaction opens late, at its first statement, and that statement is `relais_ouvrir`: it takes the door's database
role, sets the tenant that row-level security reads, and answers the time and the caller's standing. A suspended caller
is refused there, reads included. Measured: SQL in a FastAPI dependency starves the pool (88 requests of 300 failed).
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from time import monotonic
from typing import Any, Self, TypeVar
from uuid import UUID

from sqlalchemy import (
    Connection,
    DateTime,
    Engine,
    Enum,
    Integer,
    MetaData,
    Row,
    Text,
    create_engine,
    event,
    orm,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from relais.caller import Caller, Door, Identity
from relais.errors import CompteSuspendu, JetonInvalide, RelaisError, TerritoireAChoisir, TerritoireInconnu
from relais.rules.acces import Role


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain dict
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[dict[str, Any]]: JSONB(none_as_null=True),
        int: Integer,
    }


def enum_column(kind: type[StrEnum]) -> Enum:
    """Text with a CHECK: adding a word is one small migration, and `psql` shows the word."""
    return Enum(
        kind,
        name=kind.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        values_callable=lambda members: [member.value for member in members],
        length=40,
    )


def territoire_key() -> orm.MappedColumn[int]:
    return mapped_column(primary_key=True, sort_order=-2)


AnyRow = TypeVar("AnyRow", bound=Base)


@dataclass(frozen=True)
class Opening:
    """What the first statement of a transaction answered."""

    now: datetime
    territoire: int | None
    version: int
    empreinte: str
    caller: Caller | None


_OUVRIR = text(
    "SELECT maintenant, territoire, version, empreinte, code_connu, trouve, actif, generation, id, role, acteur, nom,"
    " courriel FROM relais_ouvrir(:door, :territoire, :code, :personne, :cle)"
)


class Session(orm.Session):
    """A transaction at one door. `now`, `caller` and `version` open it if nothing has."""

    def __init__(self, bind: Engine | Connection, *, door: Door, identity: Identity, **options: bool | str) -> None:
        super().__init__(bind, expire_on_commit=False, **options)  # type: ignore[arg-type]
        self.door, self.identity = door, identity
        self._opening: Opening | None = None

    @classmethod
    def for_worker(cls, bind: Engine | Connection, *, territoire: int | None = None) -> Self:
        return cls(bind, door=Door.WORKER, identity=Identity(territoire=territoire))

    def open(self, connection: Connection) -> None:
        """Called by the first statement of each transaction, before it. Raises what refuses the caller."""
        claim = self.identity
        row = connection.execute(
            _OUVRIR,
            {
                "door": self.door,
                "territoire": claim.territoire,
                "code": claim.code,
                "personne": claim.personne,
                "cle": claim.cle,
            },
        ).one()
        self._opening = None
        try:
            self._opening = _standing(claim, row)
        except RelaisError:
            # The transaction is open all the same: who swallows the refusal and goes on must find no row in it.
            connection.execute(text("SELECT set_config('relais.territoire', '', true)"))
            raise

    @property
    def opening(self) -> Opening:
        self.connection()
        if self._opening is None:
            raise RuntimeError("the transaction did not open through relais_ouvrir")
        return self._opening

    @property
    def now(self) -> datetime:
        """The business clock: the database's, moved by the demo's offset."""
        return self.opening.now

    @property
    def territoire(self) -> int:
        if self.opening.territoire is None:
            raise TerritoireAChoisir("Ajoutez ?territoire=CODE à l'adresse.")
        return self.opening.territoire

    @property
    def version(self) -> int:
        """The number of the territoire's configuration, as this transaction sees it."""
        return self.opening.version

    def adopt(self, row: AnyRow) -> AnyRow:
        """A row written by Core, as if the session had loaded it: no statement, and its changes are followed."""
        orm.make_transient_to_detached(row)
        self.add(row)
        return row

    @property
    def caller(self) -> Caller:
        if self.opening.caller is None:
            raise JetonInvalide("Ce jeton ne correspond à aucun compte.")
        return self.opening.caller

    @property
    def reader(self) -> Caller | None:
        """None: somebody without an account, who reads what is published."""
        return self.opening.caller


@event.listens_for(Session, "after_begin")
def _after_begin(session: Session, transaction: orm.SessionTransaction, connection: Connection) -> None:
    if not transaction.nested:
        session.open(connection)


def _standing(claim: Identity, row: Row[Any]) -> Opening:
    if not row.code_connu:
        raise TerritoireInconnu(f"Aucun territoire ne porte le code « {claim.code} ».")
    return Opening(row.maintenant, row.territoire, row.version or 0, row.empreinte or "", _confirm(claim, row))


def _confirm(claim: Identity, row: Row[Any]) -> Caller | None:
    """The rôle is the database's word at this instant, never the token's."""
    if claim.acteur is not None and row.territoire is not None:
        return Caller(row.territoire, Role.AGENT, None, claim.acteur, claim.acteur)
    if claim.personne is None and claim.cle is None:
        return None
    if not row.trouve:
        raise JetonInvalide("Ce jeton ne correspond à aucun compte.")
    if not row.actif:
        raise CompteSuspendu("Adressez-vous à l'administrateur de votre territoire.")
    if claim.generation is not None and claim.generation != row.generation:
        raise JetonInvalide("Ce jeton a été révoqué ; identifiez-vous à nouveau.")
    return Caller(row.territoire, Role(row.role), UUID(str(row.id)), row.acteur, row.nom, row.courriel)


def lock_number(*names: str) -> int:
    """64 bits: PostgreSQL's whole space of advisory locks, so that two names never wait for each other by accident."""
    return int.from_bytes(sha256("\0".join(names).encode()).digest()[:8], signed=True)


def make_engine(url: str, *, pool: int = 10) -> Engine:
    """No startup options and no server-side prepared statements: PgBouncer in transaction mode must fit between."""
    engine = create_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        connect_args={"prepare_threshold": None},
    )
    _check_what_rested(engine)
    return engine


RESTED = 1.0
"""Seconds after which a connection is asked whether it still answers, before it is used again. To ask at each request,
as `pool_pre_ping` does, is a round trip in seven."""


def _check_what_rested(engine: Engine) -> None:
    @event.listens_for(engine, "checkin")
    def _rest(_dbapi: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(dbapi: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        if monotonic() - record.info.get("rests_since", monotonic()) < RESTED:
            return
        try:
            engine.dialect.do_ping(dbapi)
        except engine.dialect.loaded_dbapi.Error as gone:
            raise DisconnectionError from gone  # the pool then opens another, and asks no more of this one
