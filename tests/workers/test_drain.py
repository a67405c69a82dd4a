"""What a worker does when the world outside fails it: it waits, it says so, and nothing acknowledged is lost."""

import io
import os
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from commands.factories import bring
from conftest import Ville
from PIL import Image
from sqlalchemy import select, text, update

from relais.boite import Boite, lire
from relais.caller import Door
from relais.commands.photo import cle_de_variante, cle_originale
from relais.commands.signalement import submit_signalement
from relais.mail import Smtp
from relais.rules.depot import Depot, PhotoDeclaree
from relais.stockage import Local
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Photo
from relais.wire import Wire
from workers.drain import deliver, prepare
from workers.handlers.photo import PERDUE_APRES
from workers.means import Means
from workers.menage import forget

PIXELS = io.BytesIO()
Image.new("RGB", (640, 480), "tan").save(PIXELS, "JPEG")
JPEG = PIXELS.getvalue()


@pytest.fixture
def means(ville, keys, settings, tmp_path):
    return Means(ville.bind, keys, settings, mailbox=None, wire=Wire(), stockage=Local(tmp_path / "depot"))


def send(ville: Ville, means: Means) -> Photo:
    """A signalement and the bytes of its photo, as the API keeps them."""
    declared = PhotoDeclaree(uuid4(), "avant", "image/jpeg", len(JPEG), sha256(JPEG).hexdigest())
    with ville.as_("relais") as session, session.begin():
        depot = Depot("proprete.depot_sauvage", session.now, lon=0.41237, lat=48.10562, photos=(declared,))
        id = uuid4()
        submit_signalement(session, caller=session.caller, id=id, depot=depot, now=session.now)
        return bring(session, id, declared, store=means.stockage, octets=JPEG)


def read(ville: Ville, photo: Photo) -> Photo:
    with ville.worker() as session, session.begin():
        return session.get_one(Photo, (photo.territoire_id, photo.signalement_id, photo.id), populate_existing=True)


def owner(ville: Ville, *statements) -> None:
    with ville.session(Door.OWNER) as session, session.begin():
        for statement in statements:
            session.execute(statement)


def mails(ville: Ville) -> list[Envoi]:
    with ville.worker() as session, session.begin():
        return list(session.scalars(select(Envoi).where(Envoi.canal == Canal.COURRIEL)))


def test_without_a_relay_mails_wait_and_leave_the_day_there_is_one(ville, means, tmp_path):
    send(ville, means)
    deliver(means)
    assert {(one.etat, one.attempts) for one in mails(ville)} == {(EtatEnvoi.EN_ATTENTE, 0)}
    assert "RELAIS_SMTP_URL" in mails(ville)[0].erreur
    ville.forward(days=30)
    with Boite(tmp_path / "courriels") as boite:
        deliver(Means(means.engine, means.keys, means.settings, Smtp(boite.url), means.wire, means.stockage))
    assert {one.etat for one in mails(ville)} == {EtatEnvoi.ENVOYE}
    assert len(lire(tmp_path / "courriels")) == len(mails(ville)) == 2


def test_a_disk_that_refuses_delays_a_photo_and_destroys_nothing(ville, means, tmp_path):
    photo = send(ville, means)
    blocked = tmp_path / "depot" / "fichiers" / "photos"
    blocked.write_text("not a folder: nothing can be written under it")
    for _ in range(20):
        prepare(means)
        ville.forward(minutes=2)
    waiting = read(ville, photo)
    assert (waiting.etat, waiting.claims) == (EtatPhoto.RECUE, waiting.attempts)
    assert means.stockage.existe(cle_originale(photo))
    blocked.unlink()
    prepare(means)
    assert read(ville, photo).etat is EtatPhoto.PRETE
    assert means.stockage.existe(cle_de_variante(read(ville, photo), "vignette"))
    assert not means.stockage.existe(cle_originale(photo))


