"""`acteurs`: who can be responsible, and when they are open."""

from relais.imports import mots
from relais.imports.fiches import Fiche, sans_doublon
from relais.imports.horaires import SEMAINE_DE_SECOURS, calendrier, horaires
from relais.rules.calendrier import Calendrier
from relais.rules.configuration import Acteur, Configuration

CLES = (
    "code",
    "nom",
    "type",
    "courriel",
    "telephone",
    "adresse",
    "horaires",
    "fermetures",
    "jours_feries",
    "en_cas_de_retard",
)
_CITE = "l'accusé de réception le cite"


def lire_acteurs(fichier: Fiche, configuration: Configuration) -> tuple[Acteur, ...]:
    fiches = fichier.fiches("acteurs", CLES)
    if not fichier.a("acteurs") or not fiches:
        fichier.refuser("acteurs", "il en faut au moins un ; sans responsable, rien ne part")
    acteurs = tuple(_acteur(fiche, configuration.calendrier) for fiche in fiches)
    sans_doublon(zip(fiches, (acteur.code for acteur in acteurs), strict=True), "code")
    sans_doublon(zip(fiches, (acteur.nom for acteur in acteurs), strict=True), "nom")
    return acteurs


def _acteur(fiche: Fiche, ville: Calendrier) -> Acteur:
    return Acteur(
        code=fiche.exiger("code", mots.code, "", "le nom court que les règles citent"),
        nom=fiche.exiger("nom", mots.texte, ""),
        type=fiche.choisir("type", mots.TYPE_ACTEUR),
        courriel=fiche.exiger("courriel", mots.courriel, "", _CITE),
        telephone=fiche.exiger("telephone", mots.telephone, "", _CITE),
        adresse=fiche.exiger("adresse", mots.texte, "", _CITE),
        calendrier=_calendrier(fiche, ville),
        en_cas_de_retard=fiche.lire("en_cas_de_retard", mots.courriel),
    )


def _calendrier(fiche: Fiche, ville: Calendrier) -> Calendrier:
    """An acteur that gives no hours keeps the town's, closures included; one that does keeps its own closures only."""
    fermetures = fiche.plusieurs("fermetures", mots.jour)
    feries = fiche.lire("jours_feries", mots.FERIE) or ville.feries
    if not fiche.a("horaires"):
        return calendrier(ville.fuseau, ville.semaine, feries, {*ville.fermetures, *fermetures})
    semaine = fiche.lire("horaires", horaires) or SEMAINE_DE_SECOURS
    return calendrier(ville.fuseau, semaine, feries, fermetures)
