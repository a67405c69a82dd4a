"""Whether what a rhythm says goes with all of its days, or with some of them only.

« le mardi, et le samedi d'avril à octobre » is two rhythms: read as one, it loses every Tuesday of the winter. The
clauses are therefore taken out of the text one by one, and each leaves a mark where it stood.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from relais.imports.horaires import JOURS

RANGS = {
    "premier": 1,
    "1er": 1,
    "deuxieme": 2,
    "second": 2,
    "2e": 2,
    "troisieme": 3,
    "3e": 3,
    "quatrieme": 4,
    "4e": 4,
    "cinquieme": 5,
    "5e": 5,
    "dernier": -1,
    "avant-dernier": -2,
}
SAUF = re.compile(r",? (?:sauf|hors|excepte) ")
JOUR = rf"(?:{'|'.join(JOURS)})s?"

_MARQUE = "C"
"""A capital: the text is in lower case, so that nobody can have written it."""

_RANG = rf"(?:{'|'.join(RANGS)})s?"
_GROUPE = re.compile(
    rf"\b(?:{JOUR} (?:au|a) {JOUR}|(?:{_RANG}(?:(?:,| et|, et) (?:les? )?{_RANG})* )?{JOUR}(?: sur [0-9]+)?"
    r"|7 jours sur 7|jours?(?: ouvr\w+)?|quotidien\w*|(?<!:)(?<!h )[0-9]{1,2}(?:er)?(?! ?[h:]| semaines| jours))\b"
)
"""What names days: « premier et troisième jeudi » is one, the 15 of « les 1er et 15 du mois » another; no hour is."""


class Texte:
    """What is left to understand."""

    def __init__(self, pli: str) -> None:
        self._reste = pli.strip(" ,;.")

    @property
    def reste(self) -> str:
        """The words left, without the marks."""
        return re.sub(rf"(?:[ ,;]*{_MARQUE})+[ ,;]*", ", ", self._reste).strip(" ,;")

    def chercher(self, motif: str) -> re.Match[str] | None:
        """The clause with what parts it from what comes before, and the brackets around it."""
        return re.search(rf"(?:^|[ ,;(]+)(?:{motif})(?=$|[ ,;)])\)?", self._reste)

    def retirer(self, motif: str) -> re.Match[str] | None:
        """The clause, taken out; None where it is not said."""
        lu = self.chercher(motif)
        if lu:
            self._reste = self.sans(lu)
        return lu

    def marquer(self, motif: str) -> re.Match[str] | None:
        """As `retirer`, for a clause that must go with all the days."""
        lu = self.chercher(motif)
        if lu:
            self._reste = self.sans(lu, _MARQUE)
        return lu

    def sans(self, lu: re.Match[str], marque: str = "") -> str:
        """The text with that mark in the place of the clause; a comma or a semicolon before it stays."""
        signe = next((signe for signe in ";," if signe in lu[0][: len(lu[0]) - len(lu[0].lstrip(" ,;("))]), "")
        return " ".join(f"{self._reste[: lu.start()]}{signe} {marque}{self._reste[lu.end() :]}".split()).strip(" ,;")

    def va_avec_tous_les_jours(self, lu: re.Match[str] | None = None) -> bool:
        """That clause; without one, all those that were marked. Where it is not plain, False."""
        return _unanime(self.sans(lu, _MARQUE) if lu else self._reste)

    def sous_entendre(self, mots: str) -> None:
        """Where nothing else is said than clauses."""
        if not self.reste:
            self._reste = f"{mots}, {self._reste}".strip(" ,")


def _unanime(texte: str) -> bool:
    sauf = SAUF.search(texte)
    if sauf is None:
        return _va_avec_tous(texte)
    return _va_avec_tous(texte[: sauf.start()]) and _hors_de_l_exception(texte[sauf.end() :])


def _va_avec_tous(texte: str) -> bool:
    groupes = list(_GROUPE.finditer(texte))
    if _MARQUE not in texte or len(groupes) < 2:  # noqa: PLR2004 : one is all of them
        return True
    liens = [texte[un.end() : suivant.start()] for un, suivant in pairwise(groupes)]
    if any(re.search(rf"{_MARQUE}|;|, et\b", lien) for lien in liens):
        return False
    if not _de_meme(texte[: groupes[0].start()], liens):
        return False
    return liens[-1] == " et " or not _accolee(texte[groupes[-1].end() :])


def _de_meme(debut: str, liens: Sequence[str]) -> bool:
    """« tous les lundis et le vendredi, une semaine sur deux » says two things; an article left out says nothing."""
    articles = [lien for lien in liens if re.search(r"\b(?:le|tous|chaque)\b", lien)]
    return {_chacun(un) for un in articles} <= {_chacun(debut)}


def _chacun(dit: str) -> bool:
    return re.search(r"\b(?:tous|chaque)\b", dit) is not None


def _hors_de_l_exception(texte: str) -> bool:
    """« sauf le lundi de mars » leaves the other Mondays; « sauf le lundi, en mars » says it of the whole."""
    groupes = list(_GROUPE.finditer(texte))
    if not groupes:
        return True
    fin = groupes[-1].end()
    return _MARQUE not in texte[:fin] and not _accolee(texte[fin:])


def _accolee(suite: str) -> bool:
    """A clause follows the last day with no comma between them."""
    return suite.lstrip(" ").startswith(_MARQUE)
