"""What a worker tidies by itself, and what it must never touch; and the alarm when a row has lost its file."""

import logging
import os
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from conftest import Ville
from sqlalchemy import select, update

from relais.caller import Door
from relais.commands.idempotence import GARDE
from relais.commands.photo import PERDUE, cle_de_variante, cle_originale, cles_attendues, lire_cle
from relais.commands.signalement import submit_signalement
from relais.rules.depot import Depot, PhotoDeclaree
from relais.settings import Settings
from relais.stockage import open_stockage
from relais.tables.idempotence import Idempotence
from relais.tables.photo import EtatPhoto, Photo
from relais.wire import Wire
from workers import inventaire
from workers.inventaire import ORPHELIN, REMPLACE, inspect, sweep
from workers.means import Means
from workers.menage import ABANDON, forget

MINUTE = timedelta(minutes=1)


@pytest.fixture
def means(ville, keys, settings, tmp_path):
    stockage = open_stockage(Settings(data_dir=tmp_path))
    return Means(ville.bind, keys, settings, mailbox=None, wire=Wire(), stockage=stockage)


def declare(ville: Ville, etat: EtatPhoto, *, tirage: int = 0, **columns) -> Photo:
    """A signalement whose photo is in that state; nothing is in the store yet."""
    photo = PhotoDeclaree(uuid4(), "avant", "image/jpeg", 5, "9f" * 32)
    with ville.as_("relais") as session, session.begin():
        depot = Depot("proprete.depot_sauvage", session.now, lon=0.41237, lat=48.10562, photos=(photo,))
        ticket, _ = submit_signalement(session, caller=session.caller, id=uuid4(), depot=depot, now=session.now)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Photo).where(Photo.id == photo.id).values(etat=etat, tirage=tirage, **columns))
        return session.scalars(select(Photo).where(Photo.signalement_id == ticket.id)).one()


def keep(means: Means, cle: str, age: timedelta = timedelta()) -> str:
    means.stockage.ecrire(cle, b"photo")
    with means.stockage.emprunter(cle) as path:  # on a disk it is the file itself
        os.utime(path, (written := time.time() - age.total_seconds(), written))
    return cle


