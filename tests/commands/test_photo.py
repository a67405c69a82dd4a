"""The bytes of a photo, beside whatever else happens to its signalement."""

from threading import Thread

from commands.factories import act, bring, deposit, ticket
from conftest import MARDI, Ville
from sqlalchemy import select

from relais.commands.corrections import corriger
from relais.db import make_engine
from relais.rules.depot import Correction, PhotoDeclaree, Position
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
        announced = PhotoDeclaree(declared.id, "avant", "image/jpeg", declared.octets, declared.sha256)
        assert bring(session, id, announced, store=None, octets=b"").etat is EtatPhoto.RECUE
        move.start()
        move.join(timeout=1)
        assert move.is_alive()
    move.join(timeout=20)
    with ville.as_("relais") as session, session.begin():
        kept = session.scalars(select(Photo).where(Photo.signalement_id == id)).one()
        assert kept.etat is EtatPhoto.RECUE
    assert ticket(ville, id).lon == 0.41230
    engine.dispose()
