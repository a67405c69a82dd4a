"""Whatever is sent: a clear refusal that says where, nothing stored, and never a crash."""

import base64
import io
import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from select import select as select_readable
from uuid import uuid4

import jwt
import pytest
from conftest import DEMO, SHARED
from PIL import Image
from refus import files, head, heard, parsed, rows, token_of
from sqlalchemy import select, update

from api import uploads
from api.limits import JSON_MAX
from relais.caller import Door
from relais.commands.personne import import_personnes, make_cle
from relais.commands.territoire import get_territoire, import_configuration
from relais.db import Base
from relais.imports.personnes import PersonneLue
from relais.imports.territoire import lire_territoire
from relais.keys import load_keys
from relais.media import FORMATS, formats
from relais.rules.acces import Role
from relais.rules.depot import OCTETS_MAX
from relais.stockage import Local
from relais.tables.personne import Cle
from relais.tokens import AUDIENCE, ISSUER, TYPE, issue

PERSONNE = "019d44aa-0000-7000-8000-000000000000"
"""Nobody's id, the same in every process that collects these tests."""

LIEU = {"lon": 0.41237, "lat": 48.10562, "precision_m": 5, "origine": "gps"}
NUL, HALF = "a\x00b", "a\ud800b"
DEEP = b"[" * 100_000 + b"]" * 100_000
JSON = {"Content-Type": "application/json"}


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "tan").save(out, "JPEG")
    return out.getvalue()


PHOTO = picture()


def declared(photo: bytes = PHOTO, **changes):
    digest = sha256(photo).hexdigest()
    return {"id": str(uuid4()), "type": "image/jpeg", "octets": len(photo), "sha256": digest} | changes


def body(**changes):
    base = {"theme": "proprete.depot_sauvage", "description": "Matelas.", "constate_le": "2026-03-31T18:12:00+02:00"}
    return base | {"position": LIEU, "photos": [declared()]} | changes


def digest(photo: bytes) -> dict[str, str]:
    code = base64.b64encode(sha256(photo).digest()).decode()
    return {"Content-Digest": f"sha-256=:{code}:", "Content-Type": "image/jpeg"}


@pytest.fixture
def sent(api) -> tuple[str, str]:
    """The paths of a signalement, and of the photo it announced."""
    wanted = body()
    path = f"/v1/signalements/{uuid4()}"
    assert api("PUT", path, json=wanted).status_code == 201
    return path, f"{path}/photos/{wanted['photos'][0]['id']}"


# --- the body of a signalement

BODIES = {
    "swapped": ({"position": {"lon": 48.10562, "lat": 0.41237}}, "position_inversee", "/position"),
    "outside": ({"position": {"lon": 2.35, "lat": 48.85}}, "hors_territoire", "/position"),
    "theme": ({"theme": "proprete.licorne"}, "theme_inconnu", "/theme"),
    "future": ({"constate_le": "2026-04-02T18:12:00+02:00"}, "date_impossible", "/constate_le"),
    "old": ({"constate_le": "2024-04-02T18:12:00+02:00"}, "date_impossible", "/constate_le"),
    "naive": ({"constate_le": "2026-03-31T18:12:00"}, "champ_invalide", "/constate_le"),
    "timestamp": ({"constate_le": 1_775_000_000}, "champ_invalide", "/constate_le"),
    "timestamp-text": ({"constate_le": "1775000000"}, "champ_invalide", "/constate_le"),
    "first-year": ({"constate_le": "0001-01-01T00:00:00+14:00"}, "champ_invalide", "/constate_le"),
    "last-year": ({"constate_le": "9999-12-31T23:59:59-14:00"}, "champ_invalide", "/constate_le"),
    "polygon": (
        {"position": {"type": "Polygon", "coordinates": [[[0.41, 48.1], [0.42, 48.1], [0.42, 48.2], [0.41, 48.1]]]}},
        "champ_invalide",
        "/position/type",
    ),
    "coordinates": ({"position": [0.41, 48.1]}, "champ_invalide", "/position"),
    "beyond-the-poles": ({"position": LIEU | {"lat": 91}}, "champ_invalide", "/position/lat"),
    "number-as-text": ({"position": LIEU | {"lon": "0.41"}}, "champ_invalide", "/position/lon"),
    "number-as-bool": ({"position": LIEU | {"lon": True}}, "champ_invalide", "/position/lon"),
    "negative": ({"position": LIEU | {"precision_m": -1}}, "champ_invalide", "/position/precision_m"),
    "origin": ({"position": LIEU | {"origine": "pif"}}, "champ_invalide", "/position/origine"),
    "huge-number": ({"questions": {"volume": 10**400}}, "champ_invalide", "/questions/volume"),
    "huge-octets": ({"photos": [declared(octets=10**30)]}, "champ_invalide", "/photos/0/octets"),
    "octets-as-bool": ({"photos": [declared(octets=True)]}, "champ_invalide", "/photos/0/octets"),
    "octets-too-many": ({"photos": [declared(octets=OCTETS_MAX + 1)]}, "champ_invalide", "/photos/0/octets"),
    "upper-case-digest": ({"photos": [declared(sha256="A" * 64)]}, "champ_invalide", "/photos/0/sha256"),
    "photo-id": ({"photos": [declared(id="1")]}, "champ_invalide", "/photos/0/id"),
    "photo-type": ({"photos": [declared(type="image/gif")]}, "champ_invalide", "/photos/0/type"),
    "photo-twice": ({"photos": [declared(id=str(uuid4()))] * 2}, "champ_invalide", "/photos"),
    "photos-too-many": ({"photos": [declared() for _ in range(11)]}, "champ_invalide", "/photos"),
    "no-photo": ({"photos": []}, "photo_non_autorisee", "/photos"),
    "unknown-field": ({"statut": "clos"}, "champ_invalide", "/statut"),
    "half-a-character-as-field": ({HALF: 1}, "champ_invalide", "/"),
    "nul-as-field": ({NUL: 1}, "champ_invalide", "/a\x00b"),
    "slash-as-field": ({"a/b~c": 1}, "champ_invalide", "/a~1b~0c"),
    "very-long-field": ({"x" * 50_000: 1}, "champ_invalide", "/" + "x" * 100),
    "list-for-text": ({"description": ["a"]}, "champ_invalide", "/description"),
    "number-for-text": ({"theme": 12}, "champ_invalide", "/theme"),
    "null-for-text": ({"theme": None}, "champ_invalide", "/theme"),
    "too-long": ({"description": "x" * 5_001}, "champ_invalide", "/description"),
    "too-many-questions": ({"questions": {str(n): True for n in range(51)}}, "champ_invalide", "/questions"),
}


