"""Mail leaves once for each person, or says whether to try again; the demo's letter-box keeps what it got."""

import asyncio
import smtplib
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from relais import mail
from relais.boite import Boite, lire
from relais.mail import Courriel, MailDeferred, MailRefused, Smtp, compose

COURRIEL = Courriel(
    id=UUID("019d44aa-d6a0-7a31-9c2b-5f1d8e0a7b42"),
    de="Relais de Vaucelles <gusp@vaucelles.test>",
    a="agence.nord@habitat-lisse.test",
    objet="[VSL-2026-00042] Dépôt sauvage, 12 rue des Érables : 8 jours ouvrés de retard",
    texte="Bonjour,\n\nCe signalement dépasse le délai annoncé.\n.\nRépondre : https://relais.vaucelles.test/a/1\n",
    html='<html lang="fr"><h1>Dépôt sauvage</h1><p>Répondre à l’élue</p></html>',
    repondre_a="gusp@vaucelles.test",
    fil="VSL-2026-00042",
)
MESSAGE_ID = "<019d44aa-d6a0-7a31-9c2b-5f1d8e0a7b42@vaucelles.test>"


class Relay:
    """The relay of a town, on a good or a bad day: `answers` says what it replies to RCPT and after DATA."""

    def __init__(self, *, rcpt="250 OK", data="250 OK"):
        self.rcpt, self.data = rcpt, data
        self.received = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        if self.data == "dropped":
            server.transport.abort()
        if self.data == "stalled":
            await asyncio.sleep(60)
        return self.data


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def running(relay, **options):
    server = Controller(relay, hostname="127.0.0.1", port=free_port(), server_hostname="relais.test", **options)
    server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.stop()


@contextmanager
def scripted(*lines):
    """A relay that says `lines`, one for each line it hears, then hangs up; yields its address and what it heard."""
    heard = []

    def talk():
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as said:
            for line in lines:
                connection.sendall(line.encode() + b"\r\n")
                heard.append(said.readline())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}", heard
        finally:
            thread.join()


def sent(courriel):
    """The message as a mail program reads it."""
    relay = Relay()
    with running(relay) as address:
        Smtp(f"smtp://{address}").send(courriel)
    [(_, _, content)] = relay.received
    return message_from_bytes(content, policy=default)


# What leaves


def test_a_message_goes_to_one_person_from_the_sender_s_bare_address():
    relay = Relay()
    with running(relay) as address:
        Smtp(f"smtp://{address}").send(COURRIEL)
    [(sender, recipients, _)] = relay.received
    assert (sender, recipients) == ("gusp@vaucelles.test", ["agence.nord@habitat-lisse.test"])


def test_accents_survive_in_the_subject_and_in_both_bodies():
    message = sent(COURRIEL)
    assert message.get_content_type() == "multipart/alternative"
    assert message["Subject"] == COURRIEL.objet
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == COURRIEL.texte
    assert message.get_body(("html",)).get_content().rstrip("\r\n") == COURRIEL.html
    assert {part.get_content_charset() for part in message.iter_parts()} == {"utf-8"}


def test_an_automaton_is_recognised_as_one_and_a_reply_reaches_the_town():
    message = sent(COURRIEL)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Reply-To"] == "gusp@vaucelles.test"
    assert message["Date"].datetime.utcoffset() is not None


def test_what_is_said_of_one_ticket_makes_one_conversation():
    message = sent(COURRIEL)
    assert message["References"] == message["In-Reply-To"] == "<VSL-2026-00042@vaucelles.test>"
    alone = sent(replace(COURRIEL, fil=None, repondre_a=None))
    assert not {"References", "In-Reply-To", "Reply-To"} & set(alone.keys())


