"""The journey lived once: an installation of two towns, one of them Le Mans, and what is left at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from conftest import Ville
from fastapi.testclient import TestClient
from journey.oracle import PARIS
from journey.partenaire import Partenaire
from journey.territoire_du_mans import CODE, DOMAINE, OSM, ecrire
from journey.voyage import Voyage
from sqlalchemy import select

from api.app import build_app
from api.resources import Resources
from relais.boite import Boite, Recu, lire
from relais.caller import Door
from relais.commands.personne import import_personnes
from relais.commands.territoire import get_territoire, import_configuration, import_emprises
from relais.db import Session, make_engine
from relais.imports.emprises import EmprisesLues, lire_emprises
from relais.imports.personnes import lire_personnes
from relais.imports.territoire import lire_territoire
from relais.keys import load_keys
from relais.mail import Smtp
from relais.rules.configuration import Configuration
from relais.settings import Settings
from relais.stockage import Local
from relais.tables.echeance import Echeance, Escalade
from relais.tables.envoi import Envoi
from relais.tables.evenement import Evenement
from relais.tables.photo import Photo
from relais.tables.saisine import Saisine
from relais.wire import Wire
from workers.means import Means

Row = TypeVar("Row", Echeance, Envoi, Escalade, Evenement, Photo, Saisine)
MATIN = datetime(2026, 3, 25, 8, tzinfo=PARIS)


class Recit(NamedTuple):
    """What is left once the journey is lived."""

    voyage: Voyage
    terrain: EmprisesLues
    courriels: list[Recu]
    partenaire: Partenaire
    depot: Path

    def rangees(self, table: type[Row]) -> list[Row]:
        """All the rows of Le Mans, as the owner sees them: row-level security does not choose for the test."""
        with self.voyage.session() as session, session.begin():
            return [one for one in session.scalars(select(table)) if one.territoire_id == session.territoire]


@contextmanager
def raconter(url: str, dossier: Path) -> Iterator[Recit]:
    """Live it all on a copy of the demo's database, another town of the same server; its API answers until the end."""
    engine = make_engine(url)
    Ville(engine).at(MATIN)
    ecrire(dossier)
    configuration = lire_territoire(dossier / "territoire.yaml", annee=2026).configuration
    terrain = lire_emprises(OSM, dossier / "correspondance.yaml", configuration.acteur.keys())
    with Ville(engine).session(Door.OWNER) as session, session.begin():
        _importer(session, configuration, terrain, dossier / "personnes.csv")
    with Boite(dossier / "courriels") as boite, Partenaire() as partenaire:
        settings = Settings(
            data_dir=dossier / "donnees",
            url_publique=f"https://relais.{DOMAINE}",
            expediteur=f"Relais <ne-pas-repondre@{DOMAINE}>",
            webhooks_autorises=(partenaire.hote,),
        )
        keys, stockage = load_keys(settings), Local(settings.depot)
        means = Means(engine, keys, settings, Smtp(boite.url), Wire(allow=settings.webhooks_autorises), stockage)
        with TestClient(build_app(Resources(engine, keys, settings, stockage))) as client:
            voyage = Voyage(engine, client, keys, means, configuration)
            _abonner(voyage, partenaire)
            voyage.vivre()
            yield Recit(voyage, terrain, lire(boite.dossier), partenaire, settings.depot)
    engine.dispose()


def _importer(session: Session, configuration: Configuration, terrain: EmprisesLues, personnes: Path) -> None:
    import_configuration(session, configuration, auteur="test", now=session.now)
    territoire = get_territoire(session, CODE)
    assert territoire is not None
    import_emprises(session, territoire, terrain.emprises, auteur="test", now=session.now)
    import_personnes(session, territoire, lire_personnes(personnes), now=session.now)


def _abonner(voyage: Voyage, partenaire: Partenaire) -> None:
    """One partner hears of what is late everywhere, another of all that happens at the bailleur's."""
    tout = {"types": ["signalement.affecte", "echeance.depassee", "instance.transmise"]}
    for chemin, quoi in (("/tout", tout), ("/bailleur", {"acteur": "logis-sarthe"})):
        asked = {"url": f"http://{partenaire.hote}{chemin}"} | quoi
        made = voyage.appeler("admin", "POST", "/v1/webhooks", json=asked).raise_for_status()
        partenaire.secrets[chemin] = made.json()["secret"]
