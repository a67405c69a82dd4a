"""Reading signalements: one function says which a reader sees, for the list, the feed, the detail and the verbs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    any_,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import aliased

from relais.caller import Caller
from relais.db import Session
from relais.errors import SignalementIntrouvable
from relais.queries import curseur as curseurs
from relais.rules.acces import Portee
from relais.rules.configuration import PROMIS
from relais.rules.publication import bbox_publique
from relais.rules.statuts import OUVERTS, Statut
from relais.tables.echeance import Echeance
from relais.tables.signalement import Signalement

PAGE_MAX = 200


def facons(portee: Portee | None) -> list[ColumnElement[bool]]:
    """`Portee.couvre` in SQL, as ways of seeing that never overlap; None: what whoever has no account sees.

    Each way has an index in the order of a page, where one OR of them would read every row: see `merged`.
    """
    if portee is None:
        return [publies()]
    if portee.tout:
        return [true()]
    ways: list[ColumnElement[bool]] = []
    if portee.auteur is not None:
        ways.append(Signalement.auteur_id == portee.auteur)
    if portee.acteur is not None:
        ways.append((Signalement.acteur == portee.acteur) & ~or_(false(), *ways))
    return ways or [false()]


def visibles(portee: Portee | None) -> ColumnElement[bool]:
    """The same in one condition, for one signalement. Compared with `couvre` on random rows by a test."""
    return or_(false(), *facons(portee))


def publies() -> ColumnElement[bool]:
    return Signalement.publie_le.is_not(None)


def merged(
    branches: Sequence[Select[*tuple[Any, ...]]], order: Callable[[Any], Sequence[ColumnElement[Any]]], most: int
) -> Subquery:
    """The first `most` rows of these branches together, each read in that order and no further.

    `order` is asked for each branch's own columns, then for those of what it answers.
    """
    first = union_all(*(one.order_by(*order(one.selected_columns)).limit(most) for one in branches)).subquery()
    return select(first).order_by(*order(first.c)).limit(most).subquery()


def get_signalement(session: Session, *, caller: Caller, id: UUID, lock: bool = False) -> Signalement:
    """Load, authorise and, to write, lock: or raise SignalementIntrouvable, which never tells hidden from missing."""
    wanted = _one(session, id, visibles(caller.portee))
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    return _found(session.scalar(wanted))


def get_readable(session: Session, *, reader: Caller | None, id: UUID) -> Signalement:
    """What this reader's rôle covers, or what everybody may read. Raises SignalementIntrouvable."""
    covered = visibles(reader.portee) if reader else false()
    return _found(session.scalar(_one(session, id, or_(covered, publies()))))


def _one(session: Session, id: UUID, seen: ColumnElement[bool]) -> Select[Signalement]:
    return select(Signalement).where(Signalement.territoire_id == session.territoire, Signalement.id == id, seen)


def _found(signalement: Signalement | None) -> Signalement:
    if signalement is None:
        raise SignalementIntrouvable
    return signalement


@dataclass(frozen=True)
class Filtres:
    """What a list may ask. `bbox` is west, south, east, north in degrees."""

    bbox: tuple[float, float, float, float] | None = None
    statuts: tuple[Statut, ...] = ()
    theme: str | None = None
    acteur: str | None = None
    zone: str | None = None
    en_retard: bool | None = None
    depuis: datetime | None = None
    q: str | None = None


def list_signalements(
    session: Session, *, portee: Portee | None, filtres: Filtres, curseur: str | None, limite: int
) -> tuple[Sequence[Signalement], str | None]:
    """Newest first, at most `limite` (200), and the cursor of the next page, if there is one.

    `portee` None: what is published. Raises BadRequest on a cursor that is not ours.
    """
    limite = min(limite, PAGE_MAX)
    asked = _conditions(session, filtres, public=portee is None)
    if curseur is not None:
        asked.append(tuple_(Signalement.recu_le, Signalement.id) < _read_cursor(curseur))
    here = select(Signalement).where(Signalement.territoire_id == session.territoire, *asked)
    first = aliased(Signalement, merged([here.where(way) for way in facons(portee)], _newest, limite + 1))
    rows = session.scalars(select(first).order_by(*_newest(first))).all()
    page = rows[:limite]
    return page, _cursor(page[-1]) if len(rows) > len(page) else None


def _newest(of: Any) -> Sequence[ColumnElement[Any]]:  # noqa: ANN401 - columns, or an entity that has them
    return of.recu_le.desc(), of.id.desc()


def _conditions(session: Session, filtres: Filtres, *, public: bool) -> list[ColumnElement[bool]]:
    """`public`: no filter finds what the public view hides, were it asked a thousand times."""
    found: list[ColumnElement[bool]] = []
    if filtres.bbox is not None:
        west, south, east, north = bbox_publique(filtres.bbox) if public else filtres.bbox
        found += [Signalement.lon.between(west, east), Signalement.lat.between(south, north)]
    if filtres.statuts:
        found.append(Signalement.statut.in_(filtres.statuts))
    if filtres.theme is not None:
        # A range of codes in the order of their bytes, where `/` follows `.`: row security keeps LIKE off an index.
        family = (Signalement.theme >= f"{filtres.theme}.") & (Signalement.theme < f"{filtres.theme}/")
        found.append((Signalement.theme == filtres.theme) | family)
    if filtres.acteur is not None:
        found.append(Signalement.acteur == filtres.acteur)
    if filtres.zone is not None:
        found.append(literal(filtres.zone) == any_(Signalement.zones))
    if filtres.en_retard is not None:
        late = en_retard(session.territoire, session.now)
        found.append(late if filtres.en_retard else ~late)
    if filtres.depuis is not None:
        found.append(Signalement.modifie_le >= filtres.depuis)
    if filtres.q:
        said = Signalement.description.icontains(filtres.q, autoescape=True)
        said = said & Signalement.publie_par_le_pilote if public else said
        found.append(or_(func.lower(Signalement.numero) == filtres.q.lower(), said))
    return found


def en_retard(territoire: int, now: datetime) -> ColumnElement[bool]:
    """An open ticket with a promise still running past its date. Read from the délais: few are late, among so many."""
    overdue = select(Echeance.signalement_id).where(
        Echeance.territoire_id == territoire,
        Echeance.arrete_le.is_(None),
        Echeance.echeance < now,
        Echeance.delai.in_(PROMIS),
    )
    return Signalement.statut.in_(OUVERTS) & Signalement.id.in_(overdue)


def _cursor(last: Signalement) -> str:
    return curseurs.pack(f"{last.recu_le.isoformat()} {last.id}".encode())


def _read_cursor(curseur: str) -> tuple[datetime, UUID]:
    place = curseurs.unpack(curseur, parametre="curseur")
    try:
        when, _, id_ = place.decode().partition(" ")
        recu_le, id = datetime.fromisoformat(when), UUID(id_)
    except ValueError as wrong:
        raise curseurs.unreadable("curseur") from wrong
    if recu_le.tzinfo is None:
        raise curseurs.unreadable("curseur")
    return recu_le, id
