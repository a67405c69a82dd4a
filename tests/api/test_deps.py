"""Transactions and the door: opened late, closed before the answer leaves, and never more than the pool holds."""

import asyncio
import base64
import io
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import uvicorn
from conftest import MARDI, Ville
from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from PIL import Image
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import IntegrityError, OperationalError

from api import deps, idempotence, multipart, uploads
from api.app import build_app
from api.resources import Resources
from api.routes import verbes
from relais.caller import Door
from relais.commands.idempotence import Demande, answered, purge, remember
from relais.db import Session, make_engine
from relais.errors import DemandeEnCours
from relais.keys import Keys
from relais.stockage import Local
from relais.tables.idempotence import Idempotence
from relais.tables.signalement import Signalement
from relais.tokens import issue

POOL = 3
TEXT = {"Content-Type": "application/json"}


def body(theme: str = "voirie.trottoir") -> dict:
    said = {"theme": theme, "constate_le": "2026-03-31T18:12:00+02:00"}
    return said | {"position": {"lon": 0.41312, "lat": 48.105424, "precision_m": 1}}


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "tan").save(out, "JPEG")
    return out.getvalue()


PHOTO = picture()


def form() -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="signalement"\r\n\r\n{json.dumps(body())}\r\n--x--'.encode()


def digest(content: bytes) -> dict[str, str]:
    if content.startswith(b"--x"):
        return {"Content-Type": "multipart/form-data; boundary=x", "Idempotency-Key": "a"}
    code = base64.b64encode(sha256(content).digest()).decode()
    return {"Content-Digest": f"sha-256=:{code}:"} | ({"Content-Type": "image/jpeg"} if content == PHOTO else {})


class Installation:
    """Relais on a database of its own, with a pool of three: nothing of it is shared with another test."""

    def __init__(self, engine: Engine, keys: Keys, settings) -> None:
        self.engine, self.ville = engine, Ville(engine)
        self.ville.at(MARDI)
        who = self.ville.identity("relais")
        token = issue(keys, territoire=who.territoire, personne=who.personne, generation=0)
        self.headers = {"Authorization": f"Bearer {token}"}
        self._resources = lambda: Resources(engine, keys, settings, Local(settings.depot), asyncio.Semaphore(POOL))

    def app(self):
        return build_app(self._resources())

    def tickets(self) -> int:
        with self.ville.session(Door.OWNER) as session, session.begin():
            return session.scalar(select(func.count()).select_from(Signalement))

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address of a real server."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = uvicorn.Server(uvicorn.Config(self.app(), log_level="critical", lifespan="off"))
            thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
            thread.start()
            yield "http://{}:{}".format(*listening.getsockname())
            server.should_exit = True
            thread.join()

    def ask(self, method: str, path: str, said: dict | bytes = b"", app: FastAPI | None = None) -> tuple[int, Any, int]:
        """Status, body, and how many connections were out when the answer left."""
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        return asyncio.run(self._ask(app or self.app(), method, path, content))

    async def _ask(self, app, method, path, content):
        out, sent = [], [{"type": "http.request", "body": content}]

        async def receive():
            return sent.pop() if sent else await asyncio.Event().wait()

        async def send(message):
            out.append((message, self.engine.pool.checkedout()))

        headers = [(k.lower().encode(), v.encode()) for k, v in (TEXT | self.headers | digest(content)).items()]
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
        scope |= {"headers": headers, "scheme": "http", "server": ("relais", 80), "http_version": "1.1"}
        with suppress(IntegrityError):  # what crashed is raised again for the server's log, once answered
            await app(scope, receive, send)
        (start, held), *rest = out
        return start["status"], json.loads(b"".join(one["body"] for one, _ in rest) or b"{}"), held


@pytest.fixture
def installation(clone, keys, settings) -> Iterator[Installation]:
    engine = make_engine(clone(), pool=POOL)
    yield Installation(engine, keys, settings)
    engine.dispose()


