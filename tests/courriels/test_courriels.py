"""Every mail that leaves: what it promises its reader, on the dates of the demo's journey."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest
from commands.factories import (
    AGENCE,
    CLOS_DES_LILAS,
    DELAISSE,
    DEPOT_SAUVAGE,
    ERABLES,
    FILS_NUS,
    PILOTES,
    RESPONSABLE_AGENCE,
    RUE_ERABLES,
    TROTTOIR,
    act,
    agendas,
    configure,
    deposit,
    le,
    link,
    live,
    photo,
    ticket,
)
from conftest import MARDI, ROOT, Ville
from sqlalchemy import ColumnElement, select, update

from relais.caller import Door
from relais.commands.abonnement import suivre
from relais.commands.corrections import corriger, retirer
from relais.commands.rattachement import detacher, rattacher
from relais.commands.saisine import ajourner, mobiliser
from relais.commands.signalement import submit_signalement
from relais.commands.verbes import Etape, intervenir, prendre_en_charge, reaffecter, repondre, rouvrir
from relais.courriels import rendre
from relais.courriels.dates import Dates
from relais.courriels.rendu import OBJET_MAX, environment
from relais.db import make_engine
from relais.keys import Keys
from relais.links import Choice, check_media, read_action
from relais.mail import Courriel, compose
from relais.rules.calendrier import Calendrier, Plage
from relais.rules.configuration import (
    Competent,
    Delai,
    DelaiDeDecision,
    Destinataire,
    Palier,
    Perimetre,
    SansDecision,
)
from relais.rules.delais import Unite
from relais.rules.depot import Correction, Depot, Position
from relais.rules.refus import MotifDeRenvoi
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.territoire import Compteur

URL = "https://relais.vaucelles.test"
ENTREE_B = (0.41237, 48.10562)
LIEU = {"adresse": "12 rue des Érables", "residence": "Résidence des Érables", "entree": "B"}
STREET = Correction(position=Position(*RUE_ERABLES))
FAIT = {"commentaire": "Enlevé ce matin.", "nature": "durable"}
BENNE = {"nature": "explicative", "texte": "Benne commandée, passage le mardi 7 avril."}
ENCORE = {"motif": "non_resolu", "commentaire": "Le matelas est toujours là."}

PEOPLE = "Camille|Aubry|Noé|Lambrec|Maud|Tervallon|Sacha|Morvelle|Jeanne|Vidorne|Inès|Castanel|Hugo|Brimont|Odile"
FORBIDDEN = re.compile(rf"escalade|carence|malgré|@demo\.test|\bnone\b|undefined|{PEOPLE}", re.IGNORECASE)
LINK = re.compile(r"https?://[^\s<\"]+")
DAY = re.compile(r"\d{1,2}(er)? (mars|avril|mai)\b")


class Page(HTMLParser):
    """What a reader of the HTML meets: its language, its tags, and what each link says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lang: str | None = None
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: dict[str, str] = {}
        self._open: list[str] = []
        self._href: str | None = None
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append(tag)
        self.attributes |= said.keys()
        self.lang = said["lang"] if tag == "html" else self.lang
        if tag == "a":
            self._href = said["href"]
        if tag not in {"meta", "br", "hr"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self._href = None if tag == "a" else self._href

    def handle_data(self, data: str) -> None:
        if self._href:
            self.links[self._href] = self.links.get(self._href, "") + data


@dataclass
class Boite:
    """The mails promised so far, rendered as a worker does."""

    ville: Ville
    keys: Keys

    def all(self, *which: ColumnElement[bool]) -> list[tuple[Envoi, Courriel]]:
        with self.ville.worker() as session, session.begin():
            wanted = select(Envoi).where(Envoi.canal == Canal.COURRIEL, *which)
            wanted = wanted.order_by(Envoi.cree_le, Envoi.destinataire)
            return [
                (one, rendre(session, one, keys=self.keys, url=URL, expediteur="Relais <relais@vaucelles.test>"))
                for one in session.scalars(wanted)
            ]

    def one(self, gabarit: str, a: str | None = None) -> Courriel:
        """The last mail of that gabarit, to that address where one is given."""
        found = self.all(Envoi.gabarit == gabarit, *([Envoi.destinataire == a] if a else []))
        assert found, f"no {gabarit} to {a}"
        return found[-1][1]


def plain(mail: Courriel) -> str:
    return mail.texte.replace("\u00a0", " ")


def in_one_line(mail: Courriel) -> str:
    return " ".join(plain(mail).split())


@pytest.fixture
def boite(ville: Ville, keys: Keys) -> Boite:
    return Boite(ville, keys)


def report(ville: Ville, **change: object) -> UUID:
    """The demo's heap at entrance B, signalled now by a relais, its photo clean."""
    with ville.as_("relais") as session, session.begin():
        lon, lat = ENTREE_B
        texte = "Matelas et deux fauteuils devant l'entrée B."
        depot = Depot(DEPOT_SAUVAGE, session.now, lon, lat, 5.0, None, texte, LIEU, photos=(photo(),))
        depot = replace(depot, **change)
        id = submit_signalement(session, caller=session.caller, id=uuid4(), depot=depot, now=session.now)[0].id
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Photo).where(Photo.signalement_id == id).values(etat=EtatPhoto.PRETE, alt="Un matelas"))
    return id


