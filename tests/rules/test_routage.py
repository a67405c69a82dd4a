"""Who answers, and why, on a few plots. Every class is in `test_situations`, random towns in `test_oracle`."""

from dataclasses import replace
from datetime import date
from itertools import combinations

import pytest

from relais.rules.calendrier import Calendrier, Plage
from relais.rules.carte import Carte, Emprise
from relais.rules.configuration import (
    Acteur,
    Cible,
    Configuration,
    DelaiDeDecision,
    Domanialite,
    Modele,
    Perimetre,
    Regle,
    SansDecision,
    Theme,
    TypeActeur,
    TypeZone,
    Zone,
)
from relais.rules.routage import PORTEE_BATIMENT_M, PRECISION_UTILE_M, Candidat, router

JOUR = date(2026, 3, 31)
CALENDRIER = Calendrier("Europe/Paris", ((Plage(540, 720),),) * 5 + ((), ()))
DPC, BAIL, PRIV, FRICHE, INDET = (Domanialite(code) for code in ("DPC", "BAIL", "PRIV", "FRICHE", "INDET"))
DEPOT, TAG, HAINE, FIL, ASCENSEUR = "proprete.depot_sauvage", "tag", "tag.haineux", "danger.fil", "bati.ascenseur"


def acteur(code, nom, type_):
    return Acteur(code, nom, type_, f"{code}@vaucelles.test", "02 61 91 00 10", "1 place de la Mairie", CALENDRIER)


def at(x, y):
    """The position x metres east and y metres north of a point of Vaucelles-sur-Lisse."""
    return 0.412 + x / 74_463.0, 48.105 + y / 111_203.0


def box(x0, y0, x1, y1):
    return {"type": "Polygon", "coordinates": [[at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0)]]}


TILLEULS = Zone("tilleuls", "Les Tilleuls", TypeZone.QPV, box(-200, -200, 200, 200), "QN09901N")
CENTRE = Zone("centre", "Centre", TypeZone.QUARTIER, box(-900, -900, 900, 900))

VAUCELLES = Configuration(
    nom="Ville de Vaucelles-sur-Lisse",
    code="VSL",
    calendrier=CALENDRIER,
    modele=Modele.ANGEVIN,
    sans_decision=DelaiDeDecision(3, SansDecision.TRANSMETTRE),
    astreinte="astreinte",
    zones=(TILLEULS, CENTRE),
    acteurs=(
        acteur("proprete", "Direction de la propreté urbaine", TypeActeur.DIRECTION),
        acteur("astreinte", "Astreinte municipale", TypeActeur.DIRECTION),
        acteur("habitat-lisse", "Habitat Lisse", TypeActeur.BAILLEUR),
        acteur("logis", "Le Logis de la Lisse", TypeActeur.BAILLEUR),
        acteur("hauts", "Hauts-de-Lisse Habitat", TypeActeur.BAILLEUR),
        acteur("amenageur", "Lisse Aménagement", TypeActeur.SYNDICAT_MIXTE),
    ),
    themes=(
        Theme(DEPOT, "Dépôt sauvage"),
        Theme(TAG, "Graffiti"),
        Theme(HAINE, "Tag haineux"),
        Theme(FIL, "Fil électrique au sol", danger=True),
        Theme(ASCENSEUR, "Ascenseur en panne", interieur=True),
        Theme("pav", "PAV débordant"),
    ),
    regles=(
        Regle("R01", DEPOT, DPC, "*", "proprete"),
        Regle("R02", "*", BAIL, "*", Cible.PROPRIETAIRE),
        Regle("R03", "*", FRICHE, "*", Cible.PROPRIETAIRE),
        Regle("R04", ASCENSEUR, "*", "*", Cible.BAILLEUR_PROCHE, surcharge=True),
        Regle("R05", FIL, "*", "*", Cible.ASTREINTE, surcharge=True),
        Regle("R06", HAINE, "*", "*", "proprete", surcharge=True),
        Regle("R07", TAG, DPC, "*", "proprete", surcharge=True, debord_m=2.0),
        Regle("R08", "pav", INDET, "*", "proprete"),
    ),
)