def test_a_long_domain_does_not_break_the_conversation():
    domain = "relais.communaute-urbaine-du-grand-pays-de-vaucelles-sur-lisse.test"
    raw = compose(replace(COURRIEL, de=f"gusp@{domain}", fil=str(COURRIEL.id))).as_bytes()
    for name in (b"Message-ID", b"References", b"In-Reply-To"):
        assert f": <{COURRIEL.id}@{domain}>\r\n".encode() in raw[raw.index(name) :]
    assert b"=3C" not in raw  # an id hidden in an encoded word is an id no mail program finds


def test_every_line_is_one_that_any_relay_accepts():
    lines = compose(replace(COURRIEL, texte="é" * 5000 + "x" * 5000)).as_bytes().split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert all(line.isascii() for line in lines)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x00"])
@pytest.mark.parametrize("header", ["de", "a", "objet", "repondre_a", "fil"])
def test_a_line_break_never_reaches_a_header(header, end):
    relay = Relay()
    value = f"{getattr(COURRIEL, header)}{end}Bcc: tous@vaucelles.test"
    with running(relay) as address, pytest.raises(MailRefused, match="saut de ligne"):
        Smtp(f"smtp://{address}").send(replace(COURRIEL, **{header: value}))
    assert relay.received == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "mairie",
        "@vaucelles.test",
        "a@",
        "a@b@c.test",
        "a@vaucelles.test, b@vaucelles.test",
        "a b@vaucelles.test",
        "élue@vaucelles.test",
        "a@-vaucelles.test",
        "a..b@vaucelles.test",
        "a@vaucelles..test",
        "Ville, Agglo <a@b.test>",
    ],
)
def test_an_impossible_address_is_refused_for_good(address):
    with pytest.raises(MailRefused, match="adresse impossible"):
        compose(replace(COURRIEL, a=address))


def test_a_name_with_a_comma_and_accents_is_still_one_sender():
    [sender] = compose(replace(COURRIEL, de='"Ville, quartier des Érables" <gusp@vaucelles.test>'))["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Ville, quartier des Érables", "gusp@vaucelles.test")


# What comes of it


def test_a_451_is_tried_again_with_the_same_message_id():
    relay = Relay(data="451 greylisted, come back")
    with running(relay) as address:
        mailbox = Smtp(f"smtp://{address}")
        with pytest.raises(MailDeferred, match="451 greylisted"):
            mailbox.send(COURRIEL)
        relay.data = "250 OK"
        mailbox.send(COURRIEL)
    assert message_ids(relay) == [MESSAGE_ID, MESSAGE_ID]


def test_a_550_at_rcpt_is_final_and_nothing_of_the_message_was_said():
    relay = Relay(rcpt="550 5.1.1 no such user")
    with running(relay) as address, pytest.raises(MailRefused, match=r"550 5\.1\.1 no such user"):
        Smtp(f"smtp://{address}").send(COURRIEL)
    assert relay.received == []


@pytest.mark.parametrize(("data", "outcome"), [("554 spam", MailRefused), ("452 full", MailDeferred)])
def test_the_answer_after_the_message_decides(data, outcome):
    with running(Relay(data=data)) as address, pytest.raises(outcome, match=data):
        Smtp(f"smtp://{address}").send(COURRIEL)


def test_a_452_at_rcpt_is_tried_again():
    with running(Relay(rcpt="452 mailbox busy")) as address, pytest.raises(MailDeferred, match="452"):
        Smtp(f"smtp://{address}").send(COURRIEL)


def test_a_connection_dropped_after_the_message_leaves_two_copies_that_are_known_for_one():
    relay = Relay(data="dropped")
    with running(relay) as address:
        mailbox = Smtp(f"smtp://{address}")
        with pytest.raises(MailDeferred, match="connexion perdue"):
            mailbox.send(COURRIEL)
        relay.data = "250 OK"
        mailbox.send(COURRIEL)
    assert message_ids(relay) == [MESSAGE_ID, MESSAGE_ID]


