"""What looks wrong in a referential, before somebody's signalement finds it. Pure: facts in, things to look at out.

None of it is a fault that a program can settle: two emprises may well lie one on the other, the smaller then wins.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property, partial
from itertools import pairwise
from math import ceil, sqrt
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from pyproj.enums import TransformDirection
from shapely import MultiPolygon, Polygon, STRtree
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from relais.rules.carte import Emprise, dessiner
from relais.rules.configuration import (
    LIBELLES_DOMANIALITE,
    TOUT,
    Cible,
    Configuration,
    Domanialite,
    GeoJSON,
    Perimetre,
    Regle,
    TypeZone,
    couvre,
)

CHEVAUCHEMENT_MIN_M2, LACUNE_MIN_M2 = 1.0, 25.0
"""Less is a matter of drawing: nobody stands there."""
CHEVAUCHEMENT_LARGEUR_M, LACUNE_LARGEUR_M = 1.0, 2.0
"""What does not hold a disc that wide is a sliver between two drawings of one border."""
EMPRISES_PAR_CASE = 10
"""When looking for what is bare: fewer, and they are cut in vain; more, and unions grow faster than their number."""
POSEE = 0.98
"""Part of an emprise that lies in a larger one: it was laid over it on purpose (a building, a square of a town)."""
PLUS_GRANDE = 0.9
"""Of two areas, a ratio above which neither is the background of the other."""

_TOUJOURS = date.max.toordinal()


class Genre(StrEnum):
    CHEVAUCHEMENT = "chevauchement"  #: two gestionnaires on one ground, the same days
    LACUNE = "lacune"  #: ground of the démarche that no emprise covers
    SANS_GESTIONNAIRE = "sans_gestionnaire"  #: a rule entrusts to the owner, and nobody knows who that is
    GESTIONNAIRE_INCONNU = "gestionnaire_inconnu"  #: an acteur that the configuration has dropped
    REGLE_MUETTE = "regle_muette"  #: a line of `qui_s_en_occupe` that can never speak
    COMPETENT_INUTILE = "competent_inutile"  #: whom nothing can be sent to, the démarche going everywhere


@dataclass(frozen=True)
class Anomalie:
    """`phrase`: what it is and what to do, for an agent of the town. `geometrie`: where to look, if anywhere."""

    genre: Genre
    nom: str
    phrase: str
    geometrie: GeoJSON | None = None


def controler(configuration: Configuration, emprises: Sequence[Emprise], le: date) -> list[Anomalie]:
    """All that looks wrong that day or later, gravest first: seconds for 100 000 emprises."""
    plan = _Plan(configuration, [one for one in emprises if one.valide_au is None or one.valide_au >= le], le)
    return [
        *_chevauchements(plan),
        *_lacunes(plan),
        *_gestionnaires(plan),
        *_regles_muettes(plan),
        *_competents_inutiles(configuration),
    ]


class _Plan:
    """The map in metres, in an equal-area projection about its middle."""

    def __init__(self, configuration: Configuration, emprises: Sequence[Emprise], le: date) -> None:
        self.configuration, self.emprises, self.le = configuration, emprises, le
        self.degres = np.array([dessiner(one.geometrie) for one in emprises], dtype=object)
        contour = configuration.contour
        middle = shapely.box(*shapely.total_bounds(self.degres if contour is None else dessiner(contour))).centroid
        here = f"+proj=laea +lat_0={middle.y} +lon_0={middle.x} +datum=WGS84" if not middle.is_empty else "EPSG:4326"
        self._projection = Transformer.from_crs("EPSG:4326", here, always_xy=True)
        self.metres = _valides(self.en_metres(self.degres))
        self.arbre = STRtree(self.metres)

    def en_metres(self, geometries: Any) -> Any:  # noqa: ANN401 : an array, or one
        return shapely.transform(geometries, partial(_projeter, self._projection))

    def en_degres(self, geometrie: BaseGeometry) -> GeoJSON:
        """Its polygons: two emprises may also share a border or a corner, where there is nothing to look at."""
        surfaces = [part for part in shapely.get_parts(geometrie) if isinstance(part, Polygon)]
        seule = surfaces[0] if len(surfaces) == 1 else MultiPolygon(surfaces)
        return mapping(shapely.transform(seule, partial(_projeter, self._projection, inverse=True)))

    @cached_property
    def domanialites(self) -> AbstractSet[Domanialite]:
        """Those that some ground has. What no emprise covers is undetermined."""
        return {Domanialite.INDET, *(one.domanialite for one in self.emprises)}

    @cached_property
    def domanialites_des_zones(self) -> Mapping[str, AbstractSet[Domanialite]]:
        zones = {zone.code: _valides(self.en_metres(dessiner(zone.contour))) for zone in self.configuration.zones}
        inside = {code: self.arbre.query(zone, predicate="intersects").tolist() for code, zone in zones.items()}
        return {
            TOUT: self.domanialites,
            **{
                code: {Domanialite.INDET, *(self.emprises[rank].domanialite for rank in ranks)}
                for code, ranks in inside.items()
            },
        }

    @cached_property
    def perimetre(self) -> BaseGeometry | None:
        """Where the démarche goes; None where no contour says it."""
        drawn = [zone.contour for zone in self.configuration.zones if zone.type is TypeZone.QPV]
        if self.configuration.perimetre is Perimetre.VILLE:
            drawn = [] if self.configuration.contour is None else [self.configuration.contour]
        return _valides(self.en_metres(shapely.union_all([dessiner(one) for one in drawn]))) if drawn else None


# --- the ground


def _chevauchements(plan: _Plan) -> Iterator[Anomalie]:
    """Two emprises of different gestionnaires, valid the same days, neither laid on the other on purpose."""
    left, right = _voisines(plan)
    aires = shapely.area(plan.metres)
    common = shapely.intersection(plan.metres[left], plan.metres[right])
    shared = shapely.area(common)
    small, large = np.minimum(aires[left], aires[right]), np.maximum(aires[left], aires[right])
    laid = (shared >= POSEE * small) & (small < PLUS_GRANDE * large)
    for n in np.flatnonzero((shared >= CHEVAUCHEMENT_MIN_M2) & ~laid):
        one, other = plan.emprises[left[n]], plan.emprises[right[n]]
        settled = small[n] >= PLUS_GRANDE * large[n] and one.priorite != other.priorite
        if settled or not _large_de(common[n], CHEVAUCHEMENT_LARGEUR_M):
            continue
        qui = " ou ".join(_gestionnaire(plan.configuration, emprise) for emprise in (one, other))
        yield Anomalie(
            Genre.CHEVAUCHEMENT,
            f"{one.code}, {other.code}",
            f"{_nommer(one)} et {_nommer(other)} se recouvrent sur {_m2(shared[n])} : {qui} ?"
            " La plus petite l'emporte ; redessinez l'une des deux.",
            plan.en_degres(common[n]),
        )


def _voisines(plan: _Plan) -> tuple[Any, Any]:
    """Ranks of the pairs that may be a chevauchement: their boxes meet, their days too, their gestionnaires differ."""
    left, right = plan.arbre.query(plan.metres)
    owners = np.unique([one.gestionnaire or "" for one in plan.emprises], return_inverse=True)[1]
    first = np.array([one.valide_du.toordinal() if one.valide_du else 0 for one in plan.emprises])
    last = np.array([one.valide_au.toordinal() if one.valide_au else _TOUJOURS for one in plan.emprises])
    kept = (left < right) & (owners[left] != owners[right])
    kept &= (first[left] <= last[right]) & (first[right] <= last[left])
    left, right = left[kept], right[kept]
    shapely.prepare(plan.metres)
    meet = shapely.intersects(plan.metres[left], plan.metres[right])
    left, right = left[meet], right[meet]
    apart = shapely.touches(plan.metres[left], plan.metres[right])
    return left[~apart], right[~apart]


def _lacunes(plan: _Plan) -> Iterator[Anomalie]:
    if plan.perimetre is None:
        return
    for part in shapely.get_parts(shapely.union_all(_nues(plan, plan.perimetre))):
        if part.area >= LACUNE_MIN_M2:
            phrase = f"{_m2(part.area)} sans emprise : ce qu'on y signale attend le pilote. Complétez la carte."
            yield Anomalie(Genre.LACUNE, "sans emprise", phrase, plan.en_degres(part))


def _nues(plan: _Plan, perimetre: BaseGeometry) -> Any:  # noqa: ANN401 : an array of polygons
    """What no emprise covers today, cell by cell, slivers left out: the union of a whole map costs ten times more."""
    today = plan.metres[[one.valide(plan.le) for one in plan.emprises]]
    cells = _quadriller(perimetre, ceil(sqrt(len(today) / EMPRISES_PAR_CASE)) or 1)
    if not len(today):
        return cells
    ranks, found = STRtree(today).query(cells, predicate="intersects")
    first = np.searchsorted(ranks, np.arange(len(cells) + 1))
    covers = [shapely.union_all(today[found[a:b]]) for a, b in pairwise(first)]
    bare = shapely.get_parts(shapely.difference(cells, np.array(covers)))
    return bare[[_large_de(part, LACUNE_LARGEUR_M) for part in bare]]


def _quadriller(perimetre: BaseGeometry, par_cote: int) -> Any:  # noqa: ANN401 : an array of polygons
    """The perimeter in cells; only those on its edge are cut, for its outline may have thousands of vertices."""
    west, south, east, north = perimetre.bounds
    xs, ys = np.linspace(west, east, par_cote + 1), np.linspace(south, north, par_cote + 1)
    cells = np.array([shapely.box(a, c, b, d) for a, b in pairwise(xs) for c, d in pairwise(ys)])
    shapely.prepare(perimetre)
    cells = cells[shapely.intersects(perimetre, cells)]
    edge = ~shapely.contains_properly(perimetre, cells)
    cells[edge] = shapely.intersection(cells[edge], perimetre)
    return cells


def _gestionnaires(plan: _Plan) -> Iterator[Anomalie]:
    configuration, needed = plan.configuration, _a_un_proprietaire(plan)
    for emprise in plan.emprises:
        if emprise.gestionnaire is None:
            if emprise.domanialite in needed:
                phrase = f"{_nommer(emprise)} n'a pas de gestionnaire, alors qu'une règle s'adresse au propriétaire."
                yield Anomalie(Genre.SANS_GESTIONNAIRE, emprise.code, phrase, emprise.geometrie)
        elif emprise.gestionnaire not in configuration.acteur:
            phrase = f"{_nommer(emprise)} est à « {emprise.gestionnaire} », que territoire.yaml ne connaît plus."
            yield Anomalie(Genre.GESTIONNAIRE_INCONNU, emprise.code, phrase, emprise.geometrie)


def _a_un_proprietaire(plan: _Plan) -> AbstractSet[Domanialite]:
    """The grounds on which some line entrusts to the owner."""
    return {
        ground
        for lines in plan.configuration.regles_de.values()
        for ground in plan.domanialites - {Domanialite.INDET}
        for line in lines[ground]
        if line.confier_a == Cible.PROPRIETAIRE and line.domanialite in (TOUT, ground)
    }


# --- the rules


def _regles_muettes(plan: _Plan) -> Iterator[Anomalie]:
    speaking = {regle.code for regle in _qui_parlent(plan)}
    for regle in plan.configuration.regles:
        if regle.code not in speaking:
            raison = _pourquoi(plan, regle)
            yield Anomalie(Genre.REGLE_MUETTE, regle.code, f"La règle {regle.code} ne parle jamais : {raison}.")


def _qui_parlent(plan: _Plan) -> Iterator[Regle]:
    """Each line, for each thème and ground where none that speaks before it always answers in its stead."""
    configuration, grounds = plan.configuration, plan.domanialites_des_zones
    for theme in filter(configuration.suit, configuration.theme):
        for ground in plan.domanialites:
            sure: set[str] = set()
            for regle in configuration.regles_de[theme][ground]:
                reaches = regle.domanialite in (TOUT, ground)
                there = ground if reaches else regle.domanialite
                if there in grounds[regle.zone] and sure.isdisjoint({TOUT, regle.zone}):
                    yield regle
                if reaches:
                    sure.add(regle.zone)


def _pourquoi(plan: _Plan, regle: Regle) -> str:
    grounds = plan.domanialites_des_zones[regle.zone]
    themes = [theme for theme in plan.configuration.theme if couvre(regle.theme, theme)]
    if not any(map(plan.configuration.suit, themes)):
        return "la démarche ne suit pas son thème"
    if regle.domanialite != TOUT and regle.domanialite not in grounds:
        ou = "" if regle.zone == TOUT else f" dans la zone « {regle.zone} »"
        return f"aucune emprise{ou} n'est de domanialité « {LIBELLES_DOMANIALITE[Domanialite(regle.domanialite)]} »"
    return "d'autres règles répondent toujours avant elle"


def _competents_inutiles(configuration: Configuration) -> Iterator[Anomalie]:
    if configuration.perimetre is Perimetre.VILLE and all(map(configuration.suit, configuration.theme)):
        for competent in configuration.competents:
            phrase = f"{competent.nom} n'est jamais cité : la démarche suit tous les thèmes dans toute la ville."
            yield Anomalie(Genre.COMPETENT_INUTILE, competent.nom, phrase)


def _projeter(projection: Transformer, positions: Any, *, inverse: bool = False) -> Any:  # noqa: ANN401 : arrays
    direction = TransformDirection.INVERSE if inverse else TransformDirection.FORWARD
    return np.column_stack(projection.transform(positions[:, 0], positions[:, 1], direction=direction))


def _valides(geometries: Any) -> Any:  # noqa: ANN401 : an array, or one
    """A hole that touches its edge in degrees may cross it by a hair in metres, and GEOS then refuses to overlay."""
    mended = np.array(geometries, dtype=object)  # of no dimension, where there is one
    wrong = ~shapely.is_valid(mended)
    mended[wrong] = shapely.make_valid(mended[wrong], method="structure", keep_collapsed=False)
    return mended[()]


def _large_de(geometrie: BaseGeometry, metres: float) -> bool:
    return not shapely.buffer(geometrie, -metres / 2).is_empty


def _nommer(emprise: Emprise) -> str:
    return f"« {emprise.nom} » ({emprise.code})" if emprise.nom else f"« {emprise.code} »"


def _gestionnaire(configuration: Configuration, emprise: Emprise) -> str:
    acteur = configuration.acteur.get(emprise.gestionnaire or "")
    return acteur.nom if acteur else emprise.gestionnaire or "personne"


def _m2(aire: float) -> str:
    """« 1 240 m² »."""
    return f"{aire:,.0f} m²".replace(",", "\N{NO-BREAK SPACE}")
