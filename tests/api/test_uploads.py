"""The bytes of a photo, in and out: kept for good once, shown by a link that expires, in whole or in part."""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
from conftest import SHARED, Api
from fastapi.testclient import TestClient
from moto.server import ThreadedMotoServer
from refus import check, files, head, parsed, token_of
from silence import Muet
from sqlalchemy import null, select, update
from starlette.requests import ClientDisconnect
from starlette.types import Message

from api.app import build_app
from api.resources import Resources
from relais.caller import Door
from relais.commands.photo import cle_de_variante, cle_originale, cles_attendues
from relais.links import media_path
from relais.media import AVEC_HEIC
from relais.settings import Settings
from relais.stockage import Local, open_stockage
from relais.tables.photo import EtatPhoto, Photo

OCTETS = b"\xff\xd8\xff" + bytes(range(256)) * 400
SAID = {
    "theme": "proprete.depot_sauvage",
    "constate_le": "2026-03-31T18:12:00+02:00",
    "position": {"lon": 0.41237, "lat": 48.10562},
}


def announced(octets: bytes, **more) -> dict:
    return {"id": str(uuid4()), "octets": len(octets), "sha256": sha256(octets).hexdigest()} | more


def digest(octets: bytes, kind: str = "image/jpeg") -> dict[str, str]:
    code = base64.b64encode(sha256(octets).digest()).decode()
    return {"Content-Digest": f"sha-256=:{code}:", "Content-Type": kind}


def declare(api: Api, octets: bytes = OCTETS, **more) -> tuple[str, str]:
    """The path of a signalement, and that of the photo it announced."""
    path, photo = f"/v1/signalements/{uuid4()}", announced(octets, **more)
    told = api("PUT", path, json=SAID | {"photos": [photo]})
    assert told.status_code == 201, told.text
    return path, f"{path}/photos/{photo['id']}"


def row(ville, photo_path: str) -> Photo:
    with ville.session() as session, session.begin():
        return session.scalars(select(Photo).where(Photo.id == UUID(photo_path.rpartition("/")[2]))).one()


def ready(ville, *, tirage: int) -> None:
    """As a worker leaves them."""
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Photo).values(etat=EtatPhoto.PRETE, tirage=tirage, masques=null()))


@pytest.fixture(params=["local", "s3"])
def store(request, tmp_path):
    if request.param == "fuyant":
        return Fuyant(tmp_path)
    url = request.getfixturevalue("seau") if request.param == "s3" else None
    return open_stockage(Settings(data_dir=tmp_path, stockage_url=url))


@pytest.fixture
def kept(store, connection, settings, keys, ville):
    """The API on either store."""
    resources = Resources(connection, keys, settings, store)
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        yield Api(client, keys, ville, store)


# --- in


def test_a_photo_that_is_answered_is_kept_under_its_name(kept, store, ville):
    _, path = declare(kept)
    assert kept("PUT", path, content=OCTETS, headers=digest(OCTETS)).status_code == 201
    with store.emprunter(cle_originale(row(ville, path))) as original:
        assert original.read_bytes() == OCTETS
    assert list(store.brouillon().parent.iterdir()) == []


def test_a_jpeg_by_the_name_that_many_clients_give_it_is_taken(api):
    _, path = declare(api)
    assert api("PUT", path, content=OCTETS, headers=digest(OCTETS, "image/jpg")).status_code == 201


def test_a_photo_received_is_answered_again_and_never_replaced(kept, store, ville):
    _, path = declare(kept)
    statuses = [kept("PUT", path, content=OCTETS, headers=digest(OCTETS)).status_code for _ in range(3)]
    assert statuses == [201, 200, 200]
    other = OCTETS + b"x"
    check(kept("PUT", path, content=other, headers=digest(other)), 409, "photo_deja_recue")
    with store.emprunter(cle_originale(row(ville, path))) as original:
        assert original.read_bytes() == OCTETS


def test_a_photo_received_and_lost_since_is_taken_again(kept, store, ville):
    photo_path = declare(kept)[1]
    assert kept("PUT", photo_path, content=OCTETS, headers=digest(OCTETS)).status_code == 201
    cle = cle_originale(row(ville, photo_path))
    store.effacer(cle)
    for status in (201, 200):
        assert kept("PUT", photo_path, content=OCTETS, headers=digest(OCTETS)).status_code == status
    assert not store.existe(cle)
    assert store.existe(cle_originale(row(ville, photo_path)))


