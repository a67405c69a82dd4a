"""`zones`: the perimeters a promise or a rule can name."""

from pathlib import Path

from relais.imports import Illisible, mots
from relais.imports.contours import exiger_contour
from relais.imports.fiches import Fiche, sans_doublon
from relais.rules.configuration import Configuration, Perimetre, TypeZone, Zone

CLES = ("code", "nom", "type", "reference", "contour")
_RESERVES = frozenset({"partout", "tous", "qpv"})
"""What `ou` says when it names no zone."""


def lire_zones(fichier: Fiche, configuration: Configuration, dossier: Path) -> tuple[Zone, ...]:
    fiches = fichier.fiches("zones", CLES)
    zones = tuple(_zone(fiche, dossier) for fiche in fiches)
    sans_doublon(zip(fiches, (zone.code for zone in zones), strict=True), "code")
    sans_doublon(zip(fiches, (zone.reference or "" for zone in zones), strict=True), "reference")
    if configuration.perimetre is Perimetre.QPV and not any(zone.type is TypeZone.QPV for zone in zones):
        fichier.refuser("zones", "aucune n'est de type QPV, alors que le périmètre est « QPV seulement »")
    return zones


def _zone(fiche: Fiche, dossier: Path) -> Zone:
    return Zone(
        code=fiche.exiger("code", _code, "", "le nom court que « ou » cite"),
        nom=fiche.exiger("nom", mots.texte, ""),
        type=fiche.choisir("type", mots.TYPE_ZONE),
        contour=exiger_contour(fiche, dossier),
        reference=fiche.lire("reference", mots.reference_qpv),
    )


def _code(ecrit: str) -> str:
    if ecrit in _RESERVES:
        raise Illisible(f"« {ecrit} » est un mot réservé de « ou » ; choisissez un autre code")
    return mots.code(ecrit)
