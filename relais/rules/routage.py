"""Who answers for a signalement, and why. Pure: facts in, decision and its sentence out."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from relais.rules.carte import Carte, Emprise, HorsTerritoire, PositionInversee, verifier_position
from relais.rules.configuration import (
    LIBELLES_DOMANIALITE,
    TOUT,
    Acteur,
    Cible,
    Competent,
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

PRIVATIFS = frozenset(
    {
        Domanialite.COPRO,
        Domanialite.PRIV,
        Domanialite.EQUIP_COM,
        Domanialite.EQUIP_DEP,
        Domanialite.EQUIP_REG,
    }
)
"""Grounds with buildings of their own: the lift reported there may be theirs, and not that of the bailleur beside."""

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

    `acteur` is None when the pilote must decide, or `hors_perimetre`: inside the territoire, outside the perimeter it
    follows (of places, or of thèmes); who is competent there is `competent`. `candidats` has the nearest emprise of
    each acteur; it is empty unless `incertain`. `informes`: the acteurs told besides, who have nothing to do.
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
    informes: tuple[str, ...] = ()
    competent: Competent | None = None


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
    Outside the perimeter nobody answers, but for a danger: where a surcharge gives it to the astreinte, it goes there
    from anywhere in the territoire, for a danger is never redirected. A position that may be in a QPV, being known to
    so many metres, is in a perimeter of QPV, and `incertain`.
    """
    lieu = _Lieu(configuration, carte, theme, lon, lat, precision_m or 0, le)
    pourquoi, decision = lieu.hors_perimetre, lieu.decide(lieu.sol)
    urgent = lieu.urgent(decision)
    if pourquoi and not urgent:
        return _ailleurs(lieu, pourquoi)
    candidats = lieu.candidats(decision)
    perdu = lieu.precision_m > PRECISION_UTILE_M and not decision.partout
    incertain = perdu or bool(candidats) or (lieu.au_bord and not urgent)
    explication = lieu.explique(decision)
    if incertain and decision.acteur:
        explication += f" {lieu.reserve(decision, perimetre_seul=not (candidats or perdu))}"
    return Routage(
        acteur=decision.acteur,
        hors_perimetre=False,
        regle=decision.regle.code if decision.regle else None,
        emprise=decision.emprise.code if decision.emprise else None,
        domanialite=_domanialite(decision.emprise),
        zones=tuple(zone.code for zone in lieu.zones),
        incertain=incertain,
        candidats=candidats,
        explication=explication,
        informes=decision.informes,
    )


def _ailleurs(lieu: "_Lieu", pourquoi: str) -> Routage:
    """Outside the perimeter nobody here answers: who does is said, and how to reach them."""
    sol = lieu.sol
    competent = lieu.configuration.competent(lieu.theme)
    return Routage(
        acteur=None,
        hors_perimetre=True,
        regle=None,
        emprise=sol.code if sol else None,
        domanialite=_domanialite(sol),
        zones=tuple(zone.code for zone in lieu.zones),
        incertain=False,
        candidats=(),
        explication=f"{pourquoi} ; s'adresser ici à : {_joindre(competent)}." if competent else f"{pourquoi}.",
        competent=competent,
    )


def _joindre(competent: Competent) -> str:
    """« Lisse Agglo, 02 61 91 00 30 »: a name, and the first way to reach it."""
    moyen = competent.telephone or competent.courriel or competent.adresse
    return f"{competent.nom}, {moyen}" if moyen else competent.nom


@dataclass(frozen=True)
class _Decision:
    regle: Regle | None
    emprise: Emprise | None
    acteur: str | None

    @property
    def informes(self) -> tuple[str, ...]:
        told = self.regle.informer if self.regle else ()
        return tuple(acteur for acteur in told if acteur != self.acteur)

    @property
    def partout(self) -> bool:
        """The same on any ground: the position may be wrong, not the answer."""
        if self.regle is None or self.regle.confier_a in (Cible.PROPRIETAIRE, Cible.BAILLEUR_PROCHE):
            return False
        return self.regle.surcharge and self.regle.domanialite == TOUT


