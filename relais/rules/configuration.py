"""A territoire's configuration: one immutable value, numbered by its version, that every rule reads.

It is what `territoire.yaml` says once checked (`relais.imports.territoire`), and what a version keeps as JSON
(`relais.queries.referentiel`). Nothing here is ever changed: another text makes another version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from functools import cached_property
from typing import Any

from relais.rules.calendrier import Calendrier
from relais.rules.decoupage import Decoupage
from relais.rules.delais import Duree, Unite

TOUT = "*"
"""In a rule or an engagement: any thème, any domanialité, everywhere."""

FAMILLE = ".*"
"""How a line names the thèmes of a family at once: `voirie.*`."""

GeoJSON = Mapping[str, Any]


class Modele(StrEnum):
    """Who carries the démarche: the four organisations met in the field (research of 2018)."""

    NANTAIS = "nantais"
    ANGEVIN = "angevin"
    COMMUNE_SEULE = "commune_seule"
    EPCI_SEUL = "epci_seul"


class Perimetre(StrEnum):
    VILLE = "ville"
    QPV = "qpv"


class TypeZone(StrEnum):
    QUARTIER = "quartier"
    QPV = "qpv"
    NPNRU = "npnru"


class TypeActeur(StrEnum):
    DIRECTION = "direction"
    BAILLEUR = "bailleur"
    EPCI = "epci"
    DEPARTEMENT = "departement"
    REGION = "region"
    ETAT = "etat"
    CONCESSIONNAIRE = "concessionnaire"
    SYNDIC = "syndic"
    SYNDICAT_MIXTE = "syndicat_mixte"
    PRESTATAIRE = "prestataire"
    REGIE_DE_QUARTIER = "regie_de_quartier"
    ASSOCIATION = "association"


class Domanialite(StrEnum):
    """Whose ground it is. The codes are the contract; the labels are what people read."""

    DPC = "DPC"
    DPI = "DPI"
    DPD = "DPD"
    DPN = "DPN"
    DPF = "DPF"
    DPFE = "DPFE"
    DPRIVC = "DPRIVC"
    BAIL = "BAIL"
    COPRO = "COPRO"
    PRIV = "PRIV"
    VPOC = "VPOC"
    FRICHE = "FRICHE"
    EQUIP_COM = "EQUIP_COM"
    EQUIP_DEP = "EQUIP_DEP"
    EQUIP_REG = "EQUIP_REG"
    RESEAU = "RESEAU"
    COMMERCE = "COMMERCE"
    INDET = "INDET"


LIBELLES_DOMANIALITE: Mapping[Domanialite, str] = {
    Domanialite.DPC: "domaine public communal",
    Domanialite.DPI: "domaine public intercommunal",
    Domanialite.DPD: "domaine public départemental",
    Domanialite.DPN: "domaine public national",
    Domanialite.DPF: "domaine public fluvial",
    Domanialite.DPFE: "domaine public ferroviaire",
    Domanialite.DPRIVC: "domaine privé communal",
    Domanialite.BAIL: "bailleur",
    Domanialite.COPRO: "copropriété",
    Domanialite.PRIV: "propriété privée",
    Domanialite.VPOC: "voie privée ouverte à la circulation",
    Domanialite.FRICHE: "friche",
    Domanialite.EQUIP_COM: "équipement communal",
    Domanialite.EQUIP_DEP: "équipement départemental",
    Domanialite.EQUIP_REG: "équipement régional",
    Domanialite.RESEAU: "ouvrage de réseau",
    Domanialite.COMMERCE: "commerce",
    Domanialite.INDET: "domanialité indéterminée",
}


class RegleDePhoto(StrEnum):
    OBLIGATOIRE = "obligatoire"
    FACULTATIVE = "facultative"
    INTERDITE = "interdite"


class Publication(StrEnum):
    """When anybody at all may read a signalement; the pilote may publish or withdraw one whatever the rule."""

    AUCUNE = "aucune"
    APRES_MODERATION = "apres_moderation"
    IMMEDIATE = "immediate"


class TypeQuestion(StrEnum):
    TEXTE = "texte"
    NOMBRE = "nombre"
    DATE = "date"
    OUI_NON = "oui_non"
    CHOIX = "choix"
    CHOIX_MULTIPLE = "choix_multiple"


class Delai(StrEnum):
    """The three clocks promised to whoever signals, and the pilote's own. Answering and repairing are two promises."""

    PRISE_EN_CHARGE = "prise_en_charge"
    REPONSE = "reponse"
    TRAITEMENT = "traitement"
    ARBITRAGE = "arbitrage"  #: opened when two acteurs have refused; promised by no engagement


