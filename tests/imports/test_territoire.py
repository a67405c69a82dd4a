"""What a town may write, what it gets, and what it is told when it cannot be understood."""

import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from relais.imports import FichierRefuse
from relais.imports.catalogue import catalogue
from relais.imports.mots import code_theme, plier
from relais.rules.calendrier import Calendrier, Plage
from relais.rules.configuration import (
    TOUT,
    Choix,
    Cible,
    Competent,
    Delai,
    Destinataire,
    Modele,
    Perimetre,
    Publication,
    Question,
    RegleDePhoto,
    SansDecision,
    TypeInstance,
    TypeQuestion,
)
from relais.rules.delais import Duree, Unite
from relais.rules.echelle import ECHELLE_ORDINAIRE
from relais.rules.questions import URGENCE

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


def test_the_sample_is_warned_of_what_it_does_not_say(fichier):
    assert [(un.ligne, un.chemin) for un in fichier.lire().avertissements] == [
        (3, "territoire.contour"),
        (3, "territoire.epci"),
        (30, "qui_s_en_occupe"),
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
        ("faire: transmettre }", "faire: transmettre ?, }", 44, "« \\? » dans une accolade"),
        ("faire: transmettre", 'faire: "transmettre', 44, "guillemet ouvert ici"),
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
    "texte", ["", "# rien\n", "- a\n- b\n", "bonjour", "[" * 1000, '"\\UFFFFFFFF"', '"\\ud800": x']
)
def test_what_is_no_territoire_is_refused_kindly(fichier, texte):
    assert fichier.ecrire(texte).fautes()


def test_a_yaml_bomb_is_refused_at_once(fichier):
    bombe = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    noms = "abcdefghij"
    bombe += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in pairwise(noms)]
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
        ("sigle: GUSP", "publication: immédiatte", 6, "territoire.publication", "« immédiate »"),
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


def test_ten_faults_in_one_file_are_all_listed(fichier):
    for avant, apres in (
        ("code: VSL", "code: vsl"),
        ("modele: angevin", "modele: tourangeau"),
        ("reference: QN09901N", "reference: QN1"),
        ("    telephone: 02 61 91 00 10\n", ""),
        ("type: bailleur", "type: bayeur"),
        ("traitement: 3 jours ouvrés", "traitement: 3 jours"),
        ("terrain: bailleur", "terrain: bayeur"),
        ("dgs@vaucelles.test", "dgs"),
        ("80 % du délai", "tôt"),
        ("faire: transmettre", "faire: attendre"),
    ):
        fichier.changer(avant, apres)
    fautes = fichier.fautes()
    assert len(fautes) == 10
    lignes = [ligne for ligne, _, _ in fautes]
    assert lignes == sorted(lignes)


def test_a_fault_reads_as_a_sentence(fichier):
    fichier.changer("    telephone: 02 61 91 00 10\n", "")
    with pytest.raises(FichierRefuse) as refus:
        fichier.lire()
    assert str(refus.value.fautes[0]) == "ligne 12, acteurs[1].telephone : manque ; l'accusé de réception le cite"


def test_two_spellings_of_one_key_are_a_duplicate(fichier):
    fichier.changer("telephone: 02 61 91 00 10", "telephone: 02 61 91 00 10\n    téléphone: 02 61 91 00 11")
    assert fichier.faute() == (17, "acteurs[1].téléphone", "déjà écrit ligne 16 ; gardez une seule des deux")


def test_hours_cut_by_a_comma_ask_for_quotes(fichier):
    fichier.changer("terrain: bailleur", "terrain: bailleur, 9 h - 12 h")
    ligne, _, raison = fichier.faute()
    assert ligne == 32
    assert "mettez la valeur entre guillemets" in raison


def test_without_acteurs_nothing_can_be_sent(fichier):
    debut, fin = fichier.texte.split("acteurs:\n")
    fichier.ecrire(debut + "acteurs:\n" + fin[fin.index("delais:") :])
    assert (11, "acteurs", "il en faut au moins un ; sans responsable, rien ne part") in fichier.fautes()


def test_what_happens_without_the_pilote_must_be_written(fichier):
    fichier.changer("sans_decision_du_pilote: { apres: 3 jours ouvrés, faire: transmettre }", "")
    ligne, chemin, raison = fichier.faute()
    assert (ligne, chemin) == (2, "sans_decision_du_pilote")
    assert "transmettre" in raison


def test_an_almost_empty_file_says_all_that_is_expected(fichier):
    fautes = fichier.ecrire("zones:\n").fautes()
    assert {chemin for _, chemin, _ in fautes} == {
        "territoire.nom",
        "territoire.code",
        "territoire.horaires",
        "territoire.modele",
        "acteurs",
        "sans_decision_du_pilote",
    }


