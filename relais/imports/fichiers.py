"""Bytes of a file → text, or a refusal that says what to save differently."""

import unicodedata
from pathlib import Path

from relais.imports import Faute, FichierRefuse, Illisible

TEXTE_MAX = 1000
"""Characters of one value. Longer, it is a closing quote that was forgotten, and would not fit a mail's subject."""


def lire_texte(chemin: Path) -> str:
    """The file's text, UTF-8 with or without a byte order mark; raises FichierRefuse."""
    try:
        octets = chemin.read_bytes()
    except (OSError, ValueError) as erreur:  # ValueError: a NUL in the path
        cause = "introuvable" if isinstance(erreur, FileNotFoundError) else "illisible"
        raise FichierRefuse(chemin, Faute(None, "", f"fichier {cause} ; vérifiez le chemin « {chemin} »")) from None
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as erreur:
        ligne = octets.count(b"\n", 0, erreur.start) + 1
        raison = "un caractère n'est pas en UTF-8 ; enregistrez le fichier avec l'encodage « UTF-8 »"
        raise FichierRefuse(chemin, Faute(ligne, "", raison)) from None


def propre(texte: str) -> str:
    """One line of text as it will be stored: composed accents, single spaces.

    A line feed in a name would end a mail's header; PostgreSQL refuses NUL, UTF-8 a lone surrogate. Raises Illisible.
    """
    net = " ".join(unicodedata.normalize("NFC", texte).split())
    if invisible := next((c for c in net if unicodedata.category(c) in {"Cc", "Cs"}), None):
        nom = "NUL" if invisible == "\0" else f"U+{ord(invisible):04X}"
        raise Illisible(f"contient un caractère invisible ({nom}) ; effacez-le et retapez la valeur")
    if len(net) > TEXTE_MAX:
        raise Illisible(f"compte plus de {TEXTE_MAX} caractères ; un guillemet est-il resté ouvert ?")
    return net
