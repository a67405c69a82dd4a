"""What happened, told to each reader: who by function, when by the local clock; to each software, what is its own."""

import csv
import json
import re
from pathlib import Path
from uuid import UUID

import pytest
from commands.factories import RUE_ERABLES, act, agendas, at, cle, deposit, link
from conftest import DEMO, Ville
from sqlalchemy import event, select

from relais.caller import Door
from relais.commands.personne import make_cle
from relais.commands.saisine import mobiliser
from relais.commands.territoire import get_territoire
from relais.commands.verbes import prendre_en_charge, reaffecter, repondre
from relais.courriels.histoire import PHRASES
from relais.outbox import SYSTEM, Fact, announce
from relais.rules.acces import FONCTIONS, Role
from relais.rules.evenements import CONTRAT, INTERNES, TypeEvenement
from relais.rules.refus import MotifDeRenvoi
from relais.tables.envoi import Canal, Envoi
from relais.tables.saisine import EtatSaisine

ROOT = Path(__file__).parents[2]
NOMS = {
    row["identifiant"].partition("@")[0]: row["nom"]
    for row in csv.DictReader((DEMO / "personnes.csv").read_text().splitlines())
}
TEXTE = "Benne commandée, passage mardi."
FUNCTION = {
    "signalement.recu": "un ou une relais du quartier",
    "signalement.pris_en_charge": "Habitat Lisse",
    "signalement.repondu": "Habitat Lisse",
    "escalade.declenchee": "Relais",
    "instance.mobilisee": "l'équipe pilote GUSP",
}


def answer(ville: Ville, who, id: UUID) -> None:
    act(ville, who, repondre, id, nature="operationnelle", texte=TEXTE, etape=None)


@pytest.fixture
def lived(ville) -> UUID:
    """A ticket that a relais sent, a link took, an agent and a key answered; it climbed, and a pilote decided."""
    id = deposit(ville)
    act(ville, link("habitat-lisse"), prendre_en_charge, id)
    answer(ville, "agent", id)
    answer(ville, cle(ville, "habitat-lisse"), id)
    at(ville, "2026-04-15 17:30")
    act(ville, "pilote", mobiliser, agendas(ville, id)["gusp-dg"].id, motif=None)
    return id


def key(ville: Ville, acteur: str) -> dict[str, str]:
    with ville.session(Door.OWNER) as session, session.begin():
        there = get_territoire(session, "VSL")
        clear = make_cle(session, there, libelle="Poste de Sacha Morvelle", acteur=acteur, now=session.now)
    return {"Authorization": f"Bearer {clear}"}


def told(api, id: UUID, **who) -> list[tuple[str, str]]:
    journal = api("GET", f"/v1/signalements/{id}/journal", **who)
    assert journal.status_code == 200, journal.text
    return [(one["type"], one["auteur"]) for one in journal.json()["elements"]]


@pytest.mark.parametrize("who", ["elu", "responsable", "direction_generale"])
def test_the_journal_says_who_by_function(api, lived, who):
    found = dict(told(api, lived, who=who))
    assert {type_: found[type_] for type_ in FUNCTION} == FUNCTION


@pytest.mark.parametrize("who", ["relais", "elu", "agent", "responsable", "direction_generale", "cle"])
def test_no_name_of_a_person_but_one_s_own_is_in_the_journal_read_by(api, ville, lived, who):
    asked = {"who": None, "headers": key(ville, "habitat-lisse")} if who == "cle" else {"who": who}
    text = api("GET", f"/v1/signalements/{lived}/journal", **asked).text
    assert "mobilisee" in text
    assert {name for prenom, name in NOMS.items() if name in text and prenom != who} == set()


def test_one_reads_one_s_own_name_where_one_acted(api, lived):
    assert ("signalement.recu", NOMS["relais"]) in told(api, lived, who="relais")
    answers = {auteur for type_, auteur in told(api, lived, who="agent") if type_ == "signalement.repondu"}
    assert answers == {NOMS["agent"], "Habitat Lisse"}


@pytest.mark.parametrize("who", ["pilote", "admin"])
def test_the_pilote_and_the_administrateur_read_names(api, lived, who):
    found = told(api, lived, who=who)
    assert {NOMS["relais"], NOMS["agent"], NOMS["pilote"], "Relais"} <= {auteur for _, auteur in found}
    assert ("signalement.pris_en_charge", "Habitat Lisse") in found, "a link has no account: its acteur"


def test_every_role_has_a_function_to_be_called_by():
    assert set(FONCTIONS) == set(Role)


def test_the_roles_of_all_authors_cost_one_statement(api, engine, lived):
    seen = []
    event.listen(engine, "before_cursor_execute", record := lambda *args: seen.append(args[2]))
    try:
        told(api, lived, who="elu")
    finally:
        event.remove(engine, "before_cursor_execute", record)
    assert sum("FROM cle" in one and "relais_ouvrir" not in one for one in seen) == 1


