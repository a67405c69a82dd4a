"""How an act went, and what follows."""

import random
from dataclasses import dataclass
from datetime import timedelta

RETRIES = tuple(timedelta(seconds=s) for s in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""After each failed attempt, how long before the next: the schedule Standard Webhooks suggests, 75 h 35 min in all."""

WAIT = timedelta(minutes=1)
"""How long before looking again for what was missing: a relay not set yet, a disk that is full."""

JITTER = 0.2
"""So that what failed together does not come back together."""


@dataclass(frozen=True)
class Sent:
    reponse: int | None = None


@dataclass(frozen=True)
class Failed:
    """It may pass later. `after` is what the other side asked for, in seconds."""

    erreur: str
    reponse: int | None = None
    after: float | None = None


@dataclass(frozen=True)
class Waiting:
    """Nothing was tried: what it takes is not there yet. No attempt is counted."""

    erreur: str


@dataclass(frozen=True)
class Refused:
    """It will never pass."""

    erreur: str
    reponse: int | None = None


Outcome = Sent | Failed | Waiting | Refused


def delay(attempts: int, *, asked: float | None = None) -> timedelta | None:
    """How long to wait after that many failed attempts; None: they are all spent."""
    if attempts > len(RETRIES):
        return None
    wait = RETRIES[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter, not a secret
    return max(wait, timedelta(seconds=asked or 0))
