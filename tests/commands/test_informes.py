"""Who is told of a signalement without having anything to do: by a line of the matrix, or by the modèle."""

from dataclasses import replace

import pytest
from commands.factories import (
    CLOS_DES_LILAS,
    DELAISSE,
    DEPOT_SAUVAGE,
    ERABLES,
    TROTTOIR,
    act,
    configure,
    deposit,
    facts,
    mails,
    ticket,
    to,
)

from relais.commands.corrections import corriger, retirer
from relais.commands.verbes import reaffecter
from relais.rules.configuration import Cible, Domanialite, Modele, Regle
from relais.rules.depot import Correction, Position
from relais.rules.refus import MotifDeRenvoi
from relais.tables.envoi import EtatEnvoi

ASL, POLICE, EPCI = "asl@clos-lilas.test", "tranquillite@vaucelles.test", "services@lisse-agglo.test"


def pothole(ville, place=CLOS_DES_LILAS):
    return deposit(ville, theme=TROTTOIR, place=place)


def told(ville, id):
    return [(mail.a, mail.etat) for mail in mails(ville, id, "pour_information")]


def mend(ville, id, who="relais", **fields):
    return act(ville, who, corriger, id, correction=Correction(**fields))


def at(place):
    return Position(*place, 1.0, "carte")


def test_a_private_street_open_to_traffic_has_two_recipients(ville):
    id = pothole(ville)
    assert (ticket(ville, id).acteur, ticket(ville, id).informes) == ("asl-lilas", ["tranquillite"])
    assert to(mails(ville, id, "affectation")) == [ASL]
    assert told(ville, id) == [(POLICE, EtatEnvoi.EN_ATTENTE)]
    assert ticket(ville, id).explication == (
        "Allée du Clos des Lilas, voie privée ouverte à la circulation : le thème « trottoir abîmé » y revient"
        " à l'association (Association syndicale du Clos des Lilas) ;"
        " pour information : Police municipale et tranquillité publique."
    )


def test_what_is_parked_there_is_the_town_s_and_nobody_is_told_besides(ville):
    id = deposit(ville, theme="stationnement.genant", place=CLOS_DES_LILAS)
    assert (ticket(ville, id).acteur, ticket(ville, id).informes, told(ville, id)) == ("tranquillite", [], [])


def test_a_pin_moved_into_that_street_tells_once_and_moved_out_takes_it_back(ville):
    id = pothole(ville, ERABLES)
    assert told(ville, id) == []
    mend(ville, id, position=at(CLOS_DES_LILAS))
    assert told(ville, id) == [(POLICE, EtatEnvoi.EN_ATTENTE)]
    mend(ville, id, position=at((CLOS_DES_LILAS[0] - 0.000002, CLOS_DES_LILAS[1])))
    assert len(told(ville, id)) == 1
    mend(ville, id, position=at(ERABLES))
    assert (ticket(ville, id).informes, told(ville, id)) == ([], [(POLICE, EtatEnvoi.ANNULE)])
    mend(ville, id, position=at(CLOS_DES_LILAS))
    assert told(ville, id) == [(POLICE, EtatEnvoi.ANNULE), (POLICE, EtatEnvoi.EN_ATTENTE)]


def test_a_theme_that_changes_who_is_told_and_not_who_answers_tells_it(ville):
    id = deposit(ville, theme=DEPOT_SAUVAGE, place=CLOS_DES_LILAS)
    assert (ticket(ville, id).acteur, told(ville, id)) == ("asl-lilas", [])
    mend(ville, id, theme=TROTTOIR)
    assert (ticket(ville, id).acteur, told(ville, id)) == ("asl-lilas", [(POLICE, EtatEnvoi.EN_ATTENTE)])
    assert "signalement.reaffecte" not in facts(ville, id)


def test_given_to_another_nobody_is_told_again(ville):
    id = pothole(ville)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="voirie")
    assert (ticket(ville, id).informes, len(told(ville, id))) == (["tranquillite"], 1)