def test_instants_are_local_and_to_the_second_in_what_was_said_too(api, lived):
    for path in ("", "/journal"):
        text = api("GET", f"/v1/signalements/{lived}{path}", who="pilote").text
        instants = re.findall(r'"(\d{4}-\d\d-\d\dT[^"]*)"', text)
        assert instants
        assert {re.sub(r"\d", "0", one) for one in instants} == {"0000-00-00T00:00:00+00:00"}
        assert {one[-6:] for one in instants} == {"+02:00"}
    events = api("GET", f"/v1/signalements/{lived}/journal", who="elu").json()["elements"]
    [reponse] = [one for one in events if one["type"] == "signalement.repondu"][:1]
    assert reponse["donnees"]["reponse"]["le"] == reponse["le"]
    assert reponse["donnees"]["reponse"]["texte"] == TEXTE


# --- types, and who hears them


def test_every_fact_that_a_command_announces_has_a_name_of_the_list():
    names = {TypeEvenement(f"instance.{etat}") for etat in EtatSaisine}
    families = "|".join(sorted({one.partition(".")[0] for one in TypeEvenement}))
    for module in (ROOT / "relais" / "commands").glob("*.py"):
        names |= {TypeEvenement(one) for one in re.findall(rf'"((?:{families})\.[a-z_]+)"', module.read_text())}
    assert set(INTERNES) < names
    assert len(names) > 18
    assert set(PHRASES) <= set(TypeEvenement)


def test_the_glossaire_lists_every_type():
    words = (ROOT / "docs" / "glossaire.md").read_text()
    assert [one for one in TypeEvenement if f"`{one}`" not in words] == []


def webhook(api, acteur: str | None = None, **said) -> str:
    said |= {"url": "https://partenaire.example/x"} | ({"acteur": acteur} if acteur else {})
    made = api("POST", "/v1/webhooks", who="admin", json=said)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def heard(ville: Ville, hook: str) -> list[dict]:
    with ville.session(Door.OWNER) as session, session.begin():
        sent = (Envoi.canal == Canal.WEBHOOK, Envoi.destinataire == hook)
        return [json.loads(one) for one in session.scalars(select(Envoi.corps).where(*sent).order_by(Envoi.cree_le))]


def test_what_relais_says_to_itself_is_in_no_webhook(api, ville):
    everything = webhook(api)
    with ville.session() as session, session.begin():
        facts = [Fact(one) for one in (*INTERNES, TypeEvenement.SIGNALEMENT_CLOS)]
        announce(session, facts, signalement=None, author=SYSTEM, now=session.now)
    assert [one["type"] for one in heard(ville, everything)] == ["signalement.clos"]


def test_a_webhook_may_listen_to_every_type_of_the_contract(api):
    hook = webhook(api, types=list(CONTRAT))
    [read] = api("GET", "/v1/webhooks", who="admin").json()["elements"]
    assert (read["id"], read["types"]) == (hook, list(CONTRAT))


def test_who_loses_a_ticket_hears_it_and_nothing_it_may_not_see(api, ville):
    before, after, chosen = webhook(api, "habitat-lisse"), webhook(api, "proprete"), "signalement.reaffecte"
    deaf = webhook(api, "habitat-lisse", types=["signalement.clos"])
    id = deposit(ville)
    why = {"motif": MotifDeRenvoi.PAS_MON_TERRAIN, "commentaire": "Ce trottoir est à la Ville."}
    act(ville, "pilote", reaffecter, id, **why, acteur="proprete")
    [lost] = [one for one in heard(ville, before) if one["type"] == chosen]
    kept = lost["data"].pop("signalement")
    assert lost["data"] == {}
    assert {**kept, "numero": ""} == {
        "id": str(id), "numero": "", "statut": "affecte", "theme": "proprete.depot_sauvage", "acteur": "proprete",
    }  # fmt: skip
    [won] = heard(ville, after)
    assert (won["type"], won["data"]["de"], won["data"]["par"]) == (chosen, "habitat-lisse", "pilote")
    assert {name: won["data"][name] for name in why} == why
    assert heard(ville, deaf) == []
    act(ville, "agent.proprete", prendre_en_charge, id)
    assert len(heard(ville, before)) == 3, "received, assigned, lost: and nothing of what follows"


def test_who_has_had_it_long_ago_hears_nothing_of_a_later_move(api, ville):
    hook = webhook(api, "habitat-lisse")
    id = deposit(ville, theme="voirie.trottoir", place=RUE_ERABLES)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.AUTRE, commentaire="À arbitrer.", acteur=None)
    assert heard(ville, hook) == []