@pytest.mark.parametrize("case", BODIES, ids=str)
def test_a_signalement_that_cannot_be_accepted_says_which_field_to_mend(refused, case):
    changes, code, pointer = BODIES[case]
    content = json.dumps(body(**changes)).encode()
    refused("PUT", f"/v1/signalements/{uuid4()}", 422, code, pointer, content=content, headers=JSON)


SENTENCES = {
    "long-text": (
        {"description": "x" * 5_001},
        "Ce texte est trop long. Longueur maximale, en caractères : 5\u202f000.",
    ),
    "long-answer": (
        {"questions": {"a": "x" * 5_001}},
        "Ce texte est trop long. Longueur maximale, en caractères : 5\u202f000.",
    ),
    "nul-in-answer": ({"questions": {"a": NUL}}, "Valeur refusée : contient un caractère nul."),
    "no-answer": (
        {"questions": {"a": {}}},
        "Répondez par un texte, un nombre, oui (true) ou non (false), ou une liste de choix.",
    ),
    "octets": ({"photos": [declared(octets=OCTETS_MAX + 1)]}, "Au plus 25 Mo par photo : réduisez-la avant l'envoi."),
    "octets-beyond": ({"photos": [declared(octets=10**400)]}, "Écrivez au plus 2\u202f147\u202f483\u202f647."),
    "octets-as-text": ({"photos": [declared(octets="12")]}, "Écrivez un nombre entier."),
    "version": ({"version": 10**400}, "Écrivez au plus 2\u202f147\u202f483\u202f647."),
    "latitude": ({"position": LIEU | {"lat": 90.5}}, "Écrivez au plus 90."),
    "origin": ({"position": LIEU | {"origine": "pif"}}, "Au choix : gps, photo, carte ou adresse."),
    "position": ({"position": []}, "Écrivez un objet JSON, entre accolades."),
    "photos": ({"photos": {}}, "Écrivez une liste, entre crochets."),
    "blank-theme": ({"theme": " "}, "Ce champ est obligatoire."),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_a_refusal_says_what_to_do_in_french(refused, case):
    changes, sentence = SENTENCES[case]
    content = json.dumps(body(**changes)).encode()
    told = refused("PUT", f"/v1/signalements/{uuid4()}", 422, "champ_invalide", content=content, headers=JSON)
    assert [fault["detail"] for fault in told["errors"]] == [sentence]


@pytest.mark.parametrize("case", ["octets", "version"])
def test_a_number_beyond_any_integer_is_refused_where_the_id_is_known_too(refused, sent, case):
    changes = {"octets": {"photos": [declared(octets=10**400)]}, "version": {"version": 10**400}}[case]
    refused("PUT", sent[0], 422, "champ_invalide", content=json.dumps(body(**changes)).encode(), headers=JSON)


def test_a_field_left_blank_means_its_default(api):
    said = body(photos=[declared(id=PERSONNE)])
    path = f"/v1/signalements/{uuid4()}"
    assert api("PUT", path, json=said).status_code == 201
    said["photos"][0] |= {"alt": "", "phase": " "}
    assert api("PUT", path, json=said | {"source": "", "lieu": {"etage": ""}, "version": None}).status_code == 200
    done = {"commentaire": "Enlevé.", "nature": "durable", "photos": [declared(phase="apres", alt=" ")]}
    assert api("POST", f"{path}/interventions", who="agent", json=done).status_code == 201


TEXTS = {
    "theme": lambda bad: {"theme": bad},
    "description": lambda bad: {"description": bad},
    "source": lambda bad: {"source": bad},
    "lieu/adresse": lambda bad: {"lieu": {"adresse": bad}},
    "lieu/residence": lambda bad: {"lieu": {"residence": bad}},
    "lieu/batiment": lambda bad: {"lieu": {"batiment": bad}},
    "lieu/entree": lambda bad: {"lieu": {"entree": bad}},
    "lieu/etage": lambda bad: {"lieu": {"etage": bad}},
    "lieu/complement": lambda bad: {"lieu": {"complement": bad}},
    "photos/0/alt": lambda bad: {"photos": [declared(alt=bad)]},
    "photos/0/sha256": lambda bad: {"photos": [declared(sha256=bad)]},
    "questions": lambda bad: {"questions": {bad: "x"}},
    "questions/a": lambda bad: {"questions": {"a": bad}},
    "questions/a (list)": lambda bad: {"questions": {"a": ["x", bad]}},
}


@pytest.mark.parametrize("bad", [NUL, HALF], ids=["nul", "half-a-character"])
@pytest.mark.parametrize("field", TEXTS)
def test_text_that_cannot_be_stored_is_refused_in_every_field(refused, field, bad):
    content = json.dumps(body(**TEXTS[field](bad))).encode()
    told = refused("PUT", f"/v1/signalements/{uuid4()}", 422, "champ_invalide", content=content, headers=JSON)
    start = "/" + field.partition(" ")[0]
    assert all(fault["pointer"].startswith(start) for fault in told["errors"])


WRITTEN = {
    "empty": b"",
    "not-json": b"theme=proprete",
    "half": b'{"theme": "propre',
    "nan": b'{"position": {"lon": NaN, "lat": 48.1}}',
    "infinity": b'{"questions": {"a": -Infinity}}',
    "same-key-twice": b'{"theme": "a", "theme": "b"}',
    "same-key-twice-inside": b'{"questions": {"a": 1, "a": 2}}',
    "deep": DEEP,
    "deep-inside": b'{"questions": {"a": ' + DEEP + b"}}",
    "many-figures": b'{"questions": {"a": ' + b"9" * 10_000 + b"}}",
    "latin-1": '{"theme": "é"}'.encode("latin-1"),
    "a-list": b"[]",
    "a-word": b'"bonjour"',
    "null": b"null",
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_is_not_one_json_object_is_refused(refused, case):
    path = f"/v1/signalements/{uuid4()}"
    told = refused("PUT", path, 422, "champ_invalide", "/", content=WRITTEN[case], headers=JSON)
    assert all("JSON decode" not in fault["detail"] for fault in told["errors"])


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "absurd", "", None])
def test_json_announced_as_something_else_is_refused(refused, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    content = json.dumps(body()).encode()
    refused("PUT", f"/v1/signalements/{uuid4()}", 415, "contenu_inattendu", content=content, headers=headers)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "streamed"])
