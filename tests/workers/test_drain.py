"""What a worker does when the world outside fails it: it waits, it says so, and nothing acknowledged is lost."""

import io
import os
import time
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from conftest import MARDI, Ville
from PIL import Image
from sqlalchemy import select, text, update

from relais.boite import Boite, lire
from relais.caller import Door
from relais.commands.idempotence import GARDE
from relais.commands.photo import cle_de_variante, cle_originale, expect_photo, receive_photo
from relais.commands.signalement import submit_signalement
from relais.db import make_engine
from relais.mail import Smtp
from relais.rules.depot import Depot, PhotoDeclaree
from relais.stockage import Local
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.evenement import Evenement
from relais.tables.idempotence import Idempotence
from relais.tables.photo import EtatPhoto, Photo
from relais.wire import Wire
from workers.drain import deliver, prepare
from workers.handlers.photo import PERDUE_APRES
from workers.means import Means
from workers.menage import ABANDON, forget

PIXELS = io.BytesIO()
Image.new("RGB", (640, 480), "tan").save(PIXELS, "JPEG")
JPEG = PIXELS.getvalue()


@pytest.fixture
def ville(clone):
    engine = make_engine(clone())
    town = Ville(engine)
    town.at(MARDI)
    yield town
    engine.dispose()


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
        who = {"caller": session.caller, "id": id, "photo_id": declared.id}
        photo, _ = expect_photo(session, **who, sha256=declared.sha256, octets=declared.octets)
        means.stockage.ecrire(cle_originale(photo), JPEG)
        return receive_photo(session, caller=session.caller, photo=photo, now=session.now)


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
    assert means.stockage.existe(cle_de_variante(photo, "vignette"))
    assert not means.stockage.existe(cle_originale(photo))


def test_a_volume_that_comes_back_has_its_photos_and_one_that_does_not_has_them_sent_again(ville, means, tmp_path):
    photo, originals = send(ville, means), tmp_path / "depot" / "fichiers" / "originaux"
    originals.rename(tmp_path / "elsewhere")
    prepare(means)
    assert read(ville, photo).etat is EtatPhoto.RECUE
    (tmp_path / "elsewhere").rename(originals)
    ville.forward(minutes=2)
    prepare(means)
    assert read(ville, photo).etat is EtatPhoto.PRETE
    lost = send(ville, means)
    means.stockage.effacer(cle_originale(lost))
    for _ in range(PERDUE_APRES + 1):
        prepare(means)
        ville.forward(minutes=2)
    assert (read(ville, lost).etat, read(ville, lost).motif) == (EtatPhoto.REFUSEE, "perdue")


def test_a_photo_that_kills_whoever_opens_it_is_refused_and_its_author_told(ville, means):
    photo = send(ville, means)
    owner(ville, update(Photo).values(claims=12))
    prepare(means)
    assert (read(ville, photo).etat, read(ville, photo).motif) == (EtatPhoto.REFUSEE, "illisible")
    with ville.worker() as session, session.begin():
        told = session.scalars(select(Evenement.type).where(Evenement.signalement_id == photo.signalement_id)).all()
    assert "photo.refusee" in told


def test_what_was_cut_in_the_middle_is_forgotten_after_a_day(ville, means):
    photo, yesterday = send(ville, means), time.time() - ABANDON.total_seconds() - 60
    cut, fresh = means.stockage.brouillon(), means.stockage.brouillon()
    cut.write_bytes(JPEG)
    fresh.write_bytes(JPEG)
    stray = f"originaux/{photo.territoire_id}/{photo.signalement_id}/{uuid4()}"
    means.stockage.ecrire(stray, JPEG)
    for old in (cut, means.stockage.chemin(stray), means.stockage.chemin(cle_originale(photo))):
        os.utime(old, (yesterday, yesterday))
    assert forget(means) == 2
    assert (cut.exists(), fresh.exists()) == (False, True)
    assert not means.stockage.existe(stray)
    assert means.stockage.existe(cle_originale(photo)), "a worker still awaits it"


def test_an_answer_kept_for_seven_days_is_forgotten_then(ville, means):
    with ville.worker() as session, session.begin():
        row = {
            "territoire_id": session.territoire,
            "qui": "x",
            "route": "y",
            "empreinte": "e",
            "statut": 201,
            "corps": b"",
        }
        now = session.now
    for clef, age in (("old", GARDE + timedelta(hours=1)), ("young", GARDE - timedelta(hours=1))):
        with ville.session(Door.OWNER) as session, session.begin():
            session.add(Idempotence(**row, clef=clef, cree_le=now - age))
    forget(means)
    with ville.session(Door.OWNER) as session, session.begin():
        assert session.scalars(select(Idempotence.clef)).all() == ["young"]


def test_a_mail_cancelled_on_the_wire_and_refused_is_no_alarm(ville, means):
    send(ville, means)
    owner(ville, text("UPDATE envoi SET etat = 'annule', claims = 13"))
    deliver(means)
    assert {one.etat for one in mails(ville)} == {EtatEnvoi.ANNULE}
