"""Who passes where and when (the seminar's interactive map), and what whoever signals reads of it."""

from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise

import pytest
from commands.factories import (
    DEPOT_SAUVAGE,
    ENCOMBRANTS,
    ERABLES,
    RUE_ERABLES,
    act,
    configure,
    deposit,
    le,
    ticket,
)
from conftest import MARDI

from relais.caller import Door
from relais.commands.publication import publier
from relais.rules.configuration import JoursFeries, Passage, Perimetre
from relais.rules.statuts import Statut
from relais.tables.signalement import Signalement

CENTRE = (0.4005, 48.1059)
QUATRIEME_JEUDI = "quatrième jeudi du mois, à partir de 6 h, reporté au lendemain des jours fériés"
ANNONCE = "Prochain passage dans ce secteur, encombrants : jeudi 23 avril, à partir de 6 h (Lisse Agglo)."
PROCHAIN = {
    "secteur": "encombrants-est",
    "acteur": "lisse-agglo",
    "nom": "Lisse Agglo",
    "prestation": "encombrants",
    "le": "2026-04-23",
    "texte": ANNONCE,
}


def ici(api, place=ERABLES, **query):
    lon, lat = place
    return api("GET", "/v1/secteurs", who=None, params={"lon": lon, "lat": lat} | query)


def passages(api, place=ERABLES, **query):
    """secteur → prestation → next days."""
    return {
        (secteur["code"], un["prestation"]): [prochain["le"] for prochain in un["prochains"]]
        for secteur in ici(api, place, **query).json()["elements"]
        for un in secteur["passages"]
    }


def du_secteur(ville, code, change):
    configure(ville, lambda c: replace(c, secteurs=tuple(change(s) if s.code == code else s for s in c.secteurs)))


# --- the map


def test_the_seminar_map_makes_secteurs_and_rhythms_visible(api):
    """« rend visible les secteurs et rythmes d'intervention » of the bailleurs and of the town's services."""
    features = api("GET", "/v1/secteurs.geojson", who=None).json()["features"]
    assert {one["properties"]["acteur"] for one in features} == {"proprete", "habitat-lisse", "lisse-agglo"}
    for one in features:
        said = one["properties"]
        assert one["type"] == "Feature"
        assert one["geometry"]["type"] in {"Polygon", "MultiPolygon"}
        assert said["name"]
        assert said["rythme"]
        assert "Prochain passage, " in said["description"]
        assert said["_umap_options"]["color"].startswith("#")
    [est] = [one["properties"] for one in features if one["properties"]["code"] == "encombrants-est"]
    assert est["description"].splitlines() == [
        f"Lisse Agglo · encombrants · encombrants : {QUATRIEME_JEUDI}",
        "Prochain passage, encombrants : jeudi 23 avril, à partir de 6 h.",
    ]


def test_two_acteurs_have_two_colours_and_one_acteur_has_one(api):
    features = api("GET", "/v1/secteurs.geojson", who=None).json()["features"]
    seen = {(one["properties"]["acteur"], one["properties"]["_umap_options"]["color"]) for one in features}
    assert len(seen) == len({acteur for acteur, _ in seen}) == len({colour for _, colour in seen})


# --- here


def test_here_one_reads_who_passes_for_what_and_when_next(api):
    told = ici(api).json()
    assert told["date"] == "2026-03-31"
    assert told["version"] == api("GET", "/v1/meta", who=None).json()["version"]
    assert [one["code"] for one in told["elements"]] == [
        "proprete-est", "lisse-nord", "ordures-est", "encombrants-est",
    ]  # fmt: skip
    proprete, *_, encombrants = told["elements"]
    assert proprete["acteur"] == {
        "code": "proprete",
        "nom": "Direction de la propreté urbaine",
        "telephone": "02 61 91 00 10",
        "courriel": "proprete@vaucelles.test",
    }
    assert proprete["rythme"] == "lundi, mercredi et vendredi matin"
    assert proprete["prestations"] == ["balayage", "corbeilles", "dépôts sauvages"]
    assert encombrants["passages"] == [
        {
            "prestation": "encombrants",
            "rythme": QUATRIEME_JEUDI,
            "rrule": "FREQ=MONTHLY;BYDAY=4TH",
            "a_partir_du": "2020-01-01",
            "jours_feries": "reportes",
            "prochains": [
                {"le": "2026-04-23", "debut": "2026-04-23T06:00:00+02:00", "texte": "jeudi 23 avril, à partir de 6 h"},
                {"le": "2026-05-28", "debut": "2026-05-28T06:00:00+02:00", "texte": "jeudi 28 mai, à partir de 6 h"},
                {"le": "2026-06-25", "debut": "2026-06-25T06:00:00+02:00", "texte": "jeudi 25 juin, à partir de 6 h"},
            ],
        }
    ]


