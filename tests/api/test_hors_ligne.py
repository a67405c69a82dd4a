"""Two days without a network: the queue passes whole, and what cannot pass gives its draft back."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from commands.factories import ERABLES, RUE_ERABLES, configure, le
from conftest import Ville
from sqlalchemy import text

from relais import errors
from relais.caller import Door
from relais.commands.idempotence import Demande
from relais.commands.territoire import get_territoire, import_emprises
from relais.db import lock_number
from relais.errors import RelaisError
from relais.queries.referentiel import referentiel
from relais.rules.configuration import Domanialite, Question, TypeQuestion

ENTREE_B = {"lon": ERABLES[0], "lat": ERABLES[1], "precision_m": 1}
PERIME = date(2026, 4, 1)
"""From that day on, the estate is the town's."""


def draft(**said):
    """As a phone writes it: every field of its form, the blank ones too."""
    return {
        "theme": "voirie.trottoir",
        "constate_le": "2026-03-31T18:12:00+02:00",
        "position": ENTREE_B,
        "description": "Le trottoir est défoncé.",
        "lieu": {"adresse": "12 rue des Érables", "residence": "", "batiment": "C", "entree": "B", "etage": "3"},
        "questions": {},
        "photos": [],
        "version": 2,
    } | said


def photo(**said):
    return {"id": str(uuid4()), "octets": 9, "sha256": sha256(b"x").hexdigest()} | said


def put(api, said, id=None, **who):
    return api("PUT", f"/v1/signalements/{id or uuid4()}", json=said, **who)


def sell_the_estate(ville: Ville) -> None:
    """The map says that the estate changes hands: the bailleur's until the day before, the town's from then on."""
    with ville.session(Door.OWNER) as session, session.begin():
        territoire = get_territoire(session, "VSL")
        known = referentiel(session).carte.emprises
        [estate] = [one for one in known if one.code == "residence-erables"]
        old = replace(estate, valide_au=PERIME - timedelta(days=1))
        new = replace(
            estate, code="square-erables", domanialite=Domanialite.DPC, gestionnaire="voirie", valide_du=PERIME
        )
        kept = [one for one in known if one is not estate]
        import_emprises(session, territoire, [*kept, old, new], auteur="test", now=session.now)


def test_twelve_signalements_seen_over_two_days_are_accepted_after_two_more(api, ville):
    sell_the_estate(ville)
    first = le("2026-03-31 08:00")
    seen = [first + timedelta(hours=4 * n) for n in range(12)]
    queue = [(uuid4(), draft(constate_le=one.isoformat())) for one in seen]
    ville.at(le("2026-04-03 09:00"))
    told = {id: put(api, said, id) for id, said in queue}
    assert {answer.status_code for answer in told.values()} == {201}
    for (id, said), when in zip(queue, seen, strict=True):
        one = told[id].json()
        assert datetime.fromisoformat(one["constate_le"]) == when
        assert one["recu_le"] == "2026-04-03T09:00:00+02:00"
        whose = ("square-erables", "voirie") if when.date() >= PERIME else ("residence-erables", "habitat-lisse")
        assert (one["routage"]["emprise"], one["responsable"]["code"]) == whose
        assert all(datetime.fromisoformat(delai["echeance"]) > le("2026-04-03 09:00") for delai in one["delais"])
        assert one["lieu"] == {name: text for name, text in said["lieu"].items() if text}
    assert {one.json()["responsable"]["code"] for one in told.values()} == {"habitat-lisse", "voirie"}
    again = [put(api, said, id) for id, said in queue]
    assert {answer.status_code for answer in again} == {200}
    assert [answer.json()["numero"] for answer in again] == [answer.json()["numero"] for answer in told.values()]


def test_delais_count_from_reception_not_from_what_was_seen(api, ville):
    ville.at(le("2026-04-03 09:00"))
    late, now = (put(api, draft(constate_le=when)).json() for when in ("2026-04-01T09:00:00Z", "2026-04-03T07:00:00Z"))
    assert late["delais"] == now["delais"]


# --- the same meaning, whatever the app


UPDATES = {
    "the defaults written": {"source": "application", "photos": [], "questions": {}},
    "nulls written": {"source": None, "photos": None, "questions": None, "version": None},
    "a blank answer": {"questions": {"repere": "", "autre": None, "encore": []}},
    "a newer form": {"version": 3},
    "another offset": {"constate_le": "2026-03-31T16:12:00Z"},
    "blank fields left out": {
        "lieu": {"etage": "3", "entree": "B", "batiment": "C", "adresse": "12 rue des Érables", "complement": None}
    },
    "a whole number": {"position": ENTREE_B | {"precision_m": 1.0, "origine": None}},
}