def test_ten_megabytes_of_json_are_refused(refused, sent, announced):
    content = json.dumps(body(description="x" * 10_000_000)).encode()
    piece = 65_536
    pieces = (content[start : start + piece] for start in range(0, len(content), piece))
    for method, path in (("PUT", f"/v1/signalements/{uuid4()}"), ("POST", f"{sent[0]}/prises-en-charge")):
        given = content if announced else pieces
        refused(method, path, 413, "demande_trop_grosse", content=given, headers=JSON)
        pieces = (content[start : start + piece] for start in range(0, len(content), piece))


def test_a_length_longer_than_any_number_is_not_read_as_one(refused):
    absurd = JSON | {"Content-Length": "9" * 5_000}
    refused("PUT", f"/v1/signalements/{uuid4()}", 413, "demande_trop_grosse", content=b"{}", headers=absurd)


def test_a_photo_in_the_path_does_not_lift_the_ceiling_of_json(refused):
    refused("POST", "/v1/photos/x", 413, "demande_trop_grosse", content=b"x" * (JSON_MAX + 1))


# --- addresses

ADDRESSES = [
    ("GET", "/v1/signalements/12", 422, "champ_invalide", "?id"),
    ("GET", "/v1/signalements/a%00b", 422, "champ_invalide", "?id"),
    ("GET", f"/v1/signalements/{PERSONNE}", 404, "signalement_introuvable", None),
    ("GET", f"/v1/signalements/{PERSONNE}/journal", 404, "signalement_introuvable", None),
    ("GET", "/v1/nulle-part", 404, "adresse_inconnue", None),
    ("GET", "/v1/nulle%00part%ff", 404, "adresse_inconnue", None),
    ("GET", "/v1/instances/a%00b/ordre-du-jour", 404, "instance_inconnue", None),
    ("GET", "/v1/instances/%ff/ordre-du-jour", 404, "instance_inconnue", None),
    ("POST", "/v1/signalements", 415, "contenu_inattendu", None),
    ("DELETE", f"/v1/signalements/{PERSONNE}", 405, "methode_inconnue", None),
    ("PATCH", "/v1/meta", 405, "methode_inconnue", None),
    ("GET", "/v1/signalements?bbox=1,2,3", 400, "bad_request", "?bbox"),
    ("GET", "/v1/signalements?bbox=a,b,c,d", 400, "bad_request", "?bbox"),
    ("GET", "/v1/signalements?bbox=nan,0,1,1", 400, "bad_request", "?bbox"),
    ("GET", "/v1/signalements?bbox=-inf,0,inf,1", 400, "bad_request", "?bbox"),
    ("GET", "/v1/signalements?bbox=1,48,0,49", 400, "bad_request", "?bbox"),
    ("GET", "/v1/signalements?bbox=" + "1" * 300, 422, "champ_invalide", "?bbox"),
    ("GET", "/v1/signalements?curseur=zzz", 400, "bad_request", "?curseur"),
    ("GET", "/v1/signalements?curseur=%C3%A9", 400, "bad_request", "?curseur"),
    ("GET", "/v1/signalements?curseur=%00", 422, "champ_invalide", "?curseur"),
    ("GET", "/v1/signalements?limite=0", 422, "champ_invalide", "?limite"),
    ("GET", "/v1/signalements?limite=201", 422, "champ_invalide", "?limite"),
    ("GET", "/v1/signalements?limite=" + "9" * 5_000, 422, "champ_invalide", "?limite"),
    ("GET", "/v1/signalements?statut=perdu", 422, "champ_invalide", "?statut.0"),
    ("GET", "/v1/signalements?en_retard=peut-etre", 422, "champ_invalide", "?en_retard"),
    ("GET", "/v1/signalements?depuis=2026-03-31T18:12:00", 422, "champ_invalide", "?depuis"),
    ("GET", "/v1/signalements?depuis=0001-01-01T00:00:00%2B14:00", 422, "champ_invalide", "?depuis"),
    ("GET", "/v1/signalements?champs=id,mot_de_passe", 422, "champ_invalide", "?champs"),
    ("GET", "/v1/signalements?champs=", 422, "champ_invalide", "?champs"),
    *(("GET", f"/v1/signalements?{name}=a%00b", 422, "champ_invalide", f"?{name}") for name in ("theme", "q")),
    *(("GET", f"/v1/signalements?{name}=a%00b", 422, "champ_invalide", f"?{name}") for name in ("acteur", "zone")),
    *(("GET", f"/v1/signalements.geojson?{name}=a%00b", 422, "champ_invalide", f"?{name}") for name in ("theme", "q")),
    ("GET", "/v1/envois?etat=perdu", 422, "champ_invalide", "?etat"),
    ("GET", "/v1/envois?limite=-1", 422, "champ_invalide", "?limite"),
    ("POST", "/v1/envois/12/reexpeditions", 422, "champ_invalide", "?id"),
    ("DELETE", "/v1/webhooks/12", 422, "champ_invalide", "?id"),
]


