"""Who answers for a signalement, and why. Pure: facts in, decision and its sentence out."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from relais.rules.carte import Carte, Emprise, HorsTerritoire, PositionInversee, verifier_position
from relais.rules.configuration import (
    LIBELLES_DOMANIALITE,
    TOUT,
    Acteur,
    Cible,
    Configuration,
    Domanialite,
    Perimetre,
    Regle,
    TypeActeur,
    TypeZone,
    Zone,
)

__all__ = ["Candidat", "HorsTerritoire", "PositionInversee", "Routage", "router", "verifier_position"]

PORTEE_BATIMENT_M = 60
"""How far the nearest building is looked for. Indoors a phone is 20 to 50 m off; 60 m does not cross an estate."""

PRECISION_UTILE_M = 100
"""A wider disc is uncertain as it is; to list half the town would say no more, at a cost that grows with its square."""


@dataclass(frozen=True)
class Candidat:
    """Who would answer if the true position were on that emprise, `distance_m` away."""

    acteur: str | None
    emprise: str
    domanialite: Domanialite
    distance_m: float


@dataclass(frozen=True)
class Routage:
    """The decision. `emprise` and `domanialite` are the ground it rests on, which a surcharge may find nearby.

    `acteur` is None when the pilote must decide, or when the point is `hors_perimetre`: inside the territoire, outside
    the perimeter it follows. `candidats` has the nearest emprise of each acteur; it is empty unless `incertain`.
    """

    acteur: str | None
    hors_perimetre: bool
    regle: str | None
    emprise: str | None
    domanialite: Domanialite
    zones: tuple[str, ...]
    incertain: bool
    candidats: tuple[Candidat, ...]
    explication: str


def router(
    configuration: Configuration,
    carte: Carte,
    *,
    theme: str,
    lon: float,
    lat: float,
    precision_m: float | None,
    le: date,
) -> Routage:
    """Who answers here, that day, for this thème (a code of the configuration, else KeyError).

    The surcharges speak first, then the matrix; in each the most precise line wins, the first in the file on a tie.
    """
    lieu = _Lieu(configuration, carte, theme, lon, lat, le)
    sol = next(iter(carte.emprises_en(lon, lat, le)), None)
    suivi = configuration.perimetre is Perimetre.VILLE or any(zone.type is TypeZone.QPV for zone in lieu.zones)
    decision = lieu.decide(sol) if suivi else _Decision(None, sol, None)
    candidats = lieu.candidats(decision, precision_m) if suivi and precision_m else ()
    perdu = suivi and (precision_m or 0) > PRECISION_UTILE_M and not decision.partout
    explication = lieu.explique(decision, sol) if suivi else _explique_ailleurs(configuration)
    if (candidats or perdu) and precision_m and decision.acteur:
        explication += f" Position connue à {max(1, round(precision_m))} m près : le responsable reste à confirmer."
    return Routage(
        acteur=decision.acteur,
        hors_perimetre=not suivi,
        regle=decision.regle.code if decision.regle else None,
        emprise=decision.emprise.code if decision.emprise else None,
        domanialite=_domanialite(decision.emprise),
        zones=tuple(zone.code for zone in lieu.zones),
        incertain=perdu or bool(candidats),
        candidats=candidats,
        explication=explication,
    )


@dataclass(frozen=True)
class _Decision:
    regle: Regle | None
    emprise: Emprise | None
    acteur: str | None

    @property
    def partout(self) -> bool:
        """The same on any ground: the position may be wrong, not the answer."""
        if self.regle is None or self.regle.confier_a in (Cible.PROPRIETAIRE, Cible.BAILLEUR_PROCHE):
            return False
        return self.regle.surcharge and self.regle.domanialite == TOUT


@dataclass(frozen=True)
class _Lieu:
    """A point, a day and a thème: all that a line of `qui_s_en_occupe` is held against."""

    configuration: Configuration
    carte: Carte
    theme: str
    lon: float
    lat: float
    le: date

    @cached_property
    def zones(self) -> tuple[Zone, ...]:
        return self.carte.zones_en(self.lon, self.lat)

    @cached_property
    def regles(self) -> list[Regle]:
        """The lines for this thème and these zones, in the order in which they speak."""
        zones = {TOUT, *(zone.code for zone in self.zones)}
        regles = [regle for regle in self.configuration.regles if regle.theme in (TOUT, self.theme)]
        return sorted((regle for regle in regles if regle.zone in zones), key=lambda r: (not r.surcharge, -_poids(r)))

    @cached_property
    def bailleur_proche(self) -> Emprise | None:
        near = self.carte.emprises_a_moins_de(self.lon, self.lat, PORTEE_BATIMENT_M, self.le)
        return next((emprise for emprise, _ in near if self._de_bailleur(emprise)), None)

    @cached_property
    def voisins(self) -> list[tuple[Emprise, float]]:
        """The ground that the most far-reaching line can reach from beside it."""
        portee = max((regle.debord_m or 0 for regle in self.regles), default=0)
        return self.carte.emprises_visibles(self.lon, self.lat, portee, self.le) if portee else []

    def decide(self, sol: Emprise | None) -> _Decision:
        """The decision were the point on that ground. None is undetermined ground."""
        for regle in self.regles:
            if regle.domanialite in (TOUT, _domanialite(sol)):
                return self._applique(regle, sol)
            for emprise, metres in self.voisins:
                if regle.debord_m and metres <= regle.debord_m and emprise.domanialite == regle.domanialite:
                    return self._applique(regle, emprise)
        return _Decision(None, sol, None)

    def candidats(self, decision: _Decision, precision_m: float) -> tuple[Candidat, ...]:
        """Who may answer, the position being what it is: for each, the nearest ground on which it would."""
        portee = min(precision_m, PRECISION_UTILE_M)
        touched = self.carte.emprises_a_moins_de(self.lon, self.lat, portee, self.le)
        if {self.decide(emprise).acteur for emprise, _ in touched} <= {decision.acteur}:
            return ()  # sure: the common case, at a tenth of the price of what follows
        found: dict[str | None, Candidat] = {}
        for emprise, metres in self.carte.emprises_visibles(self.lon, self.lat, portee, self.le):
            acteur = self.decide(emprise).acteur
            found.setdefault(acteur, Candidat(acteur, emprise.code, emprise.domanialite, round(metres, 1)))
        return tuple(found.values()) if found.keys() - {decision.acteur} else ()

    def explique(self, decision: _Decision, sol: Emprise | None) -> str:
        """One sentence that residents read: where, what, to whom."""
        configuration, regle, emprise = self.configuration, decision.regle, decision.emprise
        theme = f"le thème « {_minuscule(configuration.theme[self.theme].libelle)} »"
        if regle is None or decision.acteur is None:
            return f"{self._manque(regle, emprise, theme)} : le pilote {configuration.sigle} va décider."
        acteur = configuration.acteur[decision.acteur]
        role = "à l'astreinte" if regle.confier_a == Cible.ASTREINTE else ROLES[acteur.type]
        a_qui = f"{role} ({acteur.nom})"
        if decision.partout:
            return f"Quel que soit le terrain, {theme} revient {a_qui}."
        if emprise and self._proprietaire(emprise) == acteur:
            a_qui = role
        if regle.confier_a == Cible.BAILLEUR_PROCHE:
            return f"{self._decrit('bâtiment de bailleur le plus proche', emprise)} : {theme} y revient {a_qui}."
        if regle.debord_m and emprise is not sol:
            portee = f"à moins de {regle.debord_m:g} m".replace(".", ",")
            return f"{self._decrit(emprise, portee)} : {theme} revient jusque-là {a_qui}."
        return f"{self._decrit(emprise)} : {theme} y revient {a_qui}."

    def _manque(self, regle: Regle | None, emprise: Emprise | None, theme: str) -> str:
        if regle is None:
            return f"{self._decrit(emprise)}, où personne n'est encore désigné pour {theme}"
        match regle.confier_a:
            case Cible.ASTREINTE:
                return f"{_majuscule(theme)} revient à l'astreinte, qui n'est pas encore désignée"
            case Cible.BAILLEUR_PROCHE:
                return f"Aucun bâtiment de bailleur connu à moins de {PORTEE_BATIMENT_M} m pour {theme}"
            case _:
                return f"{self._decrit(emprise)}, dont le propriétaire, à qui revient {theme}, n'est pas connu"

    def _decrit(self, *parts: Emprise | str | None) -> str:
        """« Résidence des Érables, propriété d'Habitat Lisse », « Domaine public communal, à moins de 2 m »."""
        said: list[str] = []
        for part in parts:
            if isinstance(part, Emprise):
                owner = self._proprietaire(part)
                said += filter(None, (part.nom, f"propriété {_de(owner.nom)}" if owner else NATURES[part.domanialite]))
            else:
                said.append(part or "terrain absent de la carte")
        return _majuscule(", ".join(said))

    def _proprietaire(self, emprise: Emprise) -> Acteur | None:
        """The bailleur of its own ground. Elsewhere a gestionnaire manages, and nothing says that it owns."""
        owned = emprise.domanialite is Domanialite.BAIL and self._de_bailleur(emprise)
        return self._gestionnaire(emprise) if owned else None

    def _applique(self, regle: Regle, sol: Emprise | None) -> _Decision:
        match regle.confier_a:
            case Cible.ASTREINTE:
                return _Decision(regle, sol, self.configuration.astreinte)
            case Cible.BAILLEUR_PROCHE:
                batiment = sol if self._de_bailleur(sol) else self.bailleur_proche
                return _Decision(regle, batiment or sol, batiment.gestionnaire if batiment else None)
            case Cible.PROPRIETAIRE:
                return _Decision(regle, sol, sol.gestionnaire if sol and self._gestionnaire(sol) else None)
            case acteur:
                return _Decision(regle, sol, acteur)

    def _gestionnaire(self, emprise: Emprise | None) -> Acteur | None:
        """None also for an acteur that a later version of the configuration has dropped."""
        return self.configuration.acteur.get(emprise.gestionnaire or "") if emprise else None

    def _de_bailleur(self, emprise: Emprise | None) -> bool:
        gestionnaire = self._gestionnaire(emprise)
        return gestionnaire is not None and gestionnaire.type is TypeActeur.BAILLEUR


