"""The thèmes Relais comes with, and how a file names one: by its code or by its label, accents and case aside."""

from functools import cache
from importlib.resources import files

import yaml

from relais.imports import Illisible
from relais.imports.mots import plier, suggestion
from relais.rules.configuration import RegleDePhoto, Theme

CONSIGNE_DANGER = "En cas de danger immédiat, appelez le 15, 17, 18, 112 ou 114."
"""Relais is no emergency channel: a danger thème says so before anything else."""


@cache
def catalogue() -> tuple[Theme, ...]:
    """Every thème of `catalogue/themes.yaml`, in its order."""
    texte = files("relais.imports").joinpath("catalogue", "themes.yaml").read_text(encoding="utf-8")
    return tuple(_theme(code, entree) for code, entree in yaml.load(texte, Loader=yaml.BaseLoader).items())  # noqa: S506 : text only


def _theme(code: str, entree: dict[str, str]) -> Theme:
    danger = "danger" in entree
    return Theme(
        code,
        entree["libelle"],
        photo=RegleDePhoto(entree.get("photo", RegleDePhoto.FACULTATIVE)),
        photo_apres="photo_apres" in entree,
        interieur="interieur" in entree,
        danger=danger,
        consigne=CONSIGNE_DANGER if danger else None,
    )


class Lexique:
    """Thèmes by code or label."""

    def __init__(self, themes: tuple[Theme, ...]) -> None:
        self._themes = {plier(nom): theme for theme in themes for nom in (theme.code, theme.libelle)}
        self._noms = [theme.libelle for theme in themes]

    def get(self, nom: str) -> Theme | None:
        return self._themes.get(plier(nom))

    def __call__(self, nom: str) -> Theme:
        """Raises Illisible with the nearest label."""
        if (theme := self.get(nom)) is not None:
            return theme
        if Lexique(catalogue()).get(nom) is not None:
            raise Illisible(f"« {nom} » est au catalogue mais pas dans votre rubrique « themes » ; ajoutez-l'y")
        raise Illisible(f"thème inconnu : « {nom} »{suggestion(nom, self._noms)}")