def routes(app) -> list[APIRoute]:
    """Every route, pages included: the app holds routers, and does not show through them."""
    included = [one.original_router for one in app.routes if hasattr(one, "original_router")]
    found = [route for router in included for route in router.routes]
    assert len(found) > 25
    return found


def test_no_dependency_touches_the_database_before_the_endpoint(installation):
    """Each is solved for real before an endpoint that does nothing: SQL in a dependency starves the pool."""
    app = installation.app()
    asked = {(one.call, one.scope) for route in routes(app) for one in route.dependant.dependencies}
    known = {
        deps.open_session,
        deps.open_reading,
        idempotence.Once,
        verbes.Acting,
        uploads.receive_photo_body,
        multipart.receive_form,
    }
    assert known <= {call for call, _ in asked}
    statements, reached = [], []
    event.listen(installation.engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    for rank, (call, scope) in enumerate(asked):
        endpoint = partial(reached.append, call)
        app.add_api_route(
            f"/{rank}/{{id}}", endpoint, methods=["PUT"], dependencies=[Depends(call, scope=scope)], name=str(rank)
        )
        content = form() if call is multipart.receive_form else PHOTO
        assert installation.ask("PUT", f"/{rank}/{uuid4()}", content, app=app)[0] == 200, call
    assert set(reached) == {call for call, _ in asked}
    assert statements == []


@pytest.mark.parametrize("status", [200, 201, 404, 409, 422])
def test_the_connection_is_given_back_before_the_answer_leaves(installation, status):
    id = uuid4()
    path = f"/v1/signalements/{id}"
    assert installation.ask("PUT", path, body())[0] == 201
    answer = {
        200: lambda: installation.ask("GET", path),
        201: lambda: installation.ask("PUT", f"/v1/signalements/{uuid4()}", body()),
        404: lambda: installation.ask("GET", f"/v1/signalements/{uuid4()}"),
        409: lambda: installation.ask("PUT", path, body("eclairage.fils_nus")),
        422: lambda: installation.ask("PUT", f"/v1/signalements/{uuid4()}", body("licorne")),
    }[status]()
    assert (answer[0], answer[2]) == (status, 0), answer


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (lambda: OperationalError("COMMIT", {}, Exception("the server went away")), 503),
        (lambda: IntegrityError("COMMIT", {}, Exception("a deferred constraint")), 500),
    ],
)
def test_a_commit_that_fails_is_never_answered_created(installation, failure, status):
    def fail(_: Session) -> None:
        raise failure()

    event.listen(Session, "before_commit", fail)
    try:
        answered, told, held = installation.ask("PUT", f"/v1/signalements/{uuid4()}", body())
    finally:
        event.remove(Session, "before_commit", fail)
    assert (answered, told["status"], told["retryable"], held) == (status, status, True, 0)
    assert installation.tickets() == 0


def test_sixty_requests_at_once_on_three_connections_all_succeed(installation):
    with installation.served() as url, httpx2.Client(base_url=url, headers=installation.headers) as client:

        def send(rank: int) -> int:
            path = f"/v1/signalements/{uuid4()}"
            made = client.put(path, json=body(), timeout=60).status_code
            other = "/readyz" if rank % 3 == 0 else path
            return made, client.get(other, timeout=60).status_code

        with ThreadPoolExecutor(60) as crowd:
            answers = set(crowd.map(send, range(60)))
    assert answers == {(201, 200)}
    assert installation.tickets() == 60


# --- the same again


def key(clef: str = "clef-1") -> dict[str, str]:
    return {"Idempotency-Key": clef}


def answers_to(api, path: str) -> int:
    events = api("GET", f"{path}/journal", who="pilote").json()["elements"]
    return [one["type"] for one in events].count("signalement.repondu")