def heard(ville: Ville, id: UUID) -> UUID:
    """Its acteur has received its affectation."""
    with ville.session(Door.OWNER) as session, session.begin():
        gone = update(Envoi).where(Envoi.signalement_id == id, Envoi.gabarit == "affectation")
        session.execute(gone.values(etat=EtatEnvoi.ENVOYE, due_at=None))
    return id


def numbered(ville: Ville, numero: int, when: str, **change: object) -> UUID:
    """A report at that instant, under that number."""
    ville.at(le(when))
    with ville.session(Door.OWNER) as session, session.begin():
        session.merge(Compteur(territoire_id=session.territoire, annee=2026, dernier=numero - 1))
    return report(ville, **change)


def until(ville: Ville, when: str) -> None:
    """Let time pass until then, and say what happens next at that very minute, however slow the machine."""
    live(ville, when)
    ville.at(le(when))


def journey(ville: Ville) -> UUID:
    """The first ticket of the demo: taken in charge, answered with a step on the 7th, on every agenda by the 15th."""
    id = numbered(ville, 42, "2026-03-31 18:12")
    until(ville, "2026-04-01 09:40")
    act(ville, "agent", prendre_en_charge, id)
    until(ville, "2026-04-03 11:05")
    act(ville, "agent", repondre, id, **BENNE, etape=Etape("passage de la benne", date(2026, 4, 7)))
    live(ville, "2026-04-15 17:00")
    return id


def bounced(ville: Ville) -> UUID:
    """Refused by Habitat Lisse, which names the propreté, which names the voirie: the pilote's to settle."""
    id = report(ville)
    act(ville, "agent", reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="proprete")
    told = {"motif": MotifDeRenvoi.PAS_MA_COMPETENCE, "commentaire": "Un muret tombé, pas un dépôt."}
    act(ville, "agent.proprete", reaffecter, id, **told, acteur="voirie")
    return id


def grouped(ville: Ville) -> tuple[UUID, UUID]:
    """Two heaps in the street, of which the propreté has heard: the second is grouped with the first."""
    first, second = deposit(ville, place=RUE_ERABLES), deposit(ville, place=RUE_ERABLES, who="relais2")
    heard(ville, second)
    act(ville, "pilote", rattacher, second, signalement=first)
    return first, second


def come_back(ville: Ville) -> UUID:
    """The first of two is treated, the second proves to be something else and is withdrawn; there is a third."""
    first, second = grouped(ville)
    act(ville, "agent.proprete", intervenir, first, **FAIT, photos=[photo("apres")])
    act(ville, "pilote", detacher, second)
    act(ville, "pilote", retirer, second, motif="Enlevé avec l'autre.")
    deposit(ville, who="relais2", place=RUE_ERABLES)
    return first


@pytest.fixture(scope="module")
def courrier(clone: Callable[[], str], keys: Keys) -> Iterator[list[tuple[Envoi, Courriel]]]:
    """Every mail of a month where everything happens."""
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(le("2026-03-31 18:10"))
    report(ville)
    deposit(ville, place=DELAISSE)
    deposit(ville, theme=FILS_NUS, place=RUE_ERABLES)
    deposit(ville, theme=TROTTOIR, place=CLOS_DES_LILAS)
    act(ville, "pilote", retirer, deposit(ville), motif="Enlevé avant notre passage.")
    act(ville, "relais", corriger, heard(ville, deposit(ville)), correction=STREET)
    bounced(ville)
    come_back(ville)
    id = journey(ville)
    ville.at(le("2026-04-16 09:20"))
    act(ville, "pilote", mobiliser, agendas(ville, id)["gusp-dg"].id, motif="4e dépôt depuis janvier")
    until(ville, "2026-04-17 15:30")
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    until(ville, "2026-04-18 10:00")
    act(ville, "relais", rouvrir, id, **ENCORE, photos=[])
    live(ville, "2026-04-30 17:00")
    yield Boite(ville, keys).all()
    engine.dispose()


# --- what every mail promises


