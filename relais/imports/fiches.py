"""Reading a tree by the names of its keys, writing down every fault on the way and going on.

A value that cannot be read is replaced by a stand-in (`secours`) so that the rest is still examined; a reading with a
fault never yields anything, so a stand-in never leaves the package.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from relais.imports import Faute, Illisible
from relais.imports.mots import OUI_NON, Choix, plier, suggestion
from relais.imports.noeuds import Liste, Mot, Noeud, Table

T = TypeVar("T")


@dataclass
class Carnet:
    fautes: list[Faute] = field(default_factory=list)
    avertissements: list[Faute] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """A node of the file, where it stands, and the carnet where its faults go."""

    noeud: Noeud
    chemin: str
    carnet: Carnet

    def refuser(self, raison: str) -> None:
        self.carnet.fautes.append(Faute(self.noeud.ligne, self.chemin, raison))

    def lire(self, lecture: Callable[[str], T]) -> T | None:
        if not isinstance(self.noeud, Mot):
            self.refuser("attend un seul mot ou une seule phrase")
            return None
        try:
            return lecture(self.noeud.texte)
        except Illisible as illisible:
            self.refuser(str(illisible))
            return None


class Fiche:
    """One table of the file. `cles`: the keys it may have, spelt as the documentation does."""

    def __init__(self, table: Table, chemin: str, carnet: Carnet, cles: Sequence[str]) -> None:
        self.ligne, self.chemin, self.carnet = table.ligne, chemin, carnet
        self._entrees = table.entrees
        connues = {plier(cle) for cle in cles}
        for pli, entree in table.entrees.items():
            if pli not in connues:
                raison = _cle_inconnue(entree.cle, entree.valeur, cles)
                carnet.fautes.append(Faute(entree.ligne, self._sous(entree.cle), raison))

    def a(self, cle: str) -> bool:
        """Whether the key is there with something in it."""
        return self._place(cle) is not None

    def ligne_de(self, cle: str) -> int:
        entree = self._entrees.get(plier(cle))
        return entree.ligne if entree else self.ligne

    def refuser(self, cle: str, raison: str) -> None:
        """`cle` may be empty: the fault is the whole table's."""
        self.carnet.fautes.append(self._faute(cle, raison))

    def avertir(self, cle: str, raison: str) -> None:
        self.carnet.avertissements.append(self._faute(cle, raison))

    def lire(self, cle: str, lecture: Callable[[str], T]) -> T | None:
        """What the key says; None where it is absent, empty or (with a fault) unreadable."""
        place = self._place(cle)
        return place.lire(lecture) if place else None

    def exiger(self, cle: str, lecture: Callable[[str], T], secours: T, pourquoi: str = "") -> T:
        """As `lire`, where absence is a fault. `pourquoi` completes « manque ; … »."""
        if not self.a(cle):
            self.refuser(cle, "manque" + (f" ; {pourquoi}" if pourquoi else ""))
        lu = self.lire(cle, lecture)
        return secours if lu is None else lu

    def choisir(self, cle: str, choix: Choix[T]) -> T:
        """A word of a closed list, mandatory."""
        return self.exiger(cle, choix, choix.secours, f"au choix : {', '.join(choix.mots)}")

    def oui(self, cle: str) -> bool:
        return self.lire(cle, OUI_NON) or False

    def plusieurs(self, cle: str, lecture: Callable[[str], T]) -> tuple[T, ...]:
        """A word, or a list of words."""
        place = self._place(cle)
        if place is None:
            return ()
        places = self._elements(place) if isinstance(place.noeud, Liste) else [place]
        lus = [une.lire(lecture) for une in places]
        return tuple(lu for lu in lus if lu is not None)

    def fiche(self, cle: str, cles: Sequence[str]) -> "Fiche | None":
        place = self._place(cle)
        return _fiche(place, cles) if place else None

    def fiches(self, cle: str, cles: Sequence[str]) -> "list[Fiche]":
        lues = [_fiche(place, cles) for place in self.liste(cle)]
        return [fiche for fiche in lues if fiche]

    def liste(self, cle: str) -> list[Place]:
        """The elements of a list; empty where the key is absent or (with a fault) holds something else."""
        place = self._place(cle)
        if place is None:
            return []
        if not isinstance(place.noeud, Liste):
            place.refuser("attend une liste : une ligne par élément, chacune commençant par « - »")
            return []
        return self._elements(place)

    def paires(self, cle: str) -> list[tuple[str, Place]]:
        """A free table: its keys as they were written, and the place of each value."""
        place = self._place(cle)
        if place is None:
            return []
        if not isinstance(place.noeud, Table):
            place.refuser("attend des paires « mot: valeur »")
            return []
        entrees = place.noeud.entrees.values()
        return [(un.cle, Place(un.valeur, f"{place.chemin}.{un.cle}", self.carnet)) for un in entrees]

    def _elements(self, place: Place) -> list[Place]:
        elements = place.noeud.elements if isinstance(place.noeud, Liste) else ()
        return [Place(un, f"{place.chemin}[{n}]", self.carnet) for n, un in enumerate(elements, start=1)]

    def _place(self, cle: str) -> Place | None:
        entree = self._entrees.get(plier(cle))
        if entree is None or (isinstance(entree.valeur, Mot) and not entree.valeur.texte):
            return None
        return Place(entree.valeur, self._sous(cle), self.carnet)

    def _sous(self, cle: str) -> str:
        return ".".join(filter(None, (self.chemin, cle)))

    def _faute(self, cle: str, raison: str) -> Faute:
        return Faute(self.ligne_de(cle), self._sous(cle), raison)


def fiche_ou_mot(place: Place, cles: Sequence[str]) -> Fiche | Place:
    return Fiche(place.noeud, place.chemin, place.carnet, cles) if isinstance(place.noeud, Table) else place


def sans_doublon(lues: Iterable[tuple[Fiche, str]], cle: str) -> None:
    """What a second fiche says again under that key is a fault, which cites the line of the first."""
    premieres: dict[str, Fiche] = {}
    for fiche, dit in lues:
        premiere = premieres.setdefault(plier(dit), fiche)
        if dit and premiere is not fiche:
            fiche.refuser(cle, f"« {dit} » est déjà pris ligne {premiere.ligne_de(cle)} ; choisissez un autre nom")


def _fiche(place: Place, cles: Sequence[str]) -> Fiche | None:
    lue = fiche_ou_mot(place, cles)
    if isinstance(lue, Fiche):
        return lue
    place.refuser(f"attend des clés : {', '.join(cles)}")
    return None


def _cle_inconnue(cle: str, valeur: Noeud, cles: Sequence[str]) -> str:
    if isinstance(valeur, Mot) and not valeur.texte:  # { horaires: lundi, 9 h - 12 h }: YAML cuts at the comma
        return f"« {cle} » n'est pas une clé ; si c'est la suite d'une valeur, mettez la valeur entre guillemets"
    return "clé inconnue" + (suggestion(cle, cles) or f" ; au choix : {', '.join(cles)}")