FIN_MARS, AVRIL = date(2026, 3, 31), date(2026, 4, 1)
PLAN = Carte(
    [
        Emprise("mail", "Mail des Tilleuls", DPC, None, box(-100, -12, 100, 0)),
        Emprise("erables", "Résidence des Érables", BAIL, "habitat-lisse", box(0, 0, 60, 40)),
        Emprise("square", "Square", PRIV, None, box(20, 15, 30, 25)),
        Emprise("logis", None, BAIL, "logis", box(60, 0, 90, 40)),
        Emprise("hauts", None, BAIL, "hauts", box(90, 0, 100, 40)),
        Emprise("orphelin", "Îlot 4", BAIL, None, box(0, 60, 20, 80)),
        Emprise("parti", "Îlot 5", BAIL, "bailleur-parti", box(20, 60, 40, 80)),
        Emprise("friche", "Friche Sud", FRICHE, "amenageur", box(-60, 0, -20, 40), valide_au=FIN_MARS),
        Emprise("lot", "Résidence neuve", BAIL, "logis", box(-60, 0, -20, 40), valide_du=AVRIL),
        Emprise("loin", "Tour Sud", BAIL, "habitat-lisse", box(-30, -300, 30, -250)),
    ],
    VAUCELLES.zones,
    box(-1000, -1000, 1000, 1000),
)


def routed(x, y, theme=DEPOT, le=JOUR, precision_m=None, **configuration):
    lon, lat = at(x, y)
    town = replace(VAUCELLES, **configuration)
    return router(town, PLAN, theme=theme, lon=lon, lat=lat, precision_m=precision_m, le=le)


