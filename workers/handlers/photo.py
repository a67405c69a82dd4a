"""Printing one photo: from its original, or painted over from its last print. What it was made from then goes."""

import logging
from datetime import timedelta

from relais import outbox
from relais.commands.photo import PERDUE, cle_de_variante, cle_originale, lock_ticket, ready_photo, refuse_photo
from relais.db import Session
from relais.media import PhotoRefusee, Variantes, masquer, preparer
from relais.stockage import PlusDePlace
from relais.tables.photo import EtatPhoto, Photo
from workers.handlers.outcome import WAIT
from workers.means import Means

PERDUE_APRES = 73
"""Looks at a missing file before it is owed again, in three days by `_patience`: a volume that is away from Friday to
Monday is no lost photo, and a phone does not keep its copies for ever."""

_log = logging.getLogger("relais.photos")


def prepare_photo(means: Means, photo: Photo) -> None:
    """A full disk or an absent volume only delays: an acknowledged photo is refused for what it is, never for that."""
    if photo.etat is EtatPhoto.RECUE:
        try:
            _keep(means, photo, _print(means, photo))
        except PhotoRefusee as refused:
            if photo.masques is not None:
                return keep_hidden(means, photo, refused.detail)
            refuse(means, photo, refused.motif, refused.detail)
        except FileNotFoundError:
            if photo.masques is not None:
                return keep_hidden(means, photo, "its print is missing from the store")
            _log.error("photo %s of %s: its row is here and its file is not", photo.id, photo.signalement_id)
            if photo.attempts < PERDUE_APRES:
                return _look_again(means, photo)
            refuse(means, photo, PERDUE, "L'image n'a pas été retrouvée ; renvoyez-la.")
        except (OSError, PlusDePlace) as trouble:
            _log.error("photo %s of %s waits: %r", photo.id, photo.signalement_id, trouble)
            return postpone(means, photo)
    return _forget_sources(means, photo)


def postpone(means: Means, photo: Photo) -> None:
    """The trouble is ours, or the disk's: no attempt is counted against the photo."""
    with means.session(photo.territoire_id) as session, session.begin():
        outbox.settle(session, photo, due_at=session.now + WAIT, claims=photo.claims - 1)


def keep_hidden(means: Means, photo: Photo, why: str) -> None:
    """What is to be painted over was a good photo: it waits for ever, shown to nobody, and is never owed unpainted.

    Not even when its print is lost: what was painted on it before is known to no one, and a phone would send it bare.
    """
    _log.error("photo %s of %s cannot be painted over: %s", photo.id, photo.signalement_id, why)
    _look_again(means, photo)


def _look_again(means: Means, photo: Photo) -> None:
    with means.session(photo.territoire_id) as session, session.begin():
        due_at = session.now + _patience(photo.attempts)
        outbox.settle(session, photo, due_at=due_at, attempts=photo.attempts + 1)


def _patience(attempts: int) -> timedelta:
    """A minute, then twice as long each time, up to an hour or so."""
    return WAIT * (1 << min(attempts, 6))


def refuse(means: Means, photo: Photo, motif: str, detail: str) -> None:
    """Its bytes are owed again."""
    with means.session(photo.territoire_id) as session, session.begin():
        ticket = lock_ticket(session, photo)
        if outbox.settle(session, photo, etat=EtatPhoto.REFUSEE, motif=motif, due_at=session.now):
            refuse_photo(session, photo, ticket=ticket, motif=motif, detail=detail, now=session.now)


def _print(means: Means, photo: Photo) -> Variantes:
    if photo.masques is None:
        with means.stockage.emprunter(cle_originale(photo)) as original:
            return means.atelier.faire(preparer, original)
    with means.stockage.emprunter(cle_de_variante(photo, "image")) as last:
        return means.atelier.faire(masquer, last, photo.masques)


def _keep(means: Means, photo: Photo, variantes: Variantes) -> None:
    """On disk, then shown. The ticket is locked before the photo, as by every verb, and for no file."""
    tirage, painted = photo.tirage + 1, photo.masques is not None
    with means.session(photo.territoire_id) as session, session.begin():
        held = _locked(session, photo)
        if held.lease_token != photo.lease_token:
            # Another worker has it, and may be further on: what was painted over since must not come back.
            return
        means.stockage.ecrire(cle_de_variante(photo, "image", tirage=tirage), variantes.image)
        means.stockage.ecrire(cle_de_variante(photo, "vignette", tirage=tirage), variantes.vignette)
    with means.session(photo.territoire_id) as session, session.begin():
        ticket = lock_ticket(session, photo)
        if outbox.settle(
            session,
            photo,
            etat=EtatPhoto.PRETE,
            tirage=tirage,
            largeur=variantes.largeur,
            hauteur=variantes.hauteur,
            blurhash=variantes.blurhash,
            masques=None,
            # The offer of its position runs from its first print: painting over it gives no more of it.
            preparee_le=photo.preparee_le if painted else session.now,
            due_at=session.now,
        ):
            ready_photo(session, photo, ticket=ticket, position=variantes.position, now=session.now)


def _forget_sources(means: Means, photo: Photo) -> None:
    """Under the row's lock, as a new upload is: the bytes removed are never those that have just come."""
    with means.session(photo.territoire_id) as session, session.begin():
        held = _locked(session, photo)
        if held.etat in {EtatPhoto.PRETE, EtatPhoto.REFUSEE}:
            if held.motif != PERDUE:  # it may have come back a moment ago: the inventory takes it
                means.stockage.effacer(cle_originale(held))
            # Of a photo that is owed again the last print goes too: a link given before must not open it.
            for tirage in range(1, held.tirage + (held.etat is EtatPhoto.REFUSEE)):
                means.stockage.effacer(cle_de_variante(held, "image", tirage=tirage))
                means.stockage.effacer(cle_de_variante(held, "vignette", tirage=tirage))
            held.due_at = held.lease_token = held.lease_until = None


def _locked(session: Session, photo: Photo) -> Photo:
    key = (photo.territoire_id, photo.signalement_id, photo.id)
    return session.get_one(Photo, key, with_for_update=True, populate_existing=True)
