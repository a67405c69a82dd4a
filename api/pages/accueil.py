"""The home page: what this installation is; in a demonstration, where to start."""

from operator import attrgetter

from fastapi import APIRouter, Response
from sqlalchemy import select

from api.auth import TerritoireCode
from api.deps import Res, Slot, session_as
from api.pages.carte import dessiner
from api.pages.rendu import PageRoute, page
from relais.caller import Identity
from relais.commands.horloge import is_demonstration
from relais.courriels.dates import Dates
from relais.db import Session
from relais.queries.personne import by_role
from relais.queries.referentiel import referentiel
from relais.rules.acces import Role
from relais.tables.territoire import Territoire

ROLES = {role: role.value for role in Role} | {Role.ELU: "élu", Role.DIRECTION_GENERALE: "direction générale"}

router = APIRouter(route_class=PageRoute, dependencies=[Slot])


@router.api_route("/", methods=["GET", "HEAD"])
def accueillir(res: Res, code: TerritoireCode = None) -> Response:
    with session_as(res, Identity(code=code)) as session, session.begin():
        if session.opening.territoire is None:
            served = session.scalars(select(Territoire).order_by(Territoire.nom)).all()
            return page("accueil_territoires.html", territoires=served)
        if is_demonstration(session):
            return _demonstration(session)
        ref = referentiel(session)
        return page("accueil.html", configuration=ref.configuration, suffixe=_suffixe(code))


def _demonstration(session: Session) -> Response:
    ref = referentiel(session)
    dates = Dates(ref.configuration.calendrier)
    today = ref.configuration.calendrier.jour(session.now)
    ground = [one for one in sorted(ref.carte.emprises, key=attrgetter("code")) if one.valide(today)]
    return page(
        "accueil_demo.html",
        configuration=ref.configuration,
        suffixe="",
        maintenant=dates.instant_complet(session.now),
        comptes=by_role(session, tuple(Role)),
        roles=ROLES,
        carte=dessiner(ref.configuration, ground),
    )


def _suffixe(code: str | None) -> str:
    """What the links to public data need where several territoires are served."""
    return f"?territoire={code}" if code else ""
