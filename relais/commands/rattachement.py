"""One thing signalled twice: one signalement speaks for the other, and both authors are kept informed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select

from relais.caller import Caller
from relais.commands.abonnement import follow, followers, unfollow
from relais.commands.escalade import catch_up
from relais.commands.suivi import touch
from relais.commands.verbes import REBONDS_MAX, Acte, begin, restart
from relais.db import Session
from relais.errors import DoublonImpossible, Fault, SignalementIntrouvable
from relais.outbox import Author, Fact, Letter, announce
from relais.queries.destinataires import Adresse, Annuaire
from relais.queries.personne import by_id
from relais.queries.signalement import get_signalement
from relais.rules.acces import Qualite
from relais.rules.configuration import PROMIS, Delai, Destinataire
from relais.rules.statuts import LIBELLES, OUVERTS, TRANSITIONS, Motif, Statut, Verbe
from relais.rules.voisinage import RATTACHABLES, metres, rayon
from relais.tables.signalement import Signalement

VERROU_DE_REGROUPEMENT = 7_332
"""First half of the advisory lock; the second is the territoire."""


def rattacher(session: Session, *, caller: Caller, id: UUID, signalement: UUID, now: datetime) -> Signalement:
    """That one speaks for it from now on: its clocks stop, its agendas are cleared, its followers follow the other.

    Raises DoublonImpossible where that one is itself, a doublon, ended, or not seen by the caller; and where others are
    attached to this one, so that there is never a chain, nor a ring. A responsable, whose promises it would stop, does
    it of the same thing alone (same thème, near, still to be done), and the pilotes are told; the pilote judges.
    """
    _alone(session)
    _lock(session, id, signalement)
    acte = begin(session, caller, id, Verbe.RATTACHEMENTS, now)
    ticket, principal = acte.ticket, _principal(acte, signalement)
    ended = acte.end(motif="Le signalement est regroupé avec un autre.")
    ticket.doublon_de, ticket.recurrence_de, ticket.motif = principal.id, None, None
    told = {*followers(session, ticket), ticket.auteur_id} - {principal.auteur_id}
    follow(session, principal, told, now=now)
    letters = acte.to_author("rattache")
    if acte.heard(ticket.acteur):
        letters += acte.to_acteur("rattache")
    if Qualite.PILOTE not in acte.qualites:
        annuaire = Annuaire(session, acte.dossier.current, None)
        letters += tuple(one.letter("rattache") for one in annuaire.adresses((Destinataire.PILOTES,)))
    acte.facts += [Fact("signalement.rattache", _named(principal), letters), *ended]
    acte.finish(TRANSITIONS[Verbe.RATTACHEMENTS].vers)
    _tell(acte, principal, "signalement.regroupe")
    return ticket


def detacher(session: Session, *, caller: Caller, id: UUID, now: datetime) -> Signalement:
    """It was another thing: back to its acteur, or to the pilote, and every promise runs again, as when reopened.

    It stays out of the public's sight until the pilote publishes it again.
    """
    _alone(session)
    spoken_for = session.scalar(
        select(Signalement.doublon_de).where(Signalement.territoire_id == session.territoire, Signalement.id == id)
    )
    _lock(session, id, spoken_for)
    acte = begin(session, caller, id, Verbe.DETACHEMENTS, now)
    ticket = acte.ticket
    principal = acte.dossier.principal.signalement if acte.dossier.principal else None
    ticket.doublon_de = None
    arbitrage = ticket.acteur is None and ticket.rebonds >= REBONDS_MAX
    ticket.motif = None if ticket.acteur else (Motif.ARBITRAGE if arbitrage else Motif.INDETERMINE)
    restart(acte, {*PROMIS, Delai.ARBITRAGE} if arbitrage else PROMIS)
    letters = acte.to_author("detache") + acte.to_acteur("affectation" if ticket.acteur else "a_qualifier")
    acte.facts.append(Fact("signalement.detache", _named(principal) if principal else {}, letters))
    acte.finish(Statut.AFFECTE if ticket.acteur else Statut.A_QUALIFIER)
    if principal is not None:
        unfollow(session, principal, ticket)
        _tell(acte, principal, "signalement.separe")
    return ticket


def _alone(session: Session) -> None:
    """One grouping at a time in a territoire: what is tied to what does not change while locks are taken by it."""
    session.execute(select(func.pg_advisory_xact_lock(VERROU_DE_REGROUPEMENT, session.territoire)))


def _lock(session: Session, *ids: UUID | None) -> None:
    """A principal before its doublons, as a verb on it takes them (`touch_doublons`); else in the order of their ids.

    Two people wait, and never for each other.
    """
    wanted = select(Signalement.id).where(
        Signalement.territoire_id == session.territoire, Signalement.id.in_({one for one in ids if one is not None})
    )
    tied = Signalement.doublon_de.is_not(None)
    session.execute(wanted.order_by(tied, Signalement.id).with_for_update()).all()


def _principal(acte: Acte, id: UUID) -> Signalement:
    ticket, session = acte.ticket, acte.session
    if id == ticket.id:
        raise _impossible("C'est ce signalement lui-même : donnez l'identifiant de l'autre.")
    try:
        found = get_signalement(session, caller=acte.caller, id=id, lock=True)
    except SignalementIntrouvable as hidden:
        raise _impossible("Aucun signalement visible de ce compte ne porte cet identifiant.") from hidden
    catch_up(session, found, now=acte.now)
    if found.statut is Statut.DOUBLON:
        raise _impossible("Il est lui-même un doublon : choisissez celui auquel il est rattaché.")
    if found.statut not in RATTACHABLES:
        raise _impossible(f"Il est « {LIBELLES[found.statut]} » : plus personne n'y travaille.")
    has_some = exists().where(Signalement.territoire_id == ticket.territoire_id, Signalement.doublon_de == ticket.id)
    if session.scalar(select(has_some)):
        raise _impossible("D'autres sont déjà rattachés à celui-ci : rattachez-lui l'autre, ou détachez-les d'abord.")
    if Qualite.PILOTE not in acte.qualites:
        _check_same(acte, found)
    return found


def _check_same(acte: Acte, principal: Signalement) -> None:
    """What anybody would take for the same thing, and that somebody is still to do."""
    ticket = acte.ticket
    if principal.theme != ticket.theme:
        raise _impossible("Il est d'un autre thème : demandez au pilote de les regrouper.")
    if principal.statut not in OUVERTS:
        raise _impossible(f"Il est « {LIBELLES[principal.statut]} » : demandez au pilote de les regrouper.")
    far = metres((ticket.lon, ticket.lat), (principal.lon, principal.lat))
    if far > rayon(acte.dossier.theme.doublons, ticket.precision_m):
        raise _impossible(f"Il est à {far:.0f} m de celui-ci : demandez au pilote de les regrouper.")


def _impossible(detail: str) -> DoublonImpossible:
    return DoublonImpossible(errors=(Fault("/signalement", detail),))


def _named(principal: Signalement) -> dict[str, str]:
    """By its number alone: who reads the journal of the one may not read the other."""
    return {"numero": principal.numero}


def _tell(acte: Acte, principal: Signalement, type: str) -> None:
    """The other one changes too: how many signalled it. Its author is told, where he is not the same person."""
    touch(principal, now=acte.now)
    acte.session.flush()
    author = by_id(acte.session, principal.auteur_id) if principal.auteur_id != acte.ticket.auteur_id else None
    letters: tuple[Letter, ...] = ()
    if author is not None and author.actif:
        letters = (Adresse(author.identifiant, author.id).letter("suivi", nouvelle=type),)
    fact = Fact(type, _named(acte.ticket), letters)
    announce(acte.session, [fact], signalement=principal, author=Author.of(acte.caller), now=acte.now)
