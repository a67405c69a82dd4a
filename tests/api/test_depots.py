"""A signalement and its photos in one form: kept whole, once, or not at all."""

import base64
import io
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from conftest import Api, Ville
from fastapi.testclient import TestClient
from PIL import Image
from refus import Server, check, files, head, parsed, rows, token_of
from sqlalchemy import select

from api import uploads
from api.app import build_app
from api.limits import JSON_MAX
from api.resources import Resources
from relais.commands.idempotence import GARDE, purge
from relais.commands.photo import cle_originale
from relais.rules.depot import OCTETS_MAX
from relais.stockage import Local
from relais.tables.photo import Photo
from relais.tables.signalement import Signalement

PATH = "/v1/signalements"
SAID = {
    "theme": "proprete.depot_sauvage",
    "description": "Matelas.",
    "constate_le": "2026-03-31T18:12:00+02:00",
    "position": {"lon": 0.41237, "lat": 48.10562, "precision_m": 5, "origine": "gps"},
}
FACULTATIF = "voirie.nid_de_poule"
"""A theme that asks for no photo."""

SEPARATEUR = "---------------------------1234567890"


def picture(colour: str, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, kind)
    return out.getvalue()


TAN, TEAL = picture("tan"), picture("teal", "PNG")


def part(name: str, content: bytes, more: str = "") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n', content


def form(*parts: tuple[str, bytes], boundary: str = SEPARATEUR, end: str = "--\r\n") -> bytes:
    pieces = (f"--{boundary}\r\n{top}".encode() + content + b"\r\n" for top, content in parts)
    return b"".join(pieces) + f"--{boundary}{end}".encode()


def signalement(**changes) -> tuple[str, bytes]:
    return part("signalement", json.dumps(SAID | changes).encode())


def photo(octets: bytes) -> tuple[str, bytes]:
    return part("photo", octets, '; filename="../../etc/passwd"\r\nContent-Type: application/octet-stream')


