"""The bytes of a photo: received once, then cleaned by a worker, then the original is forgotten."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from relais.caller import Caller
from relais.commands.suivi import touch
from relais.db import Session
from relais.errors import EmpreinteDifferente, Fault, PhotoDejaRecue, PhotoNonDeclaree
from relais.outbox import SYSTEM, Author, Fact, announce
from relais.queries.signalement import get_signalement
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement


def cle_originale(photo: Photo) -> str:
    """Where the bytes wait to be cleaned. Never served."""
    return f"originaux/{photo.territoire_id}/{photo.signalement_id}/{photo.id}"


SUFFIXES = {"image": "jpg", "vignette": "webp"}


def cle_de_variante(photo: Photo, variante: str, *, tirage: int | None = None) -> str:
    """Where `image` (1600 px) and `vignette` (400 px) of a print lie, the last by default; also their address's end."""
    rank = photo.tirage if tirage is None else tirage
    return f"photos/{photo.territoire_id}/{photo.signalement_id}/{photo.id}.{rank}-{variante}.{SUFFIXES[variante]}"


def expect_photo(
    session: Session, *, caller: Caller, id: UUID, photo_id: UUID, sha256: str, octets: int
) -> tuple[Photo, bool]:
    """The declared photo these bytes are, and whether they are already here. The bytes are stored by the caller, next.

    Raises PhotoNonDeclaree, PhotoDejaRecue (other bytes came first) or EmpreinteDifferente (not what was announced).
    """
    ticket = get_signalement(session, caller=caller, id=id)
    photo = session.scalar(
        select(Photo)
        .where(Photo.territoire_id == ticket.territoire_id, Photo.signalement_id == ticket.id, Photo.id == photo_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if photo is None:
        raise PhotoNonDeclaree("Déclarez-la d'abord dans « photos » du signalement.")
    same = photo.sha256 == sha256
    if photo.etat in {EtatPhoto.RECUE, EtatPhoto.PRETE}:
        if not same:
            raise PhotoDejaRecue("Une photo reçue ne se remplace pas : déclarez-en une autre.")
        return photo, True
    if not same or photo.octets != octets:
        seen = f"Annoncé {photo.octets} octets, sha-256 {photo.sha256} ; reçu {octets} octets, sha-256 {sha256}."
        raise EmpreinteDifferente(errors=(Fault("/", seen),))
    return photo, False


def receive_photo(session: Session, *, caller: Caller, photo: Photo, now: datetime) -> Photo:
    """The bytes are durable: say so, and have them cleaned."""
    photo.etat, photo.recue_le, photo.motif = EtatPhoto.RECUE, now, None
    photo.due_at, photo.claims, photo.attempts = now, 0, 0
    ticket = _ticket(session, photo)
    touch(ticket, now=now)
    announce(session, [_fact("photo.ajoutee", photo)], signalement=ticket, author=Author.of(caller), now=now)
    return photo


def refuse_photo(session: Session, photo: Photo, *, motif: str, detail: str, now: datetime) -> None:
    """It proved undecodable: its bytes are owed again, and its author's app is told why."""
    ticket = _ticket(session, photo)
    fact = _fact("photo.refusee", photo)
    refused = Fact(fact.type, fact.donnees | {"motif": motif, "detail": detail})
    touch(ticket, now=now)
    announce(session, [refused], signalement=ticket, author=SYSTEM, now=now)


def _ticket(session: Session, photo: Photo) -> Signalement:
    """Held: of two photos received at once, or a photo and a verb, each makes a revision of its own."""
    key = (photo.territoire_id, photo.signalement_id)
    return session.get_one(Signalement, key, with_for_update=True, populate_existing=True)


def _fact(type_: str, photo: Photo) -> Fact:
    return Fact(type_, {"photo": str(photo.id), "phase": photo.phase})
