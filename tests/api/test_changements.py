"""`GET /v1/changements`: whoever asks again and again holds exactly what he may see, whatever commits when."""

import base64
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from commands.factories import DELAISSE, ERABLES, FUITE, RUE_ERABLES, act, deposit
from conftest import DEMO, MARDI, Api, Ville
from fastapi.testclient import TestClient
from sqlalchemy import Engine, delete, func, select, update

from api.app import build_app
from api.resources import Resources
from relais.caller import Caller, Door, Identity
from relais.commands.suivi import touch
from relais.commands.territoire import import_configuration
from relais.commands.verbes import clore, intervenir, prendre_en_charge, reaffecter
from relais.db import Session, make_engine
from relais.errors import RelaisError
from relais.imports.territoire import lire_territoire
from relais.queries.signalement import get_signalement
from relais.rules.refus import MotifDeRenvoi
from relais.stockage import Local
from relais.tables.disparition import GARDE, Disparition
from relais.tables.echeance import Echeance, Escalade
from relais.tables.envoi import Envoi
from relais.tables.evenement import Evenement
from relais.tables.personne import Personne
from relais.tables.signalement import Rappel, Signalement
from relais.wire import Wire
from workers.means import Means
from workers.menage import forget

READERS = ("pilote", "relais", "agent", "agent.proprete", None)
"""None: without an account."""


@pytest.fixture
def engine(clone) -> Iterator[Engine]:
    """What these tests commit, they commit."""
    engine = make_engine(clone())
    yield engine
    engine.dispose()


@pytest.fixture
def ville(engine) -> Ville:
    town = Ville(engine)
    town.at(MARDI)
    return town


@pytest.fixture
def api(engine, settings, keys, ville) -> Iterator[Api]:
    stockage = Local(settings.depot)
    with TestClient(build_app(Resources(engine, keys, settings, stockage)), raise_server_exceptions=False) as client:
        yield Api(client, keys, ville, stockage)


def publier(session: Session, *, caller: Caller, id: UUID, now: datetime, publie: bool = True) -> None:
    ticket = get_signalement(session, caller=caller, id=id, lock=True)
    ticket.publie_le = now if publie else None
    touch(ticket, now=now)


def depublier(session: Session, **who: Any) -> None:
    publier(session, **who, publie=False)


