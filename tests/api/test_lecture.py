"""Reading on 2G: what is published without a token, fewer fields, fewer bytes, and nothing twice."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from commands.factories import DEPOT_SAUVAGE, ERABLES, FUITE, RUE_ERABLES, TROTTOIR, act, deposit, le
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.compression import Compress
from api.deprecation import TellDeprecated, deprecated
from relais.caller import Door
from relais.commands.verbes import prendre_en_charge, reaffecter
from relais.errors import SignalementIntrouvable
from relais.rules.refus import MotifDeRenvoi
from relais.tables.signalement import Signalement

LISTS = ("/v1/signalements", "/v1/signalements.geojson")


def publier(ville, id: UUID) -> None:
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Signalement).where(Signalement.id == id).values(publie_le=session.now))


def ids(answer) -> set[str]:
    told = answer.json()
    return {one.get("id") or one["properties"]["id"] for one in told.get("elements", told.get("features"))}


@pytest.fixture
def tickets(ville) -> dict[str, str]:
    """One published and one not, of two authors and two acteurs."""
    out, kept = deposit(ville, theme=FUITE), deposit(ville, theme=FUITE, place=RUE_ERABLES, who="relais2")
    publier(ville, out)
    return {"publie": str(out), "garde": str(kept)}


# --- what is published


@pytest.mark.parametrize("path", LISTS)
def test_without_a_token_a_list_shows_what_is_published(api, tickets, path):
    public = api("GET", path, who=None)
    assert (public.status_code, ids(public)) == (200, {tickets["publie"]})
    assert public.headers["Cache-Control"] == "no-cache"
    assert "Authorization" in public.headers["Vary"]
    assert ids(api("GET", path, who="pilote")) == set(tickets.values())


@pytest.mark.parametrize("path", LISTS)
def test_a_caller_may_ask_for_what_everybody_reads(api, tickets, path):
    assert ids(api("GET", path, who="relais2")) == {tickets["garde"]}
    public = api("GET", path, who="relais2", params={"publics": True})
    assert ids(public) == {tickets["publie"]}
    assert public.headers["Cache-Control"] == "private, no-cache"


def test_one_is_read_by_whom_it_concerns_and_published_by_everybody(api, tickets):
    def seen(place: str, who: str | None) -> int:
        return api("GET", f"/v1/signalements/{tickets[place]}", who=who).status_code

    assert {who: (seen("publie", who), seen("garde", who)) for who in (None, "relais", "relais2", "pilote")} == {
        None: (200, 404),
        "relais": (200, 404),
        "relais2": (200, 200),
        "pilote": (200, 200),
    }


def test_what_a_stranger_reads_of_a_published_one_is_the_public_view(api, tickets):
    path = f"/v1/signalements/{tickets['publie']}"
    whole, public, other = (api("GET", path, who=who).json() for who in ("relais", None, "relais2"))
    assert public | {"actions": ["abonnements"], "suivi": {"je_suis": False}} == other
    assert {"source", "routage"} <= set(whole) - set(public)
    assert public["actions"] == []


def test_published_is_not_open_to_verbs_nor_is_its_journal(api, ville, tickets):
    path = f"/v1/signalements/{tickets['publie']}"
    assert api("GET", f"{path}/journal", who=None).status_code == 401
    assert api("GET", f"{path}/journal", who="relais2").status_code == 404
    taken = {"motif": MotifDeRenvoi.PAS_MON_TERRAIN, "acteur": "proprete"}
    with pytest.raises(SignalementIntrouvable):
        act(ville, "agent.proprete", reaffecter, UUID(tickets["publie"]), **taken)


def test_a_bad_token_is_refused_even_where_none_is_needed(api):
    for path in (*LISTS, "/v1/changements"):
        refused = api("GET", path, who=None, headers={"Authorization": "Bearer x.y.z"})
        assert (refused.status_code, refused.json()["code"]) == (401, "jeton_invalide")


# --- pages, each in the order of its index


@pytest.mark.parametrize("who", ["pilote", "agent", "relais", None])
def test_pages_hold_every_signalement_once_newest_first(api, ville, who):
    """The agent reads two indexes, what it wrote and what its acteur has: one page must come of both."""
    authors = ("agent", "relais", "agent", "relais2", "relais")
    for rank, author in enumerate(authors):
        ville.forward(minutes=1)
        publier(ville, deposit(ville, theme=FUITE, place=(ERABLES, RUE_ERABLES)[rank % 2], who=author))
    whole = api("GET", "/v1/signalements", who=who).json()["elements"]
    assert [one["recu_le"] for one in whole] == sorted((one["recu_le"] for one in whole), reverse=True)
    paged: list[Any] = []
    more: dict[str, str] = {}
    while True:
        page = api("GET", "/v1/signalements", who=who, params={"limite": 2, **more}).json()
        paged += page["elements"]
        if "curseur_suivant" not in page:
            break
        more = {"curseur": page["curseur_suivant"]}
    assert [one["id"] for one in paged] == [one["id"] for one in whole]
    assert len(whole) == {"pilote": 5, "agent": 3, "relais": 2, None: 5}[who]


@pytest.mark.parametrize("curseur", ["", "x", "é", "MjAyNg", "A" * 200, "MjAyNi0wMy0zMVQxODoxMiAw"])
def test_a_cursor_that_is_not_ours_is_a_400_that_names_it(api, curseur):
    for path in LISTS:
        refused = api("GET", path, who="pilote", params={"curseur": curseur})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "?curseur")


def family(code: str, theme: str) -> bool:
    return theme == code or theme.startswith(f"{code}.")


FILTERS: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
    ({"statut": ["pris_en_charge", "retire"]}, lambda one: one["statut"]["code"] in {"pris_en_charge", "retire"}),
    ({"statut": "affecte"}, lambda one: one["statut"]["code"] == "affecte"),
    ({"theme": "eau.fuite"}, lambda one: one["theme"]["code"] == "eau.fuite"),
    ({"theme": "voirie"}, lambda one: family("voirie", one["theme"]["code"])),
    ({"theme": "voir"}, lambda _one: False),
    ({"theme": "voirie.trottoir.x"}, lambda _one: False),
    ({"acteur": "habitat-lisse"}, lambda one: one.get("responsable", {}).get("code") == "habitat-lisse"),
    ({"zone": "tilleuls"}, lambda one: "tilleuls" in {zone["code"] for zone in one["zones"]}),
    ({"en_retard": True}, lambda one: one["en_retard"]),
    ({"en_retard": False}, lambda one: not one["en_retard"]),
    ({"bbox": "0.41,48.10,0.4125,48.11"}, lambda one: 0.41 <= one["position"]["lon"] <= 0.4125),
    ({"depuis": "2026-04-09T00:00:00+02:00"}, lambda one: one["modifie_le"] >= "2026-04-09"),
]


@pytest.mark.parametrize(("asked", "kept"), FILTERS, ids=lambda said: "".join(said) if isinstance(said, dict) else "")
def test_a_filter_keeps_what_it_says_of_what_each_reader_sees(api, ville, asked, kept):
    for rank, (theme, place) in enumerate(product((FUITE, TROTTOIR, DEPOT_SAUVAGE), (ERABLES, RUE_ERABLES))):
        ville.at(le(f"2026-04-{2 + rank:02} 10:00"))
        publier(ville, deposit(ville, theme=theme, place=place, who=("agent", "relais")[rank % 2]))
    [newest, *_, oldest] = api("GET", "/v1/signalements", who="pilote").json()["elements"]
    ville.at(le("2026-04-09 10:00"))
    act(ville, "pilote", reaffecter, UUID(newest["id"]), motif=MotifDeRenvoi.QUALIFICATION, acteur="habitat-lisse")
    act(ville, "agent", prendre_en_charge, UUID(oldest["id"]))
    for who in ("pilote", "relais", "agent", None):
        everything = api("GET", "/v1/signalements", who=who).json()["elements"]
        found = api("GET", "/v1/signalements", who=who, params=asked).json()["elements"]
        assert found == [one for one in everything if kept(one)], who
    assert len(everything) == 6


# --- fewer fields, nothing twice


def test_one_too_is_cut_down_to_the_fields_asked_for(api, tickets):
    path = f"/v1/signalements/{tickets['garde']}"
    cut = api("GET", path, who="pilote", params={"champs": "numero,photos_manquantes"})
    assert set(cut.json()) == {"numero", "photos_manquantes"}
    assert api("GET", path, who="pilote", params={"champs": "auteur"}).json()["errors"][0]["pointer"] == "?champs"
    headers = {"If-Match": cut.headers["ETag"]}
    written = api("POST", f"{path}/reaffectations", who="pilote", json={"motif": "pas_mon_terrain"}, headers=headers)
    assert written.status_code == 201, "a writer is compared by the revision, whatever he read of it"


@pytest.mark.parametrize("path", [*LISTS, "/v1/signalements/{}"])
@pytest.mark.parametrize("who", ["pilote", None])
def test_what_has_not_changed_is_not_sent_again(api, ville, tickets, path, who):
    path = path.format(tickets["publie"])
    first = api("GET", path, who=who)
    held = {"If-None-Match": first.headers["ETag"]}
    again = api("GET", path, who=who, headers=held)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert api("GET", path, who="relais" if who else "pilote", headers=held).status_code == 200, "another's view"
    ville.at(datetime(2026, 5, 1, 8, tzinfo=UTC))
    assert api("GET", path, who=who, headers=held).status_code == 200


# --- fewer bytes


CODINGS = ("zstd", "br", "gzip")


def plainly(api, path: str, **headers: str):
    """As it travels: the client's own decoding would hide it."""
    with api.client.stream("GET", path, headers={"Accept-Encoding": "identity"} | headers) as answer:
        return answer, b"".join(answer.iter_raw())


