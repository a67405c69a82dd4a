"""What a town may write, what it gets, and what it is told when it cannot be understood."""

import re
from datetime import date
from pathlib import Path

import pytest

from relais.rules.calendrier import Calendrier, Plage
from relais.rules.configuration import (
    ECHELLE_ORDINAIRE,
    TOUT,
    Cible,
    Delai,
    Destinataire,
    Modele,
    Perimetre,
    RegleDePhoto,
    SansDecision,
    TypeInstance,
)
from relais.rules.delais import Duree, Unite

ECHANTILLONS = Path(__file__).resolve().parents[2] / ".." / "shared" / "samples.md"
JOURNEE = (Plage(540, 720), Plage(840, 1020))
"""9 h - 12 h et 14 h - 17 h."""


@pytest.mark.skipif(not ECHANTILLONS.exists(), reason="the samples are not beside this checkout")
def test_the_sample_above_is_the_published_one_word_for_word(fichier):
    publie = re.search(r"```yaml\n(.*?)```", ECHANTILLONS.read_text(encoding="utf-8"), re.DOTALL)
    assert publie[1] == fichier.texte


# What the sample becomes


def test_the_head_of_the_sample(fichier):
    c = fichier.configuration()
    assert (c.nom, c.code, c.sigle, c.modele) == ("Ville de Vaucelles-sur-Lisse", "VSL", "GUSP", Modele.ANGEVIN)
    assert c.calendrier == Calendrier("Europe/Paris", (JOURNEE,) * 5 + ((), ()))
    assert (c.sans_decision.jours, c.sans_decision.faire) == (3, SansDecision.TRANSMETTRE)
    assert c.perimetre is Perimetre.VILLE


def test_the_acteurs_of_the_sample(fichier):
    c = fichier.configuration()
    habitat = c.acteur["habitat-lisse"]
    assert habitat.telephone == "02 61 91 00 21"
    assert habitat.en_cas_de_retard == "agence.nord@habitat-lisse.test"
    assert c.acteur["proprete"].calendrier.semaine[0] == ((480, 720), (780, 1020))


def test_the_promises_of_the_sample(fichier):
    partout, tilleuls = fichier.configuration().engagements
    assert (partout.theme, partout.zone, tilleuls.zone) == ("proprete.depot_sauvage", TOUT, "tilleuls")
    assert tilleuls.delais == {
        Delai.PRISE_EN_CHARGE: Duree(4, Unite.HEURES_OUVREES),
        Delai.REPONSE: Duree(3, Unite.JOURS_OUVRES),
        Delai.TRAITEMENT: Duree(48, Unite.HEURES),
    }
    assert tilleuls.source == "Charte GUSP 2025, art. 4"


def test_the_rules_of_the_sample_are_numbered_in_its_order(fichier):
    regles = fichier.configuration().regles
    assert [(r.code, r.domanialite, r.confier_a, r.surcharge) for r in regles] == [
        ("R01", "DPC", "proprete", False),
        ("R02", "BAIL", Cible.PROPRIETAIRE, False),
        ("R03", TOUT, Cible.BAILLEUR_PROCHE, True),
    ]


def test_a_delai_without_a_line_keeps_the_ordinary_ladder(fichier):
    c = fichier.configuration()
    for delai in (Delai.PRISE_EN_CHARGE, Delai.REPONSE):
        assert c.paliers(delai) == tuple(un for un in ECHELLE_ORDINAIRE if un.delai is delai)
    assert [(un.code, un.inscrire) for un in c.paliers(Delai.TRAITEMENT)] == [
        ("relance", None),
        ("retard", None),
        ("pilotage_quartier", "gusp-tilleuls"),
        ("pilotage_ville", "gusp-ville"),
        ("gusp_dg", "gusp-dg"),
    ]


