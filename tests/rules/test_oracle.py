"""Random towns against a naive reading of the rules: no tree, no sorting, no polygon, a grid of squares counted aloud.

An emprise is any set of squares: in several pieces, with holes, over others. The product sees it as a polygon.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import cos, hypot, radians
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from rules.quartier import VAUCELLES
from shapely import union_all
from shapely.geometry import box, mapping

from relais.rules.carte import Carte, Emprise
from relais.rules.configuration import (
    Cible,
    Competent,
    Configuration,
    Domanialite,
    Perimetre,
    Regle,
    Theme,
    TypeZone,
    Zone,
)
from relais.rules.routage import PORTEE_BATIMENT_M, router

DPC, BAIL, PRIV, INDET = (Domanialite(code) for code in ("DPC", "BAIL", "PRIV", "INDET"))
WITH_THEIR_OWN_BUILDINGS = {PRIV}
BAILLEURS = {"habitat-lisse", "logis"}
THEME = "voirie.sol.trou"
CELL = 0.0001
EAST, NORTH = 111_412 * CELL * cos(radians(48)), 111_200 * CELL
"""Metres of one square: 7.5 by 11.1. No reach below falls within a centimetre of where a square may be."""
REACHES = (4.5, 8.5)
FLOU_M = 0.05

Square = tuple[int, int]


class Spot(NamedTuple):
    """A corner, the middle of an edge, or the centre of a square."""

    x: float
    y: float

    def in_any(self, squares: Iterable[Square]) -> bool:
        return any(i <= self.x <= i + 1 and j <= self.y <= j + 1 for i, j in squares)

    def metres_to(self, squares: Iterable[Square]) -> float:
        return min((self._metres(square) for square in squares), default=float("inf"))

    def _metres(self, square: Square) -> float:
        east, north = (max(low - here, 0, here - low - 1) for low, here in zip(square, self, strict=True))
        return hypot(east * EAST, north * NORTH)


@dataclass(frozen=True)
class Town:
    plots: Mapping[str, frozenset[Square]]
    emprises: Mapping[str, Emprise]
    quartiers: Mapping[str, frozenset[Square]]
    configuration: Configuration

    def naively(self, spot: Spot, le: date, precision_m: float) -> "Naive":
        return Naive(self, spot, le, precision_m)


@dataclass(frozen=True)
class Naive:
    """What the house's rules say, read aloud."""

    town: Town
    spot: Spot
    le: date
    precision_m: float

    def valid(self) -> list[Emprise]:
        return [
            one
            for one in self.town.emprises.values()
            if not (one.valide_du and self.le < one.valide_du) and not (one.valide_au and self.le > one.valide_au)
        ]

    def first(self, emprises: Iterable[Emprise]) -> Emprise | None:
        """The smallest; of two as small, the higher priority; then the code."""
        winner = None
        for one in emprises:
            if winner is None or self._before(one, winner):
                winner = one
        return winner

    def _before(self, one: Emprise, other: Emprise) -> bool:
        sizes = len(self.town.plots[one.code]), len(self.town.plots[other.code])
        if sizes[0] != sizes[1]:
            return sizes[0] < sizes[1]
        if one.priorite != other.priorite:
            return one.priorite > other.priorite
        return one.code < other.code

    def sol(self) -> Emprise | None:
        return self.first(one for one in self.valid() if self.spot.in_any(self.town.plots[one.code]))

    def seen(self, metres: float) -> Iterator[tuple[Emprise, float]]:
        """Each emprise that is the ground of some square so near, and how far that square is."""
        here = self.valid()
        won: dict[str, list[Square]] = {one.code: [] for one in here}
        for square in {square for one in here for square in self.town.plots[one.code]}:
            winner = self.first(one for one in here if square in self.town.plots[one.code])
            won[winner.code].append(square)
        for one in here:
            if (away := self.spot.metres_to(won[one.code])) <= metres:
                yield one, away

    def zones(self) -> list[Zone]:
        return [one for one in self.town.configuration.zones if self.spot.in_any(self.town.quartiers[one.code])]

    def outside(self) -> bool:
        town = self.town.configuration
        followed = [suivi for suivi in town.themes_suivis if level(suivi) is not None]
        perhaps_in = self._metres_to_a_qpv() <= self.precision_m
        away = (town.perimetre is Perimetre.QPV and not perhaps_in) or (bool(town.themes_suivis) and not followed)
        return away and not self.rescued()

    def beside_its_qpv(self) -> bool:
        """Routed, though perhaps outside."""
        return self.town.configuration.perimetre is Perimetre.QPV and self._metres_to_a_qpv() > 0

    def _metres_to_a_qpv(self) -> float:
        qpv = (one.code for one in self.town.configuration.zones if one.type is TypeZone.QPV)
        return min((self.spot.metres_to(self.town.quartiers[name]) for name in qpv), default=float("inf"))

    def rescued(self) -> bool:
        """A danger that a surcharge gives to the astreinte."""
        [(acteur, line, _), *_] = self.decisions(self.sol())
        danger = self.town.configuration.theme[THEME].danger
        return danger and acteur == "astreinte" and self.line(line).surcharge

    def line(self, name: str) -> Regle:
        return next(one for one in self.town.configuration.regles if one.code == name)

    def passed_over(self) -> set[str]:
        """Who manages ground with its own buildings, where a guess gives the place to the bailleur next door."""
        sol = self.sol()
        if sol is None or sol.domanialite not in WITH_THEIR_OWN_BUILDINGS or sol.gestionnaire is None:
            return set()
        answers = self.decisions(sol)
        guessed = any(line and self.line(line).confier_a == Cible.BAILLEUR_PROCHE for _, line, _ in answers)
        return {sol.gestionnaire} if guessed and None not in {acteur for acteur, _, _ in answers} else set()

    def weight(self, regle: Regle, depth: int) -> tuple[float, ...]:
        """Overrides first, by thème, then ground; the matrix by ground, then thème. Then zone, then the file.

        A line of the matrix for this very thème on a named ground comes just before the first guess of a building.
        """
        ground, zone = regle.domanialite != "*", regle.zone != "*"
        first = -self.town.configuration.regles.index(regle)
        if regle.surcharge:
            return 1, depth, ground, zone, first
        guesses = [
            self.weight(one, here)
            for one in self.town.configuration.regles
            if one.surcharge and one.domanialite == "*" and one.confier_a == Cible.BAILLEUR_PROCHE
            if (here := level(one.theme)) is not None
        ]
        if guesses and depth == 9 and ground:
            return *max(guesses), 1, zone, first
        return 0, ground, depth, zone, first

    def decisions(self, sol: Emprise | None) -> set[tuple[str | None, str | None, str | None]]:
        """(acteur, line, emprise): several only where two emprises are as near, to the width of a hand."""
        ground = sol.domanialite if sol else INDET
        best: tuple[tuple[float, ...], Regle, list[Emprise | None]] | None = None
        for regle in self.town.configuration.regles:
            if (depth := level(regle.theme)) is None:
                continue
            if regle.zone != "*" and regle.zone not in [one.code for one in self.zones()]:
                continue
            reached = self._reached(regle, sol, ground)
            weight = self.weight(regle, depth)
            if reached and (best is None or weight > best[0]):
                best = weight, regle, reached
        if best is None:
            return {(None, None, code(sol))}
        return {answer for reached in best[2] for answer in self._given_to(best[1], reached)}

    def _reached(self, regle: Regle, sol: Emprise | None, ground: Domanialite) -> list[Emprise | None]:
        if regle.domanialite in ("*", ground):
            return [sol]
        beside = [pair for pair in self.seen(regle.debord_m or -1) if pair[0].domanialite == regle.domanialite]
        return list(nearest(beside))

    def _given_to(self, regle: Regle, sol: Emprise | None) -> Iterator[tuple[str | None, str | None, str | None]]:
        match regle.confier_a:
            case Cible.PROPRIETAIRE:
                yield sol and sol.gestionnaire, regle.code, code(sol)
            case Cible.ASTREINTE:
                yield "astreinte", regle.code, code(sol)
            case Cible.BAILLEUR_PROCHE if sol and sol.gestionnaire in BAILLEURS:
                yield sol.gestionnaire, regle.code, sol.code
            case Cible.BAILLEUR_PROCHE:
                theirs = [one for one in self.valid() if one.gestionnaire in BAILLEURS]
                away = [(one, self.spot.metres_to(self.town.plots[one.code])) for one in theirs]
                for one in nearest(pair for pair in away if pair[1] <= PORTEE_BATIMENT_M) or [None]:
                    yield one and one.gestionnaire, regle.code, code(one or sol)
            case acteur:
                yield acteur, regle.code, code(sol)

    def candidats(self) -> set[str | None] | None:
        """Who may answer; None: which cannot be told, two emprises being as near."""
        found: set[str | None] = set()
        for one in [self.sol(), *(one for one, _ in self.seen(self.precision_m))]:
            answers = {acteur for acteur, _, _ in self.decisions(one)}
            if len(answers) > 1:
                return None
            found |= answers
        return found | self.passed_over()


