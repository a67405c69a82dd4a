"""The pages: the buttons of a mail, the home, and the demonstration's letter-box."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from html import unescape
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from commands.factories import ERABLES, PILOTES, act, agendas, deposit, facts, le, live, mails, photo, ticket
from conftest import DEMO, Ville
from fastapi.testclient import TestClient
from sqlalchemy import select, text, update

from api.app import build_app
from api.resources import Resources
from relais.boite import Boite
from relais.caller import Door
from relais.commands.signalement import submit_signalement
from relais.commands.verbes import intervenir, prendre_en_charge, reaffecter
from relais.db import make_engine
from relais.links import ACTION_DAYS, Action, Choice, action_token
from relais.mail import Courriel, Smtp
from relais.rules.depot import Depot
from relais.rules.refus import MotifDeRenvoi
from relais.stockage import Local
from relais.tables.envoi import Envoi
from relais.tables.personne import Personne
from relais.tables.saisine import EtatSaisine

DECISION = [Choice.MOBILISER, Choice.AJOURNER, Choice.RETIRER]


def envoi(ville, id, a, *gabarits):
    with ville.session(Door.OWNER) as session, session.begin():
        wanted = select(Envoi).where(Envoi.signalement_id == id, Envoi.destinataire == a, Envoi.gabarit.in_(gabarits))
        return session.scalars(wanted.order_by(Envoi.cree_le.desc())).first()


def link(keys, sent, choice):
    return "/a/" + action_token(keys, Action(sent.territoire_id, choice, sent.id))


@pytest.fixture
def affecte(ville):
    """A ticket Habitat Lisse has been told of, on 31 March at 18:12."""
    return deposit(ville)


@pytest.fixture
def bouton(ville, keys, affecte):
    """« Je prends en charge », in that mail."""
    return link(keys, envoi(ville, affecte, "gestion.nord@habitat-lisse.test", "affectation"), Choice.PRENDRE_EN_CHARGE)


@pytest.fixture
def inscrit(ville):
    """A ticket nobody moved: since 15 April at 17:00 it is on the direction générale's agenda."""
    id = deposit(ville)
    live(ville, "2026-04-15 17:00")
    ville.at(le("2026-04-16 09:20"))
    return id


@pytest.fixture
def choix(ville, keys, inscrit):
    def make(choice, who="pilote@demo.test"):
        return link(keys, envoi(ville, inscrit, who, "decision"), choice)

    return make


def show(api, path):
    return api("GET", path, who=None)


def press(api, path, **fields):
    return api(
        "POST",
        path,
        who=None,
        content=urlencode(fields),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"},
    )