LIBELLES_DELAI: Mapping[Delai, str] = {
    Delai.PRISE_EN_CHARGE: "prise en charge",
    Delai.REPONSE: "réponse",
    Delai.TRAITEMENT: "traitement",
    Delai.ARBITRAGE: "arbitrage",
}

PROMIS = (Delai.PRISE_EN_CHARGE, Delai.REPONSE, Delai.TRAITEMENT)
"""What an engagement may promise."""


class Nature(StrEnum):
    ENGAGEMENT = "engagement"
    INDICATIF = "indicatif"


class TypeInstance(StrEnum):
    PILOTAGE_QUARTIER = "pilotage_quartier"
    PILOTAGE_VILLE = "pilotage_ville"
    GROUPE_RESOLUTION = "groupe_resolution"
    GUSP_DG = "gusp_dg"
    EXTERNE = "externe"


class Destinataire(StrEnum):
    """To whom a palier speaks: a function, never a person."""

    ACTEUR = "acteur"
    RESPONSABLE = "responsable"
    PILOTES = "pilotes"
    DIRECTION_GENERALE = "direction_generale"
    ASTREINTE = "astreinte"


class SansDecision(StrEnum):
    """What the worker does when the pilote has not decided in time."""

    TRANSMETTRE = "transmettre"
    RAPPELER = "rappeler"


class Cible(StrEnum):
    """Targets of a rule that are found on the ground and not named in it."""

    PROPRIETAIRE = "@proprietaire"
    BAILLEUR_PROCHE = "@bailleur_proche"
    ASTREINTE = "@astreinte"


@dataclass(frozen=True)
class Zone:
    code: str
    nom: str
    type: TypeZone
    contour: GeoJSON
    reference: str | None = None


@dataclass(frozen=True)
class Acteur:
    """Whoever can be responsible. The acknowledgement quotes e-mail, phone and address: none may be missing."""

    code: str
    nom: str
    type: TypeActeur
    courriel: str
    telephone: str
    adresse: str
    calendrier: Calendrier
    en_cas_de_retard: str | None = None


class JoursFeries(StrEnum):
    """What becomes of a passage that falls on a public holiday."""

    SAUTES = "sautes"
    REPORTES = "reportes"
    COMPRIS = "compris"


@dataclass(frozen=True)
class Passage:
    """What an acteur comes to do in a secteur, and when: `texte` as the town writes it, `rrule` as RFC 5545 says it.

    `debut`, `fin`: the hours of the day between which it comes, in the town's time, as far as the town says them.
    `feries`: where it says nothing, nobody is told to expect a truck on the 1st of May. `REPORTES`: to the next day
    that is not a public holiday.
    """

    prestation: str
    texte: str
    rrule: str
    a_partir_du: date
    debut: time | None = None
    fin: time | None = None
    feries: JoursFeries = JoursFeries.SAUTES


@dataclass(frozen=True)
class Secteur:
    """Where an acteur works, and at what rhythm: in words, as the town writes it, and as what can be computed."""

    code: str
    nom: str
    acteur: str
    contour: GeoJSON
    prestations: tuple[str, ...] = ()
    rythme: str | None = None
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class Choix:
    """An answer among others. `arret`: who gives it is told this and goes elsewhere; nothing is signalled."""

    code: str
    libelle: str
    arret: str | None = None


@dataclass(frozen=True)
class Question:
    """What a thème asks besides. `choix` for the two types of choice; `arret` of a `oui_non` is said to a yes."""

    code: str
    libelle: str
    type: TypeQuestion
    obligatoire: bool = False
    choix: tuple[Choix, ...] = ()
    arret: str | None = None