def headers(clef: str | None, boundary: str = SEPARATEUR) -> dict[str, str]:
    kept = {} if clef is None else {"Idempotency-Key": clef}
    return kept | {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def deposit(api: Api, clef: str, *parts: tuple[str, bytes], **options):
    content = form(*(parts or (signalement(), photo(TAN), photo(TEAL))))
    return api("POST", PATH, content=content, headers=headers(clef), **options)


def drafts(stockage: Local) -> list[Path]:
    return list(stockage.brouillon().parent.iterdir())


# --- what is accepted


def test_a_form_makes_one_signalement_with_its_photos_kept(api, ville):
    told = deposit(api, "a")
    assert told.status_code == 201, told.text
    assert [one["etat"] for one in told.json()["photos"]] == ["recue", "recue"]
    assert told.json()["photos_manquantes"] == []
    read = api("GET", f"{PATH}/{told.json()['id']}")
    assert read.json() == told.json()
    assert read.headers["etag"] == told.headers["etag"]
    with ville.session() as session, session.begin():
        rows = session.scalars(select(Photo).order_by(Photo.rang)).all()
    for row, octets, kind in zip(rows, (TAN, TEAL), ("image/jpeg", "image/png"), strict=True):
        assert (row.octets, row.type) == (len(octets), kind)
        with api.stockage.emprunter(cle_originale(row)) as path:
            assert path.read_bytes() == octets
    assert drafts(api.stockage) == []


def test_a_form_as_a_common_client_writes_it(api):
    files = [("photo", ("IMG_0001.jpg", TAN, "image/jpeg")), ("signalement", (None, json.dumps(SAID)))]
    told = api("POST", PATH, files=files, headers={"Idempotency-Key": "a"})
    assert told.status_code == 201, told.text
    assert len(told.json()["photos"]) == 1


def test_a_form_without_photos_is_accepted_where_none_is_asked_for(api):
    """A disk that is full takes those too: see below."""
    told = deposit(api, "a", signalement(theme=FACULTATIF))
    assert (told.status_code, told.json()["photos"]) == (201, [])


def test_a_file_field_left_empty_is_no_photo(api):
    """As browsers send it."""
    unchosen = part("photo", b"", '; filename=""\r\nContent-Type: application/octet-stream')
    told = deposit(api, "a", unchosen, signalement(theme=FACULTATIF), unchosen)
    assert (told.status_code, told.json()["photos"]) == (201, [])
    told = deposit(api, "b", signalement(), unchosen, photo(TAN), part("photo", TEAL, '; filename=""'))
    assert (told.status_code, len(told.json()["photos"])) == (201, 2)


def test_the_same_form_again_has_the_same_answer_however_it_is_written(api, ville):
    first = deposit(api, "a")
    before, kept = rows(ville), files(api.stockage)
    shuffled = json.dumps(dict(reversed(SAID.items())), indent=1).encode()
    again = form(photo(TAN), part("signalement", shuffled), photo(TEAL), boundary="other")
    for content, boundary in ((form(signalement(), photo(TAN), photo(TEAL)), SEPARATEUR), (again, "other")):
        told = api("POST", PATH, content=content, headers=headers("a", boundary))
        assert (told.status_code, told.content) == (201, first.content)
        assert told.headers["etag"] == first.headers["etag"]
    assert (rows(ville), files(api.stockage)) == (before, kept)
    assert drafts(api.stockage) == []


CHANGED = {
    "text": (signalement(description="Sommier."), photo(TAN), photo(TEAL)),
    "photo": (signalement(), photo(TAN), photo(picture("navy"))),
    "order-of-photos": (signalement(), photo(TEAL), photo(TAN)),
    "one-photo-less": (signalement(), photo(TAN)),
}


@pytest.mark.parametrize("kept", [True, False], ids=["answer-kept", "answer-forgotten"])
@pytest.mark.parametrize("case", CHANGED)
def test_a_key_that_stood_for_something_else_is_refused(api, ville, refused, case, kept):
    assert deposit(api, "a").status_code == 201
    if not kept:
        forget(ville)
    content = form(*CHANGED[case])
    refused("POST", PATH, 422, "clef_reutilisee", content=content, headers=headers("a"))


def forget(ville: Ville) -> None:
    ville.forward(days=GARDE.days + 1)
    with ville.worker() as session, session.begin():
        assert purge(session, now=session.now) == 1


def test_a_key_makes_one_signalement_even_when_its_answer_is_forgotten(api, ville):
    first = deposit(api, "a").json()
    forget(ville)
    again = deposit(api, "a")
    assert (again.status_code, again.json()["id"], again.json()["numero"]) == (201, first["id"], first["numero"])
    with ville.session() as session, session.begin():
        assert len(session.scalars(select(Signalement)).all()) == 1


def test_the_same_key_of_two_people_makes_two_signalements(api):
    ids = {deposit(api, "a", who=who).json()["id"] for who in ("relais", "elu")}
    assert len(ids) == 2


# --- what is refused

ELEVEN = [photo(TAN)] * 11
TORN = form(signalement(), photo(TAN))
FORMS = {
    "no-signalement": (form(photo(TAN)), 422, "champ_invalide", "/"),
    "two-signalements": (form(signalement(), signalement()), 422, "champ_invalide", "/"),
    "unknown-part": (form(signalement(), part("video", b"x")), 422, "champ_invalide", "/"),
    "nameless-part": (form(signalement(), ("X: y\r\n\r\n", b"x")), 422, "champ_invalide", "/"),
    "eleven-photos": (form(signalement(), *ELEVEN), 422, "champ_invalide", "/photos"),
    "thousand-parts": (form(signalement(), *[photo(TAN)] * 1_000), 422, "champ_invalide", "/photos"),
    "thousand-empty-parts": (form(*[("\r\n", b"")] * 1_000), 422, "champ_invalide", "/"),
    "photos-in-the-json": (form(signalement(photos=[]), photo(TAN)), 422, "champ_invalide", "/photos"),
    "unknown-field": (form(signalement(statut="clos"), photo(TAN)), 422, "champ_invalide", "/statut"),
    "wrong-field": (form(signalement(position=[1]), photo(TAN)), 422, "champ_invalide", "/position"),
    "nul": (form(signalement(description="a\0b"), photo(TAN)), 422, "champ_invalide", "/description"),
    "theme": (form(signalement(theme="x"), photo(TAN)), 422, "theme_inconnu", "/theme"),
    "no-photo": (form(signalement()), 422, "photo_non_autorisee", "/photos"),
    "not-json": (form(part("signalement", b"theme=x"), photo(TAN)), 422, "champ_invalide", "/"),
    "a-list": (form(part("signalement", b"[]"), photo(TAN)), 422, "champ_invalide", "/"),
    "latin-1": (form(part("signalement", b'{"theme": "\xe9"}'), photo(TAN)), 422, "champ_invalide", "/"),
    "empty-json": (form(part("signalement", b""), photo(TAN)), 422, "champ_invalide", "/"),
    "big-json": (form(part("signalement", b" " * (JSON_MAX + 1))), 413, "demande_trop_grosse", None),
    "false-photo": (form(signalement(), photo(TAN), photo(b"GIF89a" * 9)), 415, "format_de_photo", "/photos/1"),
    "eleven-nameless-photos": (
        form(signalement(), *[part("photo", TAN, '; filename=""')] * 11), 422, "champ_invalide", "/photos",
    ),
    "empty-photo": (form(signalement(), photo(b"")), 415, "format_de_photo", "/photos/0"),
    "short-photo": (form(photo(TAN[:2]), signalement()), 415, "format_de_photo", "/photos/0"),
    "big-photo": (
        form(signalement(), photo(TAN), photo(TAN + bytes(OCTETS_MAX))), 413, "photo_trop_grosse", "/photos/1",
    ),
    "empty": (b"", 400, "envoi_interrompu", None),
    "no-part": (form(), 422, "champ_invalide", "/"),
    "other-boundary": (form(signalement(), photo(TAN), boundary="other"), 400, "bad_request", None),
    "stops-in-the-json": (TORN[:150], 400, "envoi_interrompu", None),
    "stops-in-a-photo": (TORN[:-100], 400, "envoi_interrompu", None),
    "stops-in-the-last-boundary": (TORN[:-5], 400, "envoi_interrompu", None),
    "garbage": (bytes(range(256)) * 100, 400, "bad_request", None),
    "many-headers": (form(("X-A: b\r\n" * 50 + "\r\n", b"")), 400, "bad_request", None),
    "big-header": (form((f"X-A: {'b' * 50_000}\r\n\r\n", b"")), 400, "bad_request", None),
    "endless-header": (f"--{SEPARATEUR}\r\nX-A: ".encode() + b"b" * 500_000, 400, "bad_request", None),
}  # fmt: skip


@pytest.mark.parametrize("case", FORMS)
def test_a_form_that_cannot_be_accepted_is_refused_whole(refused, api, case):
    content, status, code, pointer = FORMS[case]
    refused("POST", PATH, status, code, pointer, content=content, headers=headers("a"))
    assert drafts(api.stockage) == []


def test_bytes_after_the_end_of_a_form_are_nothing_and_not_without_end(api, refused):
    whole = form(signalement(), photo(TAN))
    assert api("POST", PATH, content=whole + b"\r\nepilogue", headers=headers("a")).status_code == 201
    endless = (piece for _ in range(2) for piece in (whole, *[bytes(2**20)] * 252))
    refused("POST", PATH, 413, "demande_trop_grosse", content=endless, headers=headers("b"))


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("application/json", 415, "contenu_inattendu"),
        ("application/x-www-form-urlencoded", 415, "contenu_inattendu"),
        ("multipart/mixed; boundary=x", 415, "contenu_inattendu"),
        ("multipart/form-data", 400, "bad_request"),
        ("multipart/form-data; boundary=", 400, "bad_request"),
        (f"multipart/form-data; boundary={'x' * 71}", 400, "bad_request"),
        ("", 415, "contenu_inattendu"),
    ],
)
def test_a_body_that_is_no_form_is_told_the_other_way(refused, kind, status, code):
    content = form(signalement(), photo(TAN))
    told = refused("POST", PATH, status, code, content=content, headers=headers("a") | {"Content-Type": kind})
    if code == "contenu_inattendu":
        assert "PUT /v1/signalements/{id}" in told["detail"]