# Zones and contours


@pytest.mark.parametrize(
    ("geojson", "raison"),
    [
        (
            {"type": "Polygon", "coordinates": [[[48.10, 0.40], [48.10, 0.42], [48.11, 0.42], [48.10, 0.40]]]},
            "inversées",
        ),
        (
            {"type": "Polygon", "coordinates": [[[0, 48], [2, 50], [2, 48], [0, 50], [0, 48]]]},
            "se recoupe près de 1 ; 49",
        ),
        ({"type": "LineString", "coordinates": [[0, 48], [2, 50]]}, "contient LineString"),
        ({"type": "FeatureCollection", "features": []}, "tilleuls.geojson : "),
        ({"type": "Feature", "geometry": None}, "sans géométrie"),
        ([], "n'est pas un GeoJSON"),
    ],
)
def test_a_contour_that_is_no_polygon_is_refused_at_its_line(fichier, geojson, raison):
    ligne, chemin, dite = fichier.contour(geojson).faute()
    assert (ligne, chemin) == (10, "zones[1].contour")
    assert raison in dite


def test_an_absent_contour_is_refused_at_its_line(fichier):
    ligne, _, raison = fichier.changer("contours/tilleuls", "contours/erables").faute()
    assert ligne == 10
    assert "introuvable" in raison


def test_a_contour_drawn_in_two_pieces_is_united(fichier):
    pieces = [[[x, 48.1], [x + 0.01, 48.1], [x + 0.01, 48.11], [x, 48.1]] for x in (0.40, 0.45)]
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [un]}} for un in pieces
    ]
    fichier.contour({"type": "FeatureCollection", "features": features})
    assert fichier.configuration().zones[0].contour["type"] == "MultiPolygon"


def test_a_town_with_its_contour_is_not_warned_of_it(fichier):
    lecture = fichier.changer("  sigle: GUSP ", "  contour: contours/tilleuls.geojson ").lire()
    assert lecture.configuration.contour["type"] == "Polygon"
    assert "territoire.contour" not in [un.chemin for un in lecture.avertissements]


def test_a_secteur_belongs_to_an_acteur(fichier):
    ligne = (
        '  - {{ code: nord, nom: Nord, acteur: {}, rythme: "mardi, le matin", prestations: [balayage], '
        "contour: contours/tilleuls.geojson }}"
    )
    fichier.changer("zones:\n", f"secteurs:\n{ligne.format('proprete')}\nzones:\n")
    (secteur,) = fichier.configuration().secteurs
    assert (secteur.acteur, secteur.rythme, secteur.prestations) == ("proprete", "mardi, le matin", ("balayage",))
    fichier.changer("acteur: proprete,", "acteur: voirie,")
    assert fichier.faute()[:2] == (10, "secteurs[1].acteur")


@pytest.mark.parametrize(
    ("ecrit", "regle"),
    [
        ("aucune", Publication.AUCUNE),
        ("Après modération", Publication.APRES_MODERATION),
        ("apres_moderation", Publication.APRES_MODERATION),
        ("immédiate", Publication.IMMEDIATE),
    ],
)
def test_what_anybody_may_read_is_one_word_and_nothing_where_it_is_not_written(fichier, ecrit, regle):
    assert fichier.configuration().publication is Publication.AUCUNE
    fichier.changer("  sigle: GUSP ", f"  publication: {ecrit}\n  sigle: GUSP ")
    assert fichier.configuration().publication is regle


def test_a_gusp_of_the_qpv_alone_needs_a_qpv(fichier):
    fichier.changer(
        "  sigle: GUSP ", '  perimetre: QPV seulement\n  hors_perimetre: "Mairie, 02 61 91 00 00"\n  sigle: GUSP '
    )
    c = fichier.configuration()
    assert (c.perimetre, c.competent_ailleurs) == (Perimetre.QPV, "Mairie, 02 61 91 00 00")
    fichier.changer("type: QPV, reference: QN09901N", "type: quartier")
    assert fichier.faute()[1] == "zones"


# Calendars


def test_holidays_bring_their_clock(fichier):
    calendrier = fichier.changer("jours_feries: métropole", "jours_feries: La Réunion").configuration().calendrier
    assert (calendrier.feries, calendrier.fuseau) == ("reunion", "Indian/Reunion")


def test_a_written_clock_wins(fichier):
    fichier.changer("jours_feries: métropole", "fuseau: Indian/Reunion")
    assert {un.calendrier.fuseau for un in fichier.configuration().acteurs} == {"Indian/Reunion"}