@pytest.mark.parametrize("case", ADDRESSES, ids=lambda case: f"{case[0]} {case[1][:60]}")
def test_an_address_that_means_nothing_is_refused(refused, case):
    method, path, status, code, pointer = case
    refused(method, path, status, code, pointer, who="pilote")


@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ("/v1/routage?lat=48.1&theme=x", 422, "champ_invalide", "?lon"),
        ("/v1/routage?lon=nan&lat=48.1&theme=x", 422, "champ_invalide", "?lon"),
        ("/v1/routage?lon=1e999&lat=48.1&theme=x", 422, "champ_invalide", "?lon"),
        ("/v1/routage?lon=0.41237&lat=48.10562&theme=licorne", 422, "theme_inconnu", "?theme"),
        ("/v1/routage?lon=0.41237&lat=48.10562&theme=%00", 422, "champ_invalide", "?theme"),
        ("/v1/routage?lon=48.10562&lat=0.41237&theme=proprete.depot_sauvage", 422, "position_inversee", "?lon"),
        ("/v1/routage?lon=2.35&lat=48.85&theme=proprete.depot_sauvage", 422, "hors_territoire", "?lon"),
        ("/v1/emprises.geojson?date=9999-12-31", 422, "champ_invalide", "?date"),
        ("/v1/emprises.geojson?date=0", 422, "champ_invalide", "?date"),
        ("/v1/meta?territoire=NON", 404, "territoire_inconnu", None),
        ("/v1/meta?territoire=%00", 422, "champ_invalide", "?territoire"),
        ("/v1/meta?territoire=" + "x" * 21, 422, "champ_invalide", "?territoire"),
        ("/m/x/photos/y", 404, "lien_invalide", None),
        ("/m/x/keys", 422, "champ_invalide", "?cle"),
        ("/m/x/photos/a%00b", 404, "lien_invalide", None),
    ],
)
def test_a_public_address_that_means_nothing_is_refused(refused, query, status, code, pointer):
    refused("GET", query, status, code, pointer, who=None)