def test_json_too_big_to_be_read_is_refused_before_it_is(refused):
    big = b" " * (JSON_MAX + 1)
    refused("POST", PATH, 413, "demande_trop_grosse", content=big, headers={"Content-Type": "application/json"})


def test_a_form_without_a_key_is_refused_before_its_photos_are_read(refused):
    refused("POST", PATH, 400, "clef_manquante", content=form(signalement(), photo(TAN)), headers=headers(None))


def test_who_may_not_report_leaves_nothing(refused):
    content = form(signalement(), photo(TAN))
    refused("POST", PATH, 401, "jeton_absent", who=None, content=content, headers=headers("a"))
    refused("POST", PATH, 403, "action_interdite", who="direction_generale", content=content, headers=headers("a"))


# --- a real socket


def sent(server: Server, keys, content: bytes, clef: str, length: int | None = None) -> str:
    more = [f"{name}: {value}" for name, value in headers(clef).items()]
    return head("POST", PATH, token_of(server, keys), len(content) if length is None else length, *more)


def test_a_form_that_stops_or_stalls_leaves_nothing_and_can_be_sent_again(served, keys, settings, monkeypatch):
    monkeypatch.setattr(uploads, "STALL", 0.2)
    before, kept = rows(served.ville), files(Local(settings.depot))
    content = form(signalement(), photo(TAN), photo(TEAL))
    top = sent(served, keys, content, "a")
    for _ in range(5):  # more than the pool has connections
        served.say(top, content[:-200], hang_up=True)
    status, told = parsed(served.say(top, content[:-200]))
    assert (status, told["code"], told["retryable"]) == (400, "envoi_interrompu", True)
    assert (rows(served.ville), files(Local(settings.depot))) == (before, kept)
    assert parsed(served.say(top, content))[0] == 201


