"""What people's réaffectations say of the map: for whoever keeps it, over a period of days."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select

from relais.caller import Caller
from relais.db import Session
from relais.errors import ActionInterdite, ChampInvalide, Fault
from relais.queries.reception import received
from relais.queries.referentiel import Referentiel, referentiel
from relais.queries.sejour import sejours_des_reaffectes
from relais.rules.acces import TIENNENT_LA_CARTE
from relais.rules.calendrier import Calendrier
from relais.rules.ecarts import DERNIERS, Ecart, Rectification, ecarts, rectifications
from relais.rules.periode import Periode
from relais.tables.signalement import Signalement
from relais.tables.territoire import EmpriseRow

JOURS_PAR_DEFAUT = 90
JOURS_MAX = 366
"""Days of a period: a season shows what recurs, and a year is read in a few seconds in the largest of towns."""


@dataclass(frozen=True)
class Bilan:
    """`emprises`: those of the elements still on the map. `numeros`: of the last signalements of each element."""

    periode: Periode
    elements: Sequence[Ecart]
    emprises: Mapping[str, EmpriseRow]
    numeros: Mapping[UUID, str]


def corrections_de_routage(session: Session, *, caller: Caller, du: date | None, au: date | None, limite: int) -> Bilan:
    """The `limite` most costly emprises of those days, by default the last three months. Four statements.

    Raises ActionInterdite, and ChampInvalide on a period that is upside down or longer than a year.
    """
    if caller.role not in TIENNENT_LA_CARTE:
        raise ActionInterdite("Les corrections de la carte sont lues par le pilote, l'administration et la direction.")
    ref = referentiel(session)
    periode = _periode(du, au, today=ref.configuration.calendrier.jour(session.now))
    found = _rectifications(session, ref, periode)
    codes = {one.emprise for one in found if one.emprise is not None}
    known = _emprises(session, codes)
    noms = {code: row.nom for code, row in known.items() if row.nom}
    sur = _signales(session, ref, periode, codes)
    elements = ecarts(found, sur=sur, noms=noms, configuration=ref.configuration)[:limite]
    last = {one for element in elements for one in element.signalements[:DERNIERS]}
    return Bilan(periode, elements, known, _numeros(session, last))


def _periode(du: date | None, au: date | None, *, today: date) -> Periode:
    last = au or max(today, du or today)
    first = du or last - timedelta(days=JOURS_PAR_DEFAUT)
    if first > last:
        raise ChampInvalide(errors=(Fault("?du", "La période commence après sa fin."),))
    if (last - first).days > JOURS_MAX:
        raise ChampInvalide(errors=(Fault("?du", f"Au plus {JOURS_MAX} jours à la fois."),))
    return Periode(first, last)


def _rectifications(session: Session, ref: Referentiel, periode: Periode) -> list[Rectification]:
    configuration = ref.configuration
    debut, fin = periode.bornes(configuration.calendrier)

    def calendrier_de(acteur: str | None) -> Calendrier:
        known = configuration.acteur.get(acteur or "")
        return known.calendrier if known else configuration.calendrier

    return [
        one
        for id, stays in sejours_des_reaffectes(session, du=debut, au=fin)
        for one in rectifications(id, stays, du=debut, au=fin, now=session.now, calendrier_de=calendrier_de)
    ]


def _emprises(session: Session, codes: Collection[str]) -> Mapping[str, EmpriseRow]:
    """Those of them on the map in force."""
    rows = session.scalars(
        select(EmpriseRow).where(
            EmpriseRow.territoire_id == session.territoire,
            EmpriseRow.code.in_(codes),
            EmpriseRow.depuis <= session.version,
            or_(EmpriseRow.jusqu_a.is_(None), EmpriseRow.jusqu_a > session.version),
        )
    )
    return {row.code: row for row in rows}


def _signales(session: Session, ref: Referentiel, periode: Periode, codes: Collection[str]) -> Mapping[str | None, int]:
    """How many signalements of the period lie on each, whatever became of them; under None, on no emprise."""
    debut, fin = periode.bornes(ref.configuration.calendrier)
    counted = session.execute(
        select(Signalement.emprise, func.count())
        .where(
            *received(session, du=debut, au=fin),
            or_(Signalement.emprise.is_(None), Signalement.emprise.in_(codes)),
        )
        .group_by(Signalement.emprise)
    )
    return dict(counted.all())


def _numeros(session: Session, ids: Collection[UUID]) -> Mapping[UUID, str]:
    rows = select(Signalement.id, Signalement.numero).where(
        Signalement.territoire_id == session.territoire, Signalement.id.in_(ids)
    )
    return dict(session.execute(rows).all())