def promised_in_the_code() -> set[str]:
    """The gabarits commands name: given to what makes letters, chosen in a variable, or answered by `_gabarit`."""
    makers = {"letter", "to_author", "to_acteur", "members"}
    found: list[ast.AST] = []
    for path in (ROOT / "relais" / "commands").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in makers:
                    found += args
                case ast.Assign(targets=[ast.Name(id="gabarit")], value=value):
                    found += ast.walk(value)
                case ast.FunctionDef(name="_gabarit", body=body):
                    found += (inner for one in body if not isinstance(one, ast.Expr) for inner in ast.walk(one))
    return {one.value for one in found if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def test_every_gabarit_a_command_promises_is_written_three_times_and_none_is_written_for_nothing():
    promised = promised_in_the_code()
    assert len(promised) > 10
    promised.add("code")  # asked by a person, promised by no command
    wanted = {f"{name}.{kind}" for name in promised for kind in ("objet.txt", "txt", "html")}
    assert {name for name in environment().list_templates() if not name.startswith("_")} == wanted


def test_a_month_where_everything_happens_sends_them_all(courrier):
    assert {envoi.gabarit for envoi, _ in courrier} == promised_in_the_code()


def test_no_mail_names_anybody_nor_scolds(courrier):
    for envoi, mail in courrier:
        seen = re.sub(r'style="[^"]*"', "", mail.objet + mail.texte + mail.html)
        assert not FORBIDDEN.search(seen), envoi.gabarit


def test_every_mail_says_which_signalement_and_when(courrier):
    for envoi, mail in courrier:
        for text in (mail.texte, mail.html):
            assert "VSL-2026-000" in mail.objet + text, envoi.gabarit
            assert DAY.search(text.replace("\u00a0", " ")), envoi.gabarit


def test_the_text_alone_has_every_link_of_the_html(courrier):
    links = 0
    for envoi, mail in courrier:
        page = Page(mail.html)
        assert set(LINK.findall(mail.texte)) == page.links.keys(), envoi.gabarit
        links += len(page.links)
    assert links > 50


def test_the_html_is_for_everybody(courrier):
    for envoi, mail in courrier:
        page = Page(mail.html)
        assert page.lang == "fr"
        assert page.tags.count("h1") == 1
        assert not {"img", "script", "link", "style", "table", "iframe"} & set(page.tags), envoi.gabarit
        assert not {"src", "background", "srcset"} & page.attributes
        assert "url(" not in mail.html
        for text in page.links.values():
            assert re.match(r"(Voir|Je prends|Mobiliser|Ajourner|Retirer)", text), text


def test_white_on_the_button_and_the_text_on_white_are_contrasted():
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    loader = environment().loader
    assert loader
    source = "".join(loader.get_source(environment(), name)[0] for name in ("_base.html", "_macros.html"))
    colours = set(re.findall(r"#[0-9a-f]{6}", source)) - {"#ffffff"}
    assert colours
    for colour in colours:
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_subjects_are_short_one_line_and_begin_with_the_number(courrier):
    for envoi, mail in courrier:
        assert len(mail.objet) <= OBJET_MAX
        assert mail.objet.startswith("[VSL]" if envoi.gabarit == "transmission" else "[VSL-2026-000")
        assert compose(mail)["Subject"] == mail.objet


def test_a_mail_answers_to_the_pilote_and_stays_in_its_ticket_s_thread(courrier):
    for envoi, mail in courrier:
        assert (mail.id, mail.a, mail.repondre_a) == (envoi.id, envoi.destinataire, "gusp@vaucelles.test")
        assert mail.fil == (str(envoi.signalement_id) if envoi.signalement_id else None)


def test_no_line_breaks_inside_quotes_or_an_hour(courrier):
    for _, mail in courrier:
        assert not re.search(r"«\s*\n|\n\s*[»:;?!]|\d\n\s*h\b", mail.texte)
        assert all(len(line) <= 120 or "https://" in line for line in mail.texte.splitlines())


def test_sent_again_it_is_the_same_mail(ville, boite):
    journey(ville)
    assert [mail for _, mail in boite.all()] == [mail for _, mail in boite.all()]


# --- the pilote's decision


DECISION = """\
Bonjour,

Ce signalement dépasse de 8 jours ouvrés le délai de traitement annoncé. Il vient d'être inscrit à l'ordre du jour de
l'instance GUSP / direction générale. La direction générale n'a encore rien reçu.

Lieu          12 rue des Érables, entrée B, résidence des Érables, QPV Les Tilleuls
Thème         Dépôt sauvage
              1 photo :
              LIEN
Constaté      mardi 31 mars 2026 à 18 h 12, par un ou une relais du quartier
Responsable   Habitat Lisse (emprise « Résidence des Érables », domanialité bailleur)
Annoncé       48 h, soit jeudi 2 avril à 18 h 12 (engagement : Charte GUSP 2025, art. 4)

Ce qui s'est passé
01/04  9 h 40   pris en charge par Habitat Lisse
02/04 18 h 12   retard de traitement signalé au responsable et à vous
03/04 11 h 05   réponse : « Benne commandée, passage le mardi 7 avril. » (étape annoncée : passage de la benne, mardi
                7 avril)
07/04 17 h 00   aucune intervention enregistrée à la date annoncée ; inscrit à l'instance GUSP Les Tilleuls
10/04 17 h 00   inscrit à l'instance GUSP ville
Au même endroit, même thème : 3 signalements depuis le 1er janvier (00007, 00019, 00031), traités en 2, 6 et 4 jours.

Votre décision, avant le lundi 20 avril à 17 h
1. Mobiliser l'instance, le dossier part à ses membres
   LIEN
2. Ajourner, motif et date
   LIEN
3. Retirer de l'ordre du jour, motif
   LIEN
Chaque lien ouvre une page ; rien n'est envoyé avant votre validation.
Sans décision : transmission à la direction générale le 20 avril à 17 h (réglage adopté par le territoire).

Habitat Lisse : 02 61 91 00 21, gestion.nord@habitat-lisse.test
Reçu aussi par : pilote GUSP (Lisse Agglo).
Répondre à ce message écrit à gusp@vaucelles.test, pas à Habitat Lisse.

Relais, Ville de Vaucelles-sur-Lisse
"""


def test_the_decision_mail_of_the_journey_line_by_line(ville, boite, keys):
    before = [(7, "01-12 09:00", "01-14 08:00"), (19, "02-02 09:00", "02-08 08:00"), (31, "03-03 09:00", "03-07 08:00")]
    for numero, seen, done in before:
        earlier = numbered(ville, numero, f"2026-{seen}")
        ville.at(le(f"2026-{done}"))
        act(ville, "agent", intervenir, earlier, **FAIT, photos=[photo("apres")])
    numbered(ville, 32, "2026-03-10 09:00", lon=0.41237 + 0.0005)  # 37 m away: another heap
    journey(ville)
    mail = boite.one("decision", "pilote@demo.test")
    news = "8 jours ouvrés de retard, votre décision avant le 20 avril"
    assert mail.objet == f"[VSL-2026-00042] Dépôt sauvage, 12 rue des Érables : {news}"
    assert LINK.sub("LIEN", plain(mail)).splitlines() == DECISION.splitlines()
    tokens = [link.removeprefix(f"{URL}/a/") for link in LINK.findall(mail.texte) if "/a/" in link]
    actions = [read_action(keys, token) for token in tokens]
    assert [one.choice for one in actions] == [Choice.MOBILISER, Choice.AJOURNER, Choice.RETIRER]
    assert {one.envoi for one in actions} == {mail.id}


def test_the_photo_of_a_friday_mail_still_opens_on_monday(ville, boite, keys):
    report(ville)
    [path] = [link.removeprefix(f"{URL}/m/") for link in LINK.findall(boite.one("affectation").texte) if "/m/" in link]
    seal, _, cle = path.partition("/")
    assert cle.endswith("-image.jpg")
    check_media(keys, seal, cle, now=datetime.now(UTC) + timedelta(days=5))


def test_without_a_decision_a_town_that_chose_so_reminds_the_pilotes(ville, boite):
    rule = DelaiDeDecision(3, SansDecision.RAPPELER)
    configure(ville, lambda configuration: replace(configuration, sans_decision=rule))
    journey(ville)
    live(ville, "2026-04-20 17:00")
    mail = boite.one("decision", "pilote@demo.test")
    assert mail.objet.endswith("11 jours ouvrés de retard, rappel, votre décision avant le 23 avril")
    assert "Il attend votre décision depuis le mercredi 15 avril à 17 h" in in_one_line(mail)
    assert "Sans décision : rappel aux pilotes le 23 avril à 17 h" in in_one_line(mail)
    assert "décision rappelée" not in plain(mail)


def test_what_was_put_off_twice_cannot_be_a_third_time(ville, boite):
    rule = DelaiDeDecision(3, SansDecision.RAPPELER)
    configure(ville, lambda configuration: replace(configuration, sans_decision=rule))
    id = journey(ville)
    for jour in (date(2026, 4, 17), date(2026, 4, 22)):
        act(ville, "pilote", ajourner, agendas(ville, id)["gusp-dg"].id, motif="Réunion le 22.", jusqu_au=jour)
    live(ville, "2026-04-22 17:00")
    mail = boite.one("decision", "pilote@demo.test")
    assert "/a/" in mail.texte
    assert "Ajourner" not in mail.texte + mail.html
    assert "décision ajournée par le pilote au mercredi 22 avril (motif : Réunion le 22)" in in_one_line(mail)


def test_a_decision_taken_before_the_mail_left_is_not_asked_again(ville, boite):
    id = journey(ville)
    act(ville, "pilote", mobiliser, agendas(ville, id)["gusp-dg"].id, motif=None)
    mail = boite.one("decision", "copilote@demo.test")
    assert "Décision déjà enregistrée : instance mobilisée." in plain(mail)
    assert "/a/" not in mail.texte + mail.html
    assert mail.objet.endswith(" : 8 jours ouvrés de retard, instance mobilisée")
    assert "dépasse de 8 jours ouvrés le délai de traitement" in in_one_line(boite.one("mobilisation"))


# --- the acteur's mails


def buttons(courrier_, keys, gabarit: str) -> dict[str, list[Choice]]:
    found: dict[str, list[Choice]] = {}
    for envoi, mail in courrier_:
        if envoi.gabarit == gabarit:
            tokens = [link.split("/a/")[1] for link in LINK.findall(mail.texte) if "/a/" in link]
            found[envoi.destinataire] = [read_action(keys, token).choice for token in tokens]
    return found


def test_the_acteur_takes_in_charge_from_its_mail(ville, boite, keys):
    report(ville)
    mail = boite.one("affectation", AGENCE)
    assert buttons(boite.all(), keys, "affectation") == {AGENCE: [Choice.PRENDRE_EN_CHARGE]}
    assert (
        Page(mail.html).links[next(link for link in LINK.findall(mail.texte) if "/a/" in link)] == "Je prends en charge"
    )
    assert "- prise en charge : 4 h ouvrées, soit mercredi 1er avril à 15 h (engagement" in plain(mail)


def test_late_only_the_acteur_s_own_recipients_get_the_button(ville, boite, keys):
    report(ville)
    live(ville, "2026-04-01 15:00")
    found = buttons(boite.all(), keys, "retard")
    assert found == {RESPONSABLE_AGENCE: [Choice.PRENDRE_EN_CHARGE]} | {pilote: [] for pilote in PILOTES}
    assert buttons(boite.all(), keys, "relance") == {AGENCE: [Choice.PRENDRE_EN_CHARGE]}


def test_once_taken_in_charge_the_button_is_gone(ville, boite, keys):
    id = report(ville)
    act(ville, "agent", prendre_en_charge, id)
    live(ville, "2026-04-02 08:36")
    assert buttons(boite.all(), keys, "relance") == {AGENCE: []}
    mail = boite.one("relance", AGENCE)
    assert mail.objet.endswith(" : traitement à assurer avant le 2 avril à 18 h 12")
    assert "se termine le jeudi 2 avril à 18 h 12. Statut : pris en charge." in in_one_line(mail)


def test_two_that_refuse_it_the_pilote_reads_who_said_what_and_until_when_he_may_settle_it(ville, boite):
    id = bounced(ville)
    answers = [
        "Ce que chacun a répondu",
        "- Habitat Lisse : terrain d'un autre acteur ; propose Direction de la propreté urbaine",
        "- Direction de la propreté urbaine : compétence d'un autre acteur, « Un muret tombé, pas un dépôt. » ;",
        "; propose Direction de la voirie et de l'éclairage",
    ]
    asked, said = boite.one("a_qualifier"), in_one_line(boite.one("a_qualifier"))
    assert "attend que vous nommiez qui s'en occupe, avant le jeudi 2 avril à 17 h. Deux acteurs ont répondu" in said
    assert all(answer in said for answer in answers)
    assert Page(asked.html).tags.count("h1") == 1
    live(ville, "2026-04-02 17:00")
    before, after = (one for envoi, one in boite.all(Envoi.gabarit == "arbitrage") if "co" not in envoi.destinataire)
    assert "votre choix avant le 2 avril à 17 h" in before.objet.replace("\u00a0", " ")
    assert "votre choix attendu depuis le 2 avril à 17 h" in after.objet.replace("\u00a0", " ")
    assert "Il attend toujours que vous nommiez qui s'en occupe" in in_one_line(after)
    assert all(answer in in_one_line(after) for answer in answers)
    assert "- traitement : 48 h" in plain(after)
    assert "- arbitrage" not in plain(after)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.ARBITRAGE, acteur="voirie")
    assert "Son responsable est nommé depuis : vous n'avez rien à faire." in in_one_line(boite.one("arbitrage"))
    assert "Il a été réaffecté. Motif : arbitrage du pilote" in in_one_line(boite.one("affectation"))