def test_an_upload_cut_in_the_middle_is_forgotten_after_a_day(means):
    cut, fresh = means.stockage.brouillon(), means.stockage.brouillon()
    for draft in (cut, fresh):
        draft.write_bytes(b"half a pho")
    os.utime(cut, (old := time.time() - (ABANDON + MINUTE).total_seconds(), old))
    assert forget(means) == 1
    assert (cut.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize(
    ("etat", "kept"),
    [("attendue", True), ("recue", True), ("prete", False), ("refusee", False)],
)
def test_an_original_stays_as_long_as_its_signalement_has_a_use_for_it(etat, kept, ville, means):
    """However old: a worker may have been away for a month. And at once when it has none: it holds a position."""
    photos = [declare(ville, EtatPhoto(etat)) for _ in range(2)]
    keep(means, cle_originale(photos[0]))
    keep(means, cle_originale(photos[1]), age=timedelta(days=400))
    assert sweep(means) == (0 if kept else 2)
    assert [means.stockage.existe(cle_originale(photo)) for photo in photos] == [kept, kept]


def test_what_no_signalement_declares_is_kept_thirty_days(means):
    """Its signalement may still come from the phone, or come back from a backup."""
    strangers = [f"1/{uuid4()}/{uuid4()}" for _ in range(4)]
    young = [keep(means, f"originaux/{strangers[0]}", ORPHELIN - MINUTE)]
    young.append(keep(means, f"photos/{strangers[1]}.1-image.jpg", ORPHELIN - MINUTE))
    old = [keep(means, f"originaux/{strangers[2]}", ORPHELIN + MINUTE)]
    old.append(keep(means, f"photos/{strangers[3]}.1-vignette.webp", ORPHELIN + MINUTE))
    assert sweep(means) == 2
    assert [means.stockage.existe(cle) for cle in young] == [True, True]
    assert [means.stockage.existe(cle) for cle in old] == [False, False]


def test_a_photo_thought_lost_whose_file_is_back_is_received_again_however_old(ville, means):
    photo = declare(ville, EtatPhoto.REFUSEE, motif=PERDUE)
    keep(means, cle_originale(photo), age=timedelta(days=400))
    assert sweep(means) == 0
    assert means.stockage.existe(cle_originale(photo))
    with ville.worker() as session, session.begin():
        back = session.get_one(Photo, (photo.territoire_id, photo.signalement_id, photo.id))
        assert (back.etat, back.motif) == (EtatPhoto.RECUE, None)
        assert back.due_at <= session.now


@pytest.mark.parametrize(("age", "kept"), [(ORPHELIN - MINUTE, True), (ORPHELIN + MINUTE, False)], ids=["young", "old"])
def test_half_a_file_is_not_the_photo_that_was_lost_and_goes_as_an_orphan_does(age, kept, ville, means):
    photo = declare(ville, EtatPhoto.REFUSEE, motif=PERDUE, octets=6)
    keep(means, cle_originale(photo), age)
    sweep(means)
    assert means.stockage.existe(cle_originale(photo)) is kept
    with ville.worker() as session, session.begin():
        assert session.scalars(select(Photo.etat).where(Photo.id == photo.id)).one() is EtatPhoto.REFUSEE


def test_a_print_that_was_painted_over_goes_after_an_hour(ville, means):
    photo = declare(ville, EtatPhoto.PRETE, tirage=2)
    last = [keep(means, cle, timedelta(days=400)) for cle in cles_attendues(photo)]
    old = keep(means, cle_de_variante(photo, "image", tirage=1), REMPLACE + MINUTE)
    young = keep(means, cle_de_variante(photo, "vignette", tirage=1), REMPLACE - MINUTE)
    assert sweep(means) == 1
    assert not means.stockage.existe(old)
    assert all(means.stockage.existe(cle) for cle in [*last, young])


def test_the_prints_of_a_photo_refused_since_go_after_an_hour(ville, means):
    """A worker was killed between the print and its word, and the next one could not read the original."""
    photo = declare(ville, EtatPhoto.REFUSEE)
    old = keep(means, cle_de_variante(photo, "image", tirage=1), REMPLACE + MINUTE)
    young = keep(means, cle_de_variante(photo, "vignette", tirage=1), REMPLACE - MINUTE)
    assert sweep(means) == 1
    assert (means.stockage.existe(old), means.stockage.existe(young)) == (False, True)


def test_a_print_that_no_row_knows_yet_is_kept_thirty_days(ville, means):
    """Its row may have come back from a backup that is older: then there is no other."""
    photo = declare(ville, EtatPhoto.PRETE, tirage=1)
    young = keep(means, cle_de_variante(photo, "image", tirage=2), ORPHELIN - MINUTE)
    old = keep(means, cle_de_variante(photo, "image", tirage=3), ORPHELIN + MINUTE)
    assert sweep(means) == 1
    assert (means.stockage.existe(young), means.stockage.existe(old)) == (True, False)


def test_a_file_that_is_not_of_ours_is_left_alone(means):
    strange = [keep(means, f"{folder}/notes.txt", timedelta(days=400)) for folder in ("originaux", "photos")]
    assert sweep(means) == 0
    assert all(map(means.stockage.existe, strange))


def test_a_store_in_a_bucket_is_swept_as_a_disk_is(ville, means, seau, tmp_path):
    stockage = open_stockage(Settings(data_dir=tmp_path, stockage_url=seau))
    away = Means(means.engine, means.keys, means.settings, None, means.wire, stockage)
    gone, awaited = declare(ville, EtatPhoto.PRETE, tirage=1), declare(ville, EtatPhoto.RECUE)
    for cle in (cle_originale(gone), cle_originale(awaited), *cles_attendues(gone)):
        stockage.ecrire(cle, b"photo")
    assert forget(away) == 1
    assert not stockage.existe(cle_originale(gone))
    assert stockage.existe(cle_originale(awaited))
    assert inspect(away) == 0


def told(caplog) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


def test_a_row_that_lost_its_file_raises_an_alarm(ville, means, caplog):
    states = {
        "received": declare(ville, EtatPhoto.RECUE),
        "printed": declare(ville, EtatPhoto.PRETE, tirage=1),
        "to paint over": declare(ville, EtatPhoto.RECUE, tirage=2, masques=[]),
    }
    for one in (EtatPhoto.ATTENDUE, EtatPhoto.REFUSEE):
        declare(ville, one)
    wanted = [cle for photo in states.values() for cle in cles_attendues(photo)]
    assert len(wanted) == 5
    for cle in wanted:
        keep(means, cle)
    assert inspect(means) == 0
    assert told(caplog) == []
    for cle in wanted:
        means.stockage.effacer(cle)
    assert inspect(means) == 5
    assert all(any(cle in line and "relais doctor" in line for line in told(caplog)) for cle in wanted)


def test_a_round_goes_on_from_where_it_stopped_whichever_worker_does_it(ville, means, caplog, monkeypatch):
    monkeypatch.setattr(inventaire, "TRANCHE", 3)
    photos = [declare(ville, EtatPhoto.RECUE) for _ in range(7)]
    another = Means(means.engine, means.keys, means.settings, None, means.wire, means.stockage)
    rounds = [inspect(one) for one in (means, another, means, another)]
    assert rounds == [3, 3, 1, 3]
    seen = [lire_cle(line.partition(" ")[0]).photo for line in told(caplog)]
    assert set(seen[:7]) == {photo.id for photo in photos}
    assert seen[7:] == seen[:3]


def test_a_store_that_is_not_mounted_is_one_alarm_and_not_a_flood(ville, means, caplog, monkeypatch):
    monkeypatch.setattr(inventaire, "NOMMEES", 2)
    for _ in range(4):
        declare(ville, EtatPhoto.RECUE)
    assert inspect(means) == 4
    assert len(told(caplog)) == 3
    assert "2 more" in told(caplog)[-1]


@pytest.mark.parametrize("cle", ["originaux/1/x", "photos/x", "autre/1/a/b", "originaux/1/2/3", "inventaire/ronde"])
def test_a_key_of_no_photo_is_not_read_as_one(cle):
    assert lire_cle(cle) is None


def test_a_key_says_whose_photo_it_keeps():
    photo = Photo(territoire_id=7, signalement_id=UUID(int=1), id=UUID(int=2), tirage=3, etat=EtatPhoto.PRETE)
    assert lire_cle(cle_originale(photo)).key == (7, UUID(int=1), UUID(int=2))
    assert {lire_cle(cle).tirage for cle in cles_attendues(photo)} == {3}


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