def words(answer):
    """What is read on the page: without tags, on one line."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.text
    body = re.sub(r"<style>.*?</style>", "", answer.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).replace("\xa0", " ").split())


def state(ville, id):
    kept = ticket(ville, id)
    return kept.statut, kept.revision, facts(ville, id), {k: v.etat for k, v in agendas(ville, id).items()}


def dg(ville, id):
    return agendas(ville, id)["gusp-dg"]


# --- « Je prends en charge »


def test_following_a_link_shows_the_ticket_and_never_acts(api, ville, affecte, bouton):
    before = state(ville, affecte)
    for _ in range(3):
        shown = show(api, bouton)
        assert api("HEAD", bouton, who=None).status_code == 200
    assert state(ville, affecte) == before
    assert shown.status_code == 200
    said = words(shown)
    for expected in (
        "VSL-2026-00001",
        "Dépôt sauvage",
        "Habitat Lisse, 02 61 91 00 21",
        "mercredi 1er avril à 15 h",
        "QPV Les Tilleuls",
    ):
        assert expected in said
    assert len(re.findall(r"<button", shown.text)) == len(re.findall(r'<form method="post"', shown.text)) == 1
    assert "<script" not in shown.text


def test_following_a_pilotes_links_never_decides(api, ville, inscrit, choix):
    before = state(ville, inscrit)
    for choice in DECISION:
        assert show(api, choix(choice)).status_code == 200
        assert api("HEAD", choix(choice), who=None).status_code == 200
    assert state(ville, inscrit) == before


def test_pressing_takes_in_charge_once_and_says_so_kindly_afterwards(api, ville, affecte, bouton):
    ville.at(le("2026-04-01 09:40"))
    pressed = press(api, bouton)
    assert pressed.status_code == 200
    assert "C'est noté : pris en charge par Habitat Lisse le 1er avril à 9 h 40." in words(pressed)
    done = state(ville, affecte)
    assert (done[0], done[2].count("signalement.pris_en_charge")) == ("pris_en_charge", 1)
    ville.at(le("2026-04-01 10:30"))
    for again in (press(api, bouton), show(api, bouton)):
        assert again.status_code == 200
        assert "Déjà pris en charge par Habitat Lisse le 1er avril à 9 h 40." in words(again)
        assert "<button" not in again.text
    assert state(ville, affecte) == done


def test_what_a_colleague_with_an_account_took_in_charge_is_already_done(api, ville, affecte, bouton):
    ville.at(le("2026-04-01 09:40"))
    act(ville, "agent", prendre_en_charge, affecte)
    pressed = press(api, bouton)
    assert (pressed.status_code, "Déjà pris en charge par Habitat Lisse" in words(pressed)) == (200, True)


def test_a_ticket_that_moved_on_says_where_it_is(api, ville, bouton):
    ville.at(le("2026-04-01 09:40"))
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(text("UPDATE signalement SET statut = 'traite', statut_depuis = :now"), {"now": session.now})
    pressed = press(api, bouton)
    assert pressed.status_code == 409
    assert "ce signalement est « traité » depuis le 1er avril à 9 h 40" in words(pressed)
    assert show(api, bouton).status_code == 200


def test_a_ticket_given_to_another_acteur_is_shown_to_the_first_no_more(api, ville, affecte, bouton):
    act(ville, "pilote", reaffecter, affecte, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="proprete")
    before = state(ville, affecte)
    pressed = press(api, bouton)
    assert pressed.status_code == 409
    assert "Ce signalement ne vous est plus confié" in words(pressed)
    assert show(api, bouton).status_code == 200
    assert "Érables" not in pressed.text + show(api, bouton).text
    assert state(ville, affecte) == before


def test_an_acteur_never_reads_who_signalled(api, bouton):
    pages = [show(api, bouton), press(api, bouton), press(api, bouton)]
    for shown in pages:
        assert "par un ou une relais du quartier" in words(shown)
        for private in ("Aubry", "Camille", "relais@demo.test"):
            assert private not in shown.text


def test_a_responsable_presses_with_his_own_mail_and_is_journalled(api, ville, keys):
    with ville.session(Door.OWNER) as session, session.begin():
        person = session.scalars(select(Personne).where(Personne.identifiant == "responsable@demo.test")).one()
    id = deposit(ville)
    sent = envoi(ville, id, "gestion.nord@habitat-lisse.test", "affectation")
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Envoi).where(Envoi.id == sent.id).values(personne_id=person.id))
    assert press(api, link(keys, sent, Choice.PRENDRE_EN_CHARGE)).status_code == 200
    assert ticket(ville, id).statut == "pris_en_charge"
    with ville.session(Door.OWNER) as session, session.begin():
        who = session.scalar(text("SELECT auteur_id FROM evenement WHERE type = 'signalement.pris_en_charge'"))
    assert who == person.id


def test_what_a_stranger_wrote_is_shown_as_text(api, ville, keys):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}'
    with ville.as_("relais") as session, session.begin():
        depot = Depot(
            "voirie.trottoir", session.now, *ERABLES, precision_m=1.0, description=evil, lieu={"adresse": evil}
        )
        id = submit_signalement(session, caller=session.caller, id=uuid4(), depot=depot, now=session.now)[0].id
    sent = envoi(ville, id, "gestion.nord@habitat-lisse.test", "affectation")
    shown = show(api, link(keys, sent, Choice.PRENDRE_EN_CHARGE))
    assert shown.status_code == 200
    assert shown.text.count("alert(1)") == shown.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2
    assert "<script" not in shown.text
    assert "<img" not in shown.text
    assert "{{ 7*7 }}" in unescape(shown.text)


# --- the pilote's three choices


def test_mobiliser_sends_the_file_once_with_or_without_a_motif(api, ville, inscrit, choix):
    assert "direction générale comprise" in words(show(api, choix(Choice.MOBILISER)))
    pressed = press(api, choix(Choice.MOBILISER), motif=" 4e dépôt depuis janvier ")
    assert pressed.status_code == 200
    said = "l'instance GUSP / direction générale a été mobilisée par vous le 16 avril à 9 h 20."
    assert f"C'est noté : {said}" in words(pressed)
    assert (dg(ville, inscrit).etat, dg(ville, inscrit).motif) == (EtatSaisine.MOBILISEE, "4e dépôt depuis janvier")
    sent = len(mails(ville, inscrit, "mobilisation"))
    assert sent > 0
    ville.at(le("2026-04-16 10:00"))
    again = press(api, choix(Choice.MOBILISER), motif="encore")
    assert (again.status_code, f"C'est déjà fait : {said}" in words(again)) == (200, True)
    assert len(mails(ville, inscrit, "mobilisation")) == sent
    assert dg(ville, inscrit).motif == "4e dépôt depuis janvier"


def test_retirer_wants_a_motif_then_takes_it_off(api, ville, inscrit, choix):
    empty = press(api, choix(Choice.RETIRER), motif="  ")
    assert (empty.status_code, "Dites pourquoi, en une phrase." in words(empty)) == (422, True)
    assert 'aria-invalid="true"' in empty.text
    assert dg(ville, inscrit).etat is EtatSaisine.INSCRITE
    assert press(api, choix(Choice.RETIRER), motif="Benne passée ce matin.").status_code == 200
    assert dg(ville, inscrit).etat is EtatSaisine.RETIREE
    again = press(api, choix(Choice.RETIRER), motif="Benne passée ce matin.")
    assert (again.status_code, "C'est déjà fait : le signalement a été retiré" in words(again)) == (200, True)


def test_mobiliser_then_needs_no_motif(api, ville, inscrit, choix):
    assert press(api, choix(Choice.MOBILISER)).status_code == 200
    assert dg(ville, inscrit).motif is None


def test_ajourner_shows_its_limits_and_keeps_what_was_typed(api, ville, inscrit, choix):
    path = choix(Choice.AJOURNER)
    shown = show(api, path)
    assert 'min="2026-04-17" max="2026-04-30"' in shown.text
    assert "Du vendredi 17 avril au jeudi 30 avril" in words(shown)
    for bad in ("2026-05-01", "2026-04-16", "demain", ""):
        refused = press(api, path, motif="Travaux <en> cours", jusqu_au=bad, vu=0)
        assert refused.status_code == 422
        assert "Travaux &lt;en&gt; cours</textarea>" in refused.text
        assert f'value="{bad}"' in refused.text
        assert 'id="faute-jusqu_au"' in refused.text
    both = press(api, path, motif="", jusqu_au="2026-05-01", vu=0)
    assert 'id="faute-motif"' in both.text
    assert press(api, path, motif="x" * 2_001, jusqu_au="2026-04-20", vu=0).status_code == 422
    assert dg(ville, inscrit).etat is EtatSaisine.INSCRITE
    pressed = press(api, path, motif="Travaux\r\nen cours\x00", jusqu_au="2026-04-25", vu=0)
    assert pressed.status_code == 200
    # A Saturday: nobody decides on a closed day.
    assert "C'est noté : la décision a été ajournée par vous au lundi 27 avril à 17 h." in words(pressed)
    assert (dg(ville, inscrit).ajournements, dg(ville, inscrit).motif) == (1, "Travaux\nen cours")


def test_pressing_ajourner_twice_is_one_ajournement_and_two_are_the_most(api, ville, inscrit, choix):
    path, said = choix(Choice.AJOURNER), {"motif": "Travaux en cours.", "jusqu_au": "2026-04-20"}
    for _ in range(2):
        assert press(api, path, **said, vu=0).status_code == 200
    assert dg(ville, inscrit).ajournements == 1
    assert 'name="vu" value="1"' in show(api, path).text
    for _ in range(2):
        assert press(api, path, **said, vu=1).status_code == 200
    assert dg(ville, inscrit).ajournements == 2
    spent = show(api, path)
    assert ("<button" in spent.text, "Déjà ajournée 2 fois" in words(spent)) == (False, True)
    assert press(api, path, **said, vu=2).status_code == 409
    assert press(api, choix(Choice.MOBILISER)).status_code == 200
    assert dg(ville, inscrit).etat is EtatSaisine.MOBILISEE


def test_what_another_pilote_decided_is_told_without_naming_anybody(api, ville, inscrit, choix):
    assert {mail.a for mail in mails(ville, inscrit, "decision")} == PILOTES
    press(api, choix(Choice.MOBILISER, "copilote@demo.test"))
    for choice in DECISION:
        late = press(api, choix(choice), motif="Pour voir.", jusqu_au="2026-04-20", vu=0)
        assert late.status_code == 409
        assert "a été mobilisée par un autre pilote le 16 avril à 9 h 20" in words(late)
        assert "Brimont" not in late.text


def test_a_decision_the_same_pilote_took_otherwise_is_a_conflict(api, choix):
    press(api, choix(Choice.RETIRER), motif="Benne passée.")
    other = press(api, choix(Choice.MOBILISER))
    assert other.status_code == 409
    assert "Une décision a déjà été prise : le signalement a été retiré de l'ordre du jour par vous" in words(other)


def test_what_was_transmitted_without_a_decision_is_told(api, ville, choix):
    path = choix(Choice.MOBILISER)
    live(ville, "2026-04-20 17:00")
    late = press(api, path)
    assert late.status_code == 409
    assert "transmis à la direction générale le 20 avril à 17 h, sans décision du pilote" in words(late)


def test_a_ticket_done_meanwhile_has_left_the_agenda(api, ville, inscrit, choix):
    act(ville, "agent", intervenir, inscrit, commentaire="Enlevé.", nature="durable", photos=[photo("apres")])
    late = press(api, choix(Choice.MOBILISER))
    assert late.status_code == 409
    assert "le signalement est « traité », et retiré de l'ordre du jour le 16 avril à 9 h 20." in words(late)


@pytest.mark.parametrize("change", [{"actif": False}, {"role": "elu"}])
def test_a_suspended_or_former_pilotes_link_is_refused(api, ville, inscrit, choix, change):
    path, before = choix(Choice.MOBILISER), state(ville, inscrit)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Personne).where(Personne.identifiant == "pilote@demo.test").values(**change))
    for refused in (show(api, path), press(api, path)):
        assert refused.status_code == 403
        assert "<h1>" in refused.text
        assert "Érables" not in refused.text
    assert state(ville, inscrit) == before


def test_an_erased_pilotes_link_leads_nowhere(api, ville, inscrit, keys):
    sent = envoi(ville, inscrit, "pilote@demo.test", "decision")
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Envoi).where(Envoi.id == sent.id).values(personne_id=uuid4()))
    assert show(api, link(keys, sent, Choice.MOBILISER)).status_code == 404


# --- links that are not


def test_a_wrong_foreign_or_misplaced_link_is_a_page_in_french(api, ville, affecte, keys, bouton):
    sent = envoi(ville, affecte, "gestion.nord@habitat-lisse.test", "affectation")
    received = envoi(ville, affecte, "relais@demo.test", "accuse")
    before = state(ville, affecte)
    wrong = [
        "/a/x",
        bouton[:-2] + ("AA" if bouton[-2:] != "AA" else "BB"),
        "/a/é",
        "/a/" + action_token(keys, Action(sent.territoire_id + 1, Choice.PRENDRE_EN_CHARGE, sent.id)),
        "/a/" + action_token(keys, Action(sent.territoire_id, Choice.PRENDRE_EN_CHARGE, uuid4())),
        link(keys, sent, Choice.MOBILISER),
    ]
    for path in wrong:
        for refused in (show(api, path), press(api, path)):
            assert (refused.status_code, "Ce lien n'est pas valable" in words(refused)) == (404, True), path
    assert received is None or press(api, link(keys, received, Choice.PRENDRE_EN_CHARGE)).status_code in {404, 409}
    assert state(ville, affecte) == before


def test_a_link_lives_thirty_days_on_the_business_clock(api, ville, affecte, bouton):
    ville.at(le("2026-03-31 18:12") + timedelta(days=ACTION_DAYS) - timedelta(minutes=1))
    assert show(api, bouton).status_code == 200
    ville.forward(minutes=2)
    for refused in (show(api, bouton), press(api, bouton)):
        assert (refused.status_code, "30 jours" in words(refused)) == (404, True)
    assert ticket(ville, affecte).statut == "affecte"


# --- every page


def test_pages_are_closed_to_scripts_frames_caches_and_referrers(api, bouton):
    for answer in (show(api, bouton), press(api, bouton), show(api, "/a/x"), show(api, "/")):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        [worn] = re.findall(r"<style>(.*?)</style>", answer.text, flags=re.DOTALL)
        assert f"'sha256-{base64.b64encode(sha256(worn.encode()).digest()).decode()}'" in policy
        assert "unsafe" not in policy
        assert {"form-action 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.text.count("<h1") == 1
        assert '<html lang="fr">' in answer.text
        assert "style=" not in answer.text


def test_every_field_has_its_label_and_help(api, choix):
    shown = show(api, choix(Choice.AJOURNER)).text
    for name in ("motif", "jusqu_au"):
        assert f'<label for="{name}">' in shown
        assert f'id="{name}" name="{name}"' in shown
        assert f'id="aide-{name}"' in shown


# --- home


def test_home_shows_a_demonstration_where_to_start(api):
    home = show(api, "/")
    said = words(home)
    assert home.status_code == 200
    for line in (DEMO / "personnes.csv").read_text().splitlines()[1:]:
        assert line.split(",")[0] in said
    for expected in ("Ville de Vaucelles-sur-Lisse", "relais jeton relais@demo.test", "mardi 31 mars 2026 à 18 h 12"):
        assert expected in said
    for path in ("/demo/courriels", "/docs", "/v1/zones.geojson", "/v1/secteurs.geojson", "/v1/emprises.geojson"):
        assert f'href="{path}"' in home.text
        assert show(api, path).status_code == 200
    assert home.text.count("<path") >= 70
    for label in ("bailleur", "domaine public communal", "domaine public fluvial"):
        assert label in said
    assert not re.search(r'(src|href)="(https?:)?//', home.text)


def sober(ville):
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(text("UPDATE horloge SET decalage = interval '0', demonstration = false"))


def test_a_real_town_shows_no_account_and_has_no_letter_box(api, ville):
    sober(ville)
    home = show(api, "/")
    assert (home.status_code, "Ville de Vaucelles-sur-Lisse" in words(home)) == (200, True)
    for private in ("@demo.test", "relais jeton", "/demo/courriels"):
        assert private not in home.text
    for path in ("/demo/courriels", "/demo/courriels/000001-retard.eml"):
        assert (show(api, path).status_code, "Cette page n'existe pas" in words(show(api, path))) == (404, True)


def test_several_territoires_are_offered_by_name(api, ville):
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(text("INSERT INTO territoire (code, nom, cree_le) VALUES ('AUT', 'Autre <ville>', now())"))
    home = show(api, "/")
    assert (home.status_code, "Autre <ville>" in words(home)) == (200, True)
    assert 'href="/?territoire=VSL"' in home.text
    assert "Ville de Vaucelles-sur-Lisse" in words(show(api, "/?territoire=VSL"))
    assert show(api, "/?territoire=XXX").status_code == 404


# --- the letter-box


@pytest.fixture
def boite(settings):
    """Two letters caught by the real SMTP server."""
    yours = "Bonjour,\n\nVotre lien : https://relais.vaucelles.test/a/abc-1\n"
    html = '<!doctype html><html lang="fr"><body style="color:#111"><a href="https://relais.test/a/x">"Je"</a></body></html>'
    with Boite(settings.courriels) as caught:
        for objet in ("Dépôt <b>sauvage</b>", "Retard"):
            Smtp(caught.url).send(Courriel(uuid4(), "relais@vaucelles.test", "pilote@demo.test", objet, yours, html))
    yield
    for file in settings.courriels.iterdir():
        file.unlink()


@pytest.mark.usefixtures("boite")
def test_the_letter_box_is_read_newest_first(api):
    listed = show(api, "/demo/courriels")
    said = words(listed)
    assert listed.status_code == 200
    assert said.index("Retard") < said.index("Dépôt <b>sauvage</b>")
    assert "pilote@demo.test" in said
    first = re.findall(r'href="(/demo/courriels/[^"]+)"', listed.text)[0]
    letter = show(api, first)
    assert letter.status_code == 200
    assert "Bonjour, Votre lien" in words(letter)
    assert '<a href="https://relais.vaucelles.test/a/abc-1"' in letter.text
    srcdoc = re.search(r'<iframe[^>]* sandbox="([^"]*)" srcdoc="([^"]*)"', letter.text)
    assert srcdoc is not None
    assert not {"allow-scripts", "allow-same-origin", "allow-forms"} & set(srcdoc[1].split())
    assert '<body style="color:#111">' in unescape(srcdoc[2])
    assert letter.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "script-src" not in letter.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("boite")
def test_only_a_letter_of_the_box_can_be_opened(api, settings):
    (settings.courriels.parent / "secret.eml").write_text("Subject: secret\n\nx")
    for name in ("..%2Fsecret.eml", "secret.eml", "000009-retard.eml", "..%2F..%2Fetc%2Fpasswd"):
        assert show(api, f"/demo/courriels/{name}").status_code == 404


def test_an_empty_letter_box_says_so(api):
    assert "Aucun courriel encore" in words(show(api, "/demo/courriels"))


# --- at the same moment


def test_two_pilotes_pressing_at_once_decide_once(clone, settings, keys):
    """Real transactions: the second waits for the first, and then reads what it did."""
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(le("2026-03-31 18:12"))
    id = deposit(ville)
    live(ville, "2026-04-15 17:00")
    paths = [link(keys, envoi(ville, id, who, "decision"), Choice.MOBILISER) for who in sorted(PILOTES)] * 2
    app = build_app(Resources(engine, keys, settings, Local(settings.depot)))
    with TestClient(app) as client, ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(client.post, paths))
    engine.dispose()
    assert sorted(answer.status_code for answer in answers) == [200, 200, 409, 409]
    assert sum("C'est noté" in words(answer) for answer in answers) == 1