def test_an_acteur_without_hours_keeps_the_town_s_with_its_closures(fichier):
    fichier.changer("  sigle: GUSP ", "  fermetures: [15 mai 2026] #")
    fichier.changer("    horaires: lundi à vendredi, 8 h - 12 h et 13 h - 17 h\n", "    fermetures: 2026-05-29\n")
    c = fichier.configuration()
    assert c.acteur["proprete"].calendrier.fermetures == {date(2026, 5, 15), date(2026, 5, 29)}
    assert c.acteur["proprete"].calendrier.semaine == c.calendrier.semaine
    assert c.acteur["habitat-lisse"].calendrier.fermetures == frozenset()


def test_who_is_always_open_works_on_public_holidays(fichier):
    fichier.changer("horaires: lundi à vendredi, 8 h - 12 h et 13 h - 17 h", "horaires: 24 h sur 24")
    assert fichier.configuration().acteur["proprete"].calendrier == Calendrier.toujours("Europe/Paris")


# Thèmes


def test_a_themes_rubrique_is_exactly_what_is_served(fichier):
    fichier.changer(
        "delais:",
        """themes:
  - Dépôt sauvage
  - habitat.ascenseur
  - { code: graffiti.ordinaire, libelle: Tag ordinaire, photo: facultative, photo_apres: non }
  - { code: proprete.huche, libelle: Huche à pain pleine, photo: interdite }
delais:""",
    )
    themes = fichier.configuration().theme
    assert list(themes) == ["proprete.depot_sauvage", "habitat.ascenseur", "graffiti.ordinaire", "proprete.huche"]
    tag = themes["graffiti.ordinaire"]
    assert (tag.libelle, tag.photo, tag.photo_apres) == ("Tag ordinaire", RegleDePhoto.FACULTATIVE, False)
    assert themes["proprete.huche"].photo is RegleDePhoto.INTERDITE


@pytest.mark.parametrize(
    ("element", "chemin", "raison"),
    [
        ("Dépot sovage", "themes[3]", "« Dépôt sauvage »"),
        ("Ascenseur", "themes[3]", "déjà dans la liste ligne"),
        ("{ code: a.b, libelle: ascenseur }", "themes[3]", "déjà dans la liste"),
        ("{ code: proprete.huche }", "themes[3].libelle", "manque"),
        ("{ libelle: Huche à pain }", "themes[3].code", "manque"),
        ("{ code: Proprete, libelle: Huche }", "themes[3].code", "proprete.depot_sauvage"),
        ("{ code: eau.fuite, photo: peut-être }", "themes[3].photo", "obligatoire"),
        ("{ code: eau.fontaine, danger: oui }", "territoire.astreinte", "Fontaine en panne"),
        ("Lampadaire en panne\n  - [Tag]", "themes[4]", "un seul mot"),
    ],
)
def test_a_theme_that_cannot_be_served(fichier, element, chemin, raison):
    fichier.changer("delais:", f"themes:\n  - Dépôt sauvage\n  - Ascenseur\n  - {element}\ndelais:")
    assert raison in {faute[1]: faute[2] for faute in fichier.fautes()}[chemin]


def test_a_theme_left_out_of_the_list_is_recognised(fichier):
    fichier.changer("delais:", "themes: [Dépôt sauvage]\ndelais:")
    ligne, _, raison = fichier.faute()
    assert ligne == 34
    assert "au catalogue mais pas dans votre rubrique" in raison


def test_the_catalogue_names_each_theme_once_and_in_the_form_a_file_may_use():
    livres = catalogue()
    assert [code_theme(theme.code) for theme in livres] == [theme.code for theme in livres]
    noms = [plier(nom) for theme in livres for nom in (theme.code, theme.libelle)]
    assert len(noms) == len(set(noms))


# Questions

HUCHE = """themes:
  - Dépôt sauvage
  - Ascenseur
  - code: proprete.huche
    libelle: Huche à pain
    questions:
      - code: volume
        libelle: Quel volume, à peu près ?
        type: choix
        obligatoire: oui
        choix:
          - { code: petit, libelle: Un sac }
          - { code: gros, libelle: Un tas, arret: Appelez la déchèterie. }
      - { code: blesse, libelle: Un blessé, type: oui/non, arret: Urgence }
      - { code: depuis, libelle: Depuis quand, type: date }
delais:"""


@pytest.fixture
def huche(fichier):
    return fichier.changer("delais:", HUCHE)


