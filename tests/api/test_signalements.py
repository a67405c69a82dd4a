import base64
import io
from hashlib import sha256
from uuid import uuid4

from PIL import Image
from sqlalchemy import event

LIEU = {"lon": 0.41237, "lat": 48.10562, "precision_m": 5, "origine": "gps"}


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "tan").save(out, "JPEG")
    return out.getvalue()


def body(photo: bytes | None = None, **changes):
    photos = []
    if photo is not None:
        photos = [
            {
                "id": str(uuid4()),
                "phase": "avant",
                "type": "image/jpeg",
                "octets": len(photo),
                "sha256": sha256(photo).hexdigest(),
            }
        ]
    base = {
        "theme": "proprete.depot_sauvage",
        "description": "Matelas.",
        "constate_le": "2026-03-31T18:12:00+02:00",
        "position": LIEU,
    }
    return base | {"photos": photos} | changes


def digest(photo: bytes) -> dict[str, str]:
    return {
        "Content-Digest": f"sha-256=:{base64.b64encode(sha256(photo).digest()).decode()}:",
        "Content-Type": "image/jpeg",
    }


def test_the_contract_of_a_creation_and_of_its_replay(api):
    photo = picture()
    sent = body(photo)
    id = uuid4()
    first = api("PUT", f"/v1/signalements/{id}", json=sent)
    assert first.status_code == 201, first.text
    told = first.json()
    assert told["responsable"]["code"] == "habitat-lisse"
    assert told["photos_manquantes"] == [sent["photos"][0]["id"]]
    assert [one["echeance"] for one in told["delais"]] == [
        "2026-04-01T15:00:00+02:00",
        "2026-04-03T17:00:00+02:00",
        "2026-04-02T18:12:00+02:00",
    ]
    assert "null" not in first.text
    again = api("PUT", f"/v1/signalements/{id}", json=sent)
    assert (again.status_code, again.json()) == (200, told)
    other = api("PUT", f"/v1/signalements/{id}", json=body(photo, description="Autre chose."))
    assert (other.status_code, other.json()["code"], other.json()["signalement"]["numero"]) == (
        409,
        "signalement_different",
        told["numero"],
    )
    assert "signalement" not in api("PUT", f"/v1/signalements/{id}", json=sent, who="relais2").json()


def test_a_photo_is_received_once_and_must_be_the_one_announced(api):
    photo, id = picture(), uuid4()
    sent = body(photo)
    api("PUT", f"/v1/signalements/{id}", json=sent)
    path = f"/v1/signalements/{id}/photos/{sent['photos'][0]['id']}"
    assert api("PUT", path, content=photo, headers={"Content-Type": "image/jpeg"}).status_code == 400
    assert api("PUT", path, content=b"not a photo" * 9, headers=digest(b"not a photo" * 9)).status_code == 415
    other = picture() + b"tail"
    refused = api("PUT", path, content=other, headers=digest(other))
    assert (refused.status_code, refused.json()["code"]) == (422, "empreinte_differente")
    received = api("PUT", path, content=photo, headers=digest(photo))
    assert (received.status_code, received.json()["photos_manquantes"]) == (201, [])
    assert received.json()["photos"][0]["etat"] == "recue"
    assert api("PUT", path, content=photo, headers=digest(photo)).status_code == 200
    assert (
        api("PUT", f"/v1/signalements/{id}/photos/{uuid4()}", content=photo, headers=digest(photo)).status_code == 409
    )


def test_a_reader_who_has_it_already_gets_304_and_a_late_writer_412(api):
    id = uuid4()
    api("PUT", f"/v1/signalements/{id}", json=body(picture()))
    read = api("GET", f"/v1/signalements/{id}", who="agent")
    etag = read.headers["ETag"]
    assert "prises-en-charge" in read.json()["actions"]
    assert api("GET", f"/v1/signalements/{id}", who="agent", headers={"If-None-Match": etag}).status_code == 304
    taken = api("POST", f"/v1/signalements/{id}/prises-en-charge", who="agent", json={}, headers={"If-Match": etag})
    assert (taken.status_code, taken.json()["statut"]["code"]) == (201, "pris_en_charge")
    late = api(
        "POST",
        f"/v1/signalements/{id}/reponses",
        who="agent",
        headers={"If-Match": etag},
        json={"nature": "operationnelle", "texte": "Benne commandée pour mardi."},
    )
    assert (late.status_code, late.json()["code"]) == (412, "version_depassee")
    twice = api("POST", f"/v1/signalements/{id}/prises-en-charge", who="agent", json={})
    assert (twice.status_code, sorted(twice.json()["actions"])) == (
        409,
        ["abonnements", "interventions", "reaffectations", "reponses"],
    )


def test_everybody_reads_what_is_theirs_and_nothing_else(api):
    id = uuid4()
    api("PUT", f"/v1/signalements/{id}", json=body(picture()))
    seen = {
        who: api("GET", f"/v1/signalements/{id}", who=who).status_code
        for who in ("relais", "relais2", "elu", "agent", "agent.proprete", "pilote", "admin")
    }
    assert seen == {
        "relais": 200,
        "relais2": 404,
        "elu": 200,
        "agent": 200,
        "agent.proprete": 404,
        "pilote": 200,
        "admin": 200,
    }
    assert [
        len(api("GET", "/v1/signalements", who=who).json()["elements"]) for who in ("relais", "relais2", "agent")
    ] == [1, 0, 1]
    assert [one["type"] for one in api("GET", f"/v1/signalements/{id}/journal").json()["elements"]] == [
        "signalement.recu",
        "signalement.affecte",
    ]


def test_without_a_good_token_nothing(api):
    assert api("PUT", f"/v1/signalements/{uuid4()}", who=None, json=body()).status_code == 401
    assert (
        api("GET", "/v1/signalements", who=None, headers={"Authorization": "Bearer x.y.z"}).json()["code"]
        == "jeton_invalide"
    )


def test_who_is_responsible_here_is_public_and_changes_fifteen_metres_away(api):
    here = api(
        "GET", "/v1/routage", who=None, params={"lon": 0.41237, "lat": 48.10562, "theme": "proprete.depot_sauvage"}
    ).json()
    there = api(
        "GET", "/v1/routage", who=None, params={"lon": 0.41237, "lat": 48.105485, "theme": "proprete.depot_sauvage"}
    ).json()
    assert (here["acteur"], there["acteur"]) == ("habitat-lisse", "proprete")
    assert here["explication"] != there["explication"]


def test_maps_and_form_are_public(api):
    for path in ("zones", "secteurs", "emprises"):
        answer = api("GET", f"/v1/{path}.geojson", who=None)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
        assert answer.json()["features"]
    meta = api("GET", "/v1/meta", who=None)
    assert len(meta.json()["themes"]) >= 30
    assert api("GET", "/v1/meta", who=None, headers={"If-None-Match": meta.headers["ETag"]}).status_code == 304


def test_the_map_is_read_from_memory(api, engine):
    first = api("GET", "/v1/emprises.geojson", who=None).json()["features"]
    seen = []
    event.listen(engine, "before_cursor_execute", record := lambda *args: seen.append(args[2]))
    try:
        again = api("GET", "/v1/emprises.geojson", who=None).json()["features"]
    finally:
        event.remove(engine, "before_cursor_execute", record)
    codes = [one["properties"]["code"] for one in again]
    assert (again, codes) == (first, sorted(codes))
    assert seen
    assert not any("emprise" in one for one in seen if "relais_ouvrir" not in one)
