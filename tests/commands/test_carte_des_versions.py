"""Each version keeps its own map: read by itself or from another's, by one thread or by eight."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from threading import Barrier
from uuid import uuid4

import pytest
from commands.factories import ERABLES, configure, deposit
from conftest import MARDI, Ville
from sqlalchemy import event, text

from relais.caller import Door
from relais.commands.territoire import get_territoire, import_emprises
from relais.db import make_engine
from relais.queries.dossier import dossier
from relais.queries.referentiel import emprises, referentiel, referentiels
from relais.queries.signalement import get_signalement
from relais.rules.carte import Carte

LE = MARDI.date()


@pytest.fixture
def peuplee(clone):
    """A town of its own, that commits, and its engine."""
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    yield ville
    engine.dispose()


def adopt(ville, change) -> int:
    """The number of the version that this change of the list of emprises makes."""
    with ville.session(Door.OWNER) as session, session.begin():
        territoire = get_territoire(session, "VSL")
        known = emprises(session, territoire.id, territoire.version)
        return import_emprises(session, territoire, change(known), auteur="test", now=session.now).version


def sold(known):
    return [replace(one, gestionnaire="foyer-vaucellois") if one.code == "residence-erables" else one for one in known]


def renamed(known):
    """As no other test has: what two tests import alike is one version, which the process remembers."""
    return [replace(known[0], nom=f"{uuid4()}"), *known[1:]]


def test_each_version_of_the_map_is_the_same_read_alone_or_from_any_other(ville):
    dice = Random(4)  # noqa: S311 - repeatable, not secret
    # Many of one: what follows differs from them by little, and is laid over their map.
    adopt(ville, lambda known: [*known, *(replace(known[0], code=f"lot-{rank}") for rank in range(900))])
    adopt(ville, sold)
    adopt(ville, lambda known: known[10:])
    adopt(ville, lambda known: [*known[:-3], replace(known[0], code="copie", priorite=2)])
    configure(ville, lambda c: replace(c, nom="Autrement"))
    last = adopt(ville, lambda known: [replace(one, nom=f"{one.code} bis") for one in known])
    with ville.session() as session, session.begin():
        for numero in dice.sample(range(2, last + 1), k=last - 1):
            read = referentiel(session, numero)
            alone = Carte(emprises(session, session.territoire, numero), (), None)
            assert read.carte.emprises == alone.emprises
            for one in alone.emprises[::20]:
                lon, lat = one.geometrie["coordinates"][0][0][:2] if one.geometrie["type"] == "Polygon" else ERABLES
                assert read.carte.emprises_en(lon, lat, LE) == alone.emprises_en(lon, lat, LE)


def test_an_old_signalement_keeps_the_map_it_was_born_under(ville):
    id = deposit(ville)
    before = adopt(ville, sold) - 1
    with ville.as_("relais") as session, session.begin():
        ticket = get_signalement(session, caller=session.caller, id=id)
        assert (ticket.version, ticket.acteur) == (before, "habitat-lisse")
        born, current = dossier(session, ticket).born, referentiel(session)
        whose = [ref.carte.emprises_en(*ERABLES, LE)[0].gestionnaire for ref in (born, current)]
        assert whose == ["habitat-lisse", "foyer-vaucellois"]


def test_eight_threads_that_ask_for_a_new_map_read_it_once(peuplee):
    adopt(peuplee, renamed)
    readings, together = [], Barrier(8)

    def heard(_connection, _cursor, statement, *_rest):
        if "FROM emprise" in statement:
            readings.append(statement)

    def ask(_):
        with peuplee.session() as session, session.begin():
            assert session.version > 2
            together.wait(30)
            return referentiel(session)

    event.listen(peuplee.bind, "before_cursor_execute", heard)
    with ThreadPoolExecutor(8) as threads:
        first, *others = threads.map(ask, range(8))
    assert all(one is first for one in others)
    alone = len(readings)
    adopt(peuplee, renamed)
    readings.clear()
    with peuplee.session() as session, session.begin():
        referentiel(session)
    assert alone <= len(readings) <= 2


def test_while_a_map_is_read_the_others_answer(peuplee):
    """The table held by somebody else stands for a map of a million emprises: its reader waits, and nobody else."""
    with peuplee.session() as session, session.begin():
        old = referentiel(session)
    new = adopt(peuplee, renamed)

    def ask():
        with peuplee.session() as session, session.begin():
            return referentiel(session)

    with ThreadPoolExecutor(1) as thread, peuplee.bind.connect() as holder:
        held = holder.begin()
        holder.execute(text("LOCK TABLE emprise IN ACCESS EXCLUSIVE MODE"))
        reading = thread.submit(ask)
        with peuplee.session() as session, session.begin():
            wait_until_somebody_waits(session)
            assert referentiels(session, {old.version})[old.version] is old
        assert not reading.done()
        held.rollback()
        assert reading.result(30).version == new


def wait_until_somebody_waits(session):
    waiting = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'emprise'::regclass)")
    for _ in range(600):
        if session.scalar(waiting):
            return
        session.execute(text("SELECT pg_sleep(0.05)"))
    raise AssertionError("nobody reads the new map")