@pytest.mark.parametrize(
    ("situation", "acteur", "regle", "emprise", "explication"),
    [
        pytest.param(
            (10, 5),
            "habitat-lisse",
            "R02",
            "erables",
            "Résidence des Érables, propriété d'Habitat Lisse : le thème « dépôt sauvage » y revient au bailleur.",
            id="on a bailleur's ground, the bailleur",
        ),
        pytest.param(
            (10, -10),
            "proprete",
            "R01",
            "mail",
            "Mail des Tilleuls, domaine public communal : le thème « dépôt sauvage » y revient au service compétent"
            " (Direction de la propreté urbaine).",
            id="15 m away, on the pavement, the town",
        ),
        pytest.param(
            (70, 20),
            "logis",
            "R02",
            "logis",
            "Propriété du Logis de la Lisse : le thème « dépôt sauvage » y revient au bailleur.",
            id="a ground without a name is told by its owner",
        ),
        pytest.param(
            (95, 20),
            "hauts",
            "R02",
            "hauts",
            "Propriété de Hauts-de-Lisse Habitat : le thème « dépôt sauvage » y revient au bailleur.",
            id="no elision before an aspirated h",
        ),
        pytest.param(
            (25, 20),
            None,
            None,
            "square",
            "Square, propriété privée, où personne n'est encore désigné pour le thème « dépôt sauvage » :"
            " le pilote GUSP va décider.",
            id="no line for the smallest ground: the pilote, and not the line of the ground around it",
        ),
        pytest.param(
            (10, 70),
            None,
            "R02",
            "orphelin",
            "Îlot 4, terrain d'un bailleur, dont le propriétaire, à qui revient le thème « dépôt sauvage »,"
            " n'est pas connu : le pilote GUSP va décider.",
            id="an owner that nobody wrote down: the pilote",
        ),
        pytest.param(
            (30, 70),
            None,
            "R02",
            "parti",
            "Îlot 5, terrain d'un bailleur, dont le propriétaire, à qui revient le thème « dépôt sauvage »,"
            " n'est pas connu : le pilote GUSP va décider.",
            id="an owner that the configuration no longer knows: the pilote",
        ),
        pytest.param(
            (-150, 150),
            None,
            None,
            None,
            "Terrain absent de la carte, où personne n'est encore désigné pour le thème « dépôt sauvage » :"
            " le pilote GUSP va décider.",
            id="a gap in the map: the pilote",
        ),
        pytest.param(
            (-150, 150, "pav"),
            "proprete",
            "R08",
            None,
            "Terrain absent de la carte : le thème « PAV débordant » y revient au service compétent"
            " (Direction de la propreté urbaine).",
            id="a gap in the map is undetermined ground, for which a line may speak",
        ),
        pytest.param(
            (-40, 20, DEPOT, FIN_MARS),
            "amenageur",
            "R03",
            "friche",
            "Friche Sud, friche : le thème « dépôt sauvage » y revient au syndicat mixte (Lisse Aménagement).",
            id="a friche on its last day",
        ),
        pytest.param(
            (-40, 20, DEPOT, AVRIL),
            "logis",
            "R02",
            "lot",
            "Résidence neuve, propriété du Logis de la Lisse : le thème « dépôt sauvage » y revient au bailleur.",
            id="the next day, the residence built on it",
        ),
        pytest.param(
            (10, 5, FIL),
            "astreinte",
            "R05",
            "erables",
            "Quel que soit le terrain, le thème « fil électrique au sol » revient à l'astreinte"
            " (Astreinte municipale).",
            id="a live wire goes to the on-call team, though the ground is a bailleur's",
        ),
        pytest.param(
            (-150, 150, FIL),
            "astreinte",
            "R05",
            None,
            "Quel que soit le terrain, le thème « fil électrique au sol » revient à l'astreinte"
            " (Astreinte municipale).",
            id="a live wire goes to the on-call team, though the map has a gap",
        ),
        pytest.param(
            (10, 5, HAINE),
            "proprete",
            "R06",
            "erables",
            "Quel que soit le terrain, le thème « tag haineux » revient au service compétent"
            " (Direction de la propreté urbaine).",
            id="a hate tag goes to the town, though the wall is a bailleur's",
        ),
        pytest.param(
            (10, 1.9, TAG),
            "proprete",
            "R07",
            "mail",
            "Mail des Tilleuls, domaine public communal, à moins de 2 m : le thème « graffiti » revient jusque-là"
            " au service compétent (Direction de la propreté urbaine).",
            id="a graffiti 1.9 m beyond the public limit goes to the town",
        ),
        pytest.param(
            (10, 2.1, TAG),
            "habitat-lisse",
            "R02",
            "erables",
            "Résidence des Érables, propriété d'Habitat Lisse : le thème « graffiti » y revient au bailleur.",
            id="a graffiti 2.1 m beyond the public limit goes to the wall's owner",
        ),
        pytest.param(
            (10, -10, TAG),
            "proprete",
            "R07",
            "mail",
            "Mail des Tilleuls, domaine public communal : le thème « graffiti » y revient au service compétent"
            " (Direction de la propreté urbaine).",
            id="a graffiti on public ground too",
        ),
        pytest.param(
            (10, -12, ASCENSEUR),
            "habitat-lisse",
            "R04",
            "erables",
            "Bâtiment de bailleur le plus proche, Résidence des Érables, propriété d'Habitat Lisse :"
            " le thème « ascenseur en panne » y revient au bailleur.",
            id="a lift reported from the street goes to the nearest bailleur",
        ),
        pytest.param(
            (25, 20, ASCENSEUR),
            "habitat-lisse",
            "R04",
            "erables",
            "Bâtiment de bailleur le plus proche, Résidence des Érables, propriété d'Habitat Lisse :"
            " le thème « ascenseur en panne » y revient au bailleur.",
            id="a lift under a private patch goes to the bailleur around it",
        ),
        pytest.param(
            (-40, 20, ASCENSEUR, FIN_MARS),
            "habitat-lisse",
            "R04",
            "erables",
            "Bâtiment de bailleur le plus proche, Résidence des Érables, propriété d'Habitat Lisse :"
            " le thème « ascenseur en panne » y revient au bailleur.",
            id="a bailleur not yet there is not the nearest",
        ),
        pytest.param(
            (0, -250 + PORTEE_BATIMENT_M - 1, ASCENSEUR),
            "habitat-lisse",
            "R04",
            "loin",
            "Bâtiment de bailleur le plus proche, Tour Sud, propriété d'Habitat Lisse :"
            " le thème « ascenseur en panne » y revient au bailleur.",
            id="a lift 59 m from a bailleur's building",
        ),
        pytest.param(
            (-95, -6, ASCENSEUR, FIN_MARS),
            None,
            "R04",
            "mail",
            "Aucun bâtiment de bailleur connu à moins de 60 m pour le thème « ascenseur en panne » :"
            " le pilote GUSP va décider.",
            id="a lift in a street without a bailleur: the pilote, who is shown the street",
        ),
        pytest.param(
            (0, -250 + PORTEE_BATIMENT_M + 1, ASCENSEUR),
            None,
            "R04",
            None,
            "Aucun bâtiment de bailleur connu à moins de 60 m pour le thème « ascenseur en panne » :"
            " le pilote GUSP va décider.",
            id="a lift 61 m from any bailleur's building: the pilote",
        ),
    ],
)
def test_who_answers_and_the_sentence_that_says_why(situation, acteur, regle, emprise, explication):
    found = routed(*situation)
    assert (found.acteur, found.regle, found.emprise, found.explication) == (acteur, regle, emprise, explication)
    assert (found.incertain, found.candidats, found.hors_perimetre) == (False, (), False)


