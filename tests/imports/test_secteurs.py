"""`secteurs` in a territoire.yaml: the old words and the new, and what a thème waits for."""

from datetime import date, time

import pytest

from relais.rules.configuration import JoursFeries, Passage


@pytest.fixture
def secteur(fichier):
    """The sample with one secteur, on line 9, that says this besides; read."""

    def ecrire(suite: str):
        entete = "code: nord, nom: Nord, acteur: proprete, contour: contours/tilleuls.geojson"
        return fichier.changer("zones:\n", f"secteurs:\n  - {{ {entete}, {suite} }}\nzones:\n")

    return ecrire


def lu(fichier):
    [secteur] = fichier.configuration().secteurs
    return secteur


def dites(fichier, rubrique="secteurs"):
    return [(un.chemin, un.raison) for un in fichier.lire().avertissements if un.chemin.startswith(rubrique)]


def test_each_passage_is_what_is_done_and_when(secteur):
    un = lu(
        secteur(
            'passages: [{ prestation: encombrants, quand: "premier jeudi du mois, à 6 h, reporté au lendemain" }, '
            '{ prestation: tri, quand: "un mardi sur deux", a_partir_du: 6 janvier 2026 }]'
        )
    )
    assert un.prestations == ("encombrants", "tri")
    assert un.passages == (
        Passage(
            "encombrants",
            "premier jeudi du mois, à 6 h, reporté au lendemain",
            "FREQ=MONTHLY;BYDAY=1TH",
            date(2020, 1, 1),
            time(6),
            None,
            JoursFeries.REPORTES,
        ),
        Passage("tri", "un mardi sur deux", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", date(2026, 1, 6)),
    )


def test_an_rrule_is_told_to_people_in_words(secteur):
    [passage] = lu(secteur('passages: [{ prestation: tri, quand: "RRULE:FREQ=WEEKLY;BYDAY=TH" }]')).passages
    assert (passage.texte, passage.rrule) == ("le jeudi, sauf jours fériés", "FREQ=WEEKLY;BYDAY=TH")


def test_the_one_rhythm_of_a_secteur_is_that_of_each_of_its_prestations(secteur):
    fichier = secteur('prestations: [balayage, corbeilles], rythme: "mardi, le matin"')
    un = lu(fichier)
    assert un.rythme == "mardi, le matin"
    assert [(une.prestation, une.texte, une.rrule) for une in un.passages] == [
        ("balayage", "mardi, le matin", "FREQ=WEEKLY;BYDAY=TU"),
        ("corbeilles", "mardi, le matin", "FREQ=WEEKLY;BYDAY=TU"),
    ]
    assert dites(fichier) == []


def test_a_rhythm_that_cannot_be_counted_stays_words_and_the_town_is_told(secteur):
    fichier = secteur('prestations: [balayage], rythme: "selon la saison"')
    assert (lu(fichier).rythme, lu(fichier).passages) == ("selon la saison", ())
    [(chemin, raison)] = dites(fichier)
    assert chemin == "secteurs[1].rythme"
    assert raison.startswith("« selon la saison » ne se lit pas")
    assert "gardé tel quel" in raison
    [avertissement] = [un for un in fichier.lire().avertissements if un.chemin == chemin]
    assert avertissement.ligne == 10


def test_an_old_rhythm_that_says_something_of_some_days_only_stays_words_and_the_town_is_told(secteur):
    ecrit = "le mardi, et le samedi d'avril à octobre"
    fichier = secteur(f'prestations: [balayage], rythme: "{ecrit}"')
    assert (lu(fichier).rythme, lu(fichier).passages) == (ecrit, ())
    [(_, raison)] = dites(fichier)
    assert "vaut-il pour tous ces jours ?" in raison
    assert "en deux passages ; gardé tel quel" in raison


def test_with_passages_the_rhythm_is_words_and_nothing_else(secteur):
    fichier = secteur("rythme: selon la saison, passages: [{ prestation: tri, quand: le jeudi }]")
    assert [un.prestation for un in lu(fichier).passages] == ["tri"]
    assert dites(fichier) == []


@pytest.mark.parametrize(
    ("passage", "chemin", "raison"),
    [
        ("prestation: tri, quand: selon besoin", "quand", "ne se lit pas"),
        ("prestation: tri", "quand", "manque"),
        ("quand: le jeudi", "prestation", "manque"),
        ("prestation: tri, quand: un jeudi sur deux", "quand", "se compte à partir d'un jour"),
        (
            'prestation: tri, quand: "un jeudi sur deux, à partir du 8 janvier 2026", a_partir_du: 15/01/2026',
            "quand",
            "deux fois",
        ),
        ("prestation: tri, quand: le jeudi, a_partir_du: hier", "a_partir_du", "n'est pas un jour du calendrier"),
        ("prestation: tri, quand: le jeudi, a_partir_du: 1er mars 1026", "quand", "n'est pas plausible"),
        ('prestation: tri, quand: "RRULE:FREQ=SECONDLY"', "quand", "n'est pas un rythme de passage"),
        ('prestation: tri, quand: "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"', "quand", "ne tombe aucun jour"),
        ('prestation: tri, quand: "RRULE:FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=1"', "quand", "ne tombe aucun jour"),
        ("prestation: tri, quand: le jeudi jusqu'au 1er janvier 2019", "quand", "ne tombe aucun jour"),
        ("prestation: tri, quand: le jeudi, frequence: 2", "frequence", "clé inconnue"),
    ],
    ids=lambda dit: dit[:50],
)
def test_a_passage_that_cannot_be_is_refused_on_its_line_with_the_reason(secteur, passage, chemin, raison):
    ligne, ou, pourquoi = secteur(f"passages: [{{ {passage} }}]").faute()
    assert (ligne, ou) == (10, f"secteurs[1].passages[1].{chemin}")
    assert raison in pourquoi


THEMES = "themes:\n  - Ascenseur\n  - Dépôt sauvage\n  - {}\ndelais:"


def prestation_de(fichier, code):
    return fichier.configuration().theme[code].prestation


def test_bulky_waste_waits_for_its_collection_where_there_is_one(fichier, secteur):
    assert prestation_de(fichier, "proprete.encombrants") is None
    secteur("passages: [{ prestation: Encombrants, quand: le jeudi }]")
    assert prestation_de(fichier, "proprete.encombrants") == "Encombrants", "as the secteur spells it"
    assert prestation_de(fichier, "voirie.trottoir") is None


def test_a_theme_names_the_prestation_it_waits_for(fichier, secteur):
    secteur("passages: [{ prestation: Balayage, quand: le jeudi }]")
    fichier.changer("delais:", THEMES.format("{ code: proprete.sol, prestation: balayage }"))
    assert prestation_de(fichier, "proprete.sol") == "Balayage"
    assert dites(fichier, "themes") == []


def test_a_theme_that_waits_for_nobody_is_said_so(fichier, secteur):
    secteur("passages: [{ prestation: balayage, quand: le jeudi }]")
    fichier.changer("delais:", THEMES.format("{ code: proprete.sol, prestation: balaiyage }"))
    assert prestation_de(fichier, "proprete.sol") is None
    [(chemin, raison)] = dites(fichier, "themes")
    assert chemin == "themes[3].prestation"
    assert "aucun secteur ne dit quand on passe" in raison
    assert "vouliez-vous dire « balayage »" in raison
