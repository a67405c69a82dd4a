"""YAML → a small tree where every scalar is text and everything knows its line.

YAML's own types betray people: `0261710022` is an octal number, `17:00` is 1020, `027` is 23, `non` is False. So the
nodes are composed, never constructed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from relais.imports import Faute, FichierRefuse, Illisible
from relais.imports.fichiers import lire_texte, propre
from relais.imports.mots import plier

OCTETS_MAX = 1_000_000
"""A territoire of 200 acteurs is 100 kB; composing 1 MB takes some ten seconds."""
NOEUDS_MAX = 30_000
"""Counted after aliases are followed: ten lines of aliases of aliases make 10⁹ nodes."""
PROFONDEUR_MAX = 12


@dataclass(frozen=True)
class Mot:
    ligne: int
    texte: str


@dataclass(frozen=True)
class Liste:
    ligne: int
    elements: tuple["Noeud", ...]


@dataclass(frozen=True)
class Entree:
    """A key as it was written, and its value."""

    ligne: int
    cle: str
    valeur: "Noeud"


@dataclass(frozen=True)
class Table:
    """Entries by folded key (`mots.plier`): « téléphone » and `telephone` are one."""

    ligne: int
    entrees: Mapping[str, Entree]


Noeud = Mot | Liste | Table

_INDICES = (
    # what PyYAML says, what we say, and whether the useful line is where the construct began
    ("mapping values are not allowed", "un « : » de trop ; mettez la valeur entre guillemets", False),
    ("'\\t'", "une tabulation ; remplacez-la par des espaces", False),
    ("could not find expected ':'", "il manque un « : » après ce mot", True),
    ("unexpected end of stream", "un guillemet ouvert ici n'est pas refermé", True),
    ("but got '?'", "un « ? » dans une accolade ; mettez la valeur entre guillemets", False),
    ("expected ',' or '}'", "l'accolade ouverte ici n'est pas refermée, ou il y manque une virgule", True),
    ("expected ',' or ']'", "le crochet ouvert ici n'est pas refermé, ou il y manque une virgule", True),
    ("expected <block end>", "l'alignement ne suit pas celui des lignes du dessus", False),
    ("expected a single document", "un second document commence ici (« --- ») ; gardez-en un seul", False),
    ("undefined alias", "le renvoi (« * ») ne renvoie à rien ; entre guillemets, « * » est un caractère", False),
    ("cannot start any token", "cette valeur commence par un signe réservé ; mettez-la entre guillemets", False),
)


def lire_noeuds(chemin: Path) -> tuple[Table, tuple[Faute, ...]]:
    """The tree of a file, and its duplicate keys and unusable texts; raises FichierRefuse where there is no tree."""
    texte = lire_texte(chemin)
    if len(texte) > OCTETS_MAX:
        raise FichierRefuse(chemin, Faute(None, "", f"fichier trop gros : {OCTETS_MAX} caractères au plus"))
    try:
        racine = yaml.compose(texte, Loader=yaml.BaseLoader)
    except yaml.reader.ReaderError as erreur:
        raison = f"contient un caractère invisible (U+{erreur.character:04X}) ; effacez-le"
        raise FichierRefuse(chemin, Faute(texte.count("\n", 0, erreur.position) + 1, "", raison)) from None
    except yaml.MarkedYAMLError as erreur:
        raise FichierRefuse(chemin, _traduire(erreur)) from None
    except (RecursionError, ValueError, OverflowError):  # [[[[…, and "\UFFFFFFFF", which PyYAML lets through
        raise FichierRefuse(chemin, Faute(None, "", "le fichier n'est pas du YAML lisible")) from None
    lecture = _Lecture(chemin)
    arbre = lecture.noeud(racine, "", 0) if racine is not None else None
    if not isinstance(arbre, Table):
        raison = "le fichier ne contient aucune rubrique ; partez du modèle"
        raise FichierRefuse(chemin, Faute(1, "", raison))
    return arbre, tuple(lecture.fautes)


def _traduire(erreur: yaml.MarkedYAMLError) -> Faute:
    dit = f"{erreur.context} {erreur.problem}"
    trouve = ((raison, debut) for indice, raison, debut in _INDICES if indice in dit)
    raison, debut = next(trouve, ("écriture illisible ; vérifiez l'alignement, les guillemets et les « : »", False))
    repere = (erreur.context_mark if debut else None) or erreur.problem_mark
    return Faute(repere.line + 1 if repere else None, "", raison)


class _Lecture:
    """One reading: it counts what it visits and keeps the faults."""

    def __init__(self, chemin: Path) -> None:
        self.fichier = chemin
        self.fautes: list[Faute] = []
        self._visites = 0

    def noeud(self, noeud: yaml.Node, chemin: str, profondeur: int) -> Noeud:
        ligne = noeud.start_mark.line + 1
        self._visites += 1
        if self._visites > NOEUDS_MAX or profondeur > PROFONDEUR_MAX:
            raison = "trop d'éléments emboîtés ou répétés ; écrivez les valeurs sans renvois (« & » et « * »)"
            raise FichierRefuse(self.fichier, Faute(ligne, chemin, raison))
        if isinstance(noeud, yaml.MappingNode):
            return Table(ligne, self._entrees(noeud, chemin, profondeur))
        if isinstance(noeud, yaml.SequenceNode):
            elements = enumerate(noeud.value, start=1)
            return Liste(ligne, tuple(self.noeud(un, f"{chemin}[{n}]", profondeur + 1) for n, un in elements))
        return Mot(ligne, self._propre(ligne, chemin, noeud.value))

    def _entrees(self, noeud: yaml.MappingNode, chemin: str, profondeur: int) -> dict[str, Entree]:
        entrees: dict[str, Entree] = {}
        for cle, valeur in noeud.value:
            ligne = cle.start_mark.line + 1
            ecrite = self._propre(ligne, chemin, cle.value) if isinstance(cle, yaml.ScalarNode) else "?"
            sous = f"{chemin}.{ecrite}" if chemin else ecrite
            if (deja := entrees.get(plier(ecrite))) is not None:
                raison = f"déjà écrit ligne {deja.ligne} ; gardez une seule des deux"
                self.fautes.append(Faute(ligne, sous, raison))
                continue
            entrees[plier(ecrite)] = Entree(ligne, ecrite, self.noeud(valeur, sous, profondeur + 1))
        return entrees

    def _propre(self, ligne: int, chemin: str, texte: str) -> str:
        try:
            return propre(texte)
        except Illisible as illisible:
            self.fautes.append(Faute(ligne, chemin, str(illisible)))
            return ""
