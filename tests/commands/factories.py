"""What the tests of the core share: a ticket by somebody somewhere, a verb by somebody, and the worker's hours."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from conftest import DEMO, Ville
from sqlalchemy import func, select

from relais.caller import Door, Identity
from relais.commands.escalade import announce_transmitted, fire, next_due
from relais.commands.personne import import_personnes, make_cle
from relais.commands.photo import cle_d_un_envoi, receive_photo
from relais.commands.signalement import submit_signalement
from relais.commands.territoire import get_territoire, import_configuration
from relais.db import Session
from relais.imports.personnes import PersonneLue
from relais.imports.territoire import lire_territoire
from relais.queries.personne import by_identifiant
from relais.rules.acces import Role
from relais.rules.configuration import Configuration
from relais.rules.depot import Depot, PhotoDeclaree
from relais.stockage import Stockage
from relais.tables.echeance import Echeance, Escalade
from relais.tables.envoi import Envoi, EtatEnvoi
from relais.tables.evenement import Evenement
from relais.tables.photo import Photo
from relais.tables.saisine import Saisine
from relais.tables.signalement import Rappel, Signalement
from relais.tokens import digest_of_cle

T = TypeVar("T")
VAUCELLES = ZoneInfo("Europe/Paris")

DEPOT_SAUVAGE, FUITE, STATIONNEMENT = "proprete.depot_sauvage", "eau.fuite", "stationnement.genant"
ENCOMBRANTS = "proprete.encombrants"
FRICHE, FILS_NUS, TROTTOIR = "espaces_verts.friche", "eclairage.fils_nus", "voirie.trottoir"

ERABLES = (0.41224, 48.10598)  # Habitat Lisse's ground, in the QPV
RUE_ERABLES = (0.41312, 48.105424)  # a street of the town, in the QPV
DELAISSE = (0.41962, 48.1030235)  # nobody knows whose ground it is
CLOS_DES_LILAS = (0.415853, 48.10924)  # a private street open to traffic: its owners keep it, the mayor polices it

PILOTES = {"pilote@demo.test", "copilote@demo.test"}
DIRECTION = {"direction_generale@demo.test"}
AGENCE, RESPONSABLE_AGENCE = "gestion.nord@habitat-lisse.test", "agence.nord@habitat-lisse.test"

RECOPIE = "9f2c4e0b7a61d8355c0e9b1f4a7d2386e5b90c1f3a6d7e8849b2c05f1e7a3d64"


def le(text: str) -> datetime:
    """« 2026-04-02 18:12 », at Vaucelles."""
    return datetime.fromisoformat(text).replace(tzinfo=VAUCELLES)


def photo(phase: str = "avant") -> PhotoDeclaree:
    return PhotoDeclaree(uuid4(), phase, "image/jpeg", 412_338, RECOPIE)


def bring(session: Session, id: UUID, declared: PhotoDeclaree, *, store: Stockage | None, octets: bytes) -> Photo:
    """The bytes of an announced photo, as the API receives them; without a store, as if they were there."""
    original = uuid4()
    if store is not None:
        store.ecrire(cle_d_un_envoi(session.territoire, id, declared.id, original), octets)
    receive_photo(
        session,
        caller=session.caller,
        id=id,
        photo_id=declared.id,
        original=original,
        sha256=declared.sha256,
        octets=declared.octets,
        now=session.now,
    )
    return session.get_one(Photo, (session.territoire, id, declared.id), populate_existing=True)


def deposit(
    ville: Ville, *, theme: str = DEPOT_SAUVAGE, place: tuple[float, float] = ERABLES, who: str | Identity = "relais"
) -> UUID:
    """A ticket seen and received now."""
    photos = (photo(),) if theme in {DEPOT_SAUVAGE, ENCOMBRANTS} else ()
    with ville.session(identity=_identity(ville, who)) as session, session.begin():
        depot = Depot(theme, session.now, lon=place[0], lat=place[1], precision_m=1.0, photos=photos)
        return submit_signalement(session, caller=session.caller, id=uuid4(), depot=depot, now=session.now)[0].id


def _identity(ville: Ville, who: str | Identity) -> Identity:
    return who if isinstance(who, Identity) else ville.identity(who)


def link(acteur: str) -> Identity:
    """Whoever clicks in a mail to that acteur, without an account."""
    return Identity(code="VSL", acteur=acteur)


def cle(ville: Ville, acteur: str | None) -> Identity:
    with ville.session(Door.OWNER) as session, session.begin():
        territoire = get_territoire(session, "VSL")
        clear = make_cle(session, territoire, libelle="Logiciel", acteur=acteur, now=session.now)
    return Identity(code="VSL", cle=digest_of_cle(clear))


def act(ville: Ville, who: str | Identity, verb: Callable[..., T], id: UUID, **body: object) -> T:
    """That verb on that ticket (or saisine), by that person, now, committed."""
    with ville.session(identity=_identity(ville, who)) as session, session.begin():
        return verb(session, caller=session.caller, id=id, now=session.now, **body)


def elsewhere(ville: Ville) -> UUID:
    """A ticket of another territoire, at the same place as those of Vaucelles."""
    configuration = lire_territoire(DEMO / "territoire.yaml").configuration
    with ville.session(Door.OWNER) as session, session.begin():
        import_configuration(session, replace(configuration, code="AUT"), auteur="test", now=session.now)
        there = get_territoire(session, "AUT")
        read_ = [PersonneLue("relais@aut.test", "Autre", Role.RELAIS, None, 2)]
        import_personnes(session, there, read_, now=session.now)
        territoire = there.id
    with ville.session(identity=Identity(territoire=territoire)) as session, session.begin():
        person = by_identifiant(session, "relais@aut.test").id
    return deposit(ville, who=Identity(territoire=territoire, personne=person, generation=0))


def configure(ville: Ville, change: Callable[[Configuration], Configuration]) -> None:
    """Import the demo's configuration, changed, as the next version."""
    configuration = lire_territoire(DEMO / "territoire.yaml").configuration
    with ville.session(Door.OWNER) as session, session.begin():
        import_configuration(session, change(configuration), auteur="test", now=session.now)