def test_given_to_whoever_is_told_it_gets_one_mail_and_is_told_again_only_once_it_has_it_no_more(ville):
    id = pothole(ville)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="tranquillite")
    assert told(ville, id) == [(POLICE, EtatEnvoi.ANNULE)]
    assert (to(mails(ville, id, "affectation")), ticket(ville, id).acteur) == ([ASL, POLICE], "tranquillite")
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="asl-lilas")
    assert told(ville, id) == [(POLICE, EtatEnvoi.ANNULE), (POLICE, EtatEnvoi.EN_ATTENTE)]


def test_a_correction_that_gives_it_to_whoever_is_told_sends_one_mail(ville):
    id = pothole(ville)
    mend(ville, id, theme="stationnement.genant")
    assert (ticket(ville, id).acteur, told(ville, id)) == ("tranquillite", [(POLICE, EtatEnvoi.ANNULE)])
    assert [mail.etat for mail in mails(ville, id, "affectation") if mail.a == POLICE] == [EtatEnvoi.EN_ATTENTE]


def test_a_correction_that_leaves_it_to_whoever_was_told_takes_back_no_affectation(ville):
    id = pothole(ville)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="tranquillite")
    mend(ville, id, "pilote", theme="stationnement.genant")
    assert (ticket(ville, id).acteur, ticket(ville, id).informes) == ("tranquillite", [])
    assert [mail.etat for mail in mails(ville, id, "affectation") if mail.a == POLICE] == [EtatEnvoi.EN_ATTENTE]


def test_until_somebody_answers_nobody_is_told(ville, api):
    line = Regle("R99", "*", Domanialite.INDET, "*", Cible.PROPRIETAIRE, informer=("tranquillite",))
    configure(ville, lambda c: replace(c, regles=(*c.regles, line)))
    id = pothole(ville, DELAISSE)
    assert (ticket(ville, id).acteur, ticket(ville, id).informes, told(ville, id)) == (None, ["tranquillite"], [])
    asked = {"lon": DELAISSE[0], "lat": DELAISSE[1], "theme": TROTTOIR}
    assert "informes" not in api("GET", "/v1/routage", who=None, params=asked).json()
    assert "informes" not in api("GET", f"/v1/signalements/{id}").json()["routage"]
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="voirie")
    assert told(ville, id) == [(POLICE, EtatEnvoi.EN_ATTENTE)]
    assert [one["acteur"] for one in api("GET", f"/v1/signalements/{id}").json()["routage"]["informes"]] == [
        "tranquillite"
    ]


def test_whoever_is_told_and_then_given_it_is_not_told_besides(ville):
    line = Regle("R99", "*", Domanialite.INDET, "*", Cible.PROPRIETAIRE, informer=("tranquillite",))
    configure(ville, lambda c: replace(c, regles=(*c.regles, line)))
    id = pothole(ville, DELAISSE)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="tranquillite")
    assert (told(ville, id), to(mails(ville, id, "affectation"))) == ([], [POLICE])


def test_withdrawn_before_the_mail_left_it_tells_nobody(ville):
    id = pothole(ville)
    act(ville, "relais", retirer, id, motif="Rebouché ce matin.")
    assert told(ville, id) == [(POLICE, EtatEnvoi.ANNULE)]


@pytest.mark.parametrize(
    ("modele", "informes"),
    [
        (Modele.NANTAIS, ["lisse-agglo"]),
        (Modele.ANGEVIN, []),
        (Modele.COMMUNE_SEULE, []),
        (Modele.EPCI_SEUL, ["espaces-verts"]),
    ],
)
def test_the_modele_tells_the_other_collectivite(ville, modele, informes):
    configure(ville, lambda c: replace(c, modele=modele, epci="lisse-agglo", commune="espaces-verts"))
    id = deposit(ville)
    assert ticket(ville, id).informes == informes
    assert len(told(ville, id)) == len(informes)
