"""The demonstration's letter-box, read like a mail reader. Elsewhere these addresses do not exist."""

from fastapi import APIRouter, Response

from api.auth import TerritoireCode
from api.deps import Res, Slot, session_as
from api.pages.rendu import PageRoute, page
from api.resources import Resources
from relais.boite import Recu
from relais.boite import lire as lire_boite
from relais.caller import Identity
from relais.commands.horloge import is_demonstration
from relais.courriels.dates import Dates
from relais.errors import NotFound
from relais.queries.referentiel import referentiel

router = APIRouter(prefix="/demo/courriels", route_class=PageRoute, dependencies=[Slot])

POLITIQUE = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
"""The frame of a mail inherits it, and a mail wears its styles inline. Still nothing is fetched, nor run."""


class PageIntrouvable(NotFound):
    """Cette page n'existe pas."""


class CourrielIntrouvable(NotFound):
    """Ce courriel n'est pas dans la boîte."""


@router.api_route("", methods=["GET", "HEAD"])
def lister_courriels(res: Res, code: TerritoireCode = None) -> Response:
    dates = _demonstration(res, code)
    return page("courriels.html", courriels=_recus(res), dates=dates)


@router.api_route("/{fichier}", methods=["GET", "HEAD"])
def montrer_courriel(fichier: str, res: Res, code: TerritoireCode = None) -> Response:
    dates = _demonstration(res, code)
    # Looked up among the messages, never joined to a path.
    found = next((one for one in _recus(res) if one.fichier == fichier), None)
    if found is None:
        raise CourrielIntrouvable("Revenez à la liste : /demo/courriels")
    # A button opened inside the frame would be refused by the page it leads to, which may not be framed.
    framed = f'<base target="_blank">{found.html}'
    return page("courriel.html", politique=POLITIQUE, courriel=found, encadre=framed, dates=dates)


def _demonstration(res: Resources, code: str | None) -> Dates:
    """Raises PageIntrouvable elsewhere."""
    with session_as(res, Identity(code=code)) as session, session.begin():
        if not is_demonstration(session):
            raise PageIntrouvable
        return Dates(referentiel(session).configuration.calendrier)


def _recus(res: Resources) -> list[Recu]:
    """Newest first."""
    return lire_boite(res.settings.courriels)[::-1]