class Copie:
    """What an application keeps of the feed, and nothing more: it puts, it erases, it remembers its cursor."""

    def __init__(self, api: Api, who: str | None, limite: int = 200) -> None:
        self._api, self._who, self._limite = api, who, limite
        self.curseur: str | None = None
        self.held: dict[str, Any] = {}
        self.gone = 0

    def ask(self, **more: Any) -> dict[str, Any]:
        depuis = {"depuis": self.curseur} if self.curseur else {}
        answer = self._api("GET", "/v1/changements", who=self._who, params={"limite": self._limite, **depuis, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def read(self) -> list[dict[str, Any]]:
        """One page, kept."""
        told = self.ask()
        for one in told["elements"]:
            assert set(one) in ({"id", "signalement"}, {"id", "disparu"})
            if "signalement" in one:
                self.held[one["id"]] = one["signalement"]
            else:
                self.held.pop(one["id"], None)
                self.gone += 1
        self.curseur, self.encore = told["curseur_suivant"], told["encore"]
        return told["elements"]

    def follow(self) -> "Copie":
        while self.read() and self.encore:
            pass
        return self

    def truth(self) -> dict[str, Any]:
        found, more = {}, {}
        while True:
            page = self._api("GET", "/v1/signalements", who=self._who, params={"limite": 200, **more}).json()
            found |= {one["id"]: one for one in page["elements"]}
            if "curseur_suivant" not in page:
                return found
            more = {"curseur": page["curseur_suivant"]}


# --- nothing missed


ACTS: tuple[tuple[str, Callable[..., Any], dict[str, Any]], ...] = (
    ("agent", prendre_en_charge, {}),
    ("agent.proprete", prendre_en_charge, {}),
    ("pilote", reaffecter, {"motif": MotifDeRenvoi.QUALIFICATION, "acteur": "proprete"}),
    ("pilote", reaffecter, {"motif": MotifDeRenvoi.QUALIFICATION, "acteur": "habitat-lisse"}),
    ("agent", reaffecter, {"motif": MotifDeRenvoi.PAS_MON_TERRAIN, "acteur": None}),
    ("agent", intervenir, {"commentaire": "Réparé.", "nature": "durable", "photos": []}),
    ("pilote", clore, {}),
    ("pilote", publier, {}),
    ("pilote", depublier, {}),
)


class Ecrivain(threading.Thread):
    """Creates, acts, reassigns, publishes, withdraws; holds some transactions open, and gives some up."""

    def __init__(self, ville: Ville, ids: list[UUID], seed: int, who: dict[str, Identity]) -> None:
        super().__init__()
        self._ville, self._ids, self._who = ville, ids, who
        self._chance = random.Random(seed)  # noqa: S311 - the same acts at each run, not a secret
        self.done = 0
        self.wrong: BaseException | None = None

    def run(self) -> None:
        try:
            for _ in range(25):
                self._write()
        except BaseException as wrong:  # noqa: BLE001 - told by the test, which a thread's own failure would not stop
            self.wrong = wrong

    def _write(self) -> None:
        if self._chance.random() < 0.2:
            where = self._chance.choice((ERABLES, RUE_ERABLES, DELAISSE))
            author = self._who[self._chance.choice(("relais", "agent"))]
            self._ids.append(deposit(self._ville, theme=FUITE, place=where, who=author))
            return
        prenom, verb, body = self._chance.choice(ACTS)
        with self._ville.session(identity=self._who[prenom]) as session:
            try:
                verb(session, caller=session.caller, id=self._chance.choice(self._ids), now=session.now, **body)
                session.flush()
            except RelaisError:
                session.rollback()
                return
            time.sleep(self._chance.choice((0, 0, 0.05, 0.1)))
            if self._chance.random() < 0.15:
                session.rollback()
            else:
                session.commit()
                self.done += 1


def test_four_writers_and_a_slow_reader_nothing_missed(api, ville):
    who = {prenom: ville.identity(prenom) for prenom in ("relais", "agent", "agent.proprete", "pilote")}
    ids = [deposit(ville, theme=FUITE, place=place) for place in (ERABLES, RUE_ERABLES, DELAISSE) for _ in range(4)]
    writers = [Ecrivain(ville, ids, seed, who) for seed in range(4)]
    copies = {reader: Copie(api, reader, limite=20) for reader in READERS}
    for one in writers:
        one.start()
    while any(one.is_alive() for one in writers):
        for copie in copies.values():
            copie.read()
    for one in writers:
        one.join()
        assert one.wrong is None
    assert sum(one.done for one in writers) > 20
    for reader, copie in copies.items():
        assert copie.follow().held == copie.truth(), reader
        assert copie.held, reader
        assert Copie(api, reader).follow().held == copie.held, f"{reader}, from the beginning"
    assert copies["pilote"].gone == copies["relais"].gone == 0, "who sees everything, or his own, loses nothing"


def after(ville: Ville, rank: int) -> list[Signalement]:
    """The mutant: a cursor that is a sequence alone, as so many feeds have."""
    wanted = select(Signalement).where(Signalement.changed_seq > rank).order_by(Signalement.changed_seq)
    with ville.session(Door.OWNER) as session, session.begin():
        return list(session.scalars(wanted))


def test_a_write_that_commits_late_is_read_where_a_cursor_on_a_sequence_alone_would_miss_it(api, ville):
    late, early = deposit(ville), deposit(ville)
    copie = Copie(api, "pilote").follow()
    naive = max(one.changed_seq for one in after(ville, 0))
    with ville.as_("agent") as slow:
        prendre_en_charge(slow, caller=slow.caller, id=late, now=slow.now)
        slow.flush()
        act(ville, "agent", prendre_en_charge, early)
        passed = after(ville, naive)
        assert [one.id for one in passed] == [early]
        naive = passed[-1].changed_seq
        assert copie.read() == [], "what is beyond the oldest transaction still open waits for it"
        slow.commit()
    assert after(ville, naive) == [], "missed for ever"
    copie.follow()
    assert {copie.held[str(id)]["statut"]["code"] for id in (late, early)} == {"pris_en_charge"}


def test_given_back_by_a_transaction_that_began_before_the_one_that_took_it(api, ville):
    """Its place then comes before the tombstone, and it must not be erased by it."""
    id = str(deposit(ville, theme=FUITE))
    copies = {reader: Copie(api, reader).follow() for reader in ("agent", "agent.proprete", "pilote")}
    with ville.as_("pilote") as first:
        first.execute(select(func.pg_current_xact_id()))
        act(ville, "pilote", reaffecter, UUID(id), motif=MotifDeRenvoi.QUALIFICATION, acteur="proprete")
        back = {"motif": MotifDeRenvoi.PAS_MON_TERRAIN, "acteur": "habitat-lisse"}
        reaffecter(first, caller=first.caller, id=UUID(id), now=first.now, **back)
        first.commit()
    for reader, seen in {"agent": True, "agent.proprete": False, "pilote": True}.items():
        for copie in (copies[reader], Copie(api, reader)):
            assert (id in copie.follow().held) is seen, reader


def test_what_is_not_seen_any_more_disappears_and_what_is_seen_again_comes_back(api, ville):
    id = deposit(ville, theme=FUITE)
    agent, public = Copie(api, "agent").follow(), Copie(api, None).follow()
    assert (set(agent.held), set(public.held)) == ({str(id)}, set())
    act(ville, "pilote", publier, id)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="proprete")
    assert agent.read() == [{"id": str(id), "disparu": True}]
    [told] = public.read()
    assert "source" not in told["signalement"], "the public view"
    act(ville, "pilote", depublier, id)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="habitat-lisse")
    assert public.read() == [{"id": str(id), "disparu": True}]
    assert [one["signalement"]["responsable"]["code"] for one in agent.read()] == ["habitat-lisse"]


