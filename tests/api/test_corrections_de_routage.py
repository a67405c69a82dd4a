"""GET /v1/routage/corrections: what the town's réaffectations say of its map."""

import pytest
from commands.factories import DELAISSE, RUE_ERABLES, TROTTOIR, act, cle, deposit, le, link, ticket
from refus import check
from shapely.geometry import Point, shape
from sqlalchemy import event

from relais.caller import Door
from relais.commands.territoire import get_territoire, import_emprises
from relais.commands.verbes import prendre_en_charge, reaffecter, repondre
from relais.queries.referentiel import referentiel
from relais.rules.refus import MotifDeRenvoi

HERE = "/v1/routage/corrections"
PLACE = (0.41237, 48.10562)


def refused(ville, *, taken=True):
    """One on Habitat Lisse's ground, refused on the 1st at 10:00: an hour of its own time. The voirie keeps it."""
    ville.at(le("2026-04-01 09:00"))
    id = deposit(ville, place=PLACE)
    ville.at(le("2026-04-01 10:00"))
    act(ville, "agent", reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="voirie")
    if taken:
        act(ville, link("voirie"), prendre_en_charge, id)
    return id


def read(api, who="pilote", **asked):
    answer = api("GET", HERE, who=who, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_says_which_emprise_how_often_what_it_cost_and_what_to_look_at(api, ville):
    ids = [refused(ville) for _ in range(2)]
    deposit(ville, place=PLACE)
    told = read(api, du="2026-04-01", au="2026-04-01")
    (one,) = told["elements"]
    numeros = [ticket(ville, id).numero for id in ids]
    emprise, regle = ticket(ville, ids[0]).emprise, ticket(ville, ids[0]).regle
    assert (told["du"], told["au"]) == ("2026-04-01", "2026-04-01")
    assert one["emprise"]["code"] == emprise
    assert (one["emprise"]["domanialite"], one["emprise"]["gestionnaire"]) == ("BAIL", "habitat-lisse")
    assert one["conseil"] == (
        f"L'emprise « {one['emprise']['nom']} » : 2 signalements sur 3 y ont changé de mains "
        "(Habitat Lisse → Direction de la voirie et de l'éclairage) : vérifiez son gestionnaire."
    )
    assert (one["signalements"], one["sur"], one["changements"]) == (2, 3, 2)
    assert one["temps_perdu"] == {"minutes_reelles": 120, "minutes_ouvrees": 120}
    assert one["deplacements"] == [{"de": "habitat-lisse", "a": "voirie", "nombre": 2}]
    assert one["motifs"] == [{"motif": "pas_mon_terrain", "libelle": "terrain d'un autre acteur", "nombre": 2}]
    assert one["regles"] == [{"regle": regle, "nombre": 2}]
    assert {last["numero"] for last in one["derniers"]} == set(numeros)
    assert {last["le"] for last in one["derniers"]} == {"2026-04-01T10:00:00+02:00"}


def test_the_most_costly_comes_first_and_the_limit_keeps_it(api, ville):
    quick = refused(ville)
    ville.at(le("2026-04-01 09:00"))
    late = deposit(ville, theme=TROTTOIR, place=DELAISSE)
    ville.at(le("2026-04-02 17:00"))
    act(ville, "pilote", reaffecter, late, motif=MotifDeRenvoi.QUALIFICATION, acteur="voirie")
    codes = [one["emprise"]["code"] for one in read(api)["elements"]]
    assert codes == ["delaisse-peupliers", ticket(ville, quick).emprise]
    assert [one["emprise"]["code"] for one in read(api, limite=1)["elements"]] == codes[:1]


def test_what_is_not_kept_by_anybody_yet_is_told_as_such(api, ville):
    refused(ville, taken=False)
    (one,) = read(api)["elements"]
    assert one["deplacements"] == [{"de": "habitat-lisse", "chez": "voirie", "nombre": 1}]
    assert "→ Direction de la voirie et de l'éclairage (pas encore pris en charge))" in one["conseil"]


def test_an_acteur_that_answers_keeps_it(api, ville):
    id = refused(ville, taken=False)
    saying = {"nature": "operationnelle", "texte": "Une équipe passe ce matin.", "etape": None}
    act(ville, "pilote", repondre, id, **saying)
    assert "a" not in read(api)["elements"][0]["deplacements"][0]
    act(ville, cle(ville, "voirie"), repondre, id, **saying)
    assert read(api)["elements"][0]["deplacements"] == [{"de": "habitat-lisse", "a": "voirie", "nombre": 1}]


def test_nothing_moved_nothing_told(api, ville):
    deposit(ville, place=RUE_ERABLES)
    assert read(api)["elements"] == []
    assert api("GET", f"{HERE}.geojson", who="pilote").json() == {"type": "FeatureCollection", "features": []}


def test_the_map_of_them_opens_as_it_is(api, ville):
    id = refused(ville)
    answer = api("GET", f"{HERE}.geojson", who="direction_generale")
    assert answer.headers["content-type"] == "application/geo+json"
    (one,) = answer.json()["features"]
    assert shape(one["geometry"]).contains(Point(*PLACE))
    assert one["properties"]["code"] == ticket(ville, id).emprise
    assert one["properties"]["name"]
    assert one["properties"]["description"].endswith("vérifiez son gestionnaire.")


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"du": "2026-04-02", "au": "2026-04-01"}, "?du"),
        ({"du": "2025-01-01", "au": "2026-04-01"}, "?du"),
        ({"du": "hier"}, "?du"),
        ({"au": "2026-02-30"}, "?au"),
        ({"limite": "0"}, "?limite"),
        ({"limite": "201"}, "?limite"),
    ],
    ids=str,
)
@pytest.mark.parametrize("suffix", ["", ".geojson"])
def test_a_period_that_means_nothing_is_refused_where_it_is_wrong(api, asked, pointer, suffix):
    check(api("GET", HERE + suffix, who="pilote", params=asked), 422, "champ_invalide", pointer)


def test_it_takes_four_statements_however_many_there_are(api, ville, connection):
    for _ in range(4):
        refused(ville)
    read(api)  # from here on the version is in memory
    seen = []

    def listen(_connection, _cursor, statement, *_rest):
        if statement.startswith("SELECT") and "relais_ouvrir" not in statement and "personne" not in statement:
            seen.append(statement)

    event.listen(connection, "before_cursor_execute", listen)
    read(api)
    assert len(seen) == 4


def test_an_emprise_that_left_the_map_is_told_by_its_code_and_drawn_no_more(api, ville):
    code = ticket(ville, refused(ville)).emprise
    with ville.session(Door.OWNER) as session, session.begin():
        kept = [one for one in referentiel(session).carte.emprises if one.code != code]
        import_emprises(session, get_territoire(session, "VSL"), kept, auteur="test", now=session.now)
    (one,) = read(api)["elements"]
    assert one["emprise"] == {"code": code}
    assert one["conseil"].startswith(f"L'emprise « {code} » : 1 signalement sur 1 y a changé de mains")
    assert api("GET", f"{HERE}.geojson", who="pilote").json()["features"] == []