@pytest.mark.parametrize("update", UPDATES)
def test_an_app_updated_between_two_sends_makes_no_second_signalement(api, update):
    id = uuid4()
    first = put(api, draft(), id)
    again = put(api, draft(**UPDATES[update]), id)
    assert (first.status_code, again.status_code) == (201, 200), again.text
    assert again.json() == first.json()


def test_a_photo_s_defaults_are_defaults_too(api):
    id, bare = uuid4(), photo()
    said = bare | {"phase": "avant", "type": "image/jpeg", "alt": None}
    assert put(api, draft(photos=[bare]), id).status_code == 201
    assert put(api, draft(photos=[said]), id).status_code == 200
    assert put(api, draft(photos=[bare | {"phase": None, "type": None}]), id).status_code == 200
    assert put(api, draft(photos=[bare | {"phase": "pendant"}]), id).status_code == 409


def test_once_corrected_the_draft_sent_again_is_answered_as_it_is_now(api):
    id = uuid4()
    put(api, draft(), id)
    lieu = {"adresse": "14 rue des Érables", "etage": "2"}
    said = {"lieu": lieu, "position": {"lon": RUE_ERABLES[0], "lat": RUE_ERABLES[1], "origine": "carte"}}
    mended = api("POST", f"/v1/signalements/{id}/corrections", json=said)
    assert (mended.status_code, mended.json()["lieu"]) == (201, lieu)
    again = put(api, draft(), id)
    assert (again.status_code, again.json()) == (200, mended.json())


def test_a_correction_lost_on_the_way_back_is_done_once(api):
    id = uuid4()
    etag = put(api, draft(), id).headers["ETag"]
    path, headers = f"/v1/signalements/{id}/corrections", {"Idempotency-Key": "k1", "If-Match": etag}
    first = api("POST", path, json={"description": "Un trou."}, headers=headers)
    again = api("POST", path, json={"description": "Un trou."}, headers=headers)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    late = api("POST", path, json={"description": "Deux trous."}, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "version_depassee")


def test_a_withdrawal_and_what_may_still_be_done_are_read_by_the_app(api):
    id = uuid4()
    assert {"corrections", "retraits"} <= set(put(api, draft(), id).json()["actions"])
    done = api("POST", f"/v1/signalements/{id}/retraits", json={"motif": "C'est réparé."})
    assert (done.status_code, done.json()["statut"]["code"], done.json()["actions"]) == (201, "retire", ["abonnements"])
    late = api("POST", f"/v1/signalements/{id}/corrections", json={"description": "x"})
    assert (late.status_code, late.json()["retryable"], late.json()["actions"]) == (409, False, ["abonnements"])


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({}, "/"),
        ({"position": None, "lieu": None}, "/"),
        ({"constate_le": "2026-03-31T18:12:00+02:00"}, "/constate_le"),
        ({"position": {"lon": 0.4}}, "/position/lat"),
        ({"questions": {"repere": {"x": 1}}}, "/questions/repere"),
        ({"lieu": {"porte": "3"}}, "/lieu/porte"),
        ({"theme": ""}, "/theme"),
    ],
    ids=str,
)
def test_a_correction_that_cannot_be_read_says_which_field_to_mend(api, said, pointer):
    id = uuid4()
    etag = put(api, draft(), id).headers["ETag"]
    refused = api("POST", f"/v1/signalements/{id}/corrections", json=said)
    assert (refused.status_code, refused.json()["code"]) == (422, "champ_invalide")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]
    assert api("GET", f"/v1/signalements/{id}").headers["ETag"] == etag


# --- what cannot pass gives its draft back

