"""Access tokens: EdDSA, ten minutes, saying who asks and in which territoire; never with which rôle.

And what gives one: the code of a mail with the defi of the device that asked, then that device's refresh tokens. None
of these is kept: each is derived from a row's id by a secret, and the row says what it is still worth.
"""

import hmac
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import jwt

from relais.caller import Identity
from relais.errors import CodeInvalide, JetonExpire, JetonInvalide, SessionTerminee
from relais.keys import Keys
from relais.links import seal, unseal

ISSUER = "relais"
AUDIENCE = "relais/api"
TYPE = "at+jwt"
LIFE = timedelta(minutes=10)
CLE_PREFIX = "rk_"
"""API keys are not tokens: `rk_<territoire>_<random>`, looked up by their hash."""
_CLE = re.compile(rf"{CLE_PREFIX}(\d{{1,9}})_[\w-]+", re.ASCII)  # nine figures always fit the column

CODE_FIGURES = 6
_DEFI = struct.Struct(">I16s")
_RANG = struct.Struct(">I16sI")
_RANG_MAC = 32
"""A refresh token lives for months: its whole HMAC is kept."""

CODE_REFUSE = "Relisez les six chiffres du dernier courriel. Après cinq essais ou dix minutes, demandez un autre code."
"""The one thing said of a code refused, whatever the reason: a stranger learns nothing of an address by trying."""


@dataclass(frozen=True)
class Renouvellement:
    """What a refresh token says: the `rang`-th one given to that appareil."""

    territoire: int
    appareil: UUID
    rang: int


def issue(keys: Keys, *, territoire: int, personne: UUID, generation: int) -> str:
    """Expiry stays on real time: moving a demonstration's clock neither kills nor prolongs a token."""
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(personne),
        "ter": territoire,
        "gen": generation,
        "jti": str(uuid4()),
        "iat": now,
        "exp": now + LIFE,
    }
    return jwt.encode(claims, keys.tokens, algorithm="EdDSA", headers={"kid": keys.kid, "typ": TYPE})


def read(keys: Keys, token: str) -> Identity:
    """Raises JetonExpire or JetonInvalide; PyJWT checks neither `typ` nor a lone audience unless told."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TYPE or header.get("kid") != keys.kid:
            raise JetonInvalide("Ce jeton n'a pas été émis par cette installation.")
        claims = jwt.decode(
            token,
            keys.tokens.public_key(),
            algorithms=["EdDSA"],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"], "strict_aud": True},
        )
        return Identity(territoire=int(claims["ter"]), personne=UUID(claims["sub"]), generation=int(claims["gen"]))
    except jwt.ExpiredSignatureError as expired:
        raise JetonExpire("Un jeton vaut dix minutes ; demandez-en un autre.") from expired
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError) as wrong:
        raise JetonInvalide("Le jeton est illisible ou sa signature est fausse.") from wrong


def digest_of_cle(cle: str) -> str:
    """256 random bits need no salt nor slow hash."""
    return sha256(cle.encode()).hexdigest()


def read_cle(cle: str) -> Identity:
    """The claim of an API key; the first statement of the transaction says whether it is known and active.

    Raises JetonInvalide when it has not even the shape of one.
    """
    shape = _CLE.fullmatch(cle)
    if shape is None:
        raise JetonInvalide("Cette clé est incomplète.")
    return Identity(territoire=int(shape[1]), cle=digest_of_cle(cle))


def defi_token(keys: Keys, *, territoire: int, defi: UUID) -> str:
    """What the device that asks for a code holds, without which the code is worth nothing."""
    return seal(keys.derive("defi"), _DEFI.pack(territoire, defi.bytes))


def read_defi(keys: Keys, token: str) -> tuple[int, UUID]:
    """The territoire and the id of the defi. Raises CodeInvalide."""
    message = unseal(keys.derive("defi"), token, size=_DEFI.size)
    if message is None:
        raise CodeInvalide(CODE_REFUSE)
    territoire, defi = _DEFI.unpack(message)
    return territoire, UUID(bytes=defi)


def code_of(keys: Keys, defi: UUID) -> str:
    """The six figures that the mail of this defi says."""
    drawn = int.from_bytes(hmac.digest(keys.derive("codes"), defi.bytes, "sha256"))
    return f"{drawn % 10**CODE_FIGURES:0{CODE_FIGURES}}"


def refresh_token(keys: Keys, said: Renouvellement) -> str:
    """The same for the same rang: an answer lost on the way is given again, and nothing of it is stored."""
    message = _RANG.pack(said.territoire, said.appareil.bytes, said.rang)
    return seal(keys.derive("rafraichissement"), message, mac=_RANG_MAC)


def read_refresh(keys: Keys, token: str) -> Renouvellement:
    """Raises SessionTerminee."""
    message = unseal(keys.derive("rafraichissement"), token, size=_RANG.size, mac=_RANG_MAC)
    if message is None:
        raise SessionTerminee
    territoire, appareil, rang = _RANG.unpack(message)
    return Renouvellement(territoire, UUID(bytes=appareil), rang)
