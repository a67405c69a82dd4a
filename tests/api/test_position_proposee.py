"""Where a photo says it was taken: offered to its author, to nobody else, and kept nowhere besides."""

from datetime import timedelta

from commands.factories import deposit
from sqlalchemy import update

from relais.caller import Door
from relais.commands.photo import forget_positions
from relais.tables.photo import EtatPhoto, Photo

ICI = {"lon": 0.41301, "lat": 48.10544}


def offered(ville, **where):
    id = deposit(ville, **where)
    with ville.session(Door.OWNER) as session, session.begin():
        ready = {"etat": EtatPhoto.PRETE, "tirage": 1, "preparee_le": session.now, "position": ICI}
        session.execute(update(Photo).where(Photo.signalement_id == id).values(**ready))
    return f"/v1/signalements/{id}"


def proposal(api, path, who):
    return api("GET", path, who=who).json()["photos"][0].get("position_proposee")


def test_its_author_alone_reads_it(api, ville):
    path = offered(ville)
    assert proposal(api, path, "relais") == ICI
    for other in ("agent", "pilote", "elu"):
        assert proposal(api, path, other) is None


def test_no_answer_that_is_kept_for_a_second_asking_says_it(api, ville):
    path = offered(ville)
    said = {"json": {"description": "Deux matelas."}, "headers": {"Idempotency-Key": "clef"}}
    for _ in range(2):
        assert "position_proposee" not in api("POST", f"{path}/corrections", **said).text
    assert proposal(api, path, "relais") == ICI


def test_it_is_forgotten_with_the_pin_that_is_moved_or_after_a_day(api, ville):
    moved, left = offered(ville), offered(ville)
    there = {"position": ICI | {"origine": "photo"}}
    assert api("POST", f"{moved}/corrections", json=there).status_code == 201
    assert proposal(api, moved, "relais") is None
    with ville.worker() as session, session.begin():
        forget_positions(session, now=session.now + timedelta(hours=25))
    assert proposal(api, left, "relais") is None
