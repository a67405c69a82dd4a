"""Every mail that leaves: what it promises its reader, on the dates of the demo's journey."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from html.parser import HTMLParser
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from commands.factories import (
    AGENCE,
    DELAISSE,
    DEPOT_SAUVAGE,
    FILS_NUS,
    RESPONSABLE_AGENCE,
    RUE_ERABLES,
    act,
    agendas,
    at,
    configure,
    deposit,
    live,
    photo,
)
from conftest import ROOT, Ville
from relais.caller import Door
from relais.commands.saisine import mobiliser
from relais.commands.signalement import submit_signalement
from relais.commands.verbes import Etape, intervenir, prendre_en_charge, reaffecter, repondre, rouvrir
from relais.courriels import rendre
from relais.courriels.dates import Dates
from relais.courriels.rendu import environment, une_ligne
from relais.keys import Keys
from relais.links import Choice, check_media, read_action
from relais.mail import Courriel, compose
from relais.rules.configuration import Configuration, DelaiDeDecision, Perimetre, SansDecision
from relais.rules.depot import Depot
from relais.rules.statuts import Statut
from relais.tables.envoi import Canal, Envoi
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement

URL = "https://relais.vaucelles.test"
EXPEDITEUR = "Relais <relais@vaucelles.test>"
ENTREE_B = (0.41237, 48.10562)
LIEU = {"adresse": "12 rue des Érables", "residence": "Résidence des Érables", "entree": "B"}
MATELAS = "Matelas et deux fauteuils devant l'entrée B."
FAIT = {"commentaire": "Enlevé ce matin.", "nature": "durable"}
ENCORE = {"motif": "non_resolu", "commentaire": "Le matelas est toujours là."}

PEOPLE = ("Camille", "Aubry", "Noé", "Lambrec", "Maud", "Sacha", "Morvelle", "Jeanne", "Vidorne", "Castanel", "Brimont")
FORBIDDEN = re.compile(r"escalade|carence|malgré|@demo\.test|\bNone\b|" + "|".join(PEOPLE), re.IGNORECASE)

LINK = re.compile(r"https?://\S+")


class Page(HTMLParser):
    """What a reader of the HTML sees: its language, titles and links, and whether its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lang, self.tags, self.links, self.open = None, [], {}, []
        self.href = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "html":
            self.lang = dict(attrs).get("lang")
        if tag == "a":
            self.href = dict(attrs)["href"]
            self.links[self.href] = ""
        if tag not in {"meta", "br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.href = None if tag == "a" else self.href

    def handle_data(self, data):
        if self.href:
            self.links[self.href] += data


@dataclass
class Boite:
    """The mails promised so far, rendered as the worker will."""

    ville: Ville
    keys: Keys

    def all(self) -> list[tuple[Envoi, Courriel]]:
        with self.ville.worker() as session, session.begin():
            wanted = select(Envoi).where(Envoi.canal == Canal.COURRIEL).order_by(Envoi.cree_le, Envoi.destinataire)
            return [(one, self._render(session, one)) for one in session.scalars(wanted)]

    def one(self, gabarit: str, a: str | None = None) -> Courriel:
        """The last mail of that gabarit, to that address where given."""
        found = [mail for envoi, mail in self.all() if envoi.gabarit == gabarit and a in {None, envoi.destinataire}]
        assert found, gabarit
        return found[-1]

    def _render(self, session, envoi):
        return rendre(session, envoi, keys=self.keys, url=URL, expediteur=EXPEDITEUR)


@pytest.fixture
def boite(ville: Ville, keys: Keys) -> Boite:
    return Boite(ville, keys)


def report(ville: Ville, *, photos=None, lieu=LIEU, **change: object) -> UUID:
    """The demo's heap at entrance B, signalled now by a relais."""
    with ville.as_("relais") as session, session.begin():
        lon, lat = ENTREE_B
        depot = Depot(DEPOT_SAUVAGE, session.now, lon, lat, 5.0, None, MATELAS, lieu, photos=photos or (photo(),))
        depot = replace(depot, **change)
        return submit_signalement(session, caller=session.caller, id=uuid4(), depot=depot, now=session.now)[0].id


def ready(ville: Ville, id: UUID) -> None:
    """Its photos are clean."""
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Photo).where(Photo.signalement_id == id).values(etat=EtatPhoto.PRETE, alt="Matelas"))


def journey(ville: Ville) -> UUID:
    """The first ticket of the demo, up to 3 April: taken in charge, late, answered with a step on the 7th."""
    id = report(ville)
    ready(ville, id)
    live(ville, "2026-04-01 09:40")
    act(ville, "agent", prendre_en_charge, id)
    live(ville, "2026-04-03 11:05")
    texte = "Benne commandée, passage le mardi 7 avril."
    act(ville, "agent", repondre, id, nature="explicative", texte=texte, etape=Etape("Benne", date(2026, 4, 7)))
    return id


def everything(ville: Ville) -> None:
    """One journey after another, so that each gabarit is promised at least once."""
    id = journey(ville)
    report(ville)
    deposit(ville, place=DELAISSE)
    live(ville, "2026-04-15 17:00")
    act(ville, "pilote", mobiliser, agendas(ville, id)["gusp-dg"].id, motif="4e dépôt depuis janvier")
    ville.at(le_17())
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    act(ville, "relais", rouvrir, id, **ENCORE, photos=[])
    live(ville, "2026-04-22 09:00")


def le_17():
    from commands.factories import le

    return le("2026-04-17 15:30")


def gabarits_promised() -> set[str]:
    """Every gabarit a command promises: `letter("…")`, and the functions that pass a name on."""
    code = "".join(path.read_text() for path in (ROOT / "relais" / "commands").glob("*.py"))
    told = re.findall(r'(?:letter|to_author|to_acteur|members)\((?:[^()"]*, )?"(\w+)"', code)
    chosen = re.findall(r'(?:return|gabarit =|if|else) "(\w+)"', re.sub(r"Adresse\(.*", "", code))
    return {*told, *(name for name in chosen if name in gabarits_written())}


def gabarits_written() -> set[str]:
    return {name.split(".")[0] for name in environment().list_templates() if not name.startswith("_")}
