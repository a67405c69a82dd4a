"""Faulty drawings: mended and said so, or refused with the code of the element and what to do. In every format."""

import json
from math import cos, pi, sin

import pytest
from imports.couches import FORMATS, ecrire
from shapely import MultiPolygon, Point, Polygon, box
from shapely.geometry import mapping, shape

from relais.imports import FichierRefuse
from relais.imports.emprises import lire_emprises
from relais.imports.traces import SOMMETS_MAX

X, Y, P = 0.40, 48.10, 0.01
CARRE = Polygon([(X, Y), (X + P, Y), (X + P, Y + P), (X, Y + P)])
NOEUD = Polygon([(X, Y), (X + P, Y + P), (X + P, Y), (X, Y + P)])
# A corner drawn a little too far, then back: the loop is a thousandth of a thousandth of the square.
BOUCLE = Polygon([(X, Y), (X + P, Y), (X + P, Y + P), (X + P / 2, Y + P), (X + P / 2 + P / 1000, Y + P + P / 1000),
                  (X + P / 2, Y + P + P / 1000), (X + P / 2 + P / 1000, Y + P), (X, Y + P)])  # fmt: skip
TROU_DEHORS = Polygon(CARRE.exterior, [box(X + 2 * P, Y, X + 3 * P, Y + P).exterior])
TROU_A_CHEVAL = Polygon(CARRE.exterior, [box(X + P / 2, Y + P / 4, X + 2 * P, Y + P / 2).exterior])
DEUX_MORCEAUX = MultiPolygon([CARRE, box(X + P / 2, Y + P / 2, X + 2 * P, Y + 2 * P)])
MORCEAU_DEDANS = MultiPolygon([CARRE, box(X + P / 4, Y + P / 4, X + P / 2, Y + P / 2)])
PLAT = Polygon([(X, Y), (X + P, Y + P), (X + 2 * P, Y + 2 * P)])
REPETE = Polygon([(X, Y), (X, Y), (X + P, Y), (X + P, Y + P), (X + P, Y + P), (X, Y + P)])
EN_RELIEF = Polygon([(X, Y, 87.5), (X + P, Y, 87.5), (X + P, Y + P, 90), (X, Y + P, 90)])
INVERSE = Polygon([(y, x) for x, y in CARRE.exterior.coords])
EN_METRES = box(647000, 6861000, 647100, 6861100)


@pytest.fixture(params=FORMATS)
def lire(tmp_path, request):
    def lire(*geometries, **options):
        objets = [
            (geometrie, {"code": f"terrain-{n}", "domanialite": "DPC"}) for n, geometrie in enumerate(geometries, 1)
        ]
        return lire_emprises(ecrire(tmp_path / f"plan.{request.param}", objets), None, (), **options)

    return lire


@pytest.fixture
def faute(lire):
    def faute(*geometries, **options):
        with pytest.raises(FichierRefuse) as refus:
            lire(*geometries, **options)
        [seule] = refus.value.fautes
        assert seule.chemin.endswith(".geometry")
        return seule.raison

    return faute


def avertis(lues):
    return [str(un) for un in lues.avertissements]


def forme(lues):
    [emprise] = lues.emprises
    dessin = shape(emprise.geometrie)
    assert dessin.is_valid
    return dessin


def test_a_sound_square_comes_as_it_was_drawn_and_nothing_is_said(lire):
    lues = lire(CARRE)
    assert lues.avertissements == ()
    assert forme(lues).equals(CARRE)


def test_a_bow_tie_is_refused_for_nobody_knows_which_half_was_meant(faute):
    assert faute(NOEUD) == (
        "« terrain-1 » : le contour se recoupe près de 0.405 ; 48.105,"
        " et rien ne dit ce qui a été voulu ; redessinez-le"
    )


def test_a_small_loop_is_untangled_and_said(lire):
    lues = lire(BOUCLE)
    assert abs(forme(lues).area - CARRE.area) < CARRE.area / 10_000
    [dit] = avertis(lues)
    assert dit.startswith("« terrain-1 » : tracé réparé : le contour se recoupe près de 0.405")


@pytest.mark.parametrize("format_", ["geojson", "gpkg"])
def test_a_hole_outside_is_no_ground(tmp_path, format_):
    """In a shapefile a ring outside is a piece: it cannot say that it was meant as a hole."""
    chemin = ecrire(tmp_path / f"plan.{format_}", [(TROU_DEHORS, {"code": "a", "domanialite": "DPC"})])
    lues = lire_emprises(chemin, None, ())
    assert forme(lues).equals(CARRE)
    assert "un trou sort du contour" in avertis(lues)[0]


def test_a_hole_across_the_edge_takes_off_what_is_inside(lire):
    lues = lire(TROU_A_CHEVAL)
    assert forme(lues).area == pytest.approx(CARRE.area * 7 / 8)
    assert len(avertis(lues)) == 1


@pytest.mark.parametrize("format_", ["geojson", "gpkg"])
@pytest.mark.parametrize(("dessin", "aire"), [(DEUX_MORCEAUX, 3), (MORCEAU_DEDANS, 1)], ids=["a cheval", "dedans"])
def test_pieces_that_overlap_are_one_ground(tmp_path, format_, dessin, aire):
    """A shapefile cannot say it: there, a ring within another is a hole."""
    chemin = ecrire(tmp_path / f"plan.{format_}", [(dessin, {"code": "a", "domanialite": "DPC"})])
    lues = lire_emprises(chemin, None, ())
    assert forme(lues).area == pytest.approx(CARRE.area * aire)
    assert "tracé réparé" in avertis(lues)[0]


def test_a_flat_drawing_has_no_ground(faute):
    assert faute(PLAT).startswith("« terrain-1 » : le tracé n'a pas de surface")


