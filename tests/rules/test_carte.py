"""What the map answers: who is under a point, what is near it, and how far outside the town it is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from math import cos, dist, radians, sin, sqrt

import pytest
from shapely.geometry import shape

from relais.rules.carte import Carte, Emprise, HorsTerritoire, PositionInversee, verifier_position
from relais.rules.configuration import Domanialite, TypeZone, Zone

JOUR = date(2026, 3, 31)
LON, LAT = 0.412, 48.105
ANGLES = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
ROTATED = ANGLES[2:] + ANGLES[1:3]


def at(x, y, lat=LAT, lon=LON):
    """The position x metres east and y metres north, by the usual series for the length of a degree."""
    phi = radians(lat)
    north = 111132.954 - 559.822 * cos(2 * phi) + 1.175 * cos(4 * phi)
    east = 111412.84 * cos(phi) - 93.5 * cos(3 * phi) + 0.118 * cos(5 * phi)
    return lon + x / east, lat + y / north


def box(x0, y0, x1, y1, angles=ANGLES):
    """The corners are computed once a side, so that neighbours share them to the last bit."""
    return [at((x0, x1)[i], (y0, y1)[j]) for i, j in angles]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [*rings]}


def emprise(code, geometrie, domanialite=Domanialite.BAIL, **rest):
    return Emprise(code, None, domanialite, None, geometrie, **rest)


def codes(emprises):
    return [found.code for found in emprises]


COUR = polygon(box(0, 0, 60, 40), box(20, 10, 40, 30))
JARDIN = polygon(box(5, 5, 15, 15))
RUE = polygon(box(-100, -8, 100, 0))


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        pytest.param((50, 20), ["residence"], id="inside"),
        pytest.param((60, 20), ["residence"], id="on its edge: inside"),
        pytest.param((60, 40), ["residence"], id="on its corner: inside"),
        pytest.param((30, 20), [], id="in its courtyard: outside"),
        pytest.param((20, 20), ["residence"], id="on the courtyard's edge: inside"),
        pytest.param((10, 10), ["jardin", "residence"], id="where two overlap: both, the smallest first"),
        pytest.param((30, 0), ["rue", "residence"], id="on the edge that two share: both, the smallest first"),
        pytest.param((80, 20), [], id="where nothing is drawn: none"),
    ],
)
def test_what_lies_under_a_point(point, expected):
    carte = Carte([emprise("residence", COUR), emprise("jardin", JARDIN), emprise("rue", RUE)], [], None)
    assert codes(carte.emprises_en(*at(*point), JOUR)) == expected


def test_one_outline_drawn_twice_goes_by_priority_then_by_code():
    same = [
        emprise("b", polygon(box(0, 0, 10, 10))),
        emprise("a", polygon(box(0, 0, 10, 10))),
        emprise("z", polygon(box(0, 0, 10, 10, ROTATED)), priorite=5),
    ]
    assert codes(Carte(same, [], None).emprises_en(*at(5, 5), JOUR)) == ["z", "a", "b"]


def test_the_corner_a_drawing_starts_from_does_not_make_it_smaller():
    """Their areas differ by the last bit of a float, in favour of the one without priority."""
    corners = [(0.4123, 48.1051), (0.4141, 48.1053), (0.4127, 48.1077)]
    first, second = (polygon([*turned, turned[0]]) for turned in (corners, corners[1:] + corners[:1]))
    assert shape(first).area != shape(second).area
    for one, other in ((first, second), (second, first)):
        carte = Carte([emprise("a", one), emprise("z", other, priorite=1)], [], None)
        assert codes(carte.emprises_en(0.4130, 48.1060, JOUR)) == ["z", "a"]


def test_priority_does_not_lift_a_large_emprise_over_a_small_one():
    carte = Carte([emprise("residence", COUR, priorite=9), emprise("jardin", JARDIN)], [], None)
    assert codes(carte.emprises_en(*at(10, 10), JOUR)) == ["jardin", "residence"]


@pytest.mark.parametrize(
    ("le", "expected"),
    [
        pytest.param(date(2025, 12, 31), [], id="the day before it starts"),
        pytest.param(date(2026, 1, 1), ["friche"], id="its first day"),
        pytest.param(date(2026, 3, 31), ["friche"], id="its last day"),
        pytest.param(date(2026, 4, 1), ["lot"], id="the next day, what follows it"),
    ],
)
def test_an_emprise_counts_from_its_first_day_to_its_last(le, expected):
    friche = emprise("friche", JARDIN, valide_du=date(2026, 1, 1), valide_au=date(2026, 3, 31))
    carte = Carte([friche, emprise("lot", JARDIN, valide_du=date(2026, 4, 1))], [], None)
    for found in (
        carte.emprises_en(*at(10, 10), le),
        [near for near, _ in carte.emprises_a_moins_de(*at(20, 10), 10, le)],
        [near for near, _ in carte.emprises_visibles(*at(20, 10), 10, le)],
    ):
        assert codes(found) == expected


def test_what_is_near_comes_with_its_distance_nearest_first():
    carte = Carte([emprise("jardin", JARDIN), emprise("rue", RUE)], [], None)
    near = carte.emprises_a_moins_de(*at(18, 10), 10.1, JOUR)
    assert [(found.code, round(metres, 2)) for found, metres in near] == [("jardin", 3.0), ("rue", 10.0)]
    assert codes(found for found, _ in carte.emprises_a_moins_de(*at(18, 10), 9.9, JOUR)) == ["jardin"]
    assert carte.emprises_a_moins_de(*at(10, 10), 0, JOUR)[0][1] == 0.0


def test_a_box_that_comes_near_does_not_make_its_emprise_near():
    corner = polygon([at(0, 0), at(30, 0), at(0, 30), at(0, 0)])
    carte = Carte([emprise("triangle", corner)], [], None)
    assert carte.emprises_a_moins_de(*at(29, 29), 15, JOUR) == []
    [(_, metres)] = carte.emprises_a_moins_de(*at(29, 29), 25, JOUR)
    assert metres == pytest.approx(28 / sqrt(2), rel=1e-3)


def test_a_background_under_everything_is_seen_only_where_it_shows():
    """Laid over the town, it would touch every disc. The joint between two residences hides it; the street does not."""
    fond = emprise("fond", polygon(box(-500, -500, 500, 500)), Domanialite.DPC)
    west, east = emprise("ouest", polygon(box(-40, 0, 0, 40))), emprise("est", polygon(box(0, 0, 40, 41)))
    carte = Carte([fond, west, east], [], None)
    assert codes(found for found, _ in carte.emprises_visibles(*at(-3, 20), 10, JOUR)) == ["ouest", "est"]
    seen = carte.emprises_visibles(*at(-3, 8), 10, JOUR)
    assert [(found.code, round(metres, 2)) for found, metres in seen] == [("ouest", 0), ("est", 3), ("fond", 8)]


@pytest.mark.parametrize("bearing", range(0, 90, 3))
def test_what_lies_just_within_reach_is_seen_in_every_direction(bearing):
    angle = radians(bearing + 1.4)
    towards, aside = (cos(angle), sin(angle)), (-sin(angle), cos(angle))
    corners = [(9.99, -3), (13, -3), (13, 3), (9.99, 3), (9.99, -3)]
    wall = polygon([at(*(far * a + wide * b for a, b in zip(towards, aside, strict=True))) for far, wide in corners])
    [(_, metres)] = Carte([emprise("mur", wall)], [], None).emprises_visibles(LON, LAT, 10, JOUR)
    assert metres == pytest.approx(9.99, abs=0.01)


def test_a_duplicate_of_what_wins_is_never_seen():
    twice = [emprise("gagne", JARDIN, priorite=1), emprise("perd", polygon(box(5, 5, 15, 15, ROTATED)))]
    assert codes(found for found, _ in Carte(twice, [], None).emprises_visibles(*at(20, 10), 30, JOUR)) == ["gagne"]


def earth_centred(lon, lat):
    """The exact place in space, where a straight line of a kilometre is the ground's to a few micrometres."""
    e2, lam, phi = 0.00669437999014, radians(lon), radians(lat)
    normal = 6378137.0 / sqrt(1 - e2 * sin(phi) ** 2)
    return normal * cos(phi) * cos(lam), normal * cos(phi) * sin(lam), normal * (1 - e2) * sin(phi)


