"""Where the map was wrong, said so that somebody goes and looks at the right thing."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from conftest import DEMO

from relais.imports.territoire import lire_territoire
from relais.rules.calendrier import Calendrier, Plage
from relais.rules.ecarts import Deplacement, Ecart, ecarts, rectifications
from relais.rules.sejours import Fait, Temps, sejours, temps, temps_de

PARIS = ZoneInfo("Europe/Paris")
CALENDRIER = Calendrier("Europe/Paris", ((Plage(540, 720), Plage(840, 1020)),) * 5 + ((), ()))
LISSE, PROPRETE, VOIRIE = "habitat-lisse", "proprete", "voirie"
NOMS = {"erables": "Résidence des Érables"}
DU, AU = datetime(2026, 3, 1, tzinfo=PARIS), datetime(2026, 5, 1, tzinfo=PARIS)


@pytest.fixture(scope="module")
def configuration():
    return lire_territoire(DEMO / "territoire.yaml").configuration


def at(hour: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-31T{hour}").replace(tzinfo=PARIS)


def moved(hour: str, *, motif="pas_mon_terrain", par="acteur", emprise="erables", regle="R07", **who) -> Fait:
    said = {"motif": motif, "par": par, "emprise": emprise, "regle": regle} | who
    return Fait(at(hour), "signalement.reaffecte", {name: one for name, one in said.items() if one is not None})


def received(acteur: str | None = LISSE) -> list[Fait]:
    entered = Fait(at("09:00"), "signalement.recu", {})
    return [entered, Fait(at("09:00"), "signalement.affecte", {"acteur": acteur})] if acteur else [entered]


def taken(hour: str) -> Fait:
    return Fait(at(hour), "signalement.pris_en_charge", {})


def answered(hour: str, **said) -> Fait:
    return Fait(at(hour), "signalement.repondu", {"reponse": {}} | said)


def found(*journals: list[Fait], du: datetime = DU, au: datetime = AU):
    return [
        one
        for rank, facts in enumerate(journals)
        for one in rectifications(
            UUID(int=rank), sejours(facts), du=du, au=au, now=at("17:00"), calendrier_de=lambda _: CALENDRIER
        )
    ]


def listed(configuration, *journals, sur=None) -> list[Ecart]:
    return ecarts(found(*journals), sur=sur or {}, noms=NOMS, configuration=configuration)


TO_VOIRIE = [*received(), moved("10:00", de=LISSE, a=VOIRIE), taken("11:00")]


def test_what_was_lost_is_the_time_at_the_wrong_acteur():
    (one,) = found(TO_VOIRIE)
    assert one.deplacement == Deplacement(LISSE, VOIRIE)
    assert one.perdu == Temps(timedelta(hours=1), 60)


def test_what_the_pilote_took_to_settle_is_counted_with_what_brought_it_there():
    facts = [*received(), moved("10:00", de=LISSE, a=PROPRETE), moved("11:30", de=PROPRETE, propose=LISSE)]
    facts += [moved("14:30", par="pilote", motif="arbitrage", a=VOIRIE)]
    assert [(one.deplacement, one.perdu.ouvre) for one in found(facts)] == [
        (Deplacement(LISSE, VOIRIE), 60),
        (Deplacement(PROPRETE, VOIRIE), 90 + 60),
    ]


def test_given_back_to_who_refused_it_the_map_was_right():
    facts = [*received(), moved("10:00", de=LISSE, a=PROPRETE), moved("11:00", de=PROPRETE, a=None)]
    facts += [moved("12:00", par="pilote", motif="arbitrage", a=LISSE)]
    assert [one.deplacement for one in found(facts)] == [Deplacement(PROPRETE, LISSE)]


def test_a_correction_of_what_was_signalled_accuses_no_map():
    facts = [*received(), Fait(at("10:00"), "signalement.reaffecte", {"de": LISSE, "a": VOIRIE})]
    assert found(facts) == []


def test_only_what_moved_in_the_period_is_told():
    assert found(TO_VOIRIE, du=at("10:01")) == found(TO_VOIRIE, au=at("10:00")) == []
    assert found(TO_VOIRIE, du=at("10:00"), au=at("10:01"))


def test_the_sentence_says_how_often_from_whom_to_whom_and_what_to_look_at(configuration):
    (one,) = listed(configuration, *[TO_VOIRIE] * 4, sur={"erables": 5})
    assert one.conseil == (
        "L'emprise « Résidence des Érables » : 4 signalements sur 5 y ont changé de mains "
        "(Habitat Lisse → Direction de la voirie et de l'éclairage) : vérifiez son gestionnaire."
    )


@pytest.mark.parametrize(
    ("said", "remede"),
    [
        ({"motif": "pas_mon_terrain"}, "vérifiez son gestionnaire"),
        ({"motif": "pas_ma_competence"}, "vérifiez la règle R07"),
        ({"motif": "pas_ma_competence", "regle": None}, "écrivez une règle pour ce thème"),
        ({"motif": "mauvaise_position"}, "vérifiez son contour"),
        ({"motif": "mauvais_theme"}, "le thème est souvent mal choisi ; vérifiez son libellé"),
        ({"emprise": None}, "dessinez-y une emprise, ou écrivez une règle pour ce terrain"),
    ],
    ids=lambda value: "-".join(f"{name}={one}" for name, one in value.items()) if isinstance(value, dict) else "",
)
def test_each_reason_leads_to_its_own_remedy(configuration, said, remede):
    (one,) = listed(configuration, [*received(), moved("10:00", de=LISSE, a=VOIRIE, **said), taken("11:00")])
    assert one.conseil.endswith(f") : {remede}.")
    assert "1 signalement sur 1 y a changé de mains" in one.conseil


NOBODY_S = [  # nobody had been named, and it is no matter why the pilote did
    ({"regle": None}, "donnez-lui un gestionnaire, ou écrivez une règle pour ce terrain"),
    ({}, "vérifiez son gestionnaire, puis la règle R07"),
]


@pytest.mark.parametrize(("said", "remede"), NOBODY_S, ids=["no rule", "a rule that named nobody"])
def test_what_the_pilote_had_to_qualify_shows_what_the_map_is_short_of(configuration, said, remede):
    facts = [*received(None), moved("11:00", par="pilote", motif="qualification", a=VOIRIE, **said)]
    (one,) = listed(configuration, facts)
    assert one.conseil.endswith(f") : {remede}.")
    assert one.perdu.ouvre == 120


SILENT = ["autre_acteur_engage", "qualification", "arbitrage", "autre", "Ce n'est pas à nous."]


@pytest.mark.parametrize("motif", SILENT)
def test_a_reason_that_says_nothing_of_the_routing_is_counted_and_accuses_no_map(configuration, motif):
    facts = [*received(), moved("16:00", de=LISSE, a=VOIRIE, motif=motif), taken("16:30")]
    (one,) = listed(configuration, facts)
    assert (one.perdu, one.motifs, len(one.signalements)) == (Temps(), [(motif, 1)], 1)
    assert one.conseil == (
        "L'emprise « Résidence des Érables » : 1 signalement sur 1 y a changé de mains "
        "(Habitat Lisse → Direction de la voirie et de l'éclairage)."
    )


def test_however_many_they_are_they_neither_rank_it_nor_speak_for_what_is_to_mend(configuration):
    silent = [*received(), moved("10:00", de=LISSE, a=PROPRETE, motif="autre_acteur_engage"), taken("10:30")]
    elsewhere = [*received(), moved("09:30", de=LISSE, a=VOIRIE, emprise="place"), taken("10:00")]
    at_once = [*received(), moved("09:00", de=LISSE, a=VOIRIE), taken("10:00")]
    first, second = listed(configuration, elsewhere, silent, silent, silent, at_once)
    assert (first.emprise, second.emprise, second.perdu) == ("place", "erables", Temps())
    assert "1 signalement sur 4 y a changé de mains (Habitat Lisse → Direction de la voirie" in second.conseil
    assert second.conseil.endswith(" : vérifiez son gestionnaire.")


def test_while_nobody_keeps_it_the_sentence_names_who_has_it_and_nothing_is_lost_for_sure(configuration):
    facts = [*received(), moved("10:00", de=LISSE, a=VOIRIE)]
    (one,) = listed(configuration, facts)
    assert "(Habitat Lisse → Direction de la voirie et de l'éclairage (pas encore pris en charge))" in one.conseil
    assert one.perdu == Temps()
    (one,) = listed(configuration, [*received(), moved("10:00", de=LISSE)])
    assert "(Habitat Lisse → à désigner)" in one.conseil


def test_an_answer_of_the_acteur_is_worth_its_word_and_the_pilote_s_is_not():
    facts = [*received(), moved("10:00", de=LISSE, a=VOIRIE)]
    assert found([*facts, answered("11:00", acteur=VOIRIE)])[0].deplacement == Deplacement(LISSE, VOIRIE)
    assert found([*facts, answered("11:00")])[0].deplacement == Deplacement(LISSE, None, VOIRIE)


JOURNALS = {
    "refused at once": TO_VOIRIE,
    "held, then refused": [*received(), taken("09:20"), moved("16:00", de=LISSE, a=VOIRIE), taken("16:30")],
    "not confirmed": [*received(), moved("10:00", de=LISSE, a=VOIRIE)],
    "for no reason of the map's": [*received(), moved("10:00", de=LISSE, a=VOIRIE, motif="autre"), taken("11:00")],
}


@pytest.mark.parametrize("facts", JOURNALS.values(), ids=JOURNALS)
def test_what_the_map_is_charged_with_is_what_the_acteur_is_not(facts):
    stays, (one,) = sejours(facts), found(facts)
    mine = temps_de(LISSE, stays, CALENDRIER, jusqu_a=at("17:00"))
    assert one.perdu + mine == temps(stays[0], CALENDRIER, jusqu_a=at("17:00"))


def test_what_was_off_the_map_says_so(configuration):
    facts = [*received(None), moved("11:00", par="pilote", motif="qualification", emprise=None, regle=None, a=VOIRIE)]
    (one,) = listed(configuration, facts)
    assert one.emprise is None
    assert one.conseil.startswith("Le terrain absent de la carte : 1 signalement sur 1 y a changé de mains")
    assert "(sans responsable → Direction de la voirie" in one.conseil
    assert one.perdu.ouvre == 120


def test_the_most_costly_emprise_comes_first_whatever_the_number(configuration):
    slow = [*received(), moved("16:00", de=LISSE, a=VOIRIE, emprise="place"), taken("16:30")]
    listing = listed(configuration, TO_VOIRIE, slow, TO_VOIRIE)
    assert [(one.emprise, one.perdu.ouvre, len(one.signalements)) for one in listing] == [
        ("place", 300, 1),
        ("erables", 120, 2),
    ]
