"""The journey, told: a signalement answered late that climbs, another nobody decides; every promise checked.

Nothing is written in advance but the acts of the people: dates, mails, webhooks and totals are read from what happened.
"""

import base64
import io
import re
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from PIL import Image
from sqlalchemy import func, select

from relais.demonstration.chargement import demo_folder
from relais.demonstration.installation import Installation, installation
from relais.demonstration.releve import PARIS, Promesses, Releve
from relais.tables.echeance import Echeance, Escalade, EtatDelai
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.photo import EtatPhoto, Photo

FOLDER = Path("data") / "demo"
ICI = {"lon": 0.41237, "lat": 48.10562, "precision_m": 5, "origine": "gps"}
LIEU = {"adresse": "12 rue des Érables", "residence": "Résidence des Érables", "entree": "B"}


def le(jour: int, mois: int, heure: int, minute: int = 0) -> datetime:
    return datetime(2026, mois, jour, heure, minute, tzinfo=PARIS)


def raconter() -> int:
    with installation(FOLDER, debut=le(31, 3, 18, 11)) as town:
        return Recit(town).jouer()


class Recit:
    def __init__(self, town: Installation) -> None:
        self.town, self.releve, self.promesses = town, Releve(town), Promesses()
        self.premier, self.second = str(uuid4()), str(uuid4())

    def jouer(self) -> int:
        print("Relais · Vaucelles-sur-Lisse (fictive) · QPV Les Tilleuls · temps simulé, 31 mars → 20 avril 2026")
        self.signaler()
        self.prendre_en_charge()
        self.relancer_puis_repondre()
        self.tuer_un_worker()
        self.monter()
        self.mobiliser_puis_traiter()
        self.transmettre()
        self.compter()
        return self.promesses.conclure()

    # --- mardi 31 mars

    def signaler(self) -> None:
        self.town.jump(le(31, 3, 18, 11) + timedelta(seconds=40))  # seconds are rounded up: received by 18:12
        photo = (demo_folder() / "photos" / "matelas.jpg").read_bytes()
        body = self._body(photo)
        answers = self._envoyer_sur_un_mauvais_reseau(self.premier, body)
        ticket = answers[-1].json()
        self.numero = ticket["numero"]
        self._photo(self.premier, body, photo)
        self._second_signalement()
        self.town.jump(le(31, 3, 18, 12))
        ticket = self._lire(self.premier)
        self.promesses.tenir(len(self._tous()) == 2, "trois envois ne font qu'un signalement")  # noqa: PLR2004 - and the second
        self.promesses.tenir(ticket["responsable"]["code"] == "habitat-lisse", "le bailleur est désigné")
        dates = {one["delai"]: one["echeance"] for one in ticket["delais"]}
        expected = {
            "prise_en_charge": le(1, 4, 15).isoformat(),
            "reponse": le(3, 4, 17).isoformat(),
            "traitement": le(2, 4, 18, 12).isoformat(),
        }
        self.promesses.tenir(dates == expected, "les trois dates promises sont celles de la charte")
        self._photo_propre(ticket)
        say = self.releve.dire
        say(f"une relais habitante signale {self.numero} : dépôt sauvage, {LIEU['adresse']}, entrée B, 1 photo")
        say("réseau coupé : 3 envois, 1 seul signalement ; photo nettoyée, position GPS retirée", suite=True)
        routage = ticket["routage"]
        say(f"→ {ticket['responsable']['nom']} : {routage['explication']} (règle {routage['regle']})", suite=True)
        promised = " · ".join(f"{name.replace('_', ' ')} {_court(when)}" for name, when in dates.items())
        say(f"promis ({ticket['delais'][0]['source']}) : {promised}", suite=True)
        self.releve.montrer(self.premier)

    def _body(self, photo: bytes, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        declared = {
            "id": str(uuid4()),
            "phase": "avant",
            "type": "image/jpeg",
            "octets": len(photo),
            "sha256": sha256(photo).hexdigest(),
        }
        return {
            "theme": "proprete.depot_sauvage",
            "description": "Matelas et deux fauteuils devant l'entrée B.",
            "constate_le": le(31, 3, 18, 10).isoformat(),
            "position": ICI,
            "lieu": LIEU,
            "photos": [declared],
        } | changes

    def _envoyer_sur_un_mauvais_reseau(self, id: str, body: dict[str, Any]) -> list[httpx.Response]:
        """Twice the line drops before the answer is read; the phone simply sends again."""
        request = httpx.Request("PUT", f"{self.town.url}/v1/signalements/{id}", json=body)
        token = self.town.call("GET", "/v1/signalements", "relais").request.headers["Authorization"]
        host, port = self.town.url.removeprefix("http://").split(":")
        head = f"PUT {request.url.raw_path.decode()} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(request.content)}\r\n\r\n"
        for _ in range(2):
            with socket.create_connection((host, int(port))) as line:
                line.sendall(head.encode() + request.content)
        return [self.town.call("PUT", f"/v1/signalements/{id}", "relais", json=body) for _ in range(2)]

    def _photo(self, id: str, body: dict[str, Any], photo: bytes, who: str = "relais") -> None:
        digest = base64.b64encode(sha256(photo).digest()).decode()
        headers = {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{digest}:"}
        path = f"/v1/signalements/{id}/photos/{body['photos'][-1]['id']}"
        answer = self.town.call("PUT", path, who, content=photo, headers=headers)
        self.promesses.tenir(answer.status_code == httpx.codes.CREATED, f"la photo est reçue ({answer.status_code})")

    def _photo_propre(self, ticket: dict[str, Any]) -> None:
        served = httpx.get(ticket["photos"][0]["image"], trust_env=False)
        picture = Image.open(io.BytesIO(served.content))
        self.promesses.tenir(not picture.getexif() and "comment" not in picture.info, "aucune métadonnée n'est servie")
        self.promesses.tenir(picture.width < picture.height, "la photo servie est droite")

    def _second_signalement(self) -> None:
        photo = (demo_folder() / "photos" / "lampadaire.jpg").read_bytes()
        body = self._body(photo, description="Un canapé, à côté du premier dépôt.")
        self.town.call("PUT", f"/v1/signalements/{self.second}", "relais2", json=body).raise_for_status()
        self._photo(self.second, body, photo, "relais2")
        self.town.wait_quiet()

    # --- mercredi 1er au vendredi 3 avril

    def prendre_en_charge(self) -> None:
        self.town.advance(le(1, 4, 9, 40))
        link = self._lien("affectation", self.premier, "Je prends en charge")
        page = httpx.get(link, trust_env=False)
        self.promesses.tenir(
            "<form" in page.text and self._statut(self.premier) == "affecte", "ouvrir le lien ne fait rien"
        )
        httpx.post(link, trust_env=False).raise_for_status()
        self.promesses.tenir(self._statut(self.premier) == "pris_en_charge", "le bouton prend en charge, sans compte")
        self.town.wait_quiet()
        self.releve.dire("Habitat Lisse prend en charge par le lien du courriel, sans compte")

    def relancer_puis_repondre(self) -> None:
        for instant in (le(2, 4, 8, 36), le(2, 4, 18, 12)):
            self.town.advance(instant)
            self.releve.montrer(self.premier)
        self.town.advance(le(3, 4, 11, 5))
        reponse = {
            "nature": "explicative",
            "texte": "Benne commandée, passage le 7 avril.",
            "prochaine_etape": {"libelle": "Passage de la benne", "le": "2026-04-07"},
        }
        self.town.call("POST", f"/v1/signalements/{self.premier}/reponses", "agent", json=reponse).raise_for_status()
        self.town.wait_quiet()
        states = {one["delai"]: one["etat"] for one in self._lire(self.premier)["delais"]}
        self.promesses.tenir(
            states == {"prise_en_charge": "tenu", "reponse": "tenu", "traitement": "depasse"},
            "répondre arrête le délai de réponse, pas celui de traitement",
        )
        self.releve.dire(f"Habitat Lisse répond : « {reponse['texte']} » Réponse dans le délai ; traitement en retard")
        self.releve.noter()

    # --- mardi 7 au mercredi 15 avril

    def tuer_un_worker(self) -> None:
        instant = le(7, 4, 17)
        self.town.advance(instant - timedelta(minutes=1))
        self.releve.noter()
        self.promesses.tenir(
            not self._paliers(self.premier, "pilotage_quartier"), "l'étape annoncée retient l'instance"
        )
        self.town.set_clock(instant + timedelta(milliseconds=1))
        self.repris = self.town.kill_in_the_middle()
        self.releve.dire("lundi de Pâques : jour non compté", quand=le(6, 4, 0), heure=False)
        self.releve.montrer(self.premier)
        once = self._paliers(self.premier, "pilotage_quartier") == 1 == self._paliers(self.second, "pilotage_quartier")
        self.promesses.tenir(once, "le palier du worker tué est atteint une fois, et une seule")

    def monter(self) -> None:
        for instant in (le(10, 4, 17), le(15, 4, 17)):
            self.town.advance(instant)
            self.releve.montrer(self.premier)
        told = self.releve.destinataires(self.premier, "decision")
        self.promesses.tenir(told == {"pilote@demo.test", "copilote@demo.test"}, "les deux pilotes ont à décider")
        early = self.releve.recus("direction_generale@demo.test")
        self.promesses.tenir(not early, "la direction générale n'a encore rien reçu")

    # --- jeudi 16 au lundi 20 avril

    def mobiliser_puis_traiter(self) -> None:
        self.town.advance(le(16, 4, 9, 20))
        link = self._lien("decision", self.premier, "Mobiliser")
        httpx.post(link, data={"motif": "4e dépôt depuis janvier"}, trust_env=False).raise_for_status()
        self.town.wait_quiet()
        self.releve.dire("la pilote mobilise l'instance (« 4e dépôt depuis janvier »)")
        self.releve.montrer(self.premier)
        told = self.releve.destinataires(self.premier, "mobilisation")
        self.promesses.tenir("direction_generale@demo.test" in told, "la direction générale reçoit le dossier mobilisé")
        self.town.advance(le(17, 4, 15, 30))
        photo = (demo_folder() / "photos" / "apres.jpg").read_bytes()
        declared = self._body(photo)["photos"][0] | {"phase": "apres"}
        done = {"commentaire": "Benne passée, pied d'immeuble nettoyé.", "nature": "durable", "photos": [declared]}
        path = f"/v1/signalements/{self.premier}"
        self.town.call("POST", f"{path}/interventions", "agent", json=done).raise_for_status()
        self._photo(self.premier, {"photos": [declared]}, photo, "agent")
        self.town.wait_quiet()
        self.releve.dire("Habitat Lisse : intervention faite, photo « après »")
        self.releve.montrer(self.premier)
        self.town.advance(le(20, 4, 10))
        self.town.call("POST", f"{path}/clotures", "relais", json={}).raise_for_status()
        self.town.wait_quiet()
        self.releve.dire("clos : la relais confirme")
        self.promesses.tenir(self._statut(self.premier) == "clos", "l'auteure clôt")

    def transmettre(self) -> None:
        numero = self._lire(self.second, "relais2")["numero"]
        print(f"Second signalement, {numero}, même retard, pilote sans décision :")
        self.town.advance(le(20, 4, 17))
        self.town.wait(
            lambda: self.releve.recus("direction_generale@demo.test", "transm"), "le courriel de transmission"
        )
        self.releve.dire("✉ transmis à la direction générale (sans décision du pilote, réglage du territoire)")
        saisines = self.town.call("GET", "/v1/instances/gusp-dg/ordre-du-jour", "pilote").json()["elements"]
        self.promesses.tenir(not saisines, "plus rien n'attend de décision")
        print(
            f"Un worker tué au milieu du palier du 7 avril : repris en {self.repris:.0f} s, rien de perdu ni en double"
        )

    # --- le compte

    def compter(self) -> None:
        with self.town.owner() as session, session.begin():
            escalades = session.scalar(select(func.count()).select_from(Escalade)) or 0
            sent = dict(
                session.execute(
                    select(Envoi.canal, func.count()).where(Envoi.etat == EtatEnvoi.ENVOYE).group_by(Envoi.canal)
                )
                .tuples()
                .all()
            )
            unsent = session.scalar(
                select(func.count()).select_from(Envoi).where(Envoi.etat.in_((EtatEnvoi.EN_ATTENTE, EtatEnvoi.MORT)))
            )
            photos = session.scalar(select(func.count()).select_from(Photo).where(Photo.etat == EtatPhoto.PRETE))
            delais = session.scalars(select(Echeance.etat)).all()
        held = sum(etat is EtatDelai.TENU for etat in delais)
        mails, hooks = self.town.mails(), self.town.recepteur.recues
        twice = len(mails) - len({one.message_id for one in mails}) + len(hooks) - len({one.id for one in hooks})
        missing = sent.get(Canal.COURRIEL, 0) - len({one.message_id for one in mails})
        missing += sent.get(Canal.WEBHOOK, 0) - len({one.id for one in hooks}) + (unsent or 0)
        numeros = {one["numero"] for one in self._tous()}
        self.promesses.tenir(numeros == {"VSL-2026-00001", "VSL-2026-00002"}, f"aucun numéro perdu ({sorted(numeros)})")
        self.promesses.tenir(escalades == 5 + 5 + 3 + 2, f"quinze paliers, chacun une fois ({escalades})")
        self.promesses.tenir(missing == 0, f"aucun envoi oublié ({missing})")
        self.promesses.tenir(twice == 0, f"aucun envoi en double ({twice})")
        self.promesses.tenir(all(one.signee for one in hooks) and bool(hooks), "chaque webhook est signé")
        self.promesses.tenir(photos == 3, f"trois photos nettoyées ({photos})")  # noqa: PLR2004
        print(
            f"\n  remontées {escalades} · courriels {len(mails)} · webhooks {len(hooks)} · doublons {twice}"
            f" · oublis {missing} · photos nettoyées {photos} · délais tenus {held} sur {len(delais)}"
        )
        print(f"  Lire les courriels : {self.town.courriels}/*.eml    Rejouer : make demo    Ouvrir : make run")

    # --- lire

    def _lire(self, id: str, who: str = "relais") -> dict[str, Any]:
        found: dict[str, Any] = self.town.call("GET", f"/v1/signalements/{id}", who).raise_for_status().json()
        return found

    def _statut(self, id: str) -> str:
        return str(self._lire(id)["statut"]["code"])

    def _tous(self) -> Sequence[Any]:
        found: Sequence[Any] = self.town.call("GET", "/v1/signalements", "pilote").json()["elements"]
        return found

    def _paliers(self, id: str, palier: str) -> int:
        with self.town.owner() as session, session.begin():
            counted = select(func.count()).select_from(Escalade)
            return session.scalar(counted.where(Escalade.signalement_id == id, Escalade.palier == palier)) or 0

    def _lien(self, gabarit: str, id: str, words: str) -> str:
        """The address of a button, read in the mail as it arrived."""
        mail = self.releve.dernier(id, gabarit)
        after = mail.texte[mail.texte.index(words) :]
        found = re.search(r"https?://\S+/a/\S+", after)
        if found is None:
            raise LookupError(f"no link after « {words} » in {mail.fichier}")
        return found.group()


def _court(iso: str) -> str:
    when = datetime.fromisoformat(iso)
    return f"{when:%d/%m %H:%M}"
