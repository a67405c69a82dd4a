"""`themes`: the whole catalogue where the file says nothing, exactly what it lists otherwise."""

from relais.imports import mots
from relais.imports.catalogue import CLES, Lexique, catalogue, decrire
from relais.imports.fiches import Fiche, Place, fiche_ou_mot
from relais.rules.configuration import Theme


def lire_themes(fichier: Fiche) -> tuple[Theme, ...]:
    if not fichier.a("themes"):
        return catalogue()
    livres = Lexique(catalogue())
    themes: list[Theme] = []
    noms: dict[str, Place] = {}
    for place in fichier.liste("themes"):
        lu = fiche_ou_mot(place, CLES)
        theme = _theme(lu, livres) if isinstance(lu, Fiche) else lu.lire(livres)
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


def _theme(fiche: Fiche, livres: Lexique) -> Theme | None:
    code, libelle = fiche.lire("code", mots.code_theme), fiche.lire("libelle", mots.texte)
    livre = livres.get(code or libelle or "")
    if livre is None and not (code and libelle):
        for cle in ("code", "libelle"):
            fiche.exiger(cle, mots.texte, "", "un thème absent du catalogue a besoin de son code et de son libellé")
        return None
    return decrire(fiche, livre or Theme(code or "", libelle or ""))
