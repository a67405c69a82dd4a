"""The bytes of a photo: received once, then cleaned by a worker, then the original is forgotten."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, hypot, radians
from uuid import UUID

from sqlalchemy import ColumnElement, Update, bindparam, exists, select, update

from relais.caller import Caller
from relais.commands.suivi import REVISED, touch
from relais.db import Session
from relais.errors import EmpreinteDifferente, Fault, PhotoDejaRecue, PhotoNonDeclaree, SignalementIntrouvable
from relais.outbox import SYSTEM, Author, Fact, announce
from relais.queries.referentiel import referentiel
from relais.queries.signalement import get_signalement
from relais.rules.carte import en_france
from relais.rules.evenements import TypeEvenement
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Phase, Photo
from relais.tables.signalement import Signalement

OFFRE = timedelta(hours=24)
"""How long the place where a photo was taken is offered to its author: the evening after, and no longer."""

METRES_PAR_DEGRE = 111_195.0
AILLEURS_M = 30.0
"""From there on, a phone's own position and that of its photo are two places."""

OUBLIEE: dict[str, float] = {}
"""What is left of a position once forgotten: that it was offered, for no other of its ticket is."""

PERDUE = "perdue"
"""The motif of a photo whose file was not found for days. Good bytes: if they come back, they are wanted."""

# The ticket, then the photo, as every verb takes them: the other way round, a correction of its author who still sends
# his photos would be a deadlock. Written once: to build such a statement costs two or three times what it does.
_TICKET = (
    select(Signalement.territoire_id, Signalement.id, Signalement.auteur_id, Signalement.acteur)
    .where(Signalement.territoire_id == bindparam("territoire"), Signalement.id == bindparam("signalement"))
    .with_for_update()
    .cte("ticket")
)
_EXPECTED = (
    select(Photo, _TICKET.c.auteur_id, _TICKET.c.acteur)
    .join(_TICKET, (_TICKET.c.territoire_id == Photo.territoire_id) & (_TICKET.c.id == Photo.signalement_id))
    .where(Photo.id == bindparam("photo"))
    .with_for_update(of=Photo)
    .execution_options(populate_existing=True)
)
_RECEIVED = REVISED.add_cte(
    update(Photo)
    .where(
        Photo.territoire_id == bindparam("territoire"),
        Photo.signalement_id == bindparam("signalement"),
        Photo.id == bindparam("photo"),
    )
    .values(etat=EtatPhoto.RECUE, recue_le=bindparam("now"), motif=None, due_at=bindparam("now"), claims=0, attempts=0)
    .cte("received")
)

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CLE = re.compile(rf"(?:originaux|photos)/([0-9]{{1,9}})/({_UUID})/({_UUID})(?:\.([0-9]{{1,9}})-[a-z.]+)?")


def cle_originale(photo: Photo) -> str:
    """Where the bytes wait to be cleaned. Never served."""
    return f"originaux/{photo.territoire_id}/{photo.signalement_id}/{photo.id}"


SUFFIXES = {"image": "jpg", "vignette": "webp"}


def cle_de_variante(photo: Photo, variante: str, *, tirage: int | None = None) -> str:
    """Where `image` (1600 px) and `vignette` (400 px) of a print lie, the last by default; also their address's end."""
    rank = photo.tirage if tirage is None else tirage
    return f"photos/{photo.territoire_id}/{photo.signalement_id}/{photo.id}.{rank}-{variante}.{SUFFIXES[variante]}"


@dataclass(frozen=True)
class Place:
    """What a key says: whose bytes they are, and of which print (None: the original)."""

    territoire: int
    signalement: UUID
    photo: UUID
    tirage: int | None

    @property
    def key(self) -> tuple[int, UUID, UUID]:
        return self.territoire, self.signalement, self.photo


def lire_cle(cle: str) -> Place | None:
    """None: no photo of ours is kept under such a key."""
    found = _CLE.fullmatch(cle)
    if found is None:
        return None
    territoire, signalement, photo, tirage = found.groups()
    return Place(int(territoire), UUID(signalement), UUID(photo), int(tirage) if tirage else None)


def cles_attendues(photo: Photo) -> tuple[str, ...]:
    """What the store must hold of it now: nothing while its bytes are owed."""
    match photo.etat:
        case EtatPhoto.RECUE if photo.masques is None:
            return (cle_originale(photo),)
        case EtatPhoto.RECUE | EtatPhoto.PRETE:
            return tuple(cle_de_variante(photo, variante) for variante in SUFFIXES)
        case _:
            return ()


def cles_absentes(photo: Photo, existe: Callable[[str], bool]) -> list[str]:
    """Those of its keys that the store, which `existe` asks, should hold and does not."""
    return [cle for cle in cles_attendues(photo) if not existe(cle)]


def expect_photo(
    session: Session, *, caller: Caller, id: UUID, photo_id: UUID, sha256: str, octets: int
) -> tuple[Photo, bool]:
    """The declared photo these bytes are, and whether they are already here. The bytes are stored by the caller, next.

    Raises PhotoNonDeclaree, PhotoDejaRecue (other bytes came first) or EmpreinteDifferente (not what was announced).
    """
    key = {"territoire": session.territoire, "signalement": id, "photo": photo_id}
    found = session.execute(_EXPECTED, key).one_or_none()
    if found is None:
        get_signalement(session, caller=caller, id=id)
        raise PhotoNonDeclaree("Déclarez-la d'abord dans « photos » du signalement.")
    photo, auteur, acteur = found
    if not caller.portee.couvre(auteur=auteur, acteur=acteur):
        raise SignalementIntrouvable
    same = photo.sha256 == sha256
    if photo.etat in {EtatPhoto.RECUE, EtatPhoto.PRETE}:
        if not same:
            raise PhotoDejaRecue("Une photo reçue ne se remplace pas : déclarez-en une autre.")
        return photo, True
    if not same or photo.octets != octets:
        seen = f"Annoncé {photo.octets} octets, sha-256 {photo.sha256} ; reçu {octets} octets, sha-256 {sha256}."
        raise EmpreinteDifferente(errors=(Fault("/", seen),))
    return photo, False


