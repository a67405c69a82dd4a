"""The bytes of a photo: received once, then cleaned by a worker, then the original is forgotten."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Update, bindparam, exists, select, update
from sqlalchemy.orm import load_only

from relais.caller import Caller
from relais.commands.suivi import REVISED, touch
from relais.db import Session
from relais.errors import EmpreinteDifferente, Fault, PhotoDejaRecue, PhotoNonDeclaree, SignalementIntrouvable
from relais.outbox import RESUME, SYSTEM, Author, Fact, announce
from relais.queries.referentiel import referentiel
from relais.queries.signalement import get_signalement
from relais.rules.carte import en_france
from relais.rules.evenements import TypeEvenement
from relais.rules.voisinage import metres
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Phase, Photo
from relais.tables.signalement import Signalement

OFFRE = timedelta(hours=24)
"""How long the place where a photo was taken is offered to its author: the evening after, and no longer."""

AILLEURS_M = 30.0
"""From there on, a phone's own position and that of its photo are two places."""

OUBLIEE: dict[str, float] = {}
"""What is left of a position once forgotten: that it was offered, for no other of its ticket is."""

PERDUE = "perdue"
"""The motif of a photo whose file was not found for days. Good bytes: if they come back, they are wanted."""


class PhotoTenue(NamedTuple):
    """A photo of a signalement that is held, as far as receiving its bytes goes."""

    id: UUID
    phase: Phase
    etat: EtatPhoto
    motif: str | None
    octets: int
    sha256: str
    original: UUID | None
    masques: list[dict[str, Any]] | None

    @property
    def manque(self) -> bool:
        return self.etat in {EtatPhoto.ATTENDUE, EtatPhoto.REFUSEE}


# The ticket, then its photos, as every verb takes them: the other way round, a correction of its author who still sends
# his photos would be a deadlock. Written once: to build such a statement costs two or three times what it does.
_TICKET = (
    select(Signalement.territoire_id, Signalement.id, Signalement.auteur_id, Signalement.acteur)
    .where(Signalement.territoire_id == bindparam("territoire"), Signalement.id == bindparam("signalement"))
    .with_for_update()
    .cte("ticket")
)
_PHOTOS = (
    select(
        *(_TICKET.c[name] for name in ("auteur_id", "acteur")),
        *(getattr(Photo, name) for name in PhotoTenue._fields),
    )
    .join(_TICKET, (_TICKET.c.territoire_id == Photo.territoire_id) & (_TICKET.c.id == Photo.signalement_id))
    .order_by(Photo.rang)
    .with_for_update(of=Photo)
)
_RECEIVED = REVISED.add_cte(
    update(Photo)
    .where(
        Photo.territoire_id == bindparam("territoire"),
        Photo.signalement_id == bindparam("signalement"),
        Photo.id == bindparam("photo"),
    )
    .values(
        etat=EtatPhoto.RECUE,
        original=bindparam("original"),
        recue_le=bindparam("now"),
        motif=None,
        due_at=bindparam("now"),
        claims=0,
        attempts=0,
    )
    .cte("received")
).options(load_only(*(getattr(Signalement, name) for name in RESUME)))

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CLE = re.compile(
    rf"(?:originaux|photos)/([0-9]{{1,9}})/({_UUID})[./]({_UUID})(?:\.(?:({_UUID})|([0-9]{{1,9}})-[a-z.]+))?"
)


def cle_d_un_envoi(territoire: int, signalement: UUID, photo: UUID, original: UUID) -> str:
    """Where the bytes of one upload lie. In one folder: each folder more is a sync more before the answer."""
    return f"originaux/{territoire}/{signalement}.{photo}.{original}"


def cle_originale(photo: Photo) -> str:
    """Where the bytes wait to be cleaned. Never served."""
    return _cle_gardee(photo.territoire_id, photo.signalement_id, photo.id, photo.original)


def _cle_gardee(territoire: int, signalement: UUID, photo: UUID, original: UUID | None) -> str:
    if original is None:  # received before uploads had names
        return f"originaux/{territoire}/{signalement}/{photo}"
    return cle_d_un_envoi(territoire, signalement, photo, original)


SUFFIXES = {"image": "jpg", "vignette": "webp"}


def cle_de_variante(photo: Photo, variante: str, *, tirage: int | None = None) -> str:
    """Where `image` (1600 px) and `vignette` (400 px) of a print lie, the last by default; also their address's end."""
    rank = photo.tirage if tirage is None else tirage
    return f"photos/{photo.territoire_id}/{photo.signalement_id}/{photo.id}.{rank}-{variante}.{SUFFIXES[variante]}"


@dataclass(frozen=True)
class Place:
    """What a key says: whose bytes they are, of which upload, or of which print (`tirage` None: an original)."""

    territoire: int
    signalement: UUID
    photo: UUID
    original: UUID | None
    tirage: int | None

    @property
    def key(self) -> tuple[int, UUID, UUID]:
        return self.territoire, self.signalement, self.photo


