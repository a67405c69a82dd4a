"""Reading among a thousand signalements, and among a million: as many statements, and about as long.

Two databases of one server, the same town and the same people, through the real application. Every filter of the list
is asked for what is common and for what is rare: `RARES` rows among all, whatever the number. Full-text `q` reads
every description, and is not held to it.
"""

import shutil
import struct
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from fastapi.testclient import TestClient
from mesure import Figure, elapsed, medians, show
from sqlalchemy import Engine, create_engine, event, text

from api.app import build_app
from api.resources import Resources
from relais import demonstration, embedded, migrations
from relais.caller import Door, Identity
from relais.db import Session, make_engine
from relais.keys import Keys, load_keys
from relais.queries.personne import by_identifiant
from relais.settings import Settings
from relais.stockage import Local
from relais.tokens import issue

PETIT, GRAND = 1_000, 1_000_000
RARES = 20
PAGE = 100
ROUNDS = 11
PLAFOND = 1.5
STATEMENTS = {"liste": 6, "changements": 6, "un": 5, "creation": 10}
RUE = (0.41312, 48.105424)

# One every half hour: fifty-seven years of a busy town, its last day open, nearly all the rest closed.
# What tells rows apart goes by numbers without a common factor, so that no two facts go together.
# Triggers sleep meanwhile (`replica`): theirs would place every row in one transaction, and check each reference.
MASSE = """
SET LOCAL session_replication_role = replica;
INSERT INTO signalement (territoire_id, id, numero, version, empreinte, auteur_id, source, theme, description,
        constate_le, recu_le, modifie_le, lon, lat, precision_m, statut, statut_depuis, acteur, domanialite,
        explication, zones, publie_le, changed_xid, changed_seq)
    SELECT :territoire, gen_random_uuid(), 'MASSE-' || n, :version, '',
        CASE n % 4 WHEN 0 THEN CAST(:relais AS uuid) WHEN 1 THEN CAST(:agent AS uuid) ELSE gen_random_uuid() END,
        'application', CASE WHEN n % :rare = 2 THEN 'eclairage.fils_nus' WHEN n % 3 = 0 THEN 'voirie.trottoir'
            WHEN n % 7 = 1 THEN 'eau.fuite' ELSE 'proprete.depot_sauvage' END,
        'Matelas et deux fauteuils devant l''entrée B.', le, le,
        CASE WHEN n % :rare = 6 THEN CAST(:le AS timestamptz) ELSE le END,
        CASE WHEN n % :rare = 4 THEN 0.39 ELSE 0.40 + (n % 97) / 4000.0 END, 48.10 + (n % 89) / 9000.0, 5,
        CASE WHEN n % :rare = 1 THEN 'retire' WHEN n < 40 OR n % :rare = 7 THEN 'affecte' ELSE 'clos' END, le,
        CASE WHEN n % :rare = 3 THEN 'voirie' WHEN n % 5 = 0 THEN 'habitat-lisse' ELSE 'proprete' END,
        'DPC', 'Une rue de la ville.', CASE WHEN n % 23 = 0 THEN '{tilleuls}' ELSE '{centre}' END::text[],
        CASE WHEN n % 11 < 6 THEN le END, 3, :combien - n
    FROM (SELECT n, CAST(:le AS timestamptz) - n * interval '30 min' AS le FROM generate_series(1, :combien) n) une;
INSERT INTO echeance (territoire_id, signalement_id, delai, tour, commence_le, echeance, valeur, unite, nature, etat,
        arrete_le)
    SELECT territoire_id, id, delai, 1, recu_le, recu_le + apres, 2, 'JO', 'engagement',
        CASE statut WHEN 'affecte' THEN 'en_cours' ELSE 'tenu' END, CASE WHEN statut <> 'affecte' THEN recu_le END
    FROM signalement, (VALUES ('prise_en_charge', interval '1 day'), ('reponse', interval '3 days'),
        ('traitement', interval '5 days')) promesse (delai, apres)
"""

