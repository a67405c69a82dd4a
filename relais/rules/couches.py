"""The referential as layers that anybody's software opens: what a column holds, what uMap shows. Pure.

The same for the public routes and for the files of `relais export`, which `relais import` reads back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import cycle
from typing import Any

from relais.rules.carte import Emprise
from relais.rules.configuration import (
    LIBELLES_DOMANIALITE,
    Configuration,
    Domanialite,
    GeoJSON,
    Secteur,
    TypeZone,
)

Colonnes = Mapping[str, type]

COLONNES_EMPRISE: Colonnes = {
    "code": str,
    "nom": str,
    "domanialite": str,
    "gestionnaire": str,
    "priorite": int,
    "valide_du": date,
    "valide_au": date,
}
COLONNES_ZONE: Colonnes = {"code": str, "nom": str, "type": str, "reference": str}
COLONNES_SECTEUR: Colonnes = {"code": str, "nom": str, "acteur": str, "prestations": str, "rythme": str}

LIBELLES_ZONE: Mapping[TypeZone, str] = {
    TypeZone.QUARTIER: "quartier",
    TypeZone.QPV: "quartier prioritaire de la politique de la ville",
    TypeZone.NPNRU: "renouvellement urbain",
}

COULEURS: Mapping[Domanialite, str] = {
    Domanialite.DPC: "#b8b8b8",
    Domanialite.DPI: "#8d99ae",
    Domanialite.DPD: "#e09f3e",
    Domanialite.DPN: "#9e2a2b",
    Domanialite.DPF: "#4ea8de",
    Domanialite.DPFE: "#5c4d7d",
    Domanialite.DPRIVC: "#74a57f",
    Domanialite.BAIL: "#d1495b",
    Domanialite.COPRO: "#edae49",
    Domanialite.PRIV: "#f1e3c6",
    Domanialite.VPOC: "#8a7968",
    Domanialite.FRICHE: "#a3b18a",
    Domanialite.EQUIP_COM: "#00798c",
    Domanialite.EQUIP_DEP: "#30638e",
    Domanialite.EQUIP_REG: "#003d5b",
    Domanialite.RESEAU: "#3a3a3a",
    Domanialite.COMMERCE: "#c77dff",
    Domanialite.INDET: "#ffffff",
}
_COULEURS_ZONE: Mapping[TypeZone, str] = {
    TypeZone.QUARTIER: "#30638e",
    TypeZone.QPV: "#d1495b",
    TypeZone.NPNRU: "#8a7968",
}
_COULEURS_ACTEUR = ("#00418b", "#b34000", "#2e7d32", "#7b1fa2", "#8d6e00", "#00838f", "#c2185b", "#4e5d6c")


@dataclass(frozen=True)
class Element:
    """One object of a layer. `colonnes`: what a table would hold; `nom`, `description`, `couleur`: what a map shows."""

    geometrie: GeoJSON
    colonnes: Mapping[str, Any]
    nom: str
    description: str
    couleur: str

    def proprietes(self) -> dict[str, Any]:
        """As uMap reads them: its own words beside the columns. Nothing says null."""
        shown = {
            **self.colonnes,
            "name": self.nom,
            "description": self.description,
            "_umap_options": {"color": self.couleur, "fillColor": self.couleur, "fillOpacity": 0.3, "weight": 2},
        }
        return {key: _json(value) for key, value in shown.items() if value is not None}

    def feature(self) -> dict[str, Any]:
        """A GeoJSON Feature (RFC 7946)."""
        return {"type": "Feature", "geometry": dict(self.geometrie), "properties": self.proprietes()}


def emprises(configuration: Configuration, some: Iterable[Emprise]) -> list[Element]:
    """A colour for each domanialité."""
    return [
        Element(
            one.geometrie,
            {column: getattr(one, column) for column in COLONNES_EMPRISE},
            one.nom or one.code,
            _phrase(_majuscule(LIBELLES_DOMANIALITE[one.domanialite]), _nom(configuration, one.gestionnaire)),
            COULEURS[one.domanialite],
        )
        for one in some
    ]


def zones(configuration: Configuration) -> list[Element]:
    return [
        Element(
            one.contour,
            {column: getattr(one, column) for column in COLONNES_ZONE},
            one.nom,
            _phrase(_majuscule(LIBELLES_ZONE[one.type]), one.reference),
            _COULEURS_ZONE[one.type],
        )
        for one in configuration.zones
    ]


def secteurs(configuration: Configuration) -> list[Element]:
    """A colour for each acteur."""
    acteurs = dict.fromkeys(one.acteur for one in configuration.secteurs)
    colours = dict(zip(acteurs, cycle(_COULEURS_ACTEUR), strict=False))
    return [
        Element(
            one.contour,
            {
                "code": one.code,
                "nom": one.nom,
                "acteur": one.acteur,
                "prestations": ", ".join(one.prestations),
                "rythme": _rythme(one),
            },
            one.nom,
            _phrase(_nom(configuration, one.acteur), ", ".join(one.prestations), _rythme(one)),
            colours[one.acteur],
        )
        for one in configuration.secteurs
    ]


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _rythme(secteur: Secteur) -> str | None:
    said = dict.fromkeys(f"{passage.prestation} : {passage.texte}" for passage in secteur.passages)
    return secteur.rythme or " ; ".join(said) or None


def _nom(configuration: Configuration, acteur: str | None) -> str | None:
    known = configuration.acteur.get(acteur or "")
    return known.nom if known else acteur


def _phrase(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)


def _majuscule(text: str) -> str:
    return text[:1].upper() + text[1:]
