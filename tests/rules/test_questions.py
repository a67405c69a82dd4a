"""What an answer must be, and which ones send people elsewhere."""

import pytest

from relais.rules.configuration import Choix, Question, TypeQuestion
from relais.rules.questions import URGENCE, arrets, fautes, repondues

VOLUME = (Choix("petit", "Un fauteuil"), Choix("gros", "Un tas"), Choix("amiante", "De l'amiante", "Appelez le 3939."))
MOMENTS = (Choix("jour", "Le jour"), Choix("nuit", "La nuit"))
QUESTIONS = (
    Question("repere", "Quel repère ?", TypeQuestion.TEXTE),
    Question("objets", "Combien ?", TypeQuestion.NOMBRE),
    Question("depuis", "Depuis quand ?", TypeQuestion.DATE),
    Question("bloque", "Bloqué ?", TypeQuestion.OUI_NON),
    Question("volume", "Quel volume ?", TypeQuestion.CHOIX, choix=VOLUME),
    Question("moments", "Quand ?", TypeQuestion.CHOIX_MULTIPLE, choix=MOMENTS),
    Question("blesse", "Un blessé ?", TypeQuestion.OUI_NON, arret=URGENCE),
)


@pytest.mark.parametrize(
    "reponses",
    [
        {},
        {"repere": "Lampadaire 12"},
        {"objets": 12},
        {"objets": -0.5},
        {"depuis": "2026-02-28"},
        {"depuis": "2028-02-29"},
        {"bloque": False},
        {"volume": "gros"},
        {"moments": ["nuit", "jour"]},
        {"blesse": False},
    ],
    ids=str,
)
def test_a_good_answer_is_kept(reponses):
    assert fautes(QUESTIONS, reponses) == {}


@pytest.mark.parametrize(
    ("code", "reponse", "detail"),
    [
        ("repere", 12, "une phrase"),
        ("repere", ["a"], "une phrase"),
        ("objets", True, "un nombre"),
        ("objets", "12", "un nombre"),
        ("objets", float("inf"), "un nombre"),
        ("objets", float("nan"), "un nombre"),
        ("depuis", "2026-02-30", "2026-04-07"),
        ("depuis", "20260407", "2026-04-07"),
        ("depuis", "2026-04-07T10:00:00", "2026-04-07"),
        ("depuis", "٢٠٢٦-04-07", "2026-04-07"),
        ("depuis", 20260407, "2026-04-07"),
        ("bloque", "oui", "oui (true)"),
        ("bloque", 1, "oui (true)"),
        ("volume", "enorme", "petit (Un fauteuil), gros (Un tas)"),
        ("volume", ["gros"], "petit (Un fauteuil)"),
        ("volume", True, "petit (Un fauteuil)"),
        ("moments", "nuit", "chacun une fois"),
        ("moments", ["nuit", "nuit"], "chacun une fois"),
        ("moments", ["nuit", "midi"], "jour (Le jour), nuit (La nuit)"),
        ("moments", ["nuit", ["jour"]], "chacun une fois"),
        ("licorne", "x", "ne pose pas cette question"),
    ],
    ids=str,
)
def test_an_answer_that_is_none_is_told_what_would_be_one(code, reponse, detail):
    wrong = fautes(QUESTIONS, {code: reponse})
    assert list(wrong) == [code]
    assert detail in wrong[code]


def test_every_fault_is_told_at_once_and_what_is_missing_by_its_question():
    asked = (Question("volume", "Quel volume ?", TypeQuestion.CHOIX, obligatoire=True, choix=VOLUME), *QUESTIONS[:2])
    wrong = fautes(asked, {"objets": "douze", "repere": 3})
    assert wrong["volume"] == "« Quel volume ? » attend une réponse."
    assert set(wrong) == {"volume", "objets", "repere"}


def test_no_is_an_answer_to_a_mandatory_question():
    asked = (Question("bloque", "Bloqué ?", TypeQuestion.OUI_NON, obligatoire=True),)
    assert fautes(asked, {"bloque": False}) == {}


@pytest.mark.parametrize("blank", [None, "", "  ", []], ids=str)
def test_what_is_left_blank_is_not_answered(blank):
    assert repondues({"volume": blank}) is None
    assert repondues({"volume": blank, "objets": 0, "bloque": False}) == {"objets": 0, "bloque": False}


@pytest.mark.parametrize(
    ("reponses", "said"),
    [
        ({"blesse": True}, {"blesse": URGENCE}),
        ({"blesse": False}, {}),
        ({"blesse": 1}, {}),
        ({"volume": "amiante"}, {"volume": "Appelez le 3939."}),
        ({"volume": "gros"}, {}),
        ({"volume": {"x": 1}}, {}),
        ({"licorne": True}, {}),
    ],
    ids=str,
)
def test_some_answers_send_elsewhere(reponses, said):
    assert arrets(QUESTIONS, reponses) == said


def test_one_choice_among_several_is_enough_to_stop():
    moments = (Choix("jour", "Le jour"), Choix("feu", "Ça brûle", URGENCE))
    asked = (Question("moments", "Quand ?", TypeQuestion.CHOIX_MULTIPLE, choix=moments),)
    assert arrets(asked, {"moments": ["jour", "feu"]}) == {"moments": URGENCE}


def test_the_emergency_text_gives_every_number():
    assert all(numero in URGENCE for numero in ("15", "17", "18", "112", "114"))
