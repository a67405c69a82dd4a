"""`relais doctor`: whether this installation keeps its promises, and what to do where it does not."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from relais.cli import annonce, carte
from relais.cli.affichage import alerte, etape, fait, sortie, tableau
from relais.cli.base import Arret, DataDir, all_territoires, chosen_settings, database, revisions, transaction
from relais.cli.bilan import pending
from relais.cli.inventaire import look
from relais.commands.horloge import is_demonstration
from relais.db import Session, make_engine
from relais.embedded import OLDEST, PostgresError
from relais.queries.personne import by_role
from relais.rules.acces import Role
from relais.rules.controle import Anomalie
from relais.settings import Settings
from relais.stockage import StockageRefuse, open_stockage
from relais.tables.envoi import Envoi, EtatEnvoi
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.territoire import Acteur, Territoire

LATE = timedelta(minutes=1)
"""A worker ticks every second: what has been due for a minute is seen by none."""
STUCK = timedelta(minutes=10)
GO = 1024**3
ROOM_LOW, ROOM_NONE = 5 * GO, GO
"""Free bytes: a photo waits in full, then as two variants; 1 GiB is some hundred of them."""

AIDE = """
Examine l'installation : base, schéma, territoires, courriel, worker, disque, et chaque photo dans le stockage.

De chaque territoire, la carte et les règles aussi : emprises qui se chevauchent, trous, règles qui ne parlent jamais.

✓ va bien ; ⚠ à savoir ; ✗ à réparer, et la commande sort alors avec le code 1 : faites-la surveiller.

[bold]Exemples[/]
  relais doctor --data-dir /srv/relais
  relais doctor --geojson a-regarder.geojson    puis ouvrez ce fichier dans uMap ou QGIS