def test_without_a_themes_rubrique_the_whole_catalogue_is_served(fichier):
    themes = fichier.configuration().theme
    assert themes["proprete.depot_sauvage"].libelle == "Dépôt sauvage"
    assert themes["habitat.ascenseur"].interieur
    assert {code for code, theme in themes.items() if theme.danger} >= {
        "voirie.danger",
        "eclairage.fils_nus",
        "eau.fuite",
    }
    assert not themes["graffiti.haineux"].danger
    assert all("112" in theme.consigne for theme in themes.values() if theme.danger)
    assert len(themes) > 40


def test_the_sample_is_warned_of_its_contour_and_of_its_missing_astreinte(fichier):
    assert [(un.ligne, un.chemin) for un in fichier.lire().avertissements] == [
        (3, "territoire.contour"),
        (3, "territoire.astreinte"),
    ]


# The traps of YAML


def test_a_phone_number_without_spaces_is_not_octal(fichier):
    fichier.changer("02 61 91 00 10", "0261910010")
    assert fichier.configuration().acteur["proprete"].telephone == "0261910010"


def test_five_o_clock_is_not_a_thousand_and_twenty(fichier):
    fichier.changer("    horaires: lundi à vendredi, 8 h - 12 h et 13 h - 17 h", "    horaires: vendredi, 9:00 - 17:00")
    assert fichier.configuration().acteur["proprete"].calendrier.semaine[4] == ((540, 1020),)


def test_the_departement_027_is_not_23(fichier):
    assert fichier.changer("code: VSL", "code: 027").configuration().code == "027"


def test_no_is_a_word(fichier):
    fichier.changer("nom: Les Tilleuls", "nom: no")
    assert fichier.configuration().zones[0].nom == "no"


def test_keys_may_have_their_accents(fichier):
    for avant, apres in (
        ("telephone", "téléphone"),
        ("modele", "Modèle"),
        ("delais", "Délais"),
        ("qui_s_en_occupe", "Qui s’en occupe"),
        ("traitement: 3", "Traitement: 3"),
        ("remontees", "remontées"),
        ("sans_decision_du_pilote", "sans décision du pilote"),
    ):
        fichier.changer(avant, apres)
    assert len(fichier.configuration().regles) == 3


@pytest.mark.parametrize("theme", ["proprete.depot_sauvage", "DEPOT SAUVAGE", "dépôt-sauvage"])
def test_a_theme_is_named_by_label_or_code(fichier, theme):
    fichier.changer("theme: Dépôt sauvage, terrain: bailleur", f"theme: {theme}, terrain: bailleur")
    assert fichier.configuration().regles[1].theme == "proprete.depot_sauvage"


def test_accents_composed_in_two_characters_are_the_same(fichier):
    fichier.changer("nom: Les Tilleuls", "nom: Les E\u0301rables")
    assert fichier.configuration().zones[0].nom == "Les Érables"


def test_a_name_cannot_smuggle_a_line_feed_into_a_mail(fichier):
    fichier.changer("nom: Ville de Vaucelles-sur-Lisse", 'nom: "Ville\\nBcc: tous"')
    assert fichier.configuration().nom == "Ville Bcc: tous"


# Files that are not one


@pytest.mark.parametrize(
    ("avant", "apres", "ligne", "raison"),
    [
        ("nom: Ville de", "nom: Ville : de", 3, "guillemets"),
        ("  code: VSL", "\tcode: VSL", 4, "tabulation"),
        ("faire: transmettre }", "faire: transmettre", 44, "accolade ouverte ici"),
        ("nom: Habitat Lisse", 'nom: "Habitat Lisse', 20, "guillemet ouvert ici"),
        ("[responsable, pilotes]", "[responsable, pilotes", 40, "crochet"),
        ("  sigle:", "   sigle:", 6, "guillemets|alignement"),
        ("sigle: GUSP", "sigle: *GUSP", 6, "renvoi"),
        ("sigle: GUSP", "sigle: @GUSP", 6, "signe réservé"),
        ("zones:", "---\nzones:", 9, "second document"),
        ("nom: Les Tilleuls", "nom: Les\0Tilleuls", 10, "invisible"),
    ],
)
def test_broken_yaml_is_one_fault_at_its_line(fichier, avant, apres, ligne, raison):
    lue, _, dite = fichier.changer(avant, apres).faute()
    assert lue == ligne
    assert re.search(raison, dite)


