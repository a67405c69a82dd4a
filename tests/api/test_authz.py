"""Who may do what, to whose things: one table, every route of the application, every caller."""

import base64
import io
import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from commands.factories import ERABLES, RUE_ERABLES, le
from conftest import DEMO
from PIL import Image
from sqlalchemy import select, update

from relais.caller import Door, Identity
from relais.commands.escalade import fire, next_due
from relais.commands.personne import import_personnes, make_cle
from relais.commands.territoire import get_territoire, import_configuration
from relais.imports.personnes import PersonneLue
from relais.imports.territoire import lire_territoire
from relais.rules.acces import Role
from relais.rules.statuts import Statut
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.personne import Personne
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.saisine import EtatSaisine, Saisine
from relais.tables.signalement import Signalement
from relais.tokens import issue

CALLERS = (
    "anonymous", "relais", "elu", "agent", "responsable", "pilote", "direction_generale", "administrateur", "cle",
)  # fmt: skip
"""In this order in each line below. The agent, the responsable and the key are those of Habitat Lisse."""


@dataclass(frozen=True)
class Expected:
    """Statuses, caller by caller. `own` is of the relais and at Habitat Lisse; `other` of a neighbour and elsewhere.

    A thing of another territoire is answered to each as one that does not exist, word for word: that needs no line.
    """

    own: str
    other: str | None = None
    statut: Statut = Statut.AFFECTE
    public: bool = False
    """Published, with a photo that one can look at."""


def everybody(status: int) -> Expected:
    return Expected(" ".join([str(status)] * len(CALLERS)))


READ = Expected(
    own="  404 200 200 200 200 200 200 200 200",
    other="404 404 200 404 404 200 200 200 404",
)
SEEN = Expected(
    own="  401 200 200 200 200 200 200 200 200",
    other="401 404 200 404 404 200 200 200 404",
)
ACTEUR = Expected(
    own="  401 403 403 201 201 403 403 403 201",
    other="401 404 403 404 404 403 403 403 404",
)
ACTEUR_OU_PILOTE = Expected(
    own="  401 403 403 201 201 201 403 403 201",
    other="401 404 403 404 404 201 403 403 404",
)
AUTEUR_OU_PILOTE = Expected(
    own="  401 201 403 403 403 201 403 403 403",
    other="401 404 403 404 404 201 403 403 404",
    statut=Statut.TRAITE,
)
PILOTE = Expected(
    own="  401 403 403 403 403 201 403 403 403",
    other="401 404 403 404 404 201 403 403 404",
    public=True,
)
RATTACHEMENT = Expected(
    own="  401 403 403 403 422 201 403 403 403",
    other="401 404 403 404 404 201 403 403 404",
)
"""To one that the responsable does not see, and the pilote does."""
DECISION = Expected(
    own="  401 404 404 404 404 201 403 404 404",
    other="401 404 404 404 404 201 403 404 404",
)
INSTANCES = Expected("401 403 403 403 403 200 200 403 403")
CARTE = Expected("401 403 403 403 403 200 200 200 403")
ANYONE_KNOWN = Expected("401 200 200 200 200 200 200 200 200")