def test_on_the_other_side_of_the_avenue_it_is_another_day(api):
    assert passages(api)["encombrants-est", "encombrants"][0] == "2026-04-23"
    assert passages(api, CENTRE)["encombrants-ouest", "encombrants"][0] == "2026-04-14"


def test_on_another_day_the_next_passages_are_those_from_that_day_on(api):
    assert passages(api, date="2026-11-26")["encombrants-est", "encombrants"] == [
        "2026-11-26", "2026-12-24", "2027-01-28",
    ]  # fmt: skip
    [*_, later] = ici(api, date="2026-11-27").json()["elements"][-1]["passages"][0]["prochains"]
    assert later["texte"] == "jeudi 25 février 2027, à partir de 6 h", "another year is said"


def test_a_morning_that_is_over_is_not_announced_for_today(api, ville):
    ville.at(le("2026-04-01 11:59"))
    assert passages(api)["proprete-est", "balayage"][0] == "2026-04-01"
    ville.at(le("2026-04-01 12:00"))
    assert passages(api)["proprete-est", "balayage"][0] == "2026-04-03"


def test_outside_every_secteur_there_is_nobody_and_no_fault(api, ville):
    configure(ville, lambda c: replace(c, secteurs=()))
    assert ici(api).json()["elements"] == []
    assert api("GET", "/v1/secteurs.geojson", who=None).json()["features"] == []


def test_an_edit_is_seen_by_the_very_next_request(api, ville):
    assert "encombrants-est" in {code for code, _ in passages(api)}
    configure(ville, lambda c: replace(c, secteurs=tuple(s for s in c.secteurs if s.code != "encombrants-est")))
    assert "encombrants-est" not in {code for code, _ in passages(api)}


@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ({"lon": 3.0, "lat": 50.0}, 422, "hors_territoire", "?lon"),
        ({"lon": 48.10598, "lat": 0.41224}, 422, "position_inversee", "?lon"),
        ({"lon": "nan", "lat": 48.1}, 422, "champ_invalide", "?lon"),
        ({"lon": 0.41, "lat": 91}, 422, "champ_invalide", "?lat"),
        ({"lat": 48.1}, 422, "champ_invalide", "?lon"),
        ({"lon": 0.41224, "lat": 48.10598, "date": "demain"}, 422, "champ_invalide", "?date"),
        ({"lon": 0.41224, "lat": 48.10598, "date": "2199-12-31"}, 422, "champ_invalide", "?date"),
        ({"lon": 0.41224, "lat": 48.10598, "date": "2001-01-01"}, 422, "champ_invalide", "?date"),
    ],
    ids=str,
)
def test_a_place_or_a_day_that_cannot_be_is_refused(refused, query, status, code, pointer):
    refused("GET", "/v1/secteurs", status, code, pointer, who=None, params=query)


def test_what_has_not_changed_is_not_sent_again(api, ville):
    first = ici(api)
    lon, lat = ERABLES
    again = {"who": None, "params": {"lon": lon, "lat": lat}, "headers": {"If-None-Match": first.headers["ETag"]}}
    assert api("GET", "/v1/secteurs", **again).status_code == 304
    ville.forward(days=1)
    assert api("GET", "/v1/secteurs", **again).status_code == 200


# --- a signalement


def test_a_bulky_waste_signalement_quotes_the_next_collection(api, ville):
    id = deposit(ville, theme=ENCOMBRANTS)
    assert api("GET", f"/v1/signalements/{id}").json()["prochain_passage"] == PROCHAIN
    [listed] = api("GET", "/v1/signalements").json()["elements"]
    assert listed["prochain_passage"] == PROCHAIN
    act(ville, "pilote", publier, id, photos=None)
    assert api("GET", f"/v1/signalements/{id}", who=None).json()["prochain_passage"] == PROCHAIN


