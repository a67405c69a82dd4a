"""Signing in: a code by mail, then a device whose refresh tokens follow one another.

Here `now` is real time, as for every token; where the business clock is needed too, it is said. What is refused may
have been written all the same (a try, a theft): the caller commits, then refuses.
"""

import hmac
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, func, or_, select

from relais.db import Session, lock_number
from relais.errors import CompteSuspendu, TropDeCodes
from relais.keys import Keys
from relais.queries.personne import active, by_id
from relais.tables.connexion import Appareil, Defi
from relais.tables.personne import Personne
from relais.tokens import code_of

VALIDITE = timedelta(minutes=10)
"""How long a code is worth something: a mail held back by greylisting has the time to come."""

ESSAIS = 5
"""Guesses at one code. With CODES, 25 in a quarter of an hour at one address, of a million: a day's worth is 0.24 %."""

CODES, FENETRE = 5, timedelta(minutes=15)
"""Codes sent to one address, and in how long: nobody's letter-box is filled by a stranger.

The price: a stranger who asks for them all keeps the owner from a new code as long as he goes on. Devices already
signed in are not concerned."""

SOMMEIL = timedelta(days=90)
"""A device not heard of for so long signs in again: longer than a summer, shorter than a phone stays lost unnoticed."""

GARDE_DEFI, GARDE_APPAREIL = timedelta(days=1), timedelta(days=30)
"""How long each is kept once it is worth nothing more."""


def ask_code(session: Session, *, identifiant: str, now: datetime, real: datetime) -> Defi:
    """`now` is the business clock's, by which the worker is called; `real` is real time, in which the code expires.

    The same statements whatever the address: who has an account is the worker's to find out. Raises TropDeCodes, which
    says nothing of it either.
    """
    asked = identifiant.strip().lower()
    session.execute(select(func.pg_advisory_xact_lock(lock_number("defi", str(session.territoire), asked))))
    # A second statement, on purpose: the snapshot of the first was taken before its lock.
    recent = select(func.count()).where(
        Defi.territoire_id == session.territoire, Defi.identifiant == asked, Defi.cree_le > now - FENETRE
    )
    if session.scalars(recent).one() >= CODES:
        raise TropDeCodes("Si l'un des codes reçus a été demandé sur cet appareil, il vaut encore ; sinon, réessayez.")
    defi = Defi(
        territoire_id=session.territoire,
        id=uuid4(),
        identifiant=asked,
        cree_le=now,
        expire_le=real + VALIDITE,
        due_at=now,
    )
    session.add(defi)
    session.flush()
    return defi


def use_code(session: Session, *, keys: Keys, defi: UUID, code: str, now: datetime) -> Appareil | None:
    """The device signed in, once for one defi. None: refused, whatever the reason, and the try counts."""
    key = (session.territoire, defi)
    held = session.get(Defi, key, with_for_update=True, populate_existing=True)
    if held is None or held.consomme_le is not None or held.expire_le <= now or held.essais >= ESSAIS:
        return None
    held.essais += 1
    if not hmac.compare_digest(code.encode(), code_of(keys, held.id).encode()):
        return None
    held.consomme_le = now
    who = active(session, held.identifiant)
    return _sign_in(session, who, now=now) if who else None


def renew(session: Session, *, appareil: UUID, rang: int, now: datetime) -> Appareil | None:
    """The device, its `rang` that of the refresh token to answer. None: its session is over.

    The last rang given moves on; the one before is a lost answer, given again. An older one was copied: whoever holds
    the newer, thief or not, the whole family ends. A thief who answers turn by turn with the owner is seen at the first
    turn either takes twice. Raises CompteSuspendu.
    """
    key = (session.territoire, appareil)
    held = session.get(Appareil, key, with_for_update=True, populate_existing=True)
    if held is None or held.revoque_le is not None or held.expire_le <= now:
        return None
    if rang not in {held.rang, held.rang - 1}:
        held.revoque_le = now
        return None
    if not _still_its_own(session, held):
        return None
    if rang == held.rang:
        held.rang += 1
    held.renouvele_le, held.expire_le = now, now + SOMMEIL
    return held


def revoke(session: Session, *, appareil: UUID, now: datetime) -> None:
    """End this device's session; twice is once, and none is no matter."""
    held = session.get(Appareil, (session.territoire, appareil), with_for_update=True, populate_existing=True)
    if held is not None and held.revoque_le is None:
        held.revoque_le = now


def purge_connexions(session: Session, *, now: datetime) -> int:
    """Forget this territoire's codes and devices worth nothing for long enough; how many there were."""
    before = now - GARDE_APPAREIL
    old = (
        delete(Defi).where(Defi.territoire_id == session.territoire, Defi.expire_le < now - GARDE_DEFI),
        delete(Appareil).where(
            Appareil.territoire_id == session.territoire,
            or_(Appareil.expire_le < before, Appareil.revoque_le < before),
        ),
    )
    return sum(session.execute(one).rowcount for one in old)  # type: ignore[attr-defined]


def _sign_in(session: Session, who: Personne, *, now: datetime) -> Appareil:
    made = Appareil(
        territoire_id=who.territoire_id,
        id=uuid4(),
        personne_id=who.id,
        generation=who.generation,
        rang=1,
        cree_le=now,
        renouvele_le=now,
        expire_le=now + SOMMEIL,
    )
    session.add(made)
    session.flush()
    return made


def _still_its_own(session: Session, held: Appareil) -> bool:
    """Raises CompteSuspendu. A generation raised since ended every session, that of a lost phone among them."""
    who = by_id(session, held.personne_id)
    if who is not None and not who.actif:
        raise CompteSuspendu("Adressez-vous à l'administrateur de votre territoire.")
    return who is not None and who.generation == held.generation