def test_repeated_vertices_are_taken_off_and_said(lire):
    lues = lire(REPETE)
    assert forme(lues).equals(CARRE)
    assert len(shape(lues.emprises[0].geometrie).exterior.coords) == 5
    assert avertis(lues) == ["« terrain-1 » : sommets répétés retirés"]


def test_an_altitude_is_dropped_and_said(lire):
    lues = lire(EN_RELIEF)
    assert not forme(lues).has_z
    assert avertis(lues) == ["« terrain-1 » : altitude retirée, la carte est à plat"]


def test_swapped_coordinates_are_refused(faute):
    assert faute(INVERSE).startswith("« terrain-1 » : latitude et longitude sont inversées près de 48.1 ; 0.4")


def test_metres_taken_for_degrees_are_refused_and_the_option_is_told(faute):
    raison = faute(EN_METRES)
    assert "hors de la Terre" in raison
    assert "« --projection EPSG:2154 »" in raison


def test_a_square_seen_again_in_the_other_direction_is_the_same(lire):
    """RFC 7946 turns outlines one way, shapefile the other: the direction says nothing of the ground."""
    assert (
        lire(CARRE.reverse()).emprises[0].geometrie == lire(CARRE).emprises[0].geometrie
        or forme(lire(CARRE.reverse())).exterior.is_ccw
    )


def test_a_lone_piece_is_a_polygon_whatever_the_format_calls_it(lire):
    assert lire(MultiPolygon([CARRE])).emprises[0].geometrie["type"] == "Polygon"


@pytest.mark.parametrize(
    ("trou", "dit"),
    [
        ([[X + P / 2, Y + P / 2]] * 4, "le tracé est trop abîmé pour être lu"),
        (list(map(list, CARRE.exterior.coords)), "un trou prend tout un morceau"),
    ],
    ids=["un point", "tout le terrain"],
)
def test_a_hole_that_leaves_no_ground_is_refused(tmp_path, trou, dit):
    geometrie = {"type": "Polygon", "coordinates": [list(CARRE.exterior.coords), trou]}
    element = {"type": "Feature", "properties": {"code": "a", "domanialite": "DPC"}, "geometry": geometrie}
    (tmp_path / "plan.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [element]}))
    with pytest.raises(FichierRefuse, match=f"« a » : {dit}"):
        lire_emprises(tmp_path / "plan.geojson", None, ())


@pytest.mark.parametrize("format_", ["geojson", "gpkg"])
def test_an_empty_drawing_is_refused_where_a_format_can_hold_one(tmp_path, format_):
    chemin = ecrire(
        tmp_path / f"plan.{format_}", [(CARRE, {"code": "a", "domanialite": "DPC"}), (Polygon(), {"code": "b"})]
    )
    with pytest.raises(FichierRefuse) as refus:
        lire_emprises(chemin, None, ())
    raisons = " ".join(faute.raison for faute in refus.value.fautes)
    assert "le tracé est vide" in raisons or "les coordonnées manquent" in raisons


def test_a_layer_without_a_surface_does_not_empty_the_map(lire):
    with pytest.raises(FichierRefuse, match="ne contient aucune surface"):
        lire(Point(X, Y))


# --- enormous


def cercle(sommets, rayon, dentelure=0.0):
    """A circle; with `dentelure`, a cogwheel whose teeth no simplification may take off."""
    rayons = [rayon + dentelure * (n % 2) for n in range(sommets)]
    return Polygon(
        [(X + r * cos(2 * pi * n / sommets), Y + r * sin(2 * pi * n / sommets)) for n, r in enumerate(rayons)]
    )


@pytest.fixture
def lire_un(tmp_path):
    def lire_un(dessin, **options):
        chemin = ecrire(tmp_path / "plan.gpkg", [(dessin, {"code": "a", "domanialite": "DPC"})])
        return lire_emprises(chemin, None, (), **options)

    return lire_un


def test_too_many_vertices_on_a_smooth_line_are_simplified_and_said(lire_un):
    enorme = cercle(SOMMETS_MAX + 1, P)
    lues = lire_un(enorme)
    assert forme(lues).hausdorff_distance(enorme) < 1.1e-6
    [dit] = avertis(lues)
    assert dit.startswith(f"« a » : tracé simplifié, à 10 cm près : {SOMMETS_MAX + 2} sommets, ")


def test_too_many_vertices_that_matter_are_refused(lire_un):
    with pytest.raises(FichierRefuse, match="100000 au plus ; simplifiez-le"):
        lire_un(cercle(SOMMETS_MAX + 2, P, dentelure=P / 10))


def test_ground_larger_than_the_territoire_is_refused(lire_un):
    with pytest.raises(FichierRefuse, match="« a » : 9 fois plus grand que le territoire"):
        lire_un(box(X - P, Y - P, X + 2 * P, Y + 2 * P), territoire=mapping(CARRE))


def test_a_background_as_large_as_the_territoire_is_a_map(lire_un):
    assert lire_un(CARRE.buffer(P / 10), territoire=mapping(CARRE)).avertissements == ()


def test_ground_outside_the_territoire_is_accepted_and_said(lire_un):
    lues = lire_un(box(X + 2 * P, Y, X + 3 * P, Y + P), territoire=mapping(CARRE))
    assert avertis(lues) == ["« a » : entièrement hors du territoire"]


def test_many_of_a_kind_are_counted_with_a_few_examples(lire):
    lues = lire(*[EN_RELIEF] * 40)
    [dit] = avertis(lues)
    assert dit.startswith(
        "40 objets : altitude retirée, la carte est à plat ; par exemple « terrain-1 », « terrain-2 »"
    )
