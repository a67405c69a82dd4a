"""What a bucket promises besides: a clear word when it cannot be used, and nothing read that was not asked for."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from relais.settings import Settings
from relais.stockage import PlusDePlace, Stockage, StockageInjoignable, StockageRefuse, open_stockage

CLE = "originaux/1/a/b"
EMPTY = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated></ListBucketResult>'


def opened(url: str, folder: Path) -> Stockage:
    return open_stockage(Settings(data_dir=folder, stockage_url=url))


class Service:
    """A service that lists nothing, and answers anything else as it is told to."""

    def __init__(self) -> None:
        self.listing, self.answer = (200, EMPTY), (200, b"")
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._say(*service.listing if "list-type" in self.path else service.answer)

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._say(*service.answer)

            def _say(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Its journal is of no interest."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"s3://photos?endpoint=http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "vaucelles")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    service = Service()
    yield service
    service.stop()


def error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace("s3://photos-", "s3://nulle-part-"), "ce compartiment n'existe pas"),
        (lambda url: url.replace("s3://photos-", "s3:///photos-"), "l'adresse s'écrit"),
        (lambda url: f"{url}&secret=x", "l'adresse s'écrit"),
        (lambda url: url.replace("http://127.0.0.1", "http://10.1.2.3"), "sur cette machine seulement"),
        (lambda url: url.replace("endpoint=http://", "endpoint="), "l'endpoint s'écrit en https"),
        (lambda url: url.replace("s3://", "s3://cle:SECRET@"), "ne s'écrivent pas dans l'adresse"),
        (
            lambda url: url.replace("endpoint=http://", "endpoint=http://cle:SECRET@"),
            "ne s'écrivent pas dans l'adresse",
        ),
    ],
    ids=["no-such-bucket", "no-bucket", "unknown-setting", "in-clear", "no-scheme", "keys-in-url", "keys-in-endpoint"],
)
def test_a_bucket_that_cannot_be_used_ends_the_process_with_a_sentence_that_gives_no_key_away(
    change, words, seau, tmp_path
):
    with pytest.raises(StockageRefuse, match=words) as refused:
        opened(change(seau), tmp_path)
    assert "SECRET" not in str(refused.value)


def test_a_service_nobody_serves_is_said_at_the_start(seau, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StockageRefuse, match="ne répond pas comme prévu"):
        opened(f"{seau.partition('?')[0]}?endpoint=http://127.0.0.1:{port}", tmp_path)


def test_keys_that_may_not_enter_are_said_at_the_start(service, tmp_path, monkeypatch):
    service.listing = (403, error("AccessDenied"))
    with pytest.raises(StockageRefuse, match="ces clés n'y ont pas accès"):
        opened(service.url, tmp_path)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StockageRefuse, match="AWS_ACCESS_KEY_ID et AWS_SECRET_ACCESS_KEY manquent"):
        opened(service.url, tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        (403, error("QuotaExceeded")),
        (400, error("XMinioAdminBucketQuotaExceeded")),
        (507, error("XMinioStorageFull")),
        (507, b""),
    ],
    ids=lambda answer: f"{answer[0]}-{len(answer[1])}",
)
def test_a_full_bucket_refuses_and_leaves_the_source_to_its_owner(answer, service, tmp_path):
    store = opened(service.url, tmp_path)
    service.answer = answer
    draft = store.brouillon()
    draft.write_bytes(b"photo")
    with pytest.raises(PlusDePlace):
        store.deposer(CLE, draft)
    with pytest.raises(PlusDePlace):
        store.ecrire(CLE, b"photo")
    assert draft.read_bytes() == b"photo"


@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_a_service_that_fails_is_a_store_out_of_reach_and_nothing_is_acknowledged(status, service, tmp_path):
    store = opened(service.url, tmp_path)
    service.answer = (status, error("InternalError"))
    draft = store.brouillon()
    draft.write_bytes(b"photo")
    for gesture in (
        lambda: store.deposer(CLE, draft),
        lambda: store.ecrire(CLE, b"photo"),
        lambda: store.emprunter(CLE).__enter__(),
    ):
        with pytest.raises(StockageInjoignable):
            gesture()
    assert draft.read_bytes() == b"photo"
    assert list((tmp_path / "fichiers").rglob("*")) == [tmp_path / "fichiers" / ".tmp", draft]


def test_only_its_keys_are_read_from_the_environment(seau, tmp_path, monkeypatch):
    """What other tools set, and would send the photos elsewhere, or unsigned, or nowhere."""
    nowhere = "http://127.0.0.1:9"
    for name, value in {
        "AWS_ENDPOINT_URL": nowhere,
        "AWS_ENDPOINT_URL_S3": nowhere,
        "AWS_BUCKET": "autre",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_REGION": "ailleurs",
        "HTTP_PROXY": nowhere,
        "http_proxy": nowhere,
        "ALL_PROXY": nowhere,
    }.items():
        monkeypatch.setenv(name, value)
    store = opened(seau, tmp_path)
    store.ecrire(CLE, b"photo")
    assert store.existe(CLE)


def test_two_prefixes_of_one_bucket_do_not_see_each_other(seau, tmp_path):
    store, other = opened(seau, tmp_path), opened(seau.replace("/relais?", "/relais2?"), tmp_path)
    store.ecrire(CLE, b"photo")
    assert not other.existe(CLE)
    assert list(other.cles("originaux")) == []


def test_a_bucket_of_more_than_a_page_is_listed_whole(seau, tmp_path):
    store = opened(seau, tmp_path)
    keys = {f"photos/1/{number}" for number in range(1_001)}
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: store.ecrire(key, b"x"), keys))
    assert {one.cle for one in store.cles("photos")} == keys