@pytest.mark.parametrize("lat", [51.0, 48.1, 43.3, 4.9, -12.8, -21.1])
@pytest.mark.parametrize(("dx", "dy"), [(0.01, 0), (0, 0.01), (0.007, 0.007), (-0.0003, 0.0001)])
def test_a_metre_is_a_metre_to_a_thousandth_from_dunkerque_to_la_reunion(lat, dx, dy):
    lon, far = 2.0, (2.0 + dx, lat + dy)
    tiny = 1e-9
    speck = polygon([far, (far[0] + tiny, far[1]), (far[0], far[1] + tiny), far])
    [(_, metres)] = Carte([emprise("borne", speck)], [], None).emprises_a_moins_de(lon, lat, 5000, JOUR)
    assert metres == pytest.approx(dist(earth_centred(lon, lat), earth_centred(*far)), rel=1e-3)


def zone(code, geometrie):
    return Zone(code, code.title(), TypeZone.QUARTIER, geometrie)


def test_a_point_is_in_every_zone_that_holds_it_edges_included():
    zones = [
        zone("tilleuls", polygon(box(0, 0, 50, 50))),
        zone("centre", polygon(box(50, 0, 99, 50))),
        zone("cour", COUR),
    ]
    carte = Carte([], zones, None)
    assert codes(carte.zones_en(*at(50, 20))) == ["tilleuls", "centre", "cour"]
    assert codes(carte.zones_en(*at(30, 20))) == ["tilleuls"]
    assert carte.zones_en(*at(30, 80)) == ()


