"""The bytes of a photo, beside whatever else happens to its signalement."""

from threading import Thread

from commands.factories import act, deposit, ticket
from conftest import MARDI, Ville
from sqlalchemy import select

from relais.commands.corrections import corriger
from relais.commands.photo import expect_photo, receive_photo
from relais.db import make_engine
from relais.rules.depot import Correction, Position
from relais.tables.photo import EtatPhoto, Photo


def test_an_author_may_move_the_pin_while_the_photos_still_go_up(clone):
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    id = deposit(ville)
    moved = Correction(position=Position(lon=0.41230, lat=48.10597))
    move = Thread(target=act, args=(ville, "relais", corriger, id), kwargs={"correction": moved})
    with ville.as_("relais") as session, session.begin():
        declared = session.scalars(select(Photo).where(Photo.signalement_id == id)).one()
        facts = {"id": id, "photo_id": declared.id, "sha256": declared.sha256, "octets": declared.octets}
        photo, here = expect_photo(session, caller=session.caller, **facts)
        move.start()
        move.join(timeout=1)
        assert move.is_alive()
        assert not here
        receive_photo(session, caller=session.caller, photo=photo, now=session.now)
    move.join(timeout=20)
    with ville.as_("relais") as session, session.begin():
        kept = session.scalars(select(Photo).where(Photo.signalement_id == id)).one()
        assert kept.etat is EtatPhoto.RECUE
    assert ticket(ville, id).lon == 0.41230
    engine.dispose()
