"""`relais jeton`, `cle`, `personnes importer`, `suspendre`, `retablir`: who may ask."""

from pathlib import Path
from typing import Annotated

import typer

from relais.cli.affichage import fait
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
from relais.commands.personne import import_personnes, make_cle, restore_personne, suspend_personne
from relais.errors import CompteSuspendu
from relais.imports.personnes import lire_personnes
from relais.keys import load_keys
from relais.queries.personne import by_identifiant
from relais.tokens import LIFE, issue

AIDE_JETON = """
Un jeton d'accès pour un compte, seul sur la dernière ligne : ce que l'application présente à l'API.

[bold]Exemple[/]
  JETON=$(relais jeton pilote@demo.test)
  curl -H "Authorization: Bearer $JETON" http://localhost:8000/v1/signalements

[bold]Ensuite[/]  un jeton vaut dix minutes ; le rôle est relu en base à chaque demande
"""
AIDE_CLE = """
Une clé d'API, pour un programme : le logiciel d'un bailleur, un site partenaire. Montrée cette seule fois.

Avec --acteur, elle agit pour lui sur ce qui lui est confié ; sans, elle ne fait que signaler.

[bold]Exemple[/]
  relais cle "Logiciel d'Habitat Lisse" --acteur habitat-lisse

[bold]Ensuite[/]  Authorization: Bearer rk_… ; la base n'en garde que l'empreinte
"""
AIDE_PERSONNES = """
Ajoute et corrige les comptes d'un fichier CSV (identifiant, nom, role, acteur). N'enlève jamais personne.

[bold]Exemples[/]
  relais personnes importer personnes.csv --essai
  relais personnes importer personnes.csv

[bold]Ensuite[/]  relais doctor : y a-t-il un pilote ?
"""

AIDE_SUSPENDRE = """
Retire tout accès à un compte, tout de suite et sur tous ses appareils. Rien de ce qu'il a écrit n'est touché.

[bold]Exemple[/]
  relais personnes suspendre agent@demo.test

[bold]Ensuite[/]  relais personnes retablir agent@demo.test : il s'identifie de nouveau, partout
"""
AIDE_RETABLIR = """
Rend son accès à un compte suspendu. Ses anciens jetons restent sans valeur : il demande un nouveau code.

[bold]Exemple[/]
  relais personnes retablir agent@demo.test
"""

personnes = typer.Typer(no_args_is_help=True, help="Les comptes : importer un fichier CSV, suspendre, rétablir.")
Identifiant = Annotated[str, typer.Argument(metavar="IDENTIFIANT", help="L'adresse de courriel du compte.")]


def jeton(
    identifiant: Identifiant,
    territoire: CodeTerritoire = None,
    data_dir: DataDir = None,
) -> None:
    chosen = chosen_settings(data_dir)
    with connected(chosen) as engine, transaction(engine, territoire) as session:
        the_territoire(session)
        who = by_identifiant(session, identifiant)
        if not who.actif:
            raise CompteSuspendu(f"« {identifiant} » ne peut pas recevoir de jeton.")
        token = issue(load_keys(chosen), territoire=who.territoire_id, personne=who.id, generation=who.generation)
        fait(f"{who.nom}, {who.role} : valable {LIFE.seconds // 60} minutes.")
    print(token)


def cle(
    libelle: Annotated[str, typer.Argument(metavar="LIBELLE", help="À qui elle est confiée, en clair.")],
    acteur: Annotated[
        str | None, typer.Option(metavar="CODE", show_default=False, help="L'acteur pour qui elle agit.")
    ] = None,
    territoire: CodeTerritoire = None,
    data_dir: DataDir = None,
) -> None:
    with connected(chosen_settings(data_dir)) as engine, transaction(engine, territoire) as session:
        made = make_cle(session, the_territoire(session), libelle=libelle, acteur=acteur, now=session.now)
    fait("Gardez-la maintenant : elle ne sera plus jamais montrée.")
    print(made)


@personnes.command("importer", help=AIDE_PERSONNES, rich_help_panel="Commandes")
def importer(
    fichier: Annotated[Path, typer.Argument(metavar="FICHIER.csv", help="Les comptes, un par ligne.")],
    territoire: CodeTerritoire = None,
    essai: Essai = False,  # noqa: FBT002 - an option of the command line
    data_dir: DataDir = None,
) -> None:
    people = lire_personnes(fichier)
    if not people:
        raise Arret(f"{fichier} ne contient personne.")
    with connected(chosen_settings(data_dir)) as engine, transaction(engine, territoire, essai=essai) as session:
        added, corrected = import_personnes(session, the_territoire(session), people, now=session.now)
    unchanged = len(people) - added - corrected
    fait(f"{added} ajoutés, {corrected} corrigés, {unchanged} inchangés. Personne n'est jamais enlevé.")
    if essai:
        fait("Essai : rien n'a été appliqué.")


@personnes.command("suspendre", help=AIDE_SUSPENDRE, rich_help_panel="Commandes")
def suspendre(identifiant: Identifiant, territoire: CodeTerritoire = None, data_dir: DataDir = None) -> None:
    with connected(chosen_settings(data_dir)) as engine, transaction(engine, territoire) as session:
        the_territoire(session)
        who = suspend_personne(session, identifiant=identifiant)
    fait(f"{who.nom}, {who.role} : suspendu, sans accès dès maintenant.")


@personnes.command("retablir", help=AIDE_RETABLIR, rich_help_panel="Commandes")
def retablir(identifiant: Identifiant, territoire: CodeTerritoire = None, data_dir: DataDir = None) -> None:
    with connected(chosen_settings(data_dir)) as engine, transaction(engine, territoire) as session:
        the_territoire(session)
        who = restore_personne(session, identifiant=identifiant)
    fait(f"{who.nom}, {who.role} : rétabli, peut demander un nouveau code.")
