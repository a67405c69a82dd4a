"""The demo's territoire loads as any town's would, and its map is drawn anew to the same bytes."""

import runpy
from collections import Counter
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import ExifTags, Image
from shapely import Point
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from relais.imports.emprises import EmprisesLues, lire_emprises
from relais.imports.personnes import lire_personnes
from relais.imports.territoire import Lecture, lire_territoire
from relais.rules.acces import Role
from relais.rules.carte import Carte, Emprise
from relais.rules.configuration import (
    PROMIS,
    TOUT,
    Cible,
    Configuration,
    Delai,
    Domanialite,
    Nature,
    TypeActeur,
    TypeInstance,
    TypeZone,
)
from relais.rules.delais import echeance, jours_ouvres_apres, plus_tardif
from relais.rules.routage import router

DEMO = Path(__file__).resolve().parents[2] / "demo"
ENTREE_B = (0.41237, 48.10562)
TROTTOIR = (0.41237, 48.105485)
"""Fifteen metres south of the entrance."""
CE_JOUR = date(2026, 3, 31)
FRICHE, DELAISSE = (0.41767, 48.10437), (0.41962, 48.10303)


@pytest.fixture(scope="module")
def lecture() -> Lecture:
    return lire_territoire(DEMO / "territoire.yaml")


@pytest.fixture(scope="module")
def configuration(lecture: Lecture) -> Configuration:
    return lecture.configuration


@pytest.fixture(scope="module")
def lues(configuration: Configuration) -> EmprisesLues:
    return lire_emprises(DEMO / "emprises.geojson", DEMO / "correspondance.yaml", configuration.acteur)


@pytest.fixture(scope="module")
def carte(configuration: Configuration, lues: EmprisesLues) -> Carte:
    return Carte(lues.emprises, configuration.zones, configuration.contour)


def formes(emprises: tuple[Emprise, ...]) -> dict[str, BaseGeometry]:
    return {emprise.code: shape(emprise.geometrie) for emprise in emprises}


def test_the_demo_loads_without_a_fault_or_a_warning(lecture):
    assert lecture.avertissements == ()
    assert (lecture.configuration.code, lecture.configuration.courriel) == ("VSL", "gusp@vaucelles.test")


def test_it_has_the_acteurs_zones_and_instances_of_a_real_town(configuration):
    acteurs = Counter(acteur.type for acteur in configuration.acteurs)
    zones = Counter(zone.type for zone in configuration.zones)
    assert acteurs[TypeActeur.DIRECTION] >= 4
    assert acteurs[TypeActeur.BAILLEUR] == 2
    assert zones[TypeZone.QPV] == 1
    assert zones[TypeZone.QUARTIER] >= 3
    assert {instance.type for instance in configuration.instances} == set(TypeInstance)
    assert len(configuration.themes) >= 30
    assert len(configuration.regles) >= 20
    assert {regle.confier_a for regle in configuration.regles} >= set(Cible)


def test_every_theme_promises_its_three_delais_in_the_qpv_and_outside(configuration):
    lignes = {(engagement.theme, engagement.zone): set(engagement.delais) for engagement in configuration.engagements}
    for theme in configuration.themes:
        ordinaire = lignes.get((theme.code, TOUT)) or lignes[TOUT, TOUT]
        assert ordinaire == set(PROMIS)
        assert lignes.get((theme.code, "tilleuls"), ordinaire) == set(PROMIS)


def test_the_qpv_is_never_served_later_whoever_is_responsible(configuration):
    lignes = {(engagement.theme, engagement.zone): engagement.delais for engagement in configuration.engagements}
    calendriers = {acteur.calendrier for acteur in configuration.acteurs}
    renforces = [theme for theme, zone in lignes if zone == "tilleuls"]
    paires = {(duree, lignes[t, TOUT][delai]) for t in renforces for delai, duree in lignes[t, "tilleuls"].items()}
    assert len(renforces) >= 10
    for qpv, ordinaire in paires:
        assert all(plus_tardif(qpv, ordinaire, calendrier, 2026) is None for calendrier in calendriers)


def test_every_role_has_an_account_and_every_agent_an_acteur_of_the_territoire(configuration):
    personnes = lire_personnes(DEMO / "personnes.csv")
    acteurs = {personne.identifiant: personne.acteur for personne in personnes if personne.acteur}
    assert {personne.role for personne in personnes} == set(Role) - {Role.CLE}
    assert acteurs == {
        "agent@demo.test": "habitat-lisse",
        "agent.proprete@demo.test": "proprete",
        "responsable@demo.test": "habitat-lisse",
        "copilote@demo.test": "lisse-agglo",
    }
    assert set(acteurs.values()) <= set(configuration.acteur)


def test_every_emprise_is_a_sound_polygon_inside_the_commune(configuration, lues):
    commune = shape(configuration.contour).buffer(0.0001)
    assert lues.ecartees == {}
    assert len(lues.emprises) >= 35
    for code, forme in formes(lues.emprises).items():
        assert forme.is_valid, code
        assert commune.covers(forme), code
    utiles = set(Domanialite) - {Domanialite.DPN}
    assert {emprise.domanialite for emprise in lues.emprises} == utiles


