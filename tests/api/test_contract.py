"""What is published is what is answered: valid, fresh, complete, and without a null."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from clients.contrat import FILE, refusals
from clients.contrat import contract as committed
from commands.factories import ERABLES, deposit, le, live
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from sqlalchemy import select

from api.app import build_app
from api.contract import TAGS, text_of
from api.problems import problem, status_of
from api.schemas import saisine, signalement
from api.schemas.commun import In, Problem
from relais.caller import Door
from relais.commands.photo import cle_de_variante
from relais.errors import Fault
from relais.links import media_path
from relais.tables.photo import EtatPhoto, Photo

BODIES = {"post", "put", "patch"}


@pytest.fixture(scope="module")
def contract() -> dict:
    return committed()


def operations(contract: dict) -> list[tuple[str, str, dict]]:
    found = [(path, method, op) for path, item in contract["paths"].items() for method, op in item.items()]
    assert len(found) > 25
    return found


def nodes(node: object) -> Iterator[dict]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(inner)


def test_the_committed_contract_is_the_one_that_is_served():
    assert FILE.read_text() == text_of(build_app(None)), "make openapi"


def test_it_is_valid_openapi_3_1(contract):
    assert contract["openapi"].startswith("3.1")
    validate(contract)


def test_every_operation_is_named_once_and_summed_up_in_a_sentence(contract):
    named = [op["operationId"] for _, _, op in operations(contract)]
    assert len(set(named)) == len(named)
    for path, method, op in operations(contract):
        assert op["summary"].endswith((".", "?", "!", ")")), (method, path)
        assert op["tags"], (method, path)


def test_every_operation_says_who_may_call_it(contract):
    known = set(contract["components"]["securitySchemes"])
    for path, method, op in operations(contract):
        assert {name for one in op["security"] for name in one} <= known, (method, path)
    assert {f"{method} {path}" for path, method, op in operations(contract) if not op["security"]} == {
        "get /healthz", "get /readyz", "get /m/{seal}/{cle}",
        "post /v1/auth/codes", "post /v1/auth/token", "post /v1/auth/revoke",
    }  # fmt: skip
    assert {f"{method} {path}" for path, method, op in operations(contract) if {} in op["security"]} == {
        "get /v1/meta", "get /v1/routage", "get /v1/zones.geojson", "get /v1/emprises.geojson",
        "get /v1/secteurs", "get /v1/secteurs.geojson", "get /v1/signalements", "get /v1/signalements.geojson",
        "get /v1/signalements/proches", "get /v1/signalements/{id}", "get /v1/changements",
    }  # fmt: skip


def test_who_may_call_is_what_is_answered_to_a_stranger_and_to_a_bad_token(contract, api):
    bad = {"Authorization": "Bearer x"}
    for path, method, op in operations(contract):
        asked = path.replace("{id}", str(uuid4())).replace("{photo_id}", str(uuid4()))
        stranger, forged = (api(method, asked, who=None, headers=sent).status_code for sent in ({}, bad))
        assert (stranger == 401) == (bool(op["security"]) and {} not in op["security"]), (method, path, stranger)
        assert (forged == 401) == bool(op["security"]), (method, path, forged)


def test_every_tag_is_explained_and_serves(contract):
    assert {tag for _, _, op in operations(contract) for tag in op["tags"]} == set(TAGS)
    assert [one["name"] for one in contract["tags"]] == list(TAGS)


def test_every_refusal_is_documented_as_a_problem(contract):
    for path, method, op in operations(contract):
        refusals = {status: one for status, one in op["responses"].items() if status == "default" or status >= "4"}
        assert "default" in refusals, (method, path)
        assert not op["security"] or {"401", "403"} <= set(refusals), (method, path)
        for status, one in refusals.items():
            schema = one["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
            assert list(one["content"]) == ["application/problem+json"], (method, path, status)
            assert "Retry-After" in one["headers"], (method, path, status)
    assert "HTTPValidationError" not in contract["components"]["schemas"]


def test_every_body_has_an_example_that_is_accepted(contract):
    models = {one.__name__: one for one in In.__subclasses__()}
    seen = 0
    for path, method, op in operations(contract):
        content = op.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        seen += 1
        name = content["schema"]["$ref"].rpartition("/")[2]
        examples = contract["components"]["schemas"][name]["examples"]
        assert examples, (method, path)
        for example in examples:
            models[name].model_validate_json(json.dumps(example))
    assert seen > 9
    assert {signalement.SignalementIn, saisine.RetraitIn} <= set(models.values())


def test_absent_is_never_written_null(contract):
    for node in nodes(contract):
        assert {"type": "null"} not in node.get("anyOf", []), node
        assert "null" not in (node["type"] if isinstance(node.get("type"), list) else [])
        assert node.get("default", ...) is not None


def test_a_row_of_values_of_one_kind_is_an_array_of_that_kind(contract):
    assert not [node for node in nodes(contract) if "prefixItems" in node]
    assert contract["components"]["schemas"]["TerritoireOut"]["properties"]["bbox"]["items"] == {"type": "number"}


# --- refusals


class Asked:
    class url:  # noqa: N801 - as a request names it
        path = "/v1/x"


def test_every_refusal_reaches_a_status_of_its_own_family_and_words_for_people():
    kinds = refusals()
    assert len(kinds) > 45
    assert [kind.__name__ for kind in kinds if status_of(kind()) >= 500 and not kind.retryable] == []
    assert [kind.__name__ for kind in kinds if status_of(kind()) == 500] == ["Crash"]
    assert len({kind().code for kind in kinds}) == len(kinds)
    for kind in kinds:
        told = json.loads(problem(kind("Pourquoi.", (Fault("/x", "Quoi."),)), Asked()).body)
        Problem.model_validate(told)
        assert told["code"] == kind().code
        assert kind.__doc__, kind
        assert not told["title"].endswith("."), kind


CODES = {
    "bad_request", "unauthorized", "forbidden", "not_found", "gone", "conflict", "stale", "invalid", "too_large",
    "unsupported_type", "unavailable", "jeton_absent", "jeton_invalide", "jeton_expire", "compte_suspendu",
    "action_interdite", "territoire_inconnu", "territoire_a_choisir", "signalement_introuvable",
    "identifiant_deja_pris", "signalement_different", "transition_impossible", "apres_manquante", "version_depassee",
    "champ_invalide", "theme_inconnu", "hors_territoire", "position_inversee", "date_impossible",
    "photo_non_autorisee", "reponse_inutile", "acteur_inconnu", "photo_introuvable", "photo_non_declaree",
    "photo_deja_recue", "empreinte_manquante", "empreinte_differente", "photo_trop_grosse", "format_de_photo",
    "envoi_interrompu", "plus_de_place", "saisine_introuvable", "saisine_deja_decidee", "ajournement_refuse",
    "envoi_introuvable", "webhook_introuvable", "adresse_refusee", "lien_invalide", "personne_inconnue",
    "horloge_fixe", "clef_reutilisee", "demande_en_cours", "instance_inconnue", "crash", "contenu_inattendu",
    "too_many", "code_invalide", "session_terminee", "trop_de_codes", "reponse_manquante", "autre_canal",
    "photo_pas_prete", "demande_trop_grosse", "clef_manquante", "curseur_perime", "envoi_pas_mort",
}  # fmt: skip


def test_a_code_that_apps_rely_on_is_never_renamed():
    assert CODES - {kind().code for kind in refusals()} == set()


# --- what is really answered


@pytest.fixture
def lived(api, ville) -> dict[str, str]:
    """A signalement late enough to have climbed, answered, with a clean photo; a webhook and its envois."""
    assert api("POST", "/v1/webhooks", who="admin", json={"url": "https://partenaire.example/x"}).status_code == 201
    id = deposit(ville, place=ERABLES)
    live(ville, "2026-04-15 17:30")
    step = {"libelle": "Passage de la benne", "le": "2026-04-17"}
    said = {"nature": "explicative", "texte": "Benne commandée pour vendredi.", "prochaine_etape": step}
    assert api("POST", f"/v1/signalements/{id}/reponses", who="agent", json=said).status_code == 201
    with ville.session(Door.OWNER) as session, session.begin():
        photo = session.scalars(select(Photo).where(Photo.signalement_id == id)).one()
        photo.etat, photo.largeur, photo.hauteur = EtatPhoto.PRETE, 640, 480
        key = cle_de_variante(photo, "image")
    api.stockage.ecrire(key, b"\xff\xd8\xff")
    return {"{id}": str(id), "{code}": "gusp-dg", "{key}": key}


def test_every_read_answers_what_the_contract_says(contract, api, lived, keys, ville):
    with ville.session() as session, session.begin():
        media, _ = media_path(keys, lived["{key}"], now=session.now.now(session.now.tzinfo))
    assert api("GET", media, who=None).headers["content-type"] == "image/jpeg"
    here = "?lon=0.41224&lat=48.10598"
    asked = {"/v1/secteurs": here}
    asked |= dict.fromkeys(("/v1/routage", "/v1/signalements/proches"), f"{here}&theme=proprete.depot_sauvage")
    for day in ("2026-04-01", "2026-04-15"):  # one beside that of the first day, one beside what would be sent now
        ville.at(le(f"{day} 17:30"))
        beside = deposit(ville, place=ERABLES)
    taken = {"motif": "pas_mon_terrain", "acteur": "proprete"}
    assert api("POST", f"/v1/signalements/{beside}/reaffectations", who="agent", json=taken).status_code == 201
    read = 0
    for path, method, op in operations(contract):
        if method != "get" or path.startswith("/m/"):
            continue
        who = "admin" if path in {"/v1/webhooks", "/v1/envois"} else "pilote"
        where = path.replace("{id}", lived["{id}"]).replace("{code}", lived["{code}"]) + asked.get(path, "")
        answer = api("GET", where, who=who)
        assert answer.status_code == 200, (path, answer.text)
        ((kind, content),) = op["responses"]["200"]["content"].items()
        assert answer.headers["content-type"] == kind, path
        if "304" in op["responses"]:
            held = {"If-None-Match": answer.headers["ETag"]}
            assert api("GET", where, who=who, headers=held).status_code == 304, path
        told = answer.json()
        Draft202012Validator({**content["schema"], "components": contract["components"]}).validate(told)
        if path != "/v1/changements":  # it serves what is committed, and nothing is here
            assert told.get("elements", ["x"]), f"{path} answered nothing to look at"
        assert told.get("features", ["x"]), path
        assert not [node for node in nodes(told) if None in node.values()], path
        read += 1
    assert read > 14


def test_a_signalement_tells_its_whole_story_in_local_time(api, lived):
    told = api("GET", f"/v1/signalements/{lived['{id}']}").json()
    assert told["derniere_reponse"]["prochaine_etape"] == {"libelle": "Passage de la benne", "le": "2026-04-17"}
    assert told["photos"][0]["image"].startswith("https://relais.vaucelles.test/m/")
    moments = [one["le"] for one in api("GET", f"/v1/signalements/{lived['{id}']}/journal").json()["elements"]]
    moments += [one["cree_le"] for one in api("GET", "/v1/envois", who="admin").json()["elements"]]
    assert len(moments) > 10
    assert {moment[-6:] for moment in moments} == {"+02:00"}


def test_a_list_shows_only_the_fields_asked_for(api, lived):
    page = api("GET", "/v1/signalements?champs=id,numero").json()
    assert page == {"elements": [{"id": lived["{id}"], "numero": page["elements"][0]["numero"]}]}


def test_the_map_of_signalements_has_the_filters_of_the_list(api, lived):
    everything = api("GET", "/v1/signalements.geojson", who="pilote").json()
    assert [one["properties"]["id"] for one in everything["features"]] == [lived["{id}"]]
    assert everything["features"][0]["geometry"] == {"type": "Point", "coordinates": list(ERABLES)}
    assert api("GET", "/v1/signalements.geojson?statut=clos", who="pilote").json()["features"] == []
    assert api("GET", "/v1/signalements.geojson", who="relais2").json()["features"] == []


def test_a_tag_weakened_by_a_proxy_is_still_known(api):
    tag = api("GET", "/v1/meta", who=None).headers["ETag"]
    for held in (tag, f"W/{tag}", f'"x", W/{tag}', "*"):
        assert api("GET", "/v1/meta", who=None, headers={"If-None-Match": held}).status_code == 304, held
