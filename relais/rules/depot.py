"""What a phone sends, and what it means. Two texts with the same meaning are one signalement."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

AVANCE_TOLEREE = timedelta(hours=24)
"""A phone with a wrong clock: brought back to reception, and marked. Beyond, the date is refused."""

ANCIENNETE_MAX = timedelta(days=365)

PHOTOS_MAX = 10
OCTETS_MAX = 25 * 1024 * 1024


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
    source: str = "application"


def empreinte(depot: Depot) -> str:
    """A digest of the meaning: instants in UTC, absent and null alike, so that an updated app may add defaults."""
    meaning = asdict(depot) | {"constate_le": depot.constate_le.astimezone(UTC).isoformat()}
    text = json.dumps(_bare(meaning), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()


def _bare(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        return {key: _bare(item) for key, item in value.items() if item not in (None, {}, [], (), "")}
    if isinstance(value, list | tuple):
        return [_bare(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
