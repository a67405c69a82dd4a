"""The `territoire` rubrique: who the tenant is, its hours, its perimeter."""

from pathlib import Path

from relais.imports import mots
from relais.imports.contours import lire_contour_de
from relais.imports.fiches import Fiche
from relais.imports.horaires import FUSEAUX, SEMAINE_DE_SECOURS, calendrier, fuseau, horaires
from relais.rules.configuration import ARBITRAGE, Configuration, DelaiDeDecision, Perimetre, Publication, SansDecision

CLES = (
    "nom",
    "code",
    "horaires",
    "sigle",
    "modele",
    "epci",
    "commune",
    "renouvellement_urbain",
    "jours_feries",
    "fuseau",
    "fermetures",
    "courriel",
    "contour",
    "perimetre",
    "themes_suivis",
    "hors_perimetre",
    "competents",
    "publication",
    "astreinte",
    "arbitrage",
)


def lire_entete(fiche: Fiche, dossier: Path, sans_decision: DelaiDeDecision) -> Configuration:
    """A configuration with its head only; the other rubriques are added to it, each reading what came before."""
    feries = fiche.lire("jours_feries", mots.FERIE) or "metropole"
    zone = fiche.lire("fuseau", fuseau) or FUSEAUX.get(feries, "Europe/Paris")
    semaine = fiche.exiger("horaires", horaires, SEMAINE_DE_SECOURS, "les délais se comptent dans ces heures")
    if not fiche.a("contour"):
        fiche.avertir("contour", "manque ; un point hors de la ville ne pourra pas être refusé")
    return Configuration(
        nom=fiche.exiger("nom", mots.texte, ""),
        code=fiche.exiger("code", mots.code_territoire, "", "il ouvre chaque numéro, VSL-2026-00042"),
        calendrier=calendrier(zone, semaine, feries, fiche.plusieurs("fermetures", mots.jour)),
        modele=fiche.choisir("modele", mots.MODELE),
        sans_decision=sans_decision,
        sigle=fiche.lire("sigle", mots.texte) or "GUSP",
        perimetre=fiche.lire("perimetre", mots.PERIMETRE) or Perimetre.VILLE,
        competent_ailleurs=fiche.lire("hors_perimetre", mots.texte),
        publication=fiche.lire("publication", mots.PUBLICATION) or Publication.AUCUNE,
        courriel=fiche.lire("courriel", mots.courriel),
        contour=lire_contour_de(fiche, dossier),
        astreinte=fiche.lire("astreinte", mots.code),
        arbitrage=fiche.lire("arbitrage", mots.duree) or ARBITRAGE,
    )


def lire_sans_decision(fichier: Fiche) -> DelaiDeDecision:
    """`sans_decision_du_pilote`: mandatory, since it decides whether a machine may write to the direction générale."""
    fiche = fichier.fiche("sans_decision_du_pilote", ("apres", "faire"))
    if fiche is None:
        if not fichier.a("sans_decision_du_pilote"):
            raison = "manque ; écrivez { apres: 3 jours ouvrés, faire: transmettre } (ou rappeler)"
            fichier.refuser("sans_decision_du_pilote", raison)
        return DelaiDeDecision(1, SansDecision.RAPPELER)
    jours = fiche.exiger("apres", mots.jours_ouvres, 1, "écrivez par exemple « 3 jours ouvrés »")
    return DelaiDeDecision(jours, fiche.choisir("faire", mots.SANS_DECISION))
