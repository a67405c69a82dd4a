"""Following a signalement that is not one's own, and telling those who do of its news."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import aliased

from relais.caller import Caller
from relais.db import Session
from relais.errors import ActionInterdite
from relais.outbox import Author, Fact, announce
from relais.queries.destinataires import Adresse
from relais.queries.signalement import get_readable
from relais.rules.acces import peut_suivre, portee
from relais.rules.evenements import TypeEvenement
from relais.tables.envoi import Envoi, EtatEnvoi
from relais.tables.evenement import Evenement
from relais.tables.personne import Personne
from relais.tables.signalement import Abonnement, Signalement

NOUVELLES = frozenset(
    {
        "signalement.repondu",
        "signalement.programme",
        "signalement.traite",
        "signalement.clos",
        "signalement.rouvert",
        "signalement.reoriente",
        "signalement.retire",
        "signalement.rattache",
    }
)
"""What who follows is told of: where it stands, and nobody's words."""


def suivre(session: Session, *, caller: Caller, id: UUID, now: datetime) -> Signalement:
    """Be told of its news; of a doublon, of those of the one that speaks for it. Twice is once.

    Its author already is. Nothing of the signalement changes: no other revision, nothing in the feed. Raises
    SignalementIntrouvable on one that this caller may not read, ActionInterdite to a program.
    """
    ticket = get_readable(session, reader=caller, id=id)
    if not peut_suivre(caller.role, id=caller.id):
        raise ActionInterdite("Suivre est à une personne ; un logiciel écoute par un webhook.")
    followed = _speaking(session, ticket)
    if followed.auteur_id != caller.id and follow(session, followed, {caller.id}, now=now):
        _journal(session, followed, "signalement.suivi", caller, now)
    return ticket


def ne_plus_suivre(session: Session, *, caller: Caller, id: UUID, now: datetime) -> None:
    """Be told no more: also of one that this caller may not read any longer. Twice is once.

    An author stays told of what is his. Raises SignalementIntrouvable on one neither readable nor followed.
    """
    mine = (Abonnement.territoire_id == session.territoire) & (Abonnement.personne_id == caller.id)
    ticket = session.scalar(
        select(Signalement)
        .join(Abonnement, (Abonnement.territoire_id == Signalement.territoire_id) & mine)
        .where(Abonnement.signalement_id == Signalement.id, Signalement.id == id)
    ) or get_readable(session, reader=caller, id=id)
    followed = _speaking(session, ticket)
    gone = delete(Abonnement).where(mine, Abonnement.signalement_id.in_({ticket.id, followed.id}))
    if session.execute(gone.returning(Abonnement.signalement_id)).all():
        _journal(session, followed, "signalement.plus_suivi", caller, now)


def _speaking(session: Session, ticket: Signalement) -> Signalement:
    """Itself, or of a doublon the one that speaks for it."""
    return session.get_one(Signalement, (ticket.territoire_id, ticket.doublon_de)) if ticket.doublon_de else ticket


def _journal(session: Session, ticket: Signalement, type: str, caller: Caller, now: datetime) -> None:
    announce(session, [Fact(type)], signalement=ticket, author=Author.of(caller), now=now)


def follow(session: Session, ticket: Signalement, people: Collection[UUID | None], *, now: datetime) -> bool:
    """Those of these ids who are people follow it from now on. Whether somebody did not yet."""
    known = select(Personne.territoire_id, Personne.id).where(
        Personne.territoire_id == ticket.territoire_id, Personne.id.in_(people)
    )
    rows = [
        {"territoire_id": territoire, "signalement_id": ticket.id, "personne_id": id, "cree_le": now}
        for territoire, id in session.execute(known)
    ]
    if not rows:
        return False
    written = upsert(Abonnement).values(rows).on_conflict_do_nothing().returning(Abonnement.personne_id)
    return bool(session.execute(written).all())


