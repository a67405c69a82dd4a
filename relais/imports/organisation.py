"""The two collectivités that a modèle knows: which acteurs they are, and what the EPCI carries."""

from dataclasses import replace

from relais.imports import mots
from relais.imports.familles import theme_ou_famille
from relais.imports.fiches import Fiche
from relais.rules.configuration import Configuration, Modele, TypeActeur


def lire_organisation(entete: Fiche, configuration: Configuration) -> Configuration:
    """`epci`, `commune` and `renouvellement_urbain` added. The only acteur that is an EPCI need not be named."""
    epcis = [acteur.code for acteur in configuration.acteurs if acteur.type is TypeActeur.EPCI]
    lue = replace(
        configuration,
        epci=entete.lire("epci", mots.parmi(epcis, "pas un acteur de type EPCI")) or _seul(epcis),
        commune=entete.lire("commune", mots.parmi(configuration.acteur, "acteur inconnu")),
        themes_ru=entete.plusieurs("renouvellement_urbain", theme_ou_famille(configuration.themes)),
    )
    if lue.commune is not None and lue.commune == lue.epci:
        raison = f"« {lue.commune} » est déjà l'EPCI ; donnez le code de l'acteur qu'est la commune"
        entete.refuser("commune", raison)
    if not any(faute.chemin == f"{entete.chemin}.modele" for faute in entete.carnet.fautes):
        _verifier(entete, lue, epcis)
    return lue


def _seul(epcis: list[str]) -> str | None:
    return epcis[0] if len(epcis) == 1 else None


def _verifier(entete: Fiche, configuration: Configuration, epcis: list[str]) -> None:
    modele = configuration.modele
    if modele is not Modele.COMMUNE_SEULE and configuration.epci is None and not entete.a("epci"):
        if epcis:
            entete.refuser("epci", f"manque ; plusieurs acteurs sont des EPCI ({', '.join(epcis)}) : dites lequel")
        elif modele is Modele.ANGEVIN:  # whose EPCI is told nothing as an acteur: its pilote is an account
            entete.avertir("epci", "aucun acteur n'est de type EPCI ; ce modèle lui confie le renouvellement urbain")
        else:
            entete.refuser("epci", f"aucun acteur n'est de type EPCI ; ce modèle {_ROLES_DE_L_EPCI[modele]}")
    if modele is Modele.EPCI_SEUL and configuration.commune is None and not entete.a("commune"):
        entete.refuser("commune", "manque ; ce modèle informe la commune : donnez le code de l'acteur qu'elle est")
    if configuration.themes_ru and modele is not Modele.ANGEVIN:
        entete.avertir("renouvellement_urbain", "n'a d'effet que dans le modèle angevin")


_ROLES_DE_L_EPCI = {
    Modele.NANTAIS: "l'informe de chaque signalement",
    Modele.EPCI_SEUL: "lui donne le pilote et la direction générale",
}
