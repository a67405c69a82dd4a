"""Somebody else's GeoJSON → emprises, through a map file (`correspondance`) that says what its properties mean."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from relais.imports import Faute, FichierRefuse, Illisible
from relais.imports.contours import POLYGONES, lire_json, verifier
from relais.imports.correspondance import Correspondance, lire_correspondance
from relais.imports.fichiers import propre
from relais.imports.mots import entier, jour, parmi, plier, suggestion
from relais.rules.carte import Emprise
from relais.rules.configuration import Domanialite

T = TypeVar("T")


@dataclass(frozen=True)
class EmprisesLues:
    """`ecartees`: what is not a surface, counted by GeoJSON type (LineString, Point…)."""

    emprises: tuple[Emprise, ...]
    ecartees: Mapping[str, int]


def lire_emprises(fichier: Path, correspondance: Path, acteurs: Collection[str]) -> EmprisesLues:
    """Every polygon of the file, in its order. Raises FichierRefuse with every fault of the one file or the other."""
    sens = lire_correspondance(correspondance, acteurs)
    acteur = parmi(acteurs, "acteur inconnu")
    fautes: list[Faute] = []
    ecartees: Counter[str] = Counter()
    emprises: list[Emprise] = []
    premiers: dict[str, int] = {}
    for n, brut in enumerate(_features(fichier), start=1):
        geometrie = brut.get("geometry") if isinstance(brut, Mapping) else None
        if not isinstance(brut, Mapping) or brut.get("type") != "Feature":
            fautes.append(Faute(None, f"features[{n}]", "n'est pas un objet « Feature »"))
        elif not isinstance(geometrie, Mapping) or geometrie.get("type") not in POLYGONES:
            ecartees[str(geometrie.get("type")) if isinstance(geometrie, Mapping) else "sans géométrie"] += 1
        else:
            element = _Element(brut, n, fautes)
            emprises.append(_emprise(element, sens, acteur))
            if (premier := premiers.setdefault(emprises[-1].code, n)) != n and emprises[-1].code:
                element.refuser(sens.code, f"« {emprises[-1].code} » est déjà pris par features[{premier}]")
    if fautes:
        raise FichierRefuse(fichier, *fautes)
    return EmprisesLues(tuple(emprises), dict(ecartees))


def _features(fichier: Path) -> list[object]:
    objet = lire_json(fichier)
    elements = objet.get("features") if isinstance(objet, Mapping) else None
    if not isinstance(elements, list) or objet.get("type") != "FeatureCollection":
        raison = "n'est pas une FeatureCollection GeoJSON ; exportez toute la couche"
        raise FichierRefuse(fichier, Faute(None, "", raison))
    return elements


@dataclass
class _Element:
    """One feature: its properties as text, and the faults found in them."""

    brut: Mapping[str, Any]
    rang: int
    fautes: list[Faute]

    def refuser(self, propriete: str, raison: str) -> None:
        self.fautes.append(Faute(None, f"features[{self.rang}].{propriete}", raison))

    def lire(self, propriete: str | None, lecture: Callable[[str], T]) -> T | None:
        """What the property says; None where it has no name, is absent, null, empty or (with a fault) unreadable."""
        proprietes = self.brut.get("properties")
        valeur = proprietes.get(propriete) if isinstance(proprietes, Mapping) else None
        return self.essayer(propriete or "", valeur, lecture)

    def essayer(self, propriete: str, valeur: object, lecture: Callable[[str], T]) -> T | None:
        if isinstance(valeur, (dict, list)):
            self.refuser(propriete, "attend un mot ou un nombre")
            return None
        if valeur is None or valeur == "":
            return None
        try:
            return lecture(propre(str(valeur)))
        except Illisible as illisible:
            self.refuser(propriete, str(illisible))
            return None

    def geometrie(self) -> Mapping[str, Any]:
        try:
            return verifier(self.brut.get("geometry"))
        except Illisible as illisible:
            self.refuser("geometry", str(illisible))
            return {}


def _emprise(element: _Element, sens: Correspondance, acteur: Callable[[str], str]) -> Emprise:
    par_id = sens.code == "id"
    code = element.essayer("id", element.brut.get("id"), str) if par_id else element.lire(sens.code, str)
    if code is None:
        element.refuser(sens.code, "manque ; chaque emprise a besoin d'un nom qui ne change pas")
    domanialite = _domanialite(element, sens)
    du, au = _validite(element, sens)
    return Emprise(
        code=code or "",
        nom=element.lire(sens.nom, str),
        domanialite=domanialite,
        gestionnaire=_gestionnaire(element, sens, domanialite, acteur),
        geometrie=element.geometrie(),
        priorite=element.lire(sens.priorite, entier) or 0,
        valide_du=du,
        valide_au=au,
    )


def _domanialite(element: _Element, sens: Correspondance) -> Domanialite:
    def lecture(valeur: str) -> Domanialite:
        trouvee = sens.domanialites.get(plier(valeur), sens.sinon)
        if trouvee is None:
            raise Illisible(f"« {valeur} » n'est pas dans la correspondance{suggestion(valeur, sens.domanialites)}")
        return trouvee

    avant = len(element.fautes)
    lue = element.lire(sens.domanialite, lecture) or sens.sinon
    if lue is None and len(element.fautes) == avant:
        element.refuser(sens.domanialite, "manque ; ajoutez « sinon » à la correspondance pour l'accepter")
    return lue or Domanialite.INDET


def _gestionnaire(
    element: _Element, sens: Correspondance, domanialite: Domanialite, acteur: Callable[[str], str]
) -> str | None:
    def lecture(valeur: str) -> str:
        if sens.gestionnaires is None:
            return acteur(valeur)
        if (trouve := sens.gestionnaires.get(plier(valeur))) is None:
            raise Illisible(f"« {valeur} » n'est pas dans la correspondance{suggestion(valeur, sens.gestionnaires)}")
        return trouve

    return element.lire(sens.gestionnaire, lecture) or sens.par_domanialite.get(domanialite)


def _validite(element: _Element, sens: Correspondance) -> tuple[date | None, date | None]:
    du, au = element.lire(sens.valide_du, jour), element.lire(sens.valide_au, jour)
    if du and au and au < du:
        element.refuser(sens.valide_au or "", f"finit le {au.isoformat()}, avant de commencer le {du.isoformat()}")
    return du, au
