"""Signing in over HTTP: a stranger learns nothing, a bad network loses nothing, a thief keeps nothing."""

import asyncio
import re
import string
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from conftest import DEMO, MARDI, Ville
from fastapi.testclient import TestClient
from sqlalchemy import event, func, select, update

from api.app import build_app
from api.resources import Resources
from relais.boite import Boite, lire
from relais.caller import Door
from relais.commands.connexion import CODES, ESSAIS
from relais.commands.personne import import_personnes, make_cle, restore_personne, suspend_personne
from relais.commands.territoire import get_territoire, import_configuration
from relais.db import make_engine
from relais.imports.personnes import PersonneLue
from relais.imports.territoire import lire_territoire
from relais.mail import Smtp
from relais.rules.acces import Role
from relais.stockage import Local
from relais.tables.connexion import Appareil, Defi
from relais.tokens import code_of, read_defi
from relais.wire import Wire
from workers.means import Means
from workers.ticks import do_all_due

ADDRESS, NOBODY, GONE = "relais@demo.test", "personne@demo.test", "elu@demo.test"
BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


class Phone:
    """An app on its own device: it asks for a code, reads the mail, and keeps its last refresh token."""

    def __init__(self, api, keys) -> None:
        self._api, self._keys = api, keys

    def ask(self, identifiant: str = ADDRESS, **said: str):
        return self._api("POST", "/v1/auth/codes", who=None, json={"identifiant": identifiant} | said)

    def defi(self, identifiant: str = ADDRESS, **said: str) -> str:
        asked = self.ask(identifiant, **said)
        assert asked.status_code == 202, asked.text
        return asked.json()["defi"]

    def code(self, defi: str) -> str:
        """As the mail says it."""
        return code_of(self._keys, read_defi(self._keys, defi)[1])

    def wrong(self, defi: str) -> str:
        return f"{(int(self.code(defi)) + 1) % 10**6:06}"

    def token(self, **said: str):
        return self._api("POST", "/v1/auth/token", who=None, json=said)

    def exchange(self, defi: str, code: str | None = None):
        return self.token(grant_type="code", defi=defi, code=code or self.code(defi))

    def sign_in(self, identifiant: str = ADDRESS, **said: str) -> dict[str, Any]:
        told = self.exchange(self.defi(identifiant, **said))
        assert told.status_code == 200, told.text
        return told.json()

    def refresh(self, token: str):
        return self.token(grant_type="refresh_token", refresh_token=token)

    def revoke(self, token: str):
        return self._api("POST", "/v1/auth/revoke", who=None, json={"token": token})

    def moi(self, token: str):
        return self._api("GET", "/v1/moi", who=None, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def phone(api, keys) -> Phone:
    return Phone(api, keys)


def owner(ville: Ville, act):
    with ville.session(Door.OWNER) as session, session.begin():
        return act(session)


def refusal(answer, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()


def later(ville: Ville, table, **columns: object) -> None:
    """Real time cannot be moved: what it would bring is written in the rows."""
    owner(ville, lambda session: session.execute(update(table).values(columns)))


# --- signing in


def test_a_code_received_opens_the_api_for_ten_minutes(phone):
    told = phone.exchange(phone.defi())
    assert told.headers["Cache-Control"] == "no-store"
    said = told.json()
    assert said.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 600)
    assert phone.moi(said["access_token"]).json()["identifiant"] == ADDRESS


@pytest.mark.parametrize("written", ["Relais@Demo.test", "  relais@demo.test "], ids=["case", "blanks"])
def test_an_address_is_known_however_it_is_written(phone, written):
    assert phone.moi(phone.sign_in(written)["access_token"]).json()["identifiant"] == ADDRESS


def test_a_code_typed_with_a_space_in_the_middle_is_the_code(phone):
    defi = phone.defi()
    code = phone.code(defi)
    assert phone.exchange(defi, f" {code[:3]} {code[3:]} ").status_code == 200


def test_a_code_serves_once(phone):
    defi = phone.defi()
    assert phone.exchange(defi).status_code == 200
    refusal(phone.exchange(defi), 401, "code_invalide")


def test_an_access_token_out_of_date_does_not_prevent_from_signing_in_again(phone, api):
    stale = {"Authorization": "Bearer out.of.date"}
    asked = api("POST", "/v1/auth/codes", who=None, headers=stale, json={"identifiant": ADDRESS})
    said = {"grant_type": "code", "defi": asked.json()["defi"], "code": phone.code(asked.json()["defi"])}
    token = api("POST", "/v1/auth/token", who=None, headers=stale, json=said)
    assert (asked.status_code, token.status_code) == (202, 200)


# --- what a stranger learns


@pytest.fixture
def statements(engine) -> Iterator[list[str]]:
    """What the database is asked, in order."""
    seen: list[str] = []

    def note(*call):
        seen.append(call[2])

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_an_address_is_answered_alike_and_by_the_same_work_whether_it_is_known_or_not(phone, ville, statements):
    owner(ville, partial(suspend_personne, identifiant=GONE))
    answers, asked = [], []
    for address in (ADDRESS, NOBODY, GONE, "pas une adresse", "x" * 254):
        statements.clear()
        answer = phone.ask(address)
        answers.append((answer.status_code, len(answer.content), {*answer.json()}, sorted(answer.headers)))
        asked.append([re.sub(r"sa_savepoint_\d+", "savepoint", one) for one in statements])
    assert answers == [answers[0]] * 5
    assert answers[0][0] == 202
    assert asked == [asked[0]] * 5
    assert any("INSERT INTO defi" in one for one in asked[0])
    assert not any("personne." in one for one in asked[0])


@pytest.mark.parametrize("address", [ADDRESS, NOBODY], ids=["known", "unknown"])
def test_the_sixth_code_of_a_quarter_of_an_hour_is_refused_to_any_address(phone, ville, address):
    for _ in range(CODES):
        phone.defi(address)
    refused = phone.ask(address)
    assert refusal(refused, 429, "trop_de_codes")["retryable"] is True
    assert refused.headers["Retry-After"] == "900"
    phone.defi("copilote@demo.test")
    ville.forward(minutes=15)
    phone.defi(address)


def test_nothing_tells_one_refused_code_from_another(phone, ville):
    told = []
    for address in (ADDRESS, NOBODY):
        defi = phone.defi(address)
        told += [phone.exchange(defi, phone.wrong(defi)) for _ in range(ESSAIS)]
        told.append(phone.exchange(defi))
    used = phone.defi()
    phone.exchange(used)
    told.append(phone.exchange(used))
    told.append(phone.exchange(phone.defi(NOBODY)))
    told.append(phone.exchange(phone.defi(), phone.code(phone.defi("copilote@demo.test"))))
    told.append(phone.exchange("x", "000000"))
    held = phone.defi(GONE)
    owner(ville, partial(suspend_personne, identifiant=GONE))
    told.append(phone.exchange(held))
    expired = phone.defi("agent@demo.test")
    later(ville, Defi, expire_le=datetime.now(UTC) - timedelta(seconds=1))
    told.append(phone.exchange(expired))
    assert len(told) == 18
    assert {(one.status_code, one.content, tuple(sorted(one.headers.items()))) for one in told} == {
        (401, told[0].content, tuple(sorted(told[0].headers.items())))
    }
    assert refusal(told[0], 401, "code_invalide")["retryable"] is False


def test_after_five_wrong_guesses_the_right_code_opens_nothing(phone, ville):
    defi = phone.defi()
    for _ in range(ESSAIS):
        refusal(phone.exchange(defi, phone.wrong(defi)), 401, "code_invalide")
    refusal(phone.exchange(defi), 401, "code_invalide")
    assert owner(ville, lambda session: session.scalars(select(func.count()).select_from(Appareil)).one()) == 0


def test_a_code_overheard_is_worth_nothing_without_the_device_that_asked(phone):
    defi, another = phone.defi(), phone.defi()
    refusal(phone.exchange(another, phone.code(defi)), 401, "code_invalide")
    assert phone.exchange(defi).status_code == 200


def test_no_secret_is_in_the_database(phone, ville):
    defi = phone.defi()
    tokens = phone.exchange(defi).json()
    with ville.session(Door.OWNER) as session, session.begin():
        kept = " ".join(str(vars(row)) for table in (Defi, Appareil) for row in session.scalars(select(table)))
    for secret in (defi, phone.code(defi), tokens["access_token"], tokens["refresh_token"]):
        assert secret not in kept


# --- staying signed in


def test_a_refresh_gives_the_next_token_and_a_fresh_access(phone):
    first = phone.sign_in()
    told = phone.refresh(first["refresh_token"])
    second = told.json()
    assert (told.status_code, told.headers["Cache-Control"]) == (200, "no-store")
    assert second.keys() == first.keys()
    assert {second[name] == first[name] for name in ("access_token", "refresh_token")} == {False}
    assert phone.moi(second["access_token"]).status_code == 200
    assert phone.refresh(second["refresh_token"]).status_code == 200


def test_an_answer_lost_on_the_way_is_given_again(phone):
    first = phone.sign_in()["refresh_token"]
    lost, again = phone.refresh(first).json(), phone.refresh(first).json()
    assert again["refresh_token"] == lost["refresh_token"]
    assert phone.moi(again["access_token"]).status_code == 200
    assert phone.refresh(again["refresh_token"]).status_code == 200


def test_a_stolen_token_ends_the_session_of_the_thief_and_of_the_phone(phone):
    stolen = phone.sign_in()["refresh_token"]
    elsewhere = phone.sign_in()["refresh_token"]
    second = phone.refresh(stolen).json()["refresh_token"]
    third = phone.refresh(second).json()["refresh_token"]
    for token in (stolen, third, second):
        refusal(phone.refresh(token), 401, "session_terminee")
    assert phone.refresh(elsewhere).status_code == 200, "the other phone of the same person"


def test_a_phone_asleep_for_ninety_days_asks_for_a_new_code(phone, ville):
    token = phone.sign_in()["refresh_token"]
    later(ville, Appareil, expire_le=datetime.now(UTC) - timedelta(seconds=1))
    refusal(phone.refresh(token), 401, "session_terminee")


def test_signing_out_ends_the_session_and_the_access_ends_with_its_ten_minutes(phone):
    told = phone.sign_in()
    for _ in range(2):
        gone = phone.revoke(told["refresh_token"])
        assert (gone.status_code, gone.content) == (200, b"")
    refusal(phone.refresh(told["refresh_token"]), 401, "session_terminee")
    assert phone.moi(told["access_token"]).status_code == 200


def test_a_token_of_any_rank_signs_its_device_out_and_no_other(phone):
    first, other = phone.sign_in()["refresh_token"], phone.sign_in()["refresh_token"]
    second = phone.refresh(first).json()["refresh_token"]
    phone.revoke(first)
    refusal(phone.refresh(second), 401, "session_terminee")
    assert phone.refresh(other).status_code == 200


def test_what_is_no_token_is_revoked_without_a_word(phone):
    signed = phone.sign_in()
    for token in ("", "x", "é" * 75, "a" * 75, signed["access_token"], phone.defi()):
        assert phone.revoke(token).status_code == 200
    assert phone.refresh(signed["refresh_token"]).status_code == 200


def test_a_suspended_account_loses_access_at_once_and_its_old_tokens_for_ever(phone, ville):
    told, other = phone.sign_in(), phone.sign_in("copilote@demo.test")
    owner(ville, partial(suspend_personne, identifiant=ADDRESS))
    refusal(phone.moi(told["access_token"]), 403, "compte_suspendu")
    refusal(phone.refresh(told["refresh_token"]), 403, "compte_suspendu")
    owner(ville, partial(restore_personne, identifiant=ADDRESS))
    refusal(phone.moi(told["access_token"]), 401, "jeton_invalide")
    refusal(phone.refresh(told["refresh_token"]), 401, "session_terminee")
    assert phone.moi(phone.sign_in()["access_token"]).status_code == 200
    assert phone.moi(other["access_token"]).status_code == 200


def test_a_token_serves_for_what_it_was_given_and_nothing_else(phone):
    defi = phone.defi()
    told = phone.exchange(defi).json()
    for token in (told["refresh_token"], defi):
        refusal(phone.moi(token), 401, "jeton_invalide")
    for token in (told["access_token"][:200], defi):
        refusal(phone.refresh(token), 401, "session_terminee")
    refusal(phone.exchange(told["refresh_token"], "000000"), 401, "code_invalide")


# --- several territoires


@pytest.fixture
def voisine(ville) -> None:
    """A second territoire, where the same address is somebody else's account."""
    configuration = lire_territoire(DEMO / "territoire.yaml").configuration
    with ville.session(Door.OWNER) as session, session.begin():
        there = replace(configuration, code="AUT", nom="Ville voisine")
        import_configuration(session, there, auteur="test", now=session.now)
        people = [PersonneLue(ADDRESS, "Autre Personne", Role.PILOTE, None, 2)]
        import_personnes(session, get_territoire(session, "AUT"), people, now=session.now)


@pytest.mark.usefixtures("voisine")
def test_one_signs_in_to_the_territoire_one_names(phone):
    here, there = (phone.moi(phone.sign_in(territoire=code)["access_token"]).json() for code in ("VSL", "AUT"))
    assert (here["territoire"]["code"], here["nom"]) == ("VSL", "Camille Aubry")
    assert (there["territoire"]["code"], there["nom"]) == ("AUT", "Autre Personne")


@pytest.mark.usefixtures("voisine")
def test_a_code_of_one_territoire_opens_nothing_in_another(phone, keys):
    here, there = phone.defi(territoire="VSL"), phone.defi(territoire="AUT")
    refusal(phone.exchange(there, phone.code(here)), 401, "code_invalide")
    (vsl, one), (aut, other) = read_defi(keys, here), read_defi(keys, there)
    assert vsl != aut
    assert one != other


@pytest.mark.usefixtures("voisine")
def test_where_several_are_served_the_territoire_is_asked_for_and_an_unknown_one_refused(phone):
    told = refusal(phone.ask(), 400, "territoire_a_choisir")
    assert told["errors"][0]["pointer"] == "/territoire"
    refusal(phone.ask(territoire="XYZ"), 404, "territoire_inconnu")


# --- who I am


def me(api, **who) -> dict[str, Any]:
    told = api("GET", "/v1/moi", **who)
    assert told.status_code == 200, told.text
    return told.json()


def test_everyone_learns_who_they_are_and_whether_they_may_signal(api, ville):
    relais = me(api, who="relais")
    assert relais == {
        "id": str(ville.identity("relais").personne),
        "role": "relais",
        "nom": "Camille Aubry",
        "identifiant": ADDRESS,
        "territoire": {"code": "VSL", "nom": "Ville de Vaucelles-sur-Lisse"},
        "signale": True,
    }
    agent = me(api, who="agent")
    assert (agent["role"], agent["acteur"]) == ("agent", {"code": "habitat-lisse", "nom": "Habitat Lisse"})
    assert me(api, who="direction_generale")["signale"] is False


@pytest.mark.parametrize("acteur", ["habitat-lisse", None], ids=["acteur", "partner"])
def test_a_key_is_somebody_too_without_an_address(api, ville, acteur):
    with ville.session(Door.OWNER) as session, session.begin():
        there = get_territoire(session, "VSL")
        clear = make_cle(session, there, libelle="Logiciel", acteur=acteur, now=session.now)
    told = me(api, who=None, headers={"Authorization": f"Bearer {clear}"})
    assert (told["role"], told["nom"], told["signale"]) == ("cle", "Logiciel", True)
    assert "identifiant" not in told
    assert told.get("acteur", {}).get("code") == acteur


def test_who_i_am_is_not_sent_twice_to_who_knows(api):
    tag = api("GET", "/v1/moi").headers["ETag"]
    assert api("GET", "/v1/moi", headers={"If-None-Match": tag}).status_code == 304


# --- bad input

BODIES = {
    "nothing": ({}, "/grant_type"),
    "grant": ({"grant_type": "password"}, "/grant_type"),
    "no defi": ({"grant_type": "code", "code": "123456"}, "/defi"),
    "no code": ({"grant_type": "code", "defi": "x"}, "/code"),
    "no token": ({"grant_type": "refresh_token"}, "/refresh_token"),
    "null token": ({"grant_type": "refresh_token", "refresh_token": None}, "/refresh_token"),
    "the other's": ({"grant_type": "refresh_token", "refresh_token": "x", "defi": "x"}, "/defi"),
    "both": ({"grant_type": "code", "defi": "x", "code": "1", "refresh_token": "x"}, "/refresh_token"),
    "a number": ({"grant_type": "code", "defi": "x", "code": 123456}, "/code"),
    "nul": ({"grant_type": "code", "defi": "a\x00b", "code": "1"}, "/defi"),
    "long": ({"grant_type": "refresh_token", "refresh_token": "x" * 201}, "/refresh_token"),
    "unknown": ({"grant_type": "refresh_token", "refresh_token": "x", "scope": "tout"}, "/scope"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_malformed_grant_is_refused_where_it_is_wrong(phone, case):
    said, pointer = BODIES[case]
    told = refusal(phone.token(**said), 422, "champ_invalide")
    assert [one["pointer"] for one in told["errors"]] == [pointer]


@pytest.mark.parametrize("identifiant", ["", "x" * 255, None, 3, "a\x00b", ["x"]], ids=range(6))
def test_a_malformed_address_is_refused_and_asks_for_no_code(phone, ville, identifiant):
    told = refusal(phone.ask(identifiant), 422, "champ_invalide")
    assert told["errors"][0]["pointer"] == "/identifiant"
    assert owner(ville, lambda session: session.scalars(select(Defi.id)).all()) == []


def test_half_a_character_is_refused_everywhere(api):
    for path, said in (
        ("codes", b'{"identifiant":"\\ud800"}'),
        ("token", b'{"grant_type":"code","defi":"x","code":"\\ud800"}'),
        ("revoke", b'{"token":"\\ud800"}'),
    ):
        answer = api("POST", f"/v1/auth/{path}", who=None, content=said, headers={"Content-Type": "application/json"})
        refusal(answer, 422, "champ_invalide")


def test_a_sealed_string_with_any_character_changed_is_refused_and_never_a_crash(phone):
    defi = phone.defi()
    refresh = phone.sign_in()["refresh_token"]
    for token, send, code in (
        (defi, partial(phone.exchange, code=phone.code(defi)), "code_invalide"),
        (refresh, phone.refresh, "session_terminee"),
    ):
        for place, one in enumerate(token):
            for other in (BASE64[BASE64.index(one) ^ 32], "é= "[place % 3]):
                answer = send(token[:place] + other + token[place + 1 :])
                refusal(answer, 401, code)
        for cut in (token[:-1], token[1:], token + "A", token * 2):
            refusal(send(cut[:200]), 401, code)
    assert phone.exchange(defi).status_code == 200, "none of these was a try"
    assert phone.refresh(refresh).status_code == 200


# --- the whole way, on a database and a relay of its own


@pytest.fixture
def town(clone) -> Iterator[Ville]:
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    yield ville
    engine.dispose()


@pytest.fixture
def mobile(town, settings, keys, tmp_path) -> Iterator[Phone]:
    """A phone on an API whose transactions really commit."""
    resources = Resources(town.bind, keys, settings, Local(tmp_path / "depot"), asyncio.Semaphore(10))
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:

        def call(method: str, path: str, *, who: None, **options: Any):  # noqa: ARG001 - as the fixture `api` is called
            return client.request(method, path, **options)

        yield Phone(call, keys)


def test_the_mail_that_arrives_is_enough_to_sign_in(mobile, town, keys, settings, tmp_path):
    defi = mobile.defi("Relais@demo.test")
    mobile.defi(NOBODY)
    with Boite(tmp_path / "courriels") as boite:
        stockage = Local(tmp_path / "depot")
        do_all_due(Means(town.bind, keys, settings, Smtp(boite.url), Wire(), stockage))
    [mail] = lire(tmp_path / "courriels")
    [code] = re.findall(r"\b\d{6}\b", mail.texte)
    told = mobile.exchange(defi, code)
    assert mobile.moi(told.json()["access_token"]).json()["identifiant"] == mail.a


def test_of_many_who_send_the_right_code_at_once_one_gets_a_session(mobile, town):
    defi, statuses = mobile.defi(), []
    start = threading.Barrier(6)

    def send() -> None:
        start.wait()
        statuses.append(mobile.exchange(defi).status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [401] * 5
    assert len(owner(town, lambda session: session.scalars(select(Appareil.id)).all())) == 1


def test_what_is_refused_was_written_all_the_same(mobile, town):
    """A try and a theft are in the database once the refusal is answered: a crash after it forgets neither."""
    defi = mobile.defi()
    mobile.exchange(defi, mobile.wrong(defi))
    stolen = mobile.sign_in()["refresh_token"]
    mobile.refresh(mobile.refresh(stolen).json()["refresh_token"])
    mobile.refresh(stolen)
    with town.session(Door.OWNER) as session, session.begin():
        assert sorted(session.scalars(select(Defi.essais))) == [1, 1]
        assert session.scalars(select(Appareil.revoque_le)).one() is not None