def test_the_same_request_again_under_its_key_has_the_same_answer_and_acts_once(api, ville):
    path = f"/v1/signalements/{uuid4()}"
    etag = api("PUT", path, json=body()).headers["ETag"]
    verb = f"{path}/reponses"
    said = {"nature": "operationnelle", "texte": "Passage de l'équipe mardi matin."}
    first = api("POST", verb, who="pilote", json=said, headers=key() | {"If-Match": "*"})
    assert first.status_code == 201, first.text
    turned = json.dumps(dict(reversed(said.items()))).encode()
    again = api("POST", verb, who="pilote", content=turned, headers=key() | TEXT | {"If-Match": etag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (201, first.content, first.headers["ETag"])
    assert answers_to(api, path) == 1
    other = api("POST", verb, who="pilote", json=said | {"texte": "Autre chose, bien plus tard."}, headers=key())
    assert (other.status_code, other.json()["code"]) == (422, "clef_reutilisee")
    assert api("POST", verb, who="copilote", json=said, headers=key()).status_code == 201
    assert answers_to(api, path) == 2, "a key is its author's own"
    with ville.session(Door.OWNER) as session, session.begin():
        kept = session.scalars(select(Idempotence)).all()
    assert len(kept) == 2
    assert all(said["texte"].encode() not in one.corps for one in kept)


def test_a_refused_request_may_be_mended_under_the_same_key(api):
    path = f"/v1/signalements/{uuid4()}"
    api("PUT", path, json=body())
    short = {"nature": "operationnelle", "texte": "OK"}
    assert api("POST", f"{path}/reponses", who="pilote", json=short, headers=key()).status_code == 422
    said = short | {"texte": "Passage de l'équipe mardi matin."}
    assert api("POST", f"{path}/reponses", who="pilote", json=said, headers=key()).status_code == 201


def test_a_webhook_made_twice_under_one_key_is_one_webhook_and_one_secret(api):
    said = {"url": "https://partenaire.example/relais"}
    first, again = (api("POST", "/v1/webhooks", who="admin", json=said, headers=key()) for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    assert len(api("GET", "/v1/webhooks", who="admin").json()["elements"]) == 1


def test_the_same_request_while_the_first_is_running_is_told_to_wait(installation):
    who = installation.ville.identity("pilote")
    asked = Demande(str(who.personne), "creer_webhook", "clef-1", "x")
    with installation.ville.session(identity=who) as first, first.begin():
        assert answered(first, asked) is None
        with installation.ville.session(identity=who) as second, pytest.raises(DemandeEnCours) as refused:
            answered(second, asked)
        assert refused.value.retryable
        with installation.ville.session(identity=who) as third, third.begin():
            assert answered(third, replace(asked, clef="clef-2")) is None
        remember(first, asked, statut=201, corps=b"x", now=first.now)
    with installation.ville.session(identity=who) as late, late.begin():
        assert answered(late, asked).statut == 201


def test_answers_are_forgotten_after_a_week_and_not_before(ville):
    who = ville.identity("pilote")
    asked = Demande(str(who.personne), "creer_webhook", "clef-1", "x")
    with ville.session(identity=who) as session, session.begin():
        remember(session, asked, statut=201, corps=b"x", now=session.now)
    for days, forgotten in ((6.9, 0), (0.2, 1)):
        ville.forward(days=days)
        with Session.for_worker(ville.bind, territoire=who.territoire) as session, session.begin():
            assert purge(session, now=session.now) == forgotten


def test_every_post_of_the_api_can_be_sent_again(api):
    posts = [one for one in routes(api.client.app) if "POST" in one.methods and one.path.startswith("/v1/")]
    assert len(posts) > 8
    for route in posts:
        if route.path.startswith("/v1/auth/"):
            continue  # a secret is kept in no answer: a code is asked anew, a token exchanged again
        assert {idempotence.Once, multipart.receive_form} & set(_calls(route.dependant)), route.path


def _calls(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)