def test_the_decision_names_the_ground_it_rests_on_and_the_zones_of_the_point():
    assert (routed(10, 5).domanialite, routed(10, 5).zones) == (BAIL, ("tilleuls", "centre"))
    assert (routed(10, 1.9, TAG).domanialite, routed(10, -12, ASCENSEUR).domanialite) == (DPC, BAIL)
    assert (routed(0, 250).domanialite, routed(0, 250).zones) == (INDET, ("centre",))


def test_the_pilote_is_called_by_the_word_the_town_chose():
    assert routed(25, 20, sigle="GUP").explication.endswith("le pilote GUP va décider.")


def test_a_surcharge_with_owner_as_target_reaches_the_owner_of_what_it_reaches():
    """A facade is repaired by its owner, reported from the pavement 3 m away."""
    facade = Regle("R09", TAG, BAIL, "*", Cible.PROPRIETAIRE, surcharge=True, debord_m=3.5)
    found = routed(10, -3, TAG, regles=(facade, *VAUCELLES.regles[:3]))
    assert (found.acteur, found.emprise) == ("habitat-lisse", "erables")
    assert found.explication == (
        "Résidence des Érables, propriété d'Habitat Lisse, à moins de 3,5 m :"
        " le thème « graffiti » revient jusque-là au bailleur."
    )


def test_each_surcharge_reaches_only_as_far_as_it_says():
    near = Regle("near", TAG, DPC, "*", "proprete", surcharge=True, debord_m=2.0)
    far = Regle("far", "*", DPC, "*", "amenageur", surcharge=True, debord_m=5.0)
    reached = {y: routed(10, y, TAG, regles=(near, far)).regle for y in (1.9, 2.1, 4.9, 5.1)}
    assert reached == {1.9: "near", 2.1: "far", 4.9: "far", 5.1: None}


def test_on_a_limit_only_the_line_that_says_so_reaches_across_it():
    crosses = Regle("crosses", TAG, PRIV, "*", "proprete", surcharge=True, debord_m=2.0)
    stays = Regle("stays", TAG, DPC, "*", "proprete")
    found = routed(75, 0, TAG, regles=(crosses, stays))
    assert (found.emprise, found.regle) == ("logis", None)


def test_public_ground_drawn_under_the_whole_town_does_not_pull_the_public_limit_indoors():
    fond = Emprise("fond", "Vaucelles", DPC, None, box(-900, -900, 900, 900))
    carte = Carte([fond, Emprise("erables", None, BAIL, "habitat-lisse", box(0, 0, 60, 40))], VAUCELLES.zones, None)
    answers = {
        y: router(VAUCELLES, carte, theme=TAG, lon=lon, lat=lat, precision_m=None, le=JOUR).acteur
        for y in (20, 2.1, 1.9)
        for lon, lat in [at(30, y)]
    }
    assert answers == {20: "habitat-lisse", 2.1: "habitat-lisse", 1.9: "proprete"}