def test_what_waits_for_no_collection_quotes_none(api, ville):
    id = deposit(ville, theme=DEPOT_SAUVAGE)
    assert "prochain_passage" not in api("GET", f"/v1/signalements/{id}").json()


def test_the_day_after_the_collection_it_is_the_next_one_that_is_quoted(api, ville):
    id = deposit(ville, theme=ENCOMBRANTS)

    def quoted(when):
        ville.at(le(when))
        return api("GET", f"/v1/signalements/{id}", who="pilote").json()["prochain_passage"]["le"]

    assert [quoted("2026-04-23 05:59"), quoted("2026-04-23 06:01")] == ["2026-04-23", "2026-05-28"]


def test_a_collection_that_moves_is_quoted_where_it_moved_by_signalements_born_before(api, ville):
    id = deposit(ville, theme=ENCOMBRANTS)
    born = ticket(ville, id).version
    mardi = Passage("encombrants", "le mardi", "FREQ=WEEKLY;BYDAY=TU", date(2020, 1, 1), feries=JoursFeries.SAUTES)
    du_secteur(ville, "encombrants-est", lambda secteur: replace(secteur, passages=(mardi,)))
    ville.forward(hours=8)
    told = api("GET", f"/v1/signalements/{id}").json()
    assert told["routage"]["version"] == born
    assert told["prochain_passage"]["texte"] == (
        "Prochain passage dans ce secteur, encombrants : mardi 7 avril (Lisse Agglo)."
    )


def test_of_two_acteurs_who_come_the_first_to_come_is_quoted(api, ville):
    bailleur = Passage("encombrants", "le vendredi", "FREQ=WEEKLY;BYDAY=FR", date(2020, 1, 1))
    du_secteur(ville, "lisse-nord", lambda secteur: replace(secteur, passages=(bailleur,)))
    id = deposit(ville, theme=ENCOMBRANTS)
    told = api("GET", f"/v1/signalements/{id}").json()["prochain_passage"]
    assert (told["acteur"], told["le"]) == ("habitat-lisse", "2026-04-03")


@pytest.mark.parametrize("statut", list(Statut), ids=str)
def test_it_is_quoted_while_somebody_waits_for_it(api, ville, statut):
    id = deposit(ville, theme=ENCOMBRANTS)
    with ville.session(Door.OWNER) as session, session.begin():
        held = session.get_one(Signalement, (ticket(ville, id).territoire_id, id))
        held.statut = statut
        held.traite_le = MARDI if statut in {Statut.TRAITE, Statut.CLOS} else None
    told = api("GET", f"/v1/signalements/{id}", who="pilote").json()
    waits = {"a_qualifier", "affecte", "pris_en_charge", "programme", "en_attente", "reoriente"}
    assert ("prochain_passage" in told) == (statut.value in waits)


def test_who_is_responsible_here_comes_with_the_next_collection(api):
    def asked(theme, place=RUE_ERABLES):
        lon, lat = place
        return api("GET", "/v1/routage", who=None, params={"lon": lon, "lat": lat, "theme": theme}).json()

    assert asked(ENCOMBRANTS)["prochain_passage"] == PROCHAIN
    balayage = "balayage : mercredi 1er avril, avant 12 h (Direction de la propreté urbaine)."
    assert asked("proprete.sol")["prochain_passage"]["texte"] == f"Prochain passage dans ce secteur, {balayage}"
    assert "prochain_passage" not in asked("voirie.trottoir")


def test_outside_the_perimeter_somebody_comes_all_the_same(api, ville):
    configure(ville, lambda c: replace(c, perimetre=Perimetre.QPV, competent_ailleurs="la mairie, 02 61 91 00 00"))
    id = deposit(ville, theme=ENCOMBRANTS, place=CENTRE)
    told = api("GET", f"/v1/signalements/{id}").json()
    assert told["statut"]["code"] == "reoriente"
    assert told["prochain_passage"]["le"] == "2026-04-14"


def test_the_next_three_collections_follow_each_other(api):
    for days in passages(api).values():
        read = [datetime.fromisoformat(day) for day in days]
        assert len(read) == 3
        assert all(first < second for first, second in pairwise(read))
