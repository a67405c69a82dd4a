"""`relais up`, `api`, `worker`, `migrate`: what runs, alone or all in one."""

import errno
import http.client
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, NoReturn

import typer
from rich.panel import Panel
from rich.table import Table

from relais import embedded, migrations
from relais.boite import Boite
from relais.cli import annonce, processus
from relais.cli.affichage import etape, fait, sortie
from relais.cli.base import Arret, DataDir, all_territoires, chosen_settings, database, revisions, transaction
from relais.commands.horloge import is_demonstration
from relais.db import make_engine
from relais.demonstration import load_demo
from relais.settings import Settings, settings

Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Le port où l'API répond.")]
Host = Annotated[str, typer.Option("--host", help="L'adresse où l'API écoute ; 0.0.0.0 : toutes.")]

ORPHANS = 2
"""Seconds for what a killed `relais up` left behind to free the port: it has already been told to end."""

AIDE_UP = """
Tout en un : la base, l'API, le worker qui envoie et fait remonter. S'arrête par Ctrl-C ou SIGTERM.

Sans RELAIS_DATABASE_URL, Relais lance son propre PostgreSQL dans le dossier de l'installation. Tué par kill -9, il \
repart au même point : la base est reprise telle quelle.

[bold]Exemples[/]
  relais up --demo                      une commune fictive, ses comptes, ses courriels retenus
  relais up --port 8080 --data-dir /srv/relais

[bold]Ensuite[/]  relais import territoire.yaml, ou avec --demo : relais demo avancer "2 jours ouvrés"
"""
AIDE_API = """
L'API seule, sur une base déjà migrée : une par cœur, sur autant de machines qu'il faut.

[bold]Exemple[/]
  RELAIS_DATABASE_URL=postgresql+psycopg://relais:…@base/relais relais api --host 0.0.0.0

[bold]Ensuite[/]  relais worker, au moins un ; relais doctor
"""
AIDE_WORKER = """
Un worker seul : il envoie courriels et webhooks, nettoie les photos, fait remonter ce qui est en retard.

Lancez-en autant que vous voulez : la base dit qui fait quoi. Tué, ce qu'il tenait est repris par un autre.

[bold]Exemple[/]
  relais worker --data-dir /srv/relais

[bold]Ensuite[/]  relais doctor dit si rien n'attend
"""
AIDE_MIGRATE = """
Met la base au schéma de ce programme. Sans effet quand elle y est ; plusieurs à la fois s'attendent.

[bold]Exemple[/]
  relais migrate

[bold]Ensuite[/]  relais import territoire.yaml
"""


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Charge la commune fictive si rien n'est installé.")] = False,  # noqa: FBT002 - an option
    port: Port = 8000,
    host: Host = "127.0.0.1",
    data_dir: DataDir = None,
    sans_worker: Annotated[bool, typer.Option("--sans-worker", help="L'API seule, avec sa base.")] = False,  # noqa: FBT002 - an option
) -> None:
    chosen = chosen_settings(data_dir)
    if "url_publique" not in settings().model_fields_set:
        chosen = chosen.model_copy(update={"url_publique": f"http://localhost:{port}"})
    _refuse_a_second(chosen)
    _require_port(host, port)
    with processus.Interruption() as interruption, ExitStack() as stack:
        with etape("Démarrage de PostgreSQL"):
            url, postgres = stack.enter_context(_base(chosen))
        with etape("Mise en place du schéma"):
            demonstration = _prepare(url, demo=demo)
        if demonstration and chosen.smtp_url is None:
            boite = stack.enter_context(Boite(chosen.courriels))
            chosen = chosen.model_copy(update={"smtp_url": boite.url})
        stack.enter_context(
            annonce.announced(chosen.data_dir, url_publique=chosen.url_publique, smtp_url=chosen.smtp_url)
        )
        env = processus.environment(chosen, url)
        enfants: list[processus.Enfant] = []
        stack.callback(processus.stop, enfants)
        enfants.append(processus.Enfant("API", processus.api_command(host, port), env))
        if not sans_worker:
            enfants.append(processus.Enfant("worker", ("workers",), env))
        with etape("Démarrage de l'API"):
            ready = processus.until_ready(enfants, lambda: _ready(host, port), interruption)
        if ready:
            sortie.print(_panel(chosen, url, demonstration=demonstration))
            processus.keep(enfants, postgres, interruption)
        fait("Arrêt demandé : ce qui est en cours se termine.")
    fait("Relais est arrêté.")


