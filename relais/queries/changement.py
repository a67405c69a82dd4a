"""What changed since a reader last asked, so that a copy of what he may see is kept by asking again and again.

Each signalement has one place in the feed, that of its last write; a lost sight of one leaves a tombstone at its own.
A place is (transaction, rank). Transactions end in another order than they begin: only what is below the oldest one
still open is served, or a reader would go past a place that a late commit has yet to fill.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    cast,
    exists,
    false,
    func,
    literal,
    select,
    text,
    true,
    tuple_,
)

from relais.caller import Caller
from relais.db import Session
from relais.errors import CurseurPerime
from relais.queries import curseur as curseurs
from relais.queries.signalement import PAGE_MAX, facons, merged, visibles
from relais.rules.acces import Portee
from relais.tables.disparition import GARDE, Disparition
from relais.tables.signalement import Signalement

_CURSOR = struct.Struct(">qqq8s")

# A cursor counts transactions of one server's one history. Restored elsewhere or to an earlier instant, they start
# again from a lower number: a reader who went on from his old place would miss all that follows.
_EPOQUE = text(
    "SELECT concat_ws('.', system_identifier, timeline_id, (SELECT oid FROM pg_database WHERE datname ="
    " current_database())) AS epoque FROM pg_control_system(), pg_control_checkpoint()"
).columns(epoque=Text)


@dataclass(frozen=True)
class _Curseur:
    """How far a reader has gone. `debut`: the oldest transaction open when he began; what is below it has ended.

    What he holds he was given after that: a tombstone below `debut` is of no signalement that he ever saw.
    """

    place: tuple[int, int] = (-1, -1)
    debut: int | None = None
    seal: bytes | None = None


@dataclass(frozen=True)
class Changement:
    """`signalement` as it is now; None: this reader does not see it any more."""

    id: UUID
    signalement: Signalement | None


@dataclass(frozen=True)
class Changements:
    """`curseur` is where to go on from, whether or not there is more for now (`encore`)."""

    changements: Sequence[Changement]
    curseur: str
    encore: bool


def list_changements(session: Session, *, reader: Caller | None, depuis: str | None, limite: int) -> Changements:
    """At most `limite` (200) changes after the cursor, oldest first; without a cursor, from the beginning.

    A signalement comes once, at its last change. Raises BadRequest on a cursor that is not ours, CurseurPerime on one
    made for what this reader saw under another rôle or acteur, by a database since restored, or before a tombstone
    older than GARDE, which may have been forgotten.
    """
    limite = min(limite, PAGE_MAX)
    after = _read_cursor(depuis) if depuis is not None else _Curseur()
    rows = session.execute(_page(session, reader.portee if reader else None, after, limite + 1)).all()
    head = rows[0]
    expected = _seal(head.epoque, session.territoire, reader)
    if after.seal not in {None, expected} or head.perime:
        raise CurseurPerime("Relisez sans « depuis », et remplacez votre copie par ce que vous lirez.")
    found = [row for row in rows if row.id is not None]
    page = found[:limite]
    last = (page[-1].changed_xid, page[-1].changed_seq) if page else after.place
    return Changements(
        [Changement(row.id, row.Signalement) for row in page],
        curseurs.pack(_CURSOR.pack(*last, head.debut, expected)),
        encore=len(found) > len(page),
    )


def _page(session: Session, portee: Portee | None, after: _Curseur, most: int) -> Select[*tuple[Any, ...]]:
    """One statement, hence one snapshot: the places, what stands there, and of the cursor even where nothing does."""
    territoire, visible = session.territoire, visibles(portee)
    debut = oldest_open() if after.debut is None else literal(after.debut, BigInteger)
    lost = _after(Disparition, territoire, after.place).where(Disparition.changed_xid >= debut)
    seen = [
        _after(Signalement, territoire, after.place)
        .add_columns(Signalement.id, literal(value=False).label("disparu"))
        .where(way)
        for way in facons(portee)
    ]
    # A tombstone may follow the place of a signalement that came back, for the transaction that gave it back may have
    # begun first: what is seen now is not announced as gone.
    still = exists().where(
        Signalement.territoire_id == territoire, Signalement.id == Disparition.signalement_id, visible
    )
    gone = [
        lost.add_columns(Disparition.signalement_id.label("id"), literal(value=True).label("disparu")).where(
            told, ~still
        )
        for told in _concerned(portee)
    ]
    place = merged([*seen, *gone], lambda of: (of.changed_xid, of.changed_seq), most)
    epoque = _EPOQUE.subquery()
    perime = lost.where(Disparition.le < session.now - GARDE).exists()
    here = (Signalement.territoire_id == territoire) & (Signalement.id == place.c.id) & ~place.c.disparu
    return (
        select(epoque.c.epoque, debut.label("debut"), perime.label("perime"), *place.c, Signalement)
        .select_from(epoque)
        .outerjoin(place, true())
        .outerjoin(Signalement, here)
        .order_by(place.c.changed_xid, place.c.changed_seq)
        .execution_options(populate_existing=True)
    )


def _after(table: type[Signalement | Disparition], territoire: int, after: tuple[int, int]) -> Select[*tuple[Any, ...]]:
    return select(table.changed_xid, table.changed_seq).where(
        table.territoire_id == territoire,
        tuple_(table.changed_xid, table.changed_seq) > after,
        table.changed_xid < oldest_open(),
    )


def oldest_open() -> ScalarSelect[int]:
    """The number of the oldest transaction still open: all those below have ended."""
    # xid8 has no cast to bigint of its own.
    oldest = func.pg_snapshot_xmin(func.pg_current_snapshot())
    return select(cast(cast(oldest, Text), BigInteger)).scalar_subquery()


def _concerned(portee: Portee | None) -> list[ColumnElement[bool]]:
    """The tombstones these readers are told of. Who sees everything loses sight of nothing, but of what is erased."""
    everybody = Disparition.acteur.is_(None) & (Disparition.publique == false())
    if portee is None:
        return [everybody, Disparition.publique == true()]
    return [everybody] if portee.acteur is None else [everybody, Disparition.acteur == portee.acteur]


def _seal(epoque: str, territoire: int, reader: Caller | None) -> bytes:
    """What a cursor is good for. No secret: a forged one shows its bearer nothing that he may not read anyway."""
    who = (reader.role, reader.id, reader.acteur) if reader else ()
    return sha256(repr((epoque, territoire, *map(str, who))).encode()).digest()[:8]


def _read_cursor(curseur: str) -> _Curseur:
    try:
        xid, seq, debut, seal = _CURSOR.unpack(curseurs.unpack(curseur, parametre="depuis"))
    except struct.error as wrong:
        raise curseurs.unreadable("depuis") from wrong
    return _Curseur((xid, seq), debut, seal)
