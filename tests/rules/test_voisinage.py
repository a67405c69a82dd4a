"""How near is near, how soon is soon, and what came back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import cos, radians
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relais.rules.calendrier import Calendrier, Plage
from relais.rules.configuration import Voisinage
from relais.rules.statuts import Statut
from relais.rules.voisinage import MAILLE_M, METRES_PAR_DEGRE, Voisin, boite, maille, metres, rayon, ressemble, retour

NOW = datetime(2026, 4, 29, 10, 0, tzinfo=UTC)
REGLE = Voisinage(25, 90)
CALENDRIER = Calendrier("Europe/Paris", ((Plage(9 * 60, 17 * 60),),) * 7)
VAUCELLES = st.tuples(st.floats(0.3, 0.5), st.floats(48.0, 48.2))


def voisin(statut=Statut.TRAITE, *, metres_=20.0, recu=30.0, traite=12.0):
    """Received and treated so many days ago."""
    done = NOW - timedelta(days=traite) if statut in {Statut.TRAITE, Statut.CLOS} else None
    return Voisin(uuid4(), "VSL-2026-00001", statut, metres_, NOW - timedelta(days=recu), done)


def back(*voisins, le=NOW):
    return retour(voisins, regle=REGLE, calendrier=CALENDRIER, le=le)


@given(VAUCELLES, VAUCELLES)
def test_metres_are_the_same_both_ways_to_a_centimetre_a_kilometre(a, b):
    there, again = metres(a, b), metres(b, a)
    assert there == pytest.approx(again, rel=0.01)


def test_a_degree_northwards_is_a_hundred_and_eleven_kilometres_and_less_eastwards():
    assert metres((0.4, 48.0), (0.4, 49.0)) == pytest.approx(METRES_PAR_DEGRE)
    assert metres((0.4, 48.0), (1.4, 48.0)) == pytest.approx(METRES_PAR_DEGRE * cos(radians(48.0)))


@given(VAUCELLES, VAUCELLES, st.floats(1, 20_000))
def test_what_is_within_the_radius_is_within_the_box(here, there, far):
    west, south, east, north = boite(*here, far)
    if metres(here, there) < far * 0.999:
        assert west <= there[0] <= east
        assert south <= there[1] <= north


@given(VAUCELLES)
def test_the_grid_moves_a_place_by_half_a_diagonal_at_most_and_once(place):
    assert metres(maille(*place), place) <= MAILLE_M * 0.7072
    assert metres(maille(*maille(*place)), maille(*place)) < 0.01


@pytest.mark.parametrize(
    ("said", "precision", "found"),
    [
        (25, None, 25),
        (25, 8, 25),
        (25, 60, 60),
        (25, 10_000, 100),
        (150, 10_000, 150),
    ],
    ids=["unknown", "better", "worse", "absurd", "the town's own word"],
)
def test_one_looks_as_far_as_the_telephone_doubts_and_no_further_than_a_street(said, precision, found):
    assert rayon(Voisinage(said, 7), precision) == found


@pytest.mark.parametrize(
    ("other", "like"),
    [
        (voisin(Statut.AFFECTE, recu=3), True),
        (voisin(Statut.TRAITE, recu=3, traite=1), True),
        (voisin(Statut.AFFECTE, recu=7), True),
        (voisin(Statut.AFFECTE, recu=7.01), False),
        (voisin(Statut.AFFECTE, recu=-7), True),
        (voisin(Statut.AFFECTE, recu=3, metres_=25), True),
        (voisin(Statut.AFFECTE, recu=3, metres_=25.1), False),
        (voisin(Statut.CLOS, recu=3, traite=1), False),
        (voisin(Statut.DOUBLON, recu=3), False),
        (voisin(Statut.RETIRE, recu=3), False),
        (voisin(Statut.REORIENTE, recu=3), False),
    ],
    ids=["open", "done", "last-day", "late", "after", "edge", "beyond", "closed", "doublon", "withdrawn", "elsewhere"],
)
def test_what_may_speak_of_the_same_thing(other, like):
    assert ressemble(other, regle=Voisinage(25, 7), rayon_m=25, le=NOW) == like


def test_twelve_days_after_it_was_done_it_came_back():
    done = voisin(Statut.CLOS, traite=12)
    found = back(done)
    assert (found.dernier, found.jours, len(found.precedents)) == (done, 12, 1)


@pytest.mark.parametrize(
    "voisins",
    [
        (),
        (voisin(Statut.AFFECTE),),
        (voisin(metres_=25.1),),
        (voisin(recu=95, traite=90.01),),
        (voisin(Statut.RETIRE), voisin(Statut.DOUBLON), voisin(Statut.REORIENTE)),
        (voisin(traite=12), voisin(Statut.AFFECTE, recu=2)),
        (voisin(traite=-0.01),),
    ],
    ids=["nothing", "never done", "beyond", "a season ago", "never treated", "somebody has said so", "done since"],
)
def test_what_is_not_the_return_of_anything(voisins):
    assert back(*voisins) is None


def test_what_was_open_before_it_was_done_has_not_said_that_it_came_back():
    assert back(voisin(traite=12), voisin(Statut.AFFECTE, recu=13)) is not None
    assert back(voisin(traite=12), voisin(Statut.AFFECTE, recu=2, metres_=26)) is not None


def test_it_is_the_return_of_the_last_one_and_all_are_counted():
    first, second, third = (voisin(traite=days) for days in (80, 40, 5))
    found = back(second, third, first)
    assert (found.precedents, found.jours) == ((third, second, first), 5)


def test_days_are_those_of_the_town_s_calendar():
    """Done at 23:30, come back at 00:30: the day after, though an hour has passed."""
    done = replace(voisin(), traite_le=datetime(2026, 4, 28, 21, 30, tzinfo=UTC))
    assert back(done, le=datetime(2026, 4, 28, 22, 30, tzinfo=UTC)).jours == 1
    assert back(done, le=datetime(2026, 4, 28, 21, 45, tzinfo=UTC)).jours == 0