NATURES: Mapping[Domanialite, str] = {
    **LIBELLES_DOMANIALITE,
    Domanialite.BAIL: "terrain d'un bailleur",
    Domanialite.INDET: "terrain de domanialité indéterminée",
}
ROLES: Mapping[TypeActeur, str] = {
    TypeActeur.DIRECTION: "au service compétent",
    TypeActeur.BAILLEUR: "au bailleur",
    TypeActeur.EPCI: "à l'intercommunalité",
    TypeActeur.DEPARTEMENT: "au département",
    TypeActeur.REGION: "à la région",
    TypeActeur.ETAT: "à l'État",
    TypeActeur.CONCESSIONNAIRE: "au concessionnaire",
    TypeActeur.SYNDIC: "au syndic",
    TypeActeur.SYNDICAT_MIXTE: "au syndicat mixte",
    TypeActeur.PRESTATAIRE: "au prestataire",
    TypeActeur.REGIE_DE_QUARTIER: "à la régie de quartier",
    TypeActeur.ASSOCIATION: "à l'association",
}
"""The article comes with the role, known by its type; a name stands in brackets, for nobody knows its gender."""

_H_ASPIRES = ("hal", "ham", "hau", "hav")
"""Halle, Hameau, Hauts-de-…, Havre: the openings of names of places before which « de » keeps its vowel."""