REFUSALS = {
    "a thème gone": ({"theme": "proprete.licorne"}, "theme_inconnu", ["/theme"]),
    "outside": ({"position": {"lon": 2.35, "lat": 48.85}}, "hors_territoire", ["/position"]),
    "swapped": ({"position": {"lon": 48.10562, "lat": 0.41237}}, "position_inversee", ["/position"]),
    "too old": ({"constate_le": "2025-03-30T18:12:00+02:00"}, "date_impossible", ["/constate_le"]),
    "to come": ({"constate_le": "2026-04-03T18:12:00+02:00"}, "date_impossible", ["/constate_le"]),
    "a photo owed": ({"theme": "proprete.depot_sauvage"}, "photo_non_autorisee", ["/photos"]),
    "a photo forbidden": ({"theme": "tranquillite.bruit", "photos": [photo()]}, "photo_non_autorisee", ["/photos"]),
    "a photo too big": ({"photos": [photo(octets=10**9)]}, "champ_invalide", ["/photos/0/octets"]),
    "no such question": ({"questions": {"licorne": True}}, "reponse_manquante", ["/questions/licorne"]),
    "a wrong answer": (
        {"theme": "proprete.encombrants", "photos": [photo()], "questions": {"objets": "dix"}},
        "reponse_manquante",
        ["/questions/objets"],
    ),
    "no answer at all": ({"questions": {"objets": {"x": 1}}}, "champ_invalide", ["/questions/objets"]),
    "an emergency": ({"theme": "voirie.danger", "questions": {"blesse": True}}, "autre_canal", ["/questions/blesse"]),
    "an unknown field": ({"couleur": "bleu"}, "champ_invalide", ["/couleur"]),
    "a field of a place": ({"lieu": {"porte": "3"}}, "champ_invalide", ["/lieu/porte"]),
    "a version of another kind": ({"version": "2"}, "champ_invalide", ["/version"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_permanent_refusal_says_so_and_points_at_the_field(api, case):
    said, code, pointers = REFUSALS[case]
    id = uuid4()
    refused = put(api, draft(**said), id)
    told = refused.json()
    assert (refused.status_code, told["code"], told["retryable"]) == (422, code, False)
    assert [fault["pointer"] for fault in told["errors"]] == pointers
    assert all(fault["detail"] for fault in told["errors"])
    assert "Retry-After" not in refused.headers
    assert api("GET", f"/v1/signalements/{id}").status_code == 404


def test_a_mandatory_question_is_asked_by_its_name(api, ville):
    sure = Question("sur", "Vous en êtes sûr ?", TypeQuestion.OUI_NON, obligatoire=True)
    configure(
        ville,
        lambda c: replace(
            c,
            themes=tuple(replace(one, questions=(sure,)) if one.code == "voirie.trottoir" else one for one in c.themes),
        ),
    )
    version = api("GET", "/v1/meta", who=None).json()["version"]
    refused = put(api, draft(version=version))
    assert (refused.status_code, refused.json()["code"], refused.json()["retryable"]) == (
        422,
        "reponse_manquante",
        False,
    )
    assert refused.json()["errors"] == [
        {"pointer": "/questions/sur", "detail": "« Vous en êtes sûr ? » attend une réponse."}
    ]
    assert put(api, draft(version=version, questions={"sur": False})).status_code == 201
    assert put(api, draft(version=version - 1)).status_code == 201, "filled before the question was asked"


def test_an_identifier_already_used_is_refused_for_good_with_what_it_stands_for(api):
    id = uuid4()
    mine = put(api, draft(), id).json()
    other = put(api, draft(description="Autre chose."), id)
    assert (other.status_code, other.json()["code"], other.json()["retryable"]) == (409, "signalement_different", False)
    assert other.json()["signalement"]["numero"] == mine["numero"]
    theirs = put(api, draft(), id, who="relais2")
    assert (theirs.status_code, theirs.json()["code"], theirs.json()["retryable"]) == (
        409,
        "identifiant_deja_pris",
        False,
    )
    assert "signalement" not in theirs.json()


# --- what may pass later says so


def test_a_request_under_way_is_asked_to_come_back(api, ville, engine):
    id = uuid4()
    put(api, draft(), id)
    me = ville.identity("relais")
    verb = Demande(qui=str(me.personne), route="retirer_signalement", clef="k1", empreinte="")
    path, said = f"/v1/signalements/{id}/retraits", {"json": {"motif": "Réparé."}, "headers": {"Idempotency-Key": "k1"}}
    with engine.begin() as elsewhere:
        elsewhere.execute(
            text("SELECT pg_advisory_xact_lock(:lock)"),
            {"lock": lock_number(str(me.territoire), verb.qui, verb.route, verb.clef)},
        )
        busy = api("POST", path, **said)
    assert (busy.status_code, busy.json()["code"], busy.json()["retryable"]) == (409, "demande_en_cours", True)
    assert int(busy.headers["Retry-After"]) > 0
    assert api("POST", path, **said).status_code == 201


def families(kind: type[RelaisError]) -> set[type[RelaisError]]:
    return {kind}.union(*(families(one) for one in kind.__subclasses__()))


def test_only_what_time_mends_may_be_sent_again_as_it_is():
    """A closed list: another refusal that says `retryable` would have phones repeat it for ever."""
    passing = families(errors.TooMany) | families(errors.Unavailable) | {errors.EnvoiInterrompu, errors.DemandeEnCours}
    ours = {one for one in families(RelaisError) if one.__module__ == errors.__name__}
    assert {one for one in ours if one.retryable} == passing
    assert not any(one.retryable for one in families(errors.Invalid))
