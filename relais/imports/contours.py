"""The contours of zones and secteurs: one file for each, beside territoire.yaml, or a whole layer at once."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from relais.imports import Faute, FichierRefuse, Illisible, mots
from relais.imports.fiches import Carnet, Fiche
from relais.imports.fichiers import propre
from relais.imports.geodonnees import NOM_COURT, Couche, Objet, lire_couche
from relais.imports.noeuds import lire_noeuds
from relais.imports.traces import SANS_TRACE, Note, Notes, tracer, unir
from relais.rules.configuration import GeoJSON


@dataclass(frozen=True)
class ContoursLus:
    """By code. `ecartes`: what is not a surface, counted by type."""

    contours: Mapping[str, GeoJSON]
    ecartes: Mapping[str, int]
    avertissements: tuple[Faute, ...]


def exiger_contour(fiche: Fiche, dossier: Path) -> GeoJSON:
    """What the file named by `contour`, in that folder, holds. A fault of the file is the fiche's."""
    if not fiche.a("contour"):
        fiche.refuser("contour", "manque ; le fichier du polygone")
    return lire_contour_de(fiche, dossier) or {}


def lire_contour_de(fiche: Fiche, dossier: Path) -> GeoJSON | None:
    """The same where a contour may be absent."""
    return fiche.lire("contour", lambda ecrit: lire_contour(dossier / ecrit, partial(fiche.avertir, "contour")))


def lire_contour(chemin: Path, dire: Callable[[str], None]) -> GeoJSON:
    """The polygon of a file that holds one contour, alone or in pieces (united); `dire` is told what was mended.

    Raises Illisible, with the file's name.
    """
    try:
        morceaux = [tracer(objet) for objet in _surfaces(lire_couche(chemin))]
        contour = unir([geometrie for geometrie, _ in morceaux])
    except FichierRefuse as refus:
        raisons = " ; ".join(str(faute) for faute in refus.fautes)
        raise Illisible(f"{chemin.name} : {raisons}") from None
    except Illisible as illisible:
        raise Illisible(f"{chemin.name} : {illisible}") from None
    for note in dict.fromkeys(note for _, notes in morceaux for note in notes):
        dire(f"{chemin.name} : {note}")
    return contour


def _surfaces(couche: Couche) -> Sequence[Objet]:
    if not couche.objets:
        raise Illisible("ne contient aucun polygone")
    autre = next((objet for objet in couche.objets if not objet.surface), None)
    if autre is not None:
        raise Illisible(f"contient {autre.type or 'un objet sans géométrie'} ; un contour est un polygone fermé")
    return couche.objets


def lire_contours(
    fichier: Path,
    correspondance: Path | None,
    connus: Collection[str],
    *,
    couche: str | None = None,
    projection: str | None = None,
) -> ContoursLus:
    """The contours of a layer, each for one of the codes `connus`; objects of one code are united.

    `correspondance` says in its `code` which column bears it (« code » by default). Raises FichierRefuse with every
    fault of the one file or the other.
    """
    colonne = _colonne_du_code(correspondance)
    lue = lire_couche(fichier, couche=couche, projection=projection)
    champ = exiger_champ(fichier, lue, colonne) if lue.objets else colonne
    fautes: list[Faute] = []
    notes = Notes()
    traces: dict[str, list[BaseGeometry]] = {}
    lire_code = mots.parmi(connus, "code inconnu de territoire.yaml")
    for objet in lue.sans_trace:
        notes.ajouter(objet.ou, Note(SANS_TRACE))
    for objet in lue.surfaces:
        try:
            code = lire_code(propre(str(objet.proprietes.get(champ) or "")))
        except Illisible as illisible:
            fautes.append(Faute(None, f"{objet.ou}.{champ}", str(illisible)))
            continue
        try:
            geometrie, dites = tracer(objet)
        except Illisible as illisible:
            fautes.append(Faute(None, f"{objet.ou}.geometry", f"« {code} » : {illisible}"))
            continue
        traces.setdefault(code, []).append(geometrie)
        for note in dites:
            notes.ajouter(code, note)
    if not traces and not fautes:
        fautes.append(Faute(None, "", "ne contient aucune surface ; est-ce la bonne couche ?"))
    if fautes:
        raise FichierRefuse(fichier, *fautes)
    return ContoursLus({code: unir(tous) for code, tous in traces.items()}, lue.ecartes, notes.avertissements())


def _colonne_du_code(correspondance: Path | None) -> str:
    if correspondance is None:
        return "code"
    table, fautes = lire_noeuds(correspondance)
    carnet = Carnet(list(fautes))
    colonne = Fiche(table, "", carnet, ("code",)).exiger("code", mots.texte, "", "la colonne qui porte leur code")
    if carnet.fautes:
        raise FichierRefuse(correspondance, *carnet.fautes)
    return colonne


def exiger_champ(fichier: Path, couche: Couche, nom: str) -> str:
    """The column of that name; said once where it is missing, rather than at each object. Raises FichierRefuse."""
    champ = couche.champ(nom)
    if champ is None:
        raison = f"n'a pas de colonne « {nom} »{mots.suggestion(nom, couche.champs)}"
        raise FichierRefuse(fichier, Faute(None, "", raison))
    distinguer(fichier, couche, [nom])
    return champ


def distinguer(fichier: Path, couche: Couche, noms: Iterable[str]) -> None:
    """Raises FichierRefuse where the format cut one of these columns as it cut another."""
    raison = (
        f"coupée à {NOM_COURT} lettres comme une autre ; donnez son nom court, l'un de : {', '.join(couche.champs)}"
    )
    if confondus := couche.confondus(noms):
        raise FichierRefuse(fichier, *(Faute(None, f"colonne « {nom} »", raison) for nom in confondus))
