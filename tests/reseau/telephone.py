"""The queue of docs/application-mobile.md, as a developer would write it in an app: the same names, the same steps.

Left out: what no network can cause (a signalement erased or unknown), and what is kept on the phone's own disk.
Seconds are the phone's: a test that gives it another clock shortens them all alike.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

Json = dict[str, Any]


def uuid7(instant: datetime, rng: Random) -> UUID:
    """The phone's own identifiers: milliseconds, then chance."""
    milliseconds = int(instant.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62))


class Etape(StrEnum):
    SIGNALEMENT = "signalement"
    PHOTOS = "photos"
    ENVOYEE = "envoyee"
    A_CORRIGER = "a_corriger"


class Sort(StrEnum):
    RECU = "recu"
    ATTENDRE = "attendre"
    ARRETER = "arreter"
    REFUSE = "refuse"


JSON = {"Content-Type": "application/json"}
A_ENVOYER = {Etape.SIGNALEMENT, Etape.PHOTOS}


@dataclass
class Fiche:
    """One entry of the queue. `octets`: by photo id, the file of the phone; `recu`: the last answer about it."""

    id: UUID
    corps: Json
    octets: Mapping[str, Path] = field(default_factory=dict)
    etape: Etape = Etape.SIGNALEMENT
    attendues: list[str] = field(default_factory=list)
    abandonnees: dict[str, Json] = field(default_factory=dict)
    refus: Json | None = None
    recu: Json | None = None
    essais: int = 0
    pas_avant: float = 0.0


class Perdu(Exception):
    """An app insists for ever; a test does not."""


ESSAIS_MAX = 20


@dataclass
class Reponse:
    statut: int
    probleme: bool
    dit: Json
    attendre: float


@dataclass
class Telephone:
    """`jetons` gives access tokens; `maintenant` and `dormir` are its clock.

    `reports` and `attentes` count, for the test: what was put off, and how often because an answer said until when.
    """

    adresse: tuple[str, int]
    jetons: Callable[[], str]
    rng: Random
    maintenant: Callable[[], float]
    dormir: Callable[[float], None]
    patience: float
    jeton: str | None = None
    arretee: bool = False
    reports: int = 0
    attentes: int = 0

    def vider(self, file: Sequence[Fiche]) -> None:
        while not self.arretee and (restent := [fiche for fiche in file if fiche.etape in A_ENVOYER]):
            dues = [fiche for fiche in restent if fiche.pas_avant <= self.maintenant()]
            if not dues:
                self.dormir(max(0.0, min(fiche.pas_avant for fiche in restent) - self.maintenant()))
                continue
            self.avancer(next((fiche for fiche in dues if fiche.etape is Etape.SIGNALEMENT), dues[0]))

    def avancer(self, fiche: Fiche) -> None:
        """One sending."""
        ici, photo = f"/v1/signalements/{fiche.id}", None
        if fiche.etape is Etape.SIGNALEMENT:
            sort, dit = self.envoyer(fiche, "PUT", ici, JSON, _json(fiche.corps))
        else:
            photo = fiche.attendues[0]
            octets = fiche.octets[photo].read_bytes()
            sort, dit = self.envoyer(fiche, "PUT", f"{ici}/photos/{photo}", _annonce(octets), octets)
        if sort is Sort.REFUSE and dit["code"] == "signalement_different":
            sort, dit = Sort.RECU, dit["signalement"]
        self.conclure(fiche, photo, sort, dit)

    def conclure(self, fiche: Fiche, photo: str | None, sort: Sort, dit: Json) -> None:
        if sort is Sort.RECU:
            fiche.essais = 0
            self.apprendre(fiche, dit)
        elif sort is Sort.ATTENDRE:
            self.reporter(fiche, dit["secondes"])
        elif sort is Sort.ARRETER:
            self.arretee = True
        elif photo is None:
            fiche.etape, fiche.refus = Etape.A_CORRIGER, dit
        else:
            fiche.abandonnees[photo] = dit
            fiche.attendues.remove(photo)
            self.suite(fiche)

    def apprendre(self, fiche: Fiche, signalement: Json) -> None:
        fiche.recu = signalement
        refusees = {photo["id"] for photo in signalement["photos"] if photo["etat"] == "refusee"}
        fiche.attendues = [
            photo
            for photo in signalement["photos_manquantes"]
            if photo in fiche.octets and photo not in fiche.abandonnees and photo not in refusees
        ]
        self.suite(fiche)

    def suite(self, fiche: Fiche) -> None:
        fiche.etape = Etape.PHOTOS if fiche.attendues else Etape.ENVOYEE

    def reporter(self, fiche: Fiche, au_moins: float) -> None:
        self.reports += 1
        self.attentes += au_moins > 0
        fiche.essais += 1
        if fiche.essais > ESSAIS_MAX:
            raise Perdu(fiche.corps["description"])
        fiche.pas_avant = self.maintenant() + au_moins + self.rng.uniform(0, min(900, 2 * 2 ** min(fiche.essais, 10)))

    def envoyer(
        self, fiche: Fiche, methode: str, chemin: str, entetes: Mapping[str, str], octets: bytes
    ) -> tuple[Sort, Json]:
        """With RECU the signalement, with ATTENDRE the `secondes`, else the problem."""
        for tour in (1, 2):
            r = self.demander(methode, chemin, entetes, octets)
            if r is None:
                break
            if r.statut in {200, 201} and self.en_est_la_reponse(fiche, r.dit):
                return Sort.RECU, r.dit
            if not r.probleme:
                break
            if r.statut == 401 and tour == 1:
                self.jeton = self.renouveler()
                if self.jeton is None:
                    break
            elif r.statut == 401 or r.dit["code"] == "compte_suspendu":
                return Sort.ARRETER, r.dit
            elif r.dit["retryable"]:
                return Sort.ATTENDRE, {"secondes": r.attendre or 5}
            else:
                return Sort.REFUSE, r.dit
        return Sort.ATTENDRE, {"secondes": 0}

    def en_est_la_reponse(self, fiche: Fiche, dit: Json) -> bool:
        return dit.get("id") == str(fiche.id)

    def renouveler(self) -> str | None:
        """None: not now."""
        return self.jetons()

    def demander(self, methode: str, chemin: str, entetes: Mapping[str, str], octets: bytes) -> Reponse | None:
        """None: no answer, or not a whole one."""
        qui = {"Authorization": f"Bearer {self.jeton}"} if self.jeton else {}
        ligne = HTTPConnection(*self.adresse, timeout=self.patience)
        try:
            ligne.request(methode, chemin, octets, {"Connection": "close", **qui, **entetes})
            r = ligne.getresponse()
            probleme = r.headers.get("Content-Type") == "application/problem+json"
            corps = r.read()
            return Reponse(r.status, probleme, json.loads(corps), float(r.headers.get("Retry-After", 0)))
        except (OSError, HTTPException, ValueError):  # what is no JSON is a portal's page, or a head that was cut
            return None
        finally:
            ligne.close()


