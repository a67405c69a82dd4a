"""`themes`: the whole catalogue where the file says nothing, exactly what it lists otherwise."""

from relais.imports import mots
from relais.imports.catalogue import CONSIGNE_DANGER, Lexique, catalogue
from relais.imports.fiches import Fiche, Place, fiche_ou_mot
from relais.rules.configuration import RegleDePhoto, Theme

CLES = ("code", "libelle", "photo", "photo_apres", "interieur", "danger", "consigne")


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
    base = livre or Theme(code or "", libelle or "")
    danger = _ou(fiche.lire("danger", mots.OUI_NON), base.danger)
    return Theme(
        code=base.code,
        libelle=libelle or base.libelle,
        photo=fiche.lire("photo", mots.PHOTO) or RegleDePhoto(base.photo),
        photo_apres=_ou(fiche.lire("photo_apres", mots.OUI_NON), base.photo_apres),
        interieur=_ou(fiche.lire("interieur", mots.OUI_NON), base.interieur),
        danger=danger,
        consigne=fiche.lire("consigne", mots.texte) or (CONSIGNE_DANGER if danger else None),
    )


def _ou(dit: bool | None, sinon: bool) -> bool:  # noqa: FBT001 : two answers to one question, not a flag
    return sinon if dit is None else dit
