"""Webhook addresses, refused when they are given rather than at their first delivery."""

import re
from functools import lru_cache

from relais.errors import AdresseRefusee, Fault
from relais.settings import Settings
from relais.wire import Wire, WireBlocked

ANY_PROXY = "http://127.0.0.1:9"
"""Never connected to: it is behind a proxy that the wire refuses special addresses as they are written."""

_URL = re.compile(r"https?://([\w.-]+|\[[0-9a-f:.]+\])(:\d+)?([/?#]\S*)?", re.IGNORECASE)


def check_address(settings: Settings, url: str) -> None:
    """Scheme, port, userinfo and literal addresses; what a name resolves to is for the wire, at each delivery.

    Raises AdresseRefusee.
    """
    try:
        _policy(settings.webhooks_autorises)._checked(url)  # noqa: SLF001 - the wire's own check, so that they agree
    except WireBlocked as blocked:
        raise AdresseRefusee(errors=(Fault("/url", f"{blocked}."),)) from blocked
    if not _URL.fullmatch(url):  # the wire would escape what has no place there, and fail to resolve it for ever
        raise AdresseRefusee(errors=(Fault("/url", "Écrivez une adresse https:// complète, sans espace."),))


@lru_cache(maxsize=4)
def _policy(allow: tuple[str, ...]) -> Wire:
    return Wire(allow=allow, proxy=ANY_PROXY)