"""


class Etat(StrEnum):
    BIEN = "[green]✓[/]"
    A_SAVOIR = "[yellow]⚠[/]"
    A_REPARER = "[red]✗[/]"


@dataclass(frozen=True)
class Constat:
    etat: Etat
    quoi: str
    detail: str


def doctor(
    geojson: Annotated[
        Path | None,
        typer.Option(metavar="FICHIER.geojson", show_default=False, help="Où écrire ce qu'il y a à voir sur la carte."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    chosen = chosen_settings(data_dir)
    anomalies: list[Anomalie] = []
    constats = [*_base(chosen, anomalies), *_dossier(chosen)]
    table = tableau(f"Relais, {chosen.data_dir}", "", "Quoi", "Constat")
    for constat in constats:
        table.add_row(constat.etat.value, escape(constat.quoi), escape(constat.detail))
    sortie.print(table)
    if geojson is not None:
        fait(f"{carte.ecrire(geojson, anomalies)} endroits à regarder dans {geojson}")
    if any(constat.etat is Etat.A_REPARER for constat in constats):
        raise typer.Exit(1)


def _base(chosen: Settings, anomalies: list[Anomalie]) -> Iterator[Constat]:
    """What is wrong on the maps is added to `anomalies`."""
    try:
        with database(chosen) as url:
            engine = make_engine(url, pool=2)
            try:
                yield from _examine(engine, chosen, anomalies)
            finally:
                engine.dispose()
    except (Arret, PostgresError, SQLAlchemyError) as error:
        yield Constat(Etat.A_REPARER, "PostgreSQL", f"ne répond pas : {str(error).splitlines()[0]}")


def _examine(engine: Engine, chosen: Settings, anomalies: list[Anomalie]) -> Iterator[Constat]:
    yield _postgresql(engine, chosen)
    ours, theirs = revisions(engine)
    if ours != theirs:
        yield Constat(Etat.A_REPARER, "Schéma", f"{theirs or 'aucun'}, attendu {ours} : relais migrate")
        return
    yield Constat(Etat.BIEN, "Schéma", f"à jour ({ours})")
    with transaction(engine) as session:
        demonstration = is_demonstration(session)
        known = all_territoires(session)
        yield _courriel(chosen, demonstration=demonstration)
        yield _worker(session)
        yield _envois(session)
        yield _photos(session)
    if not known:
        yield Constat(Etat.A_SAVOIR, "Territoires", "aucun encore : relais import territoire.yaml")
    for one in known:
        with transaction(engine, one.code) as session:
            yield _territoire(session, one)
            yield from _carte(session, one, anomalies)
    yield _stockage(engine, known, chosen)


def _postgresql(engine: Engine, chosen: Settings) -> Constat:
    with engine.connect() as connection:
        version = connection.scalar(text("SHOW server_version"))
        major = int((connection.dialect.server_version_info or (0,))[0])
    where = engine.url.render_as_string(hide_password=True) if chosen.database_url else f"embarqué, {chosen.data_dir}"
    if major < OLDEST:
        return Constat(
            Etat.A_REPARER, "PostgreSQL", f"{version}, {where} : il faut la version {OLDEST} ou plus récente"
        )
    return Constat(Etat.BIEN, "PostgreSQL", f"{version}, {where}")


def _territoire(session: Session, territoire: Territoire) -> Constat:
    """Without a pilote, what climbs reaches nobody who can decide."""
    acteurs = session.scalar(select(func.count()).select_from(Acteur).where(Acteur.territoire_id == territoire.id))
    roles = Counter(one.role for one in by_role(session, set(Role)))
    people = ", ".join(f"{role} ({nombre})" for role, nombre in sorted(roles.items())) or "personne"
    detail = f"{territoire.nom}, version {territoire.version}, {acteurs} acteurs ; {people}"
    if not roles[Role.PILOTE]:
        missing = "pas de pilote, ce qui remonte n'atteint personne : relais personnes importer"
        return Constat(Etat.A_REPARER, territoire.code, f"{detail} ; {missing}")
    return Constat(Etat.BIEN, territoire.code, detail)


def _carte(session: Session, territoire: Territoire, anomalies: list[Anomalie]) -> Iterator[Constat]:
    """Nothing there is to be mended at once: the smallest emprise wins, and what lies nowhere waits for the pilote."""
    if not territoire.version:
        return
    with etape(f"Examen de la carte de {territoire.nom}"):
        found = carte.examiner(session, territoire)
    anomalies += found
    for title, detail in carte.resumer(found):
        yield Constat(Etat.A_SAVOIR, f"{territoire.code}, {title}", detail)
    if not found:
        yield Constat(Etat.BIEN, f"{territoire.code}, carte", "ni chevauchement ni trou ; chaque règle peut parler")


def _courriel(chosen: Settings, *, demonstration: bool) -> Constat:
    if chosen.smtp_url is not None:
        return Constat(Etat.BIEN, "Courriel", f"RELAIS_SMTP_URL est donné ; de la part de {chosen.expediteur}")
    if demonstration:
        return Constat(Etat.BIEN, "Courriel", f"démonstration : retenu dans {chosen.courriels}")
    return Constat(Etat.A_SAVOIR, "Courriel", "RELAIS_SMTP_URL manque : les courriels attendent")


def _worker(session: Session) -> Constat:
    late = pending(session, session.now - LATE)
    if late:
        return Constat(Etat.A_REPARER, "Worker", f"{late} tâches attendent depuis plus d'une minute : relais worker")
    return Constat(Etat.BIEN, "Worker", "rien n'attend")


def _envois(session: Session) -> Constat:
    dead = session.scalar(select(func.count()).select_from(Envoi).where(Envoi.etat == EtatEnvoi.MORT))
    if dead:
        return Constat(Etat.A_SAVOIR, "Envois", f"{dead} en échec définitif : GET /v1/envois, puis réexpédier")
    return Constat(Etat.BIEN, "Envois", "aucun en échec")


def _photos(session: Session) -> Constat:
    stuck = session.scalar(
        select(func.count())
        .select_from(Photo)
        .where(Photo.etat == EtatPhoto.RECUE, Photo.recue_le < session.now - STUCK)
    )
    if stuck:
        return Constat(Etat.A_SAVOIR, "Photos", f"{stuck} reçues et jamais nettoyées : voir le journal du worker")
    return Constat(Etat.BIEN, "Photos", "aucune en souffrance")


def _stockage(engine: Engine, territoires: list[Territoire], chosen: Settings) -> Constat:
    """Every photo that was acknowledged must be there. One that is not is named beside, for whoever restores it."""
    try:
        stockage = open_stockage(chosen)
        checked, missing = look(engine, territoires, stockage)
    except (StockageRefuse, OSError) as trouble:
        return Constat(Etat.A_REPARER, "Stockage", str(trouble))
    for cle in missing:
        alerte(f"{cle} manque")
    if missing:
        restore = "rétablissez-les depuis la sauvegarde (noms sur la sortie d'erreur)"
        return Constat(Etat.A_REPARER, "Stockage", f"{len(missing)} fichiers de photos manquent : {restore}")
    return Constat(Etat.BIEN, "Stockage", f"{checked} photos, aucune ne manque")


def _dossier(chosen: Settings) -> Iterator[Constat]:
    running = annonce.read(chosen.data_dir)
    if running is not None:
        yield Constat(Etat.BIEN, "relais up", f"{running.url_publique}, processus {running.pid}")
    if not chosen.data_dir.is_dir():
        return
    free = shutil.disk_usage(chosen.data_dir).free
    etat = Etat.A_REPARER if free < ROOM_NONE else Etat.A_SAVOIR if free < ROOM_LOW else Etat.BIEN
    yield Constat(etat, "Disque", f"{free / GO:.1f} Gio libres dans {chosen.data_dir}".replace(".", ",", 1))