def test_without_an_on_call_team_the_pilote_decides():
    found = routed(10, 5, FIL, astreinte=None)
    assert (found.acteur, found.regle) == (None, "R05")
    assert found.explication == (
        "Le thème « fil électrique au sol » revient à l'astreinte, qui n'est pas encore désignée :"
        " le pilote GUSP va décider."
    )


ANY = Regle("any", "*", "*", "*", "logis")
ZONE = Regle("zone", "*", "*", "tilleuls", "logis")
THEME = Regle("theme", DEPOT, "*", "*", "logis")
THEME_ZONE = Regle("theme+zone", DEPOT, "*", "tilleuls", "logis")
GROUND = Regle("ground", "*", BAIL, "*", "logis")
GROUND_ZONE = Regle("ground+zone", "*", BAIL, "tilleuls", "logis")
GROUND_THEME = Regle("ground+theme", DEPOT, BAIL, "*", "logis")
ALL_THREE = Regle("all three", DEPOT, BAIL, "tilleuls", "logis")
LADDER = (ANY, ZONE, THEME, THEME_ZONE, GROUND, GROUND_ZONE, GROUND_THEME, ALL_THREE)
OVERRIDES = tuple(
    replace(one, surcharge=True) for one in (ANY, ZONE, GROUND, GROUND_ZONE, THEME, THEME_ZONE, GROUND_THEME, ALL_THREE)
)
"""Among surcharges the thème comes before the ground: « every thème » of a ground takes no danger."""


@pytest.mark.parametrize(
    ("less", "more"),
    [
        pytest.param(*pair, id=f"{pair[1].code} beats {pair[0].code}, {name}")
        for name, ladder in (("matrix", LADDER), ("surcharges", OVERRIDES))
        for pair in combinations(ladder, 2)
    ],
)
def test_the_most_precise_line_wins_wherever_it_stands(less, more):
    pair = less, more
    assert routed(10, 5, regles=pair).regle == routed(10, 5, regles=pair[::-1]).regle == more.code


@pytest.mark.parametrize("regle", LADDER, ids=lambda regle: regle.code)
def test_of_two_lines_as_precise_the_first_in_the_file_wins(regle):
    assert routed(10, 5, regles=(replace(regle, code="first"), replace(regle, code="second"))).regle == "first"


def test_the_widest_surcharge_speaks_before_the_most_precise_line():
    assert routed(10, 5, regles=(ALL_THREE, replace(ANY, surcharge=True))).regle == "any"


@pytest.mark.parametrize(
    "regle",
    [
        pytest.param(replace(ALL_THREE, theme=TAG), id="another thème"),
        pytest.param(replace(ALL_THREE, domanialite=DPC), id="another ground"),
        pytest.param(replace(ALL_THREE, zone="ailleurs"), id="another zone"),
        pytest.param(replace(ALL_THREE, domanialite=DPC, surcharge=True), id="a surcharge for another ground"),
        pytest.param(replace(ALL_THREE, domanialite=DPC, surcharge=True, debord_m=4.9), id="a surcharge too far"),
    ],
)
def test_a_line_for_something_else_is_silent(regle):
    assert routed(10, 5, regles=(regle,)).regle is None


def test_a_position_that_may_be_next_door_keeps_its_best_guess_and_lists_the_others():
    found = routed(10, 5, precision_m=12)
    assert (found.acteur, found.regle, found.incertain) == ("habitat-lisse", "R02", True)
    assert found.candidats == (
        Candidat("habitat-lisse", "erables", BAIL, 0.0),
        Candidat("proprete", "mail", DPC, 5.0),
    )
    assert found.explication.endswith(" Position connue à 12 m près : le responsable reste à confirmer.")


@pytest.mark.parametrize(
    "situation",
    [
        pytest.param({"x": 10, "y": 5, "precision_m": 4.9}, id="whose disc stays on the ground"),
        pytest.param({"x": 10, "y": 5, "precision_m": None}, id="without a known precision"),
        pytest.param({"x": 10, "y": 0, "precision_m": 0}, id="perfectly known, on the limit itself"),
        pytest.param({"x": 10, "y": 5, "precision_m": 80, "theme": FIL}, id="that cannot change who is on call"),
        pytest.param({"x": 10, "y": 5, "precision_m": 80, "theme": HAINE}, id="that cannot change a surcharge"),
    ],
)
def test_a_position_is_certain(situation):
    found = routed(**situation)
    assert (found.incertain, found.candidats) == (False, ())
    assert "près" not in found.explication


