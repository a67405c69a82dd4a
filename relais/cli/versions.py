"""`relais versions`: who adopted what and when, what it changed, and the way back."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from relais.cli.affichage import etape, fait, montrer_difference, sortie, tableau
from relais.cli.auteur import Auteur, qui
from relais.cli.base import (
    Arret,
    CodeTerritoire,
    DataDir,
    Essai,
    chosen_settings,
    connected,
    the_territoire,
    transaction,
)
from relais.commands.territoire import Difference, revenir
from relais.courriels.dates import Dates
from relais.db import Session
from relais.queries.version import configuration, version, versions
from relais.tables.territoire import Territoire

REVENIR = "revenir"

AIDE = """
Liste les versions du territoire, montre ce que l'une a changé, ou revient à l'une d'elles.

Revenir adopte une nouvelle version, égale à l'ancienne pour la configuration et pour la carte : rien n'est effacé, et \
les signalements gardent la version sous laquelle ils sont nés. C'est refusé tant qu'un signalement ouvert, \
ou traité et qu'on peut encore rouvrir, dépend d'un acteur ou d'un thème que l'ancienne ne connaît pas.

[bold]Exemples[/]
  relais versions                       la liste, la plus récente d'abord
  relais versions 7                     ce que la version 7 a changé
  relais versions revenir 6 --essai     ce qui changerait
  relais versions revenir 6
"""


def lister(
    quoi: Annotated[
        str | None,
        typer.Argument(metavar="[NUMÉRO | revenir]", show_default=False, help="Une version, ou « revenir »."),
    ] = None,
    numero: Annotated[
        int | None, typer.Argument(metavar="NUMÉRO", min=1, show_default=False, help="Après « revenir » : laquelle.")
    ] = None,
    auteur: Auteur = None,
    territoire: CodeTerritoire = None,
    essai: Essai = False,  # noqa: FBT002 - an option of the command line
    data_dir: DataDir = None,
) -> None:
    with connected(chosen_settings(data_dir)) as engine, transaction(engine, territoire, essai=essai) as session:
        here = the_territoire(session)
        if quoi is None:
            _liste(session, here)
        elif quoi.isdecimal() and numero is None:
            _une(session, here, int(quoi))
        elif quoi == REVENIR and numero is not None:
            with etape(f"Retour à la version {numero}"):
                difference = revenir(session, here, numero, auteur=qui(auteur), now=session.now)
            _conclure(difference, here.nom, numero, essai=essai)
        else:
            raise typer.BadParameter("« relais versions », « relais versions 7 » ou « relais versions revenir 6 »")


def _liste(session: Session, territoire: Territoire) -> None:
    dates = Dates(configuration(session, territoire).calendrier)
    table = tableau(territoire.nom, "", "Version", "Quand", "Auteur", "Ce qu'elle a changé")
    for one in versions(session, territoire.id):
        current = "→" if one.numero == territoire.version else ""
        table.add_row(
            current, str(one.numero), dates.instant_complet(one.cree_le), escape(one.auteur), escape(one.resume)
        )
    sortie.print(table)


def _une(session: Session, territoire: Territoire, numero: int) -> None:
    found = version(session, territoire.id, numero) if numero <= territoire.version else None
    if found is None:
        raise Arret(f"Il n'y a pas de version {numero}. Elles vont de 1 à {territoire.version} : relais versions.")
    quand = Dates(configuration(session, territoire).calendrier).instant_complet(found.cree_le)
    montrer_difference(_relire(numero, found.difference or {}), f"Version {numero}, {quand}, par {found.auteur}")
    fait(f"{found.resume}.")


def _relire(numero: int, document: dict[str, Any]) -> Difference:
    """The names it kept; a version written by an earlier program kept none."""
    kinds = ("ajoutes", "retires", "modifies")
    return Difference(numero, **{kind: tuple(document.get(kind, ())) for kind in kinds})


def _conclure(difference: Difference, nom: str, numero: int, *, essai: bool) -> None:
    if difference.vide:
        fait(f"{nom} : la version en vigueur est déjà égale à la version {numero}.")
        return
    montrer_difference(difference, f"{nom}, version {difference.version}")
    if essai:
        fait("Essai : rien n'a été appliqué. Sans --essai, cela devient la version en vigueur.")
    else:
        fait(f"{nom} : la version {difference.version}, égale à la {numero}, est en vigueur dès la prochaine demande.")
