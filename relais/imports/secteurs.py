"""`secteurs`: where an acteur works, what it comes to do there, and when."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from pathlib import Path

from relais.imports import Illisible, mots
from relais.imports.contours import exiger_contour
from relais.imports.fiches import Fiche, sans_doublon
from relais.imports.rythmes import Rythme, est_une_rrule, rythme
from relais.imports.rythmes_dits import dire
from relais.rules.calendrier import Calendrier
from relais.rules.configuration import Configuration, Passage, Secteur
from relais.rules.rythme import HORIZON, jours

CLES = ("code", "nom", "acteur", "prestations", "rythme", "passages", "contour")
CLES_PASSAGE = ("prestation", "quand", "a_partir_du")

DEPUIS_TOUJOURS = date(2020, 1, 1)
"""Where a rhythm means the same whatever the day it starts from: before any signalement."""

_ANNEES = range(2000, 2200)


def lire_secteurs(fichier: Fiche, configuration: Configuration, dossier: Path) -> tuple[Secteur, ...]:
    fiches = fichier.fiches("secteurs", CLES)
    acteur = mots.parmi(configuration.acteur, "acteur inconnu")
    # One spelling for a prestation, that of its first line: a thème names it for all the secteurs.
    ecrites: dict[str, str] = {}
    secteurs = tuple(
        _secteur(fiche, acteur, lambda ecrit: ecrites.setdefault(mots.plier(ecrit), ecrit), configuration, dossier)
        for fiche in fiches
    )
    sans_doublon(zip(fiches, (secteur.code for secteur in secteurs), strict=True), "code")
    return secteurs


def prestations(secteurs: Iterable[Secteur]) -> Mapping[str, str]:
    """Every prestation that somebody comes for on known days, by its folded spelling."""
    return {mots.plier(un.prestation): un.prestation for secteur in secteurs for un in secteur.passages}


def _secteur(
    fiche: Fiche,
    acteur: Callable[[str], str],
    prestation: Callable[[str], str],
    configuration: Configuration,
    dossier: Path,
) -> Secteur:
    listees = fiche.plusieurs("prestations", prestation)
    passages = (
        *(
            un
            for une in fiche.fiches("passages", CLES_PASSAGE)
            if (un := _lire(une, prestation, configuration.calendrier))
        ),
        *(() if fiche.a("passages") else _du_rythme(fiche, listees, configuration.calendrier)),
    )
    return Secteur(
        code=fiche.exiger("code", mots.code, ""),
        nom=fiche.exiger("nom", mots.texte, ""),
        acteur=fiche.exiger("acteur", acteur, "", "le code de qui travaille là"),
        contour=exiger_contour(fiche, dossier),
        prestations=tuple(dict.fromkeys((*listees, *(un.prestation for un in passages)))),
        rythme=fiche.lire("rythme", mots.texte),
        passages=passages,
    )


def _lire(fiche: Fiche, prestation: Callable[[str], str], calendrier: Calendrier) -> Passage | None:
    nom = fiche.exiger("prestation", prestation, "", "ce que l'acteur vient faire")
    depuis = fiche.lire("a_partir_du", mots.jour)
    if not fiche.a("quand"):
        fiche.refuser("quand", "manque ; écrivez « premier jeudi du mois, à 6 h », ou une RRULE")
    return fiche.lire("quand", partial(_passage, nom, depuis, calendrier))


def _du_rythme(fiche: Fiche, listees: Iterable[str], calendrier: Calendrier) -> list[Passage]:
    """The one rhythm of a secteur, where it can be counted: for each of its prestations. Else it stays words."""
    ecrit = fiche.lire("rythme", mots.texte)
    try:
        return [_passage(une, None, calendrier, ecrit) for une in listees] if ecrit else []
    except Illisible as illisible:
        fiche.avertir("rythme", f"{illisible} ; gardé tel quel, sans prochain passage. Dites-le dans « passages »")
        return []


def _passage(prestation: str, depuis: date | None, calendrier: Calendrier, ecrit: str) -> Passage:
    """Raises Illisible: words not understood, no day to count from, or a rhythm that never comes."""
    lu = rythme(ecrit)
    passage = Passage(
        prestation=prestation,
        texte=dire(lu) if est_une_rrule(ecrit) else ecrit,
        rrule=lu.rrule,
        a_partir_du=_depuis(lu, depuis),
        debut=lu.debut,
        fin=lu.fin,
        feries=lu.feries,
    )
    annees = range(passage.a_partir_du.year, passage.a_partir_du.year + HORIZON)
    if not any(jours(passage, calendrier, annee) for annee in annees):
        raise Illisible(f"« {ecrit} » ne tombe aucun jour en {HORIZON} ans")
    return passage


def _depuis(lu: Rythme, depuis: date | None) -> date:
    if depuis and lu.a_partir_du and depuis != lu.a_partir_du:
        raise Illisible("le premier jour est dit deux fois, autrement dans « a_partir_du »")
    premier = depuis or lu.a_partir_du or (None if lu.ancre else DEPUIS_TOUJOURS)
    if premier is None:
        raise Illisible("ce rythme se compte à partir d'un jour ; ajoutez « à partir du 8 janvier 2026 »")
    if premier.year not in _ANNEES:
        raise Illisible(f"« {premier} » : cette année n'est pas plausible")
    return premier
