"""Claim, act, settle: with transactions that really commit, as two workers on two connections make them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from conftest import DEMO, MARDI, Ville
from sqlalchemy import Engine, select, text

from relais.caller import Door, Identity
from relais.commands.territoire import import_configuration
from relais.db import Session, make_engine
from relais.imports.territoire import lire_territoire
from relais.outbox import LEASE, SYSTEM, Fact, Letter, announce, cancel, claim, settle, territoires_due
from relais.tables.envoi import Envoi, EtatEnvoi

TICKET = """
INSERT INTO signalement (territoire_id, id, numero, version, empreinte, auteur_id, source, theme, constate_le, recu_le,
        modifie_le, lon, lat, statut, statut_depuis, domanialite, explication, zones)
    VALUES (1, :id, 'VSL-1', 2, '', :id, 'api', 'proprete.depot_sauvage', :le, :le, :le, 0.4, 48.1, 'affecte', :le,
        'DPC', '', '{}')
"""


@pytest.fixture(scope="module")
def bench(clone: Callable[[], str]) -> Iterator[tuple[Ville, Engine, Engine]]:
    """A town of its own, and the engines of two workers."""
    url = clone()
    engines = make_engine(url), make_engine(url)
    ville = Ville(engines[0])
    ville.at(MARDI)
    yield ville, *engines
    for engine in engines:
        engine.dispose()


@pytest.fixture(autouse=True)
def _clean(bench) -> None:
    with bench[0].session(Door.OWNER) as session, session.begin():
        session.execute(text("TRUNCATE envoi, evenement, rappel, signalement CASCADE"))


def promise(ville: Ville, number: int, *, code: str = "VSL", **options: object) -> None:
    with ville.session(Door.API, Identity(code=code)) as session, session.begin():
        letters = tuple(Letter("accuse", f"{uuid4()}@demo.test", **options) for _ in range(number))
        announce(session, [Fact("signalement.recu", letters=letters)], signalement=None, author=SYSTEM, now=session.now)


def take(engine: Engine, limit: int = 10, territoire: int = 1) -> list[Envoi]:
    with Session.for_worker(engine, territoire=territoire) as session, session.begin():
        session.execute(text("SET LOCAL lock_timeout = '5s'"))  # who waited for another's row would wait for ever
        return claim(session, Envoi, now=session.now, limit=limit)


def give_back(engine: Engine, row: Envoi, **columns: object) -> bool:
    with Session.for_worker(engine, territoire=row.territoire_id) as session, session.begin():
        return settle(session, row, **columns)


def expire_leases(ville: Ville) -> None:
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(text("UPDATE envoi SET lease_until = clock_timestamp() - interval '1 second'"))


def stored(ville: Ville, id: UUID) -> Envoi:
    with ville.session() as session, session.begin():
        return session.scalars(select(Envoi).where(Envoi.id == id)).one()


def test_two_workers_never_hold_the_same_row(bench):
    ville, *workers = bench
    promise(ville, 60)
    start = Barrier(2)

    def work(engine: Engine) -> list[UUID]:
        start.wait(timeout=10)
        held: list[UUID] = []
        while rows := take(engine, limit=3):
            held += [row.id for row in rows]
        return held

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, workers)
    assert len(first) + len(second) == len({*first, *second}) == 60


def test_a_row_being_claimed_by_another_is_skipped_and_not_waited_for(bench):
    ville, one, two = bench
    promise(ville, 2)
    with Session.for_worker(one, territoire=1) as session, session.begin():
        held = claim(session, Envoi, now=session.now, limit=1)
        others = take(two)
    assert len(held) == len(others) == 1
    assert held[0].id != others[0].id


def test_a_leased_row_is_nobody_else_s_until_the_lease_runs_out(bench):
    ville, one, two = bench
    promise(ville, 1)
    (mine,) = take(one)
    assert mine.claims == 1
    assert take(two) == []
    with ville.worker() as session, session.begin():
        assert territoires_due(session, Envoi) == []
    expire_leases(ville)
    with ville.worker() as session, session.begin():
        assert territoires_due(session, Envoi) == [1]
    (theirs,) = take(two)
    assert (theirs.id, theirs.claims) == (mine.id, 2)
    assert theirs.lease_token != mine.lease_token


def test_a_lease_runs_on_real_time_whatever_the_demonstration_s_clock(bench):
    ville, one, two = bench
    promise(ville, 1)
    (mine,) = take(one)
    ville.forward(days=30)
    assert take(two) == []
    with ville.session(Door.OWNER) as session, session.begin():
        left = session.scalar(text("SELECT lease_until - clock_timestamp() FROM envoi"))
    assert timedelta(0) < left <= LEASE
    assert give_back(one, mine, etat=EtatEnvoi.ENVOYE, due_at=None)
    ville.at(MARDI)


def test_who_lost_its_lease_cannot_settle(bench):
    ville, one, two = bench
    promise(ville, 1)
    (late,) = take(one)
    expire_leases(ville)
    (current,) = take(two)
    assert not give_back(one, late, etat=EtatEnvoi.MORT, due_at=None)
    assert stored(ville, late.id).etat is EtatEnvoi.EN_ATTENTE
    assert give_back(two, current, etat=EtatEnvoi.ENVOYE, due_at=None)
    assert not give_back(two, current, etat=EtatEnvoi.MORT)
    after = stored(ville, late.id)
    assert (after.etat, after.due_at, after.lease_token, after.lease_until) == (EtatEnvoi.ENVOYE, None, None, None)
    assert take(one) == []


def test_a_retry_is_due_again_at_its_hour_and_not_before(bench):
    ville, one, _ = bench
    promise(ville, 1)
    (row,) = take(one)
    later = row.due_at + timedelta(minutes=5)
    assert give_back(one, row, due_at=later, attempts=1)
    assert (stored(ville, row.id).due_at, take(one)) == (later, [])
    ville.forward(minutes=6)
    (again,) = take(one)
    assert (again.id, again.attempts) == (row.id, 1)
    ville.at(MARDI)


def deliverable(ville: Ville) -> UUID:
    """A ticket whose end makes its one mail void."""
    id = uuid4()
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(text(TICKET), {"id": id, "le": MARDI})
    promise(ville, 1, annulable=True)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(text("UPDATE envoi SET signalement_id = :id"), {"id": id})
    return id


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        ({"etat": EtatEnvoi.ENVOYE, "due_at": None}, EtatEnvoi.ENVOYE),
        ({"attempts": 1, "due_at": MARDI + timedelta(minutes=1)}, EtatEnvoi.ANNULE),
    ],
    ids=["it had left", "it had failed and would be tried again"],
)
def test_a_mail_cancelled_on_the_wire_never_leaves_a_second_time(bench, outcome, left):
    ville, one, two = bench
    ticket = deliverable(ville)
    (row,) = take(one)
    with ville.worker() as session, session.begin():
        cancel(session, ticket)
    assert give_back(one, row, **outcome)
    assert stored(ville, row.id).etat is left
    ville.forward(days=1)
    assert take(two) == []
    ville.at(MARDI)


def test_a_mail_cancelled_before_it_leaves_is_never_claimed(bench):
    ville, one, _ = bench
    ticket = deliverable(ville)
    with ville.worker() as session, session.begin():
        cancel(session, ticket)
    assert take(one) == []


@pytest.mark.parametrize("door", [Door.WORKER, Door.OWNER])
def test_a_batch_belongs_to_one_territoire(bench, door):
    ville = bench[0]
    configuration = replace(lire_territoire(DEMO / "territoire.yaml").configuration, code="AUT")
    with ville.session(Door.OWNER) as session, session.begin():
        import_configuration(session, configuration, auteur="test", now=session.now)
    promise(ville, 2, code="VSL")
    promise(ville, 3, code="AUT")
    with ville.session(Door.WORKER, Identity()) as session, session.begin():
        first, second = territoires_due(session, Envoi)
    for territoire, number in ((first, 2), (second, 3)):
        with ville.session(door, Identity(territoire=territoire)) as session, session.begin():
            rows = claim(session, Envoi, now=session.now, limit=10)
        assert [row.territoire_id for row in rows] == [territoire] * number