def test_a_method_that_does_not_exist_says_which_do(refused, api):
    refused("POST", "/v1/meta", 405, "methode_inconnue")
    assert api("POST", "/v1/meta").headers["Allow"] == "GET"


# --- verbs

VERBS = [
    (
        "reponses",
        {"nature": "explicative", "texte": "Benne commandée pour mardi."},
        "reponse_inutile",
        "/prochaine_etape",
    ),
    ("reponses", {"nature": "operationnelle", "texte": "OK"}, "reponse_inutile", "/texte"),
    ("reponses", {"nature": "operationnelle", "texte": NUL * 10}, "champ_invalide", "/texte"),
    ("reponses", {"nature": "operationnelle", "texte": HALF * 10}, "champ_invalide", "/texte"),
    ("reponses", {"nature": "poetique", "texte": "Benne commandée pour mardi."}, "champ_invalide", "/nature"),
    *(
        (
            "reponses",
            {"nature": "explicative", "texte": "Benne commandée.", "prochaine_etape": {"libelle": "B", "le": day}},
            "champ_invalide",
            "/prochaine_etape/le",
        )
        for day in ("9999-12-31", "0001-01-01", "2026-02-30", "demain", 0, 1_775_000_000, "1775000000")
    ),
    ("interventions", {"commentaire": "Fait.", "nature": "durable", "photos": [{}]}, "champ_invalide", "/photos/0/id"),
    ("interventions", {"commentaire": NUL, "nature": "durable"}, "champ_invalide", "/commentaire"),
    ("reaffectations", {"motif": "pas_mon_terrain", "acteur": "licorne"}, "acteur_inconnu", "/acteur"),
    ("reaffectations", {"motif": "pas_mon_terrain", "acteur": NUL}, "champ_invalide", "/acteur"),
    ("reaffectations", {"motif": HALF}, "champ_invalide", "/motif"),
    ("reaffectations", {"motif": "Pas à nous."}, "champ_invalide", "/motif"),
    ("reaffectations", {"motif": "arbitrage"}, "champ_invalide", "/motif"),
    ("reaffectations", {"motif": "autre"}, "champ_invalide", "/commentaire"),
    ("reaffectations", {"motif": "autre", "commentaire": "   "}, "champ_invalide", "/commentaire"),
    ("reaffectations", {"motif": "autre", "commentaire": HALF}, "champ_invalide", "/commentaire"),
    ("reaffectations", {}, "champ_invalide", "/motif"),
    ("prises-en-charge", {"bonjour": 1}, "champ_invalide", "/bonjour"),
]


@pytest.mark.parametrize("case", VERBS, ids=lambda case: f"{case[0]} {case[3]}")
def test_a_verb_said_badly_is_refused(refused, sent, case):
    verb, said, code, pointer = case
    content = json.dumps(said).encode()
    refused("POST", f"{sent[0]}/{verb}", 422, code, pointer, who="agent", content=content, headers=JSON)


@pytest.mark.parametrize("tag", ["garbage", '"0"', "W/", "é".encode("latin-1"), "," * 5_000, '"', "\\"])
def test_a_version_nobody_was_given_is_not_the_current_one(refused, sent, tag):
    refused("POST", f"{sent[0]}/prises-en-charge", 412, "version_depassee", who="agent", headers={"If-Match": tag})


@pytest.mark.parametrize("key", ["", "x" * 201, "a b", "é".encode("latin-1"), "a\tb"])
def test_an_absurd_idempotency_key_is_refused(refused, sent, key):
    path = f"{sent[0]}/prises-en-charge"
    refused("POST", path, 422, "champ_invalide", "?idempotency-key", who="agent", headers={"Idempotency-Key": key})


@pytest.mark.parametrize("name", ["Accept", "Accept-Language", "If-None-Match", "X-Forwarded-For", "Cookie", "Range"])
def test_absurd_headers_change_nothing(api, sent, name):
    for value in ("\\" * 5_000, ",;=" * 1_000, "é".encode("latin-1"), "W/", "bytes=5-1"):
        assert api("GET", sent[0], headers={name: value}).status_code == 200


