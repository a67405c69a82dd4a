"""A town served by real API processes, and phones whose clock runs faster than ours."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any

import jwt
from chaos.harness import PATIENCE, Town, open_town
from conftest import MARDI, ROOT, Ville
from reseau.proxy import Address
from reseau.telephone import JSON, Telephone

from relais.boite import lire
from relais.caller import Identity
from relais.commands.webhook import create_webhook
from relais.db import make_engine
from relais.keys import Keys, load_keys
from relais.settings import Settings
from relais.tokens import TYPE, issue

SERVERS = 2
PEOPLE = ("relais", "relais2", "elu")

HASTE = 0.005
"""Real seconds for one of the phones' own: their waits are shortened, in their proportions."""

WAITS = 30.0
"""Real seconds without a byte before a phone hangs up, where it has no reason to hurry."""

CODE = re.compile(r"\b\d{6}\b")


@dataclass(frozen=True)
class Monde:
    """Its workers are started by whoever needs them."""

    town: Town
    servers: Sequence[Address]
    keys: Keys
    people: Mapping[str, Identity]

    def phone(
        self, address: Address, prenom: str, *, seed: str, kind: type[Telephone] = Telephone, **more: Any
    ) -> Telephone:
        return kind(
            adresse=address,
            jetons=partial(self.jeton, prenom),
            rng=Random(seed),  # noqa: S311 - dice to be thrown again, not a secret
            maintenant=lambda: time.monotonic() / HASTE,
            dormir=lambda seconds: time.sleep(seconds * HASTE),
            **{"patience": WAITS, "jeton": self.jeton(prenom)} | more,
        )

    def jeton(self, prenom: str) -> str:
        who = self.people[prenom]
        return issue(self.keys, territoire=who.territoire, personne=who.personne, generation=who.generation)

    def perime(self, prenom: str) -> str:
        """The access token of an app that slept."""
        claims = jwt.decode(self.jeton(prenom), options={"verify_signature": False}) | {"iat": 0, "exp": 600}
        header = {"kid": self.keys.kid, "typ": TYPE}
        return jwt.encode(claims, self.keys.tokens, algorithm="EdDSA", headers=header)

    def signed_in(self, prenom: str) -> str:
        """The refresh token of somebody who asked for a code and read it in the mail, at home. A worker must be up."""
        at_home = self.phone(self.servers[0], prenom, seed=prenom)
        identifiant = f"{prenom}@demo.test"
        asked = at_home.demander("POST", "/v1/auth/codes", JSON, f'{{"identifiant": "{identifiant}"}}'.encode())
        assert asked is not None
        told = {"grant_type": "code", "defi": asked.dit["defi"], "code": self._code(identifiant)}
        opened = at_home.demander("POST", "/v1/auth/token", JSON, json.dumps(told).encode())
        assert opened is not None
        return opened.dit["refresh_token"]

    def _code(self, identifiant: str) -> str:
        start = time.monotonic()
        while time.monotonic() - start < PATIENCE:
            for mail in lire(self.town.boite.dossier):
                if mail.a == identifiant and (code := CODE.search(mail.objet)):
                    return code[0]
            time.sleep(0.1)
        raise AssertionError(f"no code for {identifiant}: {self.town.last_words()}")


@contextmanager
def open_monde(url: str, data: Path) -> Iterator[Monde]:
    """On the database at `url`, which nobody else uses; keys, photos and mails in `data`. Nothing is left running."""
    keys = load_keys(Settings(data_dir=data))
    engine = make_engine(url, pool=2)
    ville = Ville(engine)
    ville.at(MARDI)
    secret = _listen(ville, keys)
    people = {prenom: ville.identity(prenom) for prenom in PEOPLE}
    engine.dispose()
    rng = Random(0)  # noqa: S311 - asked for by the harness; nothing is killed here
    with open_town(url, data, secret=secret, rng=rng, tree=ROOT, faulty=False) as town, _serving(town) as servers:
        yield Monde(town, servers, keys, people)


def _listen(ville: Ville, keys: Keys) -> str:
    with ville.as_("admin") as session, session.begin():
        url, types = "http://127.0.0.1:9/relais", ("signalement.recu",)
        box, caller = keys.box, session.caller
        return create_webhook(session, caller=caller, box=box, url=url, types=types, acteur=None, now=session.now)[1]


@contextmanager
def _serving(town: Town) -> Iterator[list[Address]]:
    """API processes on sockets that already listen: who comes before they are ready waits, and nobody is refused."""
    with ExitStack() as stack:
        log = stack.enter_context((town.folder / "api.log").open("ab"))
        addresses = []
        for _ in range(SERVERS):
            with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
                addresses.append(listening.getsockname())
                fd = listening.fileno()
                process = subprocess.Popen(  # noqa: S603 - our own modules, by this interpreter
                    [sys.executable, "-m", "uvicorn", "api.app:create_app", "--factory", "--fd", str(fd)],
                    pass_fds=[fd],
                    env=town.environment,
                    cwd=town.tree,
                    stdout=log,
                    stderr=log,
                )
            stack.callback(_end, process)
        for address in addresses:
            _wait_ready(address)
        yield addresses


def _wait_ready(address: Address) -> None:
    line = HTTPConnection(*address, timeout=30)
    line.request("GET", "/readyz")
    answer = line.getresponse()
    assert answer.status == 200, answer.read()
    line.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