@contextmanager
def _base(chosen: Settings) -> Iterator[tuple[str, int | None]]:
    """The URL of the database, and the pid of its server when it is ours."""
    if chosen.database_url is not None:
        chosen.data_dir.mkdir(parents=True, exist_ok=True)
        yield chosen.database_url, None
        return
    with embedded.own(chosen.data_dir) as server:
        yield server.url(), server.pid


def _refuse_a_second(chosen: Settings) -> None:
    if (running := annonce.read(chosen.data_dir)) is not None:
        raise Arret(
            f"Relais tourne déjà sur {chosen.data_dir} : {running.url_publique} (processus {running.pid})."
            f" Arrêtez-le d'abord : Ctrl-C dans son terminal, ou kill {running.pid}."
        )


def _require_port(host: str, port: int) -> None:
    """Raises Arret when the API could not listen there."""
    deadline = time.monotonic() + ORPHANS
    while (reason := _closed(host, port)) and time.monotonic() < deadline:
        time.sleep(processus.TICK)
    if reason:
        raise Arret(
            f"Impossible d'écouter sur {host}, port {port} : {reason}. Rien n'a été démarré."
            f" Choisissez un autre port : relais up --port {port + 1}, ou make run PORT={port + 1}."
        )


def _closed(host: str, port: int) -> str:
    """Why nobody can listen there now; empty when one can."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except socket.gaierror:
        return f"« {host} » n'est pas une adresse de cette machine"
    except OSError as error:
        reasons = {errno.EADDRINUSE: "un autre programme l'occupe", errno.EACCES: "il est réservé à root"}
        return reasons.get(error.errno or 0, os.strerror(error.errno or 0))
    return ""


def _prepare(url: str, *, demo: bool) -> bool:
    """Whether this installation is a demonstration, once its schema is in place and its commune made."""
    engine = make_engine(url, pool=2)
    try:
        migrations.upgrade(engine)
        with transaction(engine) as session:
            if demo:
                load_demo(session)
            return is_demonstration(session)
    finally:
        engine.dispose()


def _ready(host: str, port: int) -> bool:
    """Whether /readyz says yes. `http.client`: a proxy of the environment must not stand between."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(reached, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _panel(chosen: Settings, url: str, *, demonstration: bool) -> Panel:
    me = "relais" if shutil.which("relais") else sys.argv[0]
    here = "" if chosen.data_dir == settings().data_dir.resolve() else f" --data-dir {chosen.data_dir}"
    lines = Table.grid(padding=(0, 2))
    lines.add_row("Adresse", f"{chosen.url_publique}/")
    if demonstration:
        lines.add_row("Comptes", "relais@demo.test, agent@demo.test, pilote@demo.test…")
        lines.add_row("Un jeton", f"{me} jeton pilote@demo.test{here}")
        lines.add_row("Le temps", f'{me} demo avancer "2 jours ouvrés"{here}')
        lines.add_row("Courriels", f"{chosen.url_publique}/demo/courriels, fichiers dans {chosen.courriels}")
    else:
        lines.add_row("Territoires", _territoires(url) or f"aucun encore : {me} import territoire.yaml{here}")
        lines.add_row("Santé", f"{me} doctor{here}")
    lines.add_row("Arrêter", "Ctrl-C")
    return Panel(lines, title="Relais est prêt", title_align="left", expand=False)


def _territoires(url: str) -> str:
    engine = make_engine(url, pool=1)
    try:
        with transaction(engine) as session:
            return ", ".join(one.code for one in all_territoires(session))
    finally:
        engine.dispose()


def api(port: Port = 8000, host: Host = "127.0.0.1", data_dir: DataDir = None) -> None:
    _alone(processus.api_command(host, port), annonce.beside(chosen_settings(data_dir)))


def worker(data_dir: DataDir = None) -> None:
    _alone(("workers",), annonce.beside(chosen_settings(data_dir)))


def _alone(command: tuple[str, ...], chosen: Settings) -> NoReturn:
    """With a database of the town's, this process becomes the command: a container's signals go to it, not past it."""
    if chosen.database_url is not None:
        processus.become(command, processus.environment(chosen, chosen.database_url))
    with processus.Interruption() as interruption, database(chosen) as url:
        status = processus.follow(command, processus.environment(chosen, url), interruption)
    raise typer.Exit(status)


def migrate(data_dir: DataDir = None) -> None:
    chosen = chosen_settings(data_dir)
    with database(chosen, create=True) as url:
        engine = make_engine(url, pool=1)
        try:
            _, before = revisions(engine)
            with etape("Mise en place du schéma"):
                migrations.upgrade(engine)
            ours, _ = revisions(engine)
        finally:
            engine.dispose()
    fait(f"Le schéma est en place ({ours})." if before != ours else f"Le schéma était déjà en place ({ours}).")
