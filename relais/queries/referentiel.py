"""The configuration and the map of a version, read once per process.

A version never changes, so what is cached needs no invalidation: a transaction's first statement says which one is
current, and an import committed before it is seen by it. The key is the version's digest, chained over the imports.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import Lock

from pydantic import TypeAdapter
from sqlalchemy import or_, select

from relais.db import Session
from relais.errors import TerritoireInconnu
from relais.rules.carte import Carte, Emprise
from relais.rules.configuration import Configuration
from relais.tables.territoire import EmpriseRow, Version

KEPT = 16
"""Versions kept in memory: the current one of a few territoires, and those of their open tickets."""

# The one use of Pydantic in the house beside settings: the JSON of a version, to and from the rules' own dataclasses.
CODEC: TypeAdapter[Configuration] = TypeAdapter(Configuration)


@dataclass(frozen=True)
class Referentiel:
    version: int
    configuration: Configuration
    carte: Carte


_cache: OrderedDict[tuple[int, int, str], Referentiel] = OrderedDict()
_lock = Lock()


def referentiel(session: Session, version: int | None = None) -> Referentiel:
    """That of the version, or the current one. Raises TerritoireInconnu before the first import."""
    numero = session.version if version is None else version
    return referentiels(session, {numero})[numero]


def referentiels(session: Session, versions: Collection[int]) -> Mapping[int, Referentiel]:
    """Those of the versions: one statement for all the old ones, and two for each not met yet."""
    return {
        numero: _remembered(session, (session.territoire, numero, digest))
        for numero, digest in _digests(session, set(versions)).items()
    }


def _digests(session: Session, versions: set[int]) -> dict[int, str]:
    found = {session.version: session.opening.empreinte} if session.version in versions else {}
    if old := versions - found.keys():
        here = select(Version.numero, Version.empreinte).where(Version.territoire_id == session.territoire)
        found |= dict(session.execute(here.where(Version.numero.in_(old))).all())
    return found


def _remembered(session: Session, key: tuple[int, int, str]) -> Referentiel:
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    _, numero, _ = key
    loaded = _load(session, numero)
    with _lock:
        _cache[key] = loaded
        while len(_cache) > KEPT:
            _cache.popitem(last=False)
    return loaded


def _load(session: Session, numero: int) -> Referentiel:
    document = session.scalar(
        select(Version.configuration).where(Version.territoire_id == session.territoire, Version.numero == numero)
    )
    if document is None:
        raise TerritoireInconnu("Aucune configuration n'est encore importée : relais import territoire.yaml")
    configuration = CODEC.validate_python(document)
    carte = Carte(emprises(session, session.territoire, numero), configuration.zones, configuration.contour)
    return Referentiel(numero, configuration, carte)


def emprises(session: Session, territoire: int, numero: int) -> list[Emprise]:
    """Every emprise of that version, whatever its days."""
    rows = session.scalars(
        select(EmpriseRow)
        .where(
            EmpriseRow.territoire_id == territoire,
            EmpriseRow.depuis <= numero,
            or_(EmpriseRow.jusqu_a.is_(None), EmpriseRow.jusqu_a > numero),
        )
        .order_by(EmpriseRow.code)
    )
    return [
        Emprise(
            code=row.code,
            nom=row.nom,
            domanialite=row.domanialite,
            gestionnaire=row.gestionnaire,
            geometrie=row.geometrie,
            priorite=row.priorite,
            valide_du=row.valide_du,
            valide_au=row.valide_au,
        )
        for row in rows
    ]