def test_the_pilote_alone_reads_that_the_choice_is_his(ville, boite):
    """The on-call and the direction are told of a danger that nobody settles, and are asked nothing."""
    early = Palier(
        "relance", Delai.ARBITRAGE, part=80, prevenir=(Destinataire.PILOTES, Destinataire.DIRECTION_GENERALE)
    )
    kept = Palier("retard", Delai.ARBITRAGE, jours=0, prevenir=(Destinataire.PILOTES,))
    configure(
        ville, lambda c: replace(c, echelle=(*(p for p in c.echelle if p.delai is not Delai.ARBITRAGE), early, kept))
    )
    id = deposit(ville, theme=FILS_NUS)
    act(ville, link("astreinte"), reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="proprete")
    act(ville, "agent.proprete", reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur=None)
    live(ville, "2026-04-02 16:00")
    mail = boite.one("arbitrage", "direction_generale@demo.test")
    assert mail.objet.replace("\u00a0", " ").endswith(" : responsable à nommer par le pilote avant le 2 avril à 17 h")
    assert "Le pilote GUSP a à nommer qui s'en occupe, avant le jeudi 2 avril à 17 h." in in_one_line(mail)
    live(ville, "2026-04-03 10:00")
    for address in ("astreinte@vaucelles.test", "direction_generale@demo.test"):
        mail = boite.one("arbitrage", address)
        late = " : responsable à nommer par le pilote, attendu depuis le 2 avril à 17 h"
        assert mail.objet.replace("\u00a0", " ").endswith(late)
        said = "Le pilote GUSP a toujours à nommer qui s'en occupe ; c'était à faire avant le jeudi 2 avril à 17 h."
        for text in (in_one_line(mail), " ".join(mail.html.replace("\u00a0", " ").split())):
            assert said in text
            assert "vous nommiez" not in text
            assert "Votre choix" not in text
    for address in PILOTES:
        assert "votre choix attendu depuis" in boite.one("arbitrage", address).objet
        assert "Votre choix est définitif." in in_one_line(boite.one("arbitrage", address))


