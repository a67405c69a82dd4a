"""The picture pipeline: against what most code does, against a bare script of its steps, and what a big one holds."""

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import blurhash
from mesure import Figure, elapsed, medians, show
from PIL import ExifTags, Image, ImageOps

from relais.media import preparer
from workers.atelier import Atelier

ROUNDS = 9
DOUZE, CENT_HUIT = (4000, 3000), (12_000, 9000)
UNITE_RSS = 1 if sys.platform == "darwin" else 1024


def draw(size: tuple[int, int], path: Path) -> None:
    """The same photo every time: soft shapes, a sensor's noise, held sideways by somebody somewhere."""
    dice = random.Random(2026)  # noqa: S311 - repeatable, not secret
    shapes = Image.frombytes("RGB", (16, 12), dice.randbytes(16 * 12 * 3)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.frombytes("RGB", (2000, 1500), dice.randbytes(2000 * 1500 * 3)).resize(size, Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 6.0, 20.0), 3: "E", 4: (0.0, 24.0, 44.0)})
    Image.blend(shapes, grain, 0.06).save(path, "JPEG", quality=88, exif=exif)


def naive(path: Path) -> None:
    with Image.open(path) as source:
        upright = ImageOps.exif_transpose(source)
    for side, name in ((1600, "JPEG"), (400, "WEBP")):
        ratio = side / max(upright.size)
        small = upright.resize((round(upright.width * ratio), round(upright.height * ratio)), Image.Resampling.LANCZOS)
        small.save(BytesIO(), name, quality=80)


def bare(path: Path) -> None:
    """What `preparer` does to this photo, and nothing that it does for others."""
    with Image.open(BytesIO(path.read_bytes()), formats=["JPEG"]) as source:
        source.draft(None, (1600, 1200))
        source.load()
        image = source.resize((1600, 1200), Image.Resampling.LANCZOS, reducing_gap=3.0)
        source.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    image = image.transpose(Image.Transpose.ROTATE_270)
    vignette = image.resize((300, 400), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image.save(BytesIO(), "JPEG", quality=80)
    vignette.save(BytesIO(), "WEBP", quality=80)
    tiny = vignette.resize((15, 20), Image.Resampling.BOX)
    flat = tiny.tobytes()
    blurhash.encode([[flat[at : at + 3] for at in range(line, line + 45, 3)] for line in range(0, len(flat), 45)], 3, 4)


def cpu(act: Callable[[Path], object], path: Path) -> float:
    """CPU seconds: the neighbours of a shared machine are not counted.

    The second time in a row: whoever came after the naive one paid 14 ms for the memory that it had given back.
    """
    act(path)
    start = time.process_time()
    act(path)
    return time.process_time() - start


def speed(path: Path) -> list[Figure]:
    candidates: dict[str, Callable[[Path], object]] = {"relais": preparer, "naive": naive, "bare": bare}
    costs = medians(ROUNDS, {name: lambda act=act: cpu(act, path) for name, act in candidates.items()})
    told = f"{1 / costs['relais']:.1f} photos/s/cœur, naïf {1 / costs['naive']:.1f}, script nu {1 / costs['bare']:.1f}"
    return [
        Figure("12 MP : vitesse par cœur, naïf = 1", costs["naive"] / costs["relais"], plancher=3, detail=told),
        Figure("12 MP : coût, script nu = 1", costs["relais"] / costs["bare"], plafond=1.15),
    ]


def pool(path: Path) -> Figure:
    with closing(Atelier()) as atelier:
        atelier.faire(preparer, path)
        costs = medians(
            ROUNDS,
            {
                "pool": lambda: elapsed(lambda: atelier.faire(preparer, path)),
                "here": lambda: elapsed(lambda: preparer(path)),
            },
        )
    told = f"{1000 * (costs['pool'] - costs['here']):+.0f} ms par photo, pour information"
    return Figure("12 MP : durée dans l’atelier, sur place = 1", costs["pool"] / costs["here"], detail=told)


def memory(path: Path) -> Figure:
    """In a process of its own: what was held before is not what this photo costs."""
    told = subprocess.run([sys.executable, __file__, "memoire", path], check=True, capture_output=True, text=True)
    return Figure("108 MP : mémoire de plus, Mo", float(told.stdout), plafond=100)


def held() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNITE_RSS / 1e6


def main() -> int:
    with TemporaryDirectory() as folder:
        douze, cent_huit = Path(folder, "12.jpg"), Path(folder, "108.jpg")
        # Drawn elsewhere: a child starts from the peak of its parent, and 108 MP of drawing would hide the measure.
        subprocess.run([sys.executable, __file__, "dessiner", douze, cent_huit], check=True)
        figures = [memory(cent_huit), *speed(douze), pool(douze)]
    return 0 if show("Photos", figures) else 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["dessiner", douze, cent_huit]:
            draw(DOUZE, Path(douze))
            draw(CENT_HUIT, Path(cent_huit))
        case ["memoire", path]:
            base = held()
            preparer(Path(path))
            print(held() - base)
        case _:
            sys.exit(main())
