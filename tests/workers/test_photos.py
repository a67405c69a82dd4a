"""A photo from the phone's bytes to its prints: what a stranger's picture can do, what it says, what is painted."""

import errno
import os
import random
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from commands.factories import act, bring
from conftest import MARDI, ROOT, Ville
from PIL import Image
from silence import Muet
from sqlalchemy import Executable, null, update

from relais import outbox
from relais.caller import Door
from relais.commands.corrections import retirer
from relais.commands.photo import (
    OFFRE,
    OUBLIEE,
    cle_de_variante,
    forget_position,
    forget_positions,
    lock_ticket,
)
from relais.commands.signalement import submit_signalement
from relais.media import AVEC_HEIC, ENCRE, PhotoRefusee, Variantes, preparer
from relais.outbox import SYSTEM, Fact, announce
from relais.rules.depot import Depot, PhotoDeclaree
from relais.rules.statuts import Statut
from relais.settings import Settings
from relais.stockage import Local, open_stockage
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement
from relais.wire import Wire
from workers.atelier import MEMOIRE, TACHES, Atelier
from workers.drain import prepare
from workers.handlers.photo import PERDUE_APRES, prepare_photo
from workers.means import Means
from workers.menage import forget

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are watched through /proc")

PIN = (0.41237, 48.10562)
NEAR = (0.41240, 48.10570)  # 9 m
AWAY = (0.41237, 48.10652)  # 100 m
ABROAD = (24.9068, 60.1467)
RECTANGLE = {"x": 0.25, "y": 0.25, "largeur": 0.5, "hauteur": 0.5}
PLAFOND_MO = 600
FAST = {"preset": "ultrafast"}  # x265 would take a minute to draw what we read in two seconds


# Pictures.


def encode(image: Image.Image, name: str = "JPEG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def jpeg(place: tuple[float, float] | None = None, colour: str = "tan") -> bytes:
    """As a phone makes it; `place` is where its metadata says it was, in degrees."""
    exif = Image.Exif()
    if place is not None:
        exif.get_ifd(0x8825).update({1: "N", 2: (place[1], 0.0, 0.0), 3: "E", 4: (place[0], 0.0, 0.0)})
    return encode(Image.new("RGB", (640, 480), colour), exif=exif)


def png(size: tuple[int, int], *, depth: int, colour: int, samples: int, also: bytes = b"") -> bytes:
    """Flat, a line at a time: Pillow would hold it whole, and will not write what it would not read."""
    squeeze, line = zlib.compressobj(1), b"\0" + bytes(size[0] * depth * samples // 8)
    data = b"".join(squeeze.compress(line) for _ in range(size[1])) + squeeze.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)), (b"tRNS", also), (b"IDAT", data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [*chunks, (b"IEND", b"")]
        if body or kind != b"tRNS"
    )


# The workshop.


@pytest.fixture
def atelier() -> Iterator[Atelier]:
    with closing(Atelier(temps=2)) as one:
        yield one


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    return path


def children(pid: int) -> list[int]:
    """The processes it started that are not over, at any depth."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        own = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
    return [one for child in own if alive(child) for one in (child, *children(child))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def peak_mb(pid: int) -> int:
    """Megabytes (10⁶) it held at most."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 // 10**6 for line in lines if line.startswith("VmHWM")), 0)


