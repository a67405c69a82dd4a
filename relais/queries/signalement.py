"""Reading signalements: one function says which a caller sees, for the list, the detail and the verbs."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, any_, exists, false, func, literal, or_, select, true, tuple_

from relais.caller import Caller
from relais.db import Session
from relais.errors import BadRequest, Fault, SignalementIntrouvable
from relais.rules.acces import Portee
from relais.rules.statuts import OUVERTS, Statut
from relais.tables.echeance import Echeance
from relais.tables.signalement import Signalement

PAGE_MAX = 200


def visibles(portee: Portee) -> ColumnElement[bool]:
    """`Portee.couvre`, in SQL. Compared with it on random rows by a test."""
    if portee.tout:
        return true()
    ways = []
    if portee.auteur is not None:
        ways.append(Signalement.auteur_id == portee.auteur)
    if portee.acteur is not None:
        ways.append(Signalement.acteur == portee.acteur)
    return or_(false(), *ways)


def get_signalement(session: Session, *, caller: Caller, id: UUID, lock: bool = False) -> Signalement:
    """Load, authorise and, to write, lock: or raise SignalementIntrouvable, which never tells hidden from missing."""
    wanted = select(Signalement).where(
        Signalement.territoire_id == session.territoire, Signalement.id == id, visibles(caller.portee)
    )
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(wanted)
    if found is None:
        raise SignalementIntrouvable
    return found


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
    session: Session, *, caller: Caller, filtres: Filtres, curseur: str | None, limite: int
) -> tuple[Sequence[Signalement], str | None]:
    """Newest first, at most `limite` (200), and the cursor of the next page, if there is one."""
    wanted = select(Signalement).where(
        Signalement.territoire_id == session.territoire, visibles(caller.portee), *_conditions(filtres, session.now)
    )
    if curseur is not None:
        wanted = wanted.where(tuple_(Signalement.recu_le, Signalement.id) < _read_cursor(curseur))
    rows = session.scalars(
        wanted.order_by(Signalement.recu_le.desc(), Signalement.id.desc()).limit(min(limite, PAGE_MAX) + 1)
    ).all()
    page = rows[: min(limite, PAGE_MAX)]
    return page, _cursor(page[-1]) if len(rows) > len(page) else None


def _conditions(filtres: Filtres, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filtres.bbox is not None:
        west, south, east, north = filtres.bbox
        found += [Signalement.lon.between(west, east), Signalement.lat.between(south, north)]
    if filtres.statuts:
        found.append(Signalement.statut.in_(filtres.statuts))
    if filtres.theme is not None:
        found.append(
            or_(Signalement.theme == filtres.theme, Signalement.theme.startswith(filtres.theme + ".", autoescape=True))
        )
    if filtres.acteur is not None:
        found.append(Signalement.acteur == filtres.acteur)
    if filtres.zone is not None:
        found.append(literal(filtres.zone) == any_(Signalement.zones))
    if filtres.en_retard is not None:
        late = en_retard(now)
        found.append(late if filtres.en_retard else ~late)
    if filtres.depuis is not None:
        found.append(Signalement.modifie_le >= filtres.depuis)
    if filtres.q:
        found.append(
            or_(
                func.lower(Signalement.numero) == filtres.q.lower(),
                Signalement.description.icontains(filtres.q, autoescape=True),
            )
        )
    return found


def en_retard(now: datetime) -> ColumnElement[bool]:
    """An open ticket with a délai still running past its date."""
    overdue = exists().where(
        Echeance.territoire_id == Signalement.territoire_id,
        Echeance.signalement_id == Signalement.id,
        Echeance.arrete_le.is_(None),
        Echeance.echeance < now,
    )
    return Signalement.statut.in_(OUVERTS) & overdue


def _cursor(last: Signalement) -> str:
    return urlsafe_b64encode(f"{last.recu_le.isoformat()} {last.id}".encode()).decode().rstrip("=")


def _read_cursor(curseur: str) -> tuple[datetime, UUID]:
    try:
        when, _, id_ = urlsafe_b64decode(curseur + "=" * (-len(curseur) % 4)).decode().partition(" ")
        return datetime.fromisoformat(when), UUID(id_)
    except ValueError as wrong:
        raise BadRequest(errors=(Fault("?curseur", "Reprenez tel quel le curseur de la page précédente."),)) from wrong