def test_the_author_keeps_what_his_acteur_loses(api, ville):
    id = deposit(ville, theme=FUITE, who="agent")
    copie = Copie(api, "agent").follow()
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="proprete")
    assert [one["signalement"]["responsable"]["code"] for one in copie.read()] == ["proprete"]


def test_everybody_is_told_of_what_is_erased(api, ville):
    id = deposit(ville, theme=FUITE)
    act(ville, "pilote", publier, id)
    copies = [Copie(api, reader).follow() for reader in READERS]
    with ville.session(Door.OWNER) as session, session.begin():
        for table in (Envoi, Evenement, Rappel, Escalade, Echeance):
            session.execute(delete(table).where(table.signalement_id == id))
        session.execute(delete(Signalement).where(Signalement.id == id))
    for copie in copies:
        assert copie.read() == [{"id": str(id), "disparu": True}]


def test_who_begins_is_told_of_no_loss_before_him_and_of_every_one_since(api, ville):
    """He holds nothing that he could have lost; but of what his first page gave, everything that goes is said."""
    old, held, after = (deposit(ville, theme=FUITE) for _ in range(3))
    act(ville, "pilote", reaffecter, old, motif=MotifDeRenvoi.QUALIFICATION, acteur="proprete")
    copie = Copie(api, "agent", limite=1)
    assert [one["id"] for one in copie.read()] == [str(held)]
    act(ville, "pilote", reaffecter, held, motif=MotifDeRenvoi.QUALIFICATION, acteur="proprete")
    copie.follow()
    assert (set(copie.held), copie.gone) == ({str(after)}, 1)


def test_a_tombstone_is_forgotten_and_with_it_the_cursors_it_had_yet_to_tell(api, ville, keys, settings):
    ids = [deposit(ville, theme=FUITE) for _ in range(3)]
    absent, followed = (Copie(api, "agent").follow() for _ in range(2))
    for id in ids[:2]:
        act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="proprete")
    newcomer, gone = Copie(api, "agent").follow(), followed.follow().gone
    means = Means(ville.bind, keys, settings, mailbox=None, wire=Wire(), stockage=Local(settings.depot))
    ville.forward(days=GARDE.days - 1)
    forget(means)
    assert (gone, tombstones(ville)) == (2, 2)
    assert {one["id"] for one in absent.ask()["elements"]} == {str(id) for id in ids[:2]}
    act(ville, "pilote", reaffecter, ids[2], motif=MotifDeRenvoi.QUALIFICATION, acteur="proprete")
    ville.forward(days=2)
    for kept in (3, 2):
        assert tombstones(ville) == kept, "the last of the old ones stays: it dates the cursors"
        refused = api("GET", "/v1/changements", who="agent", params={"depuis": absent.curseur})
        assert (refused.status_code, refused.json()["code"]) == (410, "curseur_perime")
        forget(means)
    for copie in (followed, newcomer):
        assert copie.read() == [{"id": str(ids[2]), "disparu": True}]
        assert copie.held == {}
    assert Copie(api, "agent").follow().ask()["elements"] == []


def tombstones(ville: Ville) -> int:
    with ville.session(Door.OWNER) as session, session.begin():
        return len(session.scalars(select(Disparition)).all())