def test_a_lift_between_two_bailleurs_is_uncertain():
    found = routed(57, 20, ASCENSEUR, precision_m=5)
    assert (found.acteur, [candidat.acteur for candidat in found.candidats]) == (
        "habitat-lisse",
        ["habitat-lisse", "logis"],
    )


def test_ground_that_smaller_ground_covers_makes_nothing_uncertain():
    fond = Emprise("fond", "Vaucelles", DPC, None, box(-900, -900, 900, 900))
    halves = [Emprise(f"aile{x}", None, BAIL, "habitat-lisse", box(x, 0, x + 50, 100)) for x in (0, 50)]
    lon, lat = at(50, 50)
    carte = Carte([fond, *halves], VAUCELLES.zones, None)
    found = router(VAUCELLES, carte, theme=DEPOT, lon=lon, lat=lat, precision_m=40, le=JOUR)
    assert (found.acteur, found.incertain, found.candidats) == ("habitat-lisse", False, ())


def test_a_position_a_kilometre_wide_lists_its_surroundings_and_not_the_town():
    found = routed(10, 5, precision_m=3000)
    assert {candidat.acteur for candidat in found.candidats} == {
        "habitat-lisse",
        "proprete",
        "amenageur",
        "logis",
        "hauts",
        None,
    }
    assert all(candidat.distance_m <= PRECISION_UTILE_M for candidat in found.candidats)
    alone = routed(0, -270, precision_m=3000)
    assert (alone.acteur, alone.incertain, alone.candidats) == ("habitat-lisse", True, ())
    assert alone.explication.endswith(" Position connue à 3000 m près : le responsable reste à confirmer.")
    assert not routed(0, -270, FIL, precision_m=3000).incertain


def test_a_position_beside_the_map_lists_who_is_next_to_it():
    found = routed(10, 45, precision_m=12)
    assert (found.acteur, found.emprise, found.incertain) == (None, None, True)
    assert found.candidats == (Candidat("habitat-lisse", "erables", BAIL, 5.0),)


def test_what_will_be_there_later_makes_nothing_uncertain():
    assert not routed(-40, 20, precision_m=15, le=FIN_MARS).incertain


HORS = {"perimetre": Perimetre.QPV, "competent_ailleurs": "Mairie de Vaucelles-sur-Lisse, 02 61 91 00 00."}


def test_outside_the_qpv_a_perimeter_of_qpv_names_who_is_competent_and_no_acteur():
    found = routed(0, -270, precision_m=69, **HORS)
    assert (found.hors_perimetre, found.acteur, found.regle, found.emprise) == (True, None, None, "loin")
    assert (found.incertain, found.candidats) == (False, ())
    assert found.explication == (
        "Ce lieu est hors du périmètre GUSP, limité aux quartiers prioritaires ;"
        " s'adresser ici à : Mairie de Vaucelles-sur-Lisse, 02 61 91 00 00."
    )


@pytest.mark.parametrize("place", [(10, 5), (200, 150)], ids=["inside", "on its edge"])
def test_in_the_qpv_a_perimeter_of_qpv_changes_nothing(place):
    assert routed(*place, **HORS) == routed(*place)
    assert not routed(*place, **HORS).hors_perimetre


@pytest.mark.parametrize(("precision_m", "outside"), [(None, True), (0, True), (49, True), (51, False), (3000, False)])
def test_outside_the_qpv_only_what_cannot_be_in_one_is_sent_away(precision_m, outside):
    found = routed(0, -250, precision_m=precision_m, **HORS)
    assert (found.hors_perimetre, found.incertain) == (outside, not outside)


def test_a_wide_disc_reaches_no_farther_than_it_is_useful():
    assert routed(0, -200 - PRECISION_UTILE_M - 1, precision_m=3000, **HORS).hors_perimetre
    assert not routed(0, -200 - PRECISION_UTILE_M + 1, precision_m=3000, **HORS).hors_perimetre


