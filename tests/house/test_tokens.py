"""What is not our own token, whole and in date, opens nothing."""

import json
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from relais.caller import Identity
from relais.errors import CodeInvalide, JetonExpire, JetonInvalide, SessionTerminee
from relais.keys import Keys
from relais.tokens import (
    AUDIENCE,
    ISSUER,
    LIFE,
    TYPE,
    Renouvellement,
    code_of,
    defi_token,
    issue,
    read,
    read_cle,
    read_defi,
    read_refresh,
    refresh_token,
)

PERSONNE = UUID("019d44aa-d6a0-7a31-9c2b-5f1d8e0a7b42")
DEFI = UUID("019d44ab-2f61-7c3e-b1a7-6d0c5e9f4a28")
APPAREIL = Renouvellement(7, UUID("019d44ac-0b4d-7e52-8f19-c3a6d2e7b510"), 3)
BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
GARBAGE = ["", "a", "é" * 43, "\x00", "\udcff", "=" * 43, "!" * 43, "a" * 43, "a" * 75, "a" * 9_999]


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good token; None takes one away."""
    now = datetime.now(UTC)
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(PERSONNE), "ter": 7, "gen": 3, "jti": "j", "iat": now}
    return {name: value for name, value in (good | {"exp": now + LIFE} | changes).items() if value is not None}


def signed(keys: Keys, body: dict[str, Any], **header: Any) -> str:
    return jwt.encode(body, keys.tokens, algorithm="EdDSA", headers={"kid": keys.kid, "typ": TYPE} | header)


def part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_says_who_asks_and_where_and_never_with_which_role(keys):
    token = issue(keys, territoire=7, personne=PERSONNE, generation=3)
    assert read(keys, token) == Identity(territoire=7, personne=PERSONNE, generation=3)
    body = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    assert set(body) == {"iss", "aud", "sub", "ter", "gen", "jti", "iat", "exp"}
    assert body["exp"] - body["iat"] == 600


def test_the_hostile_tokens_below_differ_from_a_good_one_by_one_thing_only(keys):
    assert read(keys, signed(keys, claims())) == Identity(territoire=7, personne=PERSONNE, generation=3)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "relais/courriel"},
        {"aud": [AUDIENCE, "autre"]},
        {"aud": None},
        {"iss": "autre"},
        {"iss": None},
        {"sub": None},
        {"sub": "pas-un-uuid"},
        {"jti": None},
        {"iat": None},
        {"exp": None},
        {"ter": None},
        {"ter": "VSL"},
        {"ter": [7]},
        {"gen": None},
        {"gen": {}},
        {"iat": datetime.now(UTC) + timedelta(hours=1)},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
    ],
    ids=lambda changes: f"{next(iter(changes))}={str(next(iter(changes.values())))[:15]}",
)
def test_a_claim_missing_or_wrong_is_refused(keys, changes):
    with pytest.raises(JetonInvalide):
        read(keys, signed(keys, claims(**changes)))


def test_a_token_out_of_date_says_so_and_nothing_else(keys):
    with pytest.raises(JetonExpire):
        read(keys, signed(keys, claims(exp=datetime.now(UTC) - timedelta(seconds=1))))


@pytest.mark.parametrize(
    "header",
    [{"typ": "JWT"}, {"typ": "refresh+jwt"}, {"kid": "autre"}, {"crit": ["exp"]}],
    ids=["plain typ", "another use", "another key", "unknown crit"],
)
def test_a_token_made_for_something_else_is_refused(keys, header):
    with pytest.raises(JetonInvalide):
        read(keys, signed(keys, claims(), **header))


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256"])
def test_the_algorithm_is_ours_to_choose(keys, algorithm):
    """Unsigned, or signed with what everybody may know: the public key taken for a shared secret."""
    body = claims() | {"iat": 0, "exp": 4_000_000_000}
    message = f"{part({'alg': algorithm, 'typ': TYPE, 'kid': keys.kid})}.{part(body)}"
    public = keys.tokens.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    seal = ""
    if algorithm == "HS256":
        seal = (
            urlsafe_b64encode(
                jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(message.encode(), public)
            )
            .rstrip(b"=")
            .decode()
        )
    with pytest.raises(JetonInvalide):
        read(keys, f"{message}.{seal}")


def test_another_installation_s_token_is_refused_even_under_our_key_s_name(keys):
    foreign = Keys(Ed25519PrivateKey.generate(), keys.secret)
    with pytest.raises(JetonInvalide, match="cette installation"):
        read(keys, issue(foreign, territoire=7, personne=PERSONNE, generation=3))
    with pytest.raises(JetonInvalide, match="signature"):
        read(keys, signed(foreign, claims(), kid=keys.kid))


def test_every_changed_part_breaks_the_seal(keys):
    head, body, seal = signed(keys, claims()).split(".")
    other = part(json.loads(urlsafe_b64decode(body + "==")) | {"ter": 8})
    for token in (f"{head}.{other}.{seal}", f"{head}.{body}.{seal[::-1]}", f"{head}.{body}.", f"{head}.{body}"):
        with pytest.raises(JetonInvalide):
            read(keys, token)


@pytest.mark.parametrize("garbage", ["", ".", "..", "a.b.c", "é.é.é", "\x00", "\udcff.a.b", "[].{}.x", "a" * 10_000])
def test_garbage_is_an_unreadable_token_and_not_a_crash(keys, garbage):
    with pytest.raises(JetonInvalide):
        read(keys, garbage)


@pytest.mark.parametrize("header", [[], None, 3, {"typ": TYPE, "kid": ["x"]}, {"typ": TYPE, "alg": None}])
def test_a_header_of_another_shape_is_refused(keys, header):
    with pytest.raises(JetonInvalide):
        read(keys, f"{part(header)}.{part(claims() | {'iat': 0, 'exp': 4_000_000_000})}.AA")


def test_a_key_is_read_as_its_territoire_and_its_digest():
    assert read_cle("rk_12_abc-DEF_9") == Identity(territoire=12, cle=sha256(b"rk_12_abc-DEF_9").hexdigest())


@pytest.mark.parametrize(
    "garbage",
    ["rk_", "rk_12", "rk_12_", "rk__abc", "rk_-1_abc", "rk_1.5_abc", "rk_\u0661\u0662_abc", "rk_" + "9" * 5000 + "_abc",
     "rk_3000000000_abc", "rk_1_é", "rk_1_a b", "rk_1_\udcff", "12_abc", "019d44aa-0000-7000-8000-000000000000"],
)  # fmt: skip
def test_what_has_not_the_shape_of_a_key_never_reaches_the_database(garbage):
    with pytest.raises(JetonInvalide):
        read_cle(garbage)


# --- what gives one: a defi and its code, then refresh tokens


def changed(token: str) -> list[str]:
    """That token with each of its characters replaced in turn by one that says other bits."""
    others = [BASE64[BASE64.index(one) ^ 32] for one in token]
    return [token[:place] + other + token[place + 1 :] for place, other in enumerate(others)]


def test_a_defi_says_where_and_which_and_its_code_is_six_figures_always_the_same(keys):
    assert read_defi(keys, defi_token(keys, territoire=7, defi=DEFI)) == (7, DEFI)
    codes = [code_of(keys, UUID(int=number)) for number in range(500)]
    assert codes == [code_of(keys, UUID(int=number)) for number in range(500)]
    assert {(len(code), code.isdecimal()) for code in codes} == {(6, True)}
    assert any(code.startswith("0") for code in codes), "as many figures, whatever was drawn"
    assert len(set(codes)) > 490


def test_the_code_of_a_defi_is_known_to_this_installation_alone(keys):
    foreign = replace(keys, secret=b"x" * 32)
    assert [code_of(foreign, UUID(int=n)) for n in range(3)] != [code_of(keys, UUID(int=n)) for n in range(3)]


def test_a_refresh_token_is_the_same_for_the_same_rang_and_another_for_the_next(keys):
    token = refresh_token(keys, APPAREIL)
    assert read_refresh(keys, token) == APPAREIL
    assert refresh_token(keys, replace(APPAREIL)) == token
    assert refresh_token(keys, replace(APPAREIL, rang=4)) != token


def test_no_character_of_a_defi_nor_of_a_refresh_token_can_be_changed(keys):
    for forged in changed(defi_token(keys, territoire=7, defi=DEFI)):
        with pytest.raises(CodeInvalide):
            read_defi(keys, forged)
    for forged in changed(refresh_token(keys, APPAREIL)):
        with pytest.raises(SessionTerminee):
            read_refresh(keys, forged)


def test_each_kind_of_token_is_worth_nothing_for_another_use(keys):
    access = issue(keys, territoire=7, personne=PERSONNE, generation=3)
    defi, refresh = defi_token(keys, territoire=7, defi=DEFI), refresh_token(keys, APPAREIL)
    for token in (defi, refresh):
        with pytest.raises(JetonInvalide):
            read(keys, token)
    for token in (access, defi):
        with pytest.raises(SessionTerminee):
            read_refresh(keys, token)
    for token in (access, refresh):
        with pytest.raises(CodeInvalide):
            read_defi(keys, token)


def test_another_installation_s_defi_and_refresh_token_are_refused(keys):
    foreign = replace(keys, secret=b"x" * 32)
    with pytest.raises(CodeInvalide):
        read_defi(keys, defi_token(foreign, territoire=7, defi=DEFI))
    with pytest.raises(SessionTerminee):
        read_refresh(keys, refresh_token(foreign, APPAREIL))


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_a_refused_code_or_an_ended_session_and_not_a_crash(keys, garbage):
    with pytest.raises(CodeInvalide):
        read_defi(keys, garbage)
    with pytest.raises(SessionTerminee):
        read_refresh(keys, garbage)
