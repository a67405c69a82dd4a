"""The command line: `relais`. One module a noun; here, their names, and how a refusal ends a command."""

from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from typer.core import TyperGroup

from relais import __version__
from relais.cli import comptes, demo, exports, imports, stockage, up, versions
from relais.cli.affichage import montrer_refus, refus, sortie
from relais.cli.base import Arret
from relais.cli.doctor import AIDE as AIDE_DOCTOR
from relais.cli.doctor import doctor
from relais.cli.rejouer import AIDE as AIDE_REJOUER
from relais.cli.rejouer import rejouer_routage
from relais.embedded import PostgresError
from relais.errors import RelaisError
from relais.imports import FichierRefuse
from relais.stockage import StockageRefuse

AIDE = """
Relais : les signalements d'un quartier, chacun avec un responsable, une date promise, et qui remonte quand elle passe.

[bold]Pour commencer[/]
  relais up --demo             une commune fictive, tout en un
  relais COMMANDE --help       ce que fait chacune, un exemple, et la suite
"""


class _Door(TyperGroup):
    """What a command refuses is said in a sentence, and its exit status is 1; the rest is a defect, and crashes."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # Typer's own copy of click has no name
        try:
            return super().invoke(ctx)
        except FichierRefuse as refuse:
            montrer_refus(refuse)
        except (Arret, PostgresError, StockageRefuse) as stopped:
            refus(str(stopped))
        except RelaisError as refused:
            refus(f"{refused.title}. {refused.detail or ''}".strip())
        except OperationalError as failed:
            refus(f"La base ne répond pas : {failed.orig}".strip())
        except ValidationError as wrong:
            variables = ", ".join(f"RELAIS_{'_'.join(map(str, one['loc'])).upper()}" for one in wrong.errors())
            refus(f"Réglage illisible : {variables}. {wrong.errors()[0]['msg']}")
        raise typer.Exit(1)


app = typer.Typer(
    cls=_Door,
    help=AIDE,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # it prints local variables: a token, a key
)


def _version(asked: bool) -> None:  # noqa: FBT001 - Typer's callback
    if asked:
        sortie.print(__version__)
        raise typer.Exit


@app.callback()
def _relais(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="La version.")] = False,  # noqa: FBT002 - an option
) -> None: ...


_TOURNER, _CONFIGURER, _ESSAYER = "Faire tourner", "Configurer", "Essayer"

app.command("up", help=up.AIDE_UP, rich_help_panel=_TOURNER)(up.up)
app.command("api", help=up.AIDE_API, rich_help_panel=_TOURNER)(up.api)
app.command("worker", help=up.AIDE_WORKER, rich_help_panel=_TOURNER)(up.worker)
app.command("migrate", help=up.AIDE_MIGRATE, rich_help_panel=_TOURNER)(up.migrate)
app.command("doctor", help=AIDE_DOCTOR, rich_help_panel=_TOURNER)(doctor)
app.command("import", help=imports.AIDE, rich_help_panel=_CONFIGURER)(imports.importer)
app.command("export", help=exports.AIDE, rich_help_panel=_CONFIGURER)(exports.exporter)
app.command("versions", help=versions.AIDE, rich_help_panel=_CONFIGURER)(versions.lister)
app.command("rejouer-routage", help=AIDE_REJOUER, rich_help_panel=_CONFIGURER)(rejouer_routage)
app.add_typer(comptes.personnes, name="personnes", rich_help_panel=_CONFIGURER)
app.command("jeton", help=comptes.AIDE_JETON, rich_help_panel=_CONFIGURER)(comptes.jeton)
app.command("cle", help=comptes.AIDE_CLE, rich_help_panel=_CONFIGURER)(comptes.cle)
app.add_typer(stockage.stockage, name="stockage", rich_help_panel=_CONFIGURER)
app.add_typer(demo.demo, name="demo", rich_help_panel=_ESSAYER)
