"""Every photo that was acknowledged, looked for in the store."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from relais.cli.affichage import avancement
from relais.cli.base import transaction
from relais.commands.photo import cles_absentes
from relais.queries.photo import count_gardees, photos_gardees
from relais.stockage import Stockage
from relais.tables.photo import Photo
from relais.tables.territoire import Territoire

LOT = 1_000
ENSEMBLE = 16
"""Files asked about at once: a bucket answers in tens of milliseconds."""


def look(engine: Engine, territoires: list[Territoire], stockage: Stockage) -> tuple[int, list[str]]:
    """How many photos the store must hold, and the keys it does not have."""
    checked, suspects = 0, list[tuple[Territoire, Photo]]()
    with avancement("Photos", _total(engine, territoires)) as avancer, ThreadPoolExecutor(ENSEMBLE) as threads:
        for territoire, lot in _lots(engine, territoires):
            absents = threads.map(lambda photo: cles_absentes(photo, stockage.existe), lot)
            suspects += ((territoire, photo) for photo, cles in zip(lot, absents, strict=True) if cles)
            checked += len(lot)
            avancer(len(lot))
    missing: list[str] = []
    for territoire, photo in suspects:  # read anew: it may have been cleaned while we looked
        with transaction(engine, territoire.code) as session:
            now = session.get(Photo, (photo.territoire_id, photo.signalement_id, photo.id))
            missing += cles_absentes(now, stockage.existe) if now is not None else []
    return checked, missing


def _total(engine: Engine, territoires: list[Territoire]) -> int:
    total = 0
    for one in territoires:
        with transaction(engine, one.code) as session:
            total += count_gardees(session)
    return total


def _lots(engine: Engine, territoires: list[Territoire]) -> Iterator[tuple[Territoire, Sequence[Photo]]]:
    for one in territoires:
        apres = None
        while True:
            with transaction(engine, one.code) as session:
                lot = photos_gardees(session, apres=apres, limite=LOT)
            if not lot:
                break
            yield one, lot
            apres = (lot[-1].signalement_id, lot[-1].id)
