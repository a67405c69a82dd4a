"""How to read somebody else's map: which property names the emprise, which says its domanialité, who manages it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from relais.imports import FichierRefuse, Illisible, mots
from relais.imports.fiches import Carnet, Fiche
from relais.imports.geodonnees import Couche
from relais.imports.noeuds import lire_noeuds
from relais.rules.configuration import LIBELLES_DOMANIALITE, Domanialite

T = TypeVar("T")

CLES = ("code", "nom", "domanialite", "gestionnaire", "priorite", "valide_du", "valide_au")


@dataclass(frozen=True)
class Correspondance:
    """Names of properties, and what their values mean. `id` in `code` is the feature's own id, not a property.

    `gestionnaires` is None where the property holds our acteur codes. Values are looked up folded (`mots.plier`).
    """

    code: str
    nom: str | None
    domanialite: str
    domanialites: Mapping[str, Domanialite]
    sinon: Domanialite | None
    gestionnaire: str | None
    gestionnaires: Mapping[str, str] | None
    par_domanialite: Mapping[Domanialite, str]
    priorite: str | None
    valide_du: str | None
    valide_au: str | None

    @property
    def facultatives(self) -> dict[str, str]:
        """The columns it may do without: what they say → their name."""
        noms = {cle: getattr(self, cle) for cle in ("nom", "gestionnaire", "priorite", "valide_du", "valide_au")}
        return {cle: nom for cle, nom in noms.items() if nom is not None}

    def dans(self, couche: Couche) -> "Correspondance":
        """The same by the names this layer's format gave its columns; one it does not have is nobody's."""
        trouvees = {cle: couche.champ(nom) for cle, nom in self.facultatives.items()}
        return replace(
            self,
            code=couche.champ(self.code) or self.code,
            nom=trouvees.get("nom"),
            domanialite=couche.champ(self.domanialite) or self.domanialite,
            gestionnaire=trouvees.get("gestionnaire"),
            priorite=trouvees.get("priorite"),
            valide_du=trouvees.get("valide_du"),
            valide_au=trouvees.get("valide_au"),
        )


LA_NOTRE = Correspondance(
    code="code",
    nom="nom",
    domanialite="domanialite",
    domanialites={
        mots.plier(mot): domanialite
        for domanialite, libelle in LIBELLES_DOMANIALITE.items()
        for mot in (domanialite, libelle)
    },
    sinon=None,
    gestionnaire="gestionnaire",
    gestionnaires=None,
    par_domanialite={},
    priorite="priorite",
    valide_du="valide_du",
    valide_au="valide_au",
)
"""What `relais export emprises` writes: such a file needs no map file to come back."""


def lire_correspondance(chemin: Path, acteurs: Collection[str]) -> Correspondance:
    """Raises FichierRefuse with every fault. `acteurs`: the codes a gestionnaire may be."""
    table, fautes = lire_noeuds(chemin)
    carnet = Carnet(list(fautes))
    fichier = Fiche(table, "", carnet, CLES)
    acteur = mots.parmi(acteurs, "acteur inconnu")
    domanialite = fichier.fiche("domanialite", ("propriete", "valeurs", "sinon"))
    gestionnaire = fichier.fiche("gestionnaire", ("propriete", "valeurs", "par_domanialite"))
    if domanialite is None and not fichier.a("domanialite"):
        fichier.refuser("domanialite", "manque ; dites quelle « propriete » la porte et ce que valent ses « valeurs »")
    lue = Correspondance(
        code=fichier.exiger("code", mots.texte, "", "la propriété qui nomme l'emprise, ou « id »"),
        nom=fichier.lire("nom", mots.texte),
        domanialite=domanialite.exiger("propriete", mots.texte, "") if domanialite else "",
        domanialites=_valeurs(domanialite, "valeurs", mots.DOMANIALITE) if domanialite else {},
        sinon=domanialite.lire("sinon", mots.DOMANIALITE) if domanialite else None,
        gestionnaire=gestionnaire.lire("propriete", mots.texte) if gestionnaire else None,
        gestionnaires=_valeurs(gestionnaire, "valeurs", acteur) if gestionnaire and gestionnaire.a("valeurs") else None,
        par_domanialite=_par_domanialite(gestionnaire, acteur) if gestionnaire else {},
        priorite=fichier.lire("priorite", mots.texte),
        valide_du=fichier.lire("valide_du", mots.texte),
        valide_au=fichier.lire("valide_au", mots.texte),
    )
    if carnet.fautes:
        raise FichierRefuse(chemin, *carnet.fautes)
    return lue


def _valeurs(fiche: Fiche, cle: str, lecture: Callable[[str], T]) -> dict[str, T]:
    lues = {mots.plier(valeur): place.lire(lecture) for valeur, place in fiche.paires(cle)}
    return {valeur: lu for valeur, lu in lues.items() if lu is not None}


def _par_domanialite(fiche: Fiche, acteur: Callable[[str], str]) -> dict[Domanialite, str]:
    codes: dict[Domanialite, str] = {}
    for mot, place in fiche.paires("par_domanialite"):
        try:
            domanialite = mots.DOMANIALITE(mot)
        except Illisible as illisible:
            place.refuser(str(illisible))
            continue
        if (code := place.lire(acteur)) is not None:
            codes[domanialite] = code
    return codes
