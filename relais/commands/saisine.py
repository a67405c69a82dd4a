"""The agendas: inscribing a ticket, and the pilote's three choices."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from relais.caller import Caller
from relais.commands.suivi import open_saisines, remind, suite
from relais.db import Session
from relais.errors import ActionInterdite, AjournementRefuse, Fault, SaisineDejaDecidee, SaisineIntrouvable
from relais.outbox import Author, Fact, Letter, announce
from relais.queries.destinataires import Adresse, Annuaire
from relais.queries.dossier import Dossier, dossier
from relais.queries.signalement import get_signalement
from relais.rules.acces import SUIVENT_LES_INSTANCES, Role
from relais.rules.configuration import Destinataire, Instance, TypeInstance
from relais.rules.delais import jours_ouvres_apres
from relais.rules.escalade import AJOURNEMENTS, JOURS_D_AJOURNEMENT, PalierDu, decision_avant
from relais.tables.saisine import EtatSaisine, Saisine
from relais.tables.signalement import Signalement

OUVERTES = frozenset({EtatSaisine.INSCRITE, EtatSaisine.AJOURNEE})


def inscribe(session: Session, file: Dossier, due: PalierDu, instance: Instance, *, now: datetime) -> Saisine | None:
    """Put the ticket on that agenda. None: it is on it already (two délais may lead to one instance)."""
    saisine = Saisine(
        territoire_id=file.signalement.territoire_id,
        id=uuid4(),
        signalement_id=file.signalement.id,
        instance=instance.code,
        type_instance=instance.type,
        delai=due.delai,
        tour=due.tour,
        palier=due.palier.code,
        etat=EtatSaisine.INSCRITE,
        inscrite_le=now,
        decision_avant=decision_avant(file.born.configuration, instance, now),
        ajournements=0,
    )
    values = {column.key: getattr(saisine, column.key) for column in Saisine.__mapper__.column_attrs}
    written = session.execute(upsert(Saisine).values(**values).on_conflict_do_nothing().returning(Saisine.id)).first()
    return None if written is None else session.adopt(saisine)


def withdraw_all(session: Session, ticket: Signalement, *, motif: str, now: datetime) -> list[Fact]:
    """The ticket ended: its agendas have nothing to decide, and a transmission not yet announced is not any more."""
    unannounced = session.scalars(
        select(Saisine).where(
            Saisine.territoire_id == ticket.territoire_id,
            Saisine.signalement_id == ticket.id,
            Saisine.etat == EtatSaisine.TRANSMISE,
            Saisine.annoncee_le.is_(None),
        )
    )
    void = [*open_saisines(session, ticket), *unannounced]
    return [_close(one, EtatSaisine.RETIREE, motif, "Relais", now) for one in void]


def _close(saisine: Saisine, etat: EtatSaisine, motif: str | None, who: str, now: datetime) -> Fact:
    saisine.etat, saisine.motif, saisine.decidee_le, saisine.decidee_par = etat, motif, now, who
    saisine.decision_avant = None
    said = {"saisine": str(saisine.id), "instance": saisine.instance} | ({"motif": motif} if motif else {})
    return Fact(f"instance.{etat}", said)


def get_saisine(session: Session, *, caller: Caller, id: UUID) -> Saisine:
    """Raises SaisineIntrouvable for whoever does not follow the instances."""
    found = None
    if caller.role in SUIVENT_LES_INSTANCES:
        found = session.scalar(select(Saisine).where(Saisine.territoire_id == session.territoire, Saisine.id == id))
    if found is None:
        raise SaisineIntrouvable
    return found


def _begin(session: Session, caller: Caller, id: UUID) -> tuple[Saisine, Dossier]:
    """The ticket is the lock: a verb on it, a palier and a decision never cross."""
    saisine = get_saisine(session, caller=caller, id=id)
    if caller.role is not Role.PILOTE:
        raise ActionInterdite("La décision revient au pilote.")
    ticket = get_signalement(session, caller=caller, id=saisine.signalement_id, lock=True)
    session.refresh(saisine)
    if saisine.etat not in OUVERTES:
        raise SaisineDejaDecidee(
            f"Cette inscription est « {saisine.etat} ».",
            extra={"etat": saisine.etat, "decidee_par": saisine.decidee_par or "", "actions": []},
        )
    return saisine, dossier(session, ticket)


def _finish(session: Session, file: Dossier, fact: Fact, caller: Caller, now: datetime) -> None:
    session.flush()
    remind(session, file.signalement, suite(session, file))
    announce(session, [fact], signalement=file.signalement, author=Author.of(caller), now=now)


def mobiliser(session: Session, *, caller: Caller, id: UUID, motif: str | None, now: datetime) -> Saisine:
    """The file goes to the instance's members, and to the direction générale where it sits."""
    saisine, file = _begin(session, caller, id)
    fact = _close(saisine, EtatSaisine.MOBILISEE, motif, caller.nom, now)
    letters = members(session, file, saisine, "mobilisation")
    _finish(session, file, Fact(fact.type, fact.donnees, letters), caller, now)
    return saisine


