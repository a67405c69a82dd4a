"""What is public by itself, how near the public may look, and which rectangles lie on an image."""

from datetime import UTC, datetime, timedelta
from itertools import product
from math import inf, nan

import pytest

from relais.rules.configuration import Publication, RegleDePhoto, Theme
from relais.rules.publication import (
    Rectangle,
    bbox_publique,
    hors_de_l_image,
    position_publique,
    publie_d_office,
    relu,
    sans_photo,
)
from relais.rules.statuts import OUVERTS, PUBLIABLES, Statut

TROTTOIR = Theme("voirie.trottoir", "Trottoir")
HALL = Theme("habitat.hall", "Hall", interieur=True)
BRUIT = Theme("tranquillite.bruit", "Bruit répété", photo=RegleDePhoto.INTERDITE)
LE = datetime(2026, 3, 31, 16, 12, tzinfo=UTC)


@pytest.mark.parametrize(("regle", "statut"), [*product(Publication, Statut)])
def test_only_the_immediate_rule_publishes_by_itself_and_only_what_may_be_shown(regle, statut):
    shown = regle is Publication.IMMEDIATE and statut in PUBLIABLES
    assert publie_d_office(regle, TROTTOIR, statut) is shown
    assert publie_d_office(regle, HALL, statut) is shown
    assert not publie_d_office(regle, BRUIT, statut)


def test_what_ended_elsewhere_is_shown_to_nobody():
    assert set(Statut) - PUBLIABLES == {Statut.REORIENTE, Statut.DOUBLON, Statut.RETIRE}
    assert OUVERTS < PUBLIABLES


def test_words_are_public_once_the_pilote_has_read_them():
    after = LE + timedelta(seconds=1)
    assert relu(LE, publie_le=LE, par_le_pilote=True)
    assert relu(LE, publie_le=after, par_le_pilote=True)
    assert not relu(after, publie_le=LE, par_le_pilote=True)
    assert not relu(LE, publie_le=after, par_le_pilote=False)
    assert not relu(LE, publie_le=None, par_le_pilote=True)


def test_a_hall_or_a_conflict_is_shown_near_where_it_is_and_a_pavement_where_it_is():
    assert position_publique([TROTTOIR], 0.412374, 48.105621) == (0.412374, 48.105621)
    assert position_publique([HALL], 0.412374, 48.105621) == (0.412, 48.106)
    assert position_publique([BRUIT], -0.412574, 48.105421) == (-0.413, 48.105)


@pytest.mark.parametrize("protecting", [HALL, BRUIT], ids=["hall", "bruit"])
def test_one_version_of_the_theme_that_protects_is_enough(protecting):
    for themes in ([protecting, TROTTOIR], [TROTTOIR, protecting]):
        assert position_publique(themes, 0.412374, 48.105621) == (0.412, 48.106)
    assert sans_photo([TROTTOIR, BRUIT])
    assert not sans_photo([TROTTOIR, HALL])


def test_no_box_tells_more_of_a_point_than_its_rounding():
    """However small the box, what it holds is whole cells of the rounding."""
    point = (0.412374, 48.105621)
    shown = position_publique([HALL], *point)
    for step in range(-40, 41):
        edge = shown[0] + step * 0.00005
        west, _, _, _ = bbox_publique((edge, 48.0, 1.0, 49.0))
        assert (west <= point[0]) == (west <= shown[0]), edge


def test_a_public_box_holds_the_box_asked_for_or_its_roundings():
    west, south, east, north = bbox_publique((0.4004, 48.1004, 0.4196, 48.1096))
    assert (west, south, east, north) == pytest.approx((0.3995, 48.0995, 0.4205, 48.1105))


WHOLE = Rectangle(0, 0, 1, 1)


@pytest.mark.parametrize(
    "inside",
    [
        WHOLE,
        Rectangle(0.7, 0.7, 0.3, 0.3),
        Rectangle(0.1, 0.2, 0.9, 0.8),
        Rectangle(0.999, 0.999, 0.001, 0.001),
        Rectangle(0.4, 0.4, 1e-6, 1e-6),
    ],
    ids=str,
)
def test_a_rectangle_may_touch_the_edges_and_be_as_small_as_one_likes(inside):
    assert hors_de_l_image([inside]) == ()


@pytest.mark.parametrize(
    "beyond",
    [
        Rectangle(0, 0, 0, 0.5),
        Rectangle(0, 0, 0.5, 0),
        Rectangle(0.5, 0, -0.1, 0.5),
        Rectangle(0.6, 0, 0.5, 0.5),
        Rectangle(0, 0.6, 0.5, 0.5),
        Rectangle(-0.1, 0, 0.5, 0.5),
        Rectangle(0, -0.1, 0.5, 0.5),
        Rectangle(1, 0, 1e-12, 1),
        Rectangle(0, 0, 1.001, 1),
        Rectangle(nan, 0, 0.5, 0.5),
        Rectangle(0, 0, inf, 0.5),
    ],
    ids=str,
)
def test_a_rectangle_beyond_the_image_or_that_covers_nothing_is_told_by_its_rank(beyond):
    assert hors_de_l_image([WHOLE, beyond, WHOLE, beyond]) == (1, 3)
