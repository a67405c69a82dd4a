from datetime import date

import pytest

from relais.imports import Illisible
from relais.imports.horaires import TOUJOURS, horaires
from relais.imports.mots import (
    DOMANIALITE,
    MODELE,
    TYPE_ACTEUR,
    TYPE_INSTANCE,
    Moment,
    courriel,
    distance,
    duree,
    jour,
    moment,
    plier,
    reference_qpv,
    telephone,
    voisinage,
)
from relais.rules.configuration import Domanialite, Modele, TypeActeur, TypeInstance, Voisinage
from relais.rules.delais import Duree, Unite

MATIN, APRES_MIDI = (540, 720), (840, 1020)
SEMAINE = ((MATIN, APRES_MIDI),) * 5 + ((), ())


@pytest.mark.parametrize(
    "ecrit",
    [
        "lundi à vendredi, 9 h - 12 h et 14 h - 17 h",
        "Lundi au vendredi : 9h-12h, 14h-17h",
        "du lundi au vendredi, de 9 h à 12 h et de 14 h à 17 h",
        "lundi à vendredi, 9:00 – 12:00 et 14:00 – 17:00",
        "lundi, mardi, mercredi, jeudi et vendredi, 09h00 - 12h00 et 14h00 - 17h00",
        "lundi à jeudi, 9 h - 12 h et 14 h - 17 h ; vendredi, 9 h - 12 h et 14 h - 17 h ;",
        "lundi\u00a0à\u00a0vendredi, 9\u202fh - 12\u202fh et 14 h - 17 h",
    ],
)
def test_one_week_however_a_town_writes_it(ecrit):
    assert horaires(ecrit) == SEMAINE


def test_a_group_of_days_may_have_its_own_hours():
    semaine = horaires("lundi à jeudi, 9 h - 12 h et 14 h - 17 h ; vendredi, 9 h - 12 h")
    assert semaine[3:5] == ((MATIN, APRES_MIDI), (MATIN,))


@pytest.mark.parametrize("ecrit", ["samedi, 9 h 30 - 12 h", "samedis : 9h30-12h00"])
def test_half_hours(ecrit):
    assert horaires(ecrit)[5] == ((570, 720),)


@pytest.mark.parametrize("ecrit", ["toujours", "24 h sur 24", "24h/24", "24 h / 24, 7 j / 7", "Toujours"])
def test_on_call_is_every_minute(ecrit):
    assert horaires(ecrit) is TOUJOURS


@pytest.mark.parametrize(
    ("ecrit", "raison"),
    [
        ("lundi à vendredi", "n'a pas d'heures"),
        ("lundredi, 9 h - 12 h", "n'est pas un jour"),
        ("9 h - 12 h", "n'est pas un jour"),
        ("lundi, 12 h - 9 h", "finit avant de commencer"),
        ("lundi, 22 h - 26 h", "après 24 h"),
        ("lundi, 9 h - 12 h et 11 h - 14 h", "avant la fin des heures précédentes"),
        ("lundi à mercredi, 9 h - 12 h ; mardi, 9 h - 12 h", "« mardi » est dit deux fois"),
        ("vendredi à lundi, 9 h - 12 h", "à rebours"),
        ("lundi, 1020", "ne se lit pas"),
        (";", "aucun jour ouvert"),
    ],
)
def test_hours_that_mean_nothing_are_refused_with_their_reason(ecrit, raison):
    with pytest.raises(Illisible, match=raison):
        horaires(ecrit)


@pytest.mark.parametrize(
    ("ecrit", "valeur", "unite"),
    [
        ("48 h", 48, Unite.HEURES),
        ("48h", 48, Unite.HEURES),
        ("1 heure", 1, Unite.HEURES),
        ("4 h ouvrées", 4, Unite.HEURES_OUVREES),
        ("4 HEURES OUVREES", 4, Unite.HEURES_OUVREES),
        ("1 jour ouvré", 1, Unite.JOURS_OUVRES),
        ("3 jours ouvrés", 3, Unite.JOURS_OUVRES),
    ],
)
def test_durations(ecrit, valeur, unite):
    assert duree(ecrit) == Duree(valeur, unite)


def test_a_duration_in_days_must_say_which_days():
    with pytest.raises(Illisible, match="« 3 jours ouvrés » ou « 72 h »"):
        duree("3 jours")


