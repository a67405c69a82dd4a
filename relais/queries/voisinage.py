"""Signalements of one thème around a place: for whoever is about to signal, for whoever groups, for what comes back.

To a reader who has an account, one that he may not read is told by its thème, statut, day and distance, and nothing
else: two people who see the same heap must hear of each other. The distance is then to its place on a grid, and within
what the town says alone, or who asks from all around would find its point. Where its thème protects people, not even
that: neither shown nor counted. Without an account, what is published alone, where the public view places it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, bindparam, false, func, or_, select, true, union_all
from sqlalchemy.orm import aliased

from relais.caller import Caller
from relais.db import Session
from relais.queries.dossier import Dossier, dossiers, themes_de
from relais.queries.referentiel import referentiels
from relais.queries.signalement import publies, visibles
from relais.rules.acces import SIGNALENT
from relais.rules.configuration import Theme, Voisinage
from relais.rules.depot import Position
from relais.rules.publication import bbox_publique, position_publique, protege
from relais.rules.voisinage import (
    FINIS,
    MAILLE_M,
    PROCHES_MAX,
    RATTACHABLES,
    Voisin,
    boite,
    maille,
    metres,
    rayon,
    ressemble,
)
from relais.tables.signalement import Signalement
from relais.tables.territoire import Version

LUS_MAX = 50
"""Rows looked at around one place, the nearest or the last: more heaps than a street has had in a season."""


@dataclass(frozen=True)
class Proche:
    """`lu`: the reader may read it, covered by his rôle or as everybody does."""

    dossier: Dossier
    distance_m: float
    lu: bool


def proches(
    session: Session,
    *,
    reader: Caller | None,
    theme: Theme,
    position: Position,
    le: datetime,
    sauf: UUID | None = None,
) -> list[Proche]:
    """What may speak of the thing seen there at `le`, nearest first, PROCHES_MAX at most, without the ticket `sauf`."""
    regle, rayon_m = theme.doublons, rayon(theme.doublons, position.precision_m)
    days = timedelta(days=regle.jours)
    # Those that are told of from elsewhere than they are, are found from there: the box is larger by that much.
    box = bbox_publique(boite(position.lon, position.lat, rayon_m + MAILLE_M))
    signals = reader is not None and reader.role in SIGNALENT
    seen = or_(
        visibles(reader.portee) if reader else false(),
        publies(),
        true() if signals and not protege([theme]) else false(),
    )
    west, south, east, north = box
    wanted = (
        select(Signalement)
        .where(
            Signalement.territoire_id == session.territoire,
            Signalement.theme == theme.code,
            Signalement.lon.between(west, east),
            Signalement.lat.between(south, north),
            Signalement.recu_le.between(le - days, le + days),
            Signalement.statut.in_(RATTACHABLES),
            seen,
            true() if sauf is None else Signalement.id != sauf,
        )
        .order_by(func.abs(Signalement.lon - position.lon) + func.abs(Signalement.lat - position.lat))
        .limit(LUS_MAX)
    )
    files = dossiers(session, session.scalars(wanted).all())
    seen_as = ((file, _seen(file.signalement, file.themes, reader, position, regle)) for file in files)
    found = [Proche(file, *told) for file, told in seen_as if told is not None]
    found.sort(key=lambda one: (one.distance_m, one.dossier.signalement.numero))
    return found[:PROCHES_MAX]


def _seen(
    ticket: Signalement, themes: Collection[Theme], reader: Caller | None, here: Position, regle: Voisinage
) -> tuple[float, bool] | None:
    """How far this reader is told it is, and whether he may read it; None: it is not near, or not for him to know."""
    place, lu, within = (ticket.lon, ticket.lat), True, rayon(regle, here.precision_m)
    if reader is None or not reader.portee.couvre(auteur=ticket.auteur_id, acteur=ticket.acteur):
        if ticket.publie_le is not None:
            place = position_publique(themes, *place)
        elif protege(themes):
            return None
        else:
            place, lu, within = maille(*place), False, regle.rayon_m
    far = metres((here.lon, here.lat), place)
    return (far, lu) if far <= within else None


_COTES = ("ouest", "sud", "est", "nord")


def _alentours() -> Select[Signalement, str]:
    here = (Signalement.territoire_id == bindparam("territoire")) & (Signalement.theme == bindparam("theme"))
    around = (
        select(Signalement)
        .where(
            here,
            Signalement.lon.between(bindparam("ouest"), bindparam("est")),
            Signalement.lat.between(bindparam("sud"), bindparam("nord")),
            Signalement.id != bindparam("id"),
            Signalement.statut.in_(RATTACHABLES | FINIS),
            or_(Signalement.recu_le >= bindparam("depuis"), Signalement.traite_le >= bindparam("depuis")),
        )
        .order_by(Signalement.recu_le.desc())
        .limit(LUS_MAX)
    )
    same = select(Signalement).where(
        Signalement.territoire_id == bindparam("territoire"), Signalement.id == bindparam("id")
    )
    one = aliased(Signalement, union_all(same, select(around.subquery())).subquery())
    version = (Version.territoire_id == one.territoire_id) & (Version.numero == one.version)
    return select(one, Version.empreinte).join(Version, version)


# Written once: to build it at each creation costs several times what it does.
_ALENTOURS = _alentours()


@dataclass(frozen=True)
class Alentours:
    """What a creation must know before it writes: whether it was sent already, what stands around and stood there.

    `annonces`: of what may speak of the same thing, how many its author may hear of.
    """

    connu: Signalement | None
    voisins: tuple[Voisin, ...]
    annonces: int


def alentours(
    session: Session,
    *,
    id: UUID,
    caller: Caller,
    theme: Theme,
    position: Position,
    le: datetime,
    constate_le: datetime,
) -> Alentours:
    """What may be its duplicate at `le`, what it may be the return of as it was seen.

    One statement, for a creation has few to spend: the signalement of that id, and the last ones around the place.

    (And two or three for each old version of theirs that this process has not met yet.)
    """
    rayon_m = rayon(theme.doublons, position.precision_m)
    box = boite(position.lon, position.lat, max(rayon_m + MAILLE_M, theme.recurrence.rayon_m))
    box = bbox_publique(box) if protege([theme]) else box  # the smaller one holds all the last heaps of a busy street
    since = min(le - timedelta(days=theme.doublons.jours), constate_le - timedelta(days=theme.recurrence.jours))
    asked = {"territoire": session.territoire, "id": id, "theme": theme.code, "depuis": since}
    rows = session.execute(_ALENTOURS, asked | dict(zip(_COTES, box, strict=True))).all()
    digests = {ticket.version: digest for ticket, digest in rows}
    found = [(ticket, _voisin(ticket, position)) for ticket, _ in rows if ticket.id != id]
    like = [
        ticket
        for ticket, near in found
        if ressemble(replace(near, distance_m=0.0), regle=theme.doublons, rayon_m=rayon_m, le=le)
    ]
    known = referentiels(session, {session.version, *(one.version for one in like)}, empreintes=digests)
    told = (
        _seen(one, themes_de(one.theme, known[one.version], known[session.version]), caller, position, theme.doublons)
        for one in like
    )
    return Alentours(
        connu=next((ticket for ticket, _ in rows if ticket.id == id), None),
        voisins=tuple(near for _, near in found),
        annonces=sum(one is not None for one in told),
    )


def _voisin(ticket: Signalement, here: Position) -> Voisin:
    far = metres((here.lon, here.lat), (ticket.lon, ticket.lat))
    return Voisin(ticket.id, ticket.numero, ticket.statut, far, ticket.recu_le, ticket.traite_le)