def test_what_may_be_outside_the_perimeter_says_so():
    found = routed(0, -270, precision_m=80, **HORS)
    assert (found.acteur, found.zones, found.candidats) == ("habitat-lisse", ("centre",), ())
    assert found.explication.endswith(" Position connue à 80 m près : ce lieu est peut-être hors du périmètre GUSP.")


@pytest.mark.parametrize("place", [(0, -201.5), (0, -270)], ids=["beside the QPV", "far from it"])
@pytest.mark.parametrize("hors", [HORS, {**HORS, "perimetre": Perimetre.VILLE, "themes_suivis": (TAG,)}])
def test_a_danger_is_never_sent_away(place, hors):
    found = routed(*place, FIL, precision_m=80, **hors)
    assert (found.acteur, found.regle, found.hors_perimetre, found.incertain) == ("astreinte", "R05", False, False)


@pytest.mark.parametrize(
    "town",
    [
        pytest.param({"astreinte": None}, id="no astreinte"),
        pytest.param({"regles": (Regle("R01", FIL, "*", "*", "proprete", surcharge=True),)}, id="another acteur"),
        pytest.param({"regles": (Regle("R01", FIL, "*", "*", "astreinte"),)}, id="no surcharge"),
        pytest.param({"themes": (Theme(FIL, "Fil"),)}, id="no danger"),
    ],
)
def test_outside_the_perimeter_only_a_danger_given_to_the_astreinte_stays(town):
    assert routed(0, -270, FIL, **HORS, **town).hors_perimetre


COPRO = Domanialite.COPRO
IMMEUBLES = Carte(
    [
        Emprise("lilas", "Les Lilas", COPRO, "amenageur", box(0, 0, 40, 40)),
        Emprise("erables", "Résidence des Érables", BAIL, "habitat-lisse", box(40, 0, 80, 40)),
        Emprise("sans", "Les Roses", COPRO, None, box(80, 0, 120, 40)),
        Emprise("mail", None, DPC, "amenageur", box(0, -40, 80, 0)),
    ],
    VAUCELLES.zones,
    None,
)


def lift(x, y, *lines, precision_m=None):
    lon, lat = at(x, y)
    town = replace(VAUCELLES, regles=(*VAUCELLES.regles, *lines))
    return router(town, IMMEUBLES, theme=ASCENSEUR, lon=lon, lat=lat, precision_m=precision_m, le=JOUR)


@pytest.mark.parametrize("precision_m", [None, 5, 15])
def test_a_copropriete_s_lift_may_be_its_own_and_not_the_bailleur_s_next_door(precision_m):
    found = lift(30, 20, precision_m=precision_m)
    assert (found.acteur, found.incertain) == ("habitat-lisse", True)
    assert {one.acteur: (one.emprise, one.distance_m) for one in found.candidats} == {
        "habitat-lisse": ("erables", 10.0),
        "amenageur": ("lilas", 0.0),
    }
    assert found.explication.endswith(
        " : le thème « ascenseur en panne » y revient au bailleur."
        " Le terrain a un autre gestionnaire (Lisse Aménagement) : le responsable reste à confirmer."
    )


@pytest.mark.parametrize(
    "place",
    [
        pytest.param((60, 20), id="the bailleur's"),
        pytest.param((90, 20), id="nobody's"),
        pytest.param((60, -5), id="a street"),
    ],
)
def test_a_lift_elsewhere_is_certainly_the_bailleur_s(place):
    found = lift(*place)
    assert (found.acteur, found.incertain, found.candidats) == ("habitat-lisse", False, ())


def test_a_line_for_lifts_on_that_ground_speaks_before_the_nearest_building():
    owner = Regle("R90", ASCENSEUR, COPRO, "*", Cible.PROPRIETAIRE)
    assert (lift(30, 20, owner).acteur, lift(30, 20, owner).incertain) == ("amenageur", False)
    assert lift(60, 20, owner).regle == "R04"
    assert lift(30, 20, replace(owner, theme="bati.*")).regle == "R04"
    assert lift(30, 20, replace(owner, domanialite="*")).regle == "R04"