# --- photos


def test_a_false_photo_is_refused_at_its_first_bytes(refused, sent):
    for false in (b"GIF89a" + b"x" * 500, b"%PDF-1.7" + b"x" * 500, b"<svg/>" * 99, b"x", b""):
        refused("PUT", sent[1], 415, "format_de_photo", content=false, headers=digest(false))


@pytest.fixture
def without_heic(monkeypatch):
    """As where the extra `heic` is not installed."""
    monkeypatch.setattr(formats, "AVEC_HEIC", False)
    held = set(FORMATS)
    FORMATS.intersection_update({"image/jpeg", "image/png", "image/webp"})
    yield
    FORMATS.update(held)


@pytest.mark.usefixtures("without_heic")
def test_a_heic_photo_is_told_the_way_out(refused, sent):
    heic = b"\x00\x00\x00\x18ftypheic" + b"x" * 500
    told = refused("PUT", sent[1], 415, "format_de_photo", content=heic, headers=digest(heic))
    assert "HEIC" in told["detail"]


@pytest.mark.usefixtures("without_heic")
def test_a_heic_photo_is_told_the_way_out_before_any_byte(refused, sent):
    told = refused("PUT", sent[1], 415, content=PHOTO, headers=digest(PHOTO) | {"Content-Type": "image/heic"})
    assert "Le plus compatible" in told["detail"]
    for kind, words in (("image/heic", "Le plus compatible"), ("image/gif", "n’est pas une photo")):
        said = body(photos=[declared(type=kind)])
        told = refused("PUT", f"/v1/signalements/{uuid4()}", 422, "champ_invalide", "/photos/0/type", json=said)
        assert words in told["errors"][0]["detail"]


def test_a_corrupt_photo_is_not_the_one_announced(refused, sent):
    torn = PHOTO[:-20]
    refused("PUT", sent[1], 422, "empreinte_differente", "/", content=torn, headers=digest(PHOTO))
    refused("PUT", sent[1], 422, "empreinte_differente", "/", content=torn, headers=digest(torn))


def test_a_real_corrupt_photo_is_refused_or_owed_again(api, ville):
    """Its bytes are those announced: that they make no picture is for the worker to find."""
    real = SHARED / "photos" / "corrupted.jpg"
    if not real.exists():
        pytest.skip("the real photos are not beside the checkout")
    octets = real.read_bytes()
    said = body(photos=[declared(octets)])
    path = f"/v1/signalements/{uuid4()}"
    assert api("PUT", path, json=said).status_code == 201
    answer = api("PUT", f"{path}/photos/{said['photos'][0]['id']}", content=octets, headers=digest(octets))
    assert answer.status_code in {201, 415}
    assert rows(ville)["photo"] == 1


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "streamed"])
def test_a_photo_one_byte_too_big_is_refused(refused, sent, announced):
    huge = PHOTO + b"\x00" * (OCTETS_MAX + 1 - len(PHOTO))
    given = huge if announced else (huge[start : start + 2**20] for start in range(0, len(huge), 2**20))
    refused("PUT", sent[1], 413, "photo_trop_grosse", content=given, headers=digest(huge))


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"Content-Digest": None}, 400, "empreinte_manquante"),
        ({"Content-Digest": "sha-256=:AAAA:"}, 400, "empreinte_manquante"),
        ({"Content-Digest": "sha-256=:" + "=" * 44 + ":"}, 400, "empreinte_manquante"),
        ({"Content-Digest": "md5=:AAAA:"}, 400, "empreinte_manquante"),
        ({"Content-Type": None}, 400, "bad_request"),
        ({"Content-Type": "text/plain"}, 415, "format_de_photo"),
        ({"Content-Type": "image/gif"}, 415, "format_de_photo"),
    ],
)
def test_a_photo_says_what_it_is(refused, sent, changes, status, code):
    headers = {name: value for name, value in (digest(PHOTO) | changes).items() if value is not None}
    refused("PUT", sent[1], status, code, content=PHOTO, headers=headers)


def test_a_photo_nobody_announced_is_refused(refused, sent):
    path = f"{sent[0]}/photos/{uuid4()}"
    refused("PUT", path, 409, "photo_non_declaree", content=PHOTO, headers=digest(PHOTO))
    refused("PUT", f"{sent[0]}/photos/12", 422, "champ_invalide", "?photo_id", content=PHOTO, headers=digest(PHOTO))
    stranger = f"/v1/signalements/{uuid4()}/photos/{uuid4()}"
    refused("PUT", stranger, 404, "signalement_introuvable", content=PHOTO, headers=digest(PHOTO))


