"""Firing the ladder: what is due on one ticket, in one transaction, once for ever whatever the number of workers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from relais.commands.abonnement import tell
from relais.commands.saisine import inscribe, resume, transmit
from relais.commands.suivi import Suite, calendrier_de, open_echeances, remind, suite, touch, touch_doublons
from relais.db import Session
from relais.outbox import SYSTEM, Fact, Letter, announce
from relais.queries.destinataires import Adresse, Annuaire
from relais.queries.dossier import Dossier, dossier
from relais.queries.referentiel import Referentiel, referentiel
from relais.rules.configuration import Delai, Destinataire, Instance, Nature, Palier, SansDecision, TypeInstance
from relais.rules.delais import jours_ouvres_apres
from relais.rules.engagements import Promesse
from relais.rules.escalade import PalierDu, destinataires, instance_visee
from relais.rules.statuts import JOURS_POUR_ROUVRIR, OUVERTS, Motif, Statut
from relais.tables.echeance import Escalade
from relais.tables.saisine import EtatSaisine, Saisine
from relais.tables.signalement import Rappel, Signalement

REPIT = timedelta(minutes=5)
"""How long a ticket whose firing failed is left alone, so that one broken ticket never stops the others."""


GROUPAGE = timedelta(minutes=10)
"""How long a grouped mail waits for what fires with it; a ticket stuck for longer does not hold it back."""

VERROU_DE_TRANSMISSION = 7_331
"""First half of the advisory lock; the second is the territoire."""


def next_due(session: Session, *, now: datetime) -> Signalement | None:
    """The most overdue ticket nobody holds, locked: that lock is what makes each palier fire once."""
    return session.scalar(
        select(Signalement)
        .join(
            Rappel,
            (Rappel.territoire_id == Signalement.territoire_id) & (Rappel.signalement_id == Signalement.id),
        )
        .where(Rappel.territoire_id == session.territoire, Rappel.du_le <= now)
        .order_by(Rappel.du_le)
        .limit(1)
        .with_for_update(of=Signalement, skip_locked=True)
        .execution_options(populate_existing=True)
    )


def postpone(session: Session, id: UUID, *, now: datetime) -> None:
    """Look at that ticket again later: its firing failed, and the error is in the log."""
    session.execute(
        update(Rappel)
        .where(Rappel.territoire_id == session.territoire, Rappel.signalement_id == id)
        .values(du_le=now + REPIT)
    )


def catch_up(session: Session, ticket: Signalement, *, now: datetime) -> None:
    """Before a verb on a locked ticket, what was due before it: no palier is lost because no worker was there.

    One in `arbitrage` is looked at whatever is due, for its clock may be yet to open.
    """
    due = session.scalar(
        select(Rappel.du_le).where(Rappel.territoire_id == ticket.territoire_id, Rappel.signalement_id == ticket.id)
    )
    if ticket.motif is Motif.ARBITRAGE or (due is not None and due <= now):
        fire(session, ticket, now=now)


def fire(session: Session, ticket: Signalement, *, now: datetime) -> int:
    """Everything due on this ticket, and when to look again. Returns the number of paliers reached."""
    if ticket.statut not in OUVERTS:
        _close_if_quiet(session, ticket, now=now)
        return 0
    file = _with_arbitrage(session, dossier(session, ticket), now=now)
    ahead = suite(session, file)
    due = [one for one in ahead.paliers if one.le <= now]
    step_missed = _step_missed(ticket, now)
    reached = [(one, facts) for one in due if (facts := _reach(session, file, one, now))]
    facts = _told(session, file, reached, step_missed=step_missed)
    facts += [fact for saisine in ahead.saisines for fact in _undecided(session, file, saisine, now)]
    announce(session, facts, signalement=ticket, author=SYSTEM, now=now)
    session.flush()
    remind(session, ticket, suite(session, file))
    return len(reached)


def settled(born: Referentiel) -> Mapping[Delai, Promesse]:
    """The délai that the pilote has to settle what acteurs send to one another: promised to nobody else."""
    return {Delai.ARBITRAGE: Promesse(born.configuration.arbitrage, Nature.INDICATIF, None)}


def _with_arbitrage(session: Session, file: Dossier, *, now: datetime) -> Dossier:
    """What was already in `arbitrage` before that délai existed has it whole, from the first look at it."""
    ticket = file.signalement
    if ticket.motif is not Motif.ARBITRAGE or any(one.delai is Delai.ARBITRAGE for one in file.echeances):
        return file
    calendrier = calendrier_de(file, None)
    open_echeances(session, ticket, promesses=settled(file.born), calendrier=calendrier, tours={}, now=now)
    return dossier(session, ticket)


def _close_if_quiet(session: Session, ticket: Signalement, *, now: datetime) -> None:
    """Thirty days after `traite` nobody said otherwise: it closes by itself."""
    done = ticket.traite_le if ticket.statut is Statut.TRAITE else None
    if done is not None and now >= done + timedelta(days=JOURS_POUR_ROUVRIR):
        facts = tell(session, ticket, [Fact("signalement.clos", {"d_office": True})])
        touch(ticket, now=now, statut=Statut.CLOS)
        touch_doublons(session, ticket, now=now)
        announce(session, facts, signalement=ticket, author=SYSTEM, now=now)
        session.flush()
    remind(session, ticket, Suite((), ()))


def _step_missed(ticket: Signalement, now: datetime) -> bool:
    """The announced day is over and the ticket still open: said once, and instances wait no longer."""
    if ticket.etape_le is None or ticket.etape_constatee or now < ticket.etape_le:
        return False
    ticket.etape_constatee = True
    return True


def _reach(session: Session, file: Dossier, due: PalierDu, now: datetime) -> list[Fact]:
    """Record the palier; if another transaction already had, the primary key says so and nothing is announced."""
    key = {
        "territoire_id": file.signalement.territoire_id,
        "signalement_id": file.signalement.id,
        "delai": due.delai,
        "tour": due.tour,
        "palier": due.palier.code,
    }
    row = upsert(Escalade).values(**key, prevue_le=due.prevu_le, declenchee_le=now)
    if session.execute(row.on_conflict_do_nothing().returning(Escalade.palier)).first() is None:
        return []
    said = {"delai": due.delai, "tour": due.tour, "palier": due.palier.code}
    facts = [Fact("escalade.declenchee", said | {"prevue_le": due.prevu_le.isoformat()})]
    if due.palier.part is not None:
        facts.append(Fact("echeance.approche", said))
    elif due.palier.jours == 0:
        facts.append(Fact("echeance.depassee", said))
    instance = instance_visee(due.palier, file.born.configuration, file.signalement.zones)
    saisine = inscribe(session, file, due, instance, now=now) if instance else None
    if saisine is not None:
        facts.append(Fact("instance.inscrite", said | {"instance": saisine.instance, "saisine": str(saisine.id)}))
    return facts


def _told(
    session: Session, file: Dossier, reached: list[tuple[PalierDu, list[Fact]]], *, step_missed: bool
) -> list[Fact]:
    """The facts with their letters: one a recipient, for the highest palier, on the fact that reached that palier.

    Of a missed step, only the pilotes told of nothing else are written to.
    """
    annuaire = Annuaire(session, file.current, file.acteur)
    highest: dict[str, tuple[Adresse, PalierDu]] = {}
    for one, _ in sorted(reached, key=lambda pair: pair[0].hauteur):
        told = destinataires(one.palier, danger=file.theme.danger, sans_acteur=file.acteur is None)
        for adresse in annuaire.adresses(told):
            highest[adresse.courriel.lower()] = adresse, one
    found = []
    if step_missed:
        pilotes = (one for one in annuaire.adresses((Destinataire.PILOTES,)) if one.courriel.lower() not in highest)
        found.append(Fact("etape.manquee", {}, tuple(one.letter("etape_manquee", annulable=True) for one in pilotes)))
    for one, (first, *others) in reached:
        letters = tuple(_letter(session, file, adresse, one) for adresse, of in highest.values() if of is one)
        found += [replace(first, letters=letters), *others]
    return found


def _letter(session: Session, file: Dossier, adresse: Adresse, due: PalierDu) -> Letter:
    instance = instance_visee(due.palier, file.born.configuration, file.signalement.zones)
    said: dict[str, object] = {"delai": due.delai, "tour": due.tour, "palier": due.palier.code}
    if instance is not None:
        saisine = session.scalar(
            select(Saisine.id).where(
                Saisine.territoire_id == file.signalement.territoire_id,
                Saisine.signalement_id == file.signalement.id,
                Saisine.instance == instance.code,
                Saisine.etat.in_((EtatSaisine.INSCRITE, EtatSaisine.AJOURNEE)),
            )
        )
        said |= {"instance": instance.code} | ({"saisine": str(saisine)} if saisine else {})
    return adresse.letter(_gabarit(due.palier, instance), annulable=True, **said)


def _gabarit(palier: Palier, instance: Instance | None) -> str:
    if palier.delai is Delai.ARBITRAGE and instance is None:
        return "arbitrage"
    if palier.part is not None:
        return "relance"
    if instance is None:
        return "retard"
    return "decision" if instance.type is TypeInstance.GUSP_DG else "inscription"


def _undecided(session: Session, file: Dossier, saisine: Saisine, now: datetime) -> list[Fact]:
    """The pilote's time is over: the town chose that the file goes up, or that he is reminded.

    Only the direction générale's instance awaits a decision: on another agenda, what was put off comes back.
    """
    if saisine.decision_avant is None or saisine.decision_avant > now:
        return []
    if saisine.type_instance is not TypeInstance.GUSP_DG:
        return [resume(saisine)]
    rule = file.born.configuration.sans_decision
    if rule.faire is SansDecision.TRANSMETTRE:
        return [transmit(saisine, now=now)]
    again = jours_ouvres_apres(now, rule.jours, file.born.configuration.calendrier)
    saisine.decision_avant = again.astimezone(UTC)
    annuaire = Annuaire(session, file.current, file.acteur)
    letters = tuple(
        one.letter("decision", annulable=True, saisine=str(saisine.id), rappel=True)
        for one in annuaire.adresses((Destinataire.PILOTES,))
    )
    return [Fact("instance.rappelee", {"saisine": str(saisine.id), "instance": saisine.instance}, letters)]


def announce_transmitted(session: Session, *, now: datetime) -> int:
    """One grouped mail a day at most to each member of the direction générale, of all that went up undecided.

    Called once nothing else is due, so that what goes up at one closing time travels together. What goes up later the
    same day waits for the next working morning. Returns the number of tickets announced.
    """
    if not _alone_and_quiet(session, now):
        return 0
    waiting = session.scalars(
        select(Saisine)
        .where(
            Saisine.territoire_id == session.territoire,
            Saisine.etat == EtatSaisine.TRANSMISE,
            Saisine.annoncee_le.is_(None),
        )
        .order_by(Saisine.decidee_le, Saisine.id)
    ).all()
    if not waiting or not _may_write_today(session, now):
        return 0
    annuaire = Annuaire(session, referentiel(session), None)
    ids = [str(one.id) for one in waiting]
    letters = tuple(
        one.letter("transmission", saisines=ids) for one in annuaire.adresses((Destinataire.DIRECTION_GENERALE,))
    )
    if not letters:
        return 0  # nobody sits there: what waits is told to the first who does, never marked as told to nobody
    for one in waiting:
        one.annoncee_le = now
    session.flush()
    announce(
        session, [Fact("transmission.annoncee", {"saisines": ids}, letters)], signalement=None, author=SYSTEM, now=now
    )
    return len(ids)


def _alone_and_quiet(session: Session, now: datetime) -> bool:
    """One worker at a time (two would write two mails), and not while tickets of this closing time still fire."""
    firing = select(Rappel.du_le).where(
        Rappel.territoire_id == session.territoire, Rappel.du_le.between(now - GROUPAGE, now)
    )
    alone = func.pg_try_advisory_xact_lock(VERROU_DE_TRANSMISSION, session.territoire)
    return bool(session.scalar(select(~exists(firing) & alone)))


def _may_write_today(session: Session, now: datetime) -> bool:
    configuration = referentiel(session).configuration
    today = now.astimezone(ZoneInfo(configuration.calendrier.fuseau)).date()
    last = session.scalar(select(func.max(Saisine.annoncee_le)).where(Saisine.territoire_id == session.territoire))
    if last is None or last.astimezone(ZoneInfo(configuration.calendrier.fuseau)).date() < today:
        opened = configuration.calendrier.plages(today)
        return last is None or (bool(opened) and now >= opened[0][0])
    return False
