"""Access tokens: EdDSA, ten minutes, saying who asks and in which territoire; never with which rôle."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import jwt

from relais.caller import Identity
from relais.errors import JetonExpire, JetonInvalide
from relais.keys import Keys

ISSUER = "relais"
AUDIENCE = "relais/api"
TYPE = "at+jwt"
LIFE = timedelta(minutes=10)
CLE_PREFIX = "rk_"
"""API keys are not tokens: `rk_<territoire>_<random>`, looked up by their hash."""
_CLE = re.compile(rf"{CLE_PREFIX}(\d{{1,9}})_[\w-]+", re.ASCII)  # nine figures always fit the column


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