def members(session: Session, file: Dossier, saisine: Saisine, gabarit: str) -> tuple[Letter, ...]:
    known = (version.configuration.instance.get(saisine.instance) for version in (file.current, file.born))
    instance = next(filter(None, known), None)
    found = [Adresse(address) for address in (instance.membres if instance else ())]
    if saisine.type_instance is TypeInstance.GUSP_DG:
        found += Annuaire(session, file.current, file.acteur).adresses((Destinataire.DIRECTION_GENERALE,))
    once = {one.courriel.lower(): one for one in found}
    return tuple(one.letter(gabarit, saisine=str(saisine.id)) for one in once.values())


def ajourner(session: Session, *, caller: Caller, id: UUID, motif: str, jusqu_au: date, now: datetime) -> Saisine:
    """Put the decision off to the closing time of that day: at most ten working days away, twice in all."""
    saisine, file = _begin(session, caller, id)
    calendrier = file.born.configuration.calendrier
    farthest = calendrier.jour(jours_ouvres_apres(now, JOURS_D_AJOURNEMENT, calendrier))
    if saisine.ajournements >= AJOURNEMENTS:
        raise AjournementRefuse(f"Déjà ajournée {AJOURNEMENTS} fois : mobilisez l'instance, ou retirez l'inscription.")
    if not calendrier.jour(now) < jusqu_au <= farthest:
        limit = f"Choisissez un jour après aujourd'hui et au plus tard le {farthest:%d/%m/%Y}."
        raise AjournementRefuse(errors=(Fault("/jusqu_au", limit),))
    while (closing := calendrier.fermeture(jusqu_au)) is None:
        jusqu_au += timedelta(days=1)
    saisine.etat, saisine.motif = EtatSaisine.AJOURNEE, motif
    saisine.ajournements += 1
    saisine.decision_avant = closing.astimezone(UTC)
    said = {"saisine": str(saisine.id), "instance": saisine.instance, "motif": motif, "jusqu_au": jusqu_au.isoformat()}
    _finish(session, file, Fact("instance.ajournee", said), caller, now)
    return saisine


def retirer(session: Session, *, caller: Caller, id: UUID, motif: str, now: datetime) -> Saisine:
    saisine, file = _begin(session, caller, id)
    _finish(session, file, _close(saisine, EtatSaisine.RETIREE, motif, caller.nom, now), caller, now)
    return saisine


def transmit(saisine: Saisine, *, now: datetime) -> Fact:
    """No decision in time: the direction générale has it, marked so. Its mail is grouped, apart."""
    fact = _close(saisine, EtatSaisine.TRANSMISE, None, "Relais", now)
    return Fact(fact.type, fact.donnees | {"sans_decision_du_pilote": True})


def resume(saisine: Saisine) -> Fact:
    """The day it was put off to has come: it is on the agenda again."""
    saisine.etat, saisine.decision_avant = EtatSaisine.INSCRITE, None
    return Fact("instance.inscrite", {"saisine": str(saisine.id), "instance": saisine.instance})
