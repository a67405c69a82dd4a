"""`relais demo`: the scripted journey; `relais demo avancer`: the demonstration's clock."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as wall
from typing import Annotated

import typer
from sqlalchemy import Engine

from relais.boite import Boite
from relais.cli import annonce, processus
from relais.cli.affichage import etape
from relais.cli.base import Arret, CodeTerritoire, DataDir, chosen_settings, connected, the_territoire, transaction
from relais.cli.bilan import Bilan, pending
from relais.commands.horloge import is_demonstration
from relais.courriels.dates import Dates
from relais.errors import HorlogeFixe
from relais.imports import Illisible
from relais.imports.mots import duree, sans_accents
from relais.queries.referentiel import referentiel
from relais.rules.calendrier import Calendrier
from relais.rules.delais import Unite, echeance, jours_ouvres_apres
from relais.settings import Settings

IN_FLIGHT = 10
"""Seconds given to the worker of a running `relais up` to settle what it took before ours could."""
LOIN = 366
"""Days a clock may move at once: a year of due instants is lived in a minute, ten are a mistake."""

AIDE = """
La démonstration : sans rien de plus, tout le parcours d'un signalement, joué et vérifié.

[bold]Exemples[/]
  relais demo                           le parcours ; code 0 si tout est tenu
  relais demo avancer "2 jours ouvrés"  avance l'horloge
"""
AIDE_AVANCER = """
Avance l'horloge de la démonstration, et vit tout ce qui arrive d'ici là : relances, retards, remontées, courriels.

Compté en jours, on s'arrête à l'heure de fermeture du territoire. Refusé ailleurs que dans une démonstration.

[bold]Exemples[/]
  relais demo avancer "2 jours ouvrés"
  relais demo avancer "3 heures"
  relais demo avancer 2026-04-20

[bold]Ensuite[/]  lire les courriels : http://localhost:8000/demo/courriels
"""

demo = typer.Typer(invoke_without_command=True)


@demo.callback(help=AIDE)
def jouer(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        from relais.demonstration import run  # noqa: PLC0415 - heavy, and of no use to any other command

        raise typer.Exit(run())


@demo.command(help=AIDE_AVANCER, rich_help_panel="Commandes")
def avancer(
    jusqu_a: Annotated[
        str,
        typer.Argument(metavar="DURÉE | DATE", help="« 2 jours ouvrés », « 3 heures », « 30 jours », « 2026-04-20 »."),
    ],
    territoire: CodeTerritoire = None,
    data_dir: DataDir = None,
) -> None:
    chosen = chosen_settings(data_dir)
    with connected(chosen) as engine:
        with transaction(engine, territoire) as session:
            if not is_demonstration(session):
                raise HorlogeFixe("Cette installation n'est pas une démonstration.")
            the_territoire(session)
            calendrier = referentiel(session).configuration.calendrier
            depuis = session.now
        cible = instant_vise(jusqu_a, depuis, calendrier)
        if cible <= depuis:
            raise HorlogeFixe(f"Il est déjà plus tard : {Dates(calendrier).instant_complet(depuis)}.")
        with etape(f"Jusqu'au {Dates(calendrier).instant_complet(cible)}"):
            _live(chosen, engine, cible)
        with transaction(engine, territoire) as session:
            Bilan(session, depuis, Dates(calendrier)).montrer()


def instant_vise(ecrit: str, maintenant: datetime, calendrier: Calendrier) -> datetime:
    """What « 2 jours ouvrés », « 30 jours », « 3 heures », « 2026-04-20 » mean from now on.

    Days end at the closing time of the last one (a closed day: at its midnight). Raises Arret for any other text.
    """
    try:
        if jours := re.fullmatch(r"([0-9]{1,3}) ?j(ours?)?", sans_accents(ecrit)):
            return _fin_du_jour(calendrier.jour(maintenant) + timedelta(days=int(jours[1])), calendrier)
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", ecrit):
            return _proche(_fin_du_jour(date.fromisoformat(ecrit), calendrier), maintenant)
        if re.match(r"[0-9]{4}-", ecrit):
            instant = datetime.fromisoformat(ecrit)
            return _proche(instant if instant.tzinfo else instant.replace(tzinfo=calendrier.zone), maintenant)
        lue = duree(ecrit)
    except (Illisible, ValueError):
        raise Arret(
            f"« {ecrit} » ne se lit pas. Écrivez « 2 jours ouvrés », « 3 heures », « 30 jours » ou « 2026-04-20 »."
        ) from None
    if lue.unite is Unite.JOURS_OUVRES:
        return jours_ouvres_apres(maintenant, lue.valeur, calendrier)
    return echeance(maintenant, lue, calendrier)


def _fin_du_jour(jour: date, calendrier: Calendrier) -> datetime:
    minuit = datetime.combine(jour + timedelta(days=1), wall(), calendrier.zone)
    return calendrier.fermeture(jour) or minuit


def _proche(cible: datetime, maintenant: datetime) -> datetime:
    if cible - maintenant > timedelta(days=LOIN):
        raise Arret(f"C'est à plus d'un an : avancez de {LOIN} jours au plus à la fois.")
    return cible


def _live(chosen: Settings, engine: Engine, cible: datetime) -> None:
    """Have a worker live every due instant up to there. Raises Arret when it fails."""
    url = engine.url.render_as_string(hide_password=False)
    with processus.Interruption() as interruption, _where_mail_goes(chosen) as reached:
        command = ("workers", "--jusqu-a", cible.isoformat())
        status = processus.follow(command, processus.environment(reached, url), interruption)
        if interruption.asked:
            raise Arret("Interrompu : l'horloge est restée où elle en était ; la même commande continue.")
        if status:
            raise Arret(f"Le worker a échoué (code {status}) : la raison est écrite ci-dessus.")
        _settle(engine, cible)


@contextmanager
def _where_mail_goes(chosen: Settings) -> Iterator[Settings]:
    """Beside a `relais up`, where its own mails go; else to the relay given; else to a catcher of our own."""
    reached = annonce.beside(chosen)
    if reached.smtp_url is not None:
        yield reached
    else:
        with Boite(chosen.courriels) as boite:
            yield reached.model_copy(update={"smtp_url": boite.url})


def _settle(engine: Engine, cible: datetime) -> None:
    deadline = time.monotonic() + IN_FLIGHT
    while time.monotonic() < deadline:
        with transaction(engine) as session:
            if not pending(session, cible):
                return
        time.sleep(processus.TICK)
