"""Whose time it was, to the minute: worked examples on a week whose hours are 9-12 and 14-17 for everybody.

Tuesday 31 March 2026 at 9:00 is when each is received. A working day has 360 open minutes.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from relais.rules.calendrier import Calendrier, Plage
from relais.rules.sejours import SUIVIS, Fait, Issue, Sejour, Temps, sejours, temps_de

PARIS = ZoneInfo("Europe/Paris")
CALENDRIER = Calendrier("Europe/Paris", ((Plage(540, 720), Plage(840, 1020)),) * 5 + ((), ()))
BAILLEUR, PROPRETE, VOIRIE = "habitat-lisse", "proprete", "voirie"
PAR_ACTEUR, PAR_PILOTE = {"par": "acteur"}, {"par": "pilote"}


def le(text: str) -> datetime:
    """« 31 09:00 », « 01 14:30 »: a day of March if it is the 31st, of April otherwise."""
    day, hour = text.split()
    return datetime.fromisoformat(f"2026-{'03' if day == '31' else '04'}-{day}T{hour}").replace(tzinfo=PARIS)


def recu(acteur: str | None = BAILLEUR) -> list[Fait]:
    entered = [Fait(le("31 09:00"), "signalement.recu", {})]
    return [*entered, Fait(le("31 09:00"), "signalement.affecte", {"acteur": acteur})] if acteur else entered


def fait(when: str, what: str, **said: object) -> Fait:
    return Fait(le(when), f"signalement.{what}", said)


def refuse(when: str, de: str | None, a: str | None, motif: str = "pas_mon_terrain", **said: object) -> Fait:
    told = {"motif": motif, "par": "acteur", "de": de, "a": a, "emprise": "place", "regle": "R07"} | said
    return fait(when, "reaffecte", **{name: value for name, value in told.items() if value is not None})


def tranche(when: str, de: str | None, a: str, motif: str = "arbitrage") -> Fait:
    return refuse(when, de, a, motif, **PAR_PILOTE)


def told(stays: tuple[Sejour, ...]) -> list[tuple[str | None, Issue, bool]]:
    return [(one.acteur, one.issue, one.a_tort) for one in stays]


def minutes(acteur: str, facts: list[Fait], jusqu_a: str = "03 17:00") -> tuple[int, int]:
    """(working minutes, real minutes) that acteur answers for."""
    found = temps_de(acteur, sejours(facts), CALENDRIER, jusqu_a=le(jusqu_a))
    return found.ouvre, found.reel // timedelta(minutes=1)


def test_one_acteur_that_does_it_answers_for_all_of_it():
    facts = [*recu(), fait("31 10:00", "pris_en_charge"), fait("01 10:30", "traite")]
    assert told(sejours(facts)) == [(BAILLEUR, Issue.TRAITE, False)]
    assert minutes(BAILLEUR, facts) == (360 + 90, 24 * 60 + 90)


def test_what_is_still_there_counts_until_now():
    assert told(sejours(recu())) == [(BAILLEUR, Issue.EN_COURS, False)]
    assert minutes(BAILLEUR, recu(), "31 09:42") == (42, 42)


def test_a_refusal_that_the_next_confirms_was_never_its_own():
    facts = [*recu(), refuse("01 09:00", BAILLEUR, PROPRETE), fait("01 11:00", "pris_en_charge")]
    facts.append(fait("02 15:00", "traite"))
    assert told(sejours(facts)) == [(BAILLEUR, Issue.REFUSE, True), (PROPRETE, Issue.TRAITE, False)]
    assert minutes(BAILLEUR, facts) == (0, 0)
    assert minutes(PROPRETE, facts) == (360 + 180 + 60, 30 * 60)


def test_a_refusal_nobody_has_confirmed_yet_is_one_acteur_s_word():
    facts = [*recu(), refuse("01 09:00", BAILLEUR, PROPRETE)]
    assert told(sejours(facts)) == [(BAILLEUR, Issue.REFUSE, False), (PROPRETE, Issue.EN_COURS, False)]
    assert minutes(BAILLEUR, facts) == (360, 24 * 60)


def test_given_back_to_it_its_hours_are_its_own():
    facts = [
        *recu(),
        refuse("31 10:00", BAILLEUR, PROPRETE),
        refuse("31 11:30", PROPRETE, None, propose=BAILLEUR),
        tranche("31 14:20", None, BAILLEUR),
        fait("31 15:00", "traite"),
    ]
    assert told(sejours(facts)) == [
        (BAILLEUR, Issue.REFUSE, False),
        (PROPRETE, Issue.REFUSE, True),
        (None, Issue.REAFFECTE, False),
        (BAILLEUR, Issue.TRAITE, False),
    ]
    assert minutes(BAILLEUR, facts) == (60 + 40, 60 + 40)
    assert minutes(PROPRETE, facts) == (0, 0)


def test_two_refuse_and_the_pilote_names_a_third_neither_answers_for_it():
    facts = [
        *recu(),
        refuse("31 10:00", BAILLEUR, PROPRETE),
        refuse("31 15:00", PROPRETE, None, "pas_ma_competence", propose=VOIRIE),
        tranche("01 10:00", None, VOIRIE),
        fait("01 11:15", "traite"),
    ]
    assert [stay.a_tort for stay in sejours(facts)] == [True, True, False, False]
    assert [minutes(one, facts)[0] for one in (BAILLEUR, PROPRETE, VOIRIE)] == [0, 0, 75]


@pytest.mark.parametrize("motif", ["autre", "autre_acteur_engage", "Ce n'est pas à nous."])
def test_a_reason_that_says_nothing_of_the_routing_excuses_nobody(motif):
    facts = [*recu(), refuse("01 09:00", BAILLEUR, PROPRETE, motif), fait("01 10:00", "pris_en_charge")]
    assert told(sejours(facts))[0] == (BAILLEUR, Issue.REFUSE, False)
    assert minutes(BAILLEUR, facts) == (360, 24 * 60)


def test_what_the_pilote_takes_from_the_wrong_acteur_was_not_its_own():
    facts = [*recu(), tranche("31 16:00", BAILLEUR, VOIRIE, "pas_mon_terrain")]
    assert told(sejours(facts)) == [(BAILLEUR, Issue.REAFFECTE, True), (VOIRIE, Issue.EN_COURS, False)]


def test_a_correction_that_moves_it_excuses_who_had_it():
    facts = [*recu(), fait("31 11:00", "corrige", champs=["position"], de=BAILLEUR, a=VOIRIE)]
    facts.append(fait("31 11:00", "reaffecte", de=BAILLEUR, a=VOIRIE))
    assert told(sejours(facts)) == [(BAILLEUR, Issue.CORRIGE, True), (VOIRIE, Issue.EN_COURS, False)]


def test_a_correction_that_comes_back_leaves_it_its_hours():
    facts = [*recu(), fait("31 10:00", "reaffecte", de=BAILLEUR, a=VOIRIE)]
    facts.append(fait("31 11:00", "reaffecte", de=VOIRIE, a=BAILLEUR))
    assert told(sejours(facts)) == [
        (BAILLEUR, Issue.CORRIGE, False),
        (VOIRIE, Issue.CORRIGE, True),
        (BAILLEUR, Issue.EN_COURS, False),
    ]
    assert minutes(BAILLEUR, [*facts, fait("31 11:30", "traite")]) == (60 + 30, 60 + 30)


ENGAGEMENTS = {
    "taken in charge": fait("31 10:00", "pris_en_charge"),
    "answered": fait("31 10:00", "repondu", reponse={}, acteur=BAILLEUR),
}
ENDS = {
    "sent back": refuse("01 10:00", BAILLEUR, VOIRIE),
    "taken by the pilote": tranche("01 10:00", BAILLEUR, VOIRIE, "pas_mon_terrain"),
    "corrected": fait("01 10:00", "reaffecte", de=BAILLEUR, a=VOIRIE),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("word", ENGAGEMENTS.values(), ids=ENGAGEMENTS)
def test_what_an_acteur_held_after_it_engaged_is_its_own_however_it_ends(word, end):
    facts = [*recu(), word, end, fait("01 10:30", "pris_en_charge")]
    assert sejours(facts)[0].a_tort
    assert minutes(BAILLEUR, facts) == (360, 24 * 60)  # the first hour alone was not
    assert minutes(BAILLEUR, [*recu(), end, fait("01 10:30", "pris_en_charge")]) == (0, 0)


def test_an_answer_of_the_pilote_engages_nobody():
    facts = [*recu(), refuse("31 10:00", BAILLEUR, PROPRETE), fait("31 11:00", "repondu", reponse={})]
    assert told(sejours(facts)) == [(BAILLEUR, Issue.REFUSE, False), (PROPRETE, Issue.EN_COURS, False)]
    facts[-1] = fait("31 11:00", "repondu", reponse={}, acteur=PROPRETE)
    assert told(sejours(facts)) == [(BAILLEUR, Issue.REFUSE, True), (PROPRETE, Issue.EN_COURS, False)]


def test_what_nobody_could_be_named_for_is_the_pilote_s_time():
    facts = [*recu(None), tranche("31 11:00", None, VOIRIE, "qualification"), fait("31 12:00", "traite")]
    assert told(sejours(facts)) == [(None, Issue.REAFFECTE, False), (VOIRIE, Issue.TRAITE, False)]
    assert minutes(VOIRIE, facts) == (60, 60)


def test_reopened_it_is_its_acteur_s_again_and_the_days_between_are_nobody_s():
    facts = [*recu(), fait("31 10:00", "traite"), fait("02 09:00", "rouvert"), fait("02 10:00", "traite")]
    assert told(sejours(facts)) == [(BAILLEUR, Issue.TRAITE, False)] * 2
    assert minutes(BAILLEUR, facts) == (120, 120)


def test_attached_then_detached_it_waited_for_nobody_in_between():
    facts = [*recu(), fait("31 10:00", "rattache"), fait("01 09:00", "detache"), fait("01 09:30", "retire")]
    assert told(sejours(facts)) == [(BAILLEUR, Issue.FINI, False)] * 2
    assert minutes(BAILLEUR, facts) == (90, 90)


def test_a_night_a_weekend_and_a_public_holiday_are_real_time_and_no_working_time():
    facts = [Fait(le("03 16:50"), "signalement.affecte", {"acteur": BAILLEUR}), fait("07 09:10", "traite")]
    assert minutes(BAILLEUR, facts) == (20, 3 * 24 * 60 + 16 * 60 + 20)  # Good Friday is worked, Easter Monday is not


def test_the_end_of_a_refusal_says_which_ground_and_which_rule_it_accuses():
    (first, _) = sejours([*recu(), refuse("01 09:00", BAILLEUR, PROPRETE)])
    assert (first.motif, first.emprise, first.regle) == ("pas_mon_terrain", "place", "R07")


def test_facts_that_move_nothing_change_nothing():
    facts = [*recu(), fait("31 10:00", "traite")]
    noise = [fait("31 09:30", "rappele"), fait("31 09:40", "publie")]
    assert sejours([*facts[:2], *noise, facts[2]]) == sejours(facts)
    assert not SUIVIS & {one.type for one in noise}


def test_times_add_up():
    assert Temps(timedelta(minutes=5), 3) + Temps(timedelta(minutes=2), 1) == Temps(timedelta(minutes=7), 4)
    assert sejours([]) == ()
