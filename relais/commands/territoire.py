"""Adopting what the files say: a new numbered version, whole or not at all. The same again changes nothing."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from relais.db import Session
from relais.errors import TerritoireInconnu
from relais.queries.referentiel import CODEC, emprises
from relais.rules.carte import Emprise
from relais.rules.configuration import Configuration
from relais.tables.territoire import Acteur, EmpriseRow, Territoire, Version


@dataclass(frozen=True)
class Difference:
    """What an import changes: names of what appears, goes, or is not the same any more."""

    version: int
    ajoutes: tuple[str, ...] = ()
    retires: tuple[str, ...] = ()
    modifies: tuple[str, ...] = ()

    @property
    def vide(self) -> bool:
        return not (self.ajoutes or self.retires or self.modifies)

    def __str__(self) -> str:
        return f"{len(self.ajoutes)} ajoutés, {len(self.retires)} retirés, {len(self.modifies)} modifiés"


def get_territoire(session: Session, code: str, *, lock: bool = False) -> Territoire | None:
    wanted = select(Territoire).where(Territoire.code == code)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    return session.scalar(wanted)


def import_configuration(session: Session, configuration: Configuration, *, auteur: str, now: datetime) -> Difference:
    """Adopt it as the next version of the territoire its code names, made at the first import."""
    territoire = get_territoire(session, configuration.code, lock=True)
    if territoire is None:
        territoire = Territoire(code=configuration.code, nom=configuration.nom, version=0, cree_le=now)
        session.add(territoire)
        session.flush()
    document = CODEC.dump_python(configuration, mode="json")
    before = _document(session, territoire)
    difference = _compare(_named(before), _named(document), territoire.version + 1)
    if before == document:
        return difference
    if difference.vide:  # the same things, listed otherwise: an app shows the thèmes in that order
        difference = replace(difference, modifies=("ordre",))
    session.execute(
        upsert(Acteur).on_conflict_do_nothing(),
        [{"territoire_id": territoire.id, "code": acteur.code} for acteur in configuration.acteurs],
    )
    territoire.nom = configuration.nom
    _adopt(session, territoire, document, str(difference), auteur=auteur, now=now)
    return difference


def import_emprises(
    session: Session, territoire: Territoire, new: Sequence[Emprise], *, auteur: str, now: datetime
) -> Difference:
    """Replace the map by this one in the next version: only what differs is written, older versions keep theirs.

    Raises TerritoireInconnu before the first configuration.
    """
    session.refresh(territoire, with_for_update=True)  # two imports at once make two versions, one after the other
    document = _document(session, territoire)
    if document is None:
        raise TerritoireInconnu("Importez d'abord le territoire : relais import territoire.yaml")
    held = {one.code: one for one in emprises(session, territoire.id, territoire.version)}
    difference = _compare(held, {one.code: one for one in new}, territoire.version + 1)
    if difference.vide:
        return difference
    gone = [*difference.retires, *difference.modifies]
    if gone:
        session.execute(
            update(EmpriseRow)
            .where(EmpriseRow.territoire_id == territoire.id, EmpriseRow.code.in_(gone), EmpriseRow.jusqu_a.is_(None))
            .values(jusqu_a=difference.version)
        )
    come = {*difference.ajoutes, *difference.modifies}
    rows = [_row(territoire.id, difference.version, one) for one in new if one.code in come]
    if rows:
        session.execute(insert(EmpriseRow), rows)
    _adopt(session, territoire, document, f"emprises : {difference}", auteur=auteur, now=now, rows=rows, gone=gone)
    return difference


def _document(session: Session, territoire: Territoire) -> dict[str, Any] | None:
    return session.scalar(
        select(Version.configuration).where(
            Version.territoire_id == territoire.id, Version.numero == territoire.version
        )
    )


def _adopt(
    session: Session,
    territoire: Territoire,
    document: dict[str, Any],
    resume: str,
    *,
    auteur: str,
    now: datetime,
    rows: Iterable[dict[str, Any]] = (),
    gone: Iterable[str] = (),
) -> None:
    """Write the version. Its digest is chained: it stands for the configuration and the whole map."""
    previous = session.scalar(
        select(Version.empreinte).where(Version.territoire_id == territoire.id, Version.numero == territoire.version)
    )
    change = json.dumps([previous, document, list(rows), sorted(gone)], sort_keys=True, default=str)
    session.execute(
        insert(Version).values(
            territoire_id=territoire.id,
            numero=territoire.version + 1,
            configuration=document,
            empreinte=sha256(change.encode()).hexdigest(),
            auteur=auteur,
            resume=resume,
            cree_le=now,
        )
    )
    territoire.version += 1
    session.flush()


def _row(territoire_id: int, version: int, emprise: Emprise) -> dict[str, Any]:
    west, south, east, north = _bbox(emprise.geometrie["coordinates"])
    return asdict(emprise) | {
        "territoire_id": territoire_id,
        "depuis": version,
        "ouest": west,
        "sud": south,
        "est": east,
        "nord": north,
    }


def _bbox(coordinates: Any) -> tuple[float, float, float, float]:  # noqa: ANN401 - GeoJSON nests to the type's depth
    if isinstance(coordinates[0], int | float):
        return coordinates[0], coordinates[1], coordinates[0], coordinates[1]
    boxes = [_bbox(inner) for inner in coordinates]
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _named(document: dict[str, Any] | None) -> dict[str, Any]:
    """A configuration as named things: `acteurs.proprete`, `nom`… so that a difference can be read."""
    found: dict[str, Any] = {}
    for section, value in (document or {}).items():
        if isinstance(value, list):
            for rank, item in enumerate(value, start=1):
                name = item.get("code", rank) if isinstance(item, dict) else rank
                suffix = f".{item['delai']}" if isinstance(item, dict) and section == "echelle" else ""
                found[f"{section}.{name}{suffix}"] = item
        else:
            found[section] = value
    return found


def _compare(before: dict[str, Any], after: dict[str, Any], version: int) -> Difference:
    return Difference(
        version,
        ajoutes=tuple(name for name in after if name not in before),
        retires=tuple(name for name in before if name not in after),
        modifies=tuple(name for name in after if name in before and before[name] != after[name]),
    )