# --- webhooks


@pytest.mark.parametrize(
    "url",
    [
        "http://partenaire.example/x",
        "ftp://partenaire.example/x",
        "javascript:alert(1)",
        "https://",
        "https://u:p@partenaire.example/",
        "https://partenaire.example:22/",
        "https://127.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://localhost/",
        "https://a.localhost./",
        "https://parte naire.example/",
        "https://[",
        "//partenaire.example",
        "x",
    ],
)
def test_an_address_the_wire_would_refuse_is_refused_at_once(refused, url):
    refused("POST", "/v1/webhooks", 422, "adresse_refusee", "/url", who="admin", json={"url": url})


@pytest.mark.parametrize("bad", [NUL, HALF, "", "https://a.example/" + "x" * 500, 12, None])
def test_an_address_that_is_no_text_is_refused(refused, bad):
    content = json.dumps({"url": bad}).encode()
    refused("POST", "/v1/webhooks", 422, "champ_invalide", "/url", who="admin", content=content, headers=JSON)


def test_a_webhook_of_nobody_or_of_half_a_character_is_refused(refused):
    good = {"url": "https://partenaire.example/relais"}
    for said, code, pointer in (
        ({"acteur": "licorne"}, "acteur_inconnu", "/acteur"),
        ({"acteur": NUL}, "champ_invalide", "/acteur"),
        ({"types": [HALF]}, "champ_invalide", "/types/0"),
        ({"types": [NUL]}, "champ_invalide", "/types/0"),
        ({"types": "signalement.recu"}, "champ_invalide", "/types"),
        ({"types": ["signalement.recu", "signalement.rechu"]}, "champ_invalide", "/types/1"),
        ({"types": ["etape.manquee"]}, "champ_invalide", "/types/0"),
        ({"secret": "x"}, "champ_invalide", "/secret"),
    ):
        content = json.dumps(good | said).encode()
        refused("POST", "/v1/webhooks", 422, code, pointer, who="admin", content=content, headers=JSON)


# --- who asks


def bearer(token: str | bytes) -> dict:
    return {"Authorization": b"Bearer " + (token.encode() if isinstance(token, str) else token)}


def forged(keys, ville, **changes) -> str:
    now = datetime.now(UTC)
    who = ville.identity("relais")
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(who.personne), "ter": who.territoire, "gen": 0, "jti": "x"}
    claims |= {"iat": now, "exp": now + timedelta(minutes=5)} | changes
    return jwt.encode(claims, keys.tokens, algorithm="EdDSA", headers={"kid": keys.kid, "typ": TYPE})


def test_a_token_that_is_not_good_is_refused(refused, keys, ville):
    path = "/v1/envois"
    refused("GET", path, 401, "jeton_absent", who=None)
    refused("GET", path, 401, "jeton_absent", who=None, headers={"Authorization": "Basic eDp5"})
    past = datetime.now(UTC) - timedelta(minutes=1)
    refused("GET", path, 401, "jeton_expire", who=None, headers=bearer(forged(keys, ville, exp=past)))
    brackets = base64.urlsafe_b64encode(b"[" * 20_000).rstrip(b"=")
    for token in (
        "x", "x.y.z", "..", "é".encode("latin-1"), b"\xff.\xff.\xff", brackets + b".e30.e30",
        forged(keys, ville, aud="autre"), forged(keys, ville, iss="autre"), forged(keys, ville, sub="12"),
        forged(keys, ville, ter="VSL"), forged(keys, ville, gen=None), forged(keys, ville, gen=99),
        forged(keys, ville, sub=str(uuid4())), forged(keys, ville, ter=99), forged(keys, ville)[:-4] + "AAAA",
    ):  # fmt: skip
        refused("GET", path, 401, "jeton_invalide", who=None, headers=bearer(token))


def test_a_public_read_refuses_a_token_that_is_not_good(refused):
    refused("GET", "/v1/meta", 401, "jeton_invalide", who=None, headers=bearer("x.y.z"))


def test_a_token_of_another_installation_is_refused(refused, ville, settings, tmp_path):
    theirs = load_keys(settings.model_copy(update={"data_dir": tmp_path}))
    refused("GET", "/v1/signalements", 401, "jeton_invalide", who=None, headers=bearer(forged(theirs, ville)))


def test_a_key_unknown_or_suspended_is_refused(refused, ville, api):
    with ville.session(Door.OWNER) as session, session.begin():
        here = get_territoire(session, "VSL")
        clear = make_cle(session, here, libelle="Logiciel", acteur="habitat-lisse", now=session.now)
        number = here.id
    assert api("GET", "/v1/signalements", who=None, headers=bearer(clear)).status_code == 200
    for key in ("rk_", "rk_x", "rk_1", f"rk_{number}_x", f"rk_99_{clear}", f"rk_{'9' * 40}_x", b"rk_1_\xe9"):
        refused("GET", "/v1/signalements", 401, "jeton_invalide", who=None, headers=bearer(key))
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Cle).values(actif=False))
    refused("GET", "/v1/signalements", 403, "compte_suspendu", who=None, headers=bearer(clear))