@pytest.mark.parametrize("ecrit", ["", "0 h", "-2 h", "1,5 h", "3 jours ouvrables", "2 semaines", "99999 h", "48"])
def test_nothing_else_is_a_duration(ecrit):
    with pytest.raises(Illisible):
        duree(ecrit)


@pytest.mark.parametrize(
    ("ecrit", "attendu"),
    [
        ("80 % du délai", Moment(part=80)),
        ("80%", Moment(part=80)),
        ("délai dépassé", Moment(jours=0)),
        ("+ 2 jours ouvrés", Moment(jours=2)),
        ("+1 jour ouvré", Moment(jours=1)),
    ],
)
def test_moments_of_the_ladder(ecrit, attendu):
    assert moment(ecrit) == attendu


@pytest.mark.parametrize("ecrit", ["100 % du délai", "0 %", "+ 2 jours", "+ 48 h", "2 jours ouvrés", "bientôt"])
def test_nothing_else_is_a_moment(ecrit):
    with pytest.raises(Illisible):
        moment(ecrit)


def test_moments_sort_as_they_happen():
    ecrits = ["80 % du délai", "90 % du délai", "délai dépassé", "+ 2 jours ouvrés", "+ 10 jours ouvrés"]
    a_rebours = ecrits[::-1]
    assert sorted(a_rebours, key=moment) == ecrits


def test_words_are_read_without_accents_case_or_apostrophes():
    assert MODELE("Agglo-seule") is Modele.EPCI_SEUL
    assert TYPE_ACTEUR("REGIE DE QUARTIER") is TypeActeur.REGIE_DE_QUARTIER
    assert TYPE_INSTANCE("gusp/direction generale") is TypeInstance.GUSP_DG
    assert plier("Qui s’en occupe") == plier("qui_s_en_occupe")


def test_a_terrain_is_named_by_label_or_by_code():
    assert DOMANIALITE("Bailleur") is DOMANIALITE("BAIL") is Domanialite.BAIL


def test_an_unknown_word_suggests_the_nearest():
    with pytest.raises(Illisible, match="vouliez-vous dire « bailleur »"):
        TYPE_ACTEUR("bayeur")


def test_an_unknown_word_lists_a_short_choice():
    with pytest.raises(Illisible, match="nantais, angevin, commune seule, agglo seule"):
        MODELE("parisien")


@pytest.mark.parametrize("ecrit", ["2026-05-15", "15/05/2026", "15 mai 2026"])
def test_days(ecrit):
    assert jour(ecrit) == date(2026, 5, 15)


def test_the_first_of_august():
    assert jour("1er août 2026") == date(2026, 8, 1)


@pytest.mark.parametrize("ecrit", ["2026-02-30", "31/06/2026", "15 brumaire 2026", "demain"])
def test_a_day_that_does_not_exist(ecrit):
    with pytest.raises(Illisible):
        jour(ecrit)


def test_distances():
    assert (distance("2 m"), distance("2,5 mètres")) == (2.0, 2.5)
    for ecrit in ("2", "0 m", "2 km", "400 m"):
        with pytest.raises(Illisible):
            distance(ecrit)


def test_how_near_and_how_soon():
    assert voisinage("25 m, 7 jours") == Voisinage(25, 7)
    assert voisinage("2,5 m , 366 j") == Voisinage(2.5, 366)
    for ecrit in ("25 m", "7 jours", "25 m 7 jours", "25 m, 7", "25 m, 0 jour", "25 m, 367 jours", "400 m, 7 jours"):
        with pytest.raises(Illisible):
            voisinage(ecrit)


@pytest.mark.parametrize("ecrit", ["QN09901N", "QP099001", "QN02A01M", "QP02B001"])
def test_both_generations_of_qpv_references(ecrit):
    assert reference_qpv(ecrit) == ecrit


@pytest.mark.parametrize("ecrit", ["QN09901", "QN9901N", "qn09901n", "QN09901X", "QP09900"])
def test_a_reference_that_is_no_qpv(ecrit):
    with pytest.raises(Illisible):
        reference_qpv(ecrit)


@pytest.mark.parametrize(
    "ecrit", ["gusp", "gusp@", "gusp@ville", "g usp@ville.fr", "a@ville.fr, b@ville.fr", "mairie@évry.fr", "a@b@c.fr"]
)
def test_what_is_no_address(ecrit):
    with pytest.raises(Illisible):
        courriel(ecrit)


def test_a_phone_number_is_kept_as_written():
    assert telephone("0261710022") == "0261710022"
    with pytest.raises(Illisible):
        telephone("accueil")
