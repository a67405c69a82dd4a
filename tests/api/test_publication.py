"""What somebody without an account reads, word by word; and the pilote's verbs over HTTP."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from commands.factories import (
    DEPOT_SAUVAGE,
    ENCOMBRANTS,
    ERABLES,
    RUE_ERABLES,
    STATIONNEMENT,
    TROTTOIR,
    act,
    configure,
    deposit,
    le,
)
from conftest import MARDI, Api, Ville
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import BaseModel
from sqlalchemy import select, update

from api.app import build_app
from api.resources import Resources
from api.schemas.signalement import SignalementOut
from relais.caller import Door
from relais.commands.publication import publier
from relais.commands.verbes import Etape, repondre
from relais.db import make_engine
from relais.rules.configuration import Publication, RegleDePhoto, Theme
from relais.stockage import Local
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement
from relais.wire import Wire
from workers.drain import prepare
from workers.means import Means

HALL = "habitat.hall"
BENNE = "Benne commandée, passage le 7 avril."

PUBLICS = {
    "id", "numero", "statut.code", "statut.libelle", "statut.depuis", "theme.code", "theme.libelle", "description",
    "constate_le", "recu_le", "modifie_le", "position.lon", "position.lat", "zones.code", "zones.type",
    "zones.libelle", "prochain_passage.secteur", "prochain_passage.acteur", "prochain_passage.nom",
    "prochain_passage.prestation", "prochain_passage.le", "prochain_passage.texte", "responsable.code",
    "responsable.nom", "responsable.telephone", "responsable.courriel",
    "delais.delai", "delais.echeance", "delais.etat", "delais.arrete_le", "delais.nature", "delais.source",
    "en_retard", "derniere_reponse.nature", "derniere_reponse.texte", "derniere_reponse.auteur",
    "derniere_reponse.le", "derniere_reponse.prochaine_etape.libelle", "derniere_reponse.prochaine_etape.le",
    "photos.id", "photos.phase", "photos.etat", "photos.largeur", "photos.hauteur", "photos.image",
    "photos.vignette", "photos.expire_le", "photos.alt", "photos.blurhash", "photos_manquantes", "actions",
}  # fmt: skip

AILLEURS = {"routage.competent." + said for said in ("nom", "telephone", "courriel", "adresse")}
"""Of what the démarche does not follow, and nobody publishes."""

PRIVES = AILLEURS | {
    "statut.motif", "constate_corrige", "position.precision_m", "position.origine", "lieu", "questions", "source",
    "routage.explication", "routage.incertain", "routage.domanialite", "routage.regle", "routage.emprise",
    "routage.version", "routage.candidats.acteur", "routage.candidats.emprise", "routage.candidats.domanialite",
    "routage.candidats.distance_m", "routage.informes.acteur", "routage.informes.nom",
    "photos.motif", "photos.publiee", "photos.position_proposee.lon", "photos.position_proposee.lat",
    "publication.publie_le", "publication.par_le_pilote", "suivi.je_suis", "suivi.nombre",
}  # fmt: skip

RARES = {
    "doublon_de.id", "doublon_de.numero", "doublon_de.statut.code", "doublon_de.statut.libelle",
    "doublon_de.statut.depuis", "doublon_de.statut.motif", "doublon_de.responsable.code", "doublon_de.responsable.nom",
    "doublon_de.responsable.telephone", "doublon_de.responsable.courriel", "doublon_de.delais.delai",
    "doublon_de.delais.echeance", "doublon_de.delais.etat", "doublon_de.delais.arrete_le", "doublon_de.delais.nature",
    "doublon_de.delais.source", "doublons.nombre", "doublons.declarants", "recurrence.de", "recurrence.jours",
    "recurrence.fois", "doublons_possibles.nombre", "doublons_possibles.proches",
}  # fmt: skip
"""Private too, and said of some signalements alone: see test_voisinage."""


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        nested = [one for one in (field.annotation, *_inside(field.annotation)) if _is_model(one)]
        if nested:
            yield from fields(nested[0], f"{prefix}{name}.")
        else:
            yield prefix + name


def _inside(annotation: Any) -> Iterator[Any]:
    for one in get_args(annotation):
        yield one
        yield from _inside(one)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def told(answer: Any, known: set[str], prefix: str = "") -> set[str]:
    """The paths of an answer, in the words of the schema."""
    if prefix.rstrip(".") in known or not isinstance(answer, (dict, list)):
        return {prefix.rstrip(".")}
    if isinstance(answer, list):
        return set().union(*(told(one, known, prefix) for one in answer))
    return set().union(*(told(value, known, f"{prefix}{key}.") for key, value in answer.items()))


def under(ville, rule: Publication) -> None:
    configure(ville, lambda configuration: replace(configuration, publication=rule))


def ready(ville, id: UUID, **columns: Any) -> UUID:
    """Its photo, as a worker leaves it."""
    with ville.session(Door.OWNER) as session, session.begin():
        here = Photo.signalement_id == id
        made = {"etat": EtatPhoto.PRETE, "tirage": 1, "largeur": 1600, "hauteur": 1200, "blurhash": "LEHV6nWB2yk8"}
        session.execute(update(Photo).where(here).values(**made | {"recue_le": session.now} | columns))
        return session.scalars(select(Photo.id).where(here)).one()


def full(ville) -> UUID:
    """A signalement of which every field is said, answered, published by the pilote with its photo."""
    id = deposit(ville, theme=ENCOMBRANTS, place=ERABLES)
    ready(ville, id, alt="Un matelas devant l'entrée B.", motif="illisible", position={"lon": 0.41, "lat": 48.1})
    with ville.session(Door.OWNER) as session, session.begin():
        ticket = session.scalars(select(Signalement).where(Signalement.id == id)).one()
        ticket.description, ticket.constate_corrige, ticket.origine = "Matelas chez Mme Untel.", True, "carte"
        ticket.lieu, ticket.questions = {"etage": "2"}, {"volume": "plus_d_un_m3"}
        ticket.motif, ticket.regle, ticket.emprise = "arbitrage", "R07", "residence-erables"
        ticket.informes = ["tranquillite"]
        ticket.candidats = [{"acteur": "proprete", "emprise": "rue", "domanialite": "DPC", "distance_m": 3.0}]
    etape = Etape("Passage de la benne", le("2026-04-07 00:00").date())
    act(ville, "agent", repondre, id, nature="explicative", texte=BENNE, etape=etape)
    act(ville, "pilote", publier, id, photos=None)
    return id


def public(api, id: UUID):
    return api("GET", f"/v1/signalements/{id}", who=None)


def pilote(api, id: UUID, verb: str, **said: Any):
    return api("POST", f"/v1/signalements/{id}/{verb}", who="pilote", json=said)


# --- the view without an account


def test_every_field_of_a_signalement_is_said_to_be_public_or_private():
    assert set(fields(SignalementOut)) == PUBLICS | PRIVES | RARES
    assert len(PUBLICS) + len(PRIVES) + len(RARES) == len(PUBLICS | PRIVES | RARES)


def test_without_an_account_one_reads_all_that_is_public_and_nothing_else(api, ville):
    id = full(ville)
    assert told(api("GET", f"/v1/signalements/{id}").json(), PUBLICS | PRIVES) >= PRIVES - AILLEURS
    read = public(api, id).json()
    assert told(read, PUBLICS | PRIVES) == PUBLICS
    assert (read["description"], read["derniere_reponse"]["texte"]) == ("Matelas chez Mme Untel.", BENNE)
    assert read["photos"][0]["alt"] == "Un matelas devant l'entrée B."
    assert (read["photos_manquantes"], read["actions"]) == ([], [])


@pytest.mark.parametrize("who", [None, "relais2", "agent.proprete"])
def test_an_account_that_is_nothing_to_it_reads_what_everybody_reads_and_may_follow_it(api, ville, who):
    id = full(ville)
    read = api("GET", f"/v1/signalements/{id}", who=who).json()
    mine = {"actions": ["abonnements"], "suivi": {"je_suis": False}} if who else {}
    assert read == public(api, id).json() | mine


@pytest.mark.parametrize("who", [None, "relais2"])
def test_lists_are_worded_as_one_signalement_is(api, ville, who):
    id = full(ville)
    [one] = api("GET", "/v1/signalements?publics=true", who=who).json()["elements"]
    assert one == api("GET", f"/v1/signalements/{id}", who=who).json()
    [whole] = api("GET", "/v1/signalements", who="relais").json()["elements"]
    assert whole == api("GET", f"/v1/signalements/{id}").json()


def test_published_by_the_rule_alone_a_signalement_shows_no_word_that_a_person_wrote(api, ville):
    under(ville, Publication.IMMEDIATE)
    id = deposit(ville)
    ready(ville, id, alt="Chez Mme Untel.")
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Signalement).values(description="Chez Mme Untel."))
    act(ville, "agent", repondre, id, nature="operationnelle", texte="Mme Untel est prévenue.", etape=None)
    answer = public(api, id)
    assert "Untel" not in answer.text
    assert answer.json()["photos"][0]["alt"] == "Dépôt sauvage, avant l'intervention"


def test_what_is_said_after_the_pilote_published_waits_for_him(api, ville):
    id = full(ville)
    ville.forward(hours=1)
    act(ville, "agent", repondre, id, nature="operationnelle", texte="Mme Untel est prévenue.", etape=None)
    assert "derniere_reponse" not in public(api, id).json()
    assert public(api, id).json()["description"] == "Matelas chez Mme Untel."
    pilote(api, id, "publications")
    assert public(api, id).json()["derniere_reponse"]["texte"] == "Mme Untel est prévenue."


def test_a_photo_is_public_only_ready_released_and_of_a_published_signalement(api, ville):
    id = full(ville)
    for columns in ({"publiee": False}, {"publiee": True, "etat": EtatPhoto.RECUE}, {"etat": EtatPhoto.ATTENDUE}):
        ready(ville, id, **columns)
        assert public(api, id).json()["photos"] == []
    ready(ville, id, publiee=True)
    assert len(public(api, id).json()["photos"]) == 1


@pytest.mark.parametrize(
    ("theme", "place", "shown"),
    [
        (TROTTOIR, RUE_ERABLES, RUE_ERABLES),
        (STATIONNEMENT, RUE_ERABLES, (0.413, 48.105)),
        (HALL, ERABLES, (0.412, 48.106)),
    ],
)
def test_where_people_live_or_are_talked_about_the_public_reads_a_rounded_place(api, ville, theme, place, shown):
    id = deposit(ville, theme=theme, place=place)
    act(ville, "pilote", publier, id, photos=None)
    read = public(api, id).json()["position"]
    assert (read["lon"], read["lat"]) == shown
    [point] = api("GET", "/v1/signalements.geojson", who=None).json()["features"]
    assert tuple(point["geometry"]["coordinates"]) == shown


def test_a_theme_younger_than_the_signalement_protects_it_too(api, ville):
    id = deposit(ville, theme=TROTTOIR, place=ERABLES)
    cave = Theme("habitat.cave", "Cave", interieur=True)
    configure(ville, lambda configuration: replace(configuration, themes=(*configuration.themes, cave)))
    assert pilote(api, id, "corrections", theme="habitat.cave").status_code == 201
    assert pilote(api, id, "publications").status_code == 201
    read = public(api, id).json()
    assert (read["theme"]["libelle"], read["position"]) == ("Cave", {"lon": 0.412, "lat": 48.106})


@pytest.mark.parametrize("change", [{"interieur": True}, {"photo": RegleDePhoto.INTERDITE}], ids=str)
@pytest.mark.parametrize("born", [True, False])
def test_one_version_of_its_theme_that_protects_rounds_the_place(api, ville, born, change):
    def protect(**said):
        configure(
            ville, lambda c: replace(c, themes=tuple(replace(t, **said) if t.code == TROTTOIR else t for t in c.themes))
        )

    if born:
        protect(**change)
    id = deposit(ville, theme=TROTTOIR, place=RUE_ERABLES)
    act(ville, "pilote", publier, id, photos=None)
    protect(**({} if born else change))
    assert public(api, id).json()["position"] == {"lon": 0.413, "lat": 48.105}


def test_a_theme_that_takes_no_photo_any_more_shows_none_but_those_the_pilote_published(api, ville):
    under(ville, Publication.IMMEDIATE)
    by_the_rule, by_the_pilote = deposit(ville), deposit(ville)
    for id in (by_the_rule, by_the_pilote):
        ready(ville, id)
    act(ville, "pilote", publier, by_the_pilote, photos=None)

    def seen() -> list[int]:
        return [len(public(api, id).json()["photos"]) for id in (by_the_rule, by_the_pilote)]

    assert seen() == [1, 1]
    configure(
        ville,
        lambda c: replace(
            c,
            publication=Publication.IMMEDIATE,
            themes=tuple(replace(t, photo=RegleDePhoto.INTERDITE) if t.code == DEPOT_SAUVAGE else t for t in c.themes),
        ),
    )
    assert seen() == [0, 1]
    [photo] = api("GET", f"/v1/signalements/{by_the_rule}").json()["photos"]
    assert photo["publiee"] is False


def test_no_filter_finds_what_the_public_view_hides(api, ville):
    """A yes or a no, asked often enough, tells an exact point or a hidden word."""
    id = deposit(ville, theme=HALL, place=ERABLES)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Signalement).values(description="Chez Mme Untel."))
    act(ville, "pilote", publier, id, photos=None)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Signalement).values(publie_par_le_pilote=False))

    def found(**query: str) -> int:
        return len(api("GET", "/v1/signalements", who=None, params=query).json()["elements"])

    assert found(q="Untel") == 0
    lon, lat = ERABLES
    assert found(bbox=f"{lon - 0.00001},{lat - 0.00001},{lon + 0.00001},{lat + 0.00001}") == 1
    assert found(bbox=f"{lon + 0.00001},{lat - 0.00001},{lon + 0.00002},{lat + 0.00001}") == 1


def test_what_is_withdrawn_is_not_found_any_more(api, ville):
    id = full(ville)
    assert public(api, id).status_code == 200
    done = pilote(api, id, "depublications", motif="Un visage est reconnaissable.")
    assert done.status_code == 201
    assert "publication" not in done.json()
    assert [one["publiee"] for one in done.json()["photos"]] == [False]
    assert public(api, id).status_code == 404
    assert api("GET", "/v1/signalements", who=None).json()["elements"] == []


# --- the verbs


def test_the_pilote_reads_what_is_out_and_publishes_it_otherwise(api, ville):
    id = deposit(ville)
    photo = ready(ville, id)
    before = api("GET", f"/v1/signalements/{id}", who="pilote")
    assert "publications" in before.json()["actions"]
    assert "publication" not in before.json()
    done = pilote(api, id, "publications", photos=[str(photo)])
    assert (done.status_code, done.json()["publication"]) == (
        201,
        {"publie_le": "2026-03-31T18:12:00+02:00", "par_le_pilote": True},
    )
    assert [one["publiee"] for one in done.json()["photos"]] == [True]
    assert "depublications" in done.json()["actions"]
    assert [one["publiee"] for one in pilote(api, id, "publications", photos=[]).json()["photos"]] == [False]
    late = api(
        "POST",
        f"/v1/signalements/{id}/depublications",
        who="pilote",
        json={"motif": "Trop tard."},
        headers={"If-Match": before.headers["ETag"]},
    )
    assert (late.status_code, public(api, id).status_code) == (412, 200)


def test_a_publication_may_be_said_without_a_body_and_is_done_once_for_one_key(api, ville):
    id, key = deposit(ville), {"Idempotency-Key": "publier-1"}
    path = f"/v1/signalements/{id}/publications"
    first = api("POST", path, who="pilote", headers=key)
    assert first.status_code == 201, first.text
    again = api("POST", path, who="pilote", headers=key)
    assert (again.status_code, again.content, again.headers["ETag"]) == (201, first.content, first.headers["ETag"])
    assert api("POST", path, who="pilote", headers=key, json={"photos": []}).status_code == 422


def test_a_masked_photo_has_no_link_for_anybody_until_it_is_painted(api, ville):
    id = full(ville)
    [photo] = public(api, id).json()["photos"]
    rectangles = [{"x": 0.41, "y": 0.2, "largeur": 0.08, "hauteur": 0.11}]
    done = pilote(api, id, f"photos/{photo['id']}/masques", rectangles=rectangles)
    assert done.status_code == 201, done.text
    [put_away] = done.json()["photos"]
    assert (put_away["etat"], put_away["publiee"], "image" in put_away) == ("recue", True, False)
    assert done.json()["photos_manquantes"] == []
    assert public(api, id).json()["photos"] == []
    early = pilote(api, id, f"photos/{photo['id']}/masques", rectangles=rectangles)
    assert (early.status_code, early.json()["code"]) == (409, "photo_pas_prete")


GOOD = {"x": 0.4, "y": 0.4, "largeur": 0.1, "hauteur": 0.1}


@pytest.mark.parametrize(
    ("rectangles", "pointer"),
    [
        ([], "/rectangles"),
        ([GOOD] * 51, "/rectangles"),
        ([GOOD | {"x": -0.1}], "/rectangles/0/x"),
        ([GOOD, GOOD | {"y": 1}], "/rectangles/1/y"),
        ([GOOD | {"largeur": 0}], "/rectangles/0/largeur"),
        ([GOOD | {"hauteur": 1.5}], "/rectangles/0/hauteur"),
        ([GOOD, GOOD | {"largeur": 0.7}], "/rectangles/1"),
        ([GOOD | {"x": "0.4"}], "/rectangles/0/x"),
        ([GOOD | {"x": True}], "/rectangles/0/x"),
        ([GOOD | {"couleur": "noir"}], "/rectangles/0/couleur"),
        ([{"x": 0.1, "y": 0.1, "largeur": 0.1}], "/rectangles/0/hauteur"),
        ("tout", "/rectangles"),
    ],
    ids=str,
)
def test_rectangles_that_are_none_are_pointed_at_and_nothing_is_masked(api, ville, rectangles, pointer):
    id = full(ville)
    [photo] = public(api, id).json()["photos"]
    refused = pilote(api, id, f"photos/{photo['id']}/masques", rectangles=rectangles)
    assert (refused.status_code, refused.json()["code"]) == (422, "champ_invalide")
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]
    assert len(public(api, id).json()["photos"]) == 1


@pytest.mark.parametrize("raw", ['{"rectangles": [{"x": NaN, "y": 0, "largeur": 1, "hauteur": 1}]}', "[", ""], ids=str)
def test_a_body_that_is_no_json_masks_nothing(api, ville, raw):
    id = full(ville)
    [photo] = public(api, id).json()["photos"]
    path = f"/v1/signalements/{id}/photos/{photo['id']}/masques"
    refused = api("POST", path, who="pilote", content=raw, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text
    assert len(public(api, id).json()["photos"]) == 1


@pytest.mark.parametrize(
    "said", [{"photos": "toutes"}, {"photos": [str(uuid4())]}, {"photos": ["x"]}, {"motif": "Parce que."}], ids=list
)
def test_a_publication_that_cannot_be_is_refused_and_changes_nothing(api, ville, said):
    id = deposit(ville)
    refused = pilote(api, id, "publications", **said)
    assert refused.status_code == 422
    assert json.loads(refused.content)["errors"]
    assert public(api, id).status_code == 404


def test_a_withdrawal_says_why(api, ville):
    id = full(ville)
    assert pilote(api, id, "depublications").status_code == 422
    assert pilote(api, id, "depublications", motif="").status_code == 422
    assert public(api, id).status_code == 200


# --- painted, by a real worker


@pytest.fixture
def town(clone):
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    yield ville
    engine.dispose()


@pytest.fixture
def worker(town, keys, settings, tmp_path):
    means = Means(town.bind, keys, settings, mailbox=None, wire=Wire(), stockage=Local(tmp_path / "depot"))
    yield means
    means.atelier.close()


@pytest.fixture
def served(town, keys, settings, worker):
    app = build_app(Resources(town.bind, keys, settings, worker.stockage))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Api(client, keys, town, worker.stockage)


def chequered() -> bytes:
    """1600 × 1200, in squares of 20 pixels: nowhere is it plain."""
    squares = Image.new("L", (80, 60))
    squares.putdata([255 * ((rank + rank // 80) % 2) for rank in range(80 * 60)])
    out = io.BytesIO()
    squares.resize((1600, 1200), Image.Resampling.NEAREST).convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


def photographed(api) -> UUID:
    """A signalement and the bytes of its photo, over HTTP."""
    id, picture, photo = uuid4(), chequered(), str(uuid4())
    said = {
        "theme": "proprete.depot_sauvage",
        "constate_le": "2026-03-31T18:12:00+02:00",
        "position": {"lon": ERABLES[0], "lat": ERABLES[1]},
        "photos": [{"id": photo, "octets": len(picture), "sha256": sha256(picture).hexdigest()}],
    }
    assert api("PUT", f"/v1/signalements/{id}", json=said).status_code == 201
    digest = base64.b64encode(sha256(picture).digest()).decode()
    headers = {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{digest}:"}
    assert api("PUT", f"/v1/signalements/{id}/photos/{photo}", content=picture, headers=headers).status_code == 201
    return id


def links(api, id: UUID) -> dict[str, str]:
    [photo] = public(api, id).json()["photos"]
    return {name: photo[name].removeprefix("https://relais.vaucelles.test") for name in ("image", "vignette")}


def spread(api, link: str, box: tuple[float, float, float, float]) -> int:
    """From the darkest to the lightest in that part of a picture (left, top, right, bottom, in fractions)."""
    answer = api("GET", link, who=None)
    assert answer.status_code == 200
    grey = Image.open(io.BytesIO(answer.content)).convert("L")
    left, top, right, bottom = (round(part * side) for part, side in zip(box, grey.size * 2, strict=True))
    darkest, lightest = grey.crop((left, top, right, bottom)).getextrema()
    return lightest - darkest


def test_what_is_masked_is_painted_over_in_every_size_and_what_was_under_it_is_nowhere(served, worker):
    id = photographed(served)
    prepare(worker)
    assert pilote(served, id, "publications").status_code == 201
    before = links(served, id)
    inside, outside = (0.27, 0.27, 0.73, 0.73), (0.0, 0.0, 0.2, 1.0)
    assert all(spread(served, link, inside) > 100 for link in before.values())
    [photo] = public(served, id).json()["photos"]
    rectangle = {"x": 0.25, "y": 0.25, "largeur": 0.5, "hauteur": 0.5}
    assert pilote(served, id, f"photos/{photo['id']}/masques", rectangles=[rectangle]).status_code == 201
    assert public(served, id).json()["photos"] == []
    prepare(worker)
    after = links(served, id)
    for name, link in after.items():
        assert spread(served, link, inside) < 8, name
        assert spread(served, link, outside) > 100, name
        assert served("GET", before[name], who=None).status_code == 404, name
    kept = {one.cle for folder in ("photos", "originaux") for one in worker.stockage.cles(folder)}
    assert kept == {"photos/" + link.partition("/photos/")[2] for link in after.values()}
