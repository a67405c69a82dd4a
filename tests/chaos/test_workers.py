"""Two workers, `kill -9` at ten random moments: no palier lost, none twice, every envoi at least once under one id."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from secrets import randbelow
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from chaos.harness import NotDrained, Town, copy_database, jump, open_town
from chaos.promises import Palier, at_any_stop, at_rest, paliers
from commands.factories import bring
from conftest import DEMO, MARDI, ROOT, Ville

from relais import embedded
from relais.commands.signalement import submit_signalement
from relais.commands.webhook import create_webhook
from relais.db import make_engine
from relais.keys import load_keys
from relais.rules.depot import Depot, PhotoDeclaree
from relais.settings import Settings
from relais.stockage import Local
from workers.means import means_from
from workers.ticks import escalate

pytestmark = pytest.mark.slow

VAUCELLES = ZoneInfo("Europe/Paris")
TICKETS = 60

THEMES = (
    "proprete.depot_sauvage",  # asks for a photo
    "eau.fuite",
    "stationnement.genant",
    "eclairage.fils_nus",  # a danger: the direction générale is told at once
    "voirie.trottoir",
    "espaces_verts.friche",
)
PLACES = ((0.41224, 48.10598), (0.41312, 48.105424), (0.41962, 48.1030235))  # a bailleur's, the town's, nobody's

JUMPS = tuple(
    datetime.fromisoformat(f"2026-{text}").replace(tzinfo=VAUCELLES)
    for text in (
        "03-31 20:00",
        "04-01 15:30",
        "04-02 19:00",
        "04-07 18:00",
        "04-10 18:00",
        "04-15 18:00",
        "04-21 09:30",
        "05-04 18:00",
        "05-22 18:00",
        "06-30 10:00",
    )
)
"""One a kill. From the first relance to the direction générale: at the last, every ladder was climbed to its top."""

HEARD = ("signalement.affecte", "photo.ajoutee", "escalade.declenchee", "instance.transmise")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Story:
    """Tickets received and nothing done yet, to copy for each run; the paliers that one undisturbed worker reaches."""

    server: embedded.Server
    database: str
    data: Path
    secret: str
    expected: frozenset[Palier]


@pytest.fixture(scope="module")
def story(cluster: embedded.Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Story:
    data = tmp_path_factory.mktemp("depart")
    engine = make_engine(copy_database(cluster, template, "depart"))
    town = Ville(engine)
    town.at(MARDI)
    secret = _listen(town, data)
    for rank in range(TICKETS):
        _deposit(town, Local(data / "fichiers"), rank)
    engine.dispose()
    return Story(cluster, "depart", data, secret, _undisturbed(copy_database(cluster, "depart", "temoin"), data))


def _listen(town: Ville, data: Path) -> str:
    box = load_keys(Settings(data_dir=data)).box
    with town.as_("admin") as session, session.begin():
        return create_webhook(
            session,
            caller=session.caller,
            box=box,
            url="http://127.0.0.1:9/relais",
            types=HEARD,
            acteur=None,
            now=session.now,
        )[1]


def _deposit(town: Ville, stockage: Local, rank: int) -> None:
    """A ticket received in the afternoon of the first day, its photo with it."""
    theme, (lon, lat) = THEMES[rank % len(THEMES)], PLACES[rank // len(THEMES) % len(PLACES)]
    received = MARDI - timedelta(minutes=4 * (TICKETS - rank))
    photo = (DEMO / "photos" / "matelas.jpg").read_bytes() if theme == THEMES[0] else None
    declared: tuple[PhotoDeclaree, ...] = ()
    if photo is not None:
        declared = (PhotoDeclaree(uuid4(), "avant", "image/jpeg", len(photo), sha256(photo).hexdigest()),)
    depot = Depot(theme, received, lon=lon, lat=lat, precision_m=1.0, photos=declared)
    with town.as_("relais") as session, session.begin():
        caller = session.caller
        ticket, _ = submit_signalement(session, caller=caller, id=uuid4(), depot=depot, now=received)
        for one in declared:
            assert photo is not None
            bring(session, ticket.id, one, store=stockage, octets=photo)


def _undisturbed(url: str, data: Path) -> frozenset[Palier]:
    """The same tickets on the same clock, with one worker that nobody kills."""
    means = means_from(Settings(database_url=url, data_dir=data))
    for instant in JUMPS:
        jump(means.engine, instant)
        while escalate(means):
            pass
    found = frozenset(paliers(means.engine))
    means.engine.dispose()
    return found


@pytest.fixture
def say(request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> Say:
    """A line on the terminal, also when all is well."""
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    assert reporter is not None

    def line(text: str) -> None:
        with capfd.disabled():
            reporter.write_line(f"\n{text}")

    return line


@pytest.fixture
def rng(say: Say) -> Random:
    seed = int(os.environ.get("RELAIS_CHAOS_SEED") or randbelow(2**32))
    say(f"RELAIS_CHAOS_SEED={seed}")
    return Random(seed)  # noqa: S311 - dice to be thrown again, not a secret


def _open(
    story: Story, folder: Path, name: str, *, rng: Random, tree: Path, faulty: bool = True
) -> AbstractContextManager[Town]:
    shutil.copytree(story.data, folder / "data")
    url = copy_database(story.server, story.database, name)
    return open_town(url, folder / "data", secret=story.secret, rng=rng, tree=tree, faulty=faulty)


def test_workers_killed_at_random_lose_no_palier_and_no_envoi_and_do_none_twice(
    story: Story, tmp_path: Path, rng: Random, say: Say
) -> None:
    assert len(story.expected) > 300, "hundreds of paliers must fall due for the kills to fall among them"
    with _open(story, tmp_path, "chaos", rng=rng, tree=ROOT) as town:
        town.storm(JUMPS)
        try:
            elapsed = town.drain()
        except NotDrained as late:
            pytest.fail(f"not drained: {late}")
        found = at_rest(town, story.expected)
    say(
        f"{town.kills} kills, {town.torn} transactions torn, {found.interrupted} envois interrupted;"
        f" {len(story.expected)} paliers, {found.envois} envois, {found.resent} received again"
        f" ({town.partner.unanswered} answers dropped, {town.partner.refused} times 503);"
        f" at rest {elapsed:.1f} s after the last kill",
    )
    assert found.named == {}
    assert town.kills == 10
    assert found.interrupted > 0, "no kill fell on work under way: this run proves nothing"
    assert town.partner.unanswered > 0
    assert town.partner.refused > 0


# --- and it can fail


def mutant(folder: Path, file: str, before: str, after: str) -> Path:
    """A copy of the code with one place changed, which must be there exactly once."""
    for room in ("relais", "workers", "api", "demo", "alembic"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    text = (folder / file).read_text()
    assert text.count(before) == 1, f"{file} has changed: choose the mutant's place again"
    (folder / file).write_text(text.replace(before, after))
    return folder


def test_an_envoi_marked_sent_before_it_leaves_is_caught(story: Story, tmp_path: Path, rng: Random, say: Say) -> None:
    """The partner never fails here: what is lost is lost by the kills alone. Loss needs no quiescence to be seen."""
    tree = mutant(
        tmp_path / "tree",
        "workers/drain.py",
        "    _settle(means, envoi, _try(means, envoi))\n",
        "    _settle(means, envoi, Sent())\n    _try(means, envoi)\n",
    )
    with _open(story, tmp_path, "mutant", rng=rng, tree=tree, faulty=False) as town:
        town.storm(JUMPS[:6])
        town.stop_workers()
        found = at_any_stop(town)
    lost = found.broken["sent and never received"]
    say(f"{town.kills} kills, {found.envois} envois: {len(lost)} lost, and seen to be")
    assert lost
