"""The whole table of DESIGN §4: verb × statut × who."""

from itertools import product

import pytest

from relais.rules.acces import Qualite
from relais.rules.statuts import LIBELLES, OUVERTS, TRANSITIONS, Statut, Verbe, permis, possibles

OPEN = {"a_qualifier", "affecte", "pris_en_charge", "programme", "en_attente"}
EARLY = {"a_qualifier", "affecte"}
PROMISED = {
    "prises-en-charge": ({"affecte"}, "pris_en_charge", {"acteur"}),
    "reponses": (OPEN, None, {"acteur", "pilote"}),
    "interventions": (OPEN - {"a_qualifier"}, "traite", {"acteur"}),
    "reaffectations": (OPEN, None, {"acteur", "pilote"}),
    "clotures": ({"traite"}, "clos", {"auteur", "pilote"}),
    "reouvertures": ({"traite", "clos"}, "affecte", {"auteur", "pilote"}),
    "corrections": (OPEN, None, {"auteur", "pilote"}),
    "retraits": (OPEN, "retire", {"auteur", "pilote"}),
    "publications": (OPEN | {"traite", "clos"}, None, {"pilote"}),
    "depublications": (OPEN | {"traite", "clos"}, None, {"pilote"}),
    "rattachements": (OPEN, "doublon", {"pilote", "responsable"}),
    "detachements": ({"doublon"}, None, {"pilote", "responsable"}),
    "abonnements": (OPEN | {"traite", "clos", "reoriente", "doublon", "retire"}, None, {"personne"}),
}
TOO_LATE = {(verbe, statut, "auteur") for verbe in ("corrections", "retraits") for statut in OPEN - EARLY}
"""Once an acteur has said « je m'en occupe », what was signalled is not its author's alone any more."""


def test_open_are_the_five_first_statuts():
    assert {statut.value for statut in OUVERTS} == OPEN


def test_the_town_s_statuts_are_these_and_each_has_a_label():
    assert {statut.value for statut in Statut} == OPEN | {"traite", "clos", "reoriente", "doublon", "retire"}
    assert set(LIBELLES) == set(Statut)


def test_every_verb_is_in_the_table_and_in_the_promise():
    assert {verbe.value for verbe in Verbe} == {verbe.value for verbe in TRANSITIONS} == set(PROMISED)


@pytest.mark.parametrize(("verbe", "statut"), [*product(Verbe, Statut)])
def test_a_verb_is_possible_from_the_statuts_promised_and_for_whom_promised(verbe, statut):
    depuis, vers, qui = PROMISED[verbe]
    for qualite in Qualite:
        found = possibles(statut, frozenset({Qualite.LECTEUR, qualite}), reouvrable=True)
        promised = statut in depuis and qualite in qui and (verbe, statut, qualite) not in TOO_LATE
        assert (verbe in found) == promised, qualite
    assert TRANSITIONS[verbe].vers == vers


@pytest.mark.parametrize("verbe", Verbe)
def test_whether_somebody_may_ever_use_a_verb_does_not_depend_on_the_statut(verbe):
    assert {qualite for qualite in Qualite if permis(verbe, frozenset({qualite}))} == PROMISED[verbe][2]


@pytest.mark.parametrize("statut", Statut)
def test_who_does_not_see_a_signalement_may_do_nothing(statut):
    assert possibles(statut, frozenset(), reouvrable=True) == ()


def test_several_qualities_add_up():
    both = possibles(Statut.TRAITE, frozenset({Qualite.ACTEUR, Qualite.AUTEUR}), reouvrable=True)
    assert set(both) == {Verbe.CLOTURES, Verbe.REOUVERTURES}


@pytest.mark.parametrize("statut", [Statut.TRAITE, Statut.CLOS])
def test_after_the_thirty_days_nobody_reopens(statut):
    for qualite in Qualite:
        assert Verbe.REOUVERTURES not in possibles(statut, frozenset({qualite}), reouvrable=False)


@pytest.mark.parametrize("statut", [Statut.REORIENTE, Statut.RETIRE])
def test_an_end_is_an_end(statut):
    assert possibles(statut, frozenset(Qualite), reouvrable=True) == (Verbe.ABONNEMENTS,)


def test_a_doublon_may_prove_to_be_something_else():
    found = possibles(Statut.DOUBLON, frozenset(Qualite), reouvrable=True)
    assert found == (Verbe.DETACHEMENTS, Verbe.ABONNEMENTS)
