"""A webhook reaches the partner it was meant for, within its time, and can be turned against nothing of ours."""

import base64
import gzip
import http.server
import socket
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address

import pytest

from relais.wire import Wire, WireBlocked, WireFailed

PUBLIC = "93.184.215.14"
BODY = '{"type":"webhook.test","data":{"lieu":"12 rue des Érables"}}'.encode()
HEADERS = {"content-type": "application/json", "webhook-id": "019d44aa"}

# Loopback, private, carrier, link-local and metadata, documentation, benchmark, multicast, reserved; then IPv6 and the
# prefixes that carry an IPv4 address inside (mapped, compatible, NAT64, Teredo, 6to4).
SPECIAL = """
127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.254 172.16.0.1 172.31.255.254 192.168.0.1 192.168.255.254
100.64.0.1 100.127.255.254 100.100.100.200 169.254.0.1 169.254.169.254 169.254.170.2 192.0.0.1 192.0.0.192 192.0.2.1
198.51.100.1 203.0.113.1 198.18.0.1 198.19.255.254 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe
64:ff9b:1::1 100::1 2001:0:7f00:1:: 2001:db8::1 2002:7f00:1:: 2002:c0a8:1:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254
fe80::1 fec0::1 ff02::1
""".split()  # noqa: SIM905 - a list would be one address a line
SPELLINGS = ["0x7f000001", "0x7f.1", "127.1", "2130706433", "017700000001", "localhost", "LOCALHOST", "localhost."]
SPELLINGS += ["[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "0177.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "[fe80::1%25lo]"]


@pytest.fixture
def dialled(monkeypatch):
    """Every connection that would leave this machine or reach it: noted, and refused."""
    asked = []

    def refuse(address, *_options, **_named):
        asked.append(address)
        raise ConnectionRefusedError("nobody at this address")

    monkeypatch.setattr(socket, "create_connection", refuse)
    return asked


@pytest.fixture
def names(monkeypatch):
    """The DNS of the test: `names["a.test"]` is the list of the answers to come, the last one for ever after."""
    book, real = {}, socket.getaddrinfo

    def look_up(host, *arguments, **named):
        if host not in book or named.get("flags") == socket.AI_NUMERICHOST:
            return real(host, *arguments, **named)
        answers = book[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for address in addresses for entry in real(address, *arguments, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return book


class Site:
    """A partner's server: notes each request, and answers as `reply(handler)` says."""

    def __init__(self, reply):
        self.requests = requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                requests.append((self.path, self.headers, body))
                with suppress(ConnectionError):
                    reply(self)

            do_GET = do_CONNECT = do_POST  # noqa: N815 - http.server's names

            def log_message(self, *_arguments): ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False  # so that closing waits for the answers under way
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.address}/recu"


@contextmanager
def serving(reply, *, tls=None):
    site = Site(reply)
    if tls is not None:
        site.server.socket = tls.wrap_socket(site.server.socket, server_side=True, do_handshake_on_connect=False)
        site.url = f"https://{site.address}/recu"
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()
        thread.join()


def says(status, body=b"", **headers):
    def reply(handler):
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def post(site, **options):
    return Wire(allow={site.address}, **options).post(site.url, BODY, HEADERS)


# What the partner gets, and what we keep of the answer


def test_the_partner_gets_the_very_bytes_and_headers():
    with serving(says(204)) as site:
        answer = post(site)
    [(path, headers, body)] = site.requests
    assert (answer.status, path, body) == (204, "/recu", BODY)
    assert (headers["webhook-id"], headers["content-type"]) == ("019d44aa", "application/json")
    assert headers["accept-encoding"] == "identity"
    assert headers["host"] == site.address


def test_an_answer_keeps_its_first_kibibyte_as_text():
    with serving(says(500, "é".encode() * 512 + b"and more")) as site:
        answer = post(site)
    assert (answer.status, answer.extrait, answer.retry_after) == (500, "é" * 512, None)
    assert answer.millis >= 0


def test_an_answer_that_is_not_text_is_made_so():
    with serving(says(200, b"ok \xff\x00 fin")) as site:
        assert post(site).extrait == "ok \ufffd\ufffd fin"


def test_a_compressed_answer_is_never_inflated():
    bomb = gzip.compress(bytes(1_000_000))
    with serving(says(200, bomb, content_encoding="gzip")) as site:
        assert post(site).extrait.startswith("\x1f\ufffd")


def test_an_answer_cut_in_its_body_still_has_its_status():
    def reply(handler):
        handler.send_response(202)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b"accept")

    with serving(reply) as site:
        answer = post(site)
    assert (answer.status, answer.extrait) == (202, "accept")


