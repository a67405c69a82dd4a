"""Somebody else's map → emprises, through a map file (`correspondance`) that says what its columns mean."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from shapely.geometry.base import BaseGeometry

from relais.imports import Faute, FichierRefuse, Illisible
from relais.imports.contours import distinguer, exiger_champ
from relais.imports.correspondance import LA_NOTRE, Correspondance, lire_correspondance
from relais.imports.fichiers import propre
from relais.imports.geodonnees import Couche, Objet, Suivi, lire_couche
from relais.imports.mots import entier, jour, parmi, plier, suggestion
from relais.imports.traces import SANS_TRACE, Note, Notes, tracer
from relais.rules.carte import Emprise, Trace, dessiner
from relais.rules.configuration import Domanialite, GeoJSON

T = TypeVar("T")


@dataclass(frozen=True)
class EmprisesLues:
    """`ecartees`: what is not a surface, counted by GeoJSON type (LineString, Point…).

    `avertissements`: what was mended, or is odd.
    """

    emprises: tuple[Emprise, ...]
    ecartees: Mapping[str, int]
    avertissements: tuple[Faute, ...] = ()


def lire_emprises(
    fichier: Path,
    correspondance: Path | None,
    acteurs: Collection[str],
    *,
    couche: str | None = None,
    projection: str | None = None,
    territoire: GeoJSON | None = None,
    suivre: Suivi[Objet] = iter,
) -> EmprisesLues:
    """Every polygon of the file, in its order. Raises FichierRefuse with every fault of the one file or the other.

    Without a `correspondance` the columns have the names and words of our own export. `couche` and `projection` are
    those of `lire_couche`; `territoire`, the contour no emprise may dwarf.
    """
    voulue = lire_correspondance(correspondance, acteurs) if correspondance else LA_NOTRE
    lue = lire_couche(fichier, couche=couche, projection=projection)
    avertissements = [] if correspondance is None else _colonnes_absentes(voulue, lue)
    sens = _exigees(fichier, voulue, lue)
    lecture = _Lecture(sens, parmi(acteurs, "acteur inconnu"), dessiner(territoire) if territoire else None)
    emprises = [lecture.emprise(objet) for objet in suivre(lue.surfaces)]
    for objet in lue.sans_trace:
        lecture.notes.ajouter(objet.ou, Note(SANS_TRACE))
    if lecture.fautes:
        raise FichierRefuse(fichier, *lecture.fautes)
    if not emprises:  # adopted, it would take every ground of the town off the map
        raise FichierRefuse(fichier, Faute(None, "", "ne contient aucune surface ; est-ce la bonne couche ?"))
    return EmprisesLues(tuple(emprises), lue.ecartes, (*avertissements, *lecture.notes.avertissements()))


def _colonnes_absentes(sens: Correspondance, couche: Couche) -> list[Faute]:
    return [
        Faute(None, cle, f"le fichier n'a pas de colonne « {nom} »{suggestion(nom, couche.champs)}")
        for cle, nom in sens.facultatives.items()
        if couche.champ(nom) is None
    ]


def _exigees(fichier: Path, sens: Correspondance, couche: Couche) -> Correspondance:
    """Said once where one is missing, rather than at each object."""
    if couche.objets:
        if sens.code != "id":
            exiger_champ(fichier, couche, sens.code)
        if sens.sinon is None:
            exiger_champ(fichier, couche, sens.domanialite)
        distinguer(fichier, couche, (sens.code, sens.domanialite, *sens.facultatives.values()))
    return sens.dans(couche)


class _Lecture:
    """The objects of a layer read one after the other; what is wrong with them goes to `fautes`, and all go on."""

    def __init__(self, sens: Correspondance, acteur: Callable[[str], str], territoire: BaseGeometry | None) -> None:
        self.sens, self.acteur, self.territoire = sens, acteur, territoire
        self.fautes: list[Faute] = []
        self.notes = Notes()
        self._premiers: dict[str, str] = {}

    def emprise(self, objet: Objet) -> Emprise:
        """A stand-in where something could not be read: with a fault, nothing leaves the reading."""
        element = _Element(objet, self.fautes)
        code = self._code(element)
        domanialite = _domanialite(element, self.sens)
        du, au = _validite(element, self.sens)
        return Emprise(
            code=code,
            nom=element.lire(self.sens.nom, str),
            domanialite=domanialite,
            gestionnaire=_gestionnaire(element, self.sens, domanialite, self.acteur),
            geometrie=self._geometrie(element, code),
            priorite=element.lire(self.sens.priorite, entier) or 0,
            valide_du=du,
            valide_au=au,
        )

    def _code(self, element: "_Element") -> str:
        colonne = self.sens.code
        code = element.essayer("id", element.objet.id, str) if colonne == "id" else element.lire(colonne, str)
        if code is None:
            element.refuser(colonne, "manque ; chaque emprise a besoin d'un nom qui ne change pas")
            return ""
        premier = self._premiers.setdefault(code, element.objet.ou)
        if premier != element.objet.ou:
            element.refuser(colonne, f"« {code} » est déjà pris par {premier}")
        return code

    def _geometrie(self, element: "_Element", code: str) -> GeoJSON:
        try:
            geometrie, notes = tracer(element.objet, territoire=self.territoire)
        except Illisible as illisible:
            element.refuser("geometry", f"« {code} » : {illisible}" if code else str(illisible))
            return {}
        for note in notes:
            self.notes.ajouter(code, note)
        return Trace(geometrie)


@dataclass
class _Element:
    """One object: its properties as text, and the faults found in them."""

    objet: Objet
    fautes: list[Faute]

    def refuser(self, propriete: str, raison: str) -> None:
        self.fautes.append(Faute(None, f"{self.objet.ou}.{propriete}", raison))

    def lire(self, propriete: str | None, lecture: Callable[[str], T]) -> T | None:
        """What the property says; None where it has no name, is absent, null, empty or (with a fault) unreadable."""
        return self.essayer(propriete or "", self.objet.proprietes.get(propriete or ""), lecture)

    def essayer(self, propriete: str, valeur: object, lecture: Callable[[str], T]) -> T | None:
        if isinstance(valeur, (dict, list)):
            self.refuser(propriete, "attend un mot ou un nombre")
            return None
        try:
            ecrite = "" if valeur is None else propre(str(valeur))
            return lecture(ecrite) if ecrite else None
        except Illisible as illisible:
            self.refuser(propriete, str(illisible))
            return None


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