def test_a_theme_asks_its_questions_in_the_order_of_the_file(huche):
    volume, blesse, depuis = huche.configuration().theme["proprete.huche"].questions
    assert volume == Question(
        "volume",
        "Quel volume, à peu près ?",
        TypeQuestion.CHOIX,
        obligatoire=True,
        choix=(Choix("petit", "Un sac"), Choix("gros", "Un tas", "Appelez la déchèterie.")),
    )
    assert (blesse.type, blesse.obligatoire, blesse.arret) == (TypeQuestion.OUI_NON, False, URGENCE)
    assert (depuis.type, depuis.arret) == (TypeQuestion.DATE, None)


@pytest.mark.parametrize(
    ("ecrit", "type_"),
    [
        ("texte", TypeQuestion.TEXTE),
        ("Nombre", TypeQuestion.NOMBRE),
        ("date", TypeQuestion.DATE),
        ("oui/non", TypeQuestion.OUI_NON),
        ("oui_non", TypeQuestion.OUI_NON),
        ("oui ou non", None),
    ],
)
def test_a_type_is_a_word_a_person_writes(huche, ecrit, type_):
    huche.changer("type: date", f"type: {ecrit}")
    if type_ is None:
        assert huche.faute()[1:] == (
            "themes[3].questions[3].type",
            "« oui ou non » n'est pas un type de question ; vouliez-vous dire « oui/non » ?",
        )
    else:
        assert huche.configuration().theme["proprete.huche"].questions[2].type is type_


def test_several_choices_are_said_in_words_too(huche):
    huche.changer("type: choix", "type: plusieurs choix")
    assert huche.configuration().theme["proprete.huche"].questions[0].type is TypeQuestion.CHOIX_MULTIPLE


