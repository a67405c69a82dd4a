"""Two workers, `kill -9` at ten random moments: no palier lost, none twice, every envoi at least once under one id."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from secrets import randbelow
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from chaos.harness import NotDrained, Town, copy_database, jump, open_town, owner
from conftest import DEMO, MARDI, ROOT, Ville
from sqlalchemy import Engine, select

from relais import embedded
from relais.boite import lire
from relais.commands.photo import cle_de_variante, cle_originale, expect_photo, receive_photo
from relais.commands.signalement import submit_signalement
from relais.commands.webhook import create_webhook
from relais.db import make_engine
from relais.keys import load_keys
from relais.rules.depot import Depot, PhotoDeclaree
from relais.settings import Settings
from relais.stockage import Local
from relais.tables.echeance import Escalade
from relais.tables.envoi import Envoi, EtatEnvoi
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Photo
from workers.drain import AT_ONCE
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

Palier = tuple[UUID, str, int, str]


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
            expected, _ = expect_photo(
                session, caller=caller, id=ticket.id, photo_id=one.id, sha256=one.sha256, octets=one.octets
            )
            stockage.ecrire(cle_originale(expected), photo)
            receive_photo(session, caller=caller, photo=expected, now=received)


def _undisturbed(url: str, data: Path) -> frozenset[Palier]:
    """The same tickets on the same clock, with one worker that nobody kills."""
    means = means_from(Settings(database_url=url, data_dir=data))
    for instant in JUMPS:
        jump(means.engine, instant)
        while escalate(means):
            pass
    found = frozenset(_paliers(means.engine))
    means.engine.dispose()
    return found


def _paliers(engine: Engine) -> list[Palier]:
    with owner(engine) as session, session.begin():
        rows = session.scalars(select(Escalade)).all()
    return [(row.signalement_id, row.delai.value, row.tour, row.palier) for row in rows]


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    seed = int(os.environ.get("RELAIS_CHAOS_SEED") or randbelow(2**32))
    _say(request, f"{request.node.name}: RELAIS_CHAOS_SEED={seed}")
    return Random(seed)  # noqa: S311 - a dice to be thrown again, not a secret


def _say(request: pytest.FixtureRequest, line: str) -> None:
    """In the report also when all is well."""
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    assert reporter is not None
    reporter.write_line(line)


def _open(
    story: Story, folder: Path, name: str, *, rng: Random, tree: Path, faulty: bool = True
) -> AbstractContextManager[Town]:
    shutil.copytree(story.data, folder / "data")
    url = copy_database(story.server, story.database, name)
    return open_town(url, folder / "data", secret=story.secret, rng=rng, tree=tree, faulty=faulty)


# --- what is promised


@dataclass
class Findings:
    """What is wrong, by name; empty lists are promises kept."""

    broken: dict[str, Sequence[object]]
    resent: int
    interrupted: int
    envois: int

    @property
    def named(self) -> dict[str, Sequence[object]]:
        return {name: found[:5] for name, found in self.broken.items() if found}


def at_any_stop(town: Town) -> Findings:
    """What holds whenever the workers have stopped, whatever is left to do."""
    with owner(town.engine) as session, session.begin():
        envois = session.scalars(select(Envoi)).all()
        journal = session.scalars(select(Evenement)).all()
    promised = {str(one.id): one for one in envois}
    mails, posts = lire(town.boite.dossier), town.partner.received
    arrived = Counter(_id(mail.message_id) for mail in mails) + Counter(post.id for post in posts)
    declared = Counter(_declared(event) for event in journal if event.type == "escalade.declenchee")
    reached = set(_paliers(town.engine))
    announced = Counter(one for event in journal for one in event.donnees.get("saisines", ()))
    resent = arrived.total() - len(arrived)
    excused = town.kills * AT_ONCE + town.partner.unanswered
    return Findings(
        {
            "sent and never received": [
                (one.canal.value, id)
                for id, one in promised.items()
                if one.etat is EtatEnvoi.ENVOYE and not arrived[id]
            ],
            "received and never promised": [id for id in arrived if id not in promised],
            "mail to another address": [m.fichier for m in mails if m.a != promised[_id(m.message_id)].destinataire],
            "webhook unsigned or altered": [
                post.id for post in posts if not post.signed or post.body != promised[post.id].corps
            ],
            "received more often than taken": [id for id, times in arrived.items() if times > promised[id].claims],
            "sent again for no reason": [(resent, excused)] if resent > excused else [],
            "palier told twice": [key for key, times in declared.items() if times > 1],
            "palier reached and not told": sorted(reached - set(declared)),
            "palier told and not reached": sorted(set(declared) - reached),
            "file announced twice": [one for one, times in announced.items() if times > 1],
        },
        resent=resent,
        interrupted=sum(one.claims - one.attempts for one in envois),
        envois=len(envois),
    )


def at_rest(town: Town, story: Story) -> Findings:
    """What holds besides once nothing is left to do."""
    found = at_any_stop(town)
    with owner(town.engine) as session, session.begin():
        envois = session.scalars(select(Envoi)).all()
        photos = session.scalars(select(Photo)).all()
    reached = set(_paliers(town.engine))
    stockage = Local(town.folder / "fichiers")
    found.broken |= {
        "palier lost": sorted(story.expected - reached),
        "palier never due": sorted(reached - story.expected),
        "envoi not sent": [(one.etat.value, one.erreur) for one in envois if one.etat is not EtatEnvoi.ENVOYE],
        "envoi still held": [one.id for one in envois if one.lease_token or one.lease_until],
        "photo still held": [photo.id for photo in photos if photo.lease_token or photo.lease_until],
        "photo not ready": [photo.id for photo in photos if photo.etat is not EtatPhoto.PRETE],
        "original kept": [photo.id for photo in photos if stockage.existe(cle_originale(photo))],
        "variant missing": [
            (photo.id, name)
            for photo in photos
            for name in ("image", "vignette")
            if not stockage.existe(cle_de_variante(photo, name))
        ],
    }
    assert len(photos) == TICKETS / len(THEMES)
    return found


def _id(message_id: str) -> str:
    """Of `<id@domain>`, the id."""
    return message_id.strip("<>").partition("@")[0]


def _declared(event: Evenement) -> Palier:
    assert event.signalement_id is not None
    return event.signalement_id, event.donnees["delai"], event.donnees["tour"], event.donnees["palier"]


def test_workers_killed_at_random_lose_no_palier_and_no_envoi_and_do_none_twice(
    story: Story, tmp_path: Path, rng: Random, request: pytest.FixtureRequest
) -> None:
    assert len(story.expected) > 300, "hundreds of paliers must fall due for the kills to fall among them"
    with _open(story, tmp_path, "chaos", rng=rng, tree=ROOT) as town:
        town.storm(JUMPS)
        try:
            elapsed = town.drain()
        except NotDrained as late:
            pytest.fail(f"not drained: {late}")
        found = at_rest(town, story)
    _say(
        request,
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


def test_an_envoi_marked_sent_before_it_leaves_is_caught(
    story: Story, tmp_path: Path, rng: Random, request: pytest.FixtureRequest
) -> None:
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
    lost = found.named.get("sent and never received", [])
    _say(
        request, f"{town.kills} kills, {found.envois} envois: {len(found.broken['sent and never received'])} lost, seen"
    )
    assert lost
