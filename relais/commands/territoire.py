"""Adopting what the files say: a new numbered version, whole or not at all. The same again changes nothing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from shapely.geometry import mapping
from sqlalchemy import ARRAY, Text, any_, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from relais.db import Session
from relais.errors import RetourImpossible, TerritoireInconnu, VersionInconnue
from relais.queries.referentiel import CODEC, emprises
from relais.queries.version import vivants_sans
from relais.rules.carte import Emprise, dessiner
from relais.rules.configuration import Configuration, GeoJSON
from relais.rules.statuts import JOURS_POUR_ROUVRIR
from relais.tables.territoire import Acteur, EmpriseRow, Territoire, Version

NOMS_GARDES = 200
"""Names that a version keeps of each kind of change: enough to look for one, and 100 000 emprises fit in a row."""
_CITES = 8


class Dessin(StrEnum):
    """What a configuration has contours of. The value is the rubrique's."""

    ZONES = "zones"
    SECTEURS = "secteurs"


@dataclass(frozen=True)
class Difference:
    """What an import changes: names (`acteurs.proprete`) of what appears, goes, or is not the same any more."""

    version: int
    ajoutes: tuple[str, ...] = ()
    retires: tuple[str, ...] = ()
    modifies: tuple[str, ...] = ()

    @property
    def vide(self) -> bool:
        return not (self.ajoutes or self.retires or self.modifies)

    def __str__(self) -> str:
        return f"{len(self.ajoutes)} ajoutés, {len(self.retires)} retirés, {len(self.modifies)} modifiés"

    def __add__(self, other: "Difference") -> "Difference":
        """Of two parts of one version."""
        return Difference(
            self.version,
            self.ajoutes + other.ajoutes,
            self.retires + other.retires,
            self.modifies + other.modifies,
        )

    def document(self) -> dict[str, Any]:
        """What the version keeps: `NOMS_GARDES` names of each kind at most, and how many there were."""
        kinds = {"ajoutes": self.ajoutes, "retires": self.retires, "modifies": self.modifies}
        return {
            **{kind: list(names[:NOMS_GARDES]) for kind, names in kinds.items()},
            "nombres": {kind: len(names) for kind, names in kinds.items()},
        }


@dataclass(frozen=True)
class _Carte:
    """What changes on the map: rows to write, codes whose row ends, and the names of both."""

    difference: Difference
    rows: Sequence[dict[str, Any]]
    gone: Sequence[str]


def get_territoire(session: Session, code: str, *, lock: bool = False) -> Territoire | None:
    """`lock`: other imports wait; what is written in the town meanwhile does not, its foreign keys still hold."""
    wanted = select(Territoire).where(Territoire.code == code)
    if lock:
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalar(wanted)


def import_configuration(session: Session, configuration: Configuration, *, auteur: str, now: datetime) -> Difference:
    """Adopt it as the next version of the territoire its code names, made at the first import."""
    territoire = get_territoire(session, configuration.code, lock=True)
    if territoire is None:
        territoire = Territoire(code=configuration.code, nom=configuration.nom, version=0, cree_le=now)
        session.add(territoire)
        session.flush()
    document = CODEC.dump_python(configuration, mode="json")
    difference = _compare_documents(_document(session, territoire), document, territoire.version + 1)
    if difference.vide:
        return difference
    session.execute(
        upsert(Acteur).on_conflict_do_nothing(),
        [{"territoire_id": territoire.id, "code": acteur.code} for acteur in configuration.acteurs],
    )
    territoire.nom = configuration.nom
    _adopt(session, territoire, document, difference, str(difference), auteur=auteur, now=now)
    return difference


def import_emprises(
    session: Session, territoire: Territoire, new: Sequence[Emprise], *, auteur: str, now: datetime
) -> Difference:
    """Replace the map by this one in the next version: only what differs is written, older versions keep theirs.

    Raises TerritoireInconnu before the first configuration.
    """
    document = _lock(session, territoire)
    change = _compare_maps(session, territoire, new)
    if not change.difference.vide:
        resume = f"emprises : {change.difference}"
        _adopt(session, territoire, document, change.difference, resume, auteur=auteur, now=now, change=change)
    return change.difference


def import_contours(
    session: Session,
    territoire: Territoire,
    dessin: Dessin,
    contours: Mapping[str, GeoJSON],
    *,
    auteur: str,
    now: datetime,
) -> Difference:
    """Draw these zones or secteurs anew, by code, in the next version; the others, and all that is not drawn, stay.

    Raises TerritoireInconnu before the first configuration.
    """
    document = _lock(session, territoire)
    drawn = [one | {"contour": contours.get(one["code"], one["contour"])} for one in document[dessin]]
    configuration = CODEC.validate_python(document | {dessin: drawn})
    return import_configuration(session, configuration, auteur=auteur, now=now)


def revenir(session: Session, territoire: Territoire, numero: int, *, auteur: str, now: datetime) -> Difference:
    """Adopt a new version equal to that one, configuration and map. What was born since keeps its own.

    Raises VersionInconnue, and RetourImpossible while a signalement that is open, or may be reopened, is about what
    that version lacks. Nothing new is written in the town meanwhile: it could be about that too.
    """
    current = _lock(session, territoire, alone=True)
    document = _document(session, territoire, numero) if numero <= territoire.version else None
    if document is None:
        raise VersionInconnue(f"Les versions vont de 1 à {territoire.version} : relais versions")
    configuration = CODEC.validate_python(document)
    _refuse_what_may_still_move(session, territoire, configuration, numero, now)
    change = _compare_maps(session, territoire, emprises(session, territoire.id, numero))
    difference = _compare_documents(current, document, territoire.version + 1) + change.difference
    if not difference.vide:
        territoire.nom = configuration.nom
        resume = f"retour à la version {numero} : {difference}"
        _adopt(session, territoire, document, difference, resume, auteur=auteur, now=now, change=change)
    return difference