def test_an_acteur_that_sends_it_back_twice_is_one_acteur_and_its_last_word_counts(ville, boite):
    id = bounced(ville)
    act(ville, "pilote", corriger, id, correction=STREET)
    act(ville, "agent.proprete", reaffecter, id, motif=MotifDeRenvoi.MAUVAIS_THEME, acteur="voirie")
    said = in_one_line(boite.one("a_qualifier"))
    assert "Deux acteurs ont répondu qu'il n'était pas à eux" in said
    assert said.count("- Direction de la propreté urbaine : ") == 1
    assert "- Direction de la propreté urbaine : thème à corriger ; propose" in said


def test_one_acteur_that_sends_it_back_twice_is_not_said_to_be_two(ville, boite):
    id = report(ville)
    sent_back = {"motif": MotifDeRenvoi.PAS_MON_TERRAIN, "acteur": None}
    act(ville, "agent", reaffecter, id, **sent_back)
    act(ville, "pilote", corriger, id, correction=Correction(position=Position(*ERABLES)))
    act(ville, "agent", reaffecter, id, **sent_back)
    mail = boite.one("a_qualifier")
    assert "Un acteur a répondu qu'il n'était pas à lui : votre choix est définitif." in in_one_line(mail)


def test_the_receipt_says_who_gave_it_to_whoever_has_it_before_what_the_map_says(ville, boite):
    id = report(ville)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="voirie")
    mail = boite.one("accuse")
    assert mail.objet.endswith(" : reçu, confié à Direction de la voirie et de l'éclairage")
    assert (
        "Qui s'en occupe, et pourquoi Confié à Direction de la voirie et de l'éclairage par le pilote "
        "(motif : terrain d'un autre acteur). D'après la carte : Résidence des Érables, propriété d'Habitat Lisse"
    ) in in_one_line(mail)