TABLE = {
    "PUT /v1/signalements/{id}": Expected(
        own="  401 200 409 409 409 409 403 409 409",
        other="401 409 409 409 409 409 403 409 409",
    ),
    "POST /v1/signalements": Expected("401 201 201 201 201 201 403 201 201"),
    "GET /v1/signalements/proches": everybody(200),
    "GET /v1/signalements/{id}/proches": SEEN,
    "POST /v1/signalements/{id}/rattachements": RATTACHEMENT,
    "POST /v1/signalements/{id}/detachements": Expected(
        own="  401 403 403 403 201 201 403 403 403",
        other="401 404 403 404 404 201 403 403 404",
        statut=Statut.DOUBLON,
    ),
    "POST /v1/signalements/{id}/abonnements": Expected(
        own="  401 201 201 201 201 201 201 201 403",
        other="401 404 201 404 404 201 201 201 404",
    ),
    "DELETE /v1/signalements/{id}/abonnements": Expected(
        own="  401 204 204 204 204 204 204 204 204",
        other="401 404 204 404 404 204 204 204 404",
    ),
    "GET /v1/signalements": everybody(200),
    "GET /v1/signalements.geojson": everybody(200),
    "GET /v1/changements": everybody(200),
    "GET /v1/signalements/{id}": READ,
    "GET /v1/signalements/{id}/journal": SEEN,
    "PUT /v1/signalements/{id}/photos/{photo_id}": Expected(
        own="  401 201 201 201 201 201 201 201 201",
        other="401 404 201 404 404 201 201 201 404",
    ),
    "POST /v1/signalements/{id}/prises-en-charge": ACTEUR,
    "POST /v1/signalements/{id}/interventions": ACTEUR,
    "POST /v1/signalements/{id}/reponses": ACTEUR_OU_PILOTE,
    "POST /v1/signalements/{id}/reaffectations": ACTEUR_OU_PILOTE,
    "POST /v1/signalements/{id}/clotures": AUTEUR_OU_PILOTE,
    "POST /v1/signalements/{id}/reouvertures": AUTEUR_OU_PILOTE,
    "POST /v1/signalements/{id}/corrections": replace(AUTEUR_OU_PILOTE, statut=Statut.AFFECTE),
    "POST /v1/signalements/{id}/retraits": replace(AUTEUR_OU_PILOTE, statut=Statut.AFFECTE),
    "POST /v1/signalements/{id}/publications": PILOTE,
    "POST /v1/signalements/{id}/depublications": PILOTE,
    "POST /v1/signalements/{id}/photos/{photo_id}/masques": PILOTE,
    "GET /v1/instances": INSTANCES,
    "GET /v1/instances/{code}/ordre-du-jour": INSTANCES,
    "GET /v1/escalades": INSTANCES,
    "POST /v1/saisines/{id}/mobilisations": DECISION,
    "POST /v1/saisines/{id}/ajournements": DECISION,
    "POST /v1/saisines/{id}/retraits": DECISION,
    "POST /v1/webhooks": Expected("401 403 403 403 403 403 403 201 201"),
    "GET /v1/webhooks": Expected("401 403 403 403 403 403 403 200 200"),
    "DELETE /v1/webhooks/{id}": Expected(
        own="  401 403 403 403 403 403 403 204 204",
        other="401 403 403 403 403 403 403 204 404",
    ),
    "GET /v1/envois": Expected("401 403 403 403 403 403 403 200 200"),
    "POST /v1/envois/{id}/reexpeditions": Expected(
        own="  401 404 404 404 404 404 404 201 201",
        other="401 404 404 404 404 404 404 201 404",
    ),
    # Signing in: whoever asks, a token changes nothing; the code and the tokens said here are nobody's.
    "POST /v1/auth/codes": everybody(202),
    "POST /v1/auth/token": everybody(401),
    "POST /v1/auth/revoke": everybody(200),
    "GET /v1/moi": ANYONE_KNOWN,
    "GET /v1/meta": everybody(200),
    "GET /v1/routage": everybody(200),
    "GET /v1/routage/corrections": CARTE,
    "GET /v1/routage/corrections.geojson": CARTE,
    "GET /v1/zones.geojson": everybody(200),
    "GET /v1/secteurs": everybody(200),
    "GET /v1/secteurs.geojson": everybody(200),
    "GET /v1/emprises.geojson": everybody(200),
    "GET /m/{seal}/{cle:path}": everybody(404),
    "GET /healthz": everybody(200),
    "GET /readyz": everybody(200),
    # Pages: whoever holds the link; a token changes nothing. A link that is nobody's is not found.
    "GET /": everybody(200),
    "GET /a/{token}": everybody(404),
    "POST /a/{token}": everybody(404),
    "GET /demo/courriels": everybody(200),
    "GET /demo/courriels/{fichier}": everybody(404),
}

LISTED = {
    "GET /v1/signalements": "- own both own own both both both own",
    "GET /v1/signalements.geojson": "- own both own own both both both own",
    "GET /v1/webhooks": "- - - - - - - both own",
    "GET /v1/envois": "- - - - - - - both own",
}
"""Of the two tickets, webhooks or envois of this territoire, those a list shows; never the other territoire's."""


