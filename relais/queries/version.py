"""The versions of a territoire: who adopted what and when, and what today still depends on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import load_only

from relais.db import Session
from relais.errors import TerritoireInconnu
from relais.queries.referentiel import CODEC
from relais.rules.configuration import Configuration
from relais.rules.statuts import JOURS_POUR_ROUVRIR, OUVERTS, TRANSITIONS, Verbe
from relais.tables.signalement import Signalement
from relais.tables.territoire import Territoire, Version


def versions(session: Session, territoire: int) -> Sequence[Version]:
    """All of them, latest first, without their configurations: hundreds of them would be megabytes read for a list."""
    wanted = select(Version).where(Version.territoire_id == territoire).order_by(Version.numero.desc())
    told = load_only(Version.auteur, Version.resume, Version.cree_le, raiseload=True)
    return session.scalars(wanted.options(told)).all()


def version(session: Session, territoire: int, numero: int) -> Version | None:
    return session.get(Version, (territoire, numero))


def configuration(session: Session, territoire: Territoire) -> Configuration:
    """That of the version in force, without its map: `referentiel` would index every emprise to forget it again.

    Raises TerritoireInconnu before the first import.
    """
    row = version(session, territoire.id, territoire.version)
    if row is None:
        raise TerritoireInconnu("Importez d'abord le territoire : relais import territoire.yaml")
    return CODEC.validate_python(row.configuration)


def vivants_sans(
    session: Session, territoire: int, *, acteurs: Collection[str], themes: Collection[str], now: datetime
) -> Mapping[tuple[str, str], Sequence[str]]:
    """Signalements, open or that may be reopened, whose acteur or thème is none of these.

    (« acteur » or « thème », its code) → their numéros.
    """
    reouvrables = and_(
        Signalement.statut.in_(TRANSITIONS[Verbe.REOUVERTURES].depuis),
        Signalement.traite_le >= now - timedelta(days=JOURS_POUR_ROUVRIR),
    )
    vivants = or_(Signalement.statut.in_(OUVERTS), reouvrables)
    unknown = or_(Signalement.acteur.not_in(acteurs), Signalement.theme.not_in(themes))
    wanted = (
        select(Signalement.numero, Signalement.acteur, Signalement.theme)
        .where(Signalement.territoire_id == territoire, vivants, unknown)
        .order_by(Signalement.numero)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for numero, acteur, theme in session.execute(wanted):
        if acteur is not None and acteur not in acteurs:
            found.setdefault(("acteur", acteur), []).append(numero)
        if theme not in themes:
            found.setdefault(("thème", theme), []).append(numero)
    return dict(sorted(found.items()))
