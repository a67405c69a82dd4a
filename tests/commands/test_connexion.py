"""Signing in as rows and mails: one code one session, whatever comes at once, and nothing sent to nobody."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from functools import partial
from uuid import UUID, uuid4

import pytest
from conftest import DEMO, MARDI, Ville
from house.test_mail import Relay, running
from sqlalchemy import select, update
from typer.testing import CliRunner

from relais import settings as environment
from relais.boite import Boite, lire
from relais.caller import Door, Identity
from relais.cli import app
from relais.commands.connexion import (
    CODES,
    ESSAIS,
    FENETRE,
    GARDE_APPAREIL,
    GARDE_DEFI,
    SOMMEIL,
    VALIDITE,
    ask_code,
    renew,
    revoke,
    use_code,
)
from relais.commands.personne import import_personnes, restore_personne, suspend_personne
from relais.commands.territoire import get_territoire, import_configuration
from relais.db import make_engine
from relais.errors import CompteSuspendu, PersonneInconnue, TropDeCodes
from relais.imports.personnes import PersonneLue
from relais.imports.territoire import lire_territoire
from relais.mail import Smtp
from relais.rules.acces import Role
from relais.stockage import Local
from relais.tables.connexion import Appareil, Defi
from relais.tables.personne import Personne
from relais.tokens import code_of
from relais.wire import Wire
from workers.drain import send_codes
from workers.means import Means
from workers.menage import forget

ADDRESS = "relais@demo.test"
NOW = datetime(2026, 3, 31, 16, 12, tzinfo=UTC)
"""Real time, as these commands are told it."""

AT_ONCE = 6


def ask(ville: Ville, identifiant: str = ADDRESS, real: datetime = NOW) -> UUID:
    with ville.session() as session, session.begin():
        return ask_code(session, identifiant=identifiant, now=session.now, real=real).id


def use(ville: Ville, keys, defi: UUID, code: str | None = None, now: datetime = NOW) -> Appareil | None:
    with ville.session() as session, session.begin():
        return use_code(session, keys=keys, defi=defi, code=code or code_of(keys, defi), now=now)


def sign_in(ville: Ville, keys, identifiant: str = ADDRESS) -> Appareil:
    device = use(ville, keys, ask(ville, identifiant))
    assert device is not None
    return device


def turn(ville: Ville, device: Appareil, rang: int, now: datetime = NOW) -> int | None:
    """The rang given for that one; None: the session is over."""
    with ville.session() as session, session.begin():
        found = renew(session, appareil=device.id, rang=rang, now=now)
        return found.rang if found else None


def owner(ville: Ville, act: Callable):
    with ville.session(Door.OWNER) as session, session.begin():
        return act(session)


def rows(ville: Ville, table):
    return owner(ville, lambda session: session.scalars(select(table)).all())


def wrong(keys, defi: UUID) -> str:
    return f"{(int(code_of(keys, defi)) + 1) % 10**6:06}"


def at_once(*acts: Callable) -> list:
    """What each returned, all having begun together."""
    start, told = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int, act: Callable) -> None:
        start.wait()
        told[place] = act()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


@pytest.fixture
def real_ville(clone):
    """A town whose transactions really commit, for what happens at once and for workers."""
    engine = make_engine(clone())
    town = Ville(engine)
    town.at(MARDI)
    yield town
    engine.dispose()


# --- a code


def test_a_code_signs_one_device_in_once(ville, keys):
    defi = ask(ville)
    device = use(ville, keys, defi)
    assert (device.personne_id, device.rang, device.expire_le) == (ville.identity("relais").personne, 1, NOW + SOMMEIL)
    assert use(ville, keys, defi) is None
    assert len(rows(ville, Appareil)) == 1


def test_a_code_lives_ten_minutes_of_real_time_whatever_the_demonstration_s_clock(ville, keys):
    defi, late = ask(ville), ask(ville)
    ville.forward(days=3)
    assert use(ville, keys, defi, now=NOW + VALIDITE - timedelta(seconds=1))
    assert use(ville, keys, late, now=NOW + VALIDITE) is None


def test_a_code_is_worth_nothing_with_another_device_s_defi(ville, keys):
    mine, theirs = ask(ville), ask(ville)
    assert use(ville, keys, mine, code_of(keys, theirs)) is None
    assert use(ville, keys, mine)


def test_after_five_wrong_guesses_the_right_code_is_refused(ville, keys):
    defi, other = ask(ville), ask(ville)
    for held, guesses in ((defi, ESSAIS), (other, ESSAIS - 1)):
        for _ in range(guesses):
            assert use(ville, keys, held, wrong(keys, held)) is None
    assert use(ville, keys, defi) is None
    assert use(ville, keys, other)


@pytest.mark.parametrize("code", ["", "é" * 6, "٤٠٢٩١٧", "0" * 200, "1e5"], ids=range(5))
def test_what_is_no_code_is_a_wrong_one(ville, keys, code):
    defi = ask(ville)
    with ville.session() as session, session.begin():
        assert use_code(session, keys=keys, defi=defi, code=code, now=NOW) is None


def test_nobody_signs_in_to_an_account_that_is_not_there_nor_to_a_suspended_one(ville, keys):
    unknown, gone = ask(ville, "personne@demo.test"), ask(ville, "agent@demo.test")
    owner(ville, partial(suspend_personne, identifiant="agent@demo.test"))
    assert use(ville, keys, unknown) is None
    assert use(ville, keys, gone) is None
    assert use(ville, keys, uuid4()) is None
    assert rows(ville, Appareil) == []


def test_five_codes_in_a_quarter_of_an_hour_for_one_address_however_it_is_written(ville):
    for written in (ADDRESS, "Relais@Demo.test", " relais@demo.test ", ADDRESS, ADDRESS):
        ask(ville, written)
    with pytest.raises(TropDeCodes):
        ask(ville, "RELAIS@demo.test")
    ask(ville, "elu@demo.test")
    ville.forward(minutes=FENETRE.seconds // 60)
    ask(ville)


def test_an_address_of_nobody_has_the_same_limit(ville):
    for _ in range(CODES):
        ask(ville, "personne@demo.test")
    with pytest.raises(TropDeCodes):
        ask(ville, "personne@demo.test")


# --- all at once


def test_of_two_who_use_one_code_at_once_one_signs_in(real_ville, keys):
    defi = ask(real_ville)
    told = at_once(*[partial(use, real_ville, keys, defi)] * AT_ONCE)
    assert len([device for device in told if device]) == 1
    assert len(rows(real_ville, Appareil)) == 1


def test_wrong_guesses_all_at_once_are_counted_one_by_one(real_ville, keys):
    defi = ask(real_ville)
    at_once(*[partial(use, real_ville, keys, defi, wrong(keys, defi))] * (ESSAIS + 3))
    assert [one.essais for one in rows(real_ville, Defi)] == [ESSAIS]
    assert use(real_ville, keys, defi) is None


def test_codes_asked_all_at_once_are_no_more_than_one_after_the_other(real_ville):
    def asked() -> bool:
        try:
            return bool(ask(real_ville))
        except TropDeCodes:
            return False

    assert sum(at_once(*[asked] * (CODES + 3))) == CODES
    assert len(rows(real_ville, Defi)) == CODES


def test_two_refreshes_at_once_get_the_same_successor(real_ville, keys):
    device = sign_in(real_ville, keys)
    assert at_once(*[partial(turn, real_ville, device, 1)] * AT_ONCE) == [2] * AT_ONCE
    assert turn(real_ville, device, 2) == 3


# --- a device


def test_a_lost_answer_is_given_again_until_its_successor_is_used(ville, keys):
    device = sign_in(ville, keys)
    assert [turn(ville, device, rang) for rang in (1, 1, 1, 2, 2)] == [2, 2, 2, 3, 3]


def test_an_older_token_was_copied_and_ends_the_session_of_all_who_hold_one(ville, keys):
    device, other = sign_in(ville, keys), sign_in(ville, keys)
    assert [turn(ville, device, rang) for rang in (1, 2)] == [2, 3]
    assert turn(ville, device, 1) is None
    assert [turn(ville, device, rang) for rang in (3, 2, 1, 4)] == [None] * 4
    assert turn(ville, other, 1) == 2


def test_a_device_that_sleeps_ninety_days_signs_in_again_and_one_that_calls_never_does(ville, keys):
    device = sign_in(ville, keys)
    almost = SOMMEIL - timedelta(seconds=1)
    assert turn(ville, device, 1, NOW + almost) == 2
    assert turn(ville, device, 2, NOW + 2 * almost) == 3
    assert turn(ville, device, 3, NOW + 2 * almost + SOMMEIL) is None


def test_a_session_ended_by_its_device_stays_so(ville, keys):
    device, other = sign_in(ville, keys), sign_in(ville, keys)
    for appareil in (device.id, device.id, uuid4()):
        with ville.session() as session, session.begin():
            revoke(session, appareil=appareil, now=NOW)
    assert turn(ville, device, 1) is None
    assert turn(ville, other, 1) == 2


def test_suspended_an_account_has_no_session_and_restored_it_has_none_of_the_old(ville, keys):
    device, other = sign_in(ville, keys), sign_in(ville, keys, "elu@demo.test")
    owner(ville, partial(suspend_personne, identifiant=ADDRESS))
    with pytest.raises(CompteSuspendu):
        turn(ville, device, 1)
    owner(ville, partial(restore_personne, identifiant=ADDRESS))
    assert turn(ville, device, 1) is None
    assert turn(ville, sign_in(ville, keys), 1) == 2
    assert turn(ville, other, 1) == 2


def test_suspending_twice_is_once_and_nobody_is_not_suspended(ville):
    for _ in range(2):
        who = owner(ville, partial(suspend_personne, identifiant="Relais@demo.test"))
        assert (who.actif, who.generation) == (False, 1)
    for command in (suspend_personne, restore_personne):
        with pytest.raises(PersonneInconnue):
            owner(ville, partial(command, identifiant="personne@demo.test"))


# --- another territoire


@pytest.fixture
def voisine(ville) -> Identity:
    """A second territoire of the installation, where the same address has another account."""
    configuration = lire_territoire(DEMO / "territoire.yaml").configuration
    with ville.session(Door.OWNER) as session, session.begin():
        import_configuration(session, replace(configuration, code="AUT"), auteur="test", now=session.now)
        there = get_territoire(session, "AUT")
        people = [PersonneLue(ADDRESS, "Autre Personne", Role.PILOTE, None, 2)]
        import_personnes(session, there, people, now=session.now)
        return Identity(territoire=there.id)


def test_a_code_and_a_session_of_one_territoire_are_worth_nothing_in_another(ville, keys, voisine):
    defi, device = ask(ville), sign_in(ville, keys)
    with ville.session(identity=voisine) as session, session.begin():
        assert use_code(session, keys=keys, defi=defi, code=code_of(keys, defi), now=NOW) is None
        assert renew(session, appareil=device.id, rang=1, now=NOW) is None
        revoke(session, appareil=device.id, now=NOW)
    assert turn(ville, device, 1) == 2
    assert use(ville, keys, defi)


def test_the_same_address_signs_in_to_the_account_of_the_territoire_it_asked(ville, keys, voisine):
    with ville.session(identity=voisine) as session, session.begin():
        defi = ask_code(session, identifiant=ADDRESS, now=session.now, real=NOW).id
        device = use_code(session, keys=keys, defi=defi, code=code_of(keys, defi), now=NOW)
        assert session.get_one(Personne, (voisine.territoire, device.personne_id)).nom == "Autre Personne"


def test_one_territoire_s_account_is_suspended_and_not_its_namesake(ville, voisine):
    owner(ville, partial(suspend_personne, identifiant=ADDRESS))
    with ville.session(Door.OWNER, voisine) as session, session.begin():
        found = select(Personne.actif).where(Personne.territoire_id == voisine.territoire)
        assert session.scalars(found).all() == [True]


# --- the mail


@pytest.fixture
def means(real_ville, keys, settings, tmp_path) -> Means:
    return Means(real_ville.bind, keys, settings, mailbox=None, wire=Wire(), stockage=Local(tmp_path / "depot"))


def today(ville: Ville, identifiant: str = ADDRESS) -> UUID:
    """A code asked for now in real time, by which a worker knows whether it still is of use."""
    return ask(ville, identifiant, real=datetime.now(UTC))


def due(ville: Ville) -> list[bool]:
    return [one.due_at is not None for one in rows(ville, Defi)]


def test_the_code_reaches_the_account_s_own_address_once(real_ville, means, keys, tmp_path):
    defi = today(real_ville, " RELAIS@demo.test")
    with Boite(tmp_path / "courriels") as boite:
        posting = replace(means, mailbox=Smtp(boite.url))
        assert [send_codes(posting) for _ in range(2)] == [1, 0]
    [mail] = lire(tmp_path / "courriels")
    code = code_of(keys, defi)
    assert mail.a == ADDRESS
    assert mail.message_id.startswith(f"<{defi}@")
    assert mail.objet == f"[VSL] votre code : {code}"
    for text in (" ".join(mail.texte.split()), " ".join(mail.html.split())):
        assert code in text
        assert "Il vaut dix minutes, sur le seul appareil qui l'a demandé le mardi 31 mars à 18 h 12." in text
        assert "Si vous n'avez rien demandé, ignorez ce message." in text
        assert not re.search(r"https?://|<a |Camille|Aubry", text), "no link, and nobody's name"
    assert due(real_ville) == [False]


@pytest.mark.parametrize("address", ["personne@demo.test", "agent@demo.test", "pas une adresse"])
def test_nothing_is_sent_to_an_address_without_an_active_account(real_ville, means, tmp_path, address):
    owner(real_ville, partial(suspend_personne, identifiant="agent@demo.test"))
    today(real_ville, address)
    with Boite(tmp_path / "courriels") as boite:
        assert send_codes(replace(means, mailbox=Smtp(boite.url))) == 1
    assert lire(tmp_path / "courriels") == []
    assert due(real_ville) == [False]


def test_without_a_relay_a_code_waits_and_leaves_the_minute_there_is_one(real_ville, means, tmp_path):
    today(real_ville)
    send_codes(means)
    assert due(real_ville) == [True]
    real_ville.forward(minutes=1)
    with Boite(tmp_path / "courriels") as boite:
        send_codes(replace(means, mailbox=Smtp(boite.url)))
    assert len(lire(tmp_path / "courriels")) == 1


def test_a_code_put_off_by_the_relay_is_sent_again_the_same(real_ville, means):
    today(real_ville)
    relay = Relay(data="451 greylisted, come back")
    with running(relay) as address:
        posting = replace(means, mailbox=Smtp(f"smtp://{address}"))
        send_codes(posting)
        assert due(real_ville) == [True]
        relay.data = "250 OK"
        real_ville.forward(minutes=1)
        send_codes(posting)
    first, second = (message_from_bytes(content, policy=default) for _, _, content in relay.received)
    assert (first["Message-ID"], first["Subject"]) == (second["Message-ID"], second["Subject"])
    assert due(real_ville) == [False]


def test_a_code_refused_for_good_by_the_relay_is_not_sent_again(real_ville, means):
    today(real_ville)
    with running(Relay(rcpt="550 5.1.1 no such user")) as address:
        send_codes(replace(means, mailbox=Smtp(f"smtp://{address}")))
    assert due(real_ville) == [False]


def test_a_code_that_waited_until_it_expired_is_not_sent(real_ville, means, tmp_path):
    ask(real_ville, real=datetime.now(UTC) - VALIDITE)
    with Boite(tmp_path / "courriels") as boite:
        send_codes(replace(means, mailbox=Smtp(boite.url)))
    assert lire(tmp_path / "courriels") == []
    assert due(real_ville) == [False]


def test_whatever_one_code_provokes_the_others_leave(real_ville, means):
    class Broken:
        def send(self, courriel):
            if courriel.a == ADDRESS:
                raise RuntimeError("a defect")
            sent.append(courriel.a)

    sent: list[str] = []
    for address in (ADDRESS, "elu@demo.test"):
        today(real_ville, address)
    assert send_codes(replace(means, mailbox=Broken())) == 2
    assert sent == ["elu@demo.test"]
    assert sorted(due(real_ville)) == [False, True]


# --- forgetting, and the command line


def test_what_is_worth_nothing_more_is_forgotten_on_time(real_ville, means, keys):
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    devices = {name: sign_in(real_ville, keys).id for name in ("live", "asleep", "stolen", "long asleep", "long ended")}
    ended = {
        "asleep": {"expire_le": now - GARDE_APPAREIL + minute},
        "stolen": {"revoque_le": now - GARDE_APPAREIL + minute},
        "long asleep": {"expire_le": now - GARDE_APPAREIL - minute},
        "long ended": {"revoque_le": now - GARDE_APPAREIL - minute},
    }
    for age in (minute, -minute):
        defi = today(real_ville, "elu@demo.test")
        aged = update(Defi).where(Defi.id == defi).values(expire_le=now - GARDE_DEFI + age)
        owner(real_ville, lambda session, aged=aged: session.execute(aged))
    owner(real_ville, lambda s: s.execute(update(Appareil).values(expire_le=now + SOMMEIL)))
    for name, columns in ended.items():
        one = update(Appareil).where(Appareil.id == devices[name]).values(columns)
        owner(real_ville, lambda session, one=one: session.execute(one))
    used = update(Defi).where(Defi.consomme_le.is_not(None)).values(expire_le=now - GARDE_DEFI - minute)
    owner(real_ville, lambda session: session.execute(used))
    assert forget(means) == len(devices) + 1 + 2
    assert {one.id for one in rows(real_ville, Appareil)} == {devices[name] for name in ("live", "asleep", "stolen")}
    assert len(rows(real_ville, Defi)) == 1


@pytest.fixture
def command(real_ville, monkeypatch):
    """`relais` on the town's own database, in this process."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("RELAIS_DATABASE_URL", real_ville.bind.url.render_as_string(hide_password=False))
    environment.settings.cache_clear()
    yield lambda *line: CliRunner().invoke(app, line)
    environment.settings.cache_clear()


def test_an_administrateur_suspends_and_restores_from_the_command_line(command, real_ville, keys):
    device = sign_in(real_ville, keys)
    done = command("personnes", "suspendre", "Relais@demo.test")
    assert (done.exit_code, "Camille Aubry, relais : suspendu" in done.stderr) == (0, True), done.output
    with pytest.raises(CompteSuspendu):
        turn(real_ville, device, 1)
    assert command("jeton", ADDRESS).exit_code == 1
    done = command("personnes", "retablir", ADDRESS)
    assert (done.exit_code, "Camille Aubry, relais : rétabli" in done.stderr) == (0, True), done.output
    assert turn(real_ville, device, 1) is None
    assert sign_in(real_ville, keys)
    refused = command("personnes", "suspendre", "personne@demo.test")
    assert (refused.exit_code, "Personne ne porte cet identifiant" in refused.stderr) == (1, True)