def lire_cle(cle: str) -> Place | None:
    """None: no photo of ours is kept under such a key."""
    found = _CLE.fullmatch(cle)
    if found is None:
        return None
    territoire, signalement, photo, original, tirage = found.groups()
    return Place(
        int(territoire),
        UUID(signalement),
        UUID(photo),
        UUID(original) if original else None,
        int(tirage) if tirage else None,
    )


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


@dataclass(frozen=True)
class Accueil:
    """What became of bytes brought for a photo, and all the photos of its signalement as they are now.

    `adoptees`: it is made of them from now on. If not, it has the same already: under `gardee` where they still wait to
    be cleaned, None once they are.
    """

    signalement: UUID
    numero: str
    revision: int
    photos: tuple[PhotoTenue, ...]
    adoptees: bool
    gardee: str | None = None


def receive_photo(
    session: Session,
    *,
    caller: Caller,
    id: UUID,
    photo_id: UUID,
    original: UUID,
    sha256: str,
    octets: int,
    perdue: str | None = None,
    now: datetime,
) -> Accueil:
    """The bytes of this upload are durable, under `cle_d_un_envoi`: say so, and have them cleaned.

    `perdue`: the key of those received before, which the store has lost: the phone still has them, and nobody else.
    Raises PhotoNonDeclaree, PhotoDejaRecue (other bytes came first) or EmpreinteDifferente (not what was announced).
    """
    photos = _held(session, caller, id)
    photo = next((one for one in photos if one.id == photo_id), None)
    if photo is None:
        raise PhotoNonDeclaree("Déclarez-la d'abord dans « photos » du signalement.")
    if not photo.manque:
        if photo.sha256 != sha256:
            raise PhotoDejaRecue("Une photo reçue ne se remplace pas : déclarez-en une autre.")
        waiting = photo.etat is EtatPhoto.RECUE and photo.masques is None
        gardee = _cle_gardee(session.territoire, id, photo_id, photo.original) if waiting else None
        if perdue is None or perdue != gardee:
            ticket = get_signalement(session, caller=caller, id=id)
            return Accueil(ticket.id, ticket.numero, ticket.revision, photos, adoptees=False, gardee=gardee)
    if photo.sha256 != sha256 or photo.octets != octets:
        seen = f"Annoncé {photo.octets} octets, sha-256 {photo.sha256} ; reçu {octets} octets, sha-256 {sha256}."
        raise EmpreinteDifferente(errors=(Fault("/", seen),))
    key = (session.territoire, id, photo_id)
    ticket = _received(session, key, photo.phase, original, author=Author.of(caller), now=now)
    after = tuple(one._replace(etat=EtatPhoto.RECUE, motif=None) if one is photo else one for one in photos)
    return Accueil(ticket.id, ticket.numero, ticket.revision, after, adoptees=True)


def _held(session: Session, caller: Caller, id: UUID) -> tuple[PhotoTenue, ...]:
    """The photos of the signalement, held with it. Raises SignalementIntrouvable."""
    found = session.execute(_PHOTOS, {"territoire": session.territoire, "signalement": id}).all()
    if not found:
        get_signalement(session, caller=caller, id=id)
        return ()
    if not caller.portee.couvre(auteur=found[0].auteur_id, acteur=found[0].acteur):
        raise SignalementIntrouvable
    return tuple(PhotoTenue(*row[2:]) for row in found)


def recover_photo(session: Session, photo: Photo, *, now: datetime) -> Signalement:
    """The file of a photo refused as PERDUE is back: it is owed no more. Its ticket is locked, then itself."""
    key = (photo.territoire_id, photo.signalement_id, photo.id)
    return _received(session, key, photo.phase, photo.original, author=SYSTEM, now=now)


def _received(
    session: Session,
    key: tuple[int, UUID, UUID],
    phase: Phase,
    original: UUID | None,
    *,
    author: Author,
    now: datetime,
) -> Signalement:
    territoire, signalement, photo = key
    said = {"territoire": territoire, "signalement": signalement, "photo": photo, "original": original, "now": now}
    ticket = session.scalars(_RECEIVED, said).one()
    announce(session, [_fact("photo.ajoutee", photo, phase)], signalement=ticket, author=author, now=now)
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
    if located and metres((ticket.lon, ticket.lat), (lon, lat)) <= AILLEURS_M:
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
    fact = _fact("photo.refusee", photo.id, photo.phase)
    refused = Fact(fact.type, fact.donnees | {"motif": motif, "detail": detail})
    touch(ticket, now=now)
    announce(session, [refused], signalement=ticket, author=SYSTEM, now=now)


def lock_ticket(session: Session, photo: Photo) -> Signalement:
    """Held: of two photos received at once, or a photo and a verb, each makes a revision of its own."""
    key = (photo.territoire_id, photo.signalement_id)
    return session.get_one(Signalement, key, with_for_update=True, populate_existing=True)


def _fact(type_: str, photo: UUID, phase: Phase) -> Fact:
    return Fact(type_, {"photo": str(photo), "phase": phase})