@dataclass
class _Lieu:
    """A point, a day and a thème: all that a line of `qui_s_en_occupe` is held against. `precision_m`: 0 unknown."""

    configuration: Configuration
    carte: Carte
    theme: str
    lon: float
    lat: float
    precision_m: float
    le: date

    @cached_property
    def sol(self) -> Emprise | None:
        """The ground at the point itself."""
        return next(iter(self.carte.emprises_en(self.lon, self.lat, self.le)), None)

    @property
    def portee(self) -> float:
        """How far from the point the true position is looked for, in metres."""
        return min(self.precision_m, PRECISION_UTILE_M)

    @cached_property
    def zones(self) -> tuple[Zone, ...]:
        return self.carte.zones_en(self.lon, self.lat)

    @property
    def hors_perimetre(self) -> str | None:
        """Why the démarche does not go there; None: it does."""
        configuration = self.configuration
        if self.hors_qpv and not self.au_bord:
            return f"Ce lieu est hors du périmètre {configuration.sigle}, limité aux quartiers prioritaires"
        if not configuration.suit(self.theme):
            return f"La démarche {configuration.sigle} ne suit pas {self.sujet}"
        return None

    @property
    def hors_qpv(self) -> bool:
        return self.configuration.perimetre is Perimetre.QPV and not _un_qpv(self.zones)

    @cached_property
    def au_bord(self) -> bool:
        """Outside a perimeter of QPV, but no farther than the position is known to."""
        if not (self.hors_qpv and self.portee):
            return False
        return _un_qpv(self.carte.zones_a_moins_de(self.lon, self.lat, self.portee))

    def urgent(self, decision: "_Decision") -> bool:
        """A danger that a surcharge gives to the astreinte: theirs wherever it is."""
        dit = decision.regle is not None and decision.regle.surcharge and decision.acteur is not None
        return dit and self.configuration.theme[self.theme].danger and decision.acteur == self.configuration.astreinte

    @property
    def sujet(self) -> str:
        return f"le thème « {_minuscule(self.configuration.theme[self.theme].libelle)} »"

    @cached_property
    def lieux(self) -> set[str]:
        """What a line may say of where."""
        return {TOUT, *(zone.code for zone in self.zones)}

    @cached_property
    def bailleur_proche(self) -> tuple[Emprise, float] | None:
        """With how far it is, in metres."""
        near = self.carte.emprises_a_moins_de(self.lon, self.lat, PORTEE_BATIMENT_M, self.le)
        return next((pair for pair in near if self._de_bailleur(pair[0])), None)

    @property
    def _batiment_proche(self) -> Emprise | None:
        return self.bailleur_proche[0] if self.bailleur_proche else None

    @cached_property
    def voisins(self) -> list[tuple[Emprise, float]]:
        """The ground that the most far-reaching line can reach from beside it."""
        lignes = self.configuration.regles_de[self.theme].values()
        portee = max(regle.debord_m or 0 for regles in lignes for regle in regles)
        return self.carte.emprises_visibles(self.lon, self.lat, portee, self.le)

    def decide(self, sol: Emprise | None) -> _Decision:
        """The decision were the point on that ground. None is undetermined ground."""
        ici = _domanialite(sol)
        for regle in self.configuration.regles_de[self.theme][ici]:
            if regle.zone not in self.lieux:
                continue
            if regle.domanialite in (TOUT, ici):
                return self._applique(regle, sol)
            for emprise, metres in self.voisins:
                if regle.debord_m and metres <= regle.debord_m and emprise.domanialite == regle.domanialite:
                    return self._applique(regle, emprise)
        return _Decision(None, sol, None)

    def candidats(self, decision: _Decision) -> tuple[Candidat, ...]:
        """Who may answer, the position being what it is: for each, the nearest ground on which it would."""
        found = self._autour(decision) if self.portee else {}
        if (sol := self.ecarte(decision)) and self.bailleur_proche:
            found = found or {decision.acteur: _candidat(decision.acteur, *self.bailleur_proche)}
            found.setdefault(sol.gestionnaire, _candidat(sol.gestionnaire, sol, 0))
        return tuple(found.values()) if found.keys() - {decision.acteur} else ()

    def _autour(self, decision: _Decision) -> dict[str | None, Candidat]:
        touched = self.carte.emprises_autour(self.lon, self.lat, self.portee, self.le)
        if {self.decide(emprise).acteur for emprise in touched} <= {decision.acteur}:
            return {}  # sure: the common case, at a tenth of the price of what follows
        found: dict[str | None, Candidat] = {}
        for emprise, metres in self.carte.emprises_visibles(self.lon, self.lat, self.portee, self.le):
            acteur = self.decide(emprise).acteur
            found.setdefault(acteur, _candidat(acteur, emprise, metres))
        return found

    def ecarte(self, decision: _Decision) -> Emprise | None:
        """The ground, where who manages it was passed over for the bailleur next door."""
        guessed = decision.regle is not None and decision.regle.confier_a == Cible.BAILLEUR_PROCHE
        if not guessed or decision.acteur is None or self.sol is None or self.sol.domanialite not in PRIVATIFS:
            return None
        gestionnaire = self._gestionnaire(self.sol)
        return self.sol if gestionnaire and gestionnaire.code != decision.acteur else None

    def reserve(self, decision: _Decision, *, perimetre_seul: bool) -> str:
        """The sentence that says what is not sure, and why."""
        if (sol := self.ecarte(decision)) and (autre := self._gestionnaire(sol)):
            return f"Le terrain a un autre gestionnaire ({autre.nom}) : le responsable reste à confirmer."
        doute = f"ce lieu est peut-être hors du périmètre {self.configuration.sigle}"
        reste = doute if perimetre_seul else "le responsable reste à confirmer"
        return f"Position connue à {max(1, round(self.precision_m))} m près : {reste}."

    def explique(self, decision: _Decision) -> str:
        """One sentence that residents read: where, what, to whom."""
        configuration, regle, emprise, theme = self.configuration, decision.regle, decision.emprise, self.sujet
        if regle is None or decision.acteur is None:
            return f"{self._manque(regle, emprise, theme)} : le pilote {configuration.sigle} va décider."
        acteur = configuration.acteur[decision.acteur]
        role = "à l'astreinte" if regle.confier_a == Cible.ASTREINTE else ROLES[acteur.type]
        a_qui, fin = f"{role} ({acteur.nom})", self._informes(decision)
        if decision.partout:
            return f"Quel que soit le terrain, {theme} revient {a_qui}{fin}."
        if emprise and self._proprietaire(emprise) == acteur:
            a_qui = role
        if regle.confier_a == Cible.BAILLEUR_PROCHE:
            return f"{self._decrit('bâtiment de bailleur le plus proche', emprise)} : {theme} y revient {a_qui}{fin}."
        if regle.debord_m and emprise is not self.sol:
            portee = f"à moins de {regle.debord_m:g} m".replace(".", ",")
            return f"{self._decrit(emprise, portee)} : {theme} revient jusque-là {a_qui}{fin}."
        return f"{self._decrit(emprise)} : {theme} y revient {a_qui}{fin}."

    def _informes(self, decision: _Decision) -> str:
        noms = ", ".join(self.configuration.acteur[code].nom for code in decision.informes)
        return f" ; pour information : {noms}" if noms else ""

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
        return _majuscule(", ".join(self._sol(part) if isinstance(part, Emprise) else part or ABSENT for part in parts))

    def _sol(self, emprise: Emprise) -> str:
        owner = self._proprietaire(emprise)
        nature = f"propriété {_de(owner.nom)}" if owner else NATURES[emprise.domanialite]
        return f"{emprise.nom}, {nature}" if emprise.nom else nature

    def _proprietaire(self, emprise: Emprise) -> Acteur | None:
        """The bailleur of its own ground. Elsewhere a gestionnaire manages, and nothing says that it owns."""
        owned = emprise.domanialite is Domanialite.BAIL and self._de_bailleur(emprise)
        return self._gestionnaire(emprise) if owned else None

    def _applique(self, regle: Regle, sol: Emprise | None) -> _Decision:
        match regle.confier_a:
            case Cible.ASTREINTE:
                return _Decision(regle, sol, self.configuration.astreinte)
            case Cible.BAILLEUR_PROCHE:
                batiment = sol if self._de_bailleur(sol) else self._batiment_proche
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
ABSENT = "terrain absent de la carte"
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


