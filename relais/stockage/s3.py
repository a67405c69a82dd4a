"""Photos in a bucket of an S3 service: the town's own (MinIO, Ceph), or a provider's."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from relais.stockage.local import Brouillons
from relais.stockage.protocole import (
    Fichier,
    PlusDePlace,
    StockageInjoignable,
    StockageRefuse,
    check_cle,
    disk_troubles,
    is_cle,
    new_draft,
)

FORME = "s3://compartiment/prefixe?endpoint=https://…&region=…"

# By the names they give it: the standard, Ceph, MinIO (twice).
_PLEIN = re.compile(r"\b507 |InsufficientStorage|QuotaExceeded|StorageFull")
_REFUSE = re.compile(r"code: 40[13] ")

_CLIENT = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=60),
    # Left alone it would take HTTP_PROXY from the environment: this proxy is never used, whatever the host.
    "proxy_url": "http://127.0.0.1:9",
    "proxy_excludes": "*,0.0.0.0/0,::/0",
}
_ESSAIS = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


class S3(Brouillons):
    """Under a prefix of a bucket; drafts, and copies lent, in `brouillons`. Kept means the service answered it is.

    Raises StockageRefuse at once when the address cannot be read, or the bucket reached.
    """

    def __init__(self, url: str, *, brouillons: Path) -> None:
        super().__init__(brouillons)
        self._store = _client(urlsplit(url))
        try:
            next(iter(obstore.list(self._store)), None)
        except (BaseError, OSError) as error:
            raise StockageRefuse(f"Stockage {url.partition('?')[0]} : {_cause(error)}") from error

    def deposer(self, cle: str, source: Path, *, neuf: bool = False) -> None:
        del neuf  # an object is there whole or not at all
        with disk_troubles(), _plainly():
            obstore.put(self._store, check_cle(cle), source, max_concurrency=4)
            source.unlink()

    def ecrire(self, cle: str, octets: bytes) -> None:
        with _plainly():
            obstore.put(self._store, check_cle(cle), octets)

    @contextmanager
    def emprunter(self, cle: str) -> Iterator[Path]:
        copie = self.brouillon()
        try:
            self._copy(check_cle(cle), copie)
            yield copie
        finally:
            copie.unlink(missing_ok=True)

    def existe(self, cle: str) -> bool:
        try:
            with _plainly():
                obstore.head(self._store, check_cle(cle))
        except FileNotFoundError:
            return False
        return True

    def effacer(self, cle: str) -> None:
        with _plainly():
            obstore.delete(self._store, check_cle(cle))

    def cles(self, prefixe: str) -> Iterator[Fichier]:
        with _plainly():
            for page in obstore.list(self._store, check_cle(prefixe)):
                for one in page:
                    if is_cle(one["path"]):  # a bucket may hold what others put there
                        yield Fichier(one["path"], one["last_modified"], one["size"])

    def _copy(self, cle: str, copie: Path) -> None:
        with disk_troubles(looking=True), _plainly(), new_draft(copie) as file:
            found = obstore.get(self._store, cle)
            for chunk in found.stream():
                file.write(chunk)
        written = found.meta["last_modified"].timestamp()
        os.utime(copie, (written, written))


def _client(url: SplitResult) -> S3Store:
    asked = dict(parse_qsl(url.query))
    endpoint = asked.pop("endpoint", None)
    region = asked.pop("region", "us-east-1")
    if "@" in url.netloc or (endpoint is not None and "@" in endpoint):
        # Not shown again: what stands before the @ is a secret.
        raise StockageRefuse("Stockage S3 : les clés ne s'écrivent pas dans l'adresse, mais dans AWS_ACCESS_KEY_ID.")
    if not url.netloc or asked:
        raise StockageRefuse(f"Stockage {url.scheme}://{url.netloc} : l'adresse s'écrit {FORME}.")
    if endpoint is not None:
        _check_endpoint(urlsplit(endpoint))
    keys = {name: os.environ.get(name.upper()) for name in ("aws_access_key_id", "aws_secret_access_key")}
    if not all(keys.values()):
        raise StockageRefuse("Stockage S3 : AWS_ACCESS_KEY_ID et AWS_SECRET_ACCESS_KEY manquent.")
    keys["aws_session_token"] = os.environ.get("AWS_SESSION_TOKEN")
    config = {name: value for name, value in {**keys, "endpoint": endpoint, "region": region}.items() if value}
    with _no_other_setting():
        return S3Store(
            url.netloc,
            prefix=unquote(url.path).strip("/") or None,
            client_options={**_CLIENT, "allow_http": endpoint is not None and endpoint.startswith("http://")},  # type: ignore[arg-type]
            retry_config=_ESSAIS,  # type: ignore[arg-type]
            virtual_hosted_style_request=False,
            disable_bulk_delete=True,  # not every service has it
            **config,  # type: ignore[arg-type]
        )


def _check_endpoint(endpoint: SplitResult) -> None:
    if endpoint.scheme == "https" and endpoint.hostname:
        return
    if endpoint.scheme != "http" or not _loopback(endpoint.hostname or ""):
        raise StockageRefuse("Stockage S3 : l'endpoint s'écrit en https ; en http, sur cette machine seulement.")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _no_other_setting() -> Iterator[None]:
    """The client takes any AWS_… it finds, over what it is told: another tool's endpoint would receive the photos."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def _plainly() -> Iterator[None]:
    """The service's troubles as ours; a missing key already is a FileNotFoundError."""
    try:
        yield
    except BaseError as error:
        if _PLEIN.search(str(error)):
            raise PlusDePlace from error
        raise StockageInjoignable(_first_line(error)) from error


def _cause(error: Exception) -> str:
    said = _first_line(error)
    if "NoSuchBucket" in str(error):
        return "ce compartiment n'existe pas. Créez-le, ou corrigez RELAIS_STOCKAGE_URL."
    if _REFUSE.search(said):
        return f"ces clés n'y ont pas accès (lister, lire, écrire, effacer). {said}"
    return f"le service ne répond pas comme prévu. {said}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
