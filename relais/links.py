"""Links that carry their own right: media that expire, and the buttons of a mail. Nothing is stored: the HMAC says it.

A button's link is derived from the envoi's id, so that the same mail sent twice carries the same links.
"""

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from uuid import UUID

from relais.errors import LienInvalide
from relais.keys import Keys

MEDIA_DAYS = 2
"""A media link lives until the end of the next UTC day but one, so that the same link serves all day and caches hit."""

ACTION_DAYS = 30
"""A mail's buttons outlive the longest ordinary ladder; what they may do is checked again when pressed."""

_ACTION = struct.Struct(">IB16s")
_MAC = 12
_SEAL = re.compile(r"([0-9a-f]{1,16})\.([\w-]+)", re.ASCII)  # a stamp with a `/` in it would borrow from the path


class Choice(IntEnum):
    """What a button of a mail does."""

    PRENDRE_EN_CHARGE = 1
    MOBILISER = 2
    AJOURNER = 3
    RETIRER = 4


@dataclass(frozen=True)
class Action:
    territoire: int
    choice: Choice
    envoi: UUID


def seal(key: bytes, message: bytes, *, mac: int = _MAC) -> str:
    """The message and the first `mac` bytes of its HMAC, in one word that any address or JSON carries."""
    return _pack(message + _mac(key, message, mac))


def unseal(key: bytes, token: str, *, size: int, mac: int = _MAC) -> bytes | None:
    """The message of `size` bytes that `seal` was given; None: under another key, changed, cut, or not a seal."""
    raw = _unpack(token)
    message, found = raw[:size], raw[size:]
    if len(raw) != size + mac or not hmac.compare_digest(found, _mac(key, message, mac)):
        return None
    return message


def _mac(key: bytes, message: bytes, size: int = _MAC) -> bytes:
    return hmac.new(key, message, sha256).digest()[:size]


def _pack(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpack(token: str) -> bytes:
    """Empty when `_pack` never wrote it: one link has one spelling."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        return b""
    return raw if _pack(raw) == token else b""


def action_token(keys: Keys, action: Action) -> str:
    return seal(keys.derive("actions"), _ACTION.pack(action.territoire, action.choice, action.envoi.bytes))


def read_action(keys: Keys, token: str) -> Action:
    """Raises LienInvalide. The age of the link is that of its envoi: see `ACTION_DAYS`."""
    message = unseal(keys.derive("actions"), token, size=_ACTION.size)
    if message is None:
        raise LienInvalide("Reprenez le lien du courriel, en entier.")
    territoire, choice, envoi = _ACTION.unpack(message)
    try:
        return Action(territoire, Choice(choice), UUID(bytes=envoi))
    except ValueError as unknown:
        raise LienInvalide("Ce lien vient d'une version plus récente.") from unknown


def media_path(keys: Keys, cle: str, *, now: datetime) -> tuple[str, datetime]:
    """`/m/{expiry}.{mac}/{cle}` and the instant it stops working (real time: a link is not a promise of the demo)."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    expires = midnight + timedelta(days=MEDIA_DAYS)
    stamp = f"{int(expires.timestamp()):x}"
    return f"/m/{stamp}.{_pack(_mac(keys.derive('media'), f'{stamp}/{cle}'.encode()))}/{cle}", expires


def check_media(keys: Keys, seal: str, cle: str, *, now: datetime) -> None:
    """Raises LienInvalide when the seal is not ours, or is out of date."""
    shape = _SEAL.fullmatch(seal)
    if shape is not None:
        stamp, mac = shape.groups()
        expected = _pack(_mac(keys.derive("media"), f"{stamp}/{cle}".encode(errors="replace")))
        if hmac.compare_digest(mac, expected) and int(stamp, 16) > now.timestamp():
            return
    raise LienInvalide("Relisez le signalement pour obtenir un lien à jour.")