def test_a_form_sent_twice_at_once_is_one_signalement(served, keys):
    content = form(signalement(), photo(TAN), photo(TEAL))
    top = sent(served, keys, content, "a")
    with ThreadPoolExecutor(4) as threads:
        answers = [parsed(raw) for raw in threads.map(lambda _: served.say(top, content), range(8))]
    done = [told["id"] for status, told in answers if status == 201]
    assert done
    assert len(set(done)) == 1
    assert {told["code"] for status, told in answers if status != 201} <= {"demande_en_cours"}
    with served.ville.session() as session, session.begin():
        assert len(session.scalars(select(Signalement)).all()) == 1
        assert len(session.scalars(select(Photo)).all()) == 2


def test_a_form_with_a_length_that_lies_stores_nothing(served, keys):
    before = rows(served.ville)
    content = form(signalement(), photo(TAN))
    for length in (len(content) - 100, len(content) - 3, 10):
        answer = served.say(sent(served, keys, content, "a", length), content)
        assert parsed_first(answer) == 400, answer
    assert rows(served.ville) == before


def parsed_first(raw: bytes) -> int:
    """The status of the first answer: what follows the announced length is another request, and a bad one."""
    return int(raw.split(maxsplit=2)[1])


# --- a full disk


@pytest.fixture
def full(connection, settings, keys, ville, tmp_path) -> Iterator[Api]:
    """An API whose photos are on a disk of 1 MB: «full» is the kernel's word."""
    point = tmp_path / "petit"
    point.mkdir()
    mounted = subprocess.run(  # noqa: S603 - fixed arguments
        ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", point], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    stockage = Local(point)
    resources = Resources(connection, keys, settings, stockage)
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        yield Api(client, keys, ville, stockage)
    subprocess.run(["/bin/umount", point], check=True)  # noqa: S603 - fixed arguments


def noise(size: int) -> bytes:
    return TAN + bytes(size - len(TAN))


def test_a_full_disk_refuses_the_photo_and_takes_the_signalement(full, ville):
    octets = noise(2_000_000)
    digest = sha256(octets)
    declared = {"id": str(uuid4()), "octets": len(octets), "sha256": digest.hexdigest()}
    path = f"{PATH}/{uuid4()}"
    assert full("PUT", path, json=SAID | {"photos": [declared]}).status_code == 201
    before = rows(ville)
    code = base64.b64encode(digest.digest()).decode()
    said = {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{code}:"}
    told = check(full("PUT", f"{path}/photos/{declared['id']}", content=octets, headers=said), 507, "plus_de_place")
    assert told["retryable"]
    assert (rows(ville), files(full.stockage)) == (before, set())
    assert full("GET", path).json()["photos_manquantes"] == [declared["id"]]
    assert full("PUT", f"{PATH}/{uuid4()}", json=SAID | {"theme": FACULTATIF}).status_code == 201
    assert deposit(full, "a", signalement(theme=FACULTATIF)).status_code == 201


def test_a_disk_that_fills_during_a_form_keeps_neither_the_signalement_nor_a_photo(full, ville):
    before = rows(ville)
    answer = deposit(full, "a", signalement(), photo(noise(400_000)), photo(noise(800_000)))
    told = check(answer, 507, "plus_de_place")
    assert told["retryable"]
    assert (rows(ville), files(full.stockage)) == (before, set())
    assert deposit(full, "a", signalement(), photo(noise(400_000))).status_code == 201