def test_of_a_hundred_megabytes_sixteen_kibibytes_are_read():
    sent = []

    def reply(handler):
        handler.send_response(200)
        handler.send_header("content-length", str(100_000_000))
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x" * 1_000_000)
            sent.append(1_000_000)

    with serving(reply) as site:
        answer = post(site)
    assert (answer.status, answer.extrait) == (200, "x" * 1024)
    assert sum(sent) < 50_000_000  # what the kernel's buffers took; the rest met a closed door


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("9" * 5000, 86_400.0),
        ("Mon, 20 Apr 2026 15:01:30 GMT", 90.0),
        ("Mon, 20 Apr 2026 17:01:30 +0200", 90.0),
        ("Mon, 20 Apr 2026 14:00:00 GMT", 0.0),
        ("Fri, 20 Apr 2029 15:00:00 GMT", 86_400.0),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("Mon, 99 Apr 99999999999999999999 15:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms_on_the_partner_s_clock(value, expected):
    def reply(handler):
        handler.send_response_only(503)
        handler.send_header("date", "Mon, 20 Apr 2026 15:00:00 GMT")
        handler.send_header("retry-after", value)
        handler.end_headers()

    with serving(reply) as site:
        assert post(site).retry_after == expected


def test_a_retry_date_without_a_date_is_read_on_our_clock():
    def reply(handler):
        handler.send_response_only(429)
        handler.send_header("retry-after", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
        handler.end_headers()

    with serving(reply) as site:
        assert 3_000 < post(site).retry_after <= 3_600


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_leads_nowhere(status):
    with serving(says(200)) as inside, serving(says(status, location=inside.url)) as site:
        wire = Wire(allow={site.address, inside.address})  # not even to where we could go
        assert wire.post(site.url, BODY, HEADERS).status == status
    assert (len(site.requests), len(inside.requests)) == (1, 0)


# Time


def dribbling(start, cut):
    """Says `start`, then a byte every 20 ms, which no limit on one read would end; hung up on, it sets `cut`."""

    def reply(handler):
        handler.wfile.write(start)
        with suppress(ConnectionError):
            for _ in range(150):
                handler.wfile.write(b"a")
                if cut.wait(0.02):
                    return
            return
        cut.set()

    return reply


def test_an_answer_that_never_ends_is_cut_and_its_status_stands():
    cut = threading.Event()
    with serving(dribbling(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n", cut)) as site:
        try:
            answer = post(site, timeout=0.3)
            assert cut.wait(5), "the connection was left open"
        finally:
            cut.set()
    assert answer.status == 200
    assert set(answer.extrait) == {"a"}


def test_headers_that_never_end_are_no_answer():
    cut = threading.Event()
    with serving(dribbling(b"HTTP/1.1 200 OK\r\nx-slow: ", cut)) as site:
        try:
            with pytest.raises(WireFailed, match=r"pas de réponse en 0\.3 s"):
                post(site, timeout=0.3)
            assert cut.wait(5), "the connection was left open"
        finally:
            cut.set()


def test_a_partner_that_never_says_a_word_is_given_up():
    release = threading.Event()
    with serving(lambda _handler: release.wait(10)) as site:
        try:
            with pytest.raises(WireFailed, match="pas de réponse"):
                post(site, timeout=0.2)
        finally:
            release.set()
    assert len(site.requests) == 1


def test_a_handshake_that_never_comes_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(WireFailed, match="connexion impossible"):
            Wire(allow={address}, timeout=0.2).post(f"https://{address}/", BODY, HEADERS)


def test_a_name_server_that_never_answers_is_given_up(monkeypatch, dialled):
    release = threading.Event()

    def ask(*_: object, flags: int = 0, **__: object) -> list[object]:
        if flags & socket.AI_NUMERICHOST:  # read from the text, without any server
            raise socket.gaierror
        release.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    try:
        with pytest.raises(WireFailed, match="connexion impossible"):
            Wire(timeout=0.2).post("https://lent.test/", BODY, HEADERS)
    finally:
        release.set()
    assert dialled == []


def test_a_partner_that_is_not_there_or_speaks_something_else_has_failed():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(WireFailed, match="échec de la connexion"):
        Wire(allow={address}).post(f"http://{address}/", BODY, HEADERS)
    other = serving(lambda handler: handler.wfile.write(b"220 not HTTP\r\n\r\n"))
    with other as site, pytest.raises(WireFailed, match="échec de la connexion"):
        post(site)
    assert len(site.requests) == 1


# The guard


@pytest.fixture(scope="module")
def wire():
    """As a town runs it. One for all, since it reads the authorities from the disk: the dearest part of these tests."""
    return Wire()


def literal(address):
    return f"[{address}]" if ":" in address else address


def test_there_are_as_many_special_addresses_here_as_were_ever_let_through():
    assert len(set(map(ip_address, SPECIAL))) == len(SPECIAL) >= 35


@pytest.mark.parametrize("address", SPECIAL)
def test_a_special_address_is_blocked_before_any_connection(address, dialled, names, wire):
    names["partenaire.test"] = [[address]]
    for host in (literal(address), "partenaire.test"):
        with pytest.raises(WireBlocked, match="interne ou réservée"):
            wire.post(f"https://{host}/", BODY, HEADERS)
    assert dialled == []


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_a_special_address_passes(host, dialled, wire):
    with pytest.raises((WireBlocked, WireFailed)):
        wire.post(f"https://{host}/", BODY, HEADERS)
    assert dialled == []


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_a_public_address_is_connected_to_as_it_was_checked(address, dialled, names, wire):
    names["partenaire.test"] = [[address]]
    with pytest.raises(WireFailed, match="nobody at this address"):
        wire.post("https://partenaire.test:8443/", BODY, HEADERS)
    assert dialled == [(address, 8443)]


def test_a_name_that_changes_its_answer_after_the_check_gains_nothing(dialled, names, wire):
    with serving(says(200)) as inside:
        names["rebond.test"] = [[PUBLIC], ["127.0.0.1"]]
        with pytest.raises(WireFailed, match="nobody at this address"):
            wire.post("https://rebond.test/", BODY, HEADERS)
        assert dialled == [(PUBLIC, 443)]
        with pytest.raises(WireBlocked, match="interne ou réservée"):
            wire.post("https://rebond.test/", BODY, HEADERS)
    assert (len(dialled), inside.requests) == (1, [])


@pytest.mark.parametrize("addresses", [[PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC]])
def test_one_special_address_among_public_ones_blocks_the_name(addresses, dialled, names, wire):
    names["mixte.test"] = [addresses]
    with pytest.raises(WireBlocked, match="interne ou réservée"):
        wire.post("https://mixte.test/", BODY, HEADERS)
    assert dialled == []


def test_when_the_first_address_is_dead_the_next_one_is_tried(dialled, names, wire):
    names["double.test"] = [["2606:2800:21f:cb07:6820:80da:af6b:8b2c", PUBLIC]]
    with pytest.raises(WireFailed):
        wire.post("https://double.test/", BODY, HEADERS)
    assert dialled == [("2606:2800:21f:cb07:6820:80da:af6b:8b2c", 443), (PUBLIC, 443)]


def test_the_refusal_does_not_tell_which_inner_address_a_name_has(names, wire):
    names["intranet.test"] = [["10.20.30.40"]]
    with pytest.raises(WireBlocked) as caught:
        wire.post("https://intranet.test/", BODY, HEADERS)
    assert "intranet.test" in str(caught.value)
    assert "10.20" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://partenaire.test/", "https://"),
        ("ftp://partenaire.test/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("//partenaire.test/", "https://"),
        ("partenaire.test", "https://"),
        ("", "https://"),
        ("https:///chemin", "nom d’hôte"),
        ("https://moi:secret@partenaire.test/", "identifiant"),
        ("https://partenaire.test\\@autre.test/", "identifiant"),
        ("https://partenaire.test:22/", "ports 443 et 8443"),
        ("https://partenaire.test:0/", "ports 443 et 8443"),
        ("https://partenaire.test:99999/", "ports 443 et 8443"),
        ("https://parte\nnaire.test/", "illisible"),
        ("https://[::1/", "illisible"),
        ("https://[", "nom d’hôte impossible"),
        ("https://parte naire.test/", "espace"),
        ("https://partenaire.test/a b", "espace"),
        ("https://parte%20naire.test/", "nom d’hôte impossible"),
        (f"https://{'a' * 64}.test/", "nom d’hôte impossible"),
        ("https://.partenaire.test/", "nom d’hôte impossible"),
    ],
)
def test_an_address_outside_the_rules_is_blocked_with_its_reason(url, reason, dialled, wire):
    with pytest.raises(WireBlocked, match=reason) as caught:
        wire.post(url, BODY, HEADERS)
    assert "secret" not in str(caught.value)
    assert dialled == []


def test_an_address_is_checked_when_it_is_given_without_a_look_up(dialled, wire):
    wire.check("https://nom-qui-n-existe-pas.test:8443/relais")
    for url in ("https://10.0.0.1/", "https://0x7f000001/", "https://localhost./", "https://[::1]/"):
        with pytest.raises(WireBlocked, match="interne ou réservée"):
            wire.check(url)
    assert dialled == []


def test_only_the_exact_host_and_port_that_are_allowed_escape_the_rules():
    with serving(says(200)) as site, serving(says(200)) as other:
        wire = Wire(allow={site.address})
        assert wire.post(site.url, BODY, HEADERS).status == 200
        for url in (other.url, site.url.replace("127.0.0.1", "localhost"), site.url.replace("http:", "ftp:")):
            with pytest.raises(WireBlocked):
                wire.post(url, BODY, HEADERS)
    assert (len(site.requests), len(other.requests)) == (1, 0)


# TLS


def test_a_certificate_nobody_vouches_for_is_no_partner(certificate):
    with serving(says(200), tls=certificate.server) as site:
        with pytest.raises(WireFailed, match="CERTIFICATE_VERIFY_FAILED"):
            post(site)
        certificate.trust()
        assert post(site).status == 200
    assert len(site.requests) == 1


def test_a_certificate_of_another_name_is_no_partner(certificate, names):
    certificate.trust()
    with serving(says(200), tls=certificate.server) as site:
        names["partenaire.test"] = [["127.0.0.1"]]
        address = site.address.replace("127.0.0.1", "partenaire.test")
        with pytest.raises(WireFailed, match=r"partenaire\.test"):
            Wire(allow={address}).post(f"https://{address}/", BODY, HEADERS)
    assert site.requests == []


# The town's proxy


@pytest.fixture(scope="module")
def behind_a_proxy():
    with serving(says(403)) as proxy:
        yield Wire(proxy=f"http://{proxy.address}"), proxy.requests


def test_through_a_proxy_the_name_is_the_proxy_s_to_resolve(names):
    names["partenaire.test"] = [
        ["10.0.0.1"]
    ]  # a town that sees the world through its proxy may resolve nothing, or lies
    with serving(says(403)) as proxy:
        wire = Wire(proxy=f"http://relais:mot%20de%20passe@{proxy.address}")
        with pytest.raises(WireFailed, match="403") as caught:
            wire.post("https://partenaire.test/recu", BODY, HEADERS)
    [(path, headers, _)] = proxy.requests
    assert path == "partenaire.test:443"
    assert base64.b64decode(headers["proxy-authorization"].removeprefix("Basic ")) == b"relais:mot de passe"
    assert "passe" not in str(caught.value)


@pytest.mark.parametrize("host", [*map(literal, SPECIAL), *SPELLINGS, "a.localhost"])
def test_a_proxy_is_never_asked_for_a_special_address(host, behind_a_proxy):
    wire, requests = behind_a_proxy
    with pytest.raises(WireBlocked):
        wire.post(f"https://{host}/", BODY, HEADERS)
    assert requests == []


def test_the_proxies_of_the_environment_are_not_ours(monkeypatch):
    with serving(says(502)) as proxy, serving(says(204)) as site:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        assert post(site).status == 204
    assert (len(site.requests), len(proxy.requests)) == (1, 0)


@pytest.mark.parametrize("proxy", ["", "proxy:3128", "socks5://u:s3cret@proxy", "http://u:s3cret@proxy:x"])
def test_a_wrong_proxy_is_refused_at_once_without_its_password(proxy):
    with pytest.raises(ValueError, match="proxy sortant attendu") as caught:
        Wire(proxy=proxy)
    assert "s3cret" not in str(caught.value)
