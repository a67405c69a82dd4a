"""A partner who checks our signatures with a library of their own accepts ours, and nothing else."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from relais.signature import headers, new_secret, sign

BODY = '{"type":"signalement.affecte","data":{"theme":"Dépôt sauvage","lieu":"12 rue des Érables 🛋"}}'.encode()


def test_the_vector_that_the_libraries_share_is_reproduced():
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_the_old_and_the_new_one_both_verify():
    old, new = new_secret(), new_secret()
    signed = headers([new, old], id="019d44aa", timestamp=int(time.time()), body=BODY)
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, signed)["data"]["theme"] == "Dépôt sauvage"
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Webhook(new_secret()).verify(BODY, signed)


@pytest.mark.parametrize(
    "altered",
    [BODY + b" ", BODY.replace(b"12", b"13"), BODY.replace(b'":"', b'": "', 1)],
    ids=["one more", "one other", "re-serialised"],
)
def test_a_body_changed_by_one_byte_is_refused(altered):
    secret = new_secret()
    signed = headers([secret], id="019d44aa", timestamp=int(time.time()), body=BODY)
    Webhook(secret).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Webhook(secret).verify(altered, signed)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_the_id_and_the_timestamp_are_signed_too(name):
    secret, now = new_secret(), int(time.time())
    signed = headers([secret], id="1", timestamp=now, body=BODY)
    signed[name] = {"webhook-id": "2", "webhook-timestamp": str(now + 1)}[name]
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Webhook(secret).verify(BODY, signed)


def test_a_retry_bears_the_same_id_and_a_signature_of_its_own():
    secret, now = new_secret(), int(time.time())
    first, second = (headers([secret], id="019d44aa", timestamp=at, body=BODY) for at in (now - 299, now))
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]
    Webhook(secret).verify(BODY, second)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Cayenne", "Indian/Reunion"])
def test_the_machine_s_time_zone_changes_no_signature(zone, monkeypatch):
    secret = new_secret()
    expected = headers([secret], id="1", timestamp=int(time.time()), body=BODY)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        signed = headers([secret], id="1", timestamp=int(expected["webhook-timestamp"]), body=BODY)
        Webhook(secret).verify(BODY, signed)
    time.tzset()
    assert signed == expected


def test_a_secret_is_32_random_bytes_that_say_what_they_are():
    one, other = new_secret(), new_secret()
    assert one != other
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize("secret", ["whsec_", "whsec_YWJj", "whsec_" + base64.b64encode(bytes(65)).decode(), "whsec_é"])
def test_a_secret_too_short_too_long_or_unreadable_signs_nothing(secret):
    with pytest.raises(ValueError):  # noqa: PT011 - one of them is refused by base64, in its own words
        sign(secret, id="1", timestamp=1, body=BODY)


def test_an_id_with_a_full_stop_is_refused():
    with pytest.raises(ValueError, match="full stop"):
        sign(new_secret(), id="1.2", timestamp=1, body=BODY)


def test_nothing_leaves_unsigned():
    with pytest.raises(ValueError, match="unsigned"):
        headers([], id="1", timestamp=1, body=BODY)