class ClientSimple(Telephone):
    """One multipart POST for everything, under a key that stays the same; whatever fails begins again whole."""

    def avancer(self, fiche: Fiche) -> None:
        limite = f"--------{self.rng.getrandbits(64):016x}"  # another one at each try: the same request all the same
        contenu = {name: value for name, value in fiche.corps.items() if name != "photos"}
        parties = [_partie(limite, 'name="signalement"', "application/json", _json(contenu))] + [
            _partie(limite, 'name="photo"; filename="photo.jpg"', "image/jpeg", fichier.read_bytes())
            for fichier in fiche.octets.values()
        ]
        entetes = {"Content-Type": f"multipart/form-data; boundary={limite}", "Idempotency-Key": str(fiche.id)}
        corps = b"".join(parties) + f"--{limite}--\r\n".encode()
        self.conclure(fiche, None, *self.envoyer(fiche, "POST", "/v1/signalements", entetes, corps))

    def en_est_la_reponse(self, fiche: Fiche, dit: Json) -> bool:
        """Its id is the server's: what was written tells whose answer it is."""
        return dit.get("description") == fiche.corps["description"]


FERMEE = 600.0
"""Seconds after which the app of `Connecte` is closed and opened again, its access token forgotten."""


@dataclass
class Connecte(Telephone):
    """Signed in by a code: what it keeps is `trousseau`, the refresh token, which each renewal replaces."""

    trousseau: str = ""
    ouverte: float = 0.0
    renouvellements: int = 0

    def avancer(self, fiche: Fiche) -> None:
        if self.maintenant() > self.ouverte + FERMEE:
            self.jeton, self.ouverte = None, self.maintenant()
        super().avancer(fiche)

    def renouveler(self) -> str | None:
        asked = _json({"grant_type": "refresh_token", "refresh_token": self.trousseau})
        r = self.demander("POST", "/v1/auth/token", JSON, asked)
        if r is None or (r.probleme and r.dit["retryable"]):
            return None
        if r.probleme:
            raise Perdu(r.dit["code"])
        self.trousseau = r.dit["refresh_token"]
        self.renouvellements += 1
        return r.dit["access_token"]


def _json(corps: Json) -> bytes:
    return json.dumps(corps).encode()


def _annonce(octets: bytes) -> dict[str, str]:
    empreinte = base64.b64encode(sha256(octets).digest()).decode()
    return {"Content-Type": "image/jpeg", "Content-Digest": f"sha-256=:{empreinte}:"}


def _partie(limite: str, nom: str, media_type: str, octets: bytes) -> bytes:
    head = f"--{limite}\r\nContent-Disposition: form-data; {nom}\r\nContent-Type: {media_type}\r\n\r\n"
    return head.encode() + octets + b"\r\n"
