"""What a line speaks of: every thème, a whole family, or one thème."""

from collections.abc import Callable
from difflib import get_close_matches

from relais.imports import Illisible
from relais.imports.catalogue import Lexique
from relais.imports.mots import plier
from relais.imports.promesses import lire_theme
from relais.rules.configuration import FAMILLE, Theme

_ARTICLES = ("toute la ", "tout le ", "toutes les ", "tous les ", "tout l ", "toute l ", "la ", "le ", "les ", "l ")


def theme_ou_famille(themes: tuple[Theme, ...]) -> Callable[[str], str]:
    """A reader of « tous », « la propreté » or `proprete.*` (→ `proprete.*`), « Dépôt sauvage » (→ its code).

    A family is what the codes of its thèmes begin with. A word that is a thème's is that thème's alone.
    """
    lexique, familles = Lexique(themes), _familles(themes)

    def lire(ecrit: str) -> str:
        nom = _sans_article(plier(ecrit.removesuffix(FAMILLE)))
        if nom in familles and lexique.get(ecrit) is None:
            return familles[nom] + FAMILLE
        try:
            return lire_theme(ecrit, lexique)
        except Illisible as inconnu:
            proches = get_close_matches(nom, familles, n=1)
            raise Illisible("".join([str(inconnu), *(_ou_famille(familles[proche]) for proche in proches)])) from None

    return lire


def _sans_article(pli: str) -> str:
    return next((pli.removeprefix(article) for article in _ARTICLES if pli.startswith(article)), pli)


def _ou_famille(famille: str) -> str:
    return f" ; ou toute la famille « {famille}{FAMILLE} » ?"


def _familles(themes: tuple[Theme, ...]) -> dict[str, str]:
    """`voirie`, `social.mediation`: folded, every beginning of a code."""
    parts = [theme.code.split(".") for theme in themes]
    debuts = (".".join(part[:n]) for part in parts for n in range(1, len(part)))
    return {plier(debut): debut for debut in debuts}
