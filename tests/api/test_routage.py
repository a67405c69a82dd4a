"""`GET /v1/routage`, and the `routage` of a signalement: who answers, who is told, who pilots, who is competent."""

from dataclasses import replace

import pytest
from commands.factories import CLOS_DES_LILAS, DELAISSE, ERABLES, TROTTOIR, act, configure, deposit

from relais.commands.verbes import reaffecter
from relais.rules.configuration import Competent, Modele, Perimetre
from relais.rules.refus import MotifDeRenvoi

POLICE = {"acteur": "tranquillite", "nom": "Police municipale et tranquillité publique"}
DECHETS = Competent("Lisse Agglo, déchets", "02 61 91 00 30", "dechets@agglo.test", themes=("proprete.*",))
ACCUEIL = Competent("Mairie, accueil", adresse="1 place de la Mairie")


def asked(api, place, theme=TROTTOIR):
    query = {"lon": place[0], "lat": place[1], "theme": theme}
    return api("GET", "/v1/routage", who=None, params=query).json()


def routed(api, id):
    return api("GET", f"/v1/signalements/{id}").json()["routage"]


def narrowed(ville, **perimetre):
    configure(ville, lambda c: replace(c, competents=(ACCUEIL, DECHETS), **perimetre))


def test_both_recipients_of_a_private_street_are_answered_before_and_after_sending(api, ville):
    before = asked(api, CLOS_DES_LILAS)
    assert (before["acteur"], before["informes"]) == ("asl-lilas", [POLICE])
    id = deposit(ville, theme=TROTTOIR, place=CLOS_DES_LILAS)
    assert routed(api, id)["informes"] == [POLICE]
    assert "informes" not in routed(api, deposit(ville, theme=TROTTOIR, place=ERABLES))


@pytest.mark.parametrize(
    ("modele", "chaine", "informes"),
    [
        (Modele.NANTAIS, {"pilote": "commune", "direction_generale": "commune"}, ["lisse-agglo"]),
        (Modele.ANGEVIN, {"pilote": "binome", "direction_generale": "commune"}, []),
        (Modele.COMMUNE_SEULE, {"pilote": "commune", "direction_generale": "commune"}, []),
        (Modele.EPCI_SEUL, {"pilote": "epci", "direction_generale": "epci"}, ["batiments"]),
    ],
)
def test_the_answer_says_who_pilots_and_who_sits_at_the_top(api, ville, modele, chaine, informes):
    configure(ville, lambda c: replace(c, modele=modele, epci="lisse-agglo", commune="batiments"))
    said = asked(api, ERABLES)
    assert said["chaine"] == {"modele": modele} | chaine
    assert [one["acteur"] for one in said.get("informes", [])] == informes


@pytest.mark.parametrize(
    "perimetre",
    [
        pytest.param({"perimetre": Perimetre.QPV}, id="of places"),
        pytest.param({"themes_suivis": ("eau.*",)}, id="of thèmes"),
    ],
)
def test_outside_a_perimeter_who_is_competent_is_a_structure_beside_the_sentence(api, ville, perimetre):
    narrowed(ville, **perimetre)
    heap, step = asked(api, DELAISSE, "proprete.depot_sauvage"), asked(api, DELAISSE)
    assert heap["competent"] == {
        "nom": "Lisse Agglo, déchets",
        "telephone": "02 61 91 00 30",
        "courriel": "dechets@agglo.test",
    }
    assert step["competent"] == {"nom": "Mairie, accueil", "adresse": "1 place de la Mairie"}
    assert step["explication"].endswith(" ; s'adresser ici à : Mairie, accueil, 1 place de la Mairie.")
    for said in (heap, step):
        assert said["hors_perimetre"]
        assert said.keys().isdisjoint({"chaine", "acteur", "informes", "regle"})


def test_a_signalement_sent_there_is_created_and_says_where_to_go(api, ville):
    narrowed(ville, themes_suivis=("eau.*",))
    id = deposit(ville, theme=TROTTOIR, place=ERABLES)
    told = api("GET", f"/v1/signalements/{id}").json()
    assert told["statut"]["code"] == "reoriente"
    assert told["routage"]["competent"] == {"nom": "Mairie, accueil", "adresse": "1 place de la Mairie"}
    assert "« trottoir abîmé »" in told["routage"]["explication"]


def test_given_to_somebody_by_people_its_explanation_names_who_has_it(api, ville):
    id = deposit(ville)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="voirie")
    told = api("GET", f"/v1/signalements/{id}").json()
    assert told["routage"]["explication"].startswith(
        f"Confié à {told['responsable']['nom']} par le pilote (motif : terrain d'un autre acteur). D'après la carte : "
    )


def test_a_telephone_that_changed_since_is_the_one_to_call(api, ville):
    narrowed(ville, themes_suivis=("eau.*",))
    id = deposit(ville, theme=TROTTOIR, place=ERABLES)
    configure(ville, lambda c: replace(c, themes_suivis=("eau.*",), competents=(replace(ACCUEIL, telephone="3975"),)))
    assert routed(api, id)["competent"]["telephone"] == "3975"
    configure(ville, lambda c: c)
    assert routed(api, id)["competent"] == {"nom": "Mairie, accueil", "adresse": "1 place de la Mairie"}


def test_what_the_demarche_follows_names_nobody_else(api, ville):
    narrowed(ville, themes_suivis=("voirie.*",))
    assert "competent" not in routed(api, deposit(ville, theme=TROTTOIR, place=ERABLES))
    assert "competent" not in asked(api, ERABLES)