COMMUNE = {"type": "MultiPolygon", "coordinates": [[box(-5000, -5000, 0, 0)], [box(10, 0, 5000, 5000)]]}


def test_metres_outside_are_to_the_nearest_edge_and_none_inside():
    carte = Carte([], [], COMMUNE)
    assert carte.metres_hors(*at(-20, -20)) == carte.metres_hors(*at(0, 0)) == 0.0
    assert carte.metres_hors(*at(6, 20)) == pytest.approx(4, rel=1e-3)
    assert Carte([], [], None).metres_hors(*at(90000, 0)) == 0.0


@pytest.mark.parametrize("precision", [30.5, 50, 4000])
def test_a_position_30_m_outside_is_accepted_when_its_precision_explains_it(precision):
    lon, lat = at(-5030, -20)
    verifier_position(Carte([], [], COMMUNE), lon=lon, lat=lat, precision_m=precision)


@pytest.mark.parametrize("precision", [10, 29.5, 0, None])
def test_a_position_30_m_outside_is_refused_when_its_precision_does_not_explain_it(precision):
    lon, lat = at(-5030, -20)
    with pytest.raises(HorsTerritoire) as refusal:
        verifier_position(Carte([], [], COMMUNE), lon=lon, lat=lat, precision_m=precision)
    assert refusal.value.metres == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize("place", [(-20, -20), (-5900, -20)], ids=["inside", "900 m outside"])
def test_a_swapped_position_is_called_swapped(place):
    lon, lat = at(*place)
    with pytest.raises(PositionInversee):
        verifier_position(Carte([], [], COMMUNE), lon=lat, lat=lon, precision_m=12)


def test_a_swapped_position_that_lands_elsewhere_is_only_outside():
    lon, lat = at(-6100, -20)
    with pytest.raises(HorsTerritoire):
        verifier_position(Carte([], [], COMMUNE), lon=lat, lat=lon, precision_m=12)


def test_without_a_contour_a_swap_is_seen_when_it_leaves_france():
    carte = Carte([], [], None)
    for lon, lat in [(LON, LAT), (55.45, -20.9), (2.0, 60.0), (-61.5, 16.2), (-52.3, 4.9), (45.2, -12.8)]:
        verifier_position(carte, lon=lon, lat=lat, precision_m=None)
    for lon, lat in [(LON, LAT), (55.45, -20.9), (-61.5, 16.2), (-52.3, 4.9), (45.2, -12.8)]:
        with pytest.raises(PositionInversee):
            verifier_position(carte, lon=lat, lat=lon, precision_m=None)


def test_eight_threads_read_one_new_map_and_agree():
    tiles = [
        emprise(f"{x}-{y}", polygon(box(x, y, x + 10, y + 10))) for x in range(0, 300, 10) for y in range(0, 300, 10)
    ]
    expected = [[tile.code] for tile in tiles]
    carte = Carte(tiles, [], None)
    centres = [at(x + 5, y + 5) for x in range(0, 300, 10) for y in range(0, 300, 10)]
    with ThreadPoolExecutor(8) as threads:
        readings = list(
            threads.map(lambda _: [codes(carte.emprises_en(*centre, JOUR)) for centre in centres], range(8))
        )
    assert readings == [expected] * 8
