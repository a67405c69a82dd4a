"""`relais import`: from the files a town keeps to the next version of its territoire."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from relais.cli.affichage import (
    alerte,
    etape,
    fait,
    montrer_avertissements,
    montrer_difference,
    montrer_ecartes,
    parcours,
)
from relais.cli.auteur import Auteur, qui
from relais.cli.base import (
    Arret,
    CodeTerritoire,
    DataDir,
    Essai,
    all_territoires,
    chosen_settings,
    connected,
    the_territoire,
    transaction,
)
from relais.commands.horloge import is_demonstration
from relais.commands.territoire import Dessin, Difference, import_configuration, import_contours, import_emprises
from relais.db import Session
from relais.imports.contours import lire_contours
from relais.imports.emprises import lire_emprises
from relais.imports.territoire import lire_territoire
from relais.queries.version import configuration
from relais.rules.carte import Emprise
from relais.rules.configuration import Configuration

EMPRISES = "emprises"
COUCHES = (EMPRISES, *Dessin)

AIDE = """
Adopte un fichier comme nouvelle version du territoire : en entier, ou pas du tout.

Le fichier est vérifié d'abord ; chaque faute est citée avec sa ligne et sa raison. Le même fichier une seconde fois \
ne change rien. Les signalements déjà reçus gardent les promesses de leur version.

Une carte (emprises, zones ou secteurs) se donne en GeoJSON, en shapefile (.shp avec ses compagnons, ou .zip) ou en \
GeoPackage, dans toute projection que le fichier déclare. Celle que relais export a écrite se passe de correspondance.

[bold]Exemples[/]
  relais import territoire.yaml --essai    ce qui changerait
  relais import territoire.yaml            la version suivante
  relais import emprises plan.geojson --correspondance plan.yaml
  relais import emprises cadastre.gpkg --couche parcelles --correspondance plan.yaml
  relais import zones quartiers.shp --projection EPSG:2154

