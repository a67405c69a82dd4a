"""Claim, act, settle: no transaction is open while the outside world is slow, and who is killed loses only time."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import case

from relais import outbox
from relais.tables.claimable import Claimable
from relais.tables.connexion import Defi
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.photo import EtatPhoto, Photo
from workers.handlers.code import send_code
from workers.handlers.courriel import send_mail
from workers.handlers.outcome import WAIT, Failed, Outcome, Refused, Sent, Waiting, delay
from workers.handlers.photo import keep_hidden, postpone, prepare_photo, refuse
from workers.handlers.webhook import post_webhook
from workers.means import Means

AT_ONCE = 4
"""Acts at once in one worker, and rows under one lease: each is under way within the lease that covers it.

Not the photos, which are printed one at a time: four would wait under a lease that ends before their turn, and pass for
what stops the workers without one of them having been opened.
"""

_log = logging.getLogger("relais.drain")
Row = TypeVar("Row", bound=Claimable)


def drain(means: Means, table: type[Row], act: Callable[[Means, Row], None], *, at_once: int = AT_ONCE) -> int:
    """Do all that is due in this table, so many at once, territoire by territoire. Returns how many were acted."""
    with means.session() as session, session.begin():
        territoires = outbox.territoires_due(session, table)
    return sum(_drain_one(means, territoire, table, act, at_once) for territoire in territoires)


def _drain_one(means: Means, territoire: int, table: type[Row], act: Callable[[Means, Row], None], at_once: int) -> int:
    done = 0
    with ThreadPoolExecutor(at_once) as pool:
        while not means.stopping.is_set():
            with means.session(territoire) as session, session.begin():
                rows = outbox.claim(session, table, now=session.now, limit=at_once)
            if not rows:
                break
            list(pool.map(lambda row: act(means, row), rows))
            done += len(rows)
    return done


def send_codes(means: Means) -> int:
    """Send the codes asked for."""
    return drain(means, Defi, send_code)


def deliver(means: Means) -> int:
    """Send what is promised: mails and webhooks."""
    return drain(means, Envoi, _deliver_one)


def prepare(means: Means) -> int:
    """Clean the photos that came."""
    return drain(means, Photo, _prepare_one, at_once=1)


def _deliver_one(means: Means, envoi: Envoi) -> None:
    _settle(means, envoi, _try(means, envoi))


def _try(means: Means, envoi: Envoi) -> Outcome:
    if envoi.claims - envoi.attempts > outbox.MAX_CLAIMS:
        return Refused("Abandonné : chaque worker qui l'a pris s'est arrêté avant de conclure.")
    try:
        return send_mail(means, envoi) if envoi.canal is Canal.COURRIEL else post_webhook(means, envoi)
    except Exception as unexpected:  # noqa: BLE001 - whatever one envoi provokes, the others must leave
        _log.exception("envoi %s failed unexpectedly", envoi.id)
        return Failed(f"{type(unexpected).__name__} : voir le journal du worker.")


def _settle(means: Means, envoi: Envoi, outcome: Outcome) -> None:
    attempts = envoi.attempts + 1
    with means.session(envoi.territoire_id) as session, session.begin():
        match outcome:
            case Sent(reponse):
                columns: dict[str, object] = {
                    "etat": EtatEnvoi.ENVOYE,
                    "envoye_le": session.now,
                    "due_at": None,
                    "reponse": reponse,
                    "erreur": None,
                }
            case Waiting(erreur):
                attempts = envoi.attempts
                columns = {"due_at": session.now + WAIT, "erreur": erreur, "claims": envoi.claims - 1}
            case Failed(erreur, reponse, after) if (wait := delay(attempts, asked=after)) is not None:
                columns = {"due_at": session.now + wait, "reponse": reponse, "erreur": erreur}
            case Failed(erreur, reponse) | Refused(erreur, reponse):
                # Cancelled while it was on the wire: nobody waits for it any more, and it is no alarm.
                dead = case((Envoi.etat == EtatEnvoi.ANNULE, EtatEnvoi.ANNULE), else_=EtatEnvoi.MORT)
                columns = {"etat": dead, "due_at": None, "reponse": reponse, "erreur": erreur}
                _log.error("envoi %s to %s is dead: %s", envoi.id, envoi.destinataire, erreur)
        outbox.settle(session, envoi, attempts=attempts, **columns)


def _prepare_one(means: Means, photo: Photo) -> None:
    try:
        poison = photo.etat is EtatPhoto.RECUE and photo.claims - photo.attempts > outbox.MAX_CLAIMS
        if not poison:
            prepare_photo(means, photo)
        elif photo.masques is not None:
            keep_hidden(means, photo, "every worker that opened it stopped")
        else:
            refuse(means, photo, "illisible", "Chaque worker qui l'a ouverte s'est arrêté ; prenez-en une autre.")
    except Exception:  # noqa: BLE001 - whatever one photo provokes, the others must be cleaned
        _log.exception("photo %s of %s failed; it is tried again", photo.id, photo.signalement_id)
        postpone(means, photo)
