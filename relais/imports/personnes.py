"""`personnes.csv` → people to create or update. Who is absent from the file is left alone: nobody is ever deleted."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from relais.imports import Faute, FichierRefuse, Illisible
from relais.imports.fichiers import lire_texte, propre
from relais.imports.mots import code, courriel, plier, suggestion
from relais.rules.acces import Role

COLONNES = ("identifiant", "nom", "role", "acteur")
_ROLES = {plier(role): role for role in Role if role is not Role.CLE}
_FEMININS = {"elue": Role.ELU, "agente": Role.AGENT, "administratrice": Role.ADMINISTRATEUR}
_POUR_UN_ACTEUR = frozenset({Role.AGENT, Role.RESPONSABLE})


@dataclass(frozen=True)
class PersonneLue:
    """`identifiant`: the e-mail that receives the one-time codes, in lower case. `acteur`: a code, not checked here."""

    identifiant: str
    nom: str
    role: Role
    acteur: str | None
    ligne: int


def lire_personnes(chemin: Path) -> tuple[PersonneLue, ...]:
    """In the order of the file. Raises FichierRefuse with every fault; a first line names the columns."""
    lignes = _lignes(chemin)
    numero, entete = next(lignes, (1, []))
    colonnes = [plier(titre) for titre in entete]
    fautes = [Faute(numero, *faute) for faute in _fautes_de_colonnes(colonnes)]
    if fautes:
        raise FichierRefuse(chemin, *fautes)
    lues: list[PersonneLue] = []
    premieres: dict[str, int] = {}
    for ligne, cases in lignes:
        if len(cases) > len(colonnes):
            fautes.append(
                Faute(ligne, "", f"{len(cases)} valeurs pour {len(colonnes)} colonnes ; une virgule de trop ?")
            )
            continue
        personne = _Personne(dict(zip(colonnes, cases, strict=False)), ligne, fautes).lire()
        premiere = premieres.setdefault(personne.identifiant, ligne)
        if personne.identifiant and premiere != ligne:
            fautes.append(Faute(ligne, "identifiant", f"déjà écrit ligne {premiere} ; gardez une seule ligne"))
        lues.append(personne)
    if fautes:
        raise FichierRefuse(chemin, *fautes)
    return tuple(lues)


def _lignes(chemin: Path) -> Iterator[tuple[int, list[str]]]:
    """(line where the record begins, its cells), empty lines aside. Spreadsheets in French write « ; »."""
    texte = lire_texte(chemin)
    premiere = texte.partition("\n")[0]
    lecteur = csv.reader(StringIO(texte, newline=""), delimiter=";" if ";" in premiere else ",", strict=True)
    debut = 1
    try:
        for cases in lecteur:
            if any(case.strip() for case in cases):
                yield debut, cases
            debut = lecteur.line_num + 1
    except csv.Error:
        raison = "un guillemet ouvert ici n'est pas refermé, ou est mal placé"
        raise FichierRefuse(chemin, Faute(debut, "", raison)) from None


def _fautes_de_colonnes(colonnes: Sequence[str]) -> Iterator[tuple[str, str]]:
    for colonne in colonnes:
        if colonne not in COLONNES:
            yield colonne, f"colonne inconnue{suggestion(colonne, COLONNES)}"
        elif colonnes.count(colonne) > 1:
            yield colonne, "colonne écrite deux fois"
    for colonne in COLONNES[:3]:
        if colonne not in colonnes:
            yield colonne, f"colonne manquante ; la première ligne s'écrit : {', '.join(COLONNES)}"


@dataclass
class _Personne:
    cases: dict[str, str]
    ligne: int
    fautes: list[Faute]

    def lire(self) -> PersonneLue:
        identifiant, nom, ecrit, acteur = (self._texte(colonne) for colonne in COLONNES)
        for colonne, texte in zip(COLONNES[:3], (identifiant, nom, ecrit), strict=True):
            if not texte:
                self._refuser(colonne, "manque")
        role = (_ROLES | _FEMININS).get(plier(ecrit))
        if role is None and ecrit:
            self._refuser("role", f"rôle inconnu : « {ecrit} »{suggestion(ecrit, _ROLES)}")
        self._verifier("identifiant", identifiant, courriel)
        self._verifier("acteur", acteur, code)
        if role in _POUR_UN_ACTEUR and not acteur:
            self._refuser("acteur", f"manque ; « {role} » agit pour un acteur, donnez son code")
        elif acteur and role is not None and role not in {*_POUR_UN_ACTEUR, Role.PILOTE}:
            self._refuser("acteur", f"« {role} » n'agit pour aucun acteur ; videz la case")
        return PersonneLue(identifiant.lower(), nom, role or Role.RELAIS, acteur or None, self.ligne)

    def _texte(self, colonne: str) -> str:
        try:
            return propre(self.cases.get(colonne, ""))
        except Illisible as illisible:
            self._refuser(colonne, str(illisible))
            return ""

    def _verifier(self, colonne: str, texte: str, lecture: Callable[[str], str]) -> None:
        try:
            if texte:
                lecture(texte)
        except Illisible as illisible:
            self._refuser(colonne, str(illisible))

    def _refuser(self, colonne: str, raison: str) -> None:
        self.fautes.append(Faute(self.ligne, colonne, raison))