[bold]Ensuite[/]  relais personnes importer personnes.csv, puis relais doctor ; relais versions, pour revenir en arrière
"""


Couche = Annotated[
    str | None, typer.Option(metavar="NOM", show_default=False, help="Celle du fichier, s'il en a plusieurs.")
]
Projection = Annotated[
    str | None,
    typer.Option(
        metavar="EPSG:…", show_default=False, help="Si le fichier ne la dit pas : « EPSG:2154 », du Lambert-93."
    ),
]


@dataclass(frozen=True)
class Source:
    """A layer in a file, and how to read it."""

    fichier: Path
    correspondance: Path | None
    couche: str | None
    projection: str | None


def importer(
    quoi: Annotated[
        str,
        typer.Argument(
            metavar="FICHIER.yaml | emprises | zones | secteurs", help="Le territoire, ou le mot d'une couche."
        ),
    ],
    fichier: Annotated[
        Path | None, typer.Argument(metavar="FICHIER", help="Après ce mot : .geojson, .gpkg, .shp ou .zip.")
    ] = None,
    correspondance: Annotated[
        Path | None,
        typer.Option(
            metavar="FICHIER.yaml", show_default=False, help="Avec une couche : ce que veulent dire ses colonnes."
        ),
    ] = None,
    couche: Couche = None,
    projection: Projection = None,
    auteur: Auteur = None,
    territoire: CodeTerritoire = None,
    essai: Essai = False,  # noqa: FBT002 - an option of the command line
    data_dir: DataDir = None,
) -> None:
    if quoi not in COUCHES:
        if fichier or correspondance or couche or projection or territoire:
            raise typer.BadParameter(
                f"ce qui suit ne va qu'avec les mots {', '.join(COUCHES)} ; un territoire.yaml porte son propre code"
            )
        with connected(chosen_settings(data_dir)) as engine:
            _territoire(engine, Path(quoi), qui(auteur), essai=essai)
        return
    if fichier is None:
        raise typer.BadParameter(f"relais import {quoi} FICHIER")
    source = Source(fichier, correspondance, couche, projection)
    with connected(chosen_settings(data_dir)) as engine:
        if quoi == EMPRISES:
            _emprises(engine, source, territoire, qui(auteur), essai=essai)
        else:
            _contours(engine, Dessin(quoi), source, territoire, qui(auteur), essai=essai)


def _territoire(engine: Engine, fichier: Path, auteur: str, *, essai: bool) -> None:
    read = configuration_lue(fichier)
    with transaction(engine, essai=essai) as session:
        if not essai:
            _refuse_in_a_demonstration(session, read.code)
        difference = import_configuration(session, read, auteur=auteur, now=session.now)
    _conclure(difference, read.nom, essai=essai)


def configuration_lue(fichier: Path) -> Configuration:
    """That of a territoire.yaml; what is odd in it is shown. Raises FichierRefuse."""
    with etape(f"Lecture de {fichier.name}"):
        lecture = lire_territoire(fichier)
    montrer_avertissements(lecture.avertissements)
    return lecture.configuration


def _refuse_in_a_demonstration(session: Session, code: str) -> None:
    """A real town there would live under a clock that can be moved, beside accounts whose mails anybody reads."""
    if is_demonstration(session) and code not in {one.code for one in all_territoires(session)}:
        raise Arret(
            "Cette installation est une démonstration. Pour votre territoire, prenez un autre dossier :"
            " « relais migrate --data-dir … », puis le même import avec ce --data-dir."
        )


def _emprises(engine: Engine, source: Source, code: str | None, auteur: str, *, essai: bool) -> None:
    with transaction(engine, code) as session:
        current = configuration(session, the_territoire(session))
    lues = emprises_lues(source, current)
    with (
        etape(f"Comparaison de {len(lues)} emprises, et écriture de ce qui change"),
        transaction(engine, code, essai=essai) as session,
    ):
        territoire = the_territoire(session)
        difference = import_emprises(session, territoire, lues, auteur=auteur, now=session.now)
        nom = territoire.nom
    _conclure(difference, f"{nom}, emprises", essai=essai)


def emprises_lues(source: Source, current: Configuration) -> tuple[Emprise, ...]:
    """Those of the layer, for the acteurs and the contour of `current`; what was left out or mended is shown.

    Raises FichierRefuse.
    """
    lues = lire_emprises(
        source.fichier,
        source.correspondance,
        current.acteur.keys(),
        couche=source.couche,
        projection=source.projection,
        territoire=current.contour,
        suivre=parcours(f"Lecture de {source.fichier.name}"),
    )
    montrer_ecartes(lues.ecartees)
    montrer_avertissements(lues.avertissements)
    return lues.emprises


def _contours(engine: Engine, dessin: Dessin, source: Source, code: str | None, auteur: str, *, essai: bool) -> None:
    with transaction(engine, code) as session:
        current = configuration(session, the_territoire(session))
    known = {one.code for one in (current.zones if dessin is Dessin.ZONES else current.secteurs)}
    with etape(f"Lecture de {source.fichier.name}"):
        lus = lire_contours(
            source.fichier, source.correspondance, known, couche=source.couche, projection=source.projection
        )
    montrer_ecartes(lus.ecartes)
    montrer_avertissements(lus.avertissements)
    with transaction(engine, code, essai=essai) as session:
        territoire = the_territoire(session)
        difference = import_contours(session, territoire, dessin, lus.contours, auteur=auteur, now=session.now)
        nom = territoire.nom
    if missing := sorted(known - lus.contours.keys()):
        alerte(f"Absents du fichier, ils gardent leur contour : {', '.join(missing)}")
    if not difference.vide:
        alerte(
            "territoire.yaml cite ses propres fichiers de contour : remplacez-les, ou son prochain import les remettra"
        )
    _conclure(difference, f"{nom}, {dessin}", essai=essai)


def _conclure(difference: Difference, nom: str, *, essai: bool) -> None:
    if difference.vide:
        fait(f"{nom} : rien ne change, la version {difference.version - 1} reste en vigueur.")
        return
    montrer_difference(difference, f"{nom}, version {difference.version}")
    if essai:
        fait("Essai : rien n'a été appliqué. Sans --essai, cela devient la version en vigueur.")
    else:
        fait(f"{nom} : la version {difference.version} est en vigueur dès la prochaine demande.")
