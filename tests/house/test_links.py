"""Links that carry their own right carry nothing else, and for a time only."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from relais import links
from relais.errors import LienInvalide
from relais.keys import Keys
from relais.links import Action, Choice, action_token, check_media, media_path, read_action, seal, unseal

ACTION = Action(7, Choice.MOBILISER, UUID("019d44aa-d6a0-7a31-9c2b-5f1d8e0a7b42"))
CLE = "photos/7/019d44aa-d6a0-7a31-9c2b-5f1d8e0a7b42/1-image.jpg"
NOW = datetime(2026, 3, 31, 16, 12, tzinfo=UTC)


@pytest.fixture
def other(keys) -> Keys:
    """Another installation's secrets."""
    return replace(keys, secret=b"x" * 32)


def seal_of(path: str) -> str:
    head, mark, seal, *rest = path.split("/")
    assert (head, mark, "/".join(rest)) == ("", "m", CLE)
    return seal


# --- media


def test_a_media_link_opens_its_own_file_until_it_expires(keys):
    path, expires = media_path(keys, CLE, now=NOW)
    assert expires == datetime(2026, 4, 2, tzinfo=UTC)
    check_media(keys, seal_of(path), CLE, now=NOW)
    check_media(keys, seal_of(path), CLE, now=expires - timedelta(seconds=1))
    for late in (expires, expires + timedelta(days=400)):
        with pytest.raises(LienInvalide):
            check_media(keys, seal_of(path), CLE, now=late)


def test_the_same_link_serves_all_day_so_that_caches_hit(keys):
    assert media_path(keys, CLE, now=NOW) == media_path(keys, CLE, now=NOW + timedelta(hours=7))
    assert media_path(keys, CLE, now=NOW) != media_path(keys, CLE, now=NOW + timedelta(hours=8))


def test_a_day_is_utc_s_whatever_zone_the_instant_is_written_in(keys):
    east = NOW.astimezone(datetime.strptime("+1100", "%z").tzinfo)
    assert media_path(keys, CLE, now=east) == media_path(keys, CLE, now=NOW)


def test_a_media_link_opens_no_other_file(keys):
    seal = seal_of(media_path(keys, CLE, now=NOW)[0])
    for cle in ("originaux/7/x", CLE.replace("image", "vignette"), f"{CLE}/", f"/{CLE}", "", CLE.upper()):
        with pytest.raises(LienInvalide):
            check_media(keys, seal, cle, now=NOW)


def test_a_file_s_name_cannot_lend_its_first_folder_to_the_stamp(keys):
    """`{stamp}/{cle}` is what is signed: the same characters, cut elsewhere, must not pass."""
    stamp, _, mac = seal_of(media_path(keys, CLE, now=NOW)[0]).partition(".")
    folder, _, rest = CLE.partition("/")
    with pytest.raises(LienInvalide):
        check_media(keys, f"{stamp}/{folder}.{mac}", rest, now=NOW)


def test_a_longer_life_cannot_be_written_on_a_link(keys):
    stamp, _, mac = seal_of(media_path(keys, CLE, now=NOW)[0]).partition(".")
    for longer in ("f" * 12, stamp + "0", f"0{stamp}", stamp.upper(), f"+{stamp}", f"0x{stamp}", f" {stamp}"):
        if longer != stamp:
            with pytest.raises(LienInvalide):
                check_media(keys, f"{longer}.{mac}", CLE, now=NOW)


@pytest.mark.parametrize(
    "seal", ["", ".", "zz.zz", "-1.AA", "..", "69cdb200", "é.é", "\x00.\x00", "\udcff.\udcff", "f" * 9_999]
)
def test_a_garbage_stamp_is_an_invalid_link_and_not_a_crash(keys, seal):
    with pytest.raises(LienInvalide):
        check_media(keys, seal, CLE, now=NOW)


