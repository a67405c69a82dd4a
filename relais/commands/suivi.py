"""What every verb shares: the clocks of a ticket, when a worker must look at it again, and its revision."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from relais.db import Session
from relais.queries.dossier import Dossier, acteur_de
from relais.queries.referentiel import Referentiel
from relais.rules.calendrier import Calendrier
from relais.rules.configuration import Delai
from relais.rules.delais import Duree, echeance
from relais.rules.engagements import Promesse, promesses
from relais.rules.escalade import EcheanceQuiCourt, PalierDu, a_venir
from relais.rules.statuts import JOURS_POUR_ROUVRIR, OUVERTS, PUBLIABLES, Statut
from relais.tables.echeance import Echeance, Escalade, EtatDelai
from relais.tables.saisine import EtatSaisine, Saisine
from relais.tables.signalement import Rappel, Signalement


def promised(signalement: Signalement, born: Referentiel) -> Mapping[Delai, Promesse]:
    return promesses(born.configuration, theme=signalement.theme, zones=signalement.zones)


def open_echeances(
    session: Session,
    signalement: Signalement,
    *,
    promesses: Mapping[Delai, Promesse],
    calendrier: Calendrier,
    tours: Mapping[Delai, int],
    now: datetime,
) -> list[Echeance]:
    """Fix the date of each promised délai, in its tour, counted from `now` in that calendar.

    From the whole second that people are shown: a fraction of it must not round a promise up by a minute.
    """
    start = now.replace(microsecond=0)
    rows = [
        Echeance(
            territoire_id=signalement.territoire_id,
            signalement_id=signalement.id,
            delai=delai,
            tour=tours.get(delai, 1),
            commence_le=start,
            echeance=echeance(start, promesse.duree, calendrier).astimezone(UTC),
            valeur=promesse.duree.valeur,
            unite=promesse.duree.unite,
            acteur=signalement.acteur,
            nature=promesse.nature,
            source=promesse.source,
            etat=EtatDelai.EN_COURS,
            arrete_le=None,
        )
        for delai, promesse in promesses.items()
    ]
    if rows:
        session.execute(insert(Echeance), [_values(row) for row in rows])
    return rows


def _values(row: Echeance) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in Echeance.__mapper__.column_attrs}


def stop(echeances: Iterable[Echeance], delais: Collection[Delai], *, now: datetime) -> None:
    """Stop those clocks. What is stopped late stays `depasse` for ever, with the instant it stopped."""
    for one in echeances:
        if one.delai in delais and one.arrete_le is None:
            one.arrete_le = now
            one.etat = EtatDelai.TENU if now <= one.echeance else EtatDelai.DEPASSE


def calendrier_de(dossier: Dossier, acteur: str | None) -> Calendrier:
    """The acteur's; the territoire's while nobody has the ticket."""
    found = acteur_de(acteur, dossier.born, dossier.current)
    return found.calendrier if found else dossier.born.configuration.calendrier


def touch(signalement: Signalement, *, now: datetime, statut: Statut | None = None) -> None:
    """Every write makes another revision, which is what `If-Match` and the readers' caches compare.

    A statut nobody is shown takes the ticket back from the public, whichever verb led there.
    """
    signalement.revision += 1
    signalement.modifie_le = now
    if statut is not None and statut is not signalement.statut:
        signalement.statut, signalement.statut_depuis = statut, now
        if statut not in PUBLIABLES:
            signalement.publie_le, signalement.publie_par_le_pilote = None, False


def touch_doublons(session: Session, principal: Signalement, *, now: datetime) -> None:
    """Those it speaks for are read with where it stands: what changes of it is in their authors' feeds too.

    Locked after it and in the order of their ids, as whoever attaches and detaches does: nobody waits in a circle.
    """
    attached = (
        select(Signalement.id)
        .where(Signalement.territoire_id == principal.territoire_id, Signalement.doublon_de == principal.id)
        .order_by(Signalement.id)
        .with_for_update()
    )
    session.execute(
        update(Signalement)
        .where(Signalement.territoire_id == principal.territoire_id, Signalement.id.in_(attached))
        .values(revision=Signalement.revision + 1, modifie_le=now)
        .execution_options(synchronize_session=False)
    )


REVISED = (
    update(Signalement)
    .where(Signalement.territoire_id == bindparam("territoire"), Signalement.id == bindparam("signalement"))
    .values(revision=Signalement.revision + 1, modifie_le=bindparam("now"))
    .returning(Signalement)
    .execution_options(populate_existing=True, synchronize_session=False)
)
"""`touch` for a ticket that nothing holds yet: the `signalement` of `territoire`, revised at `now` and read."""


@dataclass(frozen=True)
class Suite:
    """What is to come for a ticket: its paliers, soonest first, and the saisines that await a decision."""

    paliers: tuple[PalierDu, ...]
    saisines: tuple[Saisine, ...]


def suite(session: Session, dossier: Dossier) -> Suite:
    """Read what was reached already, and say what is to come. Nothing is for a ticket no longer open."""
    ticket = dossier.signalement
    if ticket.statut not in OUVERTS:
        return Suite((), ())
    reached = _reached(session, ticket)
    return Suite(
        paliers_a_venir(dossier.signalement, dossier.echeances, dossier, reached),
        tuple(open_saisines(session, ticket)),
    )


def paliers_a_venir(
    ticket: Signalement, echeances: Iterable[Echeance], dossier: Dossier, reached: Mapping[tuple[Delai, int], set[str]]
) -> tuple[PalierDu, ...]:
    running = [
        EcheanceQuiCourt(
            delai=one.delai,
            tour=one.tour,
            commence_le=one.commence_le,
            echeance=one.echeance,
            unite=Duree(one.valeur, one.unite).unite,
            calendrier=calendrier_de(dossier, one.acteur),
            atteints=frozenset(reached.get((one.delai, one.tour), ())),
        )
        for one in echeances
        if one.arrete_le is None
    ]
    held = ticket.etape_le if not ticket.etape_constatee else None
    return tuple(a_venir(running, dossier.born.configuration, retenu_jusqu_a=held))


def _reached(session: Session, ticket: Signalement) -> dict[tuple[Delai, int], set[str]]:
    found: dict[tuple[Delai, int], set[str]] = {}
    wanted = select(Escalade.delai, Escalade.tour, Escalade.palier).where(
        Escalade.territoire_id == ticket.territoire_id, Escalade.signalement_id == ticket.id
    )
    for delai, tour, palier in session.execute(wanted):
        found.setdefault((delai, tour), set()).add(palier)
    return found


def open_saisines(session: Session, ticket: Signalement) -> Sequence[Saisine]:
    return session.scalars(
        select(Saisine)
        .where(
            Saisine.territoire_id == ticket.territoire_id,
            Saisine.signalement_id == ticket.id,
            Saisine.etat.in_((EtatSaisine.INSCRITE, EtatSaisine.AJOURNEE)),
        )
        .order_by(Saisine.inscrite_le, Saisine.id)
    ).all()


def remind(session: Session, ticket: Signalement, suite: Suite) -> None:
    """Write when a worker must look at this ticket again; nothing due, no row."""
    dates = [due.le for due in suite.paliers]
    dates += [one.decision_avant for one in suite.saisines if one.decision_avant is not None]
    if ticket.statut in OUVERTS and ticket.etape_le is not None and not ticket.etape_constatee:
        dates.append(ticket.etape_le)
    if ticket.statut is Statut.TRAITE and ticket.traite_le is not None:
        dates.append(ticket.traite_le + timedelta(days=JOURS_POUR_ROUVRIR))
    if dates:
        key = {"territoire_id": ticket.territoire_id, "signalement_id": ticket.id}
        row = upsert(Rappel).values(**key, du_le=min(dates))
        session.execute(row.on_conflict_do_update(index_elements=list(key), set_={"du_le": row.excluded.du_le}))
    else:
        session.execute(
            delete(Rappel).where(Rappel.territoire_id == ticket.territoire_id, Rappel.signalement_id == ticket.id)
        )