def test_a_phone_that_can_reads_the_same_in_fewer_bytes(api):
    _, whole = plainly(api, "/v1/meta")
    tags = set()
    for coding in CODINGS:
        answer, raw = plainly(api, "/v1/meta", **{"Accept-Encoding": coding})
        assert answer.headers["Content-Encoding"] == coding
        assert answer.headers["ETag"].endswith(f'-{coding}"')
        assert {"Authorization", "Accept-Encoding"} <= set(answer.headers["Vary"].replace(" ", "").split(","))
        assert len(raw) < len(whole) / 2
        tags.add(answer.headers["ETag"])
        if coding == "gzip":
            assert gzip.decompress(raw) == whole
    assert len(tags) == len(CODINGS)


def test_zstd_is_preferred_and_what_is_refused_is_not_sent(api):
    for accepted, coding in {
        "gzip, deflate, br, zstd": "zstd",
        "gzip, br": "br",
        "gzip;q=0.5, br;q=0": "gzip",
        "zstd;q=0, gzip;q=0": None,
        "deflate": None,
    }.items():
        answer, _ = plainly(api, "/v1/meta", **{"Accept-Encoding": accepted})
        assert answer.headers.get("Content-Encoding") == coding, accepted


def test_each_coding_has_its_tag_and_is_answered_304_to_whom_can_still_read_it(api):
    tag = {coding: plainly(api, "/v1/meta", **{"Accept-Encoding": coding})[0].headers["ETag"] for coding in CODINGS}
    tag["identity"] = plainly(api, "/v1/meta")[0].headers["ETag"]
    for held, value in tag.items():
        for accepted in ("zstd", "br", "gzip", "identity", "gzip, br, zstd"):
            headers = {"Accept-Encoding": accepted, "If-None-Match": f'"other", W/{value}'}
            answer, raw = plainly(api, "/v1/meta", **headers)
            if held == "identity" or held in accepted:
                assert (answer.status_code, raw, answer.headers["ETag"]) == (304, b"", value), (held, accepted)
                assert "Accept-Encoding" in answer.headers["Vary"]
            else:
                assert answer.status_code == 200, (held, accepted)