def test_bytes_that_nobody_awaits_are_not_kept(kept, store):
    ticket, path = declare(kept)
    other = OCTETS + b"x"
    assert kept("PUT", path, content=other, headers=digest(other)).status_code == 422
    assert kept("PUT", f"{ticket}/photos/{uuid4()}", content=OCTETS, headers=digest(OCTETS)).status_code == 409
    assert kept("PUT", path, content=OCTETS, headers=digest(OCTETS), who="relais2").status_code == 404
    assert list(store.cles("originaux")) == []


def test_a_store_that_does_not_answer_holds_no_ticket_and_no_slot_of_the_database(
    connection, settings, keys, ville, tmp_path
):
    store = Muet(tmp_path)
    resources = Resources(connection, keys, settings, store, slots=asyncio.Semaphore(1))
    with TestClient(build_app(resources)) as client, ThreadPoolExecutor(2) as others:
        api = Api(client, keys, ville, store)
        ticket, path = declare(api)
        sent = others.submit(api, "PUT", path, content=OCTETS, headers=digest(OCTETS))
        assert store.asked.wait(10)
        try:
            corrected = others.submit(api, "POST", f"{ticket}/corrections", json={"description": "Au coin"})
            assert corrected.result(timeout=10).status_code == 201
        finally:
            store.answers.set()
        assert sent.result(timeout=10).status_code == 201


def test_a_photo_refused_is_owed_again_and_taken(api, ville):
    ticket, path = declare(api)
    assert api("PUT", path, content=OCTETS, headers=digest(OCTETS)).status_code == 201
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Photo).values(etat=EtatPhoto.REFUSEE))
    assert api("GET", ticket).json()["photos_manquantes"] == [path.rpartition("/")[2]]
    assert api("PUT", path, content=OCTETS, headers=digest(OCTETS)).status_code == 201


def test_a_store_out_of_reach_is_said_and_the_photo_stays_owed(
    connection, settings, keys, ville, tmp_path, monkeypatch
):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    httpx2.put(f"{address}/photos", trust_env=False).raise_for_status()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "vaucelles")
    store = open_stockage(Settings(data_dir=tmp_path, stockage_url=f"s3://photos?endpoint={address}"))
    server.stop()
    app = build_app(Resources(connection, keys, settings, store))
    with TestClient(app, raise_server_exceptions=False) as client:
        api = Api(client, keys, ville, store)
        ticket, path = declare(api)
        told = check(api("PUT", path, content=OCTETS, headers=digest(OCTETS)), 503, "unavailable")
        assert told["retryable"]
        assert api("GET", ticket).json()["photos_manquantes"] == [path.rpartition("/")[2]]
        ready(ville, tirage=1)
        link, _ = media_path(keys, cle_de_variante(row(ville, path), "image"), now=datetime.now(UTC))
        check(api("GET", link, who=None), 503, "unavailable")
    assert list(store.brouillon().parent.iterdir()) == []


@pytest.mark.skipif(not AVEC_HEIC, reason="the extra «heic» is not installed")
def test_an_iphone_s_own_photo_is_taken_as_it_is(api):
    real = SHARED / "photos" / "IMG_5195.HEIC"
    if not real.exists():
        pytest.skip("the real photos are not beside the checkout")
    octets = real.read_bytes()
    _, path = declare(api, octets, type="image/heic")
    assert api("PUT", path, content=octets, headers=digest(octets, "image/heic")).status_code == 201


def test_two_phones_that_send_one_photo_at_once_make_one_file(served, keys, settings):
    photo, path = announced(OCTETS), f"/v1/signalements/{uuid4()}"
    token, url = token_of(served, keys), f"http://{served.address[0]}:{served.address[1]}"
    bearer = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=url, headers=bearer, trust_env=False) as client:
        assert client.put(path, json=SAID | {"photos": [photo]}).status_code == 201
        before = files(Local(settings.depot))

        def put(_: int) -> int:
            return client.put(f"{path}/photos/{photo['id']}", content=OCTETS, headers=digest(OCTETS)).status_code

        with ThreadPoolExecutor(6) as threads:
            statuses = sorted(threads.map(put, range(6)))
    assert statuses == [200] * 5 + [201]
    (added,) = files(Local(settings.depot)) - before
    assert added.read_bytes() == OCTETS