def workshop() -> list[int]:
    """The decoding processes of this test, and nobody else's."""
    return [pid for pid in children(os.getpid()) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize(
    ("tache", "args"),
    [
        (time.sleep, (60,)),
        (sum, (range(10**12),)),
        (bytearray, (2 * MEMOIRE,)),
        (os.abort, ()),
        (os._exit, (0,)),
    ],
    ids=["sleeps", "spins in C", "asks for memory", "crashes", "leaves in silence"],
)
def test_a_photo_that_hurts_its_process_is_refused_and_the_next_one_passes(
    tache: Callable[..., object], args: tuple[object, ...], atelier: Atelier, photo: Path
) -> None:
    with pytest.raises(PhotoRefusee) as caught:
        atelier.faire(tache, *args)
    assert (caught.value.motif, caught.value.detail[-1]) == ("illisible", ".")
    assert atelier.faire(preparer, photo).largeur == 640


def test_a_photo_is_not_blamed_for_the_first_failure(atelier: Atelier, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    atelier.faire(exec, f"import os, pathlib; p = pathlib.Path({str(seen)!r}); p.exists() or (p.touch(), os.abort())")
    assert seen.exists()


def test_what_the_photo_and_the_disk_say_comes_back_as_it_was_said(atelier: Atelier, tmp_path: Path) -> None:
    (tmp_path / "vide.jpg").touch()
    with pytest.raises(PhotoRefusee) as caught:
        atelier.faire(preparer, tmp_path / "vide.jpg")
    assert caught.value.motif == "vide"
    with pytest.raises(FileNotFoundError):
        atelier.faire(preparer, tmp_path / "absente.jpg")
    # The system's own time-out is the disk's, not a task's.
    with pytest.raises(OSError, match="slow"):
        atelier.faire(exec, f"raise OSError({errno.ETIMEDOUT}, 'slow')")


@linux
def test_the_workshop_is_one_lean_process_that_knows_no_database(atelier: Atelier, photo: Path) -> None:
    atelier.faire(preparer, photo)
    [pid] = workshop()
    assert atelier.faire(eval, "sorted({'sqlalchemy', 'fastapi'} & set(__import__('sys').modules))") == []
    assert peak_mb(pid) <= 80
    atelier.close()
    assert workshop() == []


@linux
def test_a_closed_workshop_opens_again_and_a_forgotten_one_leaves_nothing(photo: Path) -> None:
    atelier = Atelier()
    atelier.faire(preparer, photo)
    atelier.close()
    assert atelier.faire(preparer, photo).hauteur == 480
    del atelier
    assert workshop() == []


@linux
@pytest.mark.parametrize("tache", ["time.sleep, 600", "sum, range(10**13)"], ids=["sleeping", "deep in C"])
def test_a_worker_killed_without_notice_leaves_no_process_behind(tache: str) -> None:
    script = f"import time; from workers.atelier import Atelier; print(flush=True); Atelier().faire({tache})"
    worker = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: len(children(worker.pid)) == 2)  # the workshop, and what watches its semaphores
        time.sleep(1)  # to be in the middle of it: nothing tells from outside that a task has begun
        left = children(worker.pid)
    finally:
        worker.kill()
        worker.communicate()
    until(lambda: not any(alive(pid) for pid in left))


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def good_files() -> dict[str, bytes]:
    picture = Image.radial_gradient("L").resize((160, 120)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 6.0, 20.0), 3: "E", 4: (0.0, 24.0, 44.0)})
    files = {
        "jpeg": encode(picture, exif=exif),
        "progressive": encode(picture, exif=exif, progressive=True),
        "mpo": encode(picture, "MPO", save_all=True, append_images=[picture]),
        "png": encode(picture, "PNG", exif=exif),
        "apng": encode(picture, "PNG", save_all=True, append_images=[picture.rotate(90)]),
        "webp": encode(picture, "WEBP", exif=exif),
    }
    return files | ({"heic": encode(picture, "HEIF", exif=exif)} if AVEC_HEIC else {})