@dataclass(frozen=True)
class Voisinage:
    """How near, in metres and in real days, two signalements of one thème may speak of the same thing."""

    rayon_m: float
    jours: int


DOUBLONS = Voisinage(25, 7)
RECURRENCE = Voisinage(25, 90)
"""Where the town says nothing: 25 m is what a phone is off by in a street; a season is what a repair should last."""


@dataclass(frozen=True)
class Theme:
    """`prestation`: the one whose next passage a signalement quotes. `doublons`: still open or just done beside it.

    `recurrence`: come back after it was closed.
    """

    code: str
    libelle: str
    photo: RegleDePhoto = RegleDePhoto.FACULTATIVE
    photo_apres: bool = False
    interieur: bool = False
    danger: bool = False
    consigne: str | None = None
    questions: tuple[Question, ...] = ()
    prestation: str | None = None
    doublons: Voisinage = DOUBLONS
    recurrence: Voisinage = RECURRENCE


def couvre(designe: str, theme: str) -> bool:
    """Whether this thème is among those a line names: its code, a family (`voirie.*`), or TOUT.

    Of two names that cover one thème, the longer is the more precise, but for its own code, which is the most.
    """
    return designe in (TOUT, theme) or (designe.endswith(FAMILLE) and f"{theme}.".startswith(designe[:-1]))


@dataclass(frozen=True)
class Engagement:
    """What is promised for a thème in a zone. The most precise line wins: thème first, then zone."""

    theme: str
    zone: str
    delais: Mapping[Delai, Duree]
    nature: Nature
    source: str | None = None


@dataclass(frozen=True)
class Regle:
    """One line of `qui_s_en_occupe`. `theme`: a code, a family (`voirie.*`) or TOUT.

    `confier_a` is an acteur's code or a `Cible`. A `surcharge` speaks before the matrix, whatever the ground.
    `debord_m`: it reaches that many metres beyond the domanialité it names. `informer`: acteurs told besides, who have
    nothing to do for it to be done (the police of a private street open to traffic).
    """

    code: str
    theme: str
    domanialite: str
    zone: str
    confier_a: str
    surcharge: bool = False
    debord_m: float | None = None
    informer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Competent:
    """Who is competent where the démarche does not go, and how to reach them.

    `themes`: theirs, codes or families (`voirie.*`); none: all.
    """

    nom: str
    telephone: str | None = None
    courriel: str | None = None
    adresse: str | None = None
    themes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Instance:
    code: str
    nom: str
    type: TypeInstance
    membres: tuple[str, ...]
    zone: str | None = None


@dataclass(frozen=True)
class Palier:
    """A step of the ladder: at a part of the délai, or some working days after its échéance (0 = at the échéance)."""

    code: str
    delai: Delai
    part: int | None = None
    jours: int | None = None
    prevenir: tuple[Destinataire, ...] = ()
    inscrire: str | None = None


ARBITRAGE = Duree(2, Unite.JOURS_OUVRES)


@dataclass(frozen=True)
class DelaiDeDecision:
    jours: int
    faire: SansDecision