@pytest.mark.parametrize("stamp", ["zz", "", "1_0", "é", "0x10", "-1"])
def test_a_garbage_stamp_is_refused_even_under_our_own_seal(keys, stamp):
    """Nobody but us can seal it: a reader must not depend on that to stay upright."""
    mac = links._pack(links._mac(keys.derive("media"), f"{stamp}/{CLE}".encode()))  # noqa: SLF001 - forging needs the key
    with pytest.raises(LienInvalide):
        check_media(keys, f"{stamp}.{mac}", CLE, now=NOW)


def test_a_file_name_that_is_no_text_is_refused(keys):
    seal = seal_of(media_path(keys, CLE, now=NOW)[0])
    with pytest.raises(LienInvalide):
        check_media(keys, seal, "\udcff", now=NOW)


def test_another_installation_s_media_link_is_refused(keys, other):
    seal = seal_of(media_path(other, CLE, now=NOW)[0])
    check_media(other, seal, CLE, now=NOW)
    with pytest.raises(LienInvalide):
        check_media(keys, seal, CLE, now=NOW)


# --- the buttons of a mail


@pytest.mark.parametrize("choice", list(Choice))
def test_a_button_says_what_it_does_and_for_which_envoi(keys, choice):
    action = replace(ACTION, choice=choice)
    assert read_action(keys, action_token(keys, action)) == action


def test_the_same_mail_sent_twice_carries_the_same_links(keys):
    assert action_token(keys, ACTION) == action_token(keys, replace(ACTION))


def test_no_byte_of_a_button_s_link_can_be_changed(keys):
    raw = urlsafe_b64decode(action_token(keys, ACTION) + "==")
    for place in range(len(raw)):
        for bit in (1, 128):
            forged = raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]
            with pytest.raises(LienInvalide):
                read_action(keys, urlsafe_b64encode(forged).rstrip(b"=").decode())


def test_a_link_cut_short_or_prolonged_is_refused(keys):
    token = action_token(keys, ACTION)
    for other in (token[:-1], token[:-4], token[4:], token + "AAAA", token[:10], ""):
        with pytest.raises(LienInvalide):
            read_action(keys, other)


@pytest.mark.parametrize("garbage", ["a", "é" * 44, "\x00", "\udcff", "=" * 44, "!" * 44, "a" * 44, "a" * 9_999])
def test_a_garbage_link_is_an_invalid_one_and_not_a_crash(keys, garbage):
    with pytest.raises(LienInvalide):
        read_action(keys, garbage)


def test_a_choice_of_a_later_version_is_refused_with_its_reason(keys):
    message = links._ACTION.pack(7, 200, ACTION.envoi.bytes)  # noqa: SLF001 - a release that does not exist yet
    token = links._pack(message + links._mac(keys.derive("actions"), message))  # noqa: SLF001 - the same
    with pytest.raises(LienInvalide, match="version plus récente"):
        read_action(keys, token)


def test_a_seal_made_for_one_purpose_is_worth_nothing_for_another(keys, other):
    message = links._ACTION.pack(7, 1, ACTION.envoi.bytes)  # noqa: SLF001 - forging needs the inside
    media = links._pack(message + links._mac(keys.derive("media"), message))  # noqa: SLF001 - the same
    for token in (media, action_token(other, ACTION)):
        with pytest.raises(LienInvalide):
            read_action(keys, token)


# --- the seal itself


def test_a_seal_opens_under_its_own_key_and_for_its_own_lengths_alone():
    token = seal(b"k" * 32, b"message", mac=32)
    assert unseal(b"k" * 32, token, size=7, mac=32) == b"message"
    assert unseal(b"K" * 32, token, size=7, mac=32) is None
    for size, mac in ((6, 32), (8, 32), (7, 31), (7, 12), (6, 33), (0, 39), (0, 0)):
        assert unseal(b"k" * 32, token, size=size, mac=mac) is None, (size, mac)