def routes(app) -> set[str]:
    found = [route for one in app.routes if hasattr(one, "original_router") for route in one.original_router.routes]
    return {f"{method} {route.path}" for route in found for method in route.methods - {"HEAD"}}


def test_every_route_of_the_application_is_in_the_table(api):
    assert routes(api.client.app) == set(TABLE)


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "JPEG")
    return out.getvalue()


@dataclass
class Things:
    """What stands in one place: a ticket and its photo, an inscription, a webhook, one of its envois."""

    said: dict[str, Any]
    photo: bytes
    ticket: str
    saisine: str = ""
    webhook: str = ""
    envoi: str = ""
    autre: str = ""
    """Another ticket of Vaucelles."""


class World:
    """Two tickets of Vaucelles and one of a neighbouring territoire, all three on an agenda."""

    def __init__(self, api, ville, keys) -> None:
        self.api, self.ville, self._keys = api, ville, keys
        self._found_neighbour()
        self.cle = self._cle()
        self.webhooks = {
            "own": self._webhook(who="admin", acteur="habitat-lisse"),
            "other": self._webhook(who="admin", acteur="proprete"),
            "theirs": self._webhook(who=None, headers=self._neighbour("admin")),
        }
        self.things = {
            "own": self._ticket("tan", ERABLES, who="relais"),
            "other": self._ticket("teal", RUE_ERABLES, who="relais2"),
            "theirs": self._ticket("navy", ERABLES, who=None, headers=self._neighbour("relais")),
        }
        ville.at(le("2026-04-15 17:30"))
        for where in (Identity(code="VSL"), Identity(territoire=self._there)):
            self._climb(where)
        with ville.session(Door.OWNER) as session, session.begin():
            for place, one in self.things.items():
                here = Saisine.signalement_id == one.ticket
                one.saisine = str(session.scalars(select(Saisine.id).where(here).order_by(Saisine.id)).first())
                one.webhook = self.webhooks[place]
                sent = (Envoi.canal == Canal.WEBHOOK, Envoi.destinataire == one.webhook)
                one.envoi = str(session.scalars(select(Envoi.id).where(*sent).order_by(Envoi.id)).first())
                session.execute(update(Envoi).where(Envoi.id == one.envoi).values(etat=EtatEnvoi.MORT, due_at=None))
        for one in self.things.values():
            assert "None" not in (one.saisine, one.envoi)
        for place, other in {"own": "other", "other": "own", "theirs": "own"}.items():
            self.things[place].autre = self.things[other].ticket
        missing = [*(str(uuid4()) for _ in range(4)), self.things["own"].ticket]
        self.things["missing"] = Things(self.things["own"].said, self.things["own"].photo, *missing)

    def _found_neighbour(self) -> None:
        configuration = lire_territoire(DEMO / "territoire.yaml").configuration
        people = [("relais", Role.RELAIS), ("admin", Role.ADMINISTRATEUR), ("pilote", Role.PILOTE)]
        with self.ville.session(Door.OWNER) as session, session.begin():
            import_configuration(session, replace(configuration, code="AUT"), auteur="test", now=session.now)
            there = get_territoire(session, "AUT")
            read = [PersonneLue(f"{name}@aut.test", "Autre", role, None, 2) for name, role in people]
            import_personnes(session, there, read, now=session.now)
            self._there = there.id

    def _neighbour(self, name: str) -> dict[str, str]:
        with self.ville.session(Door.OWNER, Identity(code="AUT")) as session, session.begin():
            wanted = select(Personne.id).where(
                Personne.territoire_id == self._there, Personne.identifiant == f"{name}@aut.test"
            )
            token = issue(self._keys, territoire=self._there, personne=session.scalars(wanted).one(), generation=0)
        return {"Authorization": f"Bearer {token}"}

    def _climb(self, where: Identity) -> None:
        """What a worker does there at this hour."""
        while True:
            with self.ville.session(Door.WORKER, where) as session, session.begin():
                ticket = next_due(session, now=session.now)
                if ticket is None:
                    return
                fire(session, ticket, now=session.now)

    def _cle(self) -> str:
        with self.ville.session(Door.OWNER) as session, session.begin():
            here = get_territoire(session, "VSL")
            return make_cle(session, here, libelle="Logiciel", acteur="habitat-lisse", now=session.now)

    def _webhook(self, acteur: str | None = None, **who: Any) -> str:
        said = {"url": "https://partenaire.example/x"} | ({"acteur": acteur} if acteur else {})
        made = self.api("POST", "/v1/webhooks", json=said, **who)
        assert made.status_code == 201, made.text
        return made.json()["id"]

    def _ticket(self, colour: str, place: tuple[float, float], **who: Any) -> Things:
        photo, id = picture(colour), str(uuid4())
        announced = {"id": str(uuid4()), "octets": len(photo), "sha256": sha256(photo).hexdigest()}
        said = {"theme": "proprete.depot_sauvage", "constate_le": "2026-03-31T18:12:00+02:00", "photos": [announced]}
        said["position"] = {"lon": place[0], "lat": place[1], "precision_m": 1}
        made = self.api("PUT", f"/v1/signalements/{id}", json=said, **who)
        assert made.status_code == 201, made.text
        return Things(said, photo, id)

    def who(self, caller: str) -> dict[str, Any]:
        if caller == "anonymous":
            return {"who": None}
        if caller == "cle":
            return {"who": None, "headers": {"Authorization": f"Bearer {self.cle}"}}
        return {"who": "admin" if caller == "administrateur" else caller}

    def put(self, expected: Expected) -> None:
        """Every ticket there, so that the verb is possible and only the caller decides."""
        with self.ville.session(Door.OWNER) as session, session.begin():
            traite = session.now if expected.statut is Statut.TRAITE else None
            publie = session.now if expected.public else None
            session.execute(update(Signalement).values(statut=expected.statut, traite_le=traite, publie_le=publie))
            session.execute(update(Photo).values(etat=EtatPhoto.PRETE if expected.public else EtatPhoto.ATTENDUE))

    def ask(self, route: str, caller: str, place: str):
        """One call that leaves nothing behind."""
        method, path = route.split()
        things = self.things[place]
        options = self.who(caller)
        options["headers"] = options.get("headers", {}) | (extra := _headers(route, things))
        id = things.saisine if "saisines" in path else things.webhook if "webhooks" in path else things.ticket
        id = things.envoi if "envois" in path else id
        for name, value in (("id", id), ("photo_id", things.said["photos"][0]["id"]), ("code", "gusp-dg")):
            path = path.replace(f"{{{name}}}", value)
        path = path.replace("{seal}/{cle:path}", "x/photos/y").replace("{token}", "x").replace("{fichier}", "x.eml")
        if "Content-Digest" in extra:
            options["content"] = things.photo
        elif "Idempotency-Key" in extra:
            options["files"] = _form(things)
        elif (said := _said(route, things)) is not None:
            options["json"] = said
        query = (
            {"lon": 0.41237, "lat": 48.10562, "theme": "proprete.depot_sauvage"}
            if {"routage", "secteurs", "proches"} & set(path.split("/"))
            else {}
        )
        nested = self.ville.bind.begin_nested()
        try:
            return self.api(method, path, params=query | ({"territoire": "VSL"} if method == "GET" else {}), **options)
        finally:
            nested.rollback()


