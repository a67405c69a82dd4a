"""What doctor says of a map and of its rules: each case differs from a sound one in one respect."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from rules.test_routage import BAIL, CENTRE, DEPOT, DPC, FRICHE, INDET, JOUR, PRIV, TAG, TILLEULS, VAUCELLES, at, box
from shapely.geometry import shape

from relais.rules.carte import Emprise
from relais.rules.configuration import Cible, Competent, Perimetre, Regle
from relais.rules.controle import Genre, controler

OUEST = Emprise("ouest", "Résidence de l'Ouest", BAIL, "habitat-lisse", box(-100, -100, 0, 100))
EST = Emprise("est", None, BAIL, "logis", box(0, -100, 100, 100))
VILLE = replace(
    VAUCELLES, contour=box(-100, -100, 100, 100), zones=(TILLEULS,), regles=(Regle("R01", "*", "*", "*", "proprete"),)
)


def trouver(*emprises, configuration=VILLE, le=JOUR):
    return controler(configuration, emprises, le)


def genres(*emprises, **autres):
    return [one.genre.value for one in trouver(*emprises, **autres)]


def aire(anomalie):
    """Square metres, by the scale of Vaucelles."""
    return shape(anomalie.geometrie).area * 74_463 * 111_203


def a_l_ouest_de(x, **autres):
    return replace(OUEST, geometrie=box(-100, -100, x, 100), **autres)


def test_two_neighbours_that_share_a_border_are_a_sound_map():
    assert trouver(OUEST, EST) == []


# --- overlaps


def test_two_gestionnaires_on_one_ground_are_told_with_their_names_and_where():
    [one] = trouver(a_l_ouest_de(10), EST)
    assert one.genre is Genre.CHEVAUCHEMENT
    assert one.phrase == (
        "« Résidence de l'Ouest » (ouest) et « est » se recouvrent sur 2\N{NO-BREAK SPACE}000 m² :"
        " Habitat Lisse ou Le Logis de la Lisse ? La plus petite l'emporte ; redessinez l'une des deux."
    )
    assert aire(one) == pytest.approx(2_000, rel=0.01)


@pytest.mark.parametrize(
    ("dessous", "dessus", "dit"),
    [
        (a_l_ouest_de(10), replace(EST, gestionnaire="habitat-lisse"), []),
        (a_l_ouest_de(10), replace(EST, gestionnaire=None), ["chevauchement"]),
        (a_l_ouest_de(0.5), EST, []),
        (a_l_ouest_de(100), EST, []),
        (a_l_ouest_de(10), replace(EST, valide_du=JOUR), ["chevauchement"]),
        (a_l_ouest_de(10, valide_au=JOUR), replace(EST, valide_du=JOUR), ["chevauchement"]),
        (a_l_ouest_de(10, valide_au=JOUR - timedelta(1)), EST, ["lacune"]),
        (replace(OUEST, geometrie=EST.geometrie), EST, ["chevauchement", "lacune"]),
        (replace(OUEST, geometrie=EST.geometrie, priorite=1), EST, ["lacune"]),
    ],
    ids=[
        "same gestionnaire", "one unknown", "a sliver", "laid on a background", "same days", "one day in common",
        "before today", "the same outline twice", "settled by priorite",
    ],
)  # fmt: skip
def test_what_is_an_overlap(dessous, dessus, dit):
    assert genres(dessous, dessus) == dit


def test_ground_that_changes_hands_is_no_overlap():
    demain = JOUR + timedelta(1)
    avant, apres = a_l_ouest_de(10, valide_au=JOUR), replace(EST, geometrie=box(-100, -100, 100, 100), valide_du=demain)
    assert genres(avant, apres, replace(EST, valide_au=JOUR)) == ["chevauchement"]
    assert genres(replace(avant, geometrie=OUEST.geometrie), apres, replace(EST, valide_au=JOUR)) == []


@pytest.mark.parametrize("bord", [-100, 100], ids=["southern edge", "northern edge"])
def test_a_hole_that_touches_an_edge_is_no_reason_to_die(bord):
    """A parallel is a curve once in metres: the tip of the hole, on the edge in degrees, may then stand outside."""
    dedans = bord * 0.5
    trou = [at(-50, bord), at(-70, dedans), at(-30, dedans), at(-50, bord)]
    troue = {"type": "Polygon", "coordinates": [*box(-100, -100, 10, 100)["coordinates"], trou]}
    assert shape(troue).is_valid
    assert genres(replace(OUEST, geometrie=troue), replace(EST, geometrie=box(-60, -100, 100, 100))) == [
        "chevauchement", "lacune",
    ]  # fmt: skip


def test_of_an_overlap_only_the_surface_is_shown():
    """They share a border too, further north, which nobody needs to look at."""
    coin = [at(-10, -100), at(100, -100), at(100, 100), at(0, 100), at(0, 0), at(-10, 0), at(-10, -100)]
    bord = [at(-100, -100), at(0, -100), at(0, 0), at(0, 100), at(-100, 100), at(-100, -100)]
    [one] = trouver(
        replace(OUEST, geometrie={"type": "Polygon", "coordinates": [bord]}),
        replace(EST, geometrie={"type": "Polygon", "coordinates": [coin]}),
    )
    assert (one.genre, one.geometrie["type"]) == (Genre.CHEVAUCHEMENT, "Polygon")


# --- gaps


def test_a_gap_is_told_with_its_area():
    [one] = trouver(a_l_ouest_de(-10), EST)
    assert one.genre is Genre.LACUNE
    assert one.phrase.endswith("sans emprise : ce qu'on y signale attend le pilote. Complétez la carte.")
    assert aire(one) == pytest.approx(2_000, rel=0.01)


@pytest.mark.parametrize(
    ("ouest", "configuration", "dit"),
    [
        (a_l_ouest_de(-1.5), VILLE, []),
        (a_l_ouest_de(-10), replace(VILLE, contour=None), []),
        (a_l_ouest_de(-10), replace(VILLE, contour=box(50, -100, 100, 100)), []),
        (
            a_l_ouest_de(-10),
            replace(VILLE, perimetre=Perimetre.QPV, zones=(replace(TILLEULS, contour=box(50, -50, 90, 50)),)),
            [],
        ),
        (a_l_ouest_de(0, valide_du=JOUR + timedelta(1)), VILLE, ["lacune"]),
    ],
    ids=["a sliver", "no contour", "outside the contour", "outside the perimeter", "not yet valid"],
)
def test_what_is_a_gap(ouest, configuration, dit):
    assert genres(ouest, EST, configuration=configuration) == dit


def test_a_map_without_an_emprise_is_one_gap():
    [one] = trouver()
    assert (one.genre, aire(one)) == (Genre.LACUNE, pytest.approx(40_000, rel=0.01))


def test_a_gap_across_many_cells_is_told_once():
    columns = [replace(OUEST, code=f"c{n}", geometrie=box(-100 + 2 * n, -100, -98 + 2 * n, 50)) for n in range(100)]
    assert genres(*columns) == ["lacune"]


# --- gestionnaires


def test_an_emprise_without_owner_is_told_only_where_a_rule_asks_for_one():
    sans = replace(OUEST, gestionnaire=None)
    assert genres(sans, EST) == []
    asked = replace(VILLE, regles=(Regle("R01", "*", BAIL, "*", Cible.PROPRIETAIRE),))
    assert genres(sans, EST, configuration=asked) == ["sans_gestionnaire"]
    assert genres(replace(sans, domanialite=PRIV), EST, configuration=asked) == []


def test_a_gestionnaire_that_the_configuration_has_dropped_is_told():
    [one] = trouver(replace(OUEST, gestionnaire="ancien-office"), EST)
    assert one.genre is Genre.GESTIONNAIRE_INCONNU
    assert "« ancien-office », que territoire.yaml ne connaît plus" in one.phrase


# --- rules


def muettes(*regles, emprises=(OUEST, EST), **autres):
    configuration = replace(VILLE, regles=regles, **autres)
    return {
        one.nom: one.phrase.partition(" : ")[2]
        for one in controler(configuration, emprises, JOUR)
        if one.genre is Genre.REGLE_MUETTE
    }


TOUTES = Regle("R01", "*", "*", "*", "proprete")
DEVANCEE = "d'autres règles répondent toujours avant elle."


@pytest.mark.parametrize(
    ("seconde", "dit"),
    [
        (Regle("R02", DEPOT, BAIL, "*", "proprete"), None),
        (Regle("R02", DEPOT, "*", "tilleuls", "proprete"), None),
        (Regle("R02", DEPOT, DPC, "*", "proprete"), "aucune emprise n'est de domanialité « domaine public communal »."),
        (Regle("R02", DEPOT, INDET, "*", "proprete"), None),
        (Regle("R02", TAG, DPC, "*", "proprete", surcharge=True, debord_m=2.0),
         "aucune emprise n'est de domanialité « domaine public communal »."),
        (Regle("R02", TAG, BAIL, "*", "proprete", surcharge=True, debord_m=2.0), None),
    ],
    ids=["more precise", "in a zone", "no such ground", "undetermined ground", "nothing to reach from", "reaches out"],
)  # fmt: skip
def test_a_rule_that_names_what_the_map_lacks_is_mute(seconde, dit):
    assert muettes(TOUTES, seconde) == ({} if dit is None else {"R02": dit})


def test_a_rule_under_an_override_for_any_ground_is_mute():
    override = Regle("R02", DEPOT, "*", "*", "astreinte", surcharge=True)
    precise = Regle("R03", DEPOT, BAIL, "*", "proprete")
    assert muettes(TOUTES, override, precise) == {"R03": DEVANCEE}
    assert muettes(TOUTES, replace(override, theme=TAG), precise) == {}
    assert muettes(TOUTES, replace(override, zone="tilleuls"), precise) == {}
    assert muettes(TOUTES, replace(override, zone="tilleuls"), replace(precise, zone="tilleuls")) == {"R03": DEVANCEE}


def test_a_rule_hidden_by_several_each_for_its_own_theme_is_mute():
    themes = tuple(VILLE.theme)
    overrides = [Regle(f"S{n}", code, "*", "*", "astreinte", surcharge=True) for n, code in enumerate(themes)]
    assert muettes(*overrides, TOUTES) == {"R01": DEVANCEE}
    assert muettes(*overrides[1:], TOUTES) == {}


def test_a_rule_in_a_zone_where_its_ground_is_not_is_mute():
    friche = Emprise("f", None, FRICHE, "amenageur", box(500, 500, 600, 600))
    rule = Regle("R02", DEPOT, FRICHE, "tilleuls", "proprete")
    assert muettes(TOUTES, rule, emprises=(OUEST, EST, friche)) == {
        "R02": "aucune emprise dans la zone « tilleuls » n'est de domanialité « friche »."
    }
    assert muettes(TOUTES, replace(rule, zone="centre"), emprises=(OUEST, EST, friche), zones=(TILLEULS, CENTRE)) == {}


def test_a_rule_on_a_theme_that_is_not_followed_is_mute():
    assert muettes(TOUTES, Regle("R02", TAG, BAIL, "*", "proprete"), themes_suivis=(DEPOT,)) == {
        "R02": "la démarche ne suit pas son thème."
    }


def test_a_competent_is_told_where_the_demarche_goes_everywhere():
    ailleurs = replace(VILLE, competents=(Competent("Lisse Agglo"),))
    assert genres(OUEST, EST, configuration=ailleurs) == ["competent_inutile"]
    assert genres(OUEST, EST, configuration=replace(ailleurs, themes_suivis=(DEPOT,))) == []


def test_a_day_to_come_is_looked_at_too():
    assert genres(OUEST, EST, le=date(2030, 1, 1)) == []
