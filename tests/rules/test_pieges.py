"""The traps of the trade that touch the map. The others have their tests beside what they trap.

5 (a ticket sent back and forth): tests/commands/test_arbitrage.py. 16 (a promise changed since), 17 (a friche changes
hands), 19 (two lists of QPV): tests/commands/test_dans_le_temps.py.
"""

import json
from dataclasses import replace

import pytest
from rules.quartier import CARTE, DEPOT, FIL, MARS, PLACES, VAUCELLES, at, box

from relais.imports.contours import lire_contour
from relais.rules.carte import Carte, HorsTerritoire, verifier_position
from relais.rules.configuration import Regle
from relais.rules.routage import router


def routed(place, *, theme=DEPOT, precision_m=None, regles=VAUCELLES.regles):
    lon, lat = place
    town = replace(VAUCELLES, regles=regles)
    return router(town, CARTE, theme=theme, lon=lon, lat=lat, precision_m=precision_m, le=MARS)


@pytest.mark.parametrize("metres", [-3, -0.5, 0, 0.5, 3])
def test_trap_1_astride_two_grounds_one_answers_and_the_other_is_named(metres):
    """A heap on a kerb: whichever side the phone says, both are told to the pilote."""
    found = routed(at(440 + metres, 220), precision_m=5)
    assert found.acteur == ("proprete" if metres < 0 else "logis")
    assert {one.acteur for one in found.candidats} == {"proprete", "logis"}
    assert found.explication.endswith("Position connue à 5 m près : le responsable reste à confirmer.")


def test_trap_2_a_photo_without_gps_and_a_pin_put_by_hand_are_routed_as_surely_as_they_are_put():
    found = routed(at(439, 220), precision_m=None)
    assert (found.acteur, found.incertain, found.candidats) == ("proprete", False, ())


def test_trap_3_at_80_m_all_who_may_answer_are_listed_and_a_danger_still_has_one():
    wide = routed(at(439, 220), precision_m=80)
    assert (wide.acteur, wide.incertain) == ("proprete", True)
    assert {one.acteur for one in wide.candidats} == {"proprete", "logis"}
    danger = routed(at(439, 220), theme=FIL, precision_m=80)
    assert (danger.acteur, danger.incertain, danger.candidats) == ("astreinte", False, ())


def test_trap_3_at_80_m_among_plots_of_one_acteur_nothing_is_uncertain():
    everywhere = (Regle("R01", "*", "*", "*", "proprete"),)
    assert not routed(at(439, 220), precision_m=80, regles=everywhere).incertain


def test_trap_18_two_communes_merged_into_one_have_no_border_left(tmp_path):
    """Each half still has the code of the commune it was: they are one town, the old border included."""
    halves = [
        {"type": "Feature", "properties": {"code": code}, "geometry": box(x, 0, x + 100, 100)}
        for code, x in (("99101", 0), ("99102", 100))
    ]
    contours = tmp_path / "commune_nouvelle.geojson"
    contours.write_text(json.dumps({"type": "FeatureCollection", "features": halves}), encoding="utf-8")
    notes = []
    carte = Carte([], (), lire_contour(contours, notes.append))
    assert notes == []
    for x in (50, 99.999, 100, 100.001, 150):
        lon, lat = at(x, 50)
        verifier_position(carte, lon=lon, lat=lat, precision_m=None)
    lon, lat = at(250, 50)
    with pytest.raises(HorsTerritoire):
        verifier_position(carte, lon=lon, lat=lat, precision_m=None)


def test_a_hole_is_nobody_s_and_its_edge_is_still_somebody_s():
    assert routed(PLACES["hole"]).emprise is None
    assert routed(at(20, 230)).emprise == "cour"
