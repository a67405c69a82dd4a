"""Who is responsible here: the map beside a bare STRtree, a decision beside a look at it, and a request after an edit.

The ground is a grid of parcels of 5 to 20 corners, 30 m apart, under one square in a hundred parcels: a square of nine
parcels, with which they overlap. In this process, a lookup starts from a longitude and a latitude, on both sides, and
the bare tree stands on the very geometries of the map. A decision is `router`, over every thème of the demonstration in
turn, its sentence included: the median is held, the disc of a phone being shown beside it.

Then a request is a request: GET /v1/routage on one kept connection to one API process, on a PostgreSQL of its own. The
one after an edit is the first to come after the commit of `import_emprises` with one emprise of 100 000 changed; the
one after an import comes after all of them have. Memory is what that process gained by it, for 100 000.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import median, quantiles
from threading import Thread

import numpy as np
import shapely
from mesure import Figure, elapsed, medians, show
from reception import served
from shapely import Point, STRtree
from sqlalchemy import Engine

from relais import embedded, migrations
from relais.caller import Door, Identity
from relais.cli.processus import API
from relais.commands.territoire import get_territoire, import_configuration, import_emprises
from relais.db import Session, make_engine
from relais.imports.territoire import lire_territoire
from relais.rules.carte import Carte, Emprise, Trace
from relais.rules.configuration import Configuration, Domanialite
from relais.rules.routage import router

TAILLES = (1_000, 100_000, 1_000_000)
GRAND = 100_000
PART, DECISION, APRES_EDITION, AILLEURS, MEMOIRE_MO = 0.6, 3.0, 20.0, 5.0, 250
ROUNDS, LOOKUPS, EDITS, PLAIN = 9, 2_000, 5, 200
PAS = 0.0003, 0.0002
"""30 and 22 m at the latitude of the demonstration's town."""
COIN = 0.40, 48.09
LE = date(2026, 3, 31)
CORNERS = range(5, 21)
DEMO = Path(__file__).parents[1] / "demo" / "territoire.yaml"


def ground(combien: int, acteurs: list[str]) -> list[Emprise]:
    """The same every time."""
    dice = Random(2026)  # noqa: S311 - repeatable, not secret
    kinds = list(Domanialite)
    return [
        Emprise(f"parcelle-{rank}", f"Parcelle {rank}", dice.choice(kinds), dice.choice(acteurs), Trace(geometry))
        for rank, geometry in enumerate(parcels(combien))
    ]


def parcels(combien: int) -> Iterator[shapely.Polygon]:
    """Drawn by number of corners, a call each: one by one, a million would take longer than all the rest."""
    dice = np.random.default_rng(2026)
    rank = np.arange(combien)
    large = np.where(rank % 100 == 0, 3.0, 1.0)
    centre = np.column_stack([rank % side(combien) + 0.5, rank // side(combien) + 0.5])
    corners = dice.integers(CORNERS.start, CORNERS.stop, combien)
    drawn = np.empty(combien, dtype=object)
    for count in CORNERS:
        of = np.flatnonzero(corners == count)
        turn = 2 * np.pi * np.arange(count) / count
        radius = dice.uniform(0.4, 0.5, (len(of), count)) * large[of, None]
        around = radius[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        drawn[of] = shapely.polygons(np.round((centre[of, None] + around) * PAS + COIN, 9))
    yield from drawn


def side(combien: int) -> int:
    return int(combien**0.5) + 1


def places(combien: int, asked: int) -> list[tuple[float, float]]:
    dice = Random(4)  # noqa: S311 - repeatable, not secret
    width, height = (side(combien) * step for step in PAS)
    return [(COIN[0] + dice.random() * width, COIN[1] + dice.random() * height) for _ in range(asked)]


def lookups(combien: int, configuration: Configuration) -> Iterator[Figure]:
    emprises = ground(combien, list(configuration.acteur))
    carte = Carte(emprises, configuration.zones, None)
    geometries = [shapely.from_wkb(shapely.to_wkb(one.geometrie.dessin)) for one in emprises]  # type: ignore[attr-defined]
    shapely.prepare(geometries)
    tree, asked = STRtree(geometries), places(combien, LOOKUPS)

    def bare() -> None:
        for lon, lat in asked:
            tree.query(Point(lon, lat), predicate="intersects")

    def ours() -> None:
        for lon, lat in asked:
            carte.emprises_en(lon, lat, LE)

    cost = medians(ROUNDS, {"nu": lambda: elapsed(bare), "relais": lambda: elapsed(ours)})
    told = ", ".join(f"{name} {seconds / LOOKUPS * 1e6:.1f} µs" for name, seconds in cost.items())
    named = f"{combien:,} polygones".replace(",", " ")
    yield Figure(f"Recherche parmi {named}, débit nu = 1", cost["nu"] / cost["relais"], PART, detail=told)
    if combien == GRAND:
        yield from decisions(configuration, carte, asked, cost["nu"] / LOOKUPS)


def decisions(
    configuration: Configuration, carte: Carte, asked: list[tuple[float, float]], bare: float
) -> Iterator[Figure]:
    for precision in (None, 5, 30):
        seen = []
        for (lon, lat), theme in zip(asked, cycle(configuration.theme), strict=False):
            about = {"theme": theme, "lon": lon, "lat": lat, "precision_m": precision, "le": LE}
            seen.append(elapsed(lambda about=about: router(configuration, carte, **about)))
        named = "position exacte" if precision is None else f"position à {precision} m près, tous terrains différents"
        yield Figure(
            f"Décision entière, {named}, recherche nue = 1",
            median(seen) / bare,
            plafond=None if precision else DECISION,
            detail=f"{median(seen) * 1e6:.0f} µs en médiane, {sum(seen) / len(seen) * 1e6:.0f} en moyenne",
        )


@dataclass
class Town:
    """A territoire behind one API process, by one connection."""

    engine: Engine
    port: int
    code: str
    emprises: list[Emprise]
    seen: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._line = HTTPConnection("127.0.0.1", self.port, timeout=120)

    def adopt(self, configuration: Configuration) -> None:
        with self._mairie() as session, session.begin():
            import_configuration(
                session, replace(configuration, code=self.code, contour=None), auteur="mesure", now=datetime.now(UTC)
            )
        self.settle(self.emprises)

    def settle(self, emprises: list[Emprise]) -> float:
        """Import the map; seconds."""
        self.emprises = emprises
        with self._mairie() as session, session.begin():
            territoire = get_territoire(session, self.code)
            if territoire is None:
                raise LookupError(self.code)
            return elapsed(
                lambda: import_emprises(session, territoire, emprises, auteur="mesure", now=datetime.now(UTC))
            )

    def _mairie(self) -> Session:
        return Session(self.engine, door=Door.OWNER, identity=Identity())

    def ask(self, rank: int = 0) -> float:
        """Seconds of one request at a place of the map."""
        lon, lat = places(len(self.emprises), rank + 1)[rank]
        path = f"/v1/routage?territoire={self.code}&theme=voirie.trottoir&lon={lon}&lat={lat}&date={LE}"
        return elapsed(lambda: self._get(path))

    def _get(self, path: str) -> None:
        self._line.request("GET", path)
        answer = self._line.getresponse()
        told = answer.read()
        if answer.status != 200:  # noqa: PLR2004 - answered
            raise SystemExit(f"{path} : {answer.status} {told.decode()}")

    def connect(self) -> None:
        """Anew: the server hangs up on whoever has said nothing for 5 s, the time of an import."""
        self._line.close()
        self._get("/healthz")

    def plain(self) -> list[float]:
        return [self.ask(rank % 20) for rank in range(PLAIN)]


@contextmanager
def towns(folder: Path, configuration: Configuration) -> Iterator[tuple[Town, Town, Callable[[], float]]]:
    """A large one, a small one, and the memory of the process that serves both, in megabytes."""
    with ExitStack() as stack:
        server = stack.enter_context(embedded.own(folder / "relais"))
        engine = make_engine(server.url())
        stack.callback(engine.dispose)
        migrations.upgrade(engine)
        env = {"RELAIS_DATABASE_URL": server.url(), "RELAIS_DATA_DIR": str(folder / "relais")}
        api = stack.enter_context(served(API, {}, **env))
        acteurs = list(configuration.acteur)
        grande = Town(engine, api.port, "GRANDE", ground(GRAND, acteurs))
        petite = Town(engine, api.port, "PETITE", ground(TAILLES[0], acteurs))
        for town in (petite, grande):
            town.adopt(configuration)
        yield grande, petite, lambda: resident_mo(api.pid)


def resident_mo(pid: int) -> float:
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)], text=True)) / 1024  # noqa: S607 - the system's


