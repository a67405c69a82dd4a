"""What a request costs is counted in statements: as many for a hundred signalements as for five."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from commands.factories import DELAISSE, DEPOT_SAUVAGE, ERABLES, FRICHE, FUITE, RUE_ERABLES, configure, deposit
from conftest import MARDI, Api, Ville
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, text

from api.app import build_app
from api.resources import Resources
from relais.caller import Door
from relais.db import make_engine
from relais.stockage import Local

VERSIONS = 8
READERS = ("pilote", "relais", "agent", None)
LIST, FEED, ONE, CREATION = 6, 6, 5, 10


@pytest.fixture(scope="module")
def bind(clone: Callable[[], str]) -> Iterator[Engine]:
    """A hundred published signalements and more, born under eight versions of the configuration."""
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    for rank in range(VERSIONS):
        if rank:
            configure(ville, lambda c, rank=rank: replace(c, nom=f"Vaucelles, {rank}"))
        for theme, place, author in ((FUITE, RUE_ERABLES, "relais"), (DEPOT_SAUVAGE, ERABLES, "agent")) * 8:
            deposit(ville, theme=theme, place=place, who=author)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(text("UPDATE signalement SET publie_le = now()"))
        assert session.scalar(text("SELECT count(DISTINCT version) FROM signalement")) == VERSIONS
    yield engine
    engine.dispose()


@pytest.fixture
def counted(bind, settings, keys) -> Iterator["Counted"]:
    with TestClient(build_app(Resources(bind, keys, settings, Local(settings.depot)))) as client:
        yield Counted(Api(client, keys, Ville(bind), Local(settings.depot)), bind)


class Counted:
    """Calls that answer with how many statements they sent, the opening of the transaction included."""

    def __init__(self, api: Api, bind: Engine) -> None:
        self._api, self._bind = api, bind

    def __call__(self, method: str, path: str, *, who: str | None, **options: Any) -> tuple[Any, int]:
        seen: list[str] = []
        headers = self._api.bearer(who) if who else {}
        event.listen(self._bind, "before_cursor_execute", listen := lambda *call: seen.append(call[2]))
        try:
            answer = self._api(method, path, who=None, headers=headers, **options)
        finally:
            event.remove(self._bind, "before_cursor_execute", listen)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json(), len(seen)


@pytest.mark.parametrize("who", READERS)
def test_a_list_costs_the_same_for_five_as_for_a_hundred(counted, who):
    asked = {limite: counted("GET", "/v1/signalements", who=who, params={"limite": limite}) for limite in (5, 100)}
    full = {"relais": 64, "agent": 64}.get(who, 100)
    assert [len(told["elements"]) for told, _ in asked.values()] == [5, full]
    assert {sent for _, sent in asked.values()} <= set(range(LIST + 1))
    _, map_ = counted("GET", "/v1/signalements.geojson", who=who, params={"limite": 100})
    assert map_ <= LIST


@pytest.mark.parametrize("who", READERS)
def test_the_feed_costs_the_same_from_the_beginning_to_the_end(counted, who):
    more: dict[str, str] = {}
    read = 0
    while True:
        told, sent = counted("GET", "/v1/changements", who=who, params={"limite": 50, **more})
        assert sent <= FEED
        read += len(told["elements"])
        if not told["encore"]:
            break
        more = {"depuis": told["curseur_suivant"]}
    assert read == {"relais": 64, "agent": 64}.get(who, 128)
    told, sent = counted("GET", "/v1/changements", who=who, params={"depuis": told["curseur_suivant"]})
    assert (told["elements"], sent) == ([], 2), "nothing new costs the opening, and one look"


@pytest.mark.parametrize("who", READERS)
def test_one_costs_five(counted, who):
    listed, _ = counted("GET", "/v1/signalements", who=who, params={"limite": 100})
    for one in (listed["elements"][0], listed["elements"][-1]):
        _, sent = counted("GET", f"/v1/signalements/{one['id']}", who=who)
        assert sent <= ONE


@pytest.mark.parametrize(
    ("theme", "place", "statut"),
    [(FUITE, RUE_ERABLES, "affecte"), (DEPOT_SAUVAGE, ERABLES, "affecte"), (FRICHE, DELAISSE, "a_qualifier")],
)
def test_a_creation_costs_ten(counted, theme, place, statut):
    said = {"theme": theme, "constate_le": "2026-03-31T18:12:00+02:00"}
    said["position"] = {"lon": place[0], "lat": place[1], "precision_m": 5}
    said["photos"] = [{"id": str(uuid4()), "octets": 412_338, "sha256": "9f" * 32} for _ in range(10)]
    path = f"/v1/signalements/{uuid4()}"
    told, sent = counted("PUT", path, who="relais", json=said)
    assert ("doublons_possibles" in told) == (theme != FRICHE)
    told.pop("doublons_possibles", None)  # said in answer to the sending alone
    assert (told["statut"]["code"], told["photos_manquantes"]) == (statut, [one["id"] for one in said["photos"]])
    assert sent <= CREATION
    assert counted("GET", path, who="relais")[0] == told, "answered from what was written, as it will be read"