def test_a_photo_whose_length_lies_leaves_nothing(served, keys, settings):
    photo, path = announced(OCTETS), f"/v1/signalements/{uuid4()}"
    token = token_of(served, keys)
    said = json.dumps(SAID | {"photos": [photo]}).encode()
    assert parsed(served.say(head("PUT", path, token, len(said), "Content-Type: application/json"), said))[0] == 201
    kept = files(Local(settings.depot))
    more = [f"{name}: {value}" for name, value in digest(OCTETS).items()]
    for length in (len(OCTETS) - 1, 3):
        answer = served.say(head("PUT", f"{path}/photos/{photo['id']}", token, length, *more), OCTETS)
        assert int(answer.split(maxsplit=2)[1]) in {415, 422}
    top = head("PUT", f"{path}/photos/{photo['id']}", token, len(OCTETS) + 1, *more)
    served.say(top, OCTETS, hang_up=True)
    assert settled(Local(settings.depot)) == kept


def settled(stockage: Local) -> set:
    """The files, once whoever hung up was noticed."""
    deadline = time.monotonic() + 20
    while list(stockage.brouillon().parent.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return files(stockage)


# --- out


@pytest.fixture
def shown(kept, store, ville, keys) -> dict[str, str]:
    """The links of a photo that is ready, by the end of their names."""
    _, path = declare(kept)
    ready(ville, tirage=1)
    links = {}
    for cle in cles_attendues(row(ville, path)):
        store.ecrire(cle, cle.encode() + OCTETS)
        links[cle.rpartition(".")[2]] = media_path(keys, cle, now=datetime.now(UTC))[0]
    return links


@pytest.mark.parametrize(("end", "kind"), [("jpg", "image/jpeg"), ("webp", "image/webp")])
def test_a_picture_is_shown_as_a_picture_and_nothing_else(kept, store, shown, end, kind):
    told = kept("GET", shown[end], who=None)
    assert (told.status_code, told.headers["content-type"]) == (200, kind)
    assert told.content.endswith(OCTETS)
    assert told.headers["x-content-type-options"] == "nosniff"
    assert told.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert told.headers["cross-origin-resource-policy"] == "cross-origin"
    assert told.headers["content-disposition"] == f'inline; filename="photo.{end}"'
    assert told.headers["cache-control"] == "private, max-age=3600"
    assert "content-encoding" not in told.headers
    assert list(store.brouillon().parent.iterdir()) == []


def test_a_picture_may_be_read_in_parts(kept, shown):
    whole = kept("GET", shown["jpg"], who=None)
    etag, size = whole.headers["etag"], len(whole.content)
    for asked, first, last in (
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, size - 1),
        ("bytes=-50", size - 50, size - 1),
    ):
        told = kept("GET", shown["jpg"], who=None, headers={"Range": asked, "If-Range": etag})
        assert (told.status_code, told.content) == (206, whole.content[first : last + 1])
        assert told.headers["content-range"] == f"bytes {first}-{last}/{size}"
    changed = kept("GET", shown["jpg"], who=None, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, whole.content)


@pytest.mark.parametrize("asked", ["bytes={}-", "bytes={}-9999999", "bytes=-0"])
def test_a_part_beyond_the_end_is_refused_as_safely_as_it_would_be_sent(kept, store, shown, asked):
    size = len(kept("GET", shown["jpg"], who=None).content)
    told = kept("GET", shown["jpg"], who=None, headers={"Range": asked.format(size)})
    assert (told.status_code, told.content, told.headers["content-range"]) == (416, b"", f"bytes */{size}")
    assert told.headers["x-content-type-options"] == "nosniff"
    assert told.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert told.headers["cache-control"] == "no-store"
    assert list(store.brouillon().parent.iterdir()) == []


RANGES = ("bytes", "bytes=", "bytes=-", "bytes=abc", "items=0-1", "bytes=5-2", "bytes=0-1,4-5", "bytes=٠-٥")


@pytest.mark.parametrize("asked", [*RANGES, f"bytes=0-{'9' * 5_000}"], ids=range(len(RANGES) + 1))
def test_a_range_that_is_not_one_part_is_ignored(kept, shown, asked):
    whole = kept("GET", shown["jpg"], who=None)
    told = kept("GET", shown["jpg"], who=None, headers={"Range": asked.encode()})
    assert (told.status_code, told.content) == (200, whole.content)
    assert told.headers["content-type"] == "image/jpeg"


