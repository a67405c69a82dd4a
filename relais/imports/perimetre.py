"""Which thèmes the démarche follows, and who is competent for the rest."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from relais.imports import mots
from relais.imports.familles import theme_ou_famille
from relais.imports.fiches import Fiche
from relais.rules.configuration import TOUT, Competent, Configuration, Perimetre

CLES_COMPETENT = ("nom", "telephone", "courriel", "adresse", "themes")


def lire_perimetre(entete: Fiche, configuration: Configuration) -> Configuration:
    """`themes_suivis` and `competents` added: nobody is sent away without being told where to go."""
    designe = theme_ou_famille(configuration.themes)
    fiches = entete.fiches("competents", CLES_COMPETENT)
    lus = [_competent(fiche, designe) for fiche in fiches]
    _un_seul_par_theme(fiches, lus)
    lue = replace(
        configuration,
        themes_suivis=entete.plusieurs("themes_suivis", designe),
        competents=tuple(lus),
    )
    dehors = (theme for theme in lue.themes if lue.perimetre is Perimetre.QPV or not lue.suit(theme.code))
    sans = [theme.libelle for theme in dehors if lue.competent(theme.code) is None]
    if sans and lue.competents:
        entete.refuser("competents", f"personne pour {mots.citer(sans)} ; ajoutez une ligne sans « themes »")
    elif sans:
        quoi = "hors des QPV" if lue.perimetre is Perimetre.QPV else mots.citer(sans)
        raison = f"manque ; on y renvoie qui signale {quoi} (nom et téléphone), ou listez des « competents »"
        entete.refuser("hors_perimetre", raison)
    return lue


def _un_seul_par_theme(fiches: Sequence[Fiche], lus: Sequence[Competent]) -> None:
    """Of two for the same, one would never be cited, and nobody would know which."""
    premieres: dict[str, Fiche] = {}
    for fiche, lu in zip(fiches, lus, strict=True):
        for theme in lu.themes or ("" if fiche.a("themes") else TOUT,):
            premiere = premieres.setdefault(theme, fiche)
            if theme and premiere is not fiche:
                dit = "sans « themes » ou pour tous" if theme == TOUT else f"pour « {theme} »"
                fiche.refuser(
                    "themes" if fiche.a("themes") else "",
                    f"la ligne {premiere.ligne} est déjà {dit} ; gardez une seule des deux",
                )


def _competent(fiche: Fiche, designe: Callable[[str], str]) -> Competent:
    if not any(fiche.a(moyen) for moyen in ("telephone", "courriel", "adresse")):
        fiche.refuser("", "ne dit pas comment le joindre ; il faut un telephone, un courriel ou une adresse")
    return Competent(
        nom=fiche.exiger("nom", mots.texte, ""),
        telephone=fiche.lire("telephone", mots.telephone),
        courriel=fiche.lire("courriel", mots.courriel),
        adresse=fiche.lire("adresse", mots.texte),
        themes=fiche.plusieurs("themes", designe),
    )
