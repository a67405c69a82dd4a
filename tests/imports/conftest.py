"""A territoire.yaml to spoil: the sample a town would start from, with its contour beside it."""

import json
from pathlib import Path

import pytest

from relais.imports import FichierRefuse
from relais.imports.territoire import lire_territoire

MODELE = """# Qui s'occupe de quoi, en combien de temps, qui est prévenu. Essai sans effet : relais import territoire.yaml --essai
territoire:
  nom: Ville de Vaucelles-sur-Lisse
  code: VSL
  horaires: lundi à vendredi, 9 h - 12 h et 14 h - 17 h
  sigle: GUSP                                # ou GUP : le mot de vos courriels
  modele: angevin                            # nantais, angevin, commune seule, agglo seule
  jours_feries: métropole                    # ou alsace-moselle, réunion, guadeloupe…
zones:
  - { code: tilleuls, nom: Les Tilleuls, type: QPV, reference: QN09901N, contour: contours/tilleuls.geojson }
acteurs:
  - code: proprete
    nom: Direction de la propreté urbaine
    type: direction
    courriel: proprete@vaucelles.test
    telephone: 02 61 91 00 10
    adresse: 1 place de la Mairie, Vaucelles-sur-Lisse
    horaires: lundi à vendredi, 8 h - 12 h et 13 h - 17 h
  - code: habitat-lisse
    nom: Habitat Lisse
    type: bailleur
    courriel: gestion.nord@habitat-lisse.test
    telephone: 02 61 91 00 21
    adresse: 4 allée des Tilleuls, Vaucelles-sur-Lisse
    horaires: lundi à vendredi, 9 h - 12 h et 14 h - 17 h
    en_cas_de_retard: agence.nord@habitat-lisse.test     # une fonction, jamais une personne
delais:                                      # le QPV ne peut pas être moins bien servi que le reste
  - { theme: Dépôt sauvage, ou: partout, prise_en_charge: 8 h ouvrées, reponse: 5 jours ouvrés, traitement: 3 jours ouvrés, nature: indicatif }
  - { theme: Dépôt sauvage, ou: tilleuls, prise_en_charge: 4 h ouvrées, reponse: 3 jours ouvrés, traitement: 48 h, nature: engagement, source: "Charte GUSP 2025, art. 4" }
qui_s_en_occupe:                             # la ligne la plus précise l'emporte
  - { theme: Dépôt sauvage, terrain: domaine public communal, confier_a: proprete }
  - { theme: Dépôt sauvage, terrain: bailleur, confier_a: le propriétaire du terrain }
  - { theme: Ascenseur, terrain: tous, confier_a: le bailleur du bâtiment le plus proche }
instances:
  - { code: gusp-tilleuls, type: pilotage de quartier, nom: Instance GUSP Les Tilleuls, membres: [gusp@vaucelles.test, agence.nord@habitat-lisse.test] }
  - { code: gusp-ville, type: pilotage de ville, nom: Instance GUSP ville, membres: [gusp@vaucelles.test, proprete@vaucelles.test] }
  - { code: gusp-dg, type: GUSP / direction générale, nom: Instance GUSP / direction générale, membres: [gusp@vaucelles.test, dgs@vaucelles.test] }
remontees:                                   # depuis la fin du délai de traitement ; un délai sans ligne garde l'échelle ordinaire
  - { quand: 80 % du délai, prevenir: acteur }
  - { quand: délai dépassé, prevenir: [responsable, pilotes] }
  - { quand: + 2 jours ouvrés, inscrire: gusp-tilleuls } # à l'ordre du jour, sans courriel
  - { quand: + 5 jours ouvrés, inscrire: gusp-ville, prevenir: pilotes }
  - { quand: + 8 jours ouvrés, inscrire: gusp-dg, prevenir: pilotes }
sans_decision_du_pilote: { apres: 3 jours ouvrés, faire: transmettre }   # ou rappeler ; clé obligatoire
"""  # noqa: E501 : the lines a town writes
CARRE = [[0.40, 48.10], [0.42, 48.10], [0.42, 48.11], [0.40, 48.11], [0.40, 48.10]]


class Fichier:
    """The sample, spoilt by replacements that must each find their text."""

    def __init__(self, dossier: Path) -> None:
        self.chemin = dossier / "territoire.yaml"
        self.texte = MODELE
        self.encodage = "utf-8"
        (dossier / "contours").mkdir()
        self.contour({"type": "Polygon", "coordinates": [CARRE]})

    def contour(self, geojson, nom="tilleuls"):
        (self.chemin.parent / "contours" / f"{nom}.geojson").write_text(json.dumps(geojson), encoding="utf-8")
        return self

    def changer(self, avant, apres):
        assert avant in self.texte
        self.texte = self.texte.replace(avant, apres, 1)
        return self

    def ecrire(self, texte):
        self.texte = texte
        return self

    def lire(self):
        self.chemin.write_text(self.texte, encoding=self.encodage, newline="")
        return lire_territoire(self.chemin, annee=2026)

    def configuration(self):
        return self.lire().configuration

    def fautes(self):
        """[(line, path, reason)] of a file that must be refused."""
        with pytest.raises(FichierRefuse) as refus:
            self.lire()
        return [(faute.ligne, faute.chemin, faute.raison) for faute in refus.value.fautes]

    def faute(self):
        """The only fault."""
        (seule,) = self.fautes()
        return seule


@pytest.fixture
def fichier(tmp_path):
    return Fichier(tmp_path)