@dataclass(frozen=True)
class Configuration:
    nom: str
    code: str
    calendrier: Calendrier
    modele: Modele
    sans_decision: DelaiDeDecision
    epci: str | None = None
    commune: str | None = None
    """The acteurs that are the two collectivités of the modèle."""
    themes_ru: tuple[str, ...] = ()
    """In the angevin modèle, what the EPCI carries wherever it is: codes, or families."""
    sigle: str = "GUSP"
    perimetre: Perimetre = Perimetre.VILLE
    themes_suivis: tuple[str, ...] = ()
    """The thematic perimeter: codes, or families (`voirie.*`). None: every thème (the global approach)."""
    competents: tuple[Competent, ...] = ()
    competent_ailleurs: str | None = None
    publication: Publication = Publication.AUCUNE
    courriel: str | None = None
    contour: GeoJSON | None = None
    astreinte: str | None = None
    arbitrage: Duree = ARBITRAGE
    """What the pilote has to name somebody, once two acteurs have said it was not theirs."""
    zones: tuple[Zone, ...] = ()
    secteurs: tuple[Secteur, ...] = ()
    acteurs: tuple[Acteur, ...] = ()
    themes: tuple[Theme, ...] = ()
    engagements: tuple[Engagement, ...] = ()
    regles: tuple[Regle, ...] = ()
    instances: tuple[Instance, ...] = ()
    echelle: tuple[Palier, ...] = ()

    @cached_property
    def acteur(self) -> Mapping[str, Acteur]:
        return {acteur.code: acteur for acteur in self.acteurs}

    @cached_property
    def theme(self) -> Mapping[str, Theme]:
        return {theme.code: theme for theme in self.themes}

    @cached_property
    def zone(self) -> Mapping[str, Zone]:
        return {zone.code: zone for zone in self.zones}

    @cached_property
    def instance(self) -> Mapping[str, Instance]:
        return {instance.code: instance for instance in self.instances}

    @cached_property
    def decoupage(self) -> Decoupage[Secteur]:
        """The secteurs, found by a point."""
        return Decoupage(self.secteurs)

    @cached_property
    def regles_de(self) -> Mapping[str, Mapping[Domanialite, tuple[Regle, ...]]]:
        """For each thème, on each ground, the lines that may speak, in the order in which they do.

        The surcharges first, the most precise thème before all, then domanialité, then zone: what says « every thème »
        of a ground never takes a danger from the astreinte. In the matrix domanialité outweighs thème and zone
        together, and thème outweighs zone. Sorted once: a decision is to cost no more than three looks at the map.
        """
        return {theme: self._par_sol(theme) for theme in self.theme}

    def _par_sol(self, theme: str) -> Mapping[Domanialite, tuple[Regle, ...]]:
        lines = sorted((one for one in self.regles if couvre(one.theme, theme)), key=lambda one: _rang(one, theme))
        lines = _avant_le_bailleur_proche(lines, theme)
        speak = {sol: [one for one in lines if one.domanialite in (TOUT, sol) or one.debord_m] for sol in Domanialite}
        return {sol: tuple(some) for sol, some in speak.items()}

    def suit(self, theme: str) -> bool:
        """Whether the démarche follows that thème, wherever it is."""
        return not self.themes_suivis or any(couvre(suivi, theme) for suivi in self.themes_suivis)

    def competent(self, theme: str) -> Competent | None:
        """Who is competent for that thème where the démarche does not go: the most precise line, else the text."""
        named = [
            (designe == theme, len(designe), competent)
            for competent in self.competents
            for designe in competent.themes or (TOUT,)
            if couvre(designe, theme)
        ]
        if named:
            return max(named, key=lambda one: one[:2])[2]
        return Competent(self.competent_ailleurs.rstrip(" .")) if self.competent_ailleurs else None

    def paliers(self, delai: Delai) -> tuple[Palier, ...]:
        return tuple(palier for palier in self.echelle if palier.delai is delai)


def _rang(regle: Regle, theme: str) -> tuple[int, ...]:
    """The lower speaks first; on a tie, the first in the file."""
    sol, sujet = (regle.domanialite == TOUT,), (regle.theme != theme, -len(regle.theme))
    ordre = (*sujet, *sol) if regle.surcharge else (*sol, *sujet)
    return not regle.surcharge, *ordre, regle.zone == TOUT


def _avant_le_bailleur_proche(lines: list[Regle], theme: str) -> list[Regle]:
    """The nearest building is a guess: a line of the matrix that names both this thème and its ground goes before."""
    guesses = [one.surcharge and one.domanialite == TOUT and one.confier_a == Cible.BAILLEUR_PROCHE for one in lines]
    if True not in guesses:
        return lines
    first = guesses.index(True)
    sure = [one for one in lines[first:] if not one.surcharge and one.theme == theme and one.domanialite != TOUT]
    return [*lines[:first], *sure, *(one for one in lines[first:] if one not in sure)]
