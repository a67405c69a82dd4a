"""Cleaning one photo: upright, without metadata, in two sizes. The original goes once the clean ones are safe."""

import logging

from relais import outbox
from relais.commands.photo import cle_de_variante, cle_originale, refuse_photo
from relais.db import Session
from relais.media import PhotoRefusee, Variantes, preparer
from relais.stockage import PlusDePlace
from relais.tables.photo import EtatPhoto, Photo
from workers.handlers.outcome import WAIT
from workers.means import Means

PERDUE_APRES = 10
"""Looks at a missing file before it is owed again: a volume not mounted yet is not a lost photo."""

_log = logging.getLogger("relais.photos")


def prepare_photo(means: Means, photo: Photo) -> None:
    """A full disk or an absent volume only delays: an acknowledged photo is refused for what it is, never for that."""
    if photo.etat is EtatPhoto.RECUE:
        try:
            _keep(means, photo, preparer(means.stockage.chemin(cle_originale(photo))))
        except PhotoRefusee as refused:
            refuse(means, photo, refused.motif, refused.detail)
        except FileNotFoundError:
            _log.error("photo %s of %s: its row is here and its file is not", photo.id, photo.signalement_id)
            if photo.attempts < PERDUE_APRES:
                return postpone(means, photo)
            refuse(means, photo, "perdue", "L'image n'a pas été retrouvée ; renvoyez-la.")
        except (OSError, PlusDePlace) as trouble:
            _log.error("photo %s of %s waits: %r", photo.id, photo.signalement_id, trouble)
            return postpone(means, photo)
    return _forget_original(means, photo)


def postpone(means: Means, photo: Photo) -> None:
    with means.session(photo.territoire_id) as session, session.begin():
        outbox.settle(session, photo, due_at=session.now + WAIT, attempts=photo.attempts + 1)


def refuse(means: Means, photo: Photo, motif: str, detail: str) -> None:
    with means.session(photo.territoire_id) as session, session.begin():
        if outbox.settle(session, photo, etat=EtatPhoto.REFUSEE, motif=motif, due_at=session.now):
            refuse_photo(session, photo, motif=motif, detail=detail, now=session.now)


def _keep(means: Means, photo: Photo, variantes: Variantes) -> None:
    means.stockage.ecrire(cle_de_variante(photo, "image"), variantes.image)
    means.stockage.ecrire(cle_de_variante(photo, "vignette"), variantes.vignette)
    with means.session(photo.territoire_id) as session, session.begin():
        outbox.settle(
            session,
            photo,
            etat=EtatPhoto.PRETE,
            largeur=variantes.largeur,
            hauteur=variantes.hauteur,
            due_at=session.now,
        )


def _forget_original(means: Means, photo: Photo) -> None:
    """Under the row's lock, as a new upload is: the bytes removed are never those that have just come."""
    with means.session(photo.territoire_id) as session, session.begin():
        held = _locked(session, photo)
        if held.etat in {EtatPhoto.PRETE, EtatPhoto.REFUSEE}:
            means.stockage.effacer(cle_originale(held))
            held.due_at = held.lease_token = held.lease_until = None


def _locked(session: Session, photo: Photo) -> Photo:
    key = (photo.territoire_id, photo.signalement_id, photo.id)
    return session.get_one(Photo, key, with_for_update=True, populate_existing=True)