def _refuse_what_may_still_move(
    session: Session, territoire: Territoire, configuration: Configuration, numero: int, now: datetime
) -> None:
    missing = vivants_sans(
        session, territoire.id, acteurs=configuration.acteur.keys(), themes=configuration.theme.keys(), now=now
    )
    if missing:
        said = [
            f"{nature} « {code} » : {', '.join(numeros[:_CITES])}"
            + (f" et {len(numeros) - _CITES} autres" if len(numeros) > _CITES else "")
            for (nature, code), numeros in missing.items()
        ]
        raise RetourImpossible(
            f"La version {numero} ne connaît pas ce dont des signalements dépendent. {' ; '.join(said)}."
            " Réaffectez-les, corrigez leur thème ou terminez-les, puis recommencez. Traité, un signalement se rouvre"
            f" pendant {JOURS_POUR_ROUVRIR} jours."
        )


def _lock(session: Session, territoire: Territoire, *, alone: bool = False) -> dict[str, Any]:
    """The document in force. Two imports at once make two versions, one after the other.

    `alone`: until the end, whatever is inserted in the town waits too, for its foreign key.
    """
    session.refresh(territoire, with_for_update={"key_share": not alone})
    document = _document(session, territoire)
    if document is None:
        raise TerritoireInconnu("Importez d'abord le territoire : relais import territoire.yaml")
    return document


def _document(session: Session, territoire: Territoire, numero: int | None = None) -> dict[str, Any] | None:
    """That version's configuration, the current one's by default, as it would be written today.

    One written by an earlier program lacks the words that came since: the same file again must change nothing.
    """
    wanted = territoire.version if numero is None else numero
    written = session.scalar(
        select(Version.configuration).where(Version.territoire_id == territoire.id, Version.numero == wanted)
    )
    return None if written is None else CODEC.dump_python(CODEC.validate_python(written), mode="json")


def _adopt(
    session: Session,
    territoire: Territoire,
    document: dict[str, Any],
    difference: Difference,
    resume: str,
    *,
    auteur: str,
    now: datetime,
    change: _Carte | None = None,
) -> None:
    """Write the version. Its digest is chained: it stands for the configuration and the whole map."""
    rows, gone = (change.rows, change.gone) if change else ((), ())
    _write_map(session, territoire, difference.version, rows, gone)
    previous = session.scalar(
        select(Version.empreinte).where(Version.territoire_id == territoire.id, Version.numero == territoire.version)
    )
    chained = json.dumps([previous, document, list(rows), sorted(gone)], sort_keys=True, default=str)
    session.execute(
        insert(Version).values(
            territoire_id=territoire.id,
            numero=difference.version,
            configuration=document,
            empreinte=sha256(chained.encode()).hexdigest(),
            auteur=auteur,
            resume=resume,
            difference=difference.document(),
            cree_le=now,
        )
    )
    territoire.version = difference.version
    session.flush()


def _write_map(
    session: Session, territoire: Territoire, version: int, rows: Sequence[dict[str, Any]], gone: Sequence[str]
) -> None:
    if gone:
        # One parameter for all of them: PostgreSQL takes 65 535 at most, and a new map takes away more.
        codes = any_(bindparam("codes", list(gone), ARRAY(Text)))
        session.execute(
            update(EmpriseRow)
            .where(EmpriseRow.territoire_id == territoire.id, EmpriseRow.code == codes, EmpriseRow.jusqu_a.is_(None))
            .values(jusqu_a=version)
            .execution_options(synchronize_session=False)
        )
    if rows:
        session.execute(insert(EmpriseRow), rows)


def _compare_maps(session: Session, territoire: Territoire, new: Iterable[Emprise]) -> _Carte:
    """From the map in force to that one."""
    version = territoire.version + 1
    held = {one.code: one for one in emprises(session, territoire.id, territoire.version)}
    wanted = {one.code: one for one in new}
    found = _compare(held, wanted, version)
    rows = [_row(territoire.id, version, wanted[code]) for code in (*found.ajoutes, *found.modifies)]
    return _Carte(_prefixed(found), rows, (*found.retires, *found.modifies))


def _prefixed(difference: Difference) -> Difference:
    """The names of emprises among those of a configuration: `emprises.erables`."""
    kinds = (difference.ajoutes, difference.retires, difference.modifies)
    return Difference(difference.version, *(tuple(f"emprises.{code}" for code in codes) for codes in kinds))


def _row(territoire_id: int, version: int, emprise: Emprise) -> dict[str, Any]:
    drawn = dessiner(emprise.geometrie)
    west, south, east, north = drawn.bounds
    return {field.name: getattr(emprise, field.name) for field in fields(emprise)} | {
        "territoire_id": territoire_id,
        "depuis": version,
        "geometrie": mapping(drawn),
        "ouest": west,
        "sud": south,
        "est": east,
        "nord": north,
    }


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


def _compare_documents(before: dict[str, Any] | None, after: dict[str, Any], version: int) -> Difference:
    difference = _compare(_named(before), _named(after), version)
    if difference.vide and before != after:  # the same things listed otherwise: an app shows the thèmes in that order
        return replace(difference, modifies=("ordre",))
    return difference


def _compare(before: dict[str, Any], after: dict[str, Any], version: int) -> Difference:
    return Difference(
        version,
        ajoutes=tuple(name for name in after if name not in before),
        retires=tuple(name for name in before if name not in after),
        modifies=tuple(name for name in after if name in before and before[name] != after[name]),
    )