@pytest.mark.parametrize(
    ("avant", "apres", "ligne", "chemin", "raison"),
    [
        ("        libelle: Quel volume, à peu près ?\n", "", 33, "[1].libelle", "manque"),
        ("      - code: volume\n        libelle", "      - libelle", 33, "[1].code", "manque"),
        ("code: volume", "code: Volume", 33, "[1].code", "minuscules"),
        ("type: choix", "type: liste", 35, "[1].type", "au choix : texte, nombre, date"),
        ("        type: choix\n", "", 33, "[1].type", "au choix : texte, nombre, date"),
        ("obligatoire: oui", "obligatoire: peut-être", 36, "[1].obligatoire", "« oui »"),
        ("obligatoire: oui", "obligatoires: oui", 36, "[1].obligatoires", "« obligatoire »"),
        ("code: gros", "code: petit", 39, "[1].choix[2].code", "déjà pris ligne 38"),
        ("arret: Appelez", "arrets: Appelez", 39, "[1].choix[2].arrets", "« arret »"),
        ("          - { code: petit, libelle: Un sac }\n", "", 37, "[1].choix", "au moins 2"),
        ("libelle: Un sac }", "libelle: Un sac, arret: Gardez-le. }", 37, "[1].choix", "qui laisse signaler"),
        ("type: choix", "type: texte", 37, "[1].choix", "plusieurs choix"),
        ("type: date", "type: date, arret: urgence", 41, "[3].arret", "sur un choix"),
        ("code: blesse", "code: volume", 40, "[2].code", "déjà pris ligne 33"),
        ("type: date }", "type: date, choix: [] }", 41, "[3].choix", "plusieurs choix"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_at_its_line(huche, avant, apres, ligne, chemin, raison):
    (faute,) = huche.changer(avant, apres).fautes()
    assert faute[:2] == (ligne, f"themes[3].questions{chemin}")
    assert raison in faute[2]


def test_a_form_of_more_questions_than_anybody_answers_is_refused(huche):
    many = "".join(f"      - {{ code: q{n}, libelle: Q, type: texte }}\n" for n in range(51))
    assert "50" in huche.changer("      - { code: depuis", many + "      - { code: depuis").faute()[2]


def test_a_theme_of_the_catalogue_keeps_its_questions_unless_the_file_asks_others(fichier):
    fichier.changer(
        "delais:", "themes:\n  - Dépôt sauvage\n  - Ascenseur\n  - { code: voirie.danger, questions: [] }\ndelais:"
    ).changer("  sigle: GUSP ", "  astreinte: proprete ")
    themes = fichier.configuration().theme
    assert [un.code for un in themes["proprete.depot_sauvage"].questions] == ["volume", "passage_bloque"]
    assert themes["voirie.danger"].questions == ()


def test_the_catalogue_asks_every_type_of_question_and_forces_none():
    asked = [question for theme in catalogue() for question in theme.questions]
    assert {question.type for question in asked} == set(TypeQuestion)
    assert not any(question.obligatoire for question in asked)
    assert URGENCE in {question.arret for question in asked}


def test_a_danger_needs_somebody_on_call(fichier):
    fichier.changer("delais:", "themes: [Dépôt sauvage, Ascenseur, Fuite d'eau sur l'espace public]\ndelais:")
    assert fichier.faute()[:2] == (3, "territoire.astreinte")
    lecture = fichier.changer("  sigle: GUSP ", "  astreinte: proprete ").lire()
    assert lecture.configuration.astreinte == "proprete"
    assert [un.chemin for un in lecture.avertissements] == ["territoire.contour", "territoire.epci"]


# Promises


def test_a_qpv_served_later_is_refused_with_both_lines_and_a_start_that_proves_it(fichier):
    ligne, chemin, raison = fichier.changer("traitement: 48 h", "traitement: 4 jours ouvrés").faute()
    assert (ligne, chemin) == (29, "delais[2].traitement")
    assert "« 4 jours ouvrés » finirait plus tard que « 3 jours ouvrés », promis partout ligne 28" in raison
    assert re.search(r"reçu le \w+ \d+ janvier 2026 à \d+ h \d\d \(horaires : Ville de Vaucelles", raison)


def test_a_qpv_is_compared_over_weekends_too(fichier):
    fichier.changer("traitement: 3 jours ouvrés", "traitement: 72 h").changer(
        "traitement: 48 h", "traitement: 2 jours ouvrés"
    )
    assert "« 2 jours ouvrés » finirait plus tard que « 72 h »" in fichier.faute()[2]


def test_a_qpv_is_compared_in_the_hours_of_every_acteur(fichier):
    """Four working hours always end within 96 real ones, except where a week has a single open hour."""
    fichier.changer("horaires: lundi à vendredi, 9 h - 12 h et 14 h - 17 h\n  sigle", "horaires: toujours\n  sigle")
    fichier.changer("horaires: lundi à vendredi, 8 h - 12 h et 13 h - 17 h", "horaires: toujours")
    fichier.changer("prise_en_charge: 8 h ouvrées", "prise_en_charge: 96 h")
    fichier.changer("traitement: 48 h", "traitement: 1 jour ouvré").changer("reponse: 3", "reponse: 1")
    fichier.changer(
        "    horaires: lundi à vendredi, 9 h - 12 h et 14 h - 17 h\n    en_cas",
        "    horaires: lundi, 9 h - 10 h\n    en_cas",
    )
    ligne, chemin, raison = fichier.faute()
    assert (ligne, chemin) == (29, "delais[2].prise_en_charge")
    assert "(horaires : Habitat Lisse)" in raison


def test_a_line_for_every_theme_is_compared_with_the_theme_s_own(fichier):
    """« tous » in the QPV yields to the thème's own line, so only other thèmes are compared with « tous » elsewhere."""
    fichier.changer(
        "qui_s_en_occupe:",
        "  - { theme: tous, ou: QPV, traitement: 20 jours ouvrés, nature: indicatif }\nqui_s_en_occupe:",
    )
    assert [(un.theme, un.zone) for un in fichier.configuration().engagements][-1] == (TOUT, "tilleuls")
    fichier.changer(
        "qui_s_en_occupe:",
        "  - { theme: tous, ou: partout, traitement: 15 jours ouvrés, nature: indicatif }\nqui_s_en_occupe:",
    )
    assert fichier.faute()[:2] == (30, "delais[3].traitement")


def test_a_line_for_the_qpv_speaks_for_each_and_yields_to_a_named_one(fichier):
    fichier.contour(
        {"type": "Polygon", "coordinates": [[[0.5, 48.1], [0.6, 48.1], [0.6, 48.2], [0.5, 48.1]]]}, "aulnes"
    )
    fichier.changer(
        "acteurs:", "  - { code: aulnes, nom: Les Aulnes, type: QPV, contour: contours/aulnes.geojson }\nacteurs:"
    )
    fichier.changer(
        "qui_s_en_occupe:",
        "  - { theme: Dépôt sauvage, ou: QPV, traitement: 24 h, nature: indicatif }\nqui_s_en_occupe:",
    )
    traitement = {un.zone: un.delais[Delai.TRAITEMENT].valeur for un in fichier.configuration().engagements}
    assert traitement == {TOUT: 3, "tilleuls": 48, "aulnes": 24}


def test_a_line_that_promises_nothing_is_refused(fichier):
    fichier.changer("prise_en_charge: 8 h ouvrées, reponse: 5 jours ouvrés, traitement: 3 jours ouvrés, ", "")
    assert fichier.faute() == (
        28,
        "delais[1]",
        "ne promet rien ; il faut au moins un délai parmi prise_en_charge, reponse, traitement",
    )


# Rules and ladder


def test_what_speaks_before_the_matrix(fichier):
    fichier.changer("  sigle: GUSP ", "  astreinte: proprete ")
    fichier.changer(
        "instances:",
        """  - { theme: Tag haineux ou injurieux, quel_que_soit_le_terrain: oui, confier_a: l’astreinte }
  - { theme: Tag, terrain: DPC, debord: 2 m, confier_a: proprete }
  - { theme: tous, terrain: tous, ou: tilleuls, confier_a: Le proprietaire du terrain }
instances:""",
    )
    haineux, tag, tous = fichier.configuration().regles[3:]
    assert (haineux.code, haineux.domanialite, haineux.confier_a) == ("R04", TOUT, Cible.ASTREINTE)
    assert (tag.debord_m, tous.zone, tous.theme) == (2.0, "tilleuls", TOUT)
    assert [un.surcharge for un in (haineux, tag, tous)] == [True, True, False]


@pytest.mark.parametrize(
    ("ecrit", "designe"),
    [
        ("toute la propreté", "proprete.*"),
        ("proprete.*", "proprete.*"),
        ("Propreté", "proprete.*"),
        ("tous les espaces verts", "espaces_verts.*"),
        ("tout l'éclairage", "eclairage.*"),
        ("la propreté", "proprete.*"),
        ("les espaces verts", "espaces_verts.*"),
        ("l’éclairage", "eclairage.*"),
        ("Tag", "graffiti.ordinaire"),
        ("tous", TOUT),
    ],
)
def test_a_line_may_speak_of_a_whole_family(fichier, ecrit, designe):
    fichier.changer("theme: Dépôt sauvage, terrain: bailleur", f'theme: "{ecrit}", terrain: bailleur')
    assert fichier.configuration().regles[1].theme == designe


def test_a_family_nobody_knows_is_refused_with_the_nearest_theme(fichier):
    fichier.changer("theme: Dépôt sauvage, terrain: bailleur", "theme: toute la plomberie, terrain: bailleur")
    assert fichier.faute()[:2] == (32, "qui_s_en_occupe[2].theme")


def test_a_family_misspelt_is_refused_with_the_nearest_family(fichier):
    fichier.changer("theme: Dépôt sauvage, terrain: bailleur", "theme: toute la propretée, terrain: bailleur")
    ligne, _, raison = fichier.faute()
    assert (ligne, raison.endswith(" ; ou toute la famille « proprete.* » ?")) == (32, True)


def test_a_word_that_is_a_theme_s_is_that_theme_s_alone(fichier):
    themes = "themes:\n  - Dépôt sauvage\n  - Ascenseur\n"
    themes += "  - { code: bruit, libelle: Bruit }\n  - { code: bruit.chien, libelle: Chien qui aboie }\n"
    fichier.changer("delais:", f"{themes}delais:")
    fichier.changer("theme: Dépôt sauvage, terrain: bailleur", "theme: bruit, terrain: bailleur")
    assert fichier.configuration().regles[1].theme == "bruit"
    fichier.changer("theme: bruit, terrain", "theme: bruit.*, terrain")
    assert fichier.configuration().regles[1].theme == "bruit.*"


def test_a_line_may_tell_acteurs_besides_the_one_who_answers(fichier):
    fichier.changer("terrain: bailleur, confier_a", "terrain: bailleur, informer: [proprete, proprete], confier_a")
    assert [regle.informer for regle in fichier.configuration().regles] == [(), ("proprete",), ()]


@pytest.mark.parametrize(
    ("informer", "chemin", "raison"),
    [
        ("[police]", "qui_s_en_occupe[1].informer[1]", "acteur inconnu : « police »"),
        ("proprete", "qui_s_en_occupe[1].informer", "« proprete » s'en occupe déjà"),
    ],
)
def test_nobody_unknown_is_told_nor_whoever_answers(fichier, informer, chemin, raison):
    fichier.changer("confier_a: proprete", f"confier_a: proprete, informer: {informer}")
    ligne, ou, dite = fichier.faute()
    assert (ligne, ou) == (31, chemin)
    assert raison in dite


def test_an_indoor_theme_that_no_line_names_is_told_and_a_family_names_it(fichier):
    def dits(lecture):
        return [un.raison for un in lecture.avertissements if un.chemin == "qui_s_en_occupe"]

    [dit] = dits(fichier.lire())
    assert dit.startswith("aucune ligne ne nomme « Occupation de hall », « Hall dégradé ou inondé »")
    fichier.changer("theme: Ascenseur", "theme: tout l'habitat")
    [dit] = dits(fichier.lire())
    assert dit.startswith("aucune ligne ne nomme « Occupation de hall » ; confiez")


# The perimeter of thèmes, and who is competent for the rest

SUIVIS = "  themes_suivis: [toute la propreté, Ascenseur]\n"
VOIRIE = """  competents:
    - { nom: Mairie, telephone: 02 61 91 00 01, themes: toute la voirie }
"""
COMPETENTS = f"""{VOIRIE}    - {{ nom: Agglo, courriel: accueil@agglo.test, adresse: 8 rue de l'Industrie }}
"""


DEUX_FOIS = "    - { nom: Voirie, telephone: 02 61 91 00 02, themes: [Ascenseur, la voirie] }\n"
ENCORE = "    - { nom: Accueil, telephone: 02 61 91 00 03 }\n"


def test_a_perimeter_of_themes_names_who_is_competent_for_the_rest(fichier):
    c = fichier.changer("  sigle: GUSP ", f"{SUIVIS}{COMPETENTS}  sigle: GUSP ").configuration()
    assert c.themes_suivis == ("proprete.*", "habitat.ascenseur")
    assert [c.suit(code) for code in ("proprete.sol", "habitat.ascenseur", "habitat.hall")] == [True, True, False]
    assert c.competent("voirie.trottoir") == Competent("Mairie", telephone="02 61 91 00 01", themes=("voirie.*",))
    assert c.competent("habitat.hall").adresse == "8 rue de l'Industrie"


@pytest.mark.parametrize(
    ("entete", "ligne", "chemin", "raison"),
    [
        (SUIVIS, 3, "territoire.hors_perimetre", "« Tag haineux ou injurieux »"),
        (SUIVIS + VOIRIE, 7, "territoire.competents", "personne pour « Tag haineux ou injurieux »"),
        (SUIVIS.replace("Ascenseur", "Assenseur") + COMPETENTS, 6, "territoire.themes_suivis[2]", "« Ascenseur »"),
        (COMPETENTS.replace("telephone: 02 61 91 00 01, ", ""), 7, "territoire.competents[1]", "comment le joindre"),
        (COMPETENTS.replace("nom: Agglo, ", ""), 8, "territoire.competents[2].nom", "manque"),
        (COMPETENTS.replace("accueil@", "accueil"), 8, "territoire.competents[2].courriel", "n'est pas une adresse"),
        (COMPETENTS + DEUX_FOIS, 9, "territoire.competents[3].themes", "ligne 7 est déjà pour « voirie.* »"),
        (COMPETENTS + ENCORE, 9, "territoire.competents[3]", "ligne 8 est déjà sans « themes »"),
    ],
)
def test_nobody_is_sent_away_without_being_told_where(fichier, entete, ligne, chemin, raison):
    fichier.changer("  sigle: GUSP ", f"{entete}  sigle: GUSP ")
    dites = {faute[:2]: faute[2] for faute in fichier.fautes()}
    assert raison in dites[ligne, chemin]
    assert len(dites) == 1


# The two collectivités of a modèle

AGGLO = """  - code: {0}
    nom: Intercommunalité {0}
    type: EPCI
    courriel: services@agglo.test
    telephone: 02 61 91 00 30
    adresse: 8 rue de l'Industrie, Vaucelles-sur-Lisse
delais:"""


def test_the_only_acteur_that_is_an_epci_need_not_be_named(fichier):
    fichier.changer("delais:", AGGLO.format("agglo")).changer("modele: angevin", "modele: nantais")
    lecture = fichier.lire()
    assert (lecture.configuration.epci, lecture.configuration.commune) == ("agglo", None)
    assert "territoire.epci" not in [un.chemin for un in lecture.avertissements]


def test_of_two_epci_the_file_says_which(fichier):
    fichier.changer("delais:", AGGLO.format("agglo")).changer("delais:", AGGLO.format("metropole"))
    ligne, chemin, raison = fichier.faute()
    assert (ligne, chemin) == (3, "territoire.epci")
    assert "(agglo, metropole)" in raison
    assert fichier.changer("  sigle: GUSP ", "  epci: metropole\n  sigle: GUSP ").configuration().epci == "metropole"


@pytest.mark.parametrize(
    ("modele", "chemins"),
    [("nantais", ["epci"]), ("agglo seule", ["epci", "commune"]), ("commune seule", []), ("angevin", [])],
)
def test_a_modele_is_refused_without_the_collectivites_it_tells(fichier, modele, chemins):
    fichier.changer("modele: angevin", f"modele: {modele}")
    if chemins:
        assert [faute[1] for faute in fichier.fautes()] == [f"territoire.{chemin}" for chemin in chemins]
    else:
        assert fichier.configuration().epci is None


def test_the_epci_alone_tells_the_commune(fichier):
    fichier.changer("modele: angevin", "modele: agglo seule\n  commune: proprete")
    fichier.changer("delais:", AGGLO.format("agglo"))
    assert (fichier.configuration().epci, fichier.configuration().commune) == ("agglo", "proprete")
    fichier.changer("commune: proprete", "commune: mairie")
    assert fichier.faute()[:2] == (8, "territoire.commune")


def test_the_commune_is_not_its_epci(fichier):
    fichier.changer("modele: angevin", "modele: agglo seule\n  commune: agglo")
    fichier.changer("delais:", AGGLO.format("agglo"))
    ligne, chemin, raison = fichier.faute()
    assert (ligne, chemin) == (8, "territoire.commune")
    assert "« agglo » est déjà l'EPCI" in raison


def test_what_the_epci_carries_has_no_effect_outside_the_angevin_modele(fichier):
    fichier.changer("delais:", AGGLO.format("agglo"))
    fichier.changer("  sigle: GUSP ", "  renouvellement_urbain: habitat.travaux\n  sigle: GUSP ")
    assert fichier.configuration().themes_ru == ("habitat.travaux",)
    fichier.changer("modele: angevin", "modele: commune seule")
    assert "territoire.renouvellement_urbain" in [un.chemin for un in fichier.lire().avertissements]


def test_each_step_of_a_ladder_has_a_code_of_its_own(fichier):
    avant = fichier.texte.index("  - { quand: 80 %")
    apres = fichier.texte.index("sans_decision")
    lignes = """  - { quand: + 4 jours ouvrés, inscrire: pilotage de quartier }
  - { quand: 95 % du délai, prevenir: acteur }
  - { quand: + 2 jours ouvrés, inscrire: gusp-tilleuls }
  - { quand: 50 % du délai, prevenir: [acteur, direction generale] }
  - { quand: + 3 jours ouvrés, prevenir: pilote }
  - { delai: prise en charge, quand: délai dépassé, prevenir: acteur }
"""
    fichier.ecrire(fichier.texte[:avant] + lignes + fichier.texte[apres:])
    c = fichier.configuration()
    assert [(un.code, un.part, un.jours) for un in c.paliers(Delai.TRAITEMENT)] == [
        ("relance", 50, None),
        ("relance_95", 95, None),
        ("pilotage_quartier", None, 2),
        ("rappel_j3", None, 3),
        ("pilotage_quartier_j4", None, 4),
    ]
    assert c.paliers(Delai.TRAITEMENT)[0].prevenir == (Destinataire.ACTEUR, Destinataire.DIRECTION_GENERALE)
    assert c.paliers(Delai.TRAITEMENT)[-1].inscrire == TypeInstance.PILOTAGE_QUARTIER
    assert [un.code for un in c.paliers(Delai.PRISE_EN_CHARGE)] == ["retard"]


def test_the_pilote_has_two_working_days_to_settle_or_what_the_town_says(fichier):
    assert fichier.configuration().arbitrage == Duree(2, Unite.JOURS_OUVRES)
    fichier.changer("  code: VSL", "  arbitrage: 3 h ouvrées\n  code: VSL")
    assert fichier.configuration().arbitrage == Duree(3, Unite.HEURES_OUVREES)


def test_what_the_pilote_has_to_settle_is_promised_to_nobody(fichier):
    fichier.changer("nature: indicatif", "arbitrage: 2 jours ouvrés, nature: indicatif")
    assert "arbitrage" in fichier.faute()[1]


def test_the_pilote_s_own_delai_climbs_by_the_ordinary_ladder_or_by_the_town_s(fichier):
    ordinaire = fichier.configuration().paliers(Delai.ARBITRAGE)
    assert [(un.code, un.part, un.jours, un.prevenir) for un in ordinaire] == [
        ("relance", 80, None, (Destinataire.PILOTES,)),
        ("retard", None, 0, (Destinataire.PILOTES,)),
    ]
    ligne = "  - { delai: arbitrage, quand: + 1 jour ouvré, prevenir: [pilotes, direction générale] }\n"
    fichier.changer("sans_decision_du_pilote", f"{ligne}sans_decision_du_pilote")
    (seul,) = fichier.configuration().paliers(Delai.ARBITRAGE)
    assert (seul.code, seul.prevenir) == ("rappel_j1", (Destinataire.PILOTES, Destinataire.DIRECTION_GENERALE))


def test_a_step_that_reaches_no_agenda_is_a_warning(fichier):
    debut, fin = fichier.texte.index("instances:"), fichier.texte.index("sans_decision")
    lecture = fichier.ecrire(fichier.texte[:debut] + fichier.texte[fin:]).lire()
    dits = [un.raison for un in lecture.avertissements if un.chemin == "instances"]
    assert len(dits) == 3
    assert "« GUSP / direction générale »" in dits[-1]
    assert lecture.configuration.echelle == ECHELLE_ORDINAIRE