def code(emprise: Emprise | None) -> str | None:
    return emprise.code if emprise else None


def nearest(pairs: Iterable[tuple[Emprise, float]]) -> list[Emprise]:
    pairs = list(pairs)
    least = min((away for _, away in pairs), default=0)
    return [one for one, away in pairs if away - least < FLOU_M]


def level(designe: str) -> int | None:
    """How precisely a line names the thème: 0 for all, then by the steps of its family; None: it does not."""
    if designe == "*":
        return 0
    if designe == THEME:
        return 9
    steps = designe.split(".")
    return len(steps) - 1 if steps[-1] == "*" and THEME.split(".")[: len(steps) - 1] == steps[:-1] else None


def drawn(squares: Iterable[Square]) -> dict[str, object]:
    return mapping(union_all([box(i * CELL, 48 + j * CELL, (i + 1) * CELL, 48 + (j + 1) * CELL) for i, j in squares]))


SIDE = st.integers(0, 5)
SQUARES = st.frozensets(st.tuples(SIDE, SIDE), min_size=1, max_size=14)
BLOCKS = st.tuples(SIDE, SIDE, st.integers(1, 4), st.integers(1, 4)).map(
    lambda b: frozenset((b[0] + i, b[1] + j) for i in range(b[2]) for j in range(b[3]))
)
PLOTS = st.one_of(SQUARES, BLOCKS, st.tuples(BLOCKS, SQUARES).map(lambda pair: pair[0] - pair[1] or pair[0]))
DAYS = st.one_of(st.none(), st.integers(1, 6).map(lambda day: date(2026, 4, day)))
NAMES = st.sampled_from(["*", "voirie.*", "voirie.sol.*", THEME, "vo.*"])
TARGETS = st.sampled_from(["proprete", "amenageur", *Cible])


