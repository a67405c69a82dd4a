"""Printing one photo: from its original, or painted over from its last print. What it was made from then goes."""

import logging
from datetime import timedelta

from relais import outbox
from relais.commands.photo import (
    PERDUE,
    SUFFIXES,
    cle_de_variante,
    cle_originale,
    lock_ticket,
    ready_photo,
    refuse_photo,
)
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
    """On disk, then shown. No transaction is open while the store is written to: it may be a bucket, and silent."""
    tirage = _next_tirage(means, photo)
    if tirage is None:
        # Another worker has it, and may be further on: what was painted over since must not come back.
        return
    prints = {"image": variantes.image, "vignette": variantes.vignette}
    keys = {variante: cle_de_variante(photo, variante, tirage=tirage) for variante in prints}
    for variante, octets in prints.items():
        means.stockage.ecrire(keys[variante], octets)
    if not _show(means, photo, variantes, tirage):
        for cle in keys.values():
            means.stockage.effacer(cle)


def _next_tirage(means: Means, photo: Photo) -> int | None:
    """A number for this attempt alone. None: the lease is lost."""
    with means.session(photo.territoire_id) as session, session.begin():
        held = _locked(session, photo)
        if held.lease_token != photo.lease_token:
            return None
        held.essais_de_tirage += 1
        return held.essais_de_tirage


def _show(means: Means, photo: Photo, variantes: Variantes, tirage: int) -> bool:
    """The ticket is locked before the photo, as by every verb. False: the lease was lost, and nothing is shown."""
    painted = photo.masques is not None
    with means.session(photo.territoire_id) as session, session.begin():
        ticket = lock_ticket(session, photo)
        shown = outbox.settle(
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
        )
        if shown:
            ready_photo(session, photo, ticket=ticket, position=variantes.position, now=session.now)
        return shown


def _forget_sources(means: Means, photo: Photo) -> None:
    """What it was made from, and the prints that are not the one to show.

    None of their names serves again: what has just come is not among them, and no lock is held while they are removed.
    """
    with means.session(photo.territoire_id) as session, session.begin():
        held = session.get_one(Photo, (photo.territoire_id, photo.signalement_id, photo.id))
    if held.etat not in {EtatPhoto.PRETE, EtatPhoto.REFUSEE}:
        return
    for cle in _sources(held):
        means.stockage.effacer(cle)
    with means.session(photo.territoire_id) as session, session.begin():
        now = _locked(session, photo)
        if (now.etat, now.original, now.tirage) == (held.etat, held.original, held.tirage):
            now.due_at = now.lease_token = now.lease_until = None


def _sources(photo: Photo) -> list[str]:
    found = [] if photo.motif == PERDUE else [cle_originale(photo)]  # it may have come back: the inventory takes it
    # Of a photo that is owed again the last print goes too: a link given before must not open it.
    shown = photo.tirage if photo.etat is EtatPhoto.PRETE else None
    for tirage in range(1, photo.essais_de_tirage + 1):
        if tirage != shown:
            found += [cle_de_variante(photo, variante, tirage=tirage) for variante in SUFFIXES]
    return found


def _locked(session: Session, photo: Photo) -> Photo:
    key = (photo.territoire_id, photo.signalement_id, photo.id)
    return session.get_one(Photo, key, with_for_update=True, populate_existing=True)