def receive_photo(session: Session, *, caller: Caller, photo: Photo, now: datetime) -> Signalement:
    """The bytes are durable: say so, and have them cleaned. The signalement as it is now."""
    return _received(session, photo, author=Author.of(caller), now=now)


def recover_photo(session: Session, photo: Photo, *, now: datetime) -> Signalement:
    """The file of a photo refused as PERDUE is back: it is owed no more. Its ticket is locked, then itself."""
    return _received(session, photo, author=SYSTEM, now=now)


def _received(session: Session, photo: Photo, *, author: Author, now: datetime) -> Signalement:
    key = {"territoire": photo.territoire_id, "signalement": photo.signalement_id, "photo": photo.id}
    ticket = session.scalars(_RECEIVED, key | {"now": now}).one()
    announce(session, [_fact("photo.ajoutee", photo)], signalement=ticket, author=author, now=now)
    return ticket


def ready_photo(
    session: Session, photo: Photo, *, ticket: Signalement, position: Mapping[str, float] | None, now: datetime
) -> None:
    """Its print is the one to show. `position`: the degrees that its metadata gave, offered where they are of use."""
    touch(ticket, now=now)
    if position is not None and _worth_offering(session, photo, ticket, lon=position["lon"], lat=position["lat"]):
        session.execute(_set_position(_of(ticket) & (Photo.id == photo.id), position))


def _worth_offering(session: Session, photo: Photo, ticket: Signalement, *, lon: float, lat: float) -> bool:
    """Once a ticket, of what was seen there, where it may say more than the pin and would be accepted as one."""
    if photo.phase is not Phase.AVANT:
        return False
    located = ticket.origine in {"gps", "photo"}
    if located and _metres(ticket, lon, lat) <= AILLEURS_M:
        return False
    carte = referentiel(session).carte
    if not en_france(lon, lat) or carte.metres_hors(lon, lat) > 0:
        return False
    offered = exists().where(_of(ticket), Photo.position.is_not(None))
    corrected = exists().where(
        Evenement.territoire_id == ticket.territoire_id,
        Evenement.signalement_id == ticket.id,
        Evenement.type == TypeEvenement.SIGNALEMENT_CORRIGE,
    )
    return not session.scalar(select(offered | corrected))


def _metres(ticket: Signalement, lon: float, lat: float) -> float:
    """From the pin, on a sphere: 0.3 % off, ten centimetres where it matters."""
    north = (lat - ticket.lat) * METRES_PAR_DEGRE
    east = (lon - ticket.lon) * METRES_PAR_DEGRE * cos(radians(ticket.lat))
    return hypot(east, north)


def forget_position(session: Session, signalement: Signalement) -> None:
    """Its author has put the pin where it belongs: what the photos had to say of it is forgotten."""
    session.execute(_set_position(_of(signalement) & Photo.position.is_not(None), None))


def forget_positions(session: Session, *, now: datetime) -> int:
    """Forget this territoire's offers older than OFFRE, taken up or not; how many there were.

    Their tickets are revised, so that copies of them forget too. One that somebody writes meanwhile waits for the next
    round: to hold many tickets and wait for one more would be a deadlock.
    """
    stale = (
        (Photo.territoire_id == session.territoire)
        & Photo.position.is_not(None)  # of no more use than the next line, but to the index
        & (Photo.position != OUBLIEE)
        & (Photo.preparee_le < now - OFFRE)
    )
    tickets = Signalement.territoire_id == session.territoire
    free = (
        select(Signalement.id)
        .where(tickets, Signalement.id.in_(select(Photo.signalement_id).where(stale)))
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    revised = (
        update(Signalement)
        .where(tickets, Signalement.id.in_(select(free.c.id)))
        .values(revision=Signalement.revision + 1, modifie_le=now)
        .returning(Signalement.id)
        .cte("revised")
    )
    forgotten = session.execute(_set_position(stale & Photo.signalement_id.in_(select(revised.c.id)), OUBLIEE))
    return int(forgotten.rowcount)  # type: ignore[attr-defined]


def _set_position(whose: ColumnElement[bool], position: Mapping[str, float] | None) -> Update:
    return update(Photo).where(whose).values(position=position).execution_options(synchronize_session=False)


def _of(ticket: Signalement) -> ColumnElement[bool]:
    return (Photo.territoire_id == ticket.territoire_id) & (Photo.signalement_id == ticket.id)


def refuse_photo(
    session: Session, photo: Photo, *, ticket: Signalement, motif: str, detail: str, now: datetime
) -> None:
    """It proved undecodable: its bytes are owed again, and its author's app is told why."""
    fact = _fact("photo.refusee", photo)
    refused = Fact(fact.type, fact.donnees | {"motif": motif, "detail": detail})
    touch(ticket, now=now)
    announce(session, [refused], signalement=ticket, author=SYSTEM, now=now)


def lock_ticket(session: Session, photo: Photo) -> Signalement:
    """Held: of two photos received at once, or a photo and a verb, each makes a revision of its own."""
    key = (photo.territoire_id, photo.signalement_id)
    return session.get_one(Signalement, key, with_for_update=True, populate_existing=True)


def _fact(type_: str, photo: Photo) -> Fact:
    return Fact(type_, {"photo": str(photo.id), "phase": photo.phase})