@st.composite
def towns(draw):
    rows = draw(
        st.lists(
            st.tuples(
                PLOTS,
                st.sampled_from([DPC, BAIL, PRIV]),
                st.sampled_from([None, "habitat-lisse", "logis", "amenageur"]),
                st.integers(0, 2),
                DAYS,
                DAYS,
            ),
            min_size=2,
            max_size=7,
        )
    )
    plots = {f"e{rank}": row[0] for rank, row in enumerate(rows)}
    emprises = {
        f"e{rank}": Emprise(f"e{rank}", None, ground, manager, drawn(squares), priority, start, end)
        for rank, (squares, ground, manager, priority, start, end) in enumerate(rows)
    }
    quartiers = {f"z{rank}": squares for rank, squares in enumerate(draw(st.lists(BLOCKS, max_size=2)))}
    types = st.sampled_from([TypeZone.QUARTIER, TypeZone.QPV])
    zones = tuple(Zone(name, name, draw(types), drawn(squares)) for name, squares in quartiers.items())
    town = replace(
        VAUCELLES,
        themes=(Theme(THEME, "Trou", danger=draw(st.booleans())), Theme("voirie.eau.flaque", "Flaque")),
        zones=zones,
        regles=draw(rulebooks()),
        perimetre=draw(st.sampled_from([*[Perimetre.VILLE] * 5, Perimetre.QPV])),
        themes_suivis=draw(st.sampled_from([(), (), (), ("vo.*",), ("vo.*", "voirie.*"), (THEME,)])),
        competents=(Competent("Mairie"),),
    )
    return Town(plots, emprises, quartiers, town)


@st.composite
def rulebooks(draw):
    grounds, zones = st.sampled_from(["*", DPC, BAIL, PRIV, INDET]), st.sampled_from(["*", "*", "z0", "z1"])
    reaches = st.sampled_from([None, *REACHES])
    lines = draw(st.lists(st.tuples(NAMES, grounds, zones, TARGETS, st.booleans(), reaches), min_size=2, max_size=8))
    return tuple(Regle(f"R{rank:02}", *line) for rank, line in enumerate(lines))


SPOTS = st.tuples(st.integers(-1, 17), st.integers(-1, 17)).map(lambda half: Spot(half[0] / 2, half[1] / 2))


@settings(max_examples=200, deadline=None)
@given(
    town=towns(),
    spots=st.lists(SPOTS, min_size=4, max_size=12),
    le=st.integers(1, 6).map(lambda day: date(2026, 4, day)),
    precision_m=st.sampled_from(REACHES),
)
def test_the_answer_is_the_one_a_naive_reading_gives(town, spots, le, precision_m):
    carte = Carte(town.emprises.values(), town.configuration.zones, None)
    for spot in spots:
        lon, lat = spot.x * CELL, 48 + spot.y * CELL
        seen = {"theme": THEME, "lon": lon, "lat": lat, "precision_m": precision_m, "le": le}
        found, naive = router(town.configuration, carte, **seen), town.naively(spot, le, precision_m)
        assert found.explication.endswith(".")
        if naive.outside():
            assert (found.hors_perimetre, found.acteur, found.regle, found.emprise, found.competent.nom) == (
                True, None, None, code(naive.sol()), "Mairie"
            )  # fmt: skip
            continue
        assert not found.hors_perimetre
        assert (found.acteur, found.regle, found.emprise) in naive.decisions(naive.sol())
        if naive.beside_its_qpv() and not naive.rescued():
            assert found.incertain
        possible = naive.candidats()
        if possible is not None:
            told = {candidat.acteur for candidat in found.candidats}
            assert bool(told) == (len(possible) > 1)
            assert told <= possible
            assert told | {found.acteur} == possible or not told
        acteur = town.configuration.acteur.get(found.acteur or "")
        assert "le pilote GUSP va décider" in found.explication if acteur is None else True
