"""What relais saw on their rounds: entries of a queue, and small photos that are told apart by what they show."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from conftest import MARDI
from PIL import Image
from reseau.telephone import Fiche, uuid7

THEMES = (
    "proprete.encombrants",
    "graffiti.ordinaire",
    "voirie.trottoir",
    "proprete.corbeille",
    "espaces_verts.friche",
)
PLACES = ((0.41224, 48.10598), (0.41312, 48.105424), (0.41962, 48.1030235))  # a bailleur's, the town's, nobody's
SIZES = ((320, 240), (480, 360), (480, 640), (640, 480))
ORIENTATION, HELD_SIDEWAYS = 0x0112, 6


def queue(folder: Path, lot: str, count: int, seed: int) -> list[Fiche]:
    """As many fiches with one or two photos each; the description names each one, and it alone."""
    rng = _dice(lot, seed)
    return [_fiche(folder, f"{lot} {rank}", rank, rng) for rank in range(count)]


def unsendable(lot: str, count: int, seed: int) -> list[Fiche]:
    """What no network can make acceptable: written with the thèmes of another year."""
    rng = _dice(f"{lot} refusé", seed)
    return [
        Fiche(uuid7(MARDI, rng), _corps(f"{lot} refusé {rank}", rank, MARDI) | {"theme": "proprete.ancien"})
        for rank in range(count)
    ]


def _dice(lot: str, seed: int) -> Random:
    return Random(f"{seed} {lot}")  # noqa: S311 - dice to be thrown again, not a secret


def _fiche(folder: Path, name: str, rank: int, rng: Random) -> Fiche:
    seen = MARDI - timedelta(minutes=rank)
    octets = dict(_photos(folder, seen, rng))
    declared = [_declared(id, file.read_bytes()) for id, file in octets.items()]
    return Fiche(uuid7(seen, rng), _corps(name, rank, seen) | {"photos": declared}, octets)


def _corps(name: str, rank: int, seen: datetime) -> dict[str, Any]:
    lon, lat = PLACES[rank % len(PLACES)]
    return {
        "theme": THEMES[rank % len(THEMES)],
        "description": name,
        "constate_le": seen.isoformat(),
        "position": {"lon": lon, "lat": lat, "precision_m": 5, "origine": "gps"},
        "source": "application",
    }


def _declared(id: str, content: bytes) -> dict[str, Any]:
    digest = sha256(content).hexdigest()
    return {"id": id, "phase": "avant", "type": "image/jpeg", "octets": len(content), "sha256": digest}


def _photos(folder: Path, seen: datetime, rng: Random) -> Iterator[tuple[str, Path]]:
    for _ in range(rng.choice((1, 1, 2))):
        file = folder / f"{rng.getrandbits(64):016x}.jpg"
        _paint(file, rng)
        yield str(uuid7(seen, rng)), file


def _paint(file: Path, rng: Random) -> None:
    """Spots of colour in grain: 7 to 50 kB, a quarter of them held sideways, no two alike."""
    size = rng.choice(SIZES)
    spots = Image.frombytes("RGB", (12, 9), rng.randbytes(12 * 9 * 3)).resize(size, Image.Resampling.BICUBIC)
    half = (size[0] // 4, size[1] // 4)
    grain = Image.frombytes("L", half, rng.randbytes(half[0] * half[1])).resize(size).convert("RGB")
    exif = Image.Exif()
    exif[ORIENTATION] = rng.choice((1, 1, 1, HELD_SIDEWAYS))
    Image.blend(spots, grain, 0.1).save(file, "JPEG", quality=rng.randint(70, 88), exif=exif)