def test_taken_by_the_pilote_from_an_acteur_that_had_heard_it_is_told_by_whom_and_why(ville, boite):
    id = heard(ville, report(ville))
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="proprete")
    told = in_one_line(boite.one("plus_a_vous", AGENCE))
    assert "Le pilote GUSP a changé le responsable du signalement VSL-2026-00001" in told
    assert "Motif : terrain d'un autre acteur" in told
    assert "Il revient à Direction de la propreté urbaine." in told


def test_given_to_somebody_else_before_the_mail_left_the_first_has_nothing_to_do(ville, boite, keys):
    id = report(ville)
    motif, commentaire = MotifDeRenvoi.PAS_MON_TERRAIN, "C'est la rue."
    act(ville, "agent", reaffecter, id, motif=motif, commentaire=commentaire, acteur="proprete")
    old, new = boite.one("affectation", AGENCE), boite.one("affectation", "proprete@vaucelles.test")
    assert "ne vous est plus confié" in plain(old)
    assert buttons(boite.all(), keys, "affectation") == {
        AGENCE: [],
        "proprete@vaucelles.test": [Choice.PRENDRE_EN_CHARGE],
    }
    assert "Il a été réaffecté. Motif : terrain d'un autre acteur, « C'est la rue. »" in in_one_line(new)


def test_moved_elsewhere_whoever_had_it_learns_whose_it_is_and_nothing_else_of_it(ville, boite):
    id = heard(ville, report(ville))
    act(ville, "relais", corriger, id, correction=STREET)
    mail = boite.one("plus_a_vous", AGENCE)
    assert mail.objet.endswith(" : ne vous est plus confié")
    assert "corrigé le mardi 31 mars 2026 à 18 h 12. Ce signalement ne vous est plus confié" in in_one_line(mail)
    assert "Il revient à Direction de la propreté" in in_one_line(mail)
    assert "fauteuils" not in mail.texte + mail.html
    assert not LINK.search(mail.texte)
    act(ville, "relais", corriger, id, correction=Correction(position=Position(*ENTREE_B)))
    mail = boite.one("plus_a_vous", AGENCE)
    assert mail.objet.endswith(" : vous est de nouveau confié")
    assert "plus confié" not in mail.texte + mail.html


def test_a_danger_overdue_tells_the_on_call_and_the_direction_what_not_to_touch(ville, boite):
    deposit(ville, theme=FILS_NUS, place=RUE_ERABLES)
    live(ville, "2026-03-31 19:12")
    for address in ("astreinte@vaucelles.test", "pilote@demo.test", "direction_generale@demo.test"):
        mail = boite.one("retard", address)
        assert "Danger : Ne touchez à rien, éloignez les enfants." in plain(mail)
        assert "plus confié" not in plain(mail)
    live(ville, "2026-04-20 17:00")
    assert "n'a encore rien reçu" not in plain(boite.one("decision", "pilote@demo.test"))


def test_reopened_it_says_what_is_still_there_and_the_new_dates(courrier):
    [mail] = [mail for envoi, mail in courrier if envoi.gabarit == "rouvert"]
    assert mail.a == AGENCE
    assert "« Le matelas est toujours là. »" in plain(mail)
    assert "17/04 15 h 30   intervention enregistrée : « Enlevé ce matin. »" in plain(mail)


# --- the author's mails


def test_the_receipt_has_the_service_its_address_its_telephone_and_the_dates(ville, boite):
    report(ville)
    mail = boite.one("accuse")
    assert mail.a == "relais@demo.test"
    assert mail.objet == "[VSL-2026-00001] Dépôt sauvage, 12 rue des Érables : reçu, confié à Habitat Lisse"
    for said in (
        "numéro VSL-2026-00001, reçu le mardi 31 mars 2026 à 18 h 12",
        "Résidence des Érables, propriété d'Habitat Lisse : le thème « dépôt sauvage » y revient au bailleur.",
        "Habitat Lisse 4 allée des Tilleuls, Vaucelles-sur-Lisse Téléphone : 02 61 91 00 21",
        "Courriel : gestion.nord@habitat-lisse.test",
        "- réponse : 3 jours ouvrés, soit vendredi 3 avril à 17 h (engagement : Charte GUSP 2025, art. 4)",
    ):
        assert said in in_one_line(mail)


def test_the_receipt_of_what_nobody_answers_for_says_that_the_pilote_will_name_somebody(ville, boite):
    deposit(ville, place=DELAISSE)
    mail = boite.one("accuse")
    assert mail.objet.endswith(" : reçu, responsable à désigner")
    assert "Le pilote GUSP (Ville de Vaucelles-sur-Lisse) va nommer qui s'en occupe." in in_one_line(mail)
    assert {one.a for envoi, one in boite.all() if envoi.gabarit == "a_qualifier"} == PILOTES


