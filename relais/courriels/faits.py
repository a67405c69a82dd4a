"""The facts of one signalement, in French words: where, what, when, whose, promised for when. Nobody is named."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select

from relais.commands.photo import cle_de_variante
from relais.courriels.dates import Dates, au_pluriel, precede_de
from relais.courriels.passages import annoncer
from relais.db import Session
from relais.keys import Keys
from relais.links import MEDIA_DAYS, media_path
from relais.queries.dossier import Dossier, dossier
from relais.queries.personne import by_id
from relais.rules.acces import FONCTIONS
from relais.rules.configuration import LIBELLES_DELAI, LIBELLES_DOMANIALITE, Acteur, Competent, Delai, TypeZone
from relais.rules.delais import Duree
from relais.rules.secteurs import ATTENDENT_UN_PASSAGE, prochain_passage
from relais.rules.statuts import LIBELLES, OUVERTS, Motif, Statut
from relais.tables.echeance import Echeance
from relais.tables.photo import EtatPhoto, Phase, Photo
from relais.tables.signalement import Signalement
from relais.tables.territoire import EmpriseRow

JOURS_DE_LECTURE = 7
"""How long a photo's link works from a mail. The two days of an application are over on Monday for a Friday's mail."""

TYPES_DE_ZONE = {TypeZone.QUARTIER: "quartier", TypeZone.QPV: "QPV", TypeZone.NPNRU: "NPNRU"}
PHASES = {
    Phase.AVANT: "photo",
    Phase.PENDANT: "photo pendant l'intervention",
    Phase.APRES: "photo après l'intervention",
}


@dataclass(frozen=True)
class Image:
    """A photo that can be looked at. `libelle` says what a click does, for who cannot see it."""

    libelle: str
    url: str


@dataclass(frozen=True)
class Prises:
    """The photos of one phase: « 2 photos »."""

    libelle: str
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Annonce:
    """One promised délai: « traitement », « 48 h », its instant, « engagement : Charte GUSP 2025, art. 4 ».

    `du`: as it follows « délai », « de traitement », « d'arbitrage ».
    """

    libelle: str
    du: str
    duree: str
    le: datetime
    nature: str
    retard: str | None


@dataclass(frozen=True)
class Faits:
    """`annonces`: what was promised to the resident. `trancher_avant`: until when the pilote has to settle it.

    `passage`: when somebody comes by next for that thème, a whole sentence.
    """

    numero: str
    statut: str
    statut_code: Statut
    ouvert: bool
    arbitrage: bool
    theme: str
    description: str | None
    lieu: str
    lieu_court: str
    recu_le: datetime
    constate: str
    prises: tuple[Prises, ...]
    photos_attendues: str | None
    responsable: Acteur | None
    competent: Competent | None
    terrain: str
    explication: str
    annonces: tuple[Annonce, ...]
    trancher_avant: datetime | None
    passage: str | None


@dataclass(frozen=True)
class Vue:
    """What wording a ticket needs beside the ticket itself. `le` is the day of the mail, on the business clock."""

    session: Session
    keys: Keys
    url: str
    dates: Dates
    le: datetime


def faits_de(vue: Vue, ticket: Signalement) -> tuple[Dossier, Faits]:
    file = dossier(vue.session, ticket)
    emprise = _emprise(vue.session, ticket)
    return file, Faits(
        numero=ticket.numero,
        statut=LIBELLES[ticket.statut].lower(),
        statut_code=ticket.statut,
        ouvert=ticket.statut in OUVERTS,
        arbitrage=ticket.motif is Motif.ARBITRAGE,
        theme=file.theme.libelle,
        description=ticket.description,
        lieu=_lieu(file, emprise),
        lieu_court=_lieu_court(ticket, emprise),
        recu_le=ticket.recu_le,
        constate=_constate(vue, file),
        prises=tuple(_prises(vue, file.photos)),
        photos_attendues=_attendues(file.photos),
        responsable=file.acteur,
        competent=file.competent,
        terrain=_terrain(ticket, emprise),
        explication=ticket.explication,
        annonces=tuple(annonce(vue, one) for one in file.promesses),
        trancher_avant=next((one.echeance for one in file.echeances if _waits_for_the_pilote(one)), None),
        passage=_passage(vue, file),
    )


def _waits_for_the_pilote(echeance: Echeance) -> bool:
    return echeance.delai is Delai.ARBITRAGE and echeance.arrete_le is None


def annonce(vue: Vue, echeance: Echeance) -> Annonce:
    running, libelle = echeance.arrete_le is None, LIBELLES_DELAI[Delai(echeance.delai)]
    return Annonce(
        libelle=libelle,
        du=precede_de(libelle),
        duree=str(Duree(echeance.valeur, echeance.unite)),
        le=echeance.echeance,
        nature=" : ".join(filter(None, (echeance.nature, echeance.source))),
        retard=vue.dates.retard(echeance.echeance, echeance.unite, vue.le) if running else None,
    )


def _passage(vue: Vue, file: Dossier) -> str | None:
    ticket, configuration = file.signalement, file.current.configuration
    if ticket.statut not in ATTENDENT_UN_PASSAGE:
        return None
    found = prochain_passage(configuration, theme=ticket.theme, lon=ticket.lon, lat=ticket.lat, apres=vue.le)
    return annoncer(found, vue.dates, configuration.calendrier.jour(vue.le)) if found else None


def _emprise(session: Session, ticket: Signalement) -> str | None:
    """The name of its ground, on the map it was routed with."""
    return session.scalar(
        select(EmpriseRow.nom).where(
            EmpriseRow.territoire_id == ticket.territoire_id,
            EmpriseRow.code == ticket.emprise,
            EmpriseRow.depuis <= ticket.version,
            or_(EmpriseRow.jusqu_a.is_(None), EmpriseRow.jusqu_a > ticket.version),
        )
    )


def _terrain(ticket: Signalement, emprise: str | None) -> str:
    label = LIBELLES_DOMANIALITE[ticket.domanialite]
    ground = label if label.startswith("doma") else f"domanialité {label}"
    return f"emprise « {emprise} », {ground}" if emprise else ground


REPERES = {"batiment": "bâtiment", "entree": "entrée", "etage": "étage"}


def _lieu(file: Dossier, emprise: str | None) -> str:
    said = file.signalement.lieu or {}
    parts = [said.get("adresse"), *(_nomme(mot, said.get(key)) for key, mot in REPERES.items())]
    if residence := said.get("residence"):
        parts.append(residence.replace("Résidence", "résidence", 1))
    parts.append(said.get("complement"))
    if not any(parts):
        ticket = file.signalement
        parts = [emprise, f"latitude {ticket.lat:.5f}, longitude {ticket.lon:.5f}"]
    known = file.born.configuration.zone
    zones = [known[code] for code in file.signalement.zones if code in known]
    zones = [zone for zone in zones if zone.type is not TypeZone.QUARTIER] or zones
    return ", ".join(filter(None, (*parts, *(f"{TYPES_DE_ZONE[zone.type]} {zone.nom}" for zone in zones))))


def _nomme(mot: str, valeur: str | None) -> str | None:
    """« B » is « entrée B », and « Entrée B » stays as it was written."""
    if not valeur or valeur.lower().startswith(mot):
        return valeur
    return f"{mot} {valeur}"


def _lieu_court(ticket: Signalement, emprise: str | None) -> str:
    said = ticket.lieu or {}
    return said.get("adresse") or said.get("residence") or emprise or f"{ticket.lat:.5f}, {ticket.lon:.5f}"


def _constate(vue: Vue, file: Dossier) -> str:
    ticket = file.signalement
    seen, received = vue.dates.instant_complet(ticket.constate_le), vue.dates.instant_complet(ticket.recu_le)
    author = by_id(vue.session, ticket.auteur_id)
    who = "par " + FONCTIONS[author.role].format(sigle=file.current.configuration.sigle) if author else None
    later = None if seen == received else f"reçu {received}"
    said = ", ".join(filter(None, (seen, who, later)))
    others = file.liens.suivants - 1
    if not others:
        return said
    return f"{said} ; {au_pluriel(others, 'autre personne suit', 'autres personnes suivent')} ce signalement"


def _prises(vue: Vue, photos: Iterable[Photo]) -> Iterable[Prises]:
    ready = [photo for photo in photos if photo.etat is EtatPhoto.PRETE]
    for phase, libelle in PHASES.items():
        images = [_image(vue, photo, libelle) for photo in ready if photo.phase is phase]
        if images:
            head, *tail = libelle.split(" ", 1)
            yield Prises(" ".join((au_pluriel(len(images), head), *tail)), tuple(images))


def _image(vue: Vue, photo: Photo, libelle: str) -> Image:
    # Real time, and not that of the mail: the link is checked against real time, and a demonstration lives elsewhere.
    longer = timedelta(days=JOURS_DE_LECTURE - MEDIA_DAYS)
    path, _ = media_path(vue.keys, cle_de_variante(photo, "image"), now=datetime.now(UTC) + longer)
    return Image(f"Voir la {libelle}" + (f" : {photo.alt}" if photo.alt else f" n° {photo.rang + 1}"), vue.url + path)


def _attendues(photos: Iterable[Photo]) -> str | None:
    owed = sum(photo.etat in {EtatPhoto.ATTENDUE, EtatPhoto.RECUE} for photo in photos)
    return f"{au_pluriel(owed, 'photo annoncée')}, pas encore disponible{'s' if owed > 1 else ''}" if owed else None
