"""Le Mans, on real ground: a fortnight of signalements, five weeks of deadlines, and what everybody received.

The journey is lived once, by the API, the workers' own functions, a real PostgreSQL, a real SMTP server and a real
HTTP partner; each test then reads what is left of it and states one promise.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from journey.images import metadonnees, ressemblance
from journey.oracle import PARIS
from journey.recit import Recit, raconter
from journey.services import TERRAINS
from journey.suivi import DELAIS
from journey.territoire_du_mans import CODE, DOMAINE, OSM, PHOTOS, themes
from journey.voyage import FIN

from relais.commands.photo import cle_de_variante
from relais.tables.echeance import Echeance, Escalade
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.saisine import EtatSaisine, Saisine

pytestmark = pytest.mark.skipif(
    not OSM.exists(), reason="the real map, taxonomy and photos are not beside the checkout"
)

UN_PAS = timedelta(minutes=5)
"""The business clock is moved to each due instant, then runs on by itself while what is due there is done."""


@pytest.fixture(scope="module")
def recit(clone: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recit]:
    with raconter(clone(), tmp_path_factory.mktemp("le_mans")) as lived:
        yield lived


def test_the_real_map_enters_whole_and_what_is_no_surface_is_counted(recit: Recit) -> None:
    assert len(recit.terrain.emprises) == 548
    assert recit.terrain.ecartees == {"LineString": 202, "Point": 75}
    served = recit.voyage.client.get("/v1/emprises.geojson", params={"territoire": CODE}).json()["features"]
    assert len(served) == 548


def test_the_fortnight_has_the_nights_the_lunches_and_the_days_off_that_calendars_stumble_on(recit: Recit) -> None:
    local = [one.recu_le.astimezone(PARIS) for one in recit.voyage.suivis.values()]
    jours = {one.date() for one in local}
    assert len(local) >= 50
    assert (min(jours), max(jours)) == (date(2026, 3, 25), date(2026, 4, 8))
    assert {date(2026, 3, 28), date(2026, 3, 29), date(2026, 4, 5), date(2026, 4, 6)} <= jours
    assert {one.utcoffset() for one in local if one.date() == date(2026, 3, 29)} == {
        timedelta(hours=1),
        timedelta(hours=2),
    }
    assert any(time(12) <= one.time() < time(13, 30) for one in local)
    assert any(one.hour >= 19 for one in local)
    assert {one.theme for one in recit.voyage.suivis.values()} == {one["code"] for one in themes()}
    assert {one.terrain.domanialite_presumee for one in recit.voyage.suivis.values()} == set(TERRAINS)


def test_each_signalement_goes_to_whoever_holds_the_ground_and_is_told_why(recit: Recit) -> None:
    noms = {one.code: one.nom for one in recit.voyage.configuration.acteurs}
    libelles = {one["code"]: one["libelle"] for one in themes()}
    for id, told in recit.voyage.depots.items():
        ticket, where = recit.voyage.suivis[id], told["routage"]
        acteur = told.get("responsable", {}).get("code")
        assert where["domanialite"] == TERRAINS[ticket.terrain.domanialite_presumee][0], ticket
        assert where["emprise"] == ticket.terrain.osm_id, ticket
        assert acteur == ticket.tours[0].acteur, ticket
        assert libelles[ticket.theme][1:] in where["explication"], where
        assert told["statut"]["code"] == ("affecte" if acteur else "a_qualifier")
        if acteur:
            assert noms[acteur] in where["explication"] or where["domanialite"] == "BAIL", where
        assert [one["code"] for one in told["zones"]] == [ticket.zone]
    served = Counter(one.tours[0].acteur for one in recit.voyage.suivis.values())
    assert served.keys() == {None, *noms}


def test_every_echeance_is_the_one_counted_minute_by_minute(recit: Recit) -> None:
    held = {(one.signalement_id, one.delai.value, one.tour): one for one in recit.rangees(Echeance)}
    counted = {(ticket.id, one.delai, one.tour): one for ticket in recit.voyage.suivis.values() for one in ticket.tours}
    assert held.keys() == counted.keys()
    assert len(held) > 150
    assert {one.tour for one in held.values()} == {1, 2}
    for key, tour in counted.items():
        row = held[key]
        stopped = row.arrete_le and row.arrete_le.replace(microsecond=0)  # the second that the answer showed
        facts = (row.commence_le, row.echeance, row.acteur, stopped)
        assert facts == (tour.commence_le, tour.echeance, tour.acteur, tour.arrete_le), (key, tour)
        late = tour.arrete_le is not None and tour.arrete_le > tour.echeance
        assert row.etat == ("en_cours" if tour.arrete_le is None else "depasse" if late else "tenu")


def test_the_phone_reads_the_same_dates_at_once(recit: Recit) -> None:
    for id, told in recit.voyage.depots.items():
        first = [one for one in recit.voyage.suivis[id].tours if one.tour == 1]
        assert {one["delai"]: datetime.fromisoformat(one["echeance"]) for one in told["delais"]} == {
            one.delai: one.echeance for one in first
        }
        assert [one["delai"] for one in told["delais"]] == list(DELAIS)


def test_each_palier_is_reached_once_on_its_date_and_no_other_is(recit: Recit) -> None:
    rows = recit.rangees(Escalade)
    reached = {(one.signalement_id, one.delai.value, one.tour, one.palier): one for one in rows}
    expected = {
        (ticket.id, one.delai, one.tour, one.palier): one
        for ticket in recit.voyage.suivis.values()
        for one in ticket.paliers(FIN)
    }
    assert len(reached) == len(rows)
    assert reached.keys() == expected.keys()
    assert {(one.delai.value, one.palier) for one in rows} >= {
        ("traitement", palier) for palier in ("relance", "retard", "pilotage_quartier", "pilotage_ville", "gusp_dg")
    }
    for key, palier in expected.items():
        assert reached[key].prevue_le == palier.prevu_le, key
        assert palier.le <= reached[key].declenchee_le < palier.le + UN_PAS, key
    assert any(one.le > one.prevu_le for one in expected.values())  # an announced step did hold some


def test_the_journal_tells_each_palier_once(recit: Recit) -> None:
    told = [one for one in recit.rangees(Evenement) if one.type == "escalade.declenchee"]
    keys = Counter((one.signalement_id, *(one.donnees[name] for name in ("delai", "tour", "palier"))) for one in told)
    assert keys == Counter((one.signalement_id, one.delai, one.tour, one.palier) for one in recit.rangees(Escalade))


def test_what_the_pilote_does_not_decide_goes_up_by_itself(recit: Recit) -> None:
    top = [one for one in recit.rangees(Saisine) if one.instance == "gusp-dg"]
    states = Counter(one.etat for one in top)
    decided = [str(one.id) for one in top if one.etat is EtatSaisine.MOBILISEE]
    assert decided == [recit.voyage.mobilisee]
    assert states[EtatSaisine.TRANSMISE] > 10
    for one in top:
        if one.etat is EtatSaisine.INSCRITE:
            assert one.decision_avant is not None
            assert one.decision_avant > FIN
    to_dg = [one for one in recit.courriels if one.a == f"direction_generale@{DOMAINE}"]
    jours = Counter(
        one.envoye_le.date() for one in recit.rangees(Envoi) if one.gabarit == "transmission" and one.envoye_le
    )
    assert to_dg
    assert jours
    assert max(jours.values()) == 1


def test_every_mail_promised_is_in_the_box_once_under_its_own_id(recit: Recit) -> None:
    envois = {f"<{one.id}@{DOMAINE}>": one for one in recit.rangees(Envoi) if one.canal is Canal.COURRIEL}
    received = {one.message_id: one for one in recit.courriels}
    assert len(received) == len(recit.courriels) > 300
    assert received.keys() == envois.keys()
    assert {one.etat for one in envois.values()} == {EtatEnvoi.ENVOYE}
    assert {id: one.a for id, one in received.items()} == {id: one.destinataire for id, one in envois.items()}
    assert all(one.texte.strip() and one.html.strip() and one.objet.strip() for one in received.values())


def test_every_webhook_verifies_and_comes_once_under_its_own_id(recit: Recit) -> None:
    envois = {str(one.id): one for one in recit.rangees(Envoi) if one.canal is Canal.WEBHOOK}
    received = {one.id: one for one in recit.partenaire.recues}
    assert recit.partenaire.refusees == []
    assert len(received) == len(recit.partenaire.recues) > 200
    assert received.keys() == envois.keys()
    assert {one.etat for one in envois.values()} == {EtatEnvoi.ENVOYE}
    assert {id: one.corps["type"] for id, one in received.items()} == {id: one.gabarit for id, one in envois.items()}
    bailleur = [one.corps for one in received.values() if one.chemin == "/bailleur"]
    assert {one["type"] for one in bailleur} >= {"signalement.affecte", "echeance.approche", "escalade.declenchee"}
    assert {one["data"]["signalement"]["acteur"] for one in bailleur} == {"logis-sarthe"}


def test_the_ten_photos_are_taken_and_made_ready(recit: Recit) -> None:
    """The HEIC too: the extra is installed where the tests run."""
    files = {one.name for one in PHOTOS.iterdir()} - {"README.md"}
    said = {name: answer.status_code for name, answer in recit.voyage.reponses.items()}
    assert len(files) == 10
    assert said == dict.fromkeys(files, 201)
    states = {recit.voyage.photos[one.id].name: one.etat for one in recit.rangees(Photo)}
    assert states == dict.fromkeys(files, EtatPhoto.PRETE)


def test_every_served_photo_is_upright_and_says_nothing_but_its_pixels(recit: Recit) -> None:
    served = list(_servies(recit))
    assert {source.name for source, _ in served} == {one.name for one in PHOTOS.iterdir()} - {"README.md"}
    for source, octets in served:
        assert metadonnees(octets) == set(), source.name
        assert ressemblance(octets, source) >= 0.95, source.name
        if source.name.startswith("landscape"):
            assert ressemblance(octets, PHOTOS / "landscape_1.jpg") >= 0.95, source.name


def _servies(recit: Recit) -> Iterator[tuple[Path, bytes]]:
    """Each picture and its thumbnail, fetched through the links that the API signs; with the file it came from."""
    for id in recit.voyage.suivis:
        for photo in recit.voyage.appeler("relais", "GET", f"/v1/signalements/{id}").json()["photos"]:
            if photo["etat"] == "prete":
                for variante in ("image", "vignette"):
                    link = photo[variante].removeprefix(f"https://relais.{DOMAINE}")
                    answer = recit.voyage.client.get(link).raise_for_status()
                    assert answer.headers["content-type"] == {"image": "image/jpeg", "vignette": "image/webp"}[variante]
                    yield (
                        next(file for key, file in recit.voyage.photos.items() if str(key) == photo["id"]),
                        answer.content,
                    )


def test_no_original_stays_behind(recit: Recit) -> None:
    kept = [one for one in recit.depot.rglob("*") if one.is_file()]
    ready = [one for one in recit.rangees(Photo) if one.etat is EtatPhoto.PRETE]
    assert (recit.depot / "fichiers" / "originaux").is_dir()
    clean = (cle_de_variante(one, kind) for one in ready for kind in ("image", "vignette"))
    assert {one.name for one in kept} == {cle.rpartition("/")[2] for cle in clean}


def test_the_other_town_on_the_same_server_saw_and_received_nothing(recit: Recit) -> None:
    id = next(iter(recit.voyage.suivis))
    assert recit.voyage.appeler("pilote@demo.test", "GET", f"/v1/signalements/{id}").status_code == 404
    assert recit.voyage.appeler("pilote@demo.test", "GET", "/v1/signalements").json()["elements"] == []
    assert recit.voyage.appeler("pilote@demo.test", "GET", "/v1/escalades").json()["elements"] == []
    assert {one.a.partition("@")[2] for one in recit.courriels} == {DOMAINE}
