"""Webhook addresses, refused when they are given rather than at their first delivery."""

from functools import lru_cache

from relais.errors import AdresseRefusee, Fault
from relais.settings import Settings
from relais.wire import Wire, WireBlocked


def check_address(settings: Settings, url: str) -> None:
    """What the address alone shows; what its name resolves to is for the wire, at each delivery.

    Raises AdresseRefusee.
    """
    try:
        _wire(settings.webhooks_autorises).check(url)
    except WireBlocked as blocked:
        raise AdresseRefusee(errors=(Fault("/url", f"{blocked}."),)) from blocked


@lru_cache(maxsize=4)
def _wire(allow: tuple[str, ...]) -> Wire:
    """Kept: each reads the machine's certificates anew."""
    return Wire(allow=allow)
