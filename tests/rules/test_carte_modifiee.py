"""A map that was changed answers as one drawn anew, and what is heavy or many answers as what is light."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from relais.rules import carte as regles_de_la_carte
from relais.rules.carte import SOMMETS_LOURDS, Carte, Emprise, Trace
from relais.rules.configuration import Domanialite, TypeZone, Zone

JOURS = (date(2026, 3, 1), date(2026, 3, 31))
LON, LAT = 0.412, 48.105
UNITE = 1e-4
SIDE = 12
PLACES = [(x / 2, y / 2) for x in range(2 * SIDE + 1) for y in range(2 * SIDE + 1)][::11]


def at(x, y):
    return LON + x * UNITE, LAT + y * UNITE


def rectangle(x0, y0, x1, y1):
    return {"type": "Polygon", "coordinates": [[at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0)]]}


def emprise(code, geometrie, **rest):
    return Emprise(code, None, Domanialite.DPC, None, geometrie, **rest)


side = st.integers(0, SIDE - 1)


def dit(x, y, wide, high, trace, **rest):
    geometrie = rectangle(x, y, x + wide, y + high)
    return {"geometrie": Trace(shapely.from_geojson(json.dumps(geometrie))) if trace else geometrie, **rest}


drawn = st.builds(
    dit,
    side,
    side,
    st.integers(1, 4),
    st.integers(1, 4),
    st.booleans(),
    priorite=st.integers(0, 1),
    valide_du=st.sampled_from([None, JOURS[1]]),
)
CODES = [f"e{n}" for n in range(24)]
grounds = st.fixed_dictionaries(dict.fromkeys(CODES[:16], drawn))
edits = st.lists(
    st.dictionaries(st.sampled_from(CODES), st.none() | drawn, min_size=1, max_size=4), min_size=1, max_size=5
)


def answers(carte):
    """All that the map says, everywhere, both days."""
    return [carte.emprises] + [
        (
            carte.emprises_en(*at(x, y), le),
            carte.emprises_a_moins_de(*at(x, y), 12, le),
            carte.emprises_visibles(*at(x, y), 12, le),
        )
        for x, y in PLACES
        for le in JOURS
    ]


@pytest.mark.parametrize("part", [0, 0.5, 100], ids=["always built whole", "now and then", "never built whole"])
@settings(max_examples=8, deadline=None)
@given(ground=grounds, chain=edits)
def test_a_map_reached_by_any_chain_of_changes_answers_as_one_built_whole(part, ground, chain):
    with pytest.MonkeyPatch.context() as setting:
        setting.setattr(regles_de_la_carte, "PART_RECOUVERTE", part)
        held = {code: emprise(code, **said) for code, said in ground.items()}
        carte = Carte(held.values(), (), None)
        for edit in chain:
            come = [emprise(code, **said) for code, said in edit.items() if said]
            held = {code: one for code, one in held.items() if code not in edit} | {one.code: one for one in come}
            carte = carte.modifiee(otees=edit.keys(), posees=come, zones=(), contour=None)
            assert answers(carte) == answers(Carte(held.values(), (), None))


def test_a_changed_map_leaves_the_one_before_it_as_it_was():
    lots = [emprise(f"lot-{n}", rectangle(n, 0, n + 1, 1)) for n in range(200)]
    before = Carte(lots, [], None)
    zone = Zone("centre", "Centre", TypeZone.QUARTIER, rectangle(0, 0, 3, 3))
    new = replace(lots[5], nom="Square")
    after = before.modifiee(otees={"lot-5", "lot-6"}, posees=[new], zones=[zone], contour=rectangle(0, 0, 1, 1))
    assert before.emprises_en(*at(5.5, 0.5), JOURS[0]) == [lots[5]]
    assert (before.zones_en(*at(1, 1)), before.metres_hors(*at(50, 50))) == ((), 0.0)
    assert after.emprises_en(*at(5.5, 0.5), JOURS[0]) == [new]
    assert after.emprises_en(*at(6.5, 0.5), JOURS[0]) == []
    assert after.zones_en(*at(1, 1)) == (zone,)
    assert after.metres_hors(*at(50, 50)) > 0


LEGERE = {"type": "Polygon", "coordinates": [[at(0, 0), at(8, 0), at(0, 8), at(0, 0)]]}
LOURDE = json.loads(shapely.to_geojson(shapely.segmentize(shapely.from_geojson(json.dumps(LEGERE)), UNITE / 3800)))
PLACES_DE_LA_LOURDE = [at(*place) for place in ((1, 4), (2.5, 2.5), (3.99, 4), (4.01, 4), (6, 6), (-1, 4), (9, 9))]


def ground(large):
    """A large emprise, a small one on it, and a neighbour in its box."""
    return [
        emprise("grande", large),
        emprise("petite", rectangle(2, 2, 3, 3)),
        emprise("voisine", rectangle(5, 5, 9, 8)),
    ]


def test_an_emprise_of_a_hundred_thousand_vertices_answers_as_its_three_corners_do():
    assert len(LOURDE["coordinates"][0]) > 100_000 > SOMMETS_LOURDS
    heavy, light = Carte(ground(LOURDE), [], None), Carte(ground(LEGERE), [], None)
    for place in PLACES_DE_LA_LOURDE:
        assert codes(heavy.emprises_en(*place, JOURS[0])) == codes(light.emprises_en(*place, JOURS[0]))
        for question in ("emprises_a_moins_de", "emprises_visibles"):
            said, expected = (getattr(carte, question)(*place, 30, JOURS[0]) for carte in (heavy, light))
            assert codes(one for one, _ in said) == codes(one for one, _ in expected)
            assert [away for _, away in said] == pytest.approx([away for _, away in expected], abs=0.01)


def codes(emprises):
    return [one.code for one in emprises]


def test_a_heavy_zone_and_a_heavy_contour_hold_what_the_light_ones_hold():
    def drawn(contour):
        return Carte([], [Zone("centre", "Centre", TypeZone.QUARTIER, contour)], contour)

    heavy, light = drawn(LOURDE), drawn(LEGERE)
    for place in PLACES_DE_LA_LOURDE:
        assert len(heavy.zones_en(*place)) == len(light.zones_en(*place))
        assert heavy.metres_hors(*place) == pytest.approx(light.metres_hors(*place), abs=0.01)


def test_eight_threads_ask_one_new_heavy_map_and_agree():
    places = [at(x / 10, 4) for x in range(-10, 95)]
    expected = [codes(Carte(ground(LEGERE), [], None).emprises_en(*place, JOURS[0])) for place in places]
    for _ in range(5):
        carte = Carte(ground(LOURDE), [], None)
        with ThreadPoolExecutor(8) as threads:
            seen = threads.map(
                lambda _, c=carte: [codes(c.emprises_en(*place, JOURS[0])) for place in places], range(8)
            )
            assert list(seen) == [expected] * 8


@pytest.mark.parametrize(
    "geojson",
    [
        rectangle(0, 0, 1, 1),
        {
            "type": "Polygon",
            "coordinates": [*rectangle(0, 0, 9, 9)["coordinates"], *rectangle(1, 1, 2, 2)["coordinates"]],
        },
        {"type": "MultiPolygon", "coordinates": [rectangle(n, 0, n + 1 / 3, 1)["coordinates"] for n in range(3)]},
    ],
    ids=["polygon", "with a hole", "multipolygon"],
)
def test_a_polygon_kept_as_drawn_reads_as_the_geojson_it_came_from(geojson):
    trace = Trace(shapely.from_geojson(json.dumps(geojson)))
    assert json.loads(json.dumps(dict(trace))) == json.loads(json.dumps(geojson))
    assert trace == geojson
    assert geojson == trace
    assert trace != rectangle(0, 0, 1, 2)
