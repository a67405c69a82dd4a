"""The thèmes Relais comes with, and how a file names or describes one: by its code or by its label, accents aside."""

from functools import cache
from importlib.resources import as_file, files

from relais.imports import FichierRefuse, Illisible, mots
from relais.imports.fiches import Carnet, Fiche
from relais.imports.mots import plier, suggestion
from relais.imports.noeuds import lire_noeuds
from relais.imports.questions import lire_questions
from relais.rules.configuration import RegleDePhoto, Theme
from relais.rules.questions import CONSIGNE_DANGER

CLES = (
    "code",
    "libelle",
    "photo",
    "photo_apres",
    "interieur",
    "danger",
    "consigne",
    "questions",
    "prestation",
    "doublons",
    "recurrence",
)


@cache
def catalogue() -> tuple[Theme, ...]:
    """Every thème of `catalogue/themes.yaml`, in its order."""
    with as_file(files("relais.imports").joinpath("catalogue", "themes.yaml")) as chemin:
        table, fautes = lire_noeuds(chemin)
        carnet = Carnet(list(fautes))
        fichier = Fiche(table, "", carnet, [entree.cle for entree in table.entrees.values()])
        themes = tuple(_livre(fichier, entree.cle) for entree in table.entrees.values())
        if carnet.fautes:
            raise FichierRefuse(chemin, *carnet.fautes)
    return themes


def _livre(fichier: Fiche, code: str) -> Theme:
    fiche = fichier.fiche(code, CLES)
    return decrire(fiche, Theme(code, "")) if fiche else Theme(code, "")


def decrire(fiche: Fiche, base: Theme) -> Theme:
    """`base`, less what the file says otherwise of it."""
    danger = _ou(fiche.lire("danger", mots.OUI_NON), base.danger)
    return Theme(
        code=base.code,
        libelle=fiche.lire("libelle", mots.texte) or base.libelle,
        photo=fiche.lire("photo", mots.PHOTO) or RegleDePhoto(base.photo),
        photo_apres=_ou(fiche.lire("photo_apres", mots.OUI_NON), base.photo_apres),
        interieur=_ou(fiche.lire("interieur", mots.OUI_NON), base.interieur),
        danger=danger,
        consigne=fiche.lire("consigne", mots.texte) or (CONSIGNE_DANGER if danger else None),
        questions=lire_questions(fiche) if fiche.a("questions") else base.questions,
        prestation=fiche.lire("prestation", mots.texte) or base.prestation,
        doublons=fiche.lire("doublons", mots.voisinage) or base.doublons,
        recurrence=fiche.lire("recurrence", mots.voisinage) or base.recurrence,
    )


def _ou(dit: bool | None, sinon: bool) -> bool:  # noqa: FBT001 : two answers to one question, not a flag
    return sinon if dit is None else dit


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