def mutated(whole: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(whole)
    for _ in range(dice.randint(1, 8)):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    return bytes(damaged[: dice.choice((len(damaged), len(damaged), dice.randrange(1, len(damaged))))])


@linux
@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_damaged_files_are_printed_or_refused_and_the_workshop_goes_on(count: int, tmp_path: Path) -> None:
    dice = random.Random(count)  # noqa: S311 - repeatable, not secret
    files, peaks, ends = list(good_files().values()), {}, {"printed": 0, "refused": 0}
    path = tmp_path / "photo"
    with closing(Atelier()) as atelier:
        for rank in range(count):
            path.write_bytes(mutated(files[rank % len(files)], dice))
            try:
                ends["printed"] += isinstance(atelier.faire(preparer, path), Variantes)
            except PhotoRefusee:
                ends["refused"] += 1
            peaks |= {pid: max(peaks.get(pid, 0), peak_mb(pid)) for pid in workshop()}
        path.write_bytes(files[0])
        assert atelier.faire(preparer, path).largeur == 120
    assert sum(ends.values()) == count
    assert min(ends.values()) > count // 20
    assert max(peaks.values()) <= PLAFOND_MO
    assert len(peaks) >= count // TACHES


def heaviest() -> dict[str, Callable[[], bytes]]:
    """What costs most among what is accepted, and a little of what is not."""
    noise = Image.effect_noise((816, 612), 40).convert("RGB")
    files = {
        "transparent PNG of 50 MP": lambda: png((8160, 6120), depth=8, colour=6, samples=4),
        "PNG of 50 MP, 16 bits": lambda: png((8160, 6120), depth=16, colour=0, samples=1),
        "PNG of 50 MP, colours of 16 bits": lambda: png((8160, 6120), depth=16, colour=2, samples=3),
        "progressive JPEG of 50 MP": lambda: encode(noise.resize((8160, 6120)), progressive=True, quality=60),
        "CMYK JPEG of 50 MP": lambda: encode(noise.convert("CMYK").resize((8160, 6120)), progressive=True, quality=50),
        "JPEG of 108 MP": lambda: encode(noise.resize((12_000, 9000)), quality=60),
        "WebP of 30 MP": lambda: encode(noise.resize((6300, 4750)), "WEBP", quality=50, method=0),
    }
    return files | (
        {"HEIC of 48 MP": lambda: encode(noise.resize((8064, 6048)), "HEIF", quality=30, enc_params=FAST)}
        if AVEC_HEIC
        else {}
    )


@linux
@pytest.mark.slow
@pytest.mark.parametrize("name", heaviest())
def test_the_heaviest_photos_are_printed_within_the_memory_of_the_workshop(name: str, tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(heaviest()[name]())
    assert path.stat().st_size <= 25 * 1024 * 1024
    with closing(Atelier()) as atelier:
        assert atelier.faire(preparer, path).largeur == 1600
        assert sum(map(peak_mb, children(os.getpid()))) <= PLAFOND_MO


@linux
def test_a_small_file_of_400_megapixels_costs_the_workshop_nothing(atelier: Atelier, tmp_path: Path) -> None:
    bomb = tmp_path / "photo.png"
    bomb.write_bytes(png((20_000, 20_000), depth=1, colour=0, samples=1))
    assert bomb.stat().st_size < 250_000
    with pytest.raises(PhotoRefusee) as caught:
        atelier.faire(preparer, bomb)
    assert caught.value.motif == "trop_grande"
    assert max(map(peak_mb, workshop())) <= 80


# From the bytes to the prints.


@pytest.fixture
def means(ville, keys, settings, tmp_path):
    stockage = open_stockage(Settings(data_dir=tmp_path))
    one = Means(ville.bind, keys, settings, mailbox=None, wire=Wire(), stockage=stockage)
    with closing(one.atelier):
        yield one


def send(ville: Ville, means: Means, *files: bytes, origine: str | None = "carte", phase: str = "avant") -> list[Photo]:
    """A signalement at PIN and the bytes of its photos, as the API keeps them."""
    declared = [PhotoDeclaree(uuid4(), phase, "image/jpeg", len(one), sha256(one).hexdigest()) for one in files]
    first = PhotoDeclaree(uuid4(), "avant", "image/jpeg", 5, "9f" * 32)
    id, photos = uuid4(), []
    with ville.as_("relais") as session, session.begin():
        depot = Depot(
            "proprete.depot_sauvage",
            session.now,
            lon=PIN[0],
            lat=PIN[1],
            origine=origine,
            photos=(*declared, first),
        )
        submit_signalement(session, caller=session.caller, id=id, depot=depot, now=session.now)
    for one, octets in zip(declared, files, strict=True):
        with ville.as_("relais") as session, session.begin():
            photos.append(bring(session, id, one, store=means.stockage, octets=octets))
    return photos


def read(ville: Ville, photo: Photo) -> Photo:
    with ville.worker() as session, session.begin():
        return session.get_one(Photo, (photo.territoire_id, photo.signalement_id, photo.id), populate_existing=True)


def ticket(ville: Ville, photo: Photo) -> Signalement:
    with ville.worker() as session, session.begin():
        return session.get_one(Signalement, (photo.territoire_id, photo.signalement_id), populate_existing=True)


def mask(ville: Ville, photo: Photo, *rectangles: dict[str, float]) -> None:
    """As the pilote's verb leaves it."""
    values = {"etat": EtatPhoto.RECUE, "masques": list(rectangles), "claims": 0, "attempts": 0}
    with ville.session(Door.OWNER) as session, session.begin():
        due = values | {"due_at": session.now, "lease_token": null()}
        session.execute(update(Photo).where(Photo.id == photo.id).values(due))


def owner(ville: Ville, statement: Executable) -> None:
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(statement)


def shown(means: Means, photo: Photo, variante: str) -> Image.Image:
    with means.stockage.emprunter(cle_de_variante(photo, variante)) as path:
        return Image.open(BytesIO(path.read_bytes())).convert("RGB")


def stored(means: Means, photo: Photo) -> set[str]:
    """The ends of its keys."""
    every = [one.cle for kind in ("originaux", "photos") for one in means.stockage.cles(kind)]
    return {cle.rpartition(str(photo.id))[2] for cle in every if str(photo.id) in cle}


def test_a_photo_received_is_printed_in_two_sizes_and_its_ticket_has_changed(ville, means):
    [sent] = send(ville, means, jpeg(colour="teal"))
    before = ticket(ville, sent).revision
    ville.forward(minutes=3)
    prepare(means)
    photo = read(ville, sent)
    assert (photo.etat, photo.tirage, photo.largeur, photo.hauteur) == (EtatPhoto.PRETE, 1, 640, 480)
    assert photo.preparee_le - photo.recue_le >= timedelta(minutes=3)
    assert photo.blurhash
    assert (photo.due_at, photo.lease_token) == (None, None)
    assert stored(means, photo) == {".1-image.jpg", ".1-vignette.webp"}
    assert shown(means, photo, "vignette").size == (400, 300)
    assert ticket(ville, photo).revision == before + 1
    assert ticket(ville, photo).modifie_le == photo.preparee_le


def test_a_photo_that_no_memory_can_hold_is_refused_alone(ville, means):
    """Its pixels, their transparency, and the two together: three times 200 MB."""
    heavy = png((8160, 6120), depth=8, colour=2, samples=3, also=bytes(6))
    bad, good = send(ville, means, heavy, jpeg())
    prepare(means)
    assert (read(ville, bad).etat, read(ville, bad).motif) == (EtatPhoto.REFUSEE, "illisible")
    assert read(ville, good).etat is EtatPhoto.PRETE
    assert stored(means, bad) == set()


# The place it was taken at.


@pytest.mark.parametrize(
    ("place", "origine", "phase", "offered"),
    [
        (NEAR, "carte", "avant", True),
        (NEAR, "adresse", "avant", True),
        (NEAR, None, "avant", True),
        (NEAR, "gps", "avant", False),
        (NEAR, "photo", "avant", False),
        (AWAY, "gps", "avant", True),
        (AWAY, "photo", "avant", True),
        (AWAY, "carte", "apres", False),
        (ABROAD, "carte", "avant", False),
        (None, "carte", "avant", False),
    ],
)
def test_where_a_photo_was_taken_is_offered_where_it_is_of_use(ville, means, place, origine, phase, offered):
    [sent] = send(ville, means, jpeg(place), origine=origine, phase=phase)
    prepare(means)
    photo = read(ville, sent)
    assert photo.etat is EtatPhoto.PRETE
    expected = None if place is None else {"lon": pytest.approx(place[0]), "lat": pytest.approx(place[1])}
    assert photo.position == (expected if offered else None)


def test_one_place_is_offered_a_ticket(ville, means):
    photos = send(ville, means, jpeg(NEAR), jpeg(AWAY), jpeg(NEAR, "red"))
    prepare(means)
    assert [read(ville, one).etat for one in photos] == [EtatPhoto.PRETE] * 3
    assert sum(read(ville, one).position is not None for one in photos) == 1


def test_nothing_is_offered_once_its_author_has_corrected_the_ticket(ville, means):
    [sent] = send(ville, means, jpeg(NEAR))
    with ville.worker() as session, session.begin():
        held = session.get_one(Signalement, (sent.territoire_id, sent.signalement_id))
        announce(session, [Fact("signalement.corrige")], signalement=held, author=SYSTEM, now=session.now)
    prepare(means)
    assert (read(ville, sent).etat, read(ville, sent).position) == (EtatPhoto.PRETE, None)


def test_an_offer_is_forgotten_after_a_day_and_not_before(ville, means):
    [sent] = send(ville, means, jpeg(NEAR))
    prepare(means)
    ville.at(read(ville, sent).preparee_le + OFFRE - timedelta(minutes=1))
    forget(means)
    assert read(ville, sent).position is not None
    ville.forward(minutes=2)
    before = ticket(ville, sent)
    with ville.worker() as session, session.begin():
        now = session.now
        assert [forget_positions(session, now=now) for _ in range(2)] == [1, 0]
    assert read(ville, sent).position == OUBLIEE
    # The copies that others keep forget too.
    after = ticket(ville, sent)
    assert (after.revision, after.modifie_le) == (before.revision + 1, now)
    assert after.changed_seq > before.changed_seq


def test_an_offer_on_a_ticket_that_somebody_writes_waits_for_nobody_and_goes_next_time(ville, means):
    [busy], [free] = send(ville, means, jpeg(NEAR)), send(ville, means, jpeg(NEAR))
    prepare(means)
    ville.forward(hours=25)
    with ville.as_("relais") as writing, writing.begin():
        lock_ticket(writing, busy)
        with ville.worker() as session, session.begin():
            assert forget_positions(session, now=session.now) == 1
    assert (bool(read(ville, busy).position), bool(read(ville, free).position)) == (True, False)
    forget(means)
    assert not read(ville, busy).position


def test_a_second_photo_offers_nothing_once_the_first_offer_is_forgotten(ville, means):
    """Its bytes come two days later, as from a phone without a network."""
    first, second = send(ville, means, jpeg(NEAR), jpeg(AWAY, "red"))
    owner(ville, update(Photo).where(Photo.id == second.id).values(due_at=MARDI + timedelta(hours=26)))
    prepare(means)
    assert read(ville, first).position
    ville.forward(hours=25)
    forget(means)
    ville.forward(hours=2)
    prepare(means)
    assert read(ville, second).etat is EtatPhoto.PRETE
    assert not any(read(ville, one).position for one in (first, second))


def test_painting_over_a_photo_gives_no_more_time_to_its_offer(ville, means):
    [sent] = send(ville, means, jpeg(NEAR))
    prepare(means)
    printed = read(ville, sent).preparee_le
    ville.forward(hours=23)
    mask(ville, sent, RECTANGLE)
    prepare(means)
    assert (read(ville, sent).tirage, read(ville, sent).preparee_le) == (2, printed)
    ville.forward(hours=2)
    forget(means)
    assert not read(ville, sent).position


def test_an_offer_is_forgotten_with_its_ticket_and_no_other(ville, means):
    [one], [other] = send(ville, means, jpeg(NEAR)), send(ville, means, jpeg(NEAR))
    prepare(means)
    with ville.as_("relais") as session, session.begin():
        forget_position(session, session.get_one(Signalement, (one.territoire_id, one.signalement_id)))
    assert read(ville, one).position is None
    assert read(ville, other).position is not None


# Painting over it.


def test_what_is_painted_over_is_in_no_file_and_at_no_address(ville, means):
    [sent] = send(ville, means, jpeg(NEAR, "teal"))
    prepare(means)
    first, before = read(ville, sent), ticket(ville, sent).revision
    mask(ville, sent, RECTANGLE)
    prepare(means)
    photo = read(ville, sent)
    assert (photo.etat, photo.tirage, photo.masques) == (EtatPhoto.PRETE, 2, None)
    assert (photo.largeur, photo.hauteur, photo.position) == (640, 480, first.position)
    assert photo.blurhash != first.blurhash
    assert ticket(ville, photo).revision == before + 1
    assert stored(means, photo) == {".2-image.jpg", ".2-vignette.webp"}
    for variante in ("image", "vignette"):
        image = shown(means, photo, variante)
        middle, corner = image.getpixel((image.width // 2, image.height // 2)), image.getpixel((4, 4))
        assert all(abs(seen - ink) <= 6 for seen, ink in zip(middle, ENCRE, strict=True))
        assert not all(abs(seen - ink) <= 60 for seen, ink in zip(corner, ENCRE, strict=True))


def test_a_second_painting_starts_from_the_first(ville, means):
    [sent] = send(ville, means, jpeg(colour="white"))
    prepare(means)
    for x in (0.1, 0.6):
        mask(ville, sent, {"x": x, "y": 0.1, "largeur": 0.3, "hauteur": 0.8})
        prepare(means)
    photo = read(ville, sent)
    assert photo.tirage == 3
    assert stored(means, photo) == {".3-image.jpg", ".3-vignette.webp"}
    image = shown(means, photo, "image")
    assert max(image.getpixel((160, 240)) + image.getpixel((480, 240))) <= 12


def test_a_print_made_anew_without_a_rectangle_takes_another_address(ville, means):
    [sent] = send(ville, means, jpeg())
    prepare(means)
    mask(ville, sent)
    prepare(means)
    assert stored(means, sent) == {".2-image.jpg", ".2-vignette.webp"}
    assert read(ville, sent).etat is EtatPhoto.PRETE


class WhileItPrints(Local):
    """A disk on which something happens between the decoding of a photo and what follows."""

    def __init__(self, racine: Path, meanwhile: Callable[[], None]) -> None:
        super().__init__(racine)
        self._meanwhile = meanwhile

    @contextmanager
    def emprunter(self, cle: str) -> Iterator[Path]:
        with super().emprunter(cle) as path:
            yield path
        self._meanwhile()


def test_a_worker_that_stops_is_blamed_on_the_photo_it_had_open_and_no_other(ville, means, tmp_path):
    sent, seen = send(ville, means, *[jpeg()] * 3), list[list[int]]()

    def look() -> None:
        seen.append(sorted(read(ville, one).claims for one in sent if read(ville, one).etat is EtatPhoto.RECUE))

    watched = Means(
        means.engine, means.keys, means.settings, None, means.wire, WhileItPrints(tmp_path / "fichiers", look)
    )
    with closing(watched.atelier):
        prepare(watched)
    assert seen == [[0, 0, 1], [0, 1], [1]]


def test_a_worker_that_was_thought_dead_brings_nothing_unpainted_back(ville, means, tmp_path):
    [sent] = send(ville, means, jpeg(colour="white"))

    def others_go_on() -> None:
        owner(ville, update(Photo).where(Photo.id == sent.id).values(lease_until=MARDI - timedelta(days=1)))
        prepare(means)
        mask(ville, sent, RECTANGLE)
        prepare(means)

    slow = Means(
        means.engine, means.keys, means.settings, None, means.wire, WhileItPrints(tmp_path / "fichiers", others_go_on)
    )
    with closing(slow.atelier):
        with slow.session(sent.territoire_id) as session, session.begin():
            [claimed] = outbox.claim(session, Photo, now=session.now, limit=4)
        prepare_photo(slow, claimed)
    photo = read(ville, sent)
    assert (photo.etat, photo.tirage) == (EtatPhoto.PRETE, 2)
    assert stored(means, photo) == {".2-image.jpg", ".2-vignette.webp"}


def test_a_store_that_does_not_answer_the_worker_holds_no_ticket(ville, means, tmp_path):
    [photo] = send(ville, means, jpeg())
    store = Muet(tmp_path / "fichiers")
    with ThreadPoolExecutor(2) as others:
        printed = others.submit(prepare, replace(means, stockage=store))
        assert store.asked.wait(20)
        try:
            withdrawn = others.submit(act, ville, "relais", retirer, photo.signalement_id, motif="Enlevé.")
            withdrawn.result(timeout=10)
        finally:
            store.answers.set()
        printed.result(timeout=20)
    assert read(ville, photo).etat is EtatPhoto.PRETE
    assert ticket(ville, photo).statut is Statut.RETIRE


def test_a_masked_photo_whose_print_is_lost_waits_hidden_for_ever_and_is_painted_when_it_is_back(ville, means):
    """Owed again, it would come bare: of what was painted on it before too."""
    [sent] = send(ville, means, jpeg(colour="white"))
    prepare(means)
    mask(ville, sent, RECTANGLE)
    cle = cle_de_variante(read(ville, sent), "image")
    with means.stockage.emprunter(cle) as path:
        lost = path.read_bytes()
    means.stockage.effacer(cle)
    for _ in range(PERDUE_APRES + 5):
        prepare(means)
        ville.forward(minutes=65)
    photo = read(ville, sent)
    assert (photo.etat, photo.motif, photo.masques) == (EtatPhoto.RECUE, None, [RECTANGLE])
    assert photo.attempts > PERDUE_APRES
    means.stockage.ecrire(cle, lost)
    prepare(means)
    assert (read(ville, sent).etat, read(ville, sent).masques) == (EtatPhoto.PRETE, None)
    assert max(shown(means, read(ville, sent), "image").getpixel((320, 240))) <= 12


def test_a_photo_that_cannot_be_painted_over_waits_hidden_and_is_never_lost(ville, means):
    [sent] = send(ville, means, jpeg())
    prepare(means)
    mask(ville, sent, RECTANGLE)
    cle = cle_de_variante(read(ville, sent), "image")
    with means.stockage.emprunter(cle) as path:
        good = path.read_bytes()
    means.stockage.ecrire(cle, b"\xff\xd8\xff not a picture")
    for _ in range(20):
        prepare(means)
        ville.forward(minutes=65)
    waiting = read(ville, sent)
    assert (waiting.etat, waiting.masques is not None) == (EtatPhoto.RECUE, True)
    means.stockage.ecrire(cle, good)
    prepare(means)
    assert (read(ville, sent).etat, read(ville, sent).masques) == (EtatPhoto.PRETE, None)