RECENT = timedelta(minutes=80)
ZONE, COIN, ECRAN = "tilleuls", "0.389,48.0,0.391,48.2", "0.40,48.10,0.41,48.105"
FILTRES: Mapping[str, dict[str, Any]] = {
    "tout": {},
    "statut": {"statut": "clos"},
    "statut, rare": {"statut": "retire"},
    "deux statuts, rares": {"statut": ["retire", "affecte"]},
    "theme": {"theme": "eau.fuite"},
    "theme, rare": {"theme": "eclairage.fils_nus"},
    "famille": {"theme": "voirie"},
    "famille, rare": {"theme": "eclairage"},
    "acteur": {"acteur": "habitat-lisse"},
    "acteur, rare": {"acteur": "voirie"},
    "zone": {"zone": ZONE},
    "en_retard": {"en_retard": True},
    "à l'heure": {"en_retard": False},
    "bbox": {"bbox": ECRAN},
    "bbox, rare": {"bbox": COIN},
    "depuis": {"depuis": True},
    "deux pages plus loin": {"curseur": True},
}
LECTEURS = ("pilote", "relais", "agent", None)
_CURSEUR = struct.Struct(">qq8s")


@dataclass
class Ville:
    """A town of so many signalements, behind its application. `sent` counts the statements of the last call."""

    engine: Engine
    client: TestClient
    keys: Keys
    combien: int
    le: datetime
    sent: int = 0
    known: dict[str | None, dict[str, str]] = field(default_factory=lambda: {None: {}})

    def __post_init__(self) -> None:
        event.listen(self.engine, "before_cursor_execute", self._count)

    def _count(self, *_call: object) -> None:
        self.sent += 1

    def call(self, who: str | None, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 - any JSON
        headers, self.sent = self._bearer(who), 0
        answer = self.client.request(method, path, headers=headers, **options)
        if answer.status_code not in {200, 201}:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def _bearer(self, who: str | None) -> dict[str, str]:
        if who not in self.known:
            with Session(self.engine, door=Door.API, identity=Identity(code="VSL")) as session:
                one = by_identifiant(session, f"{who}@demo.test")
                token = issue(self.keys, territoire=one.territoire_id, personne=one.id, generation=one.generation)
            self.known[who] = {"Authorization": f"Bearer {token}"}
        return self.known[who]

    def curseur(self, who: str | None, part: float) -> str:
        """Of the feed, that far from its beginning."""
        first = self.call(who, "GET", "/v1/changements", params={"limite": 1})["curseur_suivant"]
        *_, seal = _CURSEUR.unpack(urlsafe_b64decode(first))
        return urlsafe_b64encode(_CURSEUR.pack(3, int(self.combien * part), seal)).decode()


Ask = Callable[[Ville, int], Callable[[], Any]]
"""Prepared for a town and a page of so many, then timed."""


def asks() -> Iterator[tuple[str, str, Ask]]:
    for who in LECTEURS:
        for name, filtre in FILTRES.items():
            yield "liste", f"liste, {who or 'public'}, {name}", lister(who, filtre)
        for name, part in {"depuis le début": None, "au milieu": 0.5, "à la fin": 1.0}.items():
            yield "changements", f"changements, {who or 'public'}, {name}", suivre(who, part)
        yield "un", f"un, {who or 'public'}", lire(who)
    yield "creation", "création", creer


def lister(who: str | None, filtre: Mapping[str, Any]) -> Ask:
    def ask(ville: Ville, limite: int) -> Callable[[], Any]:
        params = {**filtre, "limite": limite}
        if "depuis" in params:
            params["depuis"] = (ville.le - RECENT).isoformat()
        if "curseur" in params:
            params["curseur"] = ville.call(who, "GET", "/v1/signalements", params={"limite": 50})["curseur_suivant"]
        return lambda: ville.call(who, "GET", "/v1/signalements", params=params)

    return ask


def suivre(who: str | None, part: float | None) -> Ask:
    def ask(ville: Ville, limite: int) -> Callable[[], Any]:
        params = {"limite": limite} | ({} if part is None else {"depuis": ville.curseur(who, part)})
        return lambda: ville.call(who, "GET", "/v1/changements", params=params)

    return ask


def lire(who: str | None) -> Ask:
    def ask(ville: Ville, limite: int) -> Callable[[], Any]:
        one = ville.call(who, "GET", "/v1/signalements", params={"limite": limite})["elements"][-1]
        return lambda: ville.call(who, "GET", f"/v1/signalements/{one['id']}")

    return ask


def creer(ville: Ville, _limite: int) -> Callable[[], Any]:
    said: dict[str, Any] = {"theme": "eau.fuite", "constate_le": ville.le.isoformat()}
    said["position"] = {"lon": RUE[0], "lat": RUE[1], "precision_m": 5}
    said["photos"] = [{"id": str(uuid4()), "octets": 412_338, "sha256": "9f" * 32} for _ in range(3)]
    return lambda: ville.call("relais", "PUT", f"/v1/signalements/{uuid4()}", json=said)


@contextmanager
def grappe(folder: Path) -> Iterator[embedded.Server]:
    with ExitStack() as after, embedded.own(folder, fsync=False) as server:
        after.callback(shutil.rmtree, server.cluster.parent, ignore_errors=True)  # as root, it lies elsewhere
        yield server


@contextmanager
def ville(server: embedded.Server, folder: Path, combien: int) -> Iterator[Ville]:
    admin = create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE ville_{combien}"))
    admin.dispose()
    engine = make_engine(server.url(f"ville_{combien}"))
    migrations.upgrade(engine)
    le = peopled(engine, combien)
    settings = Settings(data_dir=folder)
    keys = load_keys(settings)
    with TestClient(build_app(Resources(engine, keys, settings, Local(settings.depot)))) as client:
        yield Ville(engine, client, keys, combien, le)
    engine.dispose()


def peopled(engine: Engine, combien: int) -> datetime:
    with Session(engine, door=Door.OWNER, identity=Identity()) as session, session.begin():
        demonstration.load_demo(session)
    with Session(engine, door=Door.OWNER, identity=Identity(code="VSL")) as session, session.begin():
        facts = {name: by_identifiant(session, f"{name}@demo.test").id for name in ("relais", "agent")}
        facts |= {"territoire": session.territoire, "version": session.version, "le": session.now}
    with engine.begin() as connection:  # as the server's own superuser
        for statement in MASSE.split(";"):
            connection.execute(text(statement), {**facts, "combien": combien, "rare": combien // RARES + 1})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) signalement, echeance"))
    return facts["le"]


def measure(petite: Ville, grande: Ville) -> Iterator[Figure]:
    towns = {"petite": petite, "grande": grande}
    for kind, name, ask in asks():
        held = len(ask(petite, PAGE)().get("elements", ()))
        acts = {size: ask(town, held or 1) for size, town in towns.items()}  # pages of as many, to be compared
        sent = {size: statements(towns[size], act) for size, act in acts.items()}
        timed = {size: lambda act=act: elapsed(act) for size, act in acts.items()}
        p50 = medians(ROUNDS, timed)
        if ratio(p50) > PLAFOND:  # a neighbour's noise passes, a cost stays
            p50 = medians(3 * ROUNDS, timed)
        ms = " → ".join(f"{cost * 1e3:.1f}" for cost in p50.values())
        detail = f"{ms} ms, {held} signalements, {sent['grande']} requêtes SQL"
        yield Figure(name, ratio(p50), plafond=PLAFOND, detail=detail)
        if sent["petite"] != sent["grande"] or sent["grande"] > STATEMENTS[kind]:
            yield Figure(f"{name} : requêtes SQL, {sent}", max(sent.values()), plafond=STATEMENTS[kind])


def statements(town: Ville, act: Callable[[], Any]) -> int:
    act()
    return town.sent


def ratio(p50: Mapping[str, float]) -> float:
    small, large = p50.values()
    return large / small


def main() -> int:
    grand = int(sys.argv[1]) if len(sys.argv) > 1 else GRAND
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(grappe(folder))
        petite = stack.enter_context(ville(server, folder, PETIT))
        start = time.perf_counter()
        grande = stack.enter_context(ville(server, folder, grand))
        print(f"{grand:,} signalements en {time.perf_counter() - start:.0f} s".replace(",", " "))
        held = show(
            f"{PETIT:,} → {grand:,} signalements : p50, {PETIT} = 1".replace(",", " "), list(measure(petite, grande))
        )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
