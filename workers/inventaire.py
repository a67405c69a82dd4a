"""The rows against the store: files that nobody awaits are removed, rows without their file raise an alarm."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy import select

from relais.commands.photo import PERDUE, Place, cles_absentes, lire_cle, lock_ticket, recover_photo
from relais.queries.photo import photos_at, photos_gardees
from relais.stockage import Fichier
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.territoire import Territoire
from workers.means import Means

ORPHELIN = timedelta(days=30)
"""Longer than a phone keeps a draft: until then its signalement may still come, or come back from a backup."""

REMPLACE = timedelta(hours=1)
"""A reader who has begun to read the former print ends; nobody else is given its address."""

LOT = 500
TRANCHE = 5_000
"""Photos looked for in an hour by each worker: some seconds on a disk, minutes in a bucket; a million in eight days."""

NOMMEES = 20
"""Lost photos named one by one. A volume that is not mounted is one trouble, not five thousand."""

RONDE = "inventaire/ronde"
"""Where the rounds stopped, kept in the store itself: whichever worker goes on from there."""

_log = logging.getLogger("relais.inventaire")

Found = tuple[Fichier, Place]


def sweep(means: Means) -> int:
    """Remove what nobody awaits; how many files. An original holds a position: none is kept by accident.

    One that was thought lost, and is back, is received again.
    """
    removed = 0
    for prefixe in ("originaux", "photos"):
        for lot in _lots(means.stockage.cles(prefixe)):
            for file, place, photo in _with_rows(means, lot):
                if _back(file, place, photo):
                    _recover(means, file, place)
                elif _unwanted(file, place, photo):
                    removed += _remove(means, file, place)
    return removed


def _lots(files: Iterable[Fichier]) -> Iterator[list[Found]]:
    """A key that is not of ours is left alone."""
    ours = ((one, place) for one in files if (place := lire_cle(one.cle)) is not None)
    while lot := list(islice(ours, LOT)):
        yield lot


def _with_rows(means: Means, lot: list[Found]) -> list[tuple[Fichier, Place, Photo | None]]:
    by_territoire: dict[int, list[Found]] = defaultdict(list)
    for one in lot:
        by_territoire[one[1].territoire].append(one)
    found: list[tuple[Fichier, Place, Photo | None]] = []
    for territoire, files in by_territoire.items():
        with means.session(territoire) as session, session.begin():
            rows = photos_at(session, {place.key[1:] for _, place in files})
        found += ((file, place, rows.get(place.key[1:])) for file, place in files)
    return found


def _unwanted(file: Fichier, place: Place, photo: Photo | None) -> bool:
    age = datetime.now(UTC) - file.ecrit_le
    if photo is None:
        return age > ORPHELIN
    refused = photo.etat is EtatPhoto.REFUSEE
    if place.tirage is None:
        if place.original != photo.original:
            # Of an upload that nobody was told is kept, or that was replaced; or told, before a backup was restored.
            return age > ORPHELIN
        return photo.etat is EtatPhoto.PRETE or (refused and (photo.motif != PERDUE or age > ORPHELIN))
    if place.tirage > photo.tirage and not refused:
        # Of a worker that was killed before it said so, which the next one writes over; or the only print there is,
        # when the rows come back from a backup older than it.
        return age > ORPHELIN
    return age > REMPLACE and (refused or place.tirage < photo.tirage)


def _back(file: Fichier, place: Place, photo: Photo | None) -> bool:
    if photo is None or place.tirage is not None or place.original != photo.original:
        return False
    return (photo.etat, photo.motif, photo.octets) == (EtatPhoto.REFUSEE, PERDUE, file.octets)


def _recover(means: Means, file: Fichier, place: Place) -> None:
    """Unless its bytes, or another worker, came first."""
    with means.session(place.territoire) as session, session.begin():
        photo = session.get_one(Photo, place.key)
        lock_ticket(session, photo)
        session.refresh(photo, with_for_update=True)
        if _back(file, place, photo):
            recover_photo(session, photo, now=session.now)
            _log.warning("%s is back: its photo is owed no more", file.cle)


def _remove(means: Means, file: Fichier, place: Place) -> bool:
    """Looked at once more; no name is ever given twice, so that what is nobody's now is nobody's for ever."""
    with means.session(place.territoire) as session, session.begin():
        photo = session.get(Photo, place.key)
    if not _unwanted(file, place, photo):
        return False
    means.stockage.effacer(file.cle)
    _log.warning("%s is nobody's: removed", file.cle)
    return True


def inspect(means: Means) -> int:
    """Look for the files of the next TRANCHE of photos; how many files are missing, each told as an error."""
    photos = _next_photos(means)
    missing = [cle for photo in photos for cle in _missing(means, photo)]
    for cle in missing[:NOMMEES]:
        _log.error("%s is missing from the store: restore it; « relais doctor » lists all", cle)
    if len(missing) > NOMMEES:
        _log.error("%d more are missing: is the store of photos the one it was?", len(missing) - NOMMEES)
    _stop_at(means, photos[-1] if len(photos) == TRANCHE else None)
    return len(missing)


def _next_photos(means: Means) -> list[Photo]:
    with means.session() as session, session.begin():
        territoires = session.scalars(select(Territoire.id).order_by(Territoire.id)).all()
    found: list[Photo] = []
    start, apres = _stopped_at(means)
    for territoire in (one for one in territoires if one >= start):
        after = apres if territoire == start else None
        with means.session(territoire) as session, session.begin():
            found += photos_gardees(session, apres=after, limite=TRANCHE - len(found))
    return found


def _stop_at(means: Means, photo: Photo | None) -> None:
    if photo is None:
        means.stockage.effacer(RONDE)  # the next round is a new one
    else:
        means.stockage.ecrire(RONDE, f"{photo.territoire_id} {photo.signalement_id} {photo.id}".encode())


def _stopped_at(means: Means) -> tuple[int, tuple[UUID, UUID] | None]:
    try:
        with means.stockage.emprunter(RONDE) as path:
            territoire, signalement, photo = path.read_text().split()
    except FileNotFoundError:
        return 0, None
    return int(territoire), (UUID(signalement), UUID(photo))


def _missing(means: Means, photo: Photo) -> list[str]:
    """Asked again before it is told: a photo may have been printed anew while we looked."""
    if not cles_absentes(photo, means.stockage.existe):
        return []
    with means.session(photo.territoire_id) as session, session.begin():
        now = session.get(Photo, (photo.territoire_id, photo.signalement_id, photo.id))
    return cles_absentes(now, means.stockage.existe) if now is not None else []
