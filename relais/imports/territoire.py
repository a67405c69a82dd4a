"""`territoire.yaml` → a `Configuration`, or every reason why not.

Rubriques are read in the order they depend on each other, whatever their order in the file.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from relais.imports import Faute, FichierRefuse
from relais.imports.acteurs import lire_acteurs
from relais.imports.entete import CLES as CLES_ENTETE
from relais.imports.entete import lire_entete, lire_sans_decision
from relais.imports.fiches import Carnet, Fiche
from relais.imports.mots import suggestion
from relais.imports.noeuds import Table, lire_noeuds
from relais.imports.organisation import lire_organisation
from relais.imports.perimetre import lire_perimetre
from relais.imports.promesses import lire_engagements
from relais.imports.remontees import lire_echelle, lire_instances
from relais.imports.repartition import lire_regles
from relais.imports.secteurs import lire_secteurs, prestations
from relais.imports.themes import lire_themes
from relais.imports.zones import lire_zones
from relais.rules.configuration import Configuration

RUBRIQUES = (
    "territoire",
    "zones",
    "secteurs",
    "acteurs",
    "themes",
    "delais",
    "qui_s_en_occupe",
    "instances",
    "remontees",
    "sans_decision_du_pilote",
)


@dataclass(frozen=True)
class Lecture:
    """`avertissements`: what the town may want, but should know."""

    configuration: Configuration
    avertissements: tuple[Faute, ...]


def lire_territoire(chemin: Path, *, annee: int | None = None) -> Lecture:
    """The whole file, checked; contours are looked for beside it. Raises FichierRefuse with every fault.

    `annee`: the year in which promises are compared (by default the current one), since holidays move.
    """
    table, fautes = lire_noeuds(chemin)
    carnet = Carnet(list(fautes))
    fichier = Fiche(table, "", carnet, RUBRIQUES)
    entete = fichier.fiche("territoire", CLES_ENTETE)
    if entete is None:  # an empty one says, key by key, what is expected
        entete = Fiche(Table(table.ligne, {}), "territoire", carnet, CLES_ENTETE)
    c = lire_entete(entete, chemin.parent, lire_sans_decision(fichier))
    c = replace(c, acteurs=lire_acteurs(fichier, c))
    c = replace(c, secteurs=lire_secteurs(fichier, c, chemin.parent))
    c = replace(c, themes=lire_themes(fichier, prestations(c.secteurs)))
    c = lire_organisation(entete, lire_perimetre(entete, c))
    c = replace(c, zones=lire_zones(fichier, c, chemin.parent))
    c = replace(
        c,
        engagements=lire_engagements(fichier, c, annee or datetime.now(UTC).year),
        regles=lire_regles(fichier, c),
        instances=lire_instances(fichier, c),
    )
    c = replace(c, echelle=lire_echelle(fichier, c))
    _verifier_l_astreinte(entete, c, choisis=fichier.a("themes"))
    if carnet.fautes:
        raise FichierRefuse(chemin, *carnet.fautes)
    return Lecture(c, tuple(carnet.avertissements))


def _verifier_l_astreinte(entete: Fiche, configuration: Configuration, *, choisis: bool) -> None:
    """A danger that nobody on call receives is refused where the town chose the thème, told where it kept them all."""
    astreinte = configuration.astreinte
    if astreinte is not None:
        if astreinte not in configuration.acteur:
            entete.refuser(
                "astreinte", f"acteur inconnu : « {astreinte} »{suggestion(astreinte, configuration.acteur)}"
            )
        return
    dangers = [theme.libelle for theme in configuration.themes if theme.danger]
    if dangers and not entete.a("astreinte"):
        dire = entete.refuser if choisis else entete.avertir
        dire("astreinte", f"manque ; personne d'astreinte n'est prévenu d'un danger ({', '.join(dangers)})")