def test_the_receipt_outside_the_perimeter_says_who_is_competent(ville, boite):
    narrow = {"perimetre": Perimetre.QPV, "competent_ailleurs": "Mairie, 02 61 91 00 01"}
    configure(ville, lambda configuration: replace(configuration, **narrow))
    deposit(ville, place=DELAISSE)
    mail = boite.one("accuse")
    assert mail.objet.endswith(" : reçu, réorienté")
    assert "s'adresser à : Mairie, 02 61 91 00 01." in in_one_line(mail)
    assert "Ce qui est annoncé" not in mail.texte
    assert "à désigner" not in mail.texte


def test_the_receipt_outside_the_perimeter_says_every_way_to_reach_who_is_competent(ville, boite):
    dechets = Competent("Lisse Agglo, déchets", "02 61 91 00 30", "dechets@agglo.test", "8 rue de l'Industrie")
    configure(ville, lambda configuration: replace(configuration, themes_suivis=("eau.*",), competents=(dechets,)))
    deposit(ville)
    mail = boite.one("accuse")
    assert "Relais ne suit pas ce signalement ; s'adresser à : Lisse Agglo, déchets." in in_one_line(mail)
    assert plain(mail).count("8 rue de l'Industrie\nTéléphone : 02 61 91 00 30\nCourriel : dechets@agglo.test\n") == 1
    for said in ("8 rue de l&#39;Industrie", "Téléphone : 02 61 91 00 30", "Courriel : dechets@agglo.test"):
        assert said in mail.html.replace("\u00a0", " ")


def test_who_is_told_besides_reads_that_there_is_nothing_to_do_and_is_given_nothing_to_press(ville, boite):
    deposit(ville, theme=TROTTOIR, place=CLOS_DES_LILAS)
    mail = boite.one("pour_information")
    assert mail.a == "tranquillite@vaucelles.test"
    assert mail.objet.endswith(" : pour information, confié à Association syndicale du Clos des Lilas")
    assert "Vous n'avez rien à faire." in plain(mail)
    assert "Association syndicale du Clos des Lilas (" in in_one_line(mail)
    assert LINK.findall(mail.texte) == []


def test_the_receipt_of_a_danger_quotes_the_consigne(ville, boite):
    deposit(ville, theme=FILS_NUS, place=RUE_ERABLES)
    assert "En cas de danger immédiat, appelez le 18 ou le 112." in in_one_line(boite.one("accuse"))


def test_done_the_author_learns_how_to_say_that_it_is_not(courrier):
    [mail] = [mail for envoi, mail in courrier if envoi.gabarit == "traite" and "00042" in mail.objet]
    assert "jusqu'au dimanche 17 mai à 15 h 30" in in_one_line(mail)
    assert "Toujours pas résolu" in plain(mail)


def test_an_answer_reaches_the_author_with_its_next_step(courrier):
    [mail] = [mail for envoi, mail in courrier if envoi.gabarit == "reponse"]
    assert mail.objet.endswith(" : Habitat Lisse vous répond")
    assert "« Benne commandée, passage le mardi 7 avril. »" in plain(mail)
    assert "Prochaine étape : passage de la benne, mardi 7 avril." in plain(mail)


# --- the agendas


def test_a_missed_step_is_told_with_the_day_it_was_announced(courrier):
    mails = [mail for envoi, mail in courrier if envoi.gabarit == "etape_manquee"]
    assert {mail.a for mail in mails} == PILOTES
    said = "« passage de la benne », mardi 7 avril, annoncé le vendredi 3 avril à 11 h 05."
    assert said in in_one_line(mails[0])


def test_mobilised_the_members_read_the_pilote_s_reason(courrier):
    mails = [mail for envoi, mail in courrier if envoi.gabarit == "mobilisation"]
    assert {mail.a for mail in mails} == {"gusp@vaucelles.test", "dgs@vaucelles.test", "direction_generale@demo.test"}
    for mail in mails:
        assert "« 4e dépôt depuis janvier »" in plain(mail)
        assert "a dépassé le délai de traitement annoncé, fixé au jeudi 2 avril à 18 h" in in_one_line(mail)
        assert "15/04 17 h 00   inscrit à l'instance GUSP / direction générale" in plain(mail)


def test_what_goes_up_undecided_at_one_closing_time_is_one_mail(ville, boite):
    ids = [report(ville), report(ville)]
    live(ville, "2026-04-20 17:00")
    mails = [mail for envoi, mail in boite.all() if envoi.gabarit == "transmission"]
    assert [mail.a for mail in mails] == ["direction_generale@demo.test"]
    assert mails[0].objet == f"[VSL] {len(ids)} signalements transmis à la direction générale, sans décision du pilote"
    text = in_one_line(mails[0])
    assert "1. VSL-2026-00001 : Dépôt sauvage, 12 rue des Érables" in text
    assert "2. VSL-2026-00002 : Dépôt sauvage, 12 rue des Érables" in text
    assert text.count("dépasse de 11 jours ouvrés le délai de traitement annoncé") == 2
    assert text.count("transmis à la direction générale, sans décision du pilote") == 2


# --- words and dates