@pytest.fixture
def volume(tmp_path) -> Callable[[], None]:
    """Call it to take the volume of the photos away, and again to bring it back: meanwhile its folder is empty."""
    mounted, elsewhere = tmp_path / "depot" / "fichiers", tmp_path / "elsewhere"

    def toggle() -> None:
        if elsewhere.exists():
            mounted.rmdir()
            elsewhere.rename(mounted)
        else:
            mounted.rename(elsewhere)
            mounted.mkdir()

    return toggle


def look(ville: Ville, means: Means, *, times: int, every: int = 65) -> None:
    """A worker at work, seen every so many minutes."""
    for _ in range(times):
        prepare(means)
        ville.forward(minutes=every)


@pytest.mark.parametrize(("times", "every"), [(14, 1), (60, 65)], ids=["minutes", "a week-end"])
def test_a_volume_that_comes_back_has_its_photos(times, every, ville, means, volume, caplog):
    photo = send(ville, means)
    volume()
    look(ville, means, times=times, every=every)
    waiting = read(ville, photo)
    assert (waiting.etat, waiting.claims) == (EtatPhoto.RECUE, waiting.attempts)
    assert str(photo.id) in next(one.getMessage() for one in caplog.records if one.levelname == "ERROR")
    volume()
    ville.forward(minutes=65)
    prepare(means)
    assert read(ville, photo).etat is EtatPhoto.PRETE


def test_a_photo_that_no_volume_brings_back_for_days_is_asked_for_and_taken_back_if_it_is_found(
    ville, means, volume, tmp_path
):
    photo = send(ville, means)
    volume()
    look(ville, means, times=PERDUE_APRES + 1)
    assert (read(ville, photo).etat, read(ville, photo).motif) == (EtatPhoto.REFUSEE, "perdue")
    volume()
    month = time.time() - timedelta(days=40).total_seconds()
    os.utime(tmp_path / "depot" / "fichiers" / cle_originale(photo), (month, month))
    forget(means)
    assert (read(ville, photo).etat, read(ville, photo).motif) == (EtatPhoto.RECUE, None)
    prepare(means)
    assert read(ville, photo).etat is EtatPhoto.PRETE
    with ville.worker() as session, session.begin():
        facts = select(Evenement.type).where(Evenement.signalement_id == photo.signalement_id).order_by(Evenement.rang)
        told = [one for one in session.scalars(facts) if one.startswith("photo.")]
    assert told == ["photo.ajoutee", "photo.refusee", "photo.ajoutee"]


def test_a_full_disk_costs_a_photo_none_of_its_looks(ville, means, tmp_path):
    """A missing file is owed again after so many: what was waited for before is not among them."""
    photo = send(ville, means)
    blocked = tmp_path / "depot" / "fichiers" / "photos"
    blocked.write_text("not a folder: nothing can be written under it")
    look(ville, means, times=PERDUE_APRES + 1, every=2)
    blocked.unlink()
    means.stockage.effacer(cle_originale(photo))
    prepare(means)
    assert (read(ville, photo).etat, read(ville, photo).attempts) == (EtatPhoto.RECUE, 1)


def test_a_photo_that_kills_whoever_opens_it_is_refused_and_its_author_told(ville, means):
    photo = send(ville, means)
    owner(ville, update(Photo).values(claims=12))
    prepare(means)
    assert (read(ville, photo).etat, read(ville, photo).motif) == (EtatPhoto.REFUSEE, "illisible")
    with ville.worker() as session, session.begin():
        told = session.scalars(select(Evenement.type).where(Evenement.signalement_id == photo.signalement_id)).all()
    assert "photo.refusee" in told


def test_a_mail_cancelled_on_the_wire_and_refused_is_no_alarm(ville, means):
    send(ville, means)
    owner(ville, text("UPDATE envoi SET etat = 'annule', claims = 13"))
    deliver(means)
    assert {one.etat for one in mails(ville)} == {EtatEnvoi.ANNULE}