@pytest.mark.parametrize(
    "texte", ["", "# rien\n", "- a\n- b\n", "bonjour", "[" * 5000, '"\\UFFFFFFFF"', '"\\ud800": x']
)
def test_what_is_no_territoire_is_refused_kindly(fichier, texte):
    assert fichier.ecrire(texte).fautes()


def test_a_yaml_bomb_is_refused_at_once(fichier):
    bombe = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    noms = "abcdefghij"
    bombe += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip(noms, noms[1:], strict=False)]
    assert "renvois" in fichier.ecrire("\n".join(bombe)).faute()[2]


def test_an_alias_of_itself_is_refused(fichier):
    assert "renvois" in fichier.ecrire("zones: &z [*z]").faute()[2]


def test_another_encoding_is_refused_at_its_line(fichier):
    fichier.encodage = "cp1252"
    ligne, _, raison = fichier.changer("# Qui s'occupe", "# Œ s'occupe").faute()
    assert ligne == 1
    assert "UTF-8" in raison


# Faults, one by one, with their line


@pytest.mark.parametrize(
    ("avant", "apres", "ligne", "chemin", "raison"),
    [
        ("    telephone: 02 61 91 00 10\n", "", 12, "acteurs[1].telephone", "manque ; l'accusé de réception le cite"),
        ("    courriel: gestion.nord@habitat-lisse.test\n", "", 19, "acteurs[2].courriel", "manque"),
        ("adresse: 4 allée des Tilleuls, Vaucelles-sur-Lisse", "adresse:", 24, "acteurs[2].adresse", "manque"),
        ("gestion.nord@habitat-lisse.test", "gestion.nord", 22, "acteurs[2].courriel", "n'est pas une adresse"),
        ("code: habitat-lisse", "code: Habitat Lisse", 19, "acteurs[2].code", "minuscules"),
        ("type: bailleur", "type: bayeur", 21, "acteurs[2].type", "« bailleur »"),
        (
            "horaires: lundi à vendredi, 8 h",
            "horaires: lundi à vendredy, 8 h",
            18,
            "acteurs[1].horaires",
            "n'est pas un jour",
        ),
        ("QN09901N", "QN9901N", 10, "zones[1].reference", "QN09901N"),
        ("code: tilleuls", "code: partout", 10, "zones[1].code", "mot réservé"),
        ("code: VSL", "code: Vsl", 4, "territoire.code", "capitales"),
        ("modele: angevin", "modele: tourangeau", 7, "territoire.modele", "nantais, angevin"),
        ("jours_feries: métropole", "jours_feries: métropol", 8, "territoire.jours_feries", "« metropole »"),
        ("sigle: GUSP", "sigles: GUSP", 6, "territoire.sigles", "« sigle »"),
        ("sigle: GUSP", "fuseau: Europe", 6, "territoire.fuseau", "Europe/Paris"),
        ("sigle: GUSP", "perimetre: QPV seulement", 3, "territoire.hors_perimetre", "manque"),
        ("sigle: GUSP", "astreinte: police", 6, "territoire.astreinte", "acteur inconnu : « police »"),
        ("sigle: GUSP", "fermetures: [2026-05-15, 2026-02-30]", 6, "territoire.fermetures[2]", "2026-02-30"),
        ("sigle: GUSP", "sigle: [GUSP, GUP]", 6, "territoire.sigle", "un seul mot"),
        ("sigle: GUSP", "nom: Autre", 6, "territoire.nom", "déjà écrit ligne 3"),
        ("confier_a: proprete", "confier_a: propreté urbaine", 31, "qui_s_en_occupe[1].confier_a", "acteur inconnu"),
        ("confier_a: proprete", "confier_a: l'astreinte", 31, "qui_s_en_occupe[1].confier_a", "territoire.astreinte"),
        ("terrain: bailleur", "terrain: bayeur", 32, "qui_s_en_occupe[2].terrain", "« bailleur »"),
        ("theme: Ascenseur", "theme: Assenseur", 33, "qui_s_en_occupe[3].theme", "« Ascenseur »"),
        ("terrain: tous, ", "", 33, "qui_s_en_occupe[3].terrain", "manque"),
        ("terrain: bailleur", "terrain: bailleur, ou: tileul", 32, "qui_s_en_occupe[2].ou", "« tilleuls »"),
        ("terrain: bailleur", "terrain: DPC", 32, "qui_s_en_occupe[2]", "que la ligne 31"),
        ("traitement: 3 jours ouvrés", "traitement: 3 jours", 28, "delais[1].traitement", "« 3 jours ouvrés »"),
        ('source: "Charte GUSP 2025, art. 4" ', "", 29, "delais[2].source", "engagement"),
        ("nature: indicatif", "nature: ferme", 28, "delais[1].nature", "indicatif, engagement"),
        ("ou: tilleuls", "ou: tileul", 29, "delais[2].ou", "« tilleuls »"),
        ("ou: tilleuls", "ou: partout", 29, "delais[2]", "que la ligne 28"),
        ("type: QPV, reference: QN09901N", "type: quartier", 29, "delais[2].ou", "aucune zone n'est de type QPV"),
        ("80 % du délai", "bientôt", 39, "remontees[1].quand", "délai dépassé"),
        ("prevenir: acteur }", "prevenir: maire }", 39, "remontees[1].prevenir", "destinataire"),
        ("prevenir: acteur }", "prevenir: astreinte }", 39, "remontees[1].prevenir", "territoire.astreinte"),
        (", prevenir: acteur }", " }", 39, "remontees[1]", "ne fait rien"),
        ("inscrire: gusp-tilleuls", "inscrire: gusp-tileuls", 41, "remontees[3].inscrire", "« gusp-tilleuls »"),
        ("quand: 80 % du délai", "quand: délai dépassé", 40, "remontees[2].quand", "déjà une ligne"),
        ("code: gusp-ville", "code: gusp-dg", 37, "instances[3].code", "déjà pris ligne 36"),
        (", membres: [gusp@vaucelles.test, dgs@vaucelles.test]", "", 37, "instances[3].membres", "manque"),
        ("dgs@vaucelles.test", "la DGS", 37, "instances[3].membres[2]", "n'est pas une adresse"),
        ("nom: Instance GUSP ville", "nom: X, zone: tileuls", 36, "instances[2].zone", "« tilleuls »"),
        ("faire: transmettre", "faire: attendre", 44, "sans_decision_du_pilote.faire", "transmettre, rappeler"),
        ("apres: 3 jours ouvrés", "apres: 48 h", 44, "sans_decision_du_pilote.apres", "jours ouvrés"),
        ("instances:", "instance:", 34, "instance", "« instances »"),
    ],
)
def test_a_fault_is_found_at_its_line(fichier, avant, apres, ligne, chemin, raison):
    if "aucune zone" in raison:
        fichier.changer("ou: tilleuls", "ou: QPV")
    fautes = fichier.changer(avant, apres).fautes()
    assert (ligne, chemin) in [faute[:2] for faute in fautes]
    assert raison in next(faute[2] for faute in fautes if faute[:2] == (ligne, chemin))
    if avant not in {"instances:", "code: habitat-lisse", "code: tilleuls", "code: gusp-ville", "modele: angevin"}:
        assert len(fautes) == 1, "a fault does not breed others"