def test_a_relay_that_stalls_is_given_up_and_tried_again():
    relay = Relay(data="stalled")
    with running(relay) as address, pytest.raises(MailDeferred, match="timed out"):
        Smtp(f"smtp://{address}", timeout=0.2).send(COURRIEL)
    assert message_ids(relay) == [MESSAGE_ID]


def test_a_relay_slow_at_every_step_is_given_up_before_the_lease_of_the_message_ends(monkeypatch):
    class Tarpit(Relay):
        async def handle_RCPT(self, *step):  # noqa: N802 - aiosmtpd's name
            await asyncio.sleep(0.4)
            return await super().handle_RCPT(*step)

    relay = Tarpit()
    monkeypatch.setattr(mail, "DIALOGUE", 0.2)
    with running(relay) as address, pytest.raises(MailDeferred):
        Smtp(f"smtp://{address}", timeout=15).send(COURRIEL)
    assert message_ids(relay) == []


def test_a_relay_that_is_not_there_is_tried_again():
    with pytest.raises(MailDeferred, match="injoignable"):
        Smtp(f"smtp://127.0.0.1:{free_port()}").send(COURRIEL)


def test_a_relay_that_greets_badly_is_the_relay_s_trouble_not_the_message_s():
    with scripted("554 no service today") as (address, _), pytest.raises(MailDeferred, match="554"):
        Smtp(f"smtp://{address}").send(COURRIEL)


def test_a_relay_that_wants_a_password_we_do_not_have_buries_no_mail():
    lines = ["220 hello", "250 relais.test", "530 5.7.0 authentication required", "250 reset"]
    with scripted(*lines) as (address, _), pytest.raises(MailDeferred, match="530"):
        Smtp(f"smtp://{address}").send(COURRIEL)


def test_a_relay_that_hangs_up_instead_of_saying_goodbye_has_the_message(monkeypatch):
    async def hang_up(server, _argument):
        server.transport.abort()

    monkeypatch.setattr("aiosmtpd.smtp.SMTP.smtp_QUIT", hang_up)
    relay = Relay()
    with running(relay) as address:
        Smtp(f"smtp://{address}").send(COURRIEL)
    assert message_ids(relay) == [MESSAGE_ID]


def test_we_greet_with_the_sender_s_domain_and_never_ask_the_dns_for_our_own_name(monkeypatch):
    def ask(*_arguments):
        raise AssertionError("a look-up of our own name")

    monkeypatch.setattr(socket, "getfqdn", ask)
    with scripted("220 hello", "421 busy") as (address, heard), pytest.raises(MailDeferred):
        Smtp(f"smtp://{address}").send(COURRIEL)
    assert heard[0] == b"ehlo vaucelles.test\r\n"


# Encryption and passwords


def test_a_password_is_given_to_the_relay_and_to_nobody_else(certificate):
    seen = []

    def check(_server, _session, _envelope, _mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=False, handled=False, message="535 5.7.8 gusp@ville: s3cr/et is wrong")

    with running(Relay(), tls_context=certificate.server, authenticator=check, auth_required=True) as address:
        mailbox = Smtp(f"smtp://gusp%40ville:s3cr%2Fet@{address}")
        with pytest.raises(MailDeferred, match="identification") as caught:
            mailbox.send(COURRIEL)
    assert seen[0] == (b"gusp@ville", b"s3cr/et")
    assert "s3cr" not in f"{caught.value!r} {mailbox!r} {vars(mailbox)}"


@pytest.mark.parametrize(
    "url",
    [
        "http://u:s3cret@h",
        "smtp://",
        "smtp://u:s3/cret@h",
        "smtp://u:s3cret@h:25x",
        "smtp://u:s3cr%C3%A9t@h",
        "smtp://u:[s3cret@h",
    ],
)
def test_a_wrong_relay_address_is_refused_at_once_without_its_password(url):
    with pytest.raises(ValueError, match="adresse du relais attendue") as caught:
        Smtp(url)
    assert "s3" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_plain_smtp_encrypts_as_soon_as_the_relay_offers_it(certificate):
    with running(Relay(), tls_context=certificate.server, require_starttls=True) as address:
        Smtp(f"smtp://{address}").send(COURRIEL)


