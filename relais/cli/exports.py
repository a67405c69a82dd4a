"""`relais export`: the map as it stands, in a file that any software opens and `relais import` reads back."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from relais.cli.affichage import alerte, etape, fait
from relais.cli.base import Arret, CodeTerritoire, DataDir, chosen_settings, connected, the_territoire, transaction
from relais.cli.ecriture import ecrire_couche
from relais.db import Session
from relais.imports import Illisible
from relais.imports.geodonnees import WGS84, lire_projection
from relais.queries.referentiel import emprises
from relais.queries.version import configuration
from relais.rules import couches

AIDE = """
Écrit les emprises, les zones ou les secteurs en vigueur dans un fichier, au format que dit son suffixe : .geojson \
(uMap l'ouvre tel quel), .gpkg (GeoPackage), .shp, ou .zip (shapefile zippé).

Corrigé dans QGIS, le fichier se reprend par relais import, sans correspondance. GeoJSON et GeoPackage gardent tout ; \
un shapefile coupe les noms de colonnes à 10 lettres, ce que relais import sait lire.

[bold]Exemples[/]
  relais export emprises emprises.gpkg
  relais export zones quartiers.geojson
  relais export emprises plan.shp --projection EPSG:2154    en Lambert-93
"""


class Quoi(StrEnum):
    EMPRISES = "emprises"
    ZONES = "zones"
    SECTEURS = "secteurs"


Projection = Annotated[
    str | None,
    typer.Option(metavar="EPSG:…", show_default=False, help="La projection du fichier, « EPSG:2154 » (Lambert-93)."),
]


def exporter(
    quoi: Annotated[Quoi, typer.Argument(show_default=False, help="Ce qu'on exporte.")],
    fichier: Annotated[Path, typer.Argument(metavar="FICHIER", show_default=False, help=".geojson, .gpkg, .shp, .zip")],
    projection: Projection = None,
    territoire: CodeTerritoire = None,
    data_dir: DataDir = None,
) -> None:
    try:
        wanted = lire_projection(projection) if projection else WGS84
    except Illisible as illisible:
        raise Arret(f"{illisible}.") from None
    with connected(chosen_settings(data_dir)) as engine, transaction(engine, territoire) as session:
        elements, colonnes = _lire(session, quoi)
    if not elements:
        raise Arret(f"Ce territoire n'a pas de {quoi} : il n'y a rien à exporter.")
    with etape(f"Écriture de {len(elements)} {quoi}"):
        ecrite = ecrire_couche(fichier, quoi.value, elements, colonnes, wanted)
    fait(f"{len(elements)} {quoi} dans {fichier}")
    if ecrite.coupees:
        noms = ", ".join(f"« {nom} » pour « {colonne} »" for colonne, nom in ecrite.coupees.items())
        alerte(f"Un shapefile coupe les noms de colonnes : {noms}. relais import les reconnaît.")
    if ecrite.textes_coupes:
        alerte(f"Un shapefile coupe les textes longs : {ecrite.textes_coupes} l'ont été. GeoPackage les garde.")


def _lire(session: Session, quoi: Quoi) -> tuple[Sequence[couches.Element], couches.Colonnes]:
    territoire = the_territoire(session)
    current = configuration(session, territoire)
    match quoi:
        case Quoi.EMPRISES:
            ground = emprises(session, territoire.id, territoire.version)
            return couches.emprises(current, ground), couches.COLONNES_EMPRISE
        case Quoi.ZONES:
            return couches.zones(current), couches.COLONNES_ZONE
        case Quoi.SECTEURS:
            return couches.secteurs(current), couches.COLONNES_SECTEUR
