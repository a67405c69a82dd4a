"""`themes`: the whole catalogue where the file says nothing, exactly what it lists otherwise."""

from collections.abc import Mapping
from dataclasses import replace

from relais.imports import mots
from relais.imports.catalogue import CLES, Lexique, catalogue, decrire
from relais.imports.fiches import Fiche, Place, fiche_ou_mot
from relais.rules.configuration import Theme


def lire_themes(fichier: Fiche, prestations: Mapping[str, str]) -> tuple[Theme, ...]:
    """`prestations`: what somebody comes for on known days in some secteur, by its folded spelling."""
    return tuple(_selon_les_secteurs(theme, prestations) for theme in _themes(fichier, prestations))


def _selon_les_secteurs(theme: Theme, prestations: Mapping[str, str]) -> Theme:
    """The prestation it waits for, spelt as the secteurs spell it."""
    return replace(theme, prestation=prestations.get(mots.plier(theme.prestation))) if theme.prestation else theme


def _themes(fichier: Fiche, prestations: Mapping[str, str]) -> tuple[Theme, ...]:
    if not fichier.a("themes"):
        return catalogue()
    livres = Lexique(catalogue())
    themes: list[Theme] = []
    noms: dict[str, Place] = {}
    for place in fichier.liste("themes"):
        lu = fiche_ou_mot(place, CLES)
        theme = _theme(lu, livres, prestations) if isinstance(lu, Fiche) else lu.lire(livres)
        if theme is None:
            continue
        themes.append(theme)
        for nom in {theme.code, theme.libelle}:
            premiere = noms.setdefault(mots.plier(nom), place)
            if premiere is not place:
                place.refuser(
                    f"« {nom} » est déjà dans la liste ligne {premiere.noeud.ligne} ; gardez un seul des deux"
                )
    return tuple(themes)


def _theme(fiche: Fiche, livres: Lexique, prestations: Mapping[str, str]) -> Theme | None:
    code, libelle = fiche.lire("code", mots.code_theme), fiche.lire("libelle", mots.texte)
    livre = livres.get(code or libelle or "")
    if livre is None and not (code and libelle):
        for cle in ("code", "libelle"):
            fiche.exiger(cle, mots.texte, "", "un thème absent du catalogue a besoin de son code et de son libellé")
        return None
    prestation = fiche.lire("prestation", mots.texte)
    if prestation and mots.plier(prestation) not in prestations:
        fiche.avertir("prestation", f"{_personne(prestation)}{mots.suggestion(prestation, prestations.values())}")
    return decrire(fiche, livre or Theme(code or "", libelle or ""))


def _personne(prestation: str) -> str:
    return f"aucun secteur ne dit quand on passe pour « {prestation} » ; aucun prochain passage ne sera annoncé"
