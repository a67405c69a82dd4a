"""`relais import`: from the files a town keeps to the next version of its territoire."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine, select

from relais.cli.affichage import etape, fait, montrer_avertissements, montrer_difference
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
from relais.commands.territoire import Difference, import_configuration, import_emprises
from relais.db import Session
from relais.imports.emprises import lire_emprises
from relais.imports.territoire import lire_territoire
from relais.queries.referentiel import CODEC
from relais.tables.territoire import Territoire, Version

AUTEUR = "relais import"
EMPRISES = "emprises"

AIDE = """
Adopte un fichier comme nouvelle version du territoire : en entier, ou pas du tout.

Le fichier est vérifié d'abord ; chaque faute est citée avec sa ligne et sa raison. Le même fichier une seconde fois \
ne change rien. Les signalements déjà reçus gardent les promesses de leur version.

[bold]Exemples[/]
  relais import territoire.yaml --essai    ce qui changerait
  relais import territoire.yaml            la version suivante
  relais import emprises plan.geojson --correspondance plan.yaml

[bold]Ensuite[/]  relais personnes importer personnes.csv, puis relais doctor
"""


def importer(
    quoi: Annotated[
        str, typer.Argument(metavar="FICHIER.yaml | emprises", help="Le territoire, ou le mot « emprises ».")
    ],
    fichier: Annotated[
        Path | None, typer.Argument(metavar="FICHIER.geojson", help="Après « emprises » : les terrains.")
    ] = None,
    correspondance: Annotated[
        Path | None,
        typer.Option(
            metavar="FICHIER.yaml", show_default=False, help="Avec « emprises » : ce que veulent dire ses propriétés."
        ),
    ] = None,
    territoire: CodeTerritoire = None,
    essai: Essai = False,  # noqa: FBT002 - an option of the command line
    data_dir: DataDir = None,
) -> None:
    if quoi != EMPRISES:
        if fichier or correspondance or territoire:
            raise typer.BadParameter(
                "ce qui suit ne va qu'avec le mot « emprises » ; un territoire.yaml porte son propre code"
            )
        with connected(chosen_settings(data_dir)) as engine:
            _territoire(engine, Path(quoi), essai=essai)
        return
    if fichier is None or correspondance is None:
        raise typer.BadParameter("relais import emprises FICHIER.geojson --correspondance FICHIER.yaml")
    with connected(chosen_settings(data_dir)) as engine:
        _emprises(engine, fichier, correspondance, territoire, essai=essai)


def _territoire(engine: Engine, fichier: Path, *, essai: bool) -> None:
    with etape(f"Lecture de {fichier.name}"):
        lecture = lire_territoire(fichier)
    montrer_avertissements(lecture.avertissements)
    with transaction(engine, essai=essai) as session:
        if not essai:
            _refuse_in_a_demonstration(session, lecture.configuration.code)
        difference = import_configuration(session, lecture.configuration, auteur=AUTEUR, now=session.now)
    _conclure(difference, lecture.configuration.nom, essai=essai)


def _refuse_in_a_demonstration(session: Session, code: str) -> None:
    """A real town there would live under a clock that can be moved, beside accounts whose mails anybody reads."""
    if is_demonstration(session) and code not in {one.code for one in all_territoires(session)}:
        raise Arret(
            "Cette installation est une démonstration. Pour votre territoire, prenez un autre dossier :"
            " « relais migrate --data-dir … », puis le même import avec ce --data-dir."
        )


def _emprises(engine: Engine, fichier: Path, correspondance: Path, code: str | None, *, essai: bool) -> None:
    with transaction(engine, code) as session:
        acteurs = _acteurs(session, the_territoire(session))
    with etape(f"Lecture de {fichier.name}"):
        lues = lire_emprises(fichier, correspondance, acteurs)
    if lues.ecartees:
        detail = ", ".join(f"{nombre} {genre}" for genre, nombre in lues.ecartees.items())
        fait(f"Laissé de côté, qui n'est pas une surface : {detail}")
    with (
        etape(f"Comparaison de {len(lues.emprises)} emprises, et écriture de ce qui change"),
        transaction(engine, code, essai=essai) as session,
    ):
        territoire = the_territoire(session)
        difference = import_emprises(session, territoire, lues.emprises, auteur=AUTEUR, now=session.now)
        nom = territoire.nom
    _conclure(difference, f"{nom}, emprises", essai=essai)


def _acteurs(session: Session, territoire: Territoire) -> set[str]:
    """Those of the version in force. Without its map: `referentiel` would index every emprise to forget it again."""
    document = session.scalar(
        select(Version.configuration).where(
            Version.territoire_id == territoire.id, Version.numero == territoire.version
        )
    )
    return set(CODEC.validate_python(document).acteur) if document else set()


def _conclure(difference: Difference, nom: str, *, essai: bool) -> None:
    if difference.vide:
        fait(f"{nom} : rien ne change, la version {difference.version - 1} reste en vigueur.")
        return
    montrer_difference(difference, f"{nom}, version {difference.version}")
    if essai:
        fait("Essai : rien n'a été appliqué. Sans --essai, cela devient la version en vigueur.")
    else:
        fait(f"{nom} : la version {difference.version} est en vigueur dès la prochaine demande.")
