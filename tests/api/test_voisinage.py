"""What one reads of what stands beside: enough to know of each other, and no word nor door that is not public."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from commands.factories import (
    DEPOT_SAUVAGE,
    ERABLES,
    RUE_ERABLES,
    STATIONNEMENT,
    TROTTOIR,
    act,
    configure,
    deposit,
    elsewhere,
    photo,
    ticket,
)
from sqlalchemy import update

from api.schemas.signalement import SignalementOut
from relais.caller import Door
from relais.commands.corrections import retirer
from relais.commands.publication import publier
from relais.commands.rattachement import rattacher
from relais.commands.verbes import clore, intervenir
from relais.rules.configuration import RegleDePhoto
from relais.rules.voisinage import METRES_PAR_DEGRE, maille
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement

HALL = "habitat.hall"
NORTH_10M = (ERABLES[0], ERABLES[1] + 10 / 111_195)
RARES = {"doublon_de", "doublons", "recurrence", "doublons_possibles"}


def proches(api, who="relais2", *, place=ERABLES, theme=DEPOT_SAUVAGE, **more):
    asked = {"lon": place[0], "lat": place[1], "theme": theme, **more} | ({"territoire": "VSL"} if who is None else {})
    answer = api("GET", "/v1/signalements/proches", who=who, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["elements"]


def send(api, who, *, place=ERABLES, theme=DEPOT_SAUVAGE):
    said = {"theme": theme, "constate_le": "2026-03-31T18:12:00+02:00"}
    said["position"] = {"lon": place[0], "lat": place[1], "precision_m": 5}
    if theme == DEPOT_SAUVAGE:
        said["photos"] = [{"id": str(uuid4()), "octets": 412_338, "sha256": "9f" * 32}]
    answer = api("PUT", f"/v1/signalements/{uuid4()}", who=who, json=said)
    assert answer.status_code == 201, answer.text
    return answer.json()


def described(ville, id: UUID, text: str = "Matelas chez Mme Untel.") -> None:
    """With words, and a photo that can be looked at."""
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Signalement).where(Signalement.id == id).values(description=text))
        made = {"etat": EtatPhoto.PRETE, "tirage": 1, "recue_le": session.now, "largeur": 1600, "hauteur": 1200}
        session.execute(update(Photo).where(Photo.signalement_id == id).values(**made))


def done(ville, id):
    act(ville, "agent", intervenir, id, commentaire="Enlevé.", nature="durable", photos=[photo("apres")])


# --- the same heap, three minutes apart


def test_two_relais_who_see_the_same_heap_hear_of_each_other_and_nothing_is_grouped_by_itself(api, ville):
    first = send(api, "relais")
    assert "doublons_possibles" not in first
    ville.forward(minutes=3)
    [before] = proches(api, "relais2")
    assert (before["statut"]["code"], before["recu_le"]) == ("affecte", "2026-03-31")
    assert before["distance_m"] == pytest.approx(0, abs=8)
    second = send(api, "relais2", place=NORTH_10M)
    told = second["doublons_possibles"]
    assert told == {"nombre": 1, "proches": f"/v1/signalements/{second['id']}/proches"}
    for one, who in ((first, "relais"), (second, "relais2")):
        [other] = api("GET", f"/v1/signalements/{one['id']}/proches", who=who).json()["elements"]
        assert (other["le_mien"], "id" in other) == (False, False)
        assert other["distance_m"] == pytest.approx(10, abs=8)
        assert (ticket(ville, UUID(one["id"])).statut, ticket(ville, UUID(one["id"])).doublon_de) == ("affecte", None)
    assert "doublons_possibles" not in api("GET", f"/v1/signalements/{second['id']}", who="relais2").json()


def test_the_pilote_reads_both_and_may_group_them(api):
    first, second = send(api, "relais"), send(api, "relais2")
    [other] = api("GET", f"/v1/signalements/{second['id']}/proches", who="pilote").json()["elements"]
    assert (other["id"], other["numero"], other["peut_suivre"]) == (first["id"], first["numero"], True)
    path = f"/v1/signalements/{second['id']}/rattachements"
    grouped = api("POST", path, who="pilote", json={"signalement": other["id"]}).json()
    assert (grouped["statut"]["code"], grouped["doublon_de"]["id"]) == ("doublon", first["id"])
    assert api("GET", f"/v1/signalements/{first['id']}", who="pilote").json()["doublons"] == {
        "nombre": 1,
        "declarants": 2,
    }


def test_nearest_first_and_ten_at_most(api, ville):
    for rank in range(12):
        deposit(ville, place=(ERABLES[0], ERABLES[1] + rank / 111_195))
    assert [one["distance_m"] for one in proches(api, "elu")] == list(range(10))


@pytest.mark.parametrize(
    ("precision", "found"), [(None, 0), (20, 0), (40, 1), (10_000, 1)], ids=["unknown", "better", "worse", "absurd"]
)
def test_who_doubts_his_place_is_shown_what_stands_further(api, ville, precision, found):
    deposit(ville, place=(ERABLES[0], ERABLES[1] + 35 / 111_195))
    deposit(ville, place=(ERABLES[0], ERABLES[1] + 150 / 111_195))
    assert len(proches(api, "elu", **({} if precision is None else {"precision_m": precision}))) == found


def test_no_telephone_looks_further_for_what_it_may_not_read(api, ville):
    deposit(ville, place=(ERABLES[0], ERABLES[1] + 50 / 111_195))
    assert proches(api, "relais2", precision_m=100) == []
    assert len(proches(api, "relais", precision_m=100)) == 1


def test_asked_from_all_around_the_point_of_what_one_may_not_read_is_not_found(api, ville):
    """Two heaps of one square of the grid answer the same from everywhere."""
    row = maille(*ERABLES)
    answers = []
    for metres_ in (-4, 4):
        place = (row[0], row[1] + metres_ / METRES_PAR_DEGRE)
        id = deposit(ville, place=place)
        around = [(row[0], row[1] + step / METRES_PAR_DEGRE) for step in range(-32, 33, 4)]
        answers.append([[one["distance_m"] for one in proches(api, place=one)] for one in around])
        act(ville, "relais", retirer, id, motif="Enlevé.")
    assert answers[0] == answers[1]
    assert {len(one) for one in answers[0]} == {0, 1}


def test_after_the_window_of_its_theme_it_is_another_heap(api, ville):
    deposit(ville)
    ville.forward(days=7)
    assert len(proches(api)) == 1
    ville.forward(minutes=5)
    assert proches(api) == []


# --- what is not his to read


@pytest.mark.parametrize("who", ["relais2", "agent.proprete", None])
def test_nobody_else_s_words_nor_photo_nor_name_of_what_is_not_published(api, ville, who):
    described(ville, deposit(ville))
    found = proches(api, who)
    if who is None:
        assert found == []
        return
    [one] = found
    assert set(one) == {"theme", "statut", "distance_m", "recu_le", "le_mien", "peut_suivre"}
    assert (one["le_mien"], one["peut_suivre"]) == (False, False)


@pytest.mark.parametrize("who", ["relais2", None])
def test_of_what_is_published_one_reads_what_the_public_reads(api, ville, who):
    id = deposit(ville)
    described(ville, id)
    act(ville, "pilote", publier, id, photos=None)
    [one] = proches(api, who)
    assert (one["numero"], one["description"], one["peut_suivre"]) == (
        ticket(ville, id).numero,
        "Matelas chez Mme Untel.",
        who is not None,
    )
    assert one["photo"]["vignette"].startswith("https://relais.vaucelles.test/m/")
    described(ville, id, "Mme Untel, deuxième étage.")
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Signalement).values(publie_par_le_pilote=False))
    assert "description" not in proches(api, who)[0]


def test_one_s_own_is_shown_whole_and_is_not_to_be_followed(api, ville):
    described(ville, deposit(ville))
    [one] = proches(api, "relais")
    assert (one["le_mien"], one["peut_suivre"], one["description"]) == (True, False, "Matelas chez Mme Untel.")


@pytest.mark.parametrize(("theme", "place"), [(HALL, ERABLES), (STATIONNEMENT, RUE_ERABLES)], ids=["hall", "car"])
def test_where_people_live_or_are_talked_about_not_even_a_number_tells(api, ville, theme, place):
    """Neither shown before, nor counted after: asked a thousand times, it says nothing."""
    deposit(ville, theme=theme, place=place)
    for who in ("relais2", "agent.proprete" if theme == HALL else "agent", None):
        assert proches(api, who, theme=theme, place=place) == []
    assert "doublons_possibles" not in send(api, "relais2", theme=theme, place=place)
    assert len(proches(api, "pilote", theme=theme, place=place)) == 2
    assert len(proches(api, "relais", theme=theme, place=place)) == 1, "his own"


def _take_photos(ville, rule: RegleDePhoto) -> None:
    def change(c):
        return replace(c, themes=tuple(replace(t, photo=rule) if t.code == TROTTOIR else t for t in c.themes))

    configure(ville, change)


@pytest.mark.parametrize("born", [True, False], ids=["then", "now"])
def test_one_version_of_its_theme_that_protects_hides_it(api, ville, born):
    rules = (RegleDePhoto.INTERDITE, RegleDePhoto.FACULTATIVE)
    then, now = rules if born else rules[::-1]
    _take_photos(ville, then)
    deposit(ville, theme=TROTTOIR, place=RUE_ERABLES)
    _take_photos(ville, now)
    assert proches(api, theme=TROTTOIR, place=RUE_ERABLES) == []
    assert "doublons_possibles" not in send(api, "relais2", theme=TROTTOIR, place=RUE_ERABLES)


def test_published_it_is_found_from_where_the_public_view_places_it_and_not_from_its_door(api, ville):
    """By asking around, one finds the rounded place again, and nothing finer."""
    id = deposit(ville, theme=HALL, place=ERABLES)
    act(ville, "pilote", publier, id, photos=None)
    rounded = (0.412, 48.106)
    for who in ("relais2", None):
        assert proches(api, who, theme=HALL, place=rounded)[0]["distance_m"] == 0
        [near] = proches(api, who, theme=HALL, place=ERABLES)
        assert near["distance_m"] == 18
        assert proches(api, who, theme=HALL, place=(2 * ERABLES[0] - rounded[0], 2 * ERABLES[1] - rounded[1])) == []
    assert proches(api, "pilote", theme=HALL, place=ERABLES)[0]["distance_m"] == 0


def test_what_stands_in_another_territoire_is_not_there(api, ville):
    elsewhere(ville)
    for who in ("relais2", "pilote", None):
        assert proches(api, who) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"theme": "proprete.licorne"}, "theme_inconnu"),
        ({"lon": "nan"}, "champ_invalide"),
        ({"lat": 91}, "champ_invalide"),
        ({"precision_m": -1}, "champ_invalide"),
        ({"precision_m": 10_001}, "champ_invalide"),
        ({"theme": "x\x00"}, "champ_invalide"),
    ],
    ids=str,
)
def test_a_question_that_is_none_is_refused(refused, query, code):
    asked = {"lon": 0.41, "lat": 48.1, "theme": DEPOT_SAUVAGE} | query
    refused("GET", "/v1/signalements/proches", 422, code, f"?{next(iter(query))}", params=asked)


@pytest.mark.parametrize("place", [(0.41, 90.0), (180.0, -90.0), (0.0, 0.0)], ids=str)
def test_anywhere_on_earth_is_answered(api, place):
    assert proches(api, place=place) == []


# --- what a doublon, its principal and a return say, and to whom


def test_a_doublon_tells_its_author_where_the_other_stands_and_no_more(api, ville):
    first = deposit(ville)
    described(ville, first)
    ville.forward(minutes=3)
    second = deposit(ville, who="relais2")
    act(ville, "pilote", rattacher, second, signalement=first)
    done(ville, first)
    answer = api("GET", f"/v1/signalements/{second}", who="relais2")
    told = answer.json()["doublon_de"]
    assert (set(told), told["numero"], told["statut"]["code"]) == (
        {"numero", "statut", "responsable", "delais"},
        ticket(ville, first).numero,
        "traite",
    )
    assert [one["etat"] for one in told["delais"]] == ["tenu"] * 3
    assert "Untel" not in answer.text
    assert answer.json()["suivi"] == {"je_suis": True, "nombre": 2}
    act(ville, "pilote", publier, first, photos=None)
    assert api("GET", f"/v1/signalements/{second}", who="relais2").json()["doublon_de"]["id"] == str(first)


def test_a_return_is_told_to_its_acteur_and_to_who_sees_everything(api, ville):
    first = deposit(ville)
    done(ville, first)
    act(ville, "relais", clore, first)
    ville.forward(days=12)
    id = deposit(ville, who="relais2")
    act(ville, "pilote", publier, id, photos=None)
    for who in ("pilote", "agent", "elu", "direction_generale", "admin"):
        told = api("GET", f"/v1/signalements/{id}", who=who).json()["recurrence"]
        assert told == {"de": ticket(ville, first).numero, "jours": 12, "fois": 1}, who
    for who, told in {"agent": 1, "elu": 1, "pilote": 1, "relais2": 0}.items():
        journal = api("GET", f"/v1/signalements/{id}/journal", who=who).json()["elements"]
        assert [one["type"] for one in journal].count("signalement.recurrent") == told, who
    for who in ("relais2", "relais", None):
        assert "recurrence" not in api("GET", f"/v1/signalements/{id}", who=who).json()


def test_the_pilote_who_signals_a_return_reads_it_in_the_answer_as_he_will_read_it_again(api, ville):
    done(ville, deposit(ville))
    answer = send(api, "pilote")
    answer.pop("doublons_possibles")
    assert answer["recurrence"]["jours"] == 0
    assert api("GET", f"/v1/signalements/{answer['id']}", who="pilote").json() == answer


def test_the_public_reads_nothing_of_what_ties_signalements(api, ville):
    first = deposit(ville)
    done(ville, deposit(ville))
    act(ville, "pilote", publier, first, photos=None)
    act(ville, "pilote", rattacher, deposit(ville, who="relais2"), signalement=first)
    assert set(SignalementOut.model_fields) >= RARES
    for who in ("relais2", None):
        assert not RARES & set(api("GET", f"/v1/signalements/{first}", who=who).json())


# --- following over HTTP


def test_one_follows_and_unfollows_what_is_published(api, ville):
    id = deposit(ville)
    act(ville, "pilote", publier, id, photos=None)
    path = f"/v1/signalements/{id}/abonnements"
    key = {"Idempotency-Key": "suivre-1"}
    first, again = (api("POST", path, who="relais2", headers=key, json={}) for _ in range(2))
    assert (first.status_code, first.json()["suivi"], again.content) == (201, {"je_suis": True}, first.content)
    assert api("GET", f"/v1/signalements/{id}", who="relais").json()["suivi"] == {"je_suis": True, "nombre": 2}
    assert api("GET", f"/v1/signalements/{id}", who="pilote").json()["suivi"] == {"je_suis": False, "nombre": 2}
    assert [api("DELETE", path, who="relais2").status_code for _ in range(2)] == [204, 204]
    assert api("GET", f"/v1/signalements/{id}", who="relais2").json()["suivi"] == {"je_suis": False}


def test_attaching_to_what_cannot_be_is_pointed_at(refused, ville):
    id = deposit(ville)
    path = f"/v1/signalements/{id}/rattachements"
    refused("POST", path, 422, "doublon_impossible", "/signalement", who="pilote", json={"signalement": str(id)})
    refused("POST", path, 422, "champ_invalide", "/signalement", who="pilote", json={"signalement": "VSL-2026-00001"})
    refused("POST", path, 422, "champ_invalide", "/signalement", who="pilote", json={})


def test_attaching_over_what_was_read_before_is_refused(api, ville):
    first, second = deposit(ville), deposit(ville, who="relais2")
    etag = api("GET", f"/v1/signalements/{second}", who="pilote").headers["ETag"]
    path, said = f"/v1/signalements/{second}/rattachements", {"signalement": str(first)}
    act(ville, "pilote", publier, second, photos=None)
    late = api("POST", path, who="pilote", json=said, headers={"If-Match": etag})
    assert late.status_code == 412
