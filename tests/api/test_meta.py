"""All that a form without a network needs, and nothing that a phone would have to guess."""

from dataclasses import replace
from uuid import uuid4

import pytest
from commands.factories import configure

from api.routes.referentiel import COTE_CONSEILLE
from relais.rules.configuration import Publication, RegleDePhoto, TypeQuestion
from relais.rules.depot import ANCIENNETE_MAX, OCTETS_MAX, PHOTOS_MAX
from relais.rules.questions import URGENCE


@pytest.fixture
def meta(api):
    return api("GET", "/v1/meta", who=None).json()


def theme(meta, code):
    return next(one for one in meta["themes"] if one["code"] == code)


def test_the_questions_of_a_theme_are_told_with_their_choices(meta):
    assert theme(meta, "proprete.depot_sauvage")["questions"] == [
        {
            "code": "volume",
            "libelle": "Quel volume, à peu près ?",
            "type": "choix",
            "obligatoire": False,
            "choix": [
                {"code": "moins_d_un_m3", "libelle": "Moins d'un m³ (un fauteuil, quelques sacs)"},
                {"code": "plus_d_un_m3", "libelle": "Plus d'un m³ (un canapé, un tas)"},
                {"code": "plus_de_10_m3", "libelle": "Plus de 10 m³ (une camionnette)"},
            ],
        },
        {"code": "passage_bloque", "libelle": "Le passage est-il bloqué ?", "type": "oui_non", "obligatoire": False},
    ]
    assert theme(meta, "proprete.sol")["questions"] == []


def test_what_stops_is_told_before_it_is_sent(meta):
    [blesse] = theme(meta, "voirie.danger")["questions"]
    assert blesse["arret"] == meta["urgence"] == URGENCE
    assert "112" in theme(meta, "voirie.danger")["consigne"]


def test_every_type_of_question_and_every_photo_rule_is_shown_somewhere(meta):
    asked = [question for one in meta["themes"] for question in one["questions"]]
    assert {question["type"] for question in asked} == {type_.value for type_ in TypeQuestion}
    assert {one["photo"] for one in meta["themes"]} == {regle.value for regle in RegleDePhoto}
    assert all(question["choix"] for question in asked if question["type"].startswith("choix"))


def test_the_limits_are_those_that_are_held(api, meta):
    limites = meta["limites"]
    assert limites["photos_max"] == PHOTOS_MAX
    assert limites["octets_par_photo_max"] == OCTETS_MAX
    assert limites["jours_apres_le_constat_max"] == ANCIENNETE_MAX.days
    assert limites["cote_conseille_px"] == COTE_CONSEILLE

    def sent(**said):
        base = {"theme": "proprete.sol", "constate_le": "2026-03-31T18:12:00+02:00"}
        base["position"] = {"lon": 0.41237, "lat": 48.10562}
        return api("PUT", f"/v1/signalements/{uuid4()}", json=base | said).status_code

    text, field = limites["caracteres_max"], limites["caracteres_par_champ_de_lieu_max"]
    for fits, beyond in (
        ({"description": "x" * text}, {"description": "x" * (text + 1)}),
        ({"lieu": {"complement": "x" * text}}, {"lieu": {"complement": "x" * (text + 1)}}),
        ({"lieu": {"etage": "x" * field}}, {"lieu": {"etage": "x" * (field + 1)}}),
        ({"constate_le": "2025-03-31T18:13:00+02:00"}, {"constate_le": "2025-03-31T18:11:00+02:00"}),
    ):
        assert (sent(**fits), sent(**beyond)) == (201, 422)


def test_the_version_and_the_rule_of_publication_change_with_the_territoire(api, ville, meta):
    configure(ville, lambda c: replace(c, publication=Publication.IMMEDIATE))
    now = api("GET", "/v1/meta", who=None).json()
    assert (now["version"], now["territoire"]["publication"]) == (meta["version"] + 1, "immediate")
    assert meta["territoire"]["publication"] != "immediate"


def test_nothing_absent_is_written_null(api):
    assert "null" not in api("GET", "/v1/meta", who=None).text