def _domanialite(emprise: Emprise | None) -> Domanialite:
    return emprise.domanialite if emprise else Domanialite.INDET


def _poids(regle: Regle) -> int:
    """Domanialité outweighs thème and zone together, thème outweighs zone."""
    return 4 * (regle.domanialite != TOUT) + 2 * (regle.theme != TOUT) + (regle.zone != TOUT)


def _explique_ailleurs(configuration: Configuration) -> str:
    ici = f"Ce lieu est hors du périmètre {configuration.sigle}, limité aux quartiers prioritaires"
    ailleurs = (configuration.competent_ailleurs or "").rstrip(" .")
    return f"{ici} ; s'adresser ici à : {ailleurs}." if ailleurs else f"{ici}."


def _majuscule(text: str) -> str:
    return text[:1].upper() + text[1:]


def _minuscule(libelle: str) -> str:
    """Lower-cased as a common noun; an acronym in front stays one."""
    return libelle if libelle[1:2].isupper() else libelle[:1].lower() + libelle[1:]


def _de(nom: str) -> str:
    """« d'Habitat Lisse », « de Nantes Habitat », « du Logis familial », « des Résidences de l'Ouest »."""
    for article, contracted in (("Le ", "du "), ("Les ", "des ")):
        if nom.startswith(article):
            return contracted + nom.removeprefix(article)
    plain = unicodedata.normalize("NFD", nom).lower()
    elided = plain.startswith(tuple("aeiouyhœæ")) and not plain.startswith(_H_ASPIRES)
    return f"d'{nom}" if elided else f"de {nom}"