def test_a_relay_that_must_prove_who_it_is_and_cannot_gets_nothing(certificate):
    relay = Relay()
    with running(relay, tls_context=certificate.server) as address:
        with pytest.raises(MailDeferred, match="CERTIFICATE_VERIFY_FAILED"):
            Smtp(f"smtp+starttls://{address}").send(COURRIEL)
        certificate.trust()
        Smtp(f"smtp+starttls://{address}").send(COURRIEL)
    assert len(relay.received) == 1


def test_demanded_encryption_is_never_given_up_for_plain_text():
    relay = Relay()
    with running(relay) as address, pytest.raises(MailDeferred, match="STARTTLS"):
        Smtp(f"smtp+starttls://{address}").send(COURRIEL)
    assert relay.received == []


def test_smtps_is_encrypted_from_the_first_byte(certificate):
    relay = Relay()
    certificate.trust()
    with running(relay, ssl_context=certificate.server) as address:
        Smtp(f"smtps://{address}").send(COURRIEL)
    assert len(relay.received) == 1


# The letter-box of the demo


def test_the_letter_box_keeps_messages_in_their_order_under_readable_names(tmp_path):
    with Boite(tmp_path / "courriels") as boite:
        for objet in ("Dépôt sauvage, n° 42", "✉", "x" * 200):
            Smtp(boite.url).send(replace(COURRIEL, objet=objet))
    files = sorted(path.name for path in boite.dossier.iterdir())
    assert files == ["000001-depot-sauvage-n-42.eml", "000002-sans-objet.eml", f"000003-{'x' * 60}.eml"]


def test_a_letter_reads_back_as_it_was_written(tmp_path):
    with Boite(tmp_path) as boite:
        Smtp(boite.url).send(COURRIEL)
    [recu] = lire(tmp_path)
    assert (recu.de, recu.a, recu.objet) == (COURRIEL.de, COURRIEL.a, COURRIEL.objet)
    assert (recu.texte, recu.html.rstrip("\n"), recu.message_id) == (COURRIEL.texte, COURRIEL.html, MESSAGE_ID)
    assert recu.fichier.startswith("000001-vsl-2026-00042-depot-sauvage")
    assert recu.le.tzinfo is not None


def test_a_letter_box_opened_again_goes_on_counting(tmp_path):
    for _ in range(2):
        with Boite(tmp_path) as boite:
            Smtp(boite.url).send(replace(COURRIEL, objet="Retard"))
    assert [recu.fichier for recu in lire(tmp_path)] == ["000001-retard.eml", "000002-retard.eml"]


def test_many_senders_at_once_each_find_their_letter(tmp_path):
    with Boite(tmp_path) as boite:
        senders = [
            threading.Thread(target=Smtp(boite.url).send, args=(replace(COURRIEL, id=UUID(int=n), objet="Retard"),))
            for n in range(12)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert [recu.fichier[:6] for recu in lire(tmp_path)] == [f"{n:06}" for n in range(1, 13)]
    assert {recu.message_id for recu in lire(tmp_path)} == {f"<{UUID(int=n)}@vaucelles.test>" for n in range(12)}


def test_the_letter_box_closes_while_somebody_still_talks_to_it(tmp_path):
    with Boite(tmp_path) as boite:
        lingering = smtplib.SMTP("127.0.0.1", int(boite.url.rpartition(":")[2]), "vaucelles.test", timeout=5)
        lingering.ehlo()
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        lingering.noop()
    lingering.close()


def test_a_letter_box_nobody_opened_is_empty(tmp_path):
    assert lire(tmp_path / "courriels") == []


def message_ids(relay):
    return [message_from_bytes(content, policy=default)["Message-ID"] for _, _, content in relay.received]