def test_a_stranger_s_line_breaks_and_length_never_reach_the_subject(ville, boite):
    adresse = "12 rue des\r\nBcc: x@exemple.test Érables, " + "au fond de la cour à gauche " * 6
    report(ville, lieu={"adresse": adresse})
    for _, mail in boite.all():
        assert len(mail.objet) <= OBJET_MAX
        assert compose(mail)["Subject"] == mail.objet
        assert "Bcc" in mail.objet
        assert mail.objet.endswith(("… : vous est confié", "… : reçu, confié à Habitat Lisse"))


def test_whoever_goes_there_reads_which_door_and_which_floor(ville, boite):
    report(ville, lieu={"adresse": "12 rue des Érables", "batiment": "A", "entree": "Entrée B", "etage": "3e"})
    assert "12 rue des Érables, bâtiment A, Entrée B, étage 3e, " in plain(boite.one("affectation"))


def test_what_a_stranger_writes_is_text_not_html(ville, boite):
    report(ville, description="<b>Danger</b> <img src=x> {{ 7 * 7 }}")
    mail = boite.one("affectation")
    assert "img" not in Page(mail.html).tags
    assert "{{ 7 * 7 }}" in mail.html
    assert "<b>Danger</b> <img src=x>" in plain(mail)


BUREAU = Calendrier("Europe/Paris", ((Plage(540, 720), Plage(840, 1020)),) * 5 + ((), ()))
VENDREDI = le("2026-04-03 17:00")


def test_dates_are_said_as_in_town():
    dates = Dates(BUREAU)
    assert dates.instant(MARDI) == "mardi 31 mars à 18 h 12"
    assert dates.instant(le("2026-05-01 09:00")) == "vendredi 1er mai à 9 h"
    assert dates.colonne(le("2026-04-01 09:40")) == "01/04  9 h 40"
    assert dates.jour_iso("2026-04-07") == "mardi 7 avril"


@pytest.mark.parametrize(
    ("now", "unite", "said"),
    [
        ("2026-04-03 17:00", Unite.HEURES, None),
        ("2026-04-03 17:20", Unite.HEURES, "20 min"),
        ("2026-04-04 23:59", Unite.HEURES, "30 h"),
        ("2026-04-04 23:59", Unite.JOURS_OUVRES, None),
        ("2026-04-06 17:00", Unite.JOURS_OUVRES, None),  # lundi de Pâques
        ("2026-04-07 09:00", Unite.HEURES, "1 jour ouvré"),
        ("2026-04-15 17:00", Unite.JOURS_OUVRES, "7 jours ouvrés"),
    ],
)
def test_a_delay_counts_open_days_and_hours_only_before_the_first(now, unite, said):
    assert Dates(BUREAU).retard(VENDREDI, unite, le(now)) == said


# --- grouped, followed, come back


def test_the_second_author_is_told_with_which_it_is_grouped_and_where_that_one_stands(ville, boite):
    first, second = (ticket(ville, id).numero for id in grouped(ville))
    mail = boite.one("rattache", "relais2@demo.test")
    assert mail.objet.startswith(f"[{second}]")
    assert mail.objet.endswith(f": regroupé avec {first}")
    for said in (f"Où en est le signalement {first}", "Direction de la propreté urbaine", "Nous vous préviendrons"):
        assert said in in_one_line(mail)
    assert f"la suite se donne sous le numéro {first}" in in_one_line(boite.one("rattache", "proprete@vaucelles.test"))


def test_who_follows_reads_facts_and_neither_words_nor_door(ville, boite):
    with ville.as_("relais") as session, session.begin():
        told = Depot(DEPOT_SAUVAGE, session.now, *ENTREE_B, 5.0, None, "Chez Mme Untel.", LIEU, photos=(photo(),))
        id = submit_signalement(session, caller=session.caller, id=uuid4(), depot=told, now=session.now)[0].id
    act(ville, "elu", suivre, id)
    etape = Etape("Mme Untel sera là", date(2026, 4, 7))
    act(ville, "agent", repondre, id, nature="explicative", texte="Benne pour Mme Untel, mardi.", etape=etape)
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    mails_ = [mail for _, mail in boite.all(Envoi.gabarit == "suivi")]
    assert len(mails_) == 2
    for mail in mails_:
        for text in (mail.objet, mail.texte, mail.html):
            assert not re.search("Untel|Érables|entrée|porche|Enlevé", text)
        assert "choisissez « Ne plus suivre »" in in_one_line(mail)
        assert "Les Tilleuls" in mail.objet
    assert "Habitat Lisse a répondu le mardi 31 mars à 18 h 12. Prochaine étape annoncée : mardi 7 avril." in {
        line for mail in mails_ for line in plain(mail).splitlines()
    }


def test_the_pilotes_read_what_was_done_before_it_came_back(ville, boite):
    first = come_back(ville)
    mail = boite.one("recurrence", "pilote@demo.test")
    assert mail.objet.endswith(": revenu le jour même")
    assert f"- mardi 31 mars, {ticket(ville, first).numero} : intervention durable" in plain(mail)


def test_a_mail_says_how_many_follow(ville, boite):
    id = report(ville)
    for who in ("elu", "pilote"):
        act(ville, who, suivre, id)
    assert "; 2 autres personnes suivent ce signalement" in in_one_line(boite.one("affectation"))