def requests(configuration: Configuration, folder: Path) -> Iterator[Figure]:
    with towns(folder, configuration) as (grande, petite, memory):
        petite.connect()
        petite.plain()
        grande.connect()
        before = memory()
        first = grande.ask()
        held = memory() - before
        yield Figure("Mémoire de 100 000 emprises, en Mo", held, plafond=MEMOIRE_MO, detail=f"{len(grande.emprises)}")
        yield edited(grande)
        yield elsewhere(grande, petite, first)


def edited(town: Town) -> Figure:
    plain, after = [], []
    for rank in range(EDITS):
        town.connect()
        plain += town.plain()
        named = replace(town.emprises[rank], nom="Rebaptisée")
        town.settle([*town.emprises[:rank], named, *town.emprises[rank + 1 :]])
        town.connect()
        after.append(town.ask())
    told = f"{median(plain) * 1e3:.1f} → {median(after) * 1e3:.1f} ms"
    return Figure(
        "Demande qui suit l'édition d'une emprise sur 100 000",
        median(after) / median(plain),
        plafond=APRES_EDITION,
        detail=told,
    )


def elsewhere(grande: Town, petite: Town, first: float) -> Figure:
    """What the small town's requests pay while the large one's first request reads its new map."""
    petite.connect()
    quiet = petite.plain()
    grande.settle([replace(one, nom=f"{one.nom} bis") for one in grande.emprises])
    for town in (grande, petite):
        town.connect()
    reading = Thread(target=grande.ask)
    reading.start()
    meanwhile = []
    while reading.is_alive():
        meanwhile.append(petite.ask(len(meanwhile) % 20))
    reading.join()
    calm, busy = (quantiles(seen, n=20)[-1] for seen in (quiet, meanwhile))
    told = f"p95 {calm * 1e3:.1f} → {busy * 1e3:.1f} ms, au pire {max(meanwhile) * 1e3:.0f} ; elle-même {first:.1f} s"
    return Figure("Demande d'une autre ville pendant que la carte se lit", busy / calm, plafond=AILLEURS, detail=told)


def main() -> int:
    configuration = lire_territoire(DEMO).configuration
    held = show("Carte", [figure for combien in TAILLES for figure in lookups(combien, configuration)])
    folder = Path(tempfile.mkdtemp(prefix="relais-mesure-"))
    folder.chmod(0o755)  # as root PostgreSQL is nobody's
    try:
        held &= show("Demandes", list(requests(configuration, folder)))
    finally:
        shutil.rmtree(folder)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
