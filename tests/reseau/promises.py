"""What Relais promises to a phone on a bad network, checked on what is written, on disk, and on what arrived."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from chaos.harness import PATIENCE, Town, owner
from journey.images import ressemblance
from PIL import Image, ImageOps
from reseau.telephone import Etape, Fiche
from sqlalchemy import select

from relais.boite import lire
from relais.commands.photo import SUFFIXES, cle_de_variante, cle_originale
from relais.stockage import Local
from relais.tables.envoi import Envoi
from relais.tables.evenement import Evenement
from relais.tables.idempotence import Idempotence
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement
from relais.tables.territoire import Compteur

ALIKE = 0.95
"""Correlation of greys from which two pictures show the same thing."""

Found = Mapping[str, Sequence[object]]
Row = TypeVar("Row")


def once_each(town: Town, fiches: Sequence[Fiche]) -> Found:
    """What holds as soon as the phones have sent everything; only what is broken."""
    tickets = _all(town, Signalement)
    names = {_name(fiche) for fiche in fiches}
    ours = {one.id: one for one in tickets if one.description in names}
    photos = [photo for photo in _all(town, Photo) if photo.signalement_id in ours]
    kept = Counter(one.description for one in ours.values())
    here, there = Counter(photo.sha256 for photo in photos), Counter(_digests(fiches).keys())
    journal = _all(town, Evenement)
    recus = Counter(event.signalement_id for event in journal if event.type == "signalement.recu")
    came = Counter(event.donnees["photo"] for event in journal if event.type == "photo.ajoutee")
    accuses = Counter(envoi.signalement_id for envoi in _all(town, Envoi) if envoi.gabarit == "accuse")
    return _broken(
        {
            "not sent": [(_name(fiche), fiche.etape) for fiche in fiches if fiche.etape is not Etape.ENVOYEE],
            "photo given up": [fiche.abandonnees for fiche in fiches if fiche.abandonnees],
            "lost": [name for name in names if not kept[name]],
            "sent twice": [name for name, times in kept.items() if times > 1],
            "not what its phone was told": [_name(fiche) for fiche in fiches if not _told(fiche, ours)],
            "told twice or never": [id for id in ours if recus[id] != 1],
            "acknowledged twice or never": [id for id in ours if accuses[id] != 1],
            "photo lost": list((there - here).elements()),
            "photo twice": list((here - there).elements()),
            "photo owed": [photo.id for photo in photos if photo.etat in {EtatPhoto.ATTENDUE, EtatPhoto.REFUSEE}],
            "photo told twice or never": [photo.id for photo in photos if came[str(photo.id)] != 1],
            "number skipped or given twice": _numbering(town, tickets),
            "upload left behind": _left_behind(town),
        }
    )


def traces(town: Town, refused: Sequence[Fiche]) -> list[str]:
    """What was kept of what was refused for good: nothing may be."""
    names, clefs = {_name(fiche) for fiche in refused}, {str(fiche.id) for fiche in refused}
    tickets = [one.numero for one in _all(town, Signalement) if one.description in names]
    return tickets + [one.clef for one in _all(town, Idempotence) if one.clef in clefs]


def originals_whole(town: Town, fiches: Sequence[Fiche]) -> Found:
    """Before any worker: what waits on disk is what the phones hold, byte for byte."""
    stockage, held = Local(town.folder / "fichiers"), set(_digests(fiches))
    photos = [photo for photo in _all(town, Photo) if photo.sha256 in held]
    return _broken({"original altered": [photo.id for photo in photos if _kept(stockage, photo) != photo.sha256]})


def ready_and_true(town: Town, fiches: Sequence[Fiche]) -> Found:
    """Once the workers have nothing left to do."""
    stockage, images = Local(town.folder / "fichiers"), _digests(fiches)
    photos = _all(town, Photo)
    ready = [photo for photo in photos if photo.sha256 in images and photo.etat is EtatPhoto.PRETE]
    expected = {cle for photo in photos for cle in _files(photo)}
    there = {fichier.cle for room in ("originaux", "photos") for fichier in stockage.cles(room)}
    mails = Counter(mail.message_id.strip("<>").partition("@")[0] for mail in lire(town.boite.dossier))
    heard = Counter(_heard(town))
    told = [fiche.recu["id"] for fiche in fiches if fiche.recu]
    accuses = [one for one in _all(town, Envoi) if one.gabarit == "accuse" and str(one.signalement_id) in told]
    return _broken(
        {
            "photo not ready": sorted(set(images) - {photo.sha256 for photo in ready}),
            "photo of another size": [
                photo.id for photo in ready if (photo.largeur, photo.hauteur) != _size(images[photo.sha256])
            ],
            "photo of something else": [
                photo.id for photo in ready if not _shows(stockage, photo, images[photo.sha256])
            ],
            "file of nobody": sorted(there - expected),
            "file missing": sorted(expected - there),
            "accusé not received once": [one.id for one in accuses if mails[str(one.id)] != 1],
            "partner not told once": [id for id in told if heard[id] != 1],
        }
    )


def _all(town: Town, table: type[Row]) -> Sequence[Row]:
    with owner(town.engine) as session, session.begin():
        return session.scalars(select(table)).all()


def _broken(found: Found) -> Found:
    return {name: what[:5] for name, what in found.items() if what}


def _name(fiche: Fiche) -> str:
    return fiche.corps["description"]


def _digests(fiches: Sequence[Fiche]) -> dict[str, Path]:
    return {photo["sha256"]: fiche.octets[photo["id"]] for fiche in fiches for photo in fiche.corps.get("photos", ())}


def _told(fiche: Fiche, tickets: Mapping[UUID, Signalement]) -> bool:
    ticket = tickets.get(UUID(fiche.recu["id"])) if fiche.recu else None
    return ticket is not None and (ticket.description, ticket.numero) == (_name(fiche), fiche.recu["numero"])


def _numbering(town: Town, tickets: Sequence[Signalement]) -> list[object]:
    """A creation rolled back gives its number back: 1, 2, 3… and the counter at the last one."""
    ranks = sorted(int(one.numero.rpartition("-")[2]) for one in tickets)
    last = [compteur.dernier for compteur in _all(town, Compteur)]
    return [] if ranks == list(range(1, len(tickets) + 1)) and last == [len(tickets)] else [last, ranks]


def _left_behind(town: Town) -> list[Path]:
    """Of uploads cut in the middle, once the server has had the time to see that they were."""
    start = time.monotonic()
    while (drafts := list((town.folder / "fichiers" / ".tmp").iterdir())) and time.monotonic() - start < PATIENCE:
        time.sleep(0.1)
    return drafts


def _kept(stockage: Local, photo: Photo) -> str:
    with stockage.emprunter(cle_originale(photo)) as file:
        return sha256(file.read_bytes()).hexdigest()


def _size(file: Path) -> tuple[int, int]:
    with Image.open(file) as picture:
        return ImageOps.exif_transpose(picture).size


def _files(photo: Photo) -> Iterator[str]:
    if photo.etat is EtatPhoto.RECUE:
        yield cle_originale(photo)
    if photo.etat is EtatPhoto.PRETE:
        yield from (cle_de_variante(photo, name) for name in SUFFIXES)


def _shows(stockage: Local, photo: Photo, original: Path) -> bool:
    with stockage.emprunter(cle_de_variante(photo, "image")) as file:
        return ressemblance(file.read_bytes(), original) >= ALIKE


def _heard(town: Town) -> Iterator[str]:
    """The signalements the partner was told of, once for each webhook id, however often that one came."""
    for post in {post.id: post for post in town.partner.received}.values():
        told = json.loads(post.body)
        if told["type"] == "signalement.recu" and post.signed:
            yield told["data"]["signalement"]["id"]