def _headers(route: str, things: Things) -> dict[str, str]:
    if route == "POST /v1/signalements":
        return {"Idempotency-Key": "a"}
    if not route.endswith("{photo_id}"):
        return {}
    code = base64.b64encode(sha256(things.photo).digest()).decode()
    return {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{code}:"}


def _form(things: Things) -> dict[str, tuple[str, str | bytes]]:
    said = {name: value for name, value in things.said.items() if name != "photos"}
    return {"signalement": ("", json.dumps(said)), "photo": ("x.jpg", things.photo)}


def _said(route: str, things: Things) -> dict[str, Any] | None:
    apres = {"id": str(uuid4()), "phase": "apres", "octets": 9, "sha256": "9f" * 32}
    bodies: dict[str, dict[str, Any]] = {
        "PUT /v1/signalements/{id}": things.said,
        "reponses": {"nature": "operationnelle", "texte": "Passage de l'équipe mardi matin."},
        "interventions": {"commentaire": "Enlevé.", "nature": "durable", "photos": [apres]},
        "reaffectations": {"motif": "pas_mon_terrain"},
        "reouvertures": {"motif": "Pas résolu", "commentaire": "Le matelas est encore là."},
        "ajournements": {"motif": "Benne annoncée.", "jusqu_au": "2026-04-17"},
        "retraits": {"motif": "Réglé ce matin."},
        "rattachements": {"signalement": things.autre},
        "corrections": {"description": "Matelas et deux fauteuils."},
        "depublications": {"motif": "Un visage est reconnaissable."},
        "masques": {"rectangles": [{"x": 0.4, "y": 0.2, "largeur": 0.1, "hauteur": 0.1}]},
        "webhooks": {"url": "https://partenaire.example/y"},
        "codes": {"identifiant": "relais@demo.test", "territoire": "VSL"},
        "token": {"grant_type": "code", "defi": "x", "code": "000000"},
        "revoke": {"token": "x"},
    }
    if not route.startswith(("PUT", "POST")):
        return None
    return bodies.get(route) or bodies.get(route.rpartition("/")[2])


@pytest.fixture
def world(api, ville, keys) -> World:
    return World(api, ville, keys)


def _bare(answer) -> tuple[int, Any]:
    """Without what names the address asked for; of what was made, the status alone."""
    if answer.status_code < 400 or "json" not in answer.headers["content-type"]:
        return answer.status_code, None
    return answer.status_code, {key: value for key, value in answer.json().items() if key != "instance"}


def test_everyone_may_do_what_the_table_says_and_nothing_else(world):
    wrong = []
    for route, expected in TABLE.items():
        world.put(expected)
        for place in ("own", "other") if expected.other else ("own",):
            statuses = [world.ask(route, caller, place).status_code for caller in CALLERS]
            told = " ".join(map(str, statuses))
            if told != " ".join(getattr(expected, place).split()):
                wrong.append(f"{route} ({place}): {told}")
    assert wrong == []


def test_a_thing_of_another_territoire_is_answered_as_one_that_does_not_exist(world):
    compared = 0
    for route, expected in TABLE.items():
        if expected.other is None:
            continue
        world.put(expected)
        for caller in CALLERS:
            theirs, missing = (_bare(world.ask(route, caller, place)) for place in ("theirs", "missing"))
            assert theirs == missing, (route, caller)
            if route != "PUT /v1/signalements/{id}":  # an id is free in each territoire: the phone chose it
                assert theirs[0] in {401, 403, 404}, (route, caller)
            compared += 1
    assert compared > 100


def test_a_list_shows_what_is_the_caller_s_and_never_another_territoire_s(world):
    for route, line in LISTED.items():
        for caller, shown in zip(CALLERS, line.split(), strict=True):
            if shown == "-":
                continue
            told = world.ask(route, caller, "own").json()
            found = (
                {one.get("id") or one["properties"]["id"] for one in told.get("elements") or told["features"]}
                if (told.get("elements") or told.get("features"))
                else set()
            )
            kind = {"webhooks": "webhook", "envois": "envoi"}.get(route.rpartition("/")[2], "ticket")
            places = {"own": {"own"}, "both": {"own", "other"}}[shown]
            seen = {place for place in ("own", "other", "theirs") if getattr(world.things[place], kind) in found}
            assert seen == places, (route, caller)
            assert found


def test_the_world_of_these_tests_is_what_it_says(world):
    with world.ville.session(Door.OWNER) as session, session.begin():
        acteurs = {str(id): acteur for id, acteur in session.execute(select(Signalement.id, Signalement.acteur))}
        etats = set(session.scalars(select(Saisine.etat)))
    assert [acteurs[world.things[place].ticket] for place in ("own", "other")] == ["habitat-lisse", "proprete"]
    assert EtatSaisine.INSCRITE in etats
