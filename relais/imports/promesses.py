"""`delais`: what is promised, and the check that a QPV is never served later than the rest of the town."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from babel.dates import format_datetime

from relais.imports import mots
from relais.imports.catalogue import Lexique
from relais.imports.fiches import Fiche
from relais.rules.calendrier import Calendrier
from relais.rules.configuration import PROMIS, TOUT, Configuration, Delai, Engagement, Nature, TypeZone
from relais.rules.delais import Duree, plus_tardif

CLES = ("theme", "ou", "prise_en_charge", "reponse", "traitement", "nature", "source")
_TOUS = frozenset({"tous", "tout"})


@dataclass(frozen=True)
class _Ligne:
    """A line of the file for one zone. `explicite`: it names the zone, and does not say « QPV »."""

    fiche: Fiche
    engagement: Engagement
    explicite: bool


def lire_engagements(fichier: Fiche, configuration: Configuration, annee: int) -> tuple[Engagement, ...]:
    """In the order of the file. `annee`: the year whose every start is tried for a QPV served later."""
    lignes: dict[tuple[str, str], _Ligne] = {}
    for fiche in fichier.fiches("delais", CLES):
        for ligne in _lignes(fiche, configuration):
            cle = (ligne.engagement.theme, ligne.engagement.zone)
            deja = lignes.get(cle)
            if deja is None or (ligne.explicite and not deja.explicite):
                lignes[cle] = ligne
            elif ligne.explicite == deja.explicite:
                fiche.refuser(
                    "", f"même thème au même endroit que la ligne {deja.fiche.ligne} ; gardez une seule des deux"
                )
                break
    _verifier_les_qpv(lignes, configuration, annee)
    return tuple(ligne.engagement for ligne in lignes.values())


def lire_theme(ecrit: str, lexique: Lexique) -> str:
    """A thème's code, or TOUT for « tous »."""
    return TOUT if mots.plier(ecrit) in _TOUS else lexique(ecrit).code


def _lignes(fiche: Fiche, configuration: Configuration) -> Iterator[_Ligne]:
    lexique = Lexique(configuration.themes)
    qpv = tuple(zone.code for zone in configuration.zones if zone.type is TypeZone.QPV)
    theme = fiche.exiger("theme", lambda ecrit: lire_theme(ecrit, lexique), "", "un thème, ou « tous »")
    ou = fiche.exiger(
        "ou",
        mots.parmi((*configuration.zone, "partout", "QPV"), "zone inconnue"),
        "",
        "« partout », une zone ou « QPV »",
    )
    nature = fiche.choisir("nature", mots.NATURE)
    if nature is Nature.ENGAGEMENT and not fiche.a("source"):
        fiche.refuser("source", "manque ; un engagement cite le texte qui le prend (charte, article)")
    if not any(fiche.a(delai) for delai in PROMIS):
        fiche.refuser("", f"ne promet rien ; il faut au moins un délai parmi {', '.join(PROMIS)}")
    if ou == "QPV" and not qpv:
        fiche.refuser("ou", "aucune zone n'est de type QPV")
    lus = {delai: fiche.lire(delai, mots.duree) for delai in PROMIS}
    delais = {delai: duree for delai, duree in lus.items() if duree is not None}
    source = fiche.lire("source", mots.texte)
    for zone in {"QPV": qpv, "partout": (TOUT,)}.get(ou, (ou,)):
        if theme and zone:
            yield _Ligne(fiche, Engagement(theme, zone, delais, nature, source), explicite=ou != "QPV")


def _verifier_les_qpv(lignes: Mapping[tuple[str, str], _Ligne], configuration: Configuration, annee: int) -> None:
    calendriers = {configuration.calendrier: configuration.nom}
    for acteur in configuration.acteurs:
        calendriers.setdefault(acteur.calendrier, acteur.nom)
    dites: set[tuple[int, Delai]] = set()
    for qpv, ordinaire, delai in _comparaisons(lignes, configuration):
        cle = (qpv.fiche.ligne, delai)
        preuve = _preuve(qpv.engagement.delais[delai], ordinaire.engagement.delais[delai], calendriers, annee)
        if preuve and cle not in dites:
            dites.add(cle)
            ailleurs = (
                f"« {ordinaire.engagement.delais[delai]} », promis partout ligne {ordinaire.fiche.ligne_de(delai)}"
            )
            raison = f"« {qpv.engagement.delais[delai]} » finirait plus tard que {ailleurs}, {preuve}"
            qpv.fiche.refuser(delai, f"{raison} ; le QPV ne peut pas être moins bien servi que le reste")


def _comparaisons(
    lignes: Mapping[tuple[str, str], _Ligne], configuration: Configuration
) -> Iterator[tuple[_Ligne, _Ligne, Delai]]:
    """Where a QPV has a line of its own for a délai: that line, and each the rest of the town has, zone by zone."""
    quartiers = [zone.code for zone in configuration.zones if zone.type is not TypeZone.QPV]
    for zone in configuration.zones:
        for theme in configuration.themes if zone.type is TypeZone.QPV else ():
            for autre, delai in product((TOUT, *quartiers), PROMIS):
                du_qpv = ((theme.code, zone.code), (theme.code, TOUT), (TOUT, zone.code), (TOUT, TOUT))
                ordinaires = ((theme.code, autre), (theme.code, TOUT), (TOUT, autre), (TOUT, TOUT))
                qpv, ordinaire = (
                    next(
                        (lignes[cle] for cle in cles if cle in lignes and delai in lignes[cle].engagement.delais), None
                    )
                    for cles in (du_qpv, ordinaires)
                )
                if qpv and ordinaire and qpv is not ordinaire:
                    yield qpv, ordinaire, delai


def _preuve(qpv: Duree, ordinaire: Duree, calendriers: Mapping[Calendrier, str], annee: int) -> str | None:
    for calendrier, nom in calendriers.items():
        if (depart := _plus_tardif(qpv, ordinaire, calendrier, annee)) is not None:
            quand = format_datetime(depart, "EEEE d MMMM y 'à' H 'h' mm", locale="fr")
            return f"pour un signalement reçu le {quand} (horaires : {nom})"
    return None


_plus_tardif = cache(plus_tardif)
"""The same pair of durations comes back for every thème."""
