"""Same place, same thing: which signalements of one thème may speak of one fault, and when one is its return."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, hypot, radians
from uuid import UUID

from relais.rules.calendrier import Calendrier
from relais.rules.configuration import Voisinage
from relais.rules.statuts import OUVERTS, Statut

METRES_PAR_DEGRE = 111_195.0

RAYON_MAX_M = 100.0
"""How far a telephone that doubts its place may look: beyond, a whole street would be one and the same thing."""

MAILLE_M = 10.0
"""How finely one is told of the place of what one may not read: three distances to a point are the point."""

PROCHES_MAX = 10

RATTACHABLES = OUVERTS | {Statut.TRAITE}
"""What another may be the duplicate of: what is still to be done, or was just done and can be reopened."""

FINIS = frozenset({Statut.TRAITE, Statut.CLOS})
"""What may come back."""

Boite = tuple[float, float, float, float]


@dataclass(frozen=True)
class Voisin:
    """Another signalement of the same thème, so many metres away."""

    id: UUID
    numero: str
    statut: Statut
    distance_m: float
    recu_le: datetime
    traite_le: datetime | None


@dataclass(frozen=True)
class Retour:
    """What was done there, the last first, and the days since: the dates of the town's calendar, subtracted."""

    precedents: tuple[Voisin, ...]
    jours: int

    @property
    def dernier(self) -> Voisin:
        return self.precedents[0]


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between two (lon, lat), on a sphere: 0.3 % off, ten centimetres where it matters."""
    east = (b[0] - a[0]) * cos(radians(a[1]))
    return METRES_PAR_DEGRE * hypot(east, b[1] - a[1])


def maille(lon: float, lat: float) -> tuple[float, float]:
    """That place on a grid of MAILLE_M, the same from wherever it is asked."""
    high = MAILLE_M / METRES_PAR_DEGRE
    row = round(lat / high) * high
    wide = high / cos(radians(row))
    return round(lon / wide) * wide, row


def boite(lon: float, lat: float, rayon_m: float) -> Boite:
    """West, south, east, north of the square that holds that disc."""
    high = rayon_m / METRES_PAR_DEGRE
    wide = high / cos(radians(lat))
    return lon - wide, lat - high, lon + wide, lat + high


def rayon(regle: Voisinage, precision_m: float | None) -> float:
    """How far to look for duplicates, in metres: what the town says, or what the telephone doubts, within RAYON_MAX_M.

    A town may say more than that maximum; no telephone may.
    """
    return max(regle.rayon_m, min(precision_m or 0.0, RAYON_MAX_M))


def ressemble(autre: Voisin, *, regle: Voisinage, rayon_m: float, le: datetime) -> bool:
    """Whether it may speak of the thing signalled at `le`: both near, both within so many days of each other."""
    near, soon = autre.distance_m <= rayon_m, abs(le - autre.recu_le) <= timedelta(days=regle.jours)
    return near and soon and autre.statut in RATTACHABLES


def retour(voisins: Sequence[Voisin], *, regle: Voisinage, calendrier: Calendrier, le: datetime) -> Retour | None:
    """What was seen at `le` as the return of what had been done there within the window; None: it is not one.

    What was seen before it was done, and sent after, is what was done. Nor is it a return where another one, received
    since and still open, has already said that it came back: the pilotes are told once of one return, however many
    people see it.
    """
    near = [one for one in voisins if one.distance_m <= regle.rayon_m]
    since = le - timedelta(days=regle.jours)
    done = [
        (one.traite_le, one) for one in near if one.statut in FINIS and one.traite_le and since <= one.traite_le <= le
    ]
    if not done:
        return None
    done.sort(key=lambda pair: (pair[0], pair[1].numero), reverse=True)
    last = done[0][0]
    if any(one.statut in OUVERTS and one.recu_le > last for one in near):
        return None
    return Retour(tuple(one for _, one in done), (calendrier.jour(le) - calendrier.jour(last)).days)
