"""The meaning of a deposit: what changes it, what does not, and that it is computed as it was last year."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from relais.rules.depot import Correction, Depot, PhotoDeclaree, Position, empreinte

VU = datetime(2026, 3, 31, 16, 12, tzinfo=UTC)
PHOTO = PhotoDeclaree(UUID("019d44aa-da88-7d0e-8a55-0b7c3d9e6f10"), "avant", "image/jpeg", 412_338, "9f" * 32)
SIMPLE = Depot("proprete.sol", VU, 0.41237, 48.10562)
ENTIER = Depot(
    "proprete.depot_sauvage",
    VU,
    0.41237,
    48.10562,
    12,
    "gps",
    "Matelas devant l'entrée B.",
    {"adresse": "12 rue des Érables", "entree": "B", "etage": "3"},
    {"volume": "plus_d_un_m3", "passage_bloque": True, "moments": ["soir", "nuit"]},
    (PHOTO, replace(PHOTO, id=UUID(int=7), phase="apres", alt="Un matelas")),
)


def test_the_digest_is_frozen():
    """A draft sent again after Relais was updated must still be the one received: never change these two."""
    assert empreinte(SIMPLE) == "265482bd23324c7390f8e9ee48d064c08c82e69af0304955d7b831d8c5c2e3f9"
    assert empreinte(ENTIER) == "24a4b3b5d7f853c6b134d17dc48f03b56559de7e398d12ece63ff5d0d7754047"


SAME = {
    "another offset": {"constate_le": VU.astimezone(timezone(timedelta(hours=2)))},
    "a whole number": {"precision_m": 12.0},
    "keys in another order": {"lieu": {"etage": "3", "entree": "B", "adresse": "12 rue des Érables"}},
    "a field left blank": {"lieu": {**ENTIER.lieu, "residence": " ", "batiment": None, "complement": ""}},
    "a question left blank": {"questions": {**ENTIER.questions, "depuis": None, "repere": "", "autres": []}},
    "choices in another order": {"questions": {**ENTIER.questions, "moments": ["nuit", "soir"]}},
    "no text for a photo": {"photos": (replace(PHOTO, alt=""), ENTIER.photos[1])},
    "the version of the form": {"version": 12},
    "the default source": {"source": "application"},
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_meaning_survives(case):
    assert empreinte(replace(ENTIER, **SAME[case])) == empreinte(ENTIER)


@pytest.mark.parametrize(
    "change",
    [{"lieu": {}}, {"lieu": {"adresse": None}}, {"questions": {}}, {"questions": {"a": ""}}, {"description": " "}],
    ids=str,
)
def test_nothing_said_in_any_way_is_nothing_said(change):
    assert empreinte(replace(SIMPLE, **change)) == empreinte(SIMPLE)


def test_zero_below_zero_is_zero():
    assert empreinte(replace(SIMPLE, lon=-0.0)) == empreinte(replace(SIMPLE, lon=0.0))


OTHER = {
    "thème": {"theme": "proprete.sol"},
    "instant": {"constate_le": VU + timedelta(seconds=1)},
    "position": {"lon": 0.41238},
    "precision": {"precision_m": None},
    "origin": {"origine": "carte"},
    "description": {"description": "Matelas."},
    "place": {"lieu": {"adresse": "12 rue des Érables", "entree": "C", "etage": "3"}},
    "an answer": {"questions": {**ENTIER.questions, "volume": "moins_d_un_m3"}},
    "no is not silence": {"questions": {**ENTIER.questions, "dehors": False}},
    "no is not yes": {"questions": {**ENTIER.questions, "passage_bloque": False}},
    "zero is not silence": {"questions": {**ENTIER.questions, "objets": 0}},
    "a default's word elsewhere": {"questions": {**ENTIER.questions, "phase": "avant"}},
    "a photo less": {"photos": (PHOTO,)},
    "photos in another order": {"photos": ENTIER.photos[::-1]},
    "a photo's phase": {"photos": (replace(PHOTO, phase="pendant"), ENTIER.photos[1])},
    "a photo's bytes": {"photos": (replace(PHOTO, sha256="ab" * 32), ENTIER.photos[1])},
    "source": {"source": "telephone"},
}


@pytest.mark.parametrize("case", OTHER)
def test_another_meaning_is_another_digest(case):
    assert empreinte(replace(ENTIER, **OTHER[case])) != empreinte(ENTIER)


# --- corrections


def test_what_is_not_corrected_stays_as_it_was():
    assert Correction().corrige(ENTIER) == ENTIER
    assert Correction(description="Un canapé.").corrige(ENTIER) == replace(ENTIER, description="Un canapé.")


def test_a_position_is_replaced_whole():
    done = Correction(position=Position(0.5, 48.2)).corrige(ENTIER)
    assert (done.lon, done.lat, done.precision_m, done.origine) == (0.5, 48.2, None, None)


def test_another_theme_takes_the_old_answers_away_and_the_same_one_does_not():
    assert Correction(theme="eau.fuite").corrige(ENTIER).questions is None
    assert Correction(theme="eau.fuite", questions={"debit": 3}).corrige(ENTIER).questions == {"debit": 3}
    assert Correction(theme=ENTIER.theme).corrige(ENTIER) == ENTIER


def test_an_empty_correction_erases():
    done = Correction(lieu={}, questions={}, description="").corrige(ENTIER)
    assert (done.lieu, done.questions, done.description) == (None, None, None)