def _candidat(acteur: str | None, emprise: Emprise, metres: float) -> Candidat:
    return Candidat(acteur, emprise.code, emprise.domanialite, round(metres, 1))


def _un_qpv(zones: Iterable[Zone]) -> bool:
    return any(zone.type is TypeZone.QPV for zone in zones)


def _domanialite(emprise: Emprise | None) -> Domanialite:
    return emprise.domanialite if emprise else Domanialite.INDET


def _majuscule(text: str) -> str:
    return text[:1].upper() + text[1:]


def _minuscule(libelle: str) -> str:
    """Lower-cased as a common noun; an acronym in front stays one."""
    return libelle if libelle[1:2].isupper() else libelle[:1].lower() + libelle[1:]


@lru_cache(maxsize=1024)
def _de(nom: str) -> str:
    """« d'Habitat Lisse », « de Nantes Habitat », « du Logis familial », « des Résidences de l'Ouest »."""
    for article, contracted in (("Le ", "du "), ("Les ", "des ")):
        if nom.startswith(article):
            return contracted + nom.removeprefix(article)
    plain = unicodedata.normalize("NFD", nom).lower()
    elided = plain.startswith(tuple("aeiouyhœæ")) and not plain.startswith(_H_ASPIRES)
    return f"d'{nom}" if elided else f"de {nom}"
