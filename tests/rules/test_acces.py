"""What each rôle sees and is to a signalement, every combination of author and acteur."""

from itertools import product
from uuid import UUID

import pytest

from relais.rules.acces import SIGNALENT, SUIVENT_LES_INSTANCES, Qualite, Role, portee, qualites
from relais.rules.statuts import Statut, Verbe, possibles

ME, ELSE = UUID(int=1), UUID(int=2)

EVERYTHING = {"elu", "pilote", "direction_generale", "administrateur"}
FOR_AN_ACTEUR = {"agent", "responsable", "cle"}


def cases():
    """(rôle, my acteur, author of the ticket, acteur of the ticket)"""
    return product(Role, [None, "voirie"], [ME, ELSE], [None, "voirie", "habitat-lisse"])


@pytest.mark.parametrize("role", Role)
def test_what_a_role_sees(role):
    for _, mine, author, acteur in [case for case in cases() if case[0] is role]:
        seen = portee(role, id=ME, acteur=mine).couvre(auteur=author, acteur=acteur)
        its = role in FOR_AN_ACTEUR and mine is not None and mine == acteur
        assert seen == (role in EVERYTHING or author == ME or its), (mine, author, acteur)


@pytest.mark.parametrize("role", Role)
def test_what_a_role_is_to_a_signalement(role):
    for _, mine, author, acteur in [case for case in cases() if case[0] is role]:
        found = qualites(role, id=ME, acteur=mine, auteur_id=author, acteur_du_ticket=acteur)
        its = role in FOR_AN_ACTEUR and mine is not None and mine == acteur
        sees = role in EVERYTHING or author == ME or its
        expected = {
            Qualite.AUTEUR: author == ME,
            Qualite.ACTEUR: its,
            Qualite.RESPONSABLE: its and role == "responsable",
            Qualite.PILOTE: role == "pilote",
            Qualite.PERSONNE: sees and role != "cle",
        }
        assert {one for one in found if one is not Qualite.LECTEUR} == {one for one, is_ in expected.items() if is_}
        assert (Qualite.LECTEUR in found) == sees


def test_a_pilote_of_another_acteur_does_not_act_for_it():
    found = qualites(Role.PILOTE, id=ME, acteur="voirie", auteur_id=ELSE, acteur_du_ticket="voirie")
    assert found == {Qualite.LECTEUR, Qualite.PILOTE, Qualite.PERSONNE}


def test_a_link_without_an_account_is_its_acteur_and_never_an_author():
    found = qualites(Role.AGENT, id=None, acteur="voirie", auteur_id=ME, acteur_du_ticket="voirie")
    assert found == {Qualite.LECTEUR, Qualite.ACTEUR}
    assert qualites(Role.AGENT, id=None, acteur="voirie", auteur_id=ME, acteur_du_ticket="proprete") == frozenset()


def test_a_key_of_nobody_does_not_see_the_signalements_of_nobody():
    assert not portee(Role.CLE, id=ME, acteur=None).couvre(auteur=ELSE, acteur=None)


@pytest.mark.parametrize(("role", "statut"), [*product(sorted(EVERYTHING - {"pilote"}), Statut)])
def test_who_only_reads_may_follow_what_others_signalled_and_nothing_else(role, statut):
    found = qualites(Role(role), id=ME, acteur=None, auteur_id=ELSE, acteur_du_ticket="voirie")
    assert possibles(statut, found, reouvrable=True) == (Verbe.ABONNEMENTS,)


def test_an_elu_reassigns_nothing_not_even_what_it_signalled():
    found = qualites(Role.ELU, id=ME, acteur=None, auteur_id=ME, acteur_du_ticket="voirie")
    assert Verbe.REAFFECTATIONS not in possibles(Statut.AFFECTE, found, reouvrable=True)
    ended = {Verbe.CLOTURES, Verbe.REOUVERTURES, Verbe.ABONNEMENTS}
    assert set(possibles(Statut.TRAITE, found, reouvrable=True)) == ended


def test_everybody_signals_but_the_direction_generale():
    assert set(Role) - SIGNALENT == {Role.DIRECTION_GENERALE}


def test_instances_are_followed_by_the_pilote_and_the_direction_generale():
    assert {"pilote", "direction_generale"} == SUIVENT_LES_INSTANCES