def test_a_territoire_does_not_know_the_other_one_s_ids(refused, ville, keys, sent):
    configuration = lire_territoire(DEMO / "territoire.yaml").configuration
    with ville.session(Door.OWNER) as session, session.begin():
        import_configuration(session, replace(configuration, code="AUT"), auteur="test", now=session.now)
        there = get_territoire(session, "AUT")
        import_personnes(
            session, there, [PersonneLue("autre@demo.test", "Autre", Role.PILOTE, None, 2)], now=session.now
        )
    with ville.session(Door.OWNER) as session, session.begin():
        who = session.scalars(select(Base.metadata.tables["personne"].c.id).filter_by(identifiant="autre@demo.test"))
        theirs = bearer(issue(keys, territoire=there.id, personne=who.one(), generation=0))
    missing = refused("GET", f"/v1/signalements/{uuid4()}", 404, who=None, headers=theirs)
    hidden = refused("GET", sent[0], 404, "signalement_introuvable", who=None, headers=theirs)
    assert {**hidden, "instance": ""} == {**missing, "instance": ""}
    crossed = bearer(forged(keys, ville, ter=there.id))
    refused("GET", sent[0], 401, "jeton_invalide", who=None, headers=crossed)
    refused("GET", "/v1/meta", 400, "territoire_a_choisir", who=None)


# --- a real socket: what a test client cannot do


def test_a_body_that_stops_half_way_stores_nothing_and_harms_nobody(served, keys):
    token, before = token_of(served, keys), rows(served.ville)
    content = json.dumps(body()).encode()
    path = f"/v1/signalements/{uuid4()}"
    for _ in range(5):  # more than the pool has connections
        top = head("PUT", path, token, len(content), "Content-Type: application/json")
        served.say(top, content[: len(content) // 2], hang_up=True)
    assert rows(served.ville) == before
    status, told = parsed(served.say(top, content))
    assert (status, told["id"]) == (201, path.rpartition("/")[2])


def test_a_photo_that_stalls_is_cut_and_can_be_sent_again(served, keys, monkeypatch, settings):
    monkeypatch.setattr(uploads, "STALL", 0.2)
    token, said, path = token_of(served, keys), body(), f"/v1/signalements/{uuid4()}"
    content = json.dumps(said).encode()
    top = head("PUT", path, token, len(content), "Content-Type: application/json")
    assert parsed(served.say(top, content))[0] == 201
    kept = files(Local(settings.depot))
    more = [f"{name}: {value}" for name, value in digest(PHOTO).items()]
    top = head("PUT", f"{path}/photos/{said['photos'][0]['id']}", token, len(PHOTO), *more)
    status, told = parsed(served.say(top, PHOTO[:100]))
    assert (status, told["code"], told["retryable"]) == (400, "envoi_interrompu", True)
    assert files(Local(settings.depot)) == kept
    status, told = parsed(served.say(top, PHOTO))
    assert (status, told["photos"][0]["etat"]) == (201, "recue")


def test_a_photo_that_trickles_for_ever_is_cut(served, keys, monkeypatch, settings):
    monkeypatch.setattr(uploads, "TOTAL", 0.3)  # the stall limit stays at its twenty seconds
    token, kept = token_of(served, keys), files(Local(settings.depot))
    more = [f"{name}: {value}" for name, value in digest(PHOTO).items()]
    top = head("PUT", f"/v1/signalements/{uuid4()}/photos/{uuid4()}", token, OCTETS_MAX, *more)
    with socket.create_connection(served.address, timeout=20) as wire:
        wire.sendall(top.replace("\n", "\r\n").encode() + b"\r\n\r\n" + PHOTO[:100])
        while not select_readable([wire], [], [], 0.02)[0]:
            wire.sendall(b"x")
        status, told = parsed(heard(wire))
    assert (status, told["code"], told["retryable"]) == (400, "envoi_interrompu", True)
    assert "entier" in told["detail"]
    assert files(Local(settings.depot)) == kept


def test_a_length_that_lies_stores_nothing(served, keys):
    token, before = token_of(served, keys), rows(served.ville)
    content = json.dumps(body()).encode()
    for length in ("-1", "abc", "1e9", "9" * 400):
        path = f"/v1/signalements/{uuid4()}"
        top = head("PUT", path, token, 0, "Content-Type: application/json")
        answer = served.say(top.replace("Content-Length: 0", f"Content-Length: {length}"), content)
        assert answer.split()[1] in {b"400", b"413"}, answer
    assert rows(served.ville) == before
