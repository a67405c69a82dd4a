"""What a phone sends, and what it means. Two texts with the same meaning are one signalement."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")

AVANCE_TOLEREE = timedelta(hours=24)
"""A phone with a wrong clock: brought back to reception, and marked. Beyond, the date is refused."""

ANCIENNETE_MAX = timedelta(days=365)

HORS_LIGNE_MAX = timedelta(days=30)
"""How long an app may have gone without reading `GET /v1/meta`, and still have its form accepted."""

PHOTOS_MAX = 10
OCTETS_MAX = 25 * 1024 * 1024

TEXTE_MAX, CHAMP_MAX = 5_000, 200
"""Characters of a free text, and of a field of `lieu`: told to apps, so that no draft is refused two days later."""

SOURCE = "application"
"""Where a signalement comes from, unless its author says otherwise."""


@dataclass(frozen=True)
class PhotoDeclaree:
    id: UUID
    phase: str
    type: str
    octets: int
    sha256: str
    alt: str | None = None


@dataclass(frozen=True)
class Depot:
    """`version`: that of the form it was filled with. It says how to read the answers, and is no part of them."""

    theme: str
    constate_le: datetime
    lon: float
    lat: float
    precision_m: float | None = None
    origine: str | None = None
    description: str | None = None
    lieu: Mapping[str, Any] | None = None
    questions: Mapping[str, Any] | None = None
    photos: tuple[PhotoDeclaree, ...] = ()
    source: str = SOURCE
    version: int | None = None


@dataclass(frozen=True)
class Position:
    lon: float
    lat: float
    precision_m: float | None = None
    origine: str | None = None


@dataclass(frozen=True)
class Correction:
    """What is to be said otherwise; None: as it was said. `lieu` and `questions` replace the whole, `{}` erases it."""

    theme: str | None = None
    position: Position | None = None
    lieu: Mapping[str, Any] | None = None
    description: str | None = None
    questions: Mapping[str, Any] | None = None

    def corrige(self, depot: Depot) -> Depot:
        """The deposit as its author would make it now. Another thème asks other questions: the old answers go."""
        done = replace(depot, **asdict(self.position)) if self.position else depot
        if self.theme not in {None, depot.theme}:
            done = replace(done, theme=self.theme, questions=None)
        return replace(
            done,
            lieu=_dit(self.lieu, done.lieu),
            description=_dit(self.description, done.description),
            questions=_dit(self.questions, done.questions),
        )


def _dit(new: T | None, old: T | None) -> T | None:
    return old if new is None else new or None


_PAR_DEFAUT: Mapping[str, object] = {"source": SOURCE, "phase": "avant", "type": "image/jpeg"}
"""What an app means that does not know the field. A field added to the contract with a default is added here."""


def empreinte(depot: Depot) -> str:
    """A digest of the meaning, which an update of the app does not change: it is kept, and compared for years.

    Absent, null, blank and default are alike, so are 12 and 12.0, an instant in any offset, keys in any order and the
    choices of one answer in any order. Were this function changed, drafts under way would be refused as different.
    """
    meaning = _voulu(asdict(replace(depot, version=None))) | {
        "constate_le": depot.constate_le.astimezone(UTC).isoformat(),
        "questions": {code: _unordered(reponse) for code, reponse in (depot.questions or {}).items()},
        "photos": [_voulu(asdict(photo)) for photo in depot.photos],
    }
    text = json.dumps(_bare(meaning), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()


def _voulu(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value != _PAR_DEFAUT.get(name)}


def _unordered(reponse: object) -> object:
    """A list answers a multiple choice: a set, which Swift writes in another order at each start."""
    return sorted(reponse) if isinstance(reponse, list) else reponse


def _bare(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        kept = {key: _bare(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, [], "")}
    if isinstance(value, list | tuple):
        return [_bare(item) for item in value]
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) + 0.0  # -0.0 is 0.0
    return value