def test_another_territoire_has_its_own_feed(api, ville):
    configuration = lire_territoire(DEMO / "territoire.yaml").configuration
    with ville.session(Door.OWNER) as session, session.begin():
        import_configuration(session, replace(configuration, code="AUT"), auteur="test", now=session.now)
    act(ville, "pilote", publier, id := deposit(ville, theme=FUITE))
    here, there = (Copie(api, None).ask(territoire=code) for code in ("VSL", "AUT"))
    assert ([one["id"] for one in here["elements"]], there["elements"]) == ([str(id)], [])
    depuis = {"depuis": here["curseur_suivant"], "territoire": "AUT"}
    assert api("GET", "/v1/changements", who=None, params=depuis).json()["code"] == "curseur_perime"


# --- cursors


def test_pages_follow_one_another_and_the_last_says_so(api, ville):
    ids = [str(deposit(ville, theme=FUITE)) for _ in range(5)]
    copie, pages = Copie(api, "pilote", limite=2), []
    while True:
        pages.append([one["id"] for one in copie.read()])
        if not copie.encore:
            break
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    act(ville, "agent", prendre_en_charge, UUID(ids[0]))
    assert [one["id"] for one in copie.read()] == [ids[0]], "once, at its last change"


def test_nothing_new_costs_a_304(api, ville):
    deposit(ville, theme=FUITE)
    copie = Copie(api, "pilote").follow()
    ask = {"params": {"depuis": copie.curseur}, "who": "pilote"}
    first = api("GET", "/v1/changements", **ask)
    assert first.json() == {"elements": [], "curseur_suivant": copie.curseur, "encore": False}
    again = api("GET", "/v1/changements", **ask, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_fields_are_chosen_as_in_a_list(api, ville):
    id = str(deposit(ville, theme=FUITE))
    told = Copie(api, "pilote").ask(champs="numero,statut")
    assert [(one["id"], set(one["signalement"])) for one in told["elements"]] == [(id, {"numero", "statut"})]
    refused = api("GET", "/v1/changements", params={"champs": "empreinte"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "?champs")


def test_a_cursor_of_another_role_or_acteur_is_refused_and_says_to_start_again(api, ville):
    deposit(ville, theme=FUITE)
    curseurs = {reader: Copie(api, reader).follow().curseur for reader in READERS}
    assert len(set(curseurs.values())) == len(READERS)
    with ville.session(Door.OWNER) as session, session.begin():
        here = Personne.identifiant == "agent@demo.test"
        session.execute(update(Personne).where(here).values(acteur="proprete"))
    refused = api("GET", "/v1/changements", who="agent", params={"depuis": curseurs["agent"]})
    assert (refused.status_code, refused.json()["code"], refused.json()["retryable"]) == (410, "curseur_perime", False)
    assert "sans « depuis »" in refused.json()["detail"]
    assert api("GET", "/v1/changements", who="relais", params={"depuis": curseurs["pilote"]}).status_code == 410
    assert api("GET", "/v1/changements", who=None, params={"depuis": curseurs["pilote"]}).status_code == 410


def test_a_cursor_of_the_database_before_it_was_restored_is_refused(api, ville, clone, keys, settings):
    """Restored, its transactions are counted from elsewhere: what follows would be behind the reader."""
    deposit(ville, theme=FUITE)
    curseur = Copie(api, "pilote").follow().curseur
    engine = make_engine(clone())
    elsewhere = Resources(engine, keys, settings, Local(settings.depot))
    with TestClient(build_app(elsewhere), raise_server_exceptions=False) as client:
        refused = client.get("/v1/changements", params={"depuis": curseur}, headers=api.bearer("pilote"))
    engine.dispose()
    assert (refused.status_code, refused.json()["code"]) == (410, "curseur_perime")


def test_a_cursor_that_is_not_ours_is_a_400_that_names_it(api, ville):
    deposit(ville, theme=FUITE)
    good = Copie(api, "pilote").follow().curseur
    raw = base64.urlsafe_b64decode(good + "=")
    wrong = {
        "",
        "0",
        "é",
        "a" * 200,
        good[:-1],
        good + "A",
        good + "=",
        good + "\n",
        f" {good}",
        good.replace("A", "+"),
    }
    wrong |= {base64.urlsafe_b64encode(raw[:cut]).decode().rstrip("=") for cut in range(len(raw))}
    for one in wrong - {good}:
        refused = api("GET", "/v1/changements", who="pilote", params={"depuis": one})
        assert refused.status_code == 400, one
        assert refused.json()["errors"][0]["pointer"] == "?depuis", one
    for rank in range(len(raw)):
        changed = raw[:rank] + bytes([raw[rank] ^ 0xFF]) + raw[rank + 1 :]
        params = {"depuis": base64.urlsafe_b64encode(changed).decode().rstrip("=")}
        assert api("GET", "/v1/changements", who="pilote", params=params).status_code in {200, 410}, rank
