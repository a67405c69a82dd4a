"""The configuration and the map of a version, read once per process.

A version never changes, so what is cached needs no invalidation: a transaction's first statement says which one is
current, and an import committed before it is seen by it. The key is the version's digest, chained over the imports.
"""

import gc
import sys
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

import shapely
from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Text, cast, or_, select

from relais.db import Session
from relais.errors import TerritoireInconnu
from relais.rules.carte import Carte, Emprise, Trace
from relais.rules.configuration import Configuration
from relais.tables.territoire import EmpriseRow, Version

KEPT = 16
"""Versions kept in memory: the current one of a few territoires, and those of their open tickets."""

PIECE = 100
"""Emprises read at a time: 2 ms of work, between two waits for the database in which any other thread goes on."""

GARDES = 50_000
"""Objects made by a reading past which the collector is told to leave them alone: a map of 25 000 emprises."""

_INTERVALLE_S, _INTERVALLE_POLI_S = sys.getswitchinterval(), 0.0005

# The one use of Pydantic in the house beside settings: the JSON of a version, to and from the rules' own dataclasses.
CODEC: TypeAdapter[Configuration] = TypeAdapter(Configuration)


@dataclass(frozen=True)
class Referentiel:
    version: int
    configuration: Configuration
    carte: Carte


_Cle = tuple[int, int, str]
"""Territoire, number, digest."""

_cache: OrderedDict[_Cle, Referentiel] = OrderedDict()
_loading: dict[_Cle, Lock] = {}
_lock = Lock()


def referentiel(session: Session, version: int | None = None) -> Referentiel:
    """That of the version, or the current one. Raises TerritoireInconnu before the first import."""
    numero = session.version if version is None else version
    return referentiels(session, {numero})[numero]


def referentiels(
    session: Session, versions: Collection[int], *, empreintes: Mapping[int, str] | None = None
) -> Mapping[int, Referentiel]:
    """Those of the versions: one statement for all the old ones, and two or three for each not met yet.

    `empreintes`: the digests that this transaction has read already; with them all, the first is spared.
    """
    read = {numero: digest for numero, digest in (empreintes or {}).items() if numero in versions}
    digests = read | _digests(session, set(versions) - read.keys())
    return {numero: _remembered(session, (session.territoire, numero, digest)) for numero, digest in digests.items()}


def _digests(session: Session, versions: set[int]) -> dict[int, str]:
    found = {session.version: session.opening.empreinte} if session.version in versions else {}
    if old := versions - found.keys():
        here = select(Version.numero, Version.empreinte).where(Version.territoire_id == session.territoire)
        found |= dict(session.execute(here.where(Version.numero.in_(old))).all())
    return found


def _remembered(session: Session, key: _Cle) -> Referentiel:
    with _lock:
        if found := _recalled(key):
            return found
        loading = _loading.setdefault(key, Lock())
    # Whoever asks for the same meanwhile waits for it here; whoever asks for anything else does not.
    with loading:
        with _lock:
            if found := _recalled(key):
                return found
        _step_aside()
        try:
            loaded = _load(session, key)
            with _lock:
                _cache[key] = loaded
                while len(_cache) > KEPT:
                    _cache.popitem(last=False)
        finally:
            with _lock:
                _loading.pop(key, None)
                if not _loading:
                    _step_back()
    return loaded


def _step_aside() -> None:
    """Whoever serves another territoire must not feel that a map is being read.

    With 100 000 emprises, Python's collector stopped every thread four times, for 150 ms, to look through what only
    grew; and each of a request's ten waits for the interpreter took 5 ms.
    """
    gc.disable()
    sys.setswitchinterval(_INTERVALLE_POLI_S)


def _step_back() -> None:
    if gc.get_count()[0] > GARDES:
        gc.freeze()  # a map has no cycles: it goes with its last reader, and no later collection walks through it
    gc.enable()
    sys.setswitchinterval(_INTERVALLE_S)


def _recalled(key: _Cle) -> Referentiel | None:
    if key in _cache:
        _cache.move_to_end(key)
    return _cache.get(key)


def _load(session: Session, key: _Cle) -> Referentiel:
    territoire, numero, _ = key
    document = session.scalar(
        select(Version.configuration).where(Version.territoire_id == territoire, Version.numero == numero)
    )
    if document is None:
        raise TerritoireInconnu("Aucune configuration n'est encore importée : relais import territoire.yaml")
    configuration = CODEC.validate_python(document)
    if proche := _nearest(session, key):
        carte = _reached(session, proche, territoire, numero, configuration)
    else:
        carte = Carte(emprises(session, territoire, numero), configuration.zones, configuration.contour)
    return Referentiel(numero, configuration, carte)


def _nearest(session: Session, key: _Cle) -> Referentiel | None:
    """The version in memory that is the fewest versions away. Its digest is verified: a restored backup has others."""
    territoire, numero, _ = key
    with _lock:
        held = {one.version: (digest, one) for (where, _, digest), one in _cache.items() if where == territoire}
    digests = _digests(session, set(held)) if held else {}
    known = [one for version, (digest, one) in held.items() if digests.get(version) == digest]
    return min(known, key=lambda one: abs(one.version - numero), default=None)


def _reached(
    session: Session, proche: Referentiel, territoire: int, numero: int, configuration: Configuration
) -> Carte:
    """The map of that version from the one of another, before it or after it: only what differs is read."""
    first, last = sorted((proche.version, numero))
    ended = (EmpriseRow.depuis <= first) & EmpriseRow.jusqu_a.between(first + 1, last)
    begun = EmpriseRow.depuis.between(first + 1, last) & _within(last)
    gone, come = (ended, begun) if numero == last else (begun, ended)
    codes = select(EmpriseRow.code).where(EmpriseRow.territoire_id == territoire, gone)
    otees = session.scalars(codes, execution_options={"yield_per": PIECE})
    posees = _read(session, EmpriseRow.territoire_id == territoire, come)
    return proche.carte.modifiee(
        otees=frozenset(otees), posees=posees, zones=configuration.zones, contour=configuration.contour
    )


def emprises(session: Session, territoire: int, numero: int) -> list[Emprise]:
    """Every emprise of that version, whatever its days."""
    return list(_read(session, EmpriseRow.territoire_id == territoire, _within(numero)))


def _within(numero: int) -> ColumnElement[bool]:
    return (EmpriseRow.depuis <= numero) & or_(EmpriseRow.jusqu_a.is_(None), EmpriseRow.jusqu_a > numero)


def _read(session: Session, *which: ColumnElement[bool]) -> Iterator[Emprise]:
    """By pieces, through a cursor of the server: what waits for each lets the other threads work."""
    rows = session.execute(
        select(
            EmpriseRow.code,
            EmpriseRow.nom,
            EmpriseRow.domanialite,
            EmpriseRow.gestionnaire,
            EmpriseRow.priorite,
            EmpriseRow.valide_du,
            EmpriseRow.valide_au,
            cast(EmpriseRow.geometrie, Text),
        ).where(*which),
        execution_options={"yield_per": PIECE},
    )
    for piece in rows.partitions():
        # GEOS reads the text of a hundred polygons in the time Python takes to read the JSON of twenty.
        drawn = shapely.from_geojson([geometrie for *_, geometrie in piece])
        for (code, nom, domanialite, gestionnaire, priorite, du, au, _), dessin in zip(piece, drawn, strict=True):
            yield Emprise(code, nom, domanialite, gestionnaire, Trace(dessin), priorite, du, au)