def test_a_range_is_of_no_meaning_when_nothing_is_sent(kept, shown):
    assert kept("HEAD", shown["jpg"], who=None, headers={"Range": "bytes=0-9"}).status_code == 200


def test_a_reader_who_hangs_up_leaves_nothing_behind(kept, store, shown):
    async def hung_up(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "method": "GET", "path": shown["jpg"]}
    scope |= {"headers": [], "query_string": b"", "http_version": "1.1", "scheme": "https", "root_path": ""}
    with pytest.raises((OSError, ClientDisconnect)):
        asyncio.run(kept.client.app(scope, nothing, hung_up))
    assert list(store.brouillon().parent.iterdir()) == []


def test_a_picture_is_asked_about_without_being_sent(kept, shown):
    whole = kept("GET", shown["jpg"], who=None)
    told = kept("HEAD", shown["jpg"], who=None)
    assert (told.status_code, told.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges", "last-modified"):
        assert told.headers[name] == whole.headers[name]


def test_a_picture_already_held_is_not_sent_again(kept, shown):
    etag = kept("GET", shown["jpg"], who=None).headers["etag"]
    told = kept("GET", shown["jpg"], who=None, headers={"If-None-Match": etag})
    assert (told.status_code, told.content, told.headers["etag"]) == (304, b"", etag)
    assert kept("GET", shown["webp"], who=None, headers={"If-None-Match": etag}).status_code == 200


def test_masking_a_photo_closes_its_links_at_once_and_painting_for_good(kept, store, shown, keys, ville):
    link, photo = shown["jpg"], row(ville, shown["jpg"].partition(".1-")[0])
    held = {"If-None-Match": kept("GET", link, who=None).headers["etag"]}
    said = {"rectangles": [{"x": 0.25, "y": 0.25, "largeur": 0.5, "hauteur": 0.5}]}
    masked = kept("POST", f"/v1/signalements/{photo.signalement_id}/photos/{photo.id}/masques", who="pilote", json=said)
    assert masked.status_code == 201, masked.text
    for headers in ({}, held):
        check(kept("GET", link, who=None, headers=headers), 404, "photo_introuvable")
    ready(ville, tirage=2)
    cle = cle_de_variante(photo, "image", tirage=2)
    store.ecrire(cle, OCTETS)
    for headers in ({}, held):
        check(kept("GET", link, who=None, headers=headers), 404, "photo_introuvable")
    assert kept("GET", media_path(keys, cle, now=datetime.now(UTC))[0], who=None).content == OCTETS


def test_a_link_that_is_not_ours_or_no_longer_shows_nothing(kept, shown, keys):
    link = shown["jpg"]
    cle = link.split("/", 3)[3]
    past, _ = media_path(keys, cle, now=datetime.now(UTC) - timedelta(days=3))
    for wrong in (link.replace("image.jpg", "autre.jpg"), link.replace("/m/", "/m/f"), past):
        check(kept("GET", wrong, who=None), 404, "lien_invalide")


def test_an_original_is_never_shown_even_by_a_good_seal(kept, keys, ville):
    _, path = declare(kept)
    assert kept("PUT", path, content=OCTETS, headers=digest(OCTETS)).status_code == 201
    link, _ = media_path(keys, cle_originale(row(ville, path)), now=datetime.now(UTC))
    check(kept("GET", link, who=None), 422, "champ_invalide")


def test_a_picture_that_should_be_there_and_is_not_raises_an_alarm(kept, store, shown, keys, caplog):
    cle = shown["jpg"].split("/", 3)[3]
    replaced, _ = media_path(keys, cle.replace(".1-", ".0-"), now=datetime.now(UTC))
    check(kept("GET", replaced, who=None), 404, "photo_introuvable")
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    store.effacer(cle)
    check(kept("GET", shown["jpg"], who=None), 404, "photo_introuvable")
    (alarm,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert cle in alarm.getMessage()
    assert "relais doctor" in alarm.getMessage()


class Fuyant(Local):
    """A disk whose photos are removed as they are lent."""

    @contextmanager
    def emprunter(self, cle: str) -> Iterator[Path]:
        with super().emprunter(cle) as path:
            path.unlink()
            yield path


@pytest.mark.parametrize("store", ["fuyant"], indirect=True)
def test_a_picture_removed_under_its_reader_is_not_there(kept, shown):
    check(kept("GET", shown["jpg"], who=None), 404, "photo_introuvable")