def test_two_emprises_overlap_only_where_the_smaller_one_stands_on_the_other(lues):
    posees = {"ecole-lavoir", "gymnase-tilleuls", "terrasse-tilleuls", "terrasse-mairie", "friche-tanneries-2026"}
    un_m2 = 1 / (74_337 * 111_200)
    chevauchements = {
        frozenset((code, autre))
        for (code, forme), (autre, seconde) in combinations(formes(lues.emprises).items(), 2)
        if forme.intersection(seconde).area > 40 * un_m2
    }
    assert len(chevauchements) == len(posees)
    assert all(couple & posees for couple in chevauchements)


def test_every_zone_and_secteur_lies_in_the_commune(configuration):
    commune = shape(configuration.contour).buffer(0.0001)
    for lieu in (*configuration.zones, *configuration.secteurs):
        assert commune.covers(shape(lieu.contour)), lieu.code
    quartiers = [shape(zone.contour) for zone in configuration.zones if zone.type is TypeZone.QUARTIER]
    assert sum(quartier.area for quartier in quartiers) == pytest.approx(shape(configuration.contour).area, rel=1e-3)


def test_the_entrance_and_the_pavement_15_m_away_have_two_responsables(configuration, carte):
    def route(point, precision_m):
        lon, lat = point
        return router(
            configuration, carte, theme="proprete.depot_sauvage", lon=lon, lat=lat, precision_m=precision_m, le=CE_JOUR
        )

    entree, trottoir = route(ENTREE_B, 12), route(TROTTOIR, None)
    assert (entree.acteur, entree.emprise, entree.regle) == ("habitat-lisse", "residence-erables", "R07")
    assert not entree.incertain
    assert "tilleuls" in entree.zones
    assert (trottoir.acteur, trottoir.emprise) == ("proprete", "rue-erables")


def test_the_promises_of_the_demo_fall_on_the_dates_it_announces(configuration):
    recu_le = datetime(2026, 3, 31, 18, 12, tzinfo=ZoneInfo("Europe/Paris"))
    (promesse,) = (
        engagement
        for engagement in configuration.engagements
        if (engagement.theme, engagement.zone) == ("proprete.depot_sauvage", "tilleuls")
    )
    bailleur = configuration.acteur["habitat-lisse"].calendrier
    dues = {delai: f"{echeance(recu_le, duree, bailleur):%d/%m %H:%M}" for delai, duree in promesse.delais.items()}
    assert (promesse.nature, promesse.source) == (Nature.ENGAGEMENT, "Charte GUSP 2025, art. 4")
    assert dues == {
        Delai.PRISE_EN_CHARGE: "01/04 15:00",
        Delai.REPONSE: "03/04 17:00",
        Delai.TRAITEMENT: "02/04 18:12",
    }
    retard = echeance(recu_le, promesse.delais[Delai.TRAITEMENT], bailleur)
    paliers = [palier.jours for palier in configuration.paliers(Delai.TRAITEMENT) if palier.jours]
    instants = [jours_ouvres_apres(retard, jours, configuration.calendrier) for jours in paliers]
    assert [f"{instant:%d/%m %H:%M}" for instant in instants] == ["07/04 17:00", "10/04 17:00", "15/04 17:00"]


def test_the_two_points_are_on_the_ground_of_two_gestionnaires(lues):
    def gestionnaires(point):
        sous = [emprise for emprise in lues.emprises if shape(emprise.geometrie).contains(Point(point))]
        return [(emprise.nom, emprise.gestionnaire) for emprise in sous]

    assert gestionnaires(ENTREE_B) == [("Résidence des Érables", "habitat-lisse")]
    assert gestionnaires(TROTTOIR) == [("Rue des Érables", "voirie")]


def test_the_friche_changes_hands_on_the_first_of_january_and_nobody_owns_the_delaisse(carte):
    def gestionnaires(point, le):
        return [emprise.gestionnaire for emprise in carte.emprises_en(*point, le)]

    assert gestionnaires(FRICHE, date(2025, 12, 31)) == ["lisse-agglo"]
    assert gestionnaires(FRICHE, date(2026, 1, 1)) == ["regie-tilleuls"]
    assert gestionnaires(DELAISSE, CE_JOUR) == [None]


def test_the_photos_carry_the_traces_that_relais_removes():
    photos = sorted((DEMO / "photos").glob("*.jpg"))
    assert len(photos) == 3
    for photo in photos:
        assert photo.stat().st_size <= 60_000
        with Image.open(photo) as image:
            exif = image.getexif()
            assert max(image.size) <= 1280
            assert exif[ExifTags.Base.Orientation] == 6
            assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
            assert image.info["comment"]


def test_drawing_the_demo_again_writes_the_same_bytes(tmp_path):
    runpy.run_path(str(DEMO / "fabrique.py"))["fabriquer"](tmp_path)
    dessines = {fichier.relative_to(tmp_path): fichier.read_bytes() for fichier in tmp_path.rglob("*.*")}
    assert len(dessines) >= 14
    assert dessines == {fichier: (DEMO / fichier).read_bytes() for fichier in dessines}
    assert {f.name for f in (DEMO / "contours").iterdir()} == {f.name for f in (tmp_path / "contours").iterdir()}