def test_of_two_codings_held_the_tag_of_a_304_is_that_of_one_it_can_read(api):
    tag = {coding: plainly(api, "/v1/meta", **{"Accept-Encoding": coding})[0].headers["ETag"] for coding in CODINGS}
    both = f"{tag['zstd']}, {tag['br']}"
    answer, _ = plainly(api, "/v1/meta", **{"Accept-Encoding": "br", "If-None-Match": both})
    assert (answer.status_code, answer.headers["ETag"]) == (304, tag["br"])


@pytest.mark.parametrize("coding", [*CODINGS, "identity"])
def test_a_writer_is_compared_whatever_the_coding_he_read(api, ville, coding):
    id = deposit(ville)
    path = f"/v1/signalements/{id}"
    read, _ = plainly(api, path, **api.bearer("agent"), **{"Accept-Encoding": coding})
    assert read.headers.get("Content-Encoding", "identity") == coding
    headers = {"If-Match": read.headers["ETag"]}
    assert api("POST", f"{path}/prises-en-charge", who="agent", headers=headers).status_code == 201
    assert api("POST", f"{path}/interventions", who="agent", headers=headers, json={}).status_code == 422
    said = {"nature": "operationnelle", "texte": "Benne commandée pour mardi."}
    assert api("POST", f"{path}/reponses", who="agent", headers=headers, json=said).status_code == 412


@pytest.mark.parametrize(
    ("path", "media_type"), [("/m/x/photos/1.jpg", "application/json"), ("/v1/auth/token", "application/json")]
)
def test_pictures_and_secrets_are_not_compressed(path, media_type):
    app = FastAPI()
    app.add_middleware(Compress)

    @app.get(path)
    def tell() -> Response:
        return Response(b"a" * 9_000, media_type=media_type, headers={"ETag": '"a"'})

    with TestClient(app) as client:
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["ETag"] == '"a"'


# --- taking leave


def test_an_old_route_says_since_when_until_when_and_what_instead():
    app = FastAPI()
    app.add_middleware(TellDeprecated)
    leave = deprecated(
        since=datetime(2026, 11, 1, tzinfo=UTC),
        sunset=datetime(2027, 11, 1, 8, 30, tzinfo=UTC),
        successor="/v2/signalements",
    )

    @app.get("/v1/anciens/{rank}", **leave)
    def tell(rank: int) -> Response:
        return Response(str(rank))

    @app.get("/v2/signalements")
    def successor() -> None: ...

    with TestClient(app) as client:
        for path, status in (("/v1/anciens/1", 200), ("/v1/anciens/x", 422)):
            answer = client.get(path)
            assert answer.status_code == status
        told = client.get("/v1/anciens/1").headers
        assert "Deprecation" not in client.get("/v2/signalements").headers
    assert told["Deprecation"] == "@1793491200"
    assert told["Sunset"] == "Mon, 01 Nov 2027 08:30:00 GMT"
    assert told["Link"] == '</v2/signalements>; rel="successor-version"'
    assert app.openapi()["paths"]["/v1/anciens/{rank}"]["get"]["deprecated"] is True
    assert "deprecated" not in app.openapi()["paths"]["/v2/signalements"]["get"]
