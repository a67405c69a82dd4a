"""Standard Webhooks 1.0.0, symmetric scheme `v1`: how a partner knows a body for ours, unaltered and fresh."""

import base64
import hashlib
import hmac
import secrets as randomness
from collections.abc import Sequence

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)  # bounds of the specification, both included


def new_secret() -> str:
    """A secret for one endpoint: `whsec_` and 32 random bytes in base64. To show once, and keep encrypted."""
    return PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def sign(secret: str, *, id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64 HMAC-SHA256>` of `{id}.{timestamp}.{body}`.

    `body` is what goes on the wire, to the byte; `timestamp` the unix seconds of this attempt (receivers refuse one
    older than five minutes, so a retry signs again); `id` the same for every attempt.
    Raises ValueError for a secret that is not 24 to 64 bytes of base64, or an id with a full stop in it: the dot
    separates the signed parts, and one in the id would let two messages share a signature.
    """
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if len(key) not in KEY_BYTES:
        raise ValueError("a webhook secret is 24 to 64 bytes")
    if "." in id:
        raise ValueError("a webhook id contains no full stop")
    mac = hmac.digest(key, b"%b.%d.%b" % (id.encode(), timestamp, body), hashlib.sha256)
    return "v1," + base64.b64encode(mac).decode()


def headers(secrets: Sequence[str], *, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt. While a secret is being replaced both sign, and either verifies."""
    if not secrets:
        raise ValueError("a webhook is never sent unsigned")
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, id=id, timestamp=timestamp, body=body) for secret in secrets),
    }
