"""`If-Match`: a writer is refused for what somebody changed, never for what time changed."""

import base64
import io
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from commands.factories import deposit, le
from PIL import Image
from sqlalchemy import select

from relais.commands.photo import lock_ticket, refuse_photo
from relais.tables.photo import Photo


def path(id: UUID) -> str:
    return f"/v1/signalements/{id}"


def etag(api, id: UUID) -> str:
    return api("GET", path(id), who="agent").headers["ETag"]


def take(api, id: UUID, tag: str, **headers: str):
    return api("POST", f"{path(id)}/prises-en-charge", who="agent", headers={"If-Match": tag} | headers)


def test_what_time_alone_changes_refuses_no_writer(api, ville):
    id = deposit(ville)
    first = api("GET", path(id), who="agent")
    ville.at(le("2026-04-03 08:00"))
    later = api("GET", path(id), who="agent")
    assert (first.json()["en_retard"], later.json()["en_retard"]) == (False, True)
    assert first.headers["ETag"] != later.headers["ETag"], "a reader must not keep the earlier bytes"
    answered = take(api, id, first.headers["ETag"])
    assert answered.status_code == 201, answered.text
    assert take(api, id, later.headers["ETag"]).json()["code"] == "version_depassee"


def test_the_tag_of_an_answer_is_good_for_the_next_write_replayed_or_not(api, ville):
    id = deposit(ville)
    made, again = (take(api, id, "*", **{"Idempotency-Key": "clef-1"}) for _ in range(2))
    assert made.headers["ETag"] == again.headers["ETag"] == etag(api, id)
    said = {"nature": "operationnelle", "texte": "Benne commandée pour mardi."}
    headers = {"If-Match": again.headers["ETag"]}
    assert api("POST", f"{path(id)}/reponses", who="agent", json=said, headers=headers).status_code == 201


@pytest.mark.parametrize("tag", ['W/"1-{}"', '"1-{}', '"1"', '"2-{}"', '"-{}"', '"1-x{}"'])
def test_only_a_strong_tag_of_this_revision_is_current(api, ville, tag):
    id = deposit(ville)
    assert take(api, id, tag.format("0" * 32)).status_code == 412
    assert take(api, id, f'"0", "1-{"0" * 32}"').status_code == 201


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "tan").save(out, "JPEG")
    return out.getvalue()


def test_a_photo_that_arrives_or_is_refused_is_a_new_revision(api, ville):
    octets, id = picture(), uuid4()
    announced = {"id": str(uuid4()), "octets": len(octets), "sha256": sha256(octets).hexdigest()}
    said = {"theme": "proprete.depot_sauvage", "constate_le": "2026-03-31T18:12:00+02:00", "photos": [announced]}
    said["position"] = {"lon": 0.41237, "lat": 48.10562, "precision_m": 5}
    made = api("PUT", path(id), json=said)
    digest = base64.b64encode(sha256(octets).digest()).decode()
    headers = {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{digest}:"}
    for status in (201, 200):
        received = api("PUT", f"{path(id)}/photos/{announced['id']}", content=octets, headers=headers)
        assert received.status_code == status
    tags = [made.headers["ETag"], received.headers["ETag"]]
    with ville.session() as session, session.begin():
        photo = session.scalars(select(Photo).where(Photo.signalement_id == id)).one()
        refuse_photo(
            session, photo, ticket=lock_ticket(session, photo), motif="illisible", detail="Abîmée.", now=session.now
        )
    tags.append(etag(api, id))
    assert [tag.partition("-")[0] for tag in tags] == ['"1', '"2', '"3']
    for tag in tags[:2]:
        assert take(api, id, tag).json()["code"] == "version_depassee"
    assert take(api, id, tags[2]).status_code == 201


def test_other_things_keep_the_tag_of_their_bytes(api):
    plain = api("GET", "/v1/meta", who=None, headers={"Accept-Encoding": "identity"})
    assert "-" not in plain.headers["ETag"]
