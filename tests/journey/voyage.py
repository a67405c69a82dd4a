"""Le Mans lived from 25 March to 30 April 2026: who signals what, who acts, and time that passes."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import chain, cycle
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from fastapi.testclient import TestClient
from httpx2 import Response
from journey.oracle import PARIS
from journey.services import TERRAINS, URGENTS, VILLE
from journey.suivi import Suivi, Terrain, responsable, sol, terrains
from journey.territoire_du_mans import CODE, DOMAINE, PHOTOS, themes
from sqlalchemy import Engine

from relais.caller import Door, Identity
from relais.db import Session
from relais.keys import Keys
from relais.queries.personne import by_identifiant
from relais.rules.configuration import Configuration, RegleDePhoto
from relais.tokens import issue
from workers.demo import advance
from workers.means import Means

NAMESPACE = UUID("019d44aa-d6a0-7a31-9c2b-5f1d8e0a7b42")
PAR_TERRAIN = 8
"""At most that many signalements on one kind of ground; most kinds have fewer polygons."""

FIN = datetime(2026, 4, 30, 20, tzinfo=PARIS).astimezone(UTC)
_PREMIER = datetime(2026, 3, 25, 7, 40, tzinfo=UTC)
_PAS = timedelta(hours=7, minutes=27, seconds=13)
_REMARQUABLES = (
    "2026-03-28T22:30:00+01:00",  # the night that loses an hour
    "2026-03-29T01:59:59+01:00",
    "2026-03-29T03:00:00+02:00",
    "2026-03-27T12:15:41+01:00",  # Friday lunch
    "2026-04-01T19:45:00+02:00",
    "2026-04-03T11:59:30+02:00",  # the last minute of a short Friday
    "2026-04-06T10:00:00+02:00",  # Easter Monday
    "2026-04-06T23:59:58+02:00",
)


def receptions(nombre: int) -> list[datetime]:
    """Spread over the fortnight at every hour, and the instants where a calendar may slip."""
    regular = (_PREMIER + rank * _PAS for rank in range(nombre - len(_REMARQUABLES)))
    return sorted([*regular, *(datetime.fromisoformat(one).astimezone(UTC) for one in _REMARQUABLES)])


@dataclass
class Voyage:
    engine: Engine
    client: TestClient
    keys: Keys
    means: Means
    configuration: Configuration
    suivis: dict[UUID, Suivi] = field(default_factory=dict)
    photos: dict[UUID, Path] = field(default_factory=dict)
    """The source of each picture sent."""
    reponses: dict[str, Response] = field(default_factory=dict)
    """What the API said of each file of the folder."""
    depots: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    mobilisee: str = ""
    """The saisine that the pilote decided upon; on the others nobody does."""
    _actes: list[tuple[datetime, Callable[[], None]]] = field(default_factory=list)

    # --- the story

    def vivre(self) -> None:
        """Every act at its instant, and everything due between two of them."""
        lieux = list(_lieux())
        for rank, (instant, (theme, terrain)) in enumerate(zip(receptions(len(lieux)), lieux, strict=True)):
            self._prevoir(instant, self._deposant(rank, theme, terrain))
        self._prevoir(datetime(2026, 4, 22, 9, tzinfo=UTC), self._mobiliser)
        while self._actes:
            instant, acte = self._actes.pop(0)
            advance(self.means, instant)
            acte()
        advance(self.means, FIN)

    def _prevoir(self, instant: datetime, acte: Callable[[], None]) -> None:
        self._actes.append((instant, acte))
        self._actes.sort(key=lambda one: one[0])

    def _deposant(self, rank: int, theme: str, terrain: Terrain) -> Callable[[], None]:
        def deposer() -> None:
            ticket = self._deposer(rank, theme, terrain)
            if ticket.acteur is not None:
                self._suite(rank, ticket)

        return deposer

    def _deposer(self, rank: int, theme: str, terrain: Terrain) -> Suivi:
        id, point = uuid5(NAMESPACE, str(rank)), terrain.forme.representative_point()
        photo = self._photo(theme)
        declared = [self._declare(id, photo, "avant")] if photo else []
        body = {
            "theme": theme,
            "description": f"Constat n° {rank}.",
            "constate_le": self.maintenant().isoformat(),
            "position": {"lon": point.x, "lat": point.y, "precision_m": 4, "origine": "gps"},
            "photos": declared,
        }
        told = self.appeler("relais", "PUT", f"/v1/signalements/{id}", json=body).raise_for_status().json()
        vrai_sol = sol(point)
        ticket = Suivi(id, theme, vrai_sol, responsable(theme, vrai_sol), point, _instant(told["recu_le"]))
        ticket.ouvrir(ticket.recu_le)
        self.suivis[id], self.depots[id] = ticket, told
        if photo:
            self._envoyer("relais", id, declared[0], photo)
        return ticket

    def _suite(self, rank: int, ticket: Suivi) -> None:
        """Most are left to climb; some of every kind are taken, answered, repaired, passed on or reopened."""
        recu = ticket.recu_le
        match rank % 9:
            case 1:
                self._prevoir(recu + timedelta(minutes=75), lambda: self._prendre(ticket))
            case 2:
                self._prevoir(recu + timedelta(hours=3), lambda: self._prendre(ticket))
                self._prevoir(recu + timedelta(days=1, hours=1), lambda: self._repondre(ticket))
            case 3:
                self._prevoir(recu + timedelta(hours=26), lambda: self._repondre(ticket, etape=7))
            case 4:
                self._prevoir(recu + timedelta(days=2, hours=3), lambda: self._intervenir(ticket))
                suite = self._rouvrir if rank % 2 else self._clore
                self._prevoir(recu + timedelta(days=4), lambda: suite(ticket))
            case 5:
                self._prevoir(recu + timedelta(days=9), lambda: self._intervenir(ticket))
            case 7 | 8:
                self._prevoir(recu + timedelta(minutes=40), lambda: self._prendre(ticket))
                self._prevoir(recu + timedelta(days=1), lambda: self._repondre(ticket))
            case 6 if ticket.acteur != "voirie":
                self._prevoir(recu + timedelta(hours=20), lambda: self._reaffecter(ticket, "voirie"))

    # --- the verbs

    def _agir(self, ticket: Suivi, verbe: str, *, who: str | None = None, **body: Any) -> datetime:
        path = f"/v1/signalements/{ticket.id}/{verbe}"
        answer = self.appeler(who or f"agent.{ticket.acteur}", "POST", path, json=body).raise_for_status()
        return _instant(answer.json()["modifie_le"])

    def _prendre(self, ticket: Suivi) -> None:
        ticket.arreter(self._agir(ticket, "prises-en-charge"), "prise_en_charge")

    def _repondre(self, ticket: Suivi, etape: int = 0) -> None:
        jour = (self.maintenant().astimezone(PARIS) + timedelta(days=etape)).date()
        said: dict[str, Any] = {"nature": "operationnelle", "texte": "L'équipe passe dans la semaine."}
        if etape:
            said = {"nature": "explicative", "texte": "Une pièce est commandée, la pose est prévue."}
            said["prochaine_etape"] = {"libelle": "Pose", "le": jour.isoformat()}
        le = self._agir(ticket, "reponses", **said)
        ticket.arreter(le, "prise_en_charge", "reponse")
        if etape:
            ticket.annoncer(le, VILLE.fermeture(jour))

    def _intervenir(self, ticket: Suivi) -> None:
        photo = PHOTOS / "DSCN0010.jpg"
        apres = self.configuration.theme[ticket.theme].photo_apres
        declared = [self._declare(ticket.id, photo, "apres")] if apres else []
        ticket.arreter(self._agir(ticket, "interventions", commentaire="Fait.", nature="durable", photos=declared))
        for one in declared:
            self._envoyer(f"agent.{ticket.acteur}", ticket.id, one, photo)

    def _clore(self, ticket: Suivi) -> None:
        self._agir(ticket, "clotures", who="relais")

    def _rouvrir(self, ticket: Suivi) -> None:
        le = self._agir(ticket, "reouvertures", who="relais", motif="Toujours là", commentaire="Rien n'a changé.")
        ticket.ouvrir(le)

    def _reaffecter(self, ticket: Suivi, acteur: str) -> None:
        le = self._agir(ticket, "reaffectations", motif="pas_mon_terrain", acteur=acteur)
        ticket.acteur = acteur
        ticket.arreter(le, "prise_en_charge")
        ticket.ouvrir(le, "prise_en_charge")

    def _mobiliser(self) -> None:
        agenda = self.appeler("pilote", "GET", "/v1/instances/gusp-dg/ordre-du-jour").json()["elements"]
        self.mobilisee = agenda[0]["id"]
        self.appeler("pilote", "POST", f"/v1/saisines/{self.mobilisee}/mobilisations", json={}).raise_for_status()

    # --- photos

    def _photo(self, theme: str) -> Path | None:
        """Each file of the folder once, where a photo is allowed; then the same one where the thème demands it."""
        regle = self.configuration.theme[theme].photo
        if regle is RegleDePhoto.INTERDITE:
            return None
        neuve = next((one for one in sorted(PHOTOS.glob("*.[jH]*")) if one not in self.photos.values()), None)
        return neuve or (PHOTOS / "landscape_1.jpg" if regle is RegleDePhoto.OBLIGATOIRE else None)

    def _declare(self, ticket: UUID, photo: Path, phase: str) -> dict[str, Any]:
        octets = photo.read_bytes()
        id = uuid5(ticket, f"{phase} {photo.name}")
        self.photos[id] = photo
        digest = sha256(octets).hexdigest()
        return {"id": str(id), "phase": phase, "type": "image/jpeg", "octets": len(octets), "sha256": digest}

    def _envoyer(self, who: str, ticket: UUID, declared: dict[str, Any], photo: Path) -> None:
        octets = photo.read_bytes()
        digest = base64.b64encode(sha256(octets).digest()).decode()
        headers = {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{digest}:"}
        path = f"/v1/signalements/{ticket}/photos/{declared['id']}"
        self.reponses[photo.name] = self.appeler(who, "PUT", path, content=octets, headers=headers)

    # --- talking to the town

    def appeler(self, who: str, method: str, path: str, **options: Any) -> Response:
        """As `who`@lemans.test, or as the whole address that `who` is."""
        identifiant, code = (who, "VSL") if "@" in who else (f"{who}@{DOMAINE}", CODE)
        with self.session(code) as session, session.begin():
            person = by_identifiant(session, identifiant)
        token = issue(self.keys, territoire=person.territoire_id, personne=person.id, generation=person.generation)
        headers = {"Authorization": f"Bearer {token}"} | options.pop("headers", {})
        return self.client.request(method, path, headers=headers, **options)

    def session(self, code: str = CODE) -> Session:
        return Session(self.engine, door=Door.OWNER, identity=Identity(code=code))

    def maintenant(self) -> datetime:
        with self.session() as session, session.begin():
            return session.now


def _lieux() -> Iterator[tuple[str, Terrain]]:
    """Every thème at least once, on every kind of ground: (thème, polygon)."""
    codes = [one["code"] for one in themes()]
    ailleurs = (code for code in codes if code not in {*URGENTS, "habitat.parties_communes"})
    dehors = chain(URGENTS, cycle(ailleurs))
    dedans = cycle(("habitat.parties_communes", "habitat.abords"))
    for valeur in TERRAINS:
        polygons = [one for one in terrains() if one.domanialite_presumee == valeur]
        for one in polygons[:: max(1, len(polygons) // PAR_TERRAIN)][:PAR_TERRAIN]:
            yield next(dedans if valeur == "habitat_collectif" else dehors), one


def _instant(iso: str) -> datetime:
    return datetime.fromisoformat(iso).astimezone(UTC)
