"""The first statement of a transaction: who asks, for whom, and what time it is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from conftest import MARDI, Ville
from sqlalchemy import Engine, event, func, select, text, update
from sqlalchemy.exc import IntegrityError

from relais.caller import Door, Identity
from relais.commands.horloge import mark_demonstration, move_to
from relais.db import Session, make_engine
from relais.errors import CompteSuspendu, HorlogeFixe, JetonInvalide, TerritoireAChoisir, TerritoireInconnu
from relais.queries.referentiel import referentiel
from relais.rules.acces import Role
from relais.tables.personne import Personne
from relais.tables.territoire import Horloge, Territoire


@pytest.fixture
def statements(engine) -> Iterator[list[str]]:
    """What the database is asked, in order."""
    seen: list[str] = []

    def note(*call):
        seen.append(call[2])

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def one_connection(engine) -> Iterator[Engine]:
    """An engine whose transactions all follow one another on the same connection."""
    alone = make_engine(engine.url.render_as_string(hide_password=False), pool=1)
    yield alone
    alone.dispose()


def change(ville: Ville, prenom: str, **columns: object) -> None:
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Personne).where(Personne.identifiant == f"{prenom}@demo.test").values(**columns))


def second_territoire(ville: Ville) -> int:
    with ville.session(Door.OWNER) as session, session.begin():
        other = Territoire(code="AUT", nom="Autre", version=0, cree_le=session.now)
        session.add(other)
        session.flush()
        return other.id


# --- one statement, and none for nothing


def test_a_transaction_opens_with_one_statement_that_says_everything(engine, statements):
    with Ville(engine).session(identity=Identity(code="VSL")) as session, session.begin():
        assert session.now
        assert session.territoire
        assert session.version == 2
    assert len(statements) == 1


def test_a_transaction_that_asks_nothing_says_nothing(engine, statements):
    with Ville(engine).session() as session, session.begin():
        pass
    assert statements == []


def test_the_caller_is_what_the_database_says_and_not_what_the_token_said(ville):
    with ville.as_("agent") as session, session.begin():
        caller = session.caller
    assert (caller.role, caller.acteur, caller.courriel) == (Role.AGENT, "habitat-lisse", "agent@demo.test")
    change(ville, "agent", role=Role.RESPONSABLE, acteur="proprete")
    with ville.as_("agent") as session, session.begin():
        assert (session.caller.role, session.caller.acteur) == (Role.RESPONSABLE, "proprete")


# --- refusals


def test_a_suspended_account_is_refused_even_for_reads(ville):
    identity = ville.identity("elu")
    change(ville, "elu", actif=False)
    with pytest.raises(CompteSuspendu), ville.session(identity=identity) as session, session.begin():
        session.scalar(select(func.count()).select_from(Personne))


def test_a_raised_generation_revokes_every_token_given_before(ville):
    identity = ville.identity("elu")
    change(ville, "elu", generation=Personne.generation + 1)
    with pytest.raises(JetonInvalide, match="révoqué"), ville.session(identity=identity) as session, session.begin():
        session.scalar(select(1))
    with ville.as_("elu") as session, session.begin():
        assert session.caller.role is Role.ELU


@pytest.mark.parametrize("claim", [{"personne": uuid4(), "generation": 0}, {"cle": "0" * 64}], ids=["account", "key"])
def test_an_unknown_account_is_refused(ville, claim):
    territoire = ville.identity("elu").territoire
    with (
        pytest.raises(JetonInvalide, match="aucun compte"),
        ville.session(identity=Identity(territoire=territoire, **claim)) as session,
        session.begin(),
    ):
        session.scalar(select(1))


def test_an_unknown_code_is_refused(ville):
    with pytest.raises(TerritoireInconnu, match="XYZ"), ville.session(identity=Identity(code="XYZ")) as session:
        session.scalar(select(1))


def test_once_refused_a_session_reads_nothing_however_it_insists(ville):
    """A handler that swallows the refusal and goes on must find nothing: the net is under the check, not in it."""
    identity = ville.identity("elu")
    change(ville, "elu", actif=False)
    with ville.session(identity=identity) as session, session.begin():
        with pytest.raises(CompteSuspendu):
            session.scalars(select(Personne)).all()
        assert session.scalars(select(Personne)).all() == []
        for question in ("now", "caller", "territoire", "version"):
            with pytest.raises(RuntimeError):
                getattr(session, question)


def test_a_refusal_never_shows_the_standing_of_the_transaction_before(clone):
    copy = make_engine(clone())
    ville = Ville(copy)
    with ville.as_("elu") as session:
        with session.begin():
            assert session.caller.role is Role.ELU
        change(ville, "elu", actif=False)
        with pytest.raises(CompteSuspendu), session.begin():
            session.scalar(select(1))
        with pytest.raises(CompteSuspendu), session.begin():
            _ = session.caller
    copy.dispose()


def test_nobody_in_particular_has_no_caller(ville):
    with ville.session() as session, session.begin(), pytest.raises(JetonInvalide):
        _ = session.caller


def test_with_one_territoire_served_nobody_has_to_name_it(ville):
    with ville.session(identity=Identity()) as session, session.begin():
        assert referentiel(session).configuration.code == "VSL"


def test_with_several_served_the_code_is_asked_for_and_no_row_is_read(ville):
    second_territoire(ville)
    with ville.session(identity=Identity()) as session, session.begin():
        assert session.scalar(text("SELECT count(*) FROM version")) == 0
        with pytest.raises(TerritoireAChoisir):
            _ = session.territoire


def test_a_territoire_without_configuration_says_so(ville):
    other = second_territoire(ville)
    identity = Identity(territoire=other)
    with (
        pytest.raises(TerritoireInconnu, match="relais import"),
        ville.session(identity=identity) as session,
        session.begin(),
    ):
        referentiel(session)


# --- the clock


def test_the_demonstration_s_clock_moves_now_and_only_forward(ville):
    assert ville.forward(days=3) - MARDI < timedelta(days=3, minutes=5)
    with ville.session(Door.OWNER) as session, session.begin():
        assert session.now >= MARDI + timedelta(days=3)
        with pytest.raises(HorlogeFixe, match="recule"):
            move_to(session, session.now - timedelta(seconds=1))


def test_elsewhere_the_clock_cannot_be_moved_not_even_by_sql(ville):
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Horloge).values(demonstration=False, decalage=timedelta(0)))
    with ville.session(Door.OWNER) as session, session.begin():
        assert abs(session.now - datetime.now(UTC)) < timedelta(minutes=5)
        with pytest.raises(HorlogeFixe, match="pas une démonstration"):
            move_to(session, session.now + timedelta(days=1))
        with pytest.raises(IntegrityError, match="fixe_hors_demonstration"), session.begin_nested():
            session.execute(update(Horloge).values(decalage=timedelta(seconds=1)))


def test_a_town_in_service_cannot_be_turned_into_a_demonstration(ville):
    with ville.session(Door.OWNER) as session, session.begin():
        mark_demonstration(session)  # one it is already: a second start of it changes nothing
        session.execute(update(Horloge).values(demonstration=False, decalage=timedelta(0)))
        with pytest.raises(HorlogeFixe, match="sert déjà"):
            mark_demonstration(session)


def test_instants_come_back_in_utc_whatever_the_server_s_own_zone(one_connection):
    with one_connection.begin() as connection:
        connection.execute(text("SET TIME ZONE 'Europe/Paris'"))
    with Ville(one_connection).session() as session, session.begin():
        assert session.now.utcoffset() == timedelta(0)
        assert session.scalar(select(Territoire.cree_le)).utcoffset() == timedelta(0)


# --- nothing stays on the connection


def test_role_and_territoire_do_not_pass_to_the_next_transaction_of_the_connection(one_connection):
    state = text(
        "SELECT pg_backend_pid(), current_user::text, current_setting('relais.territoire', true),"
        " current_setting('TimeZone')"
    )
    with one_connection.connect() as connection:
        before = connection.execute(state).one()
    for ends in ("commit", "rollback"):
        with Session(one_connection, door=Door.API, identity=Identity(code="VSL")) as session:
            during = session.execute(state).one()
            getattr(session, ends)()
        with one_connection.connect() as connection:
            after = connection.execute(state).one()
        assert during[:2] == (before[0], "relais_api")
        assert during[2] not in {None, ""}
        assert (after[0], after[1], after[2] or None, after[3]) == (before[0], before[1], None, before[3])


def test_a_refused_transaction_gives_its_connection_back(one_connection):
    for _ in range(3):
        with pytest.raises(TerritoireInconnu), Ville(one_connection).session(identity=Identity(code="XYZ")) as session:
            session.scalar(select(1))
    with Ville(one_connection).session(identity=replace(Identity(), code="VSL")) as session, session.begin():
        assert session.version == 2