def unfollow(session: Session, principal: Signalement, doublon: Signalement) -> None:
    """Those who followed it since the instant that one was attached, and because it was: it is attached no more.

    Who had asked for himself stays told, and so does who signalled, or follows, another of its doublons.
    """
    attached = select(func.max(Evenement.le)).where(
        Evenement.territoire_id == doublon.territoire_id,
        Evenement.signalement_id == doublon.id,
        Evenement.type == TypeEvenement.SIGNALEMENT_RATTACHE,
    )
    other, followed = aliased(Signalement), aliased(Abonnement)
    follows = exists().where(
        followed.territoire_id == other.territoire_id,
        followed.signalement_id == other.id,
        followed.personne_id == Abonnement.personne_id,
    )
    session.execute(
        delete(Abonnement)
        .where(
            Abonnement.territoire_id == principal.territoire_id,
            Abonnement.signalement_id == principal.id,
            Abonnement.cree_le == attached.scalar_subquery(),
            ~exists().where(
                other.territoire_id == principal.territoire_id,
                other.doublon_de == principal.id,
                (other.auteur_id == Abonnement.personne_id) | follows,
            ),
        )
        .execution_options(synchronize_session=False)
    )


def followers(session: Session, ticket: Signalement) -> list[UUID]:
    return list(
        session.scalars(
            select(Abonnement.personne_id).where(
                Abonnement.territoire_id == ticket.territoire_id, Abonnement.signalement_id == ticket.id
            )
        )
    )


def tell(session: Session, ticket: Signalement, facts: Sequence[Fact], *, by: UUID | None = None) -> list[Fact]:
    """The facts, with a letter to each follower for the first that is news; never to who did it.

    Asked before the ticket is taken back from the public: who followed what is withdrawn is told so, and who may not
    read it any more nothing, unless it speaks for a signalement of his own.
    """
    news = next((rank for rank, fact in enumerate(facts) if fact.type in NOUVELLES), None)
    if news is None:
        return list(facts)
    told = [person for person, own in _concerned(session, ticket) if own or _reads(person, ticket)]
    letters = tuple(
        Adresse(one.identifiant, one.id).letter("suivi", nouvelle=facts[news].type) for one in told if one.id != by
    )
    return [replace(one, letters=one.letters + letters) if rank == news else one for rank, one in enumerate(facts)]


def hush(session: Session, ticket: Signalement) -> None:
    """Taken back from the public, the news promised to who may not read it any more does not leave.

    What is on the wire settles as sent: it was.
    """
    waiting = (
        (Envoi.territoire_id == ticket.territoire_id)
        & (Envoi.signalement_id == ticket.id)
        & (Envoi.gabarit == "suivi")
        & (Envoi.etat == EtatEnvoi.EN_ATTENTE)
    )
    told = select(Personne, _own(ticket)).where(
        Personne.territoire_id == ticket.territoire_id, Personne.id.in_(select(Envoi.personne_id).where(waiting))
    )
    lost = [person.id for person, own in session.execute(told) if not own and not _reads(person, ticket)]
    if lost:
        void = update(Envoi).where(waiting, Envoi.personne_id.in_(lost))
        session.execute(void.values(etat=EtatEnvoi.ANNULE, due_at=None))


def _own(ticket: Signalement) -> ColumnElement[bool]:
    """Whether it speaks for one of theirs."""
    return exists().where(
        Signalement.territoire_id == ticket.territoire_id,
        Signalement.doublon_de == ticket.id,
        Signalement.auteur_id == Personne.id,
    )


def _concerned(session: Session, ticket: Signalement) -> Sequence[Row[Personne, bool]]:
    """The active people who follow it, and whether it speaks for one of theirs."""
    return session.execute(
        select(Personne, _own(ticket))
        .join(
            Abonnement,
            (Abonnement.territoire_id == Personne.territoire_id) & (Abonnement.personne_id == Personne.id),
        )
        .where(Abonnement.territoire_id == ticket.territoire_id, Abonnement.signalement_id == ticket.id, Personne.actif)
        .order_by(Personne.identifiant)
    ).all()


def _reads(person: Personne, ticket: Signalement) -> bool:
    seen = portee(person.role, id=person.id, acteur=person.acteur)
    return ticket.publie_le is not None or seen.couvre(auteur=ticket.auteur_id, acteur=ticket.acteur)