def work(ville: Ville) -> int:
    """What a worker does at this instant: all that is due, then the grouped mail. Returns the paliers reached."""
    reached = 0
    while True:
        with ville.worker() as session, session.begin():
            ticket = next_due(session, now=session.now)
            if ticket is None:
                break
            reached += fire(session, ticket, now=session.now)
    with ville.worker() as session, session.begin():
        announce_transmitted(session, now=session.now)
    return reached


def at(ville: Ville, text: str) -> int:
    ville.at(le(text))
    return work(ville)


def live(ville: Ville, until: str) -> None:
    """Let time pass with a worker that never sleeps: it looks at each date a ticket asked for, then at `until`."""
    while True:
        with ville.worker() as session, session.begin():
            due = session.scalar(select(func.min(Rappel.du_le)))
        if due is None or due > le(until):
            break
        ville.at(due)
        work(ville)
    at(ville, until)


def read(ville: Ville, reader: Callable[..., T]) -> T:
    with ville.session(Door.OWNER) as session, session.begin():
        return reader(session)


def ticket(ville: Ville, id: UUID) -> Signalement:
    return read(ville, lambda session: session.scalars(select(Signalement).where(Signalement.id == id)).one())


def clocks(ville: Ville, id: UUID) -> dict[tuple[str, int], Echeance]:
    rows = read(ville, lambda session: session.scalars(select(Echeance).where(Echeance.signalement_id == id)).all())
    return {(row.delai.value, row.tour): row for row in rows}


def running(ville: Ville, id: UUID) -> set[tuple[str, int]]:
    return {key for key, row in clocks(ville, id).items() if row.arrete_le is None}


def _local(instant: datetime | None) -> str | None:
    return instant.astimezone(VAUCELLES).strftime("%d/%m %H:%M") if instant else None


def ladder(ville: Ville, id: UUID, *, reached: bool = False) -> list[tuple[str, str, int, str]]:
    """(date, délai, tour, palier), in time: the date of the ladder, or the one it was `reached`."""
    rows = read(ville, lambda session: session.scalars(select(Escalade).where(Escalade.signalement_id == id)).all())
    dated = [(one.declenchee_le if reached else one.prevue_le, one) for one in rows]
    dated.sort(key=lambda pair: (pair[0], pair[1].delai, pair[1].palier))
    return [(_local(date), one.delai.value, one.tour, one.palier) for date, one in dated]


class Mail(NamedTuple):
    le: str | None
    gabarit: str
    a: str
    etat: EtatEnvoi
    donnees: dict


def mails(ville: Ville, id: UUID | None, *gabarits: str) -> list[Mail]:
    """The mails promised about that ticket (None: about several), in time; only those of `gabarits` where given."""
    same = Envoi.signalement_id.is_(None) if id is None else Envoi.signalement_id == id
    rows = read(ville, lambda s: s.scalars(select(Envoi).where(same).order_by(Envoi.cree_le, Envoi.destinataire)).all())
    found = [Mail(_local(row.cree_le), row.gabarit, row.destinataire, row.etat, row.donnees) for row in rows]
    return [mail for mail in found if not gabarits or mail.gabarit in gabarits]


def to(found: Iterable[Mail]) -> list[str]:
    return sorted(mail.a for mail in found)


def facts(ville: Ville, id: UUID) -> list[str]:
    rows = select(Evenement.type).where(Evenement.signalement_id == id).order_by(Evenement.rang)
    return list(read(ville, lambda session: session.scalars(rows).all()))


def agendas(ville: Ville, id: UUID) -> dict[str, Saisine]:
    """The last inscription of the ticket at each instance."""
    wanted = select(Saisine).where(Saisine.signalement_id == id).order_by(Saisine.inscrite_le)
    return {one.instance: one for one in read(ville, lambda session: session.scalars(wanted).all())}
