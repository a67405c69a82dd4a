"""The ladder of DESIGN §6, on the dates of the demo's journey, to the minute."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from commands.factories import (
    AGENCE,
    DELAISSE,
    DIRECTION,
    FILS_NUS,
    FUITE,
    PILOTES,
    RESPONSABLE_AGENCE,
    RUE_ERABLES,
    TROTTOIR,
    act,
    agendas,
    at,
    clocks,
    configure,
    deposit,
    facts,
    ladder,
    le,
    live,
    mails,
    photo,
    ticket,
    to,
    work,
)
from conftest import Ville

from relais.commands.verbes import Etape, clore, intervenir, prendre_en_charge, reaffecter, repondre, rouvrir
from relais.db import make_engine
from relais.errors import ActionInterdite
from relais.rules.configuration import Delai, Destinataire, Palier
from relais.rules.refus import MotifDeRenvoi
from relais.tables.envoi import EtatEnvoi

BENNE = {"nature": "explicative", "texte": "Benne commandée, passage le mardi 7 avril."}
FAIT = {"commentaire": "Enlevé.", "nature": "durable"}

TRAITEMENT = [
    ("02/04 08:36", "traitement", 1, "relance"),
    ("02/04 18:12", "traitement", 1, "retard"),
    ("07/04 17:00", "traitement", 1, "pilotage_quartier"),
    ("10/04 17:00", "traitement", 1, "pilotage_ville"),
    ("15/04 17:00", "traitement", 1, "gusp_dg"),
]
THE_OTHER_TWO = [
    ("01/04 14:12", "prise_en_charge", 1, "relance"),
    ("01/04 15:00", "prise_en_charge", 1, "retard"),
    ("03/04 11:24", "reponse", 1, "relance"),
    ("03/04 17:00", "reponse", 1, "retard"),
    ("13/04 17:00", "reponse", 1, "pilotage_ville"),
]


def answer(ville, id, jour, *, who="agent"):
    return act(ville, who, repondre, id, **BENNE, etape=Etape("Passage de la benne", jour))


def first_ticket(ville):
    """The demo's: taken in charge and answered in time, with a step announced for 7 April."""
    id = deposit(ville)
    live(ville, "2026-04-01 09:40")
    act(ville, "agent", prendre_en_charge, id)
    live(ville, "2026-04-03 11:05")
    answer(ville, id, date(2026, 4, 7))
    return id


# --- the journey


def test_the_first_ticket_climbs_five_paliers_on_the_dates_of_the_journey(ville):
    id = first_ticket(ville)
    live(ville, "2026-05-29 17:00")
    assert ladder(ville, id) == TRAITEMENT
    assert ladder(ville, id, reached=True) == TRAITEMENT


def test_the_second_ticket_climbs_ten_paliers_for_its_three_delais(ville):
    id = deposit(ville)
    live(ville, "2026-05-29 17:00")
    assert ladder(ville, id) == sorted(TRAITEMENT + THE_OTHER_TWO)
    assert ladder(ville, id, reached=True) == sorted(TRAITEMENT + THE_OTHER_TWO)


def test_each_palier_tells_whom_the_ladder_says_and_nobody_else(ville):
    id = first_ticket(ville)
    live(ville, "2026-04-15 17:00")
    told = {}
    for mail in mails(ville, id, "relance", "retard", "inscription", "decision", "etape_manquee"):
        told.setdefault((mail.le, mail.gabarit), set()).add(mail.a)
    assert told == {
        ("02/04 08:36", "relance"): {AGENCE},
        ("02/04 18:12", "retard"): {RESPONSABLE_AGENCE, *PILOTES},
        ("07/04 17:00", "etape_manquee"): PILOTES,
        ("10/04 17:00", "inscription"): PILOTES,
        ("15/04 17:00", "decision"): PILOTES,
    }


def test_the_quarter_s_agenda_is_that_of_the_ticket_s_zone_and_sends_no_mail(ville):
    id = deposit(ville)
    live(ville, "2026-04-03 17:00")
    before = mails(ville, id)
    live(ville, "2026-04-07 17:00")
    assert set(agendas(ville, id)) == {"gusp-tilleuls"}
    assert mails(ville, id) == before
    assert facts(ville, id)[-2:] == ["escalade.declenchee", "instance.inscrite"]


def test_two_delais_that_lead_to_one_instance_inscribe_once(ville):
    id = deposit(ville)
    live(ville, "2026-04-13 17:00")
    assert facts(ville, id).count("instance.inscrite") == 2
    assert set(agendas(ville, id)) == {"gusp-tilleuls", "gusp-ville"}


def test_coming_near_and_passing_are_facts_of_the_contract(ville):
    id = deposit(ville)
    live(ville, "2026-04-01 15:00")
    assert facts(ville, id)[-4:] == [
        "escalade.declenchee",
        "echeance.approche",
        "escalade.declenchee",
        "echeance.depassee",
    ]


def test_a_palier_is_reached_once_however_often_a_worker_looks(ville):
    id = deposit(ville)
    live(ville, "2026-04-15 17:00")
    seen, sent = ladder(ville, id), mails(ville, id)
    assert [work(ville) for _ in range(3)] == [0, 0, 0]
    assert at(ville, "2026-04-01 15:00") == 0  # even if the clock went back
    assert (ladder(ville, id), mails(ville, id)) == (seen, sent)


def test_a_minute_before_nothing_has_happened(ville):
    id = deposit(ville)
    assert at(ville, "2026-04-01 14:11") == 0
    assert at(ville, "2026-04-01 14:12") == 1
    assert len(ladder(ville, id)) == 1


def test_a_stopped_clock_climbs_no_more_and_the_others_go_on(ville):
    id = deposit(ville)
    live(ville, "2026-04-03 11:25")
    act(ville, "agent", repondre, id, nature="operationnelle", texte="La benne passe demain matin.", etape=None)
    live(ville, "2026-05-29 17:00")
    assert ladder(ville, id) == sorted(TRAITEMENT + THE_OTHER_TWO[:3])


def test_a_new_tour_of_prise_en_charge_climbs_in_its_acteur_s_hours(ville):
    id = deposit(ville)
    live(ville, "2026-04-01 10:00")
    act(ville, "agent", reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="proprete")
    live(ville, "2026-04-01 15:00")
    assert ladder(ville, id) == [
        ("01/04 14:12", "prise_en_charge", 2, "relance"),
        ("01/04 15:00", "prise_en_charge", 2, "retard"),
    ]
    assert to(mails(ville, id, "relance")) == ["proprete@vaucelles.test"]


def test_workers_side_by_side_reach_each_palier_once(clone):
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(le("2026-03-31 18:12"))
    tickets = [deposit(ville, theme=TROTTOIR, place=RUE_ERABLES) for _ in range(12)]
    ville.at(le("2026-05-29 17:00"))
    with ThreadPoolExecutor(3) as pool:
        reached = list(pool.map(work, [ville] * 3))
    told = [mails(ville, id, "decision") for id in tickets]
    rows = [ladder(ville, id) for id in tickets]
    engine.dispose()
    assert {len(row) for row in rows} == {10}
    assert sum(reached) == 12 * 10
    assert all(set(to(found)) == PILOTES and len(found) == len(PILOTES) for found in told)


# --- an announced step


def test_a_step_holds_the_instances_until_that_evening_and_later_paliers_keep_their_dates(ville):
    id = deposit(ville)
    live(ville, "2026-04-03 11:05")
    answer(ville, id, date(2026, 4, 14))
    live(ville, "2026-04-14 16:59")
    assert [palier for *_, palier in ladder(ville, id) if palier.startswith("pilotage")] == []
    live(ville, "2026-05-29 17:00")
    assert [row for row in ladder(ville, id) if row[1] == "traitement"] == TRAITEMENT
    climbed = [row for row in ladder(ville, id, reached=True) if row[1] == "traitement"]
    assert [date for date, *_ in climbed] == ["02/04 08:36", "02/04 18:12", "14/04 17:00", "14/04 17:00", "15/04 17:00"]


def test_of_a_missed_step_each_pilote_gets_one_mail_even_when_paliers_fire_with_it(ville):
    id = deposit(ville)
    live(ville, "2026-04-03 11:05")
    answer(ville, id, date(2026, 4, 14))
    live(ville, "2026-04-14 17:00")
    that_evening = [mail for mail in mails(ville, id) if mail.le == "14/04 17:00"]
    assert set(to(that_evening)) == PILOTES
    assert len(that_evening) == len(PILOTES)


def test_a_missed_step_is_told_once_and_is_in_the_journal_whatever_fires_with_it(ville):
    for jour in (date(2026, 4, 7), date(2026, 4, 3)):  # with a palier of that evening, and alone
        ville.at(le("2026-03-31 18:12"))
        id = deposit(ville)
        live(ville, "2026-04-03 11:05")
        answer(ville, id, jour)
        live(ville, "2026-05-29 17:00")
        assert to(mails(ville, id, "etape_manquee")) == sorted(PILOTES)
        assert facts(ville, id).count("etape.manquee") == 1


def test_a_step_does_not_hold_reminders_and_delays(ville):
    id = deposit(ville)
    answer(ville, id, date(2026, 4, 14))
    live(ville, "2026-04-02 18:12")
    assert ladder(ville, id) == TRAITEMENT[:2]


def test_nobody_is_told_of_a_step_when_the_work_is_done(ville):
    id = first_ticket(ville)
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    live(ville, "2026-04-20 17:00")
    assert not mails(ville, id, "etape_manquee")


def test_a_second_step_of_the_same_tour_holds_nothing(ville):
    id = first_ticket(ville)
    live(ville, "2026-04-07 16:00")
    answer(ville, id, date(2026, 4, 14))
    live(ville, "2026-04-20 17:00")
    assert ladder(ville, id, reached=True) == TRAITEMENT


def test_the_next_tour_may_hold_again(ville):
    id = first_ticket(ville)
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    live(ville, "2026-04-07 18:12")
    act(ville, "relais", rouvrir, id, motif="pas_resolu", commentaire="Toujours là.", photos=())
    answer(ville, id, date(2026, 4, 20))
    live(ville, "2026-04-20 17:00")
    assert [row for row in ladder(ville, id, reached=True) if row[2] == 2][-2:] == [
        ("20/04 17:00", "traitement", 2, "pilotage_quartier"),
        ("20/04 17:00", "traitement", 2, "pilotage_ville"),
    ]


@pytest.mark.parametrize(("jour", "held"), [(date(2026, 4, 22), True), (date(2026, 4, 23), False)])
def test_a_step_holds_fifteen_working_days_ahead_at_most(ville, jour, held):
    id = deposit(ville)
    assert ticket(ville, id).statut == "affecte"
    answer(ville, id, jour)  # the 15th working day after Tuesday 31 March is Wednesday 22 April
    live(ville, "2026-04-07 17:00")
    assert ("pilotage_quartier" not in [palier for *_, palier in ladder(ville, id)]) is held


def test_a_step_announced_for_a_closed_day_holds_until_the_next_open_evening(ville):
    id = deposit(ville)
    answer(ville, id, date(2026, 4, 5))  # Easter Sunday, then Easter Monday
    assert ticket(ville, id).etape_le == le("2026-04-07 17:00")


def test_a_step_announced_after_closing_time_for_the_same_day_is_not_missed_at_once(ville):
    id = deposit(ville)  # at 18:12, the town closed at 17:00
    answer(ville, id, date(2026, 3, 31))
    assert at(ville, "2026-03-31 18:13") == 0
    assert not mails(ville, id, "etape_manquee")


def test_the_pilote_s_step_holds_too(ville):
    id = deposit(ville)
    answer(ville, id, date(2026, 4, 14), who="pilote")
    live(ville, "2026-04-13 17:00")
    assert not agendas(ville, id)


# --- after a stop


def test_after_three_weeks_of_silence_everything_is_recorded_and_each_gets_one_mail_for_the_highest(ville):
    id = deposit(ville)
    before = len(mails(ville, id))
    assert at(ville, "2026-04-21 10:00") == 10
    assert ladder(ville, id) == sorted(TRAITEMENT + THE_OTHER_TWO)
    caught_up = mails(ville, id)[before:]
    assert {(mail.a, mail.gabarit, mail.donnees["palier"]) for mail in caught_up} == {
        (AGENCE, "relance", "relance"),
        (RESPONSABLE_AGENCE, "retard", "retard"),
        ("pilote@demo.test", "decision", "gusp_dg"),
        ("copilote@demo.test", "decision", "gusp_dg"),
    }
    assert len(caught_up) == 4
    assert {mail.donnees["delai"] for mail in caught_up} == {"traitement"}


def test_the_highest_is_the_latest_after_its_date_whatever_the_delai(ville):
    id = deposit(ville, theme=TROTTOIR, place=RUE_ERABLES)
    at(ville, "2026-04-22 17:00")  # the repair is due this minute; the answer has been for nine working days
    found = [mail for mail in mails(ville, id) if mail.a in PILOTES]
    assert [(mail.gabarit, mail.donnees["delai"]) for mail in found] == [("inscription", "reponse")] * 2


def test_after_a_stop_the_pilote_still_has_three_working_days(ville):
    id = deposit(ville)
    at(ville, "2026-04-21 10:00")
    found = agendas(ville, id)["gusp-dg"]
    assert (found.etat, found.decision_avant) == ("inscrite", le("2026-04-24 17:00"))


def test_done_while_no_worker_was_there_every_palier_is_recorded_and_no_mail_leaves(ville):
    id = deposit(ville)
    ville.at(le("2026-04-21 10:00"))
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    assert ladder(ville, id) == sorted(TRAITEMENT + THE_OTHER_TWO)
    assert {mail.etat for mail in mails(ville, id, "relance", "retard", "inscription", "decision")} == {
        EtatEnvoi.ANNULE
    }
    assert {one.etat for one in agendas(ville, id).values()} == {"retiree"}
    assert work(ville) == 0


def test_a_verb_a_minute_late_does_not_erase_the_palier_a_slow_worker_had_not_reached(ville):
    id = deposit(ville)
    ville.at(le("2026-04-01 15:01"))
    act(ville, "agent", prendre_en_charge, id)
    assert ladder(ville, id) == THE_OTHER_TWO[:2]
    assert set(to(mails(ville, id, "retard"))) == {RESPONSABLE_AGENCE, *PILOTES}


def test_a_refused_verb_reaches_nothing(ville):
    id = deposit(ville)
    ville.at(le("2026-04-01 15:01"))
    with pytest.raises(ActionInterdite):
        act(ville, "elu", prendre_en_charge, id)
    assert ladder(ville, id) == []


@pytest.mark.parametrize("step", [timedelta(hours=7), timedelta(days=1), timedelta(days=9), timedelta(days=40)])
def test_the_ladder_is_the_same_however_time_passes(ville, step):
    a, b = deposit(ville), deposit(ville, theme=TROTTOIR, place=DELAISSE)
    answer(ville, b, date(2026, 4, 13), who="pilote")
    now, end = le("2026-03-31 18:12"), le("2026-05-10 12:00")
    while now < end:
        now = min(now + step, end)
        ville.at(now)
        work(ville)
    assert ladder(ville, a) == sorted(TRAITEMENT + THE_OTHER_TWO)
    # 15 working days of the town's calendar: 22 April at 17:00, then + 2 and + 5 (1 and 8 May are holidays).
    assert ladder(ville, b)[1:] == [
        ("22/04 17:00", "traitement", 1, "retard"),
        ("24/04 17:00", "traitement", 1, "pilotage_quartier"),
        ("29/04 17:00", "traitement", 1, "pilotage_ville"),
        ("05/05 17:00", "traitement", 1, "gusp_dg"),
    ]
    assert ladder(ville, b)[0][1:] == ("traitement", 1, "relance")


def test_a_mail_due_on_the_way_is_not_sent_for_a_ticket_that_ended(ville):
    id = deposit(ville)
    live(ville, "2026-04-02 18:12")
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    late = mails(ville, id, "relance", "retard")
    assert late
    assert {mail.etat for mail in late} == {EtatEnvoi.ANNULE}
    live(ville, "2026-04-29 17:00")
    assert len(mails(ville, id, "relance", "retard", "inscription", "decision")) == len(late)


# --- dangers, and what nobody has


def test_a_danger_overdue_reaches_on_call_the_pilotes_and_the_direction_at_once(ville):
    id = deposit(ville, theme=FUITE, place=RUE_ERABLES)
    due = clocks(ville, id)["traitement", 1].echeance
    assert due == le("2026-04-01 18:12")
    live(ville, "2026-04-01 18:12")
    told = [mail for mail in mails(ville, id, "retard") if mail.donnees["delai"] == "traitement"]
    assert {mail.le for mail in told} == {"01/04 18:12"}
    assert to(told) == sorted(["services@lisse-agglo.test", "astreinte@vaucelles.test", *PILOTES, *DIRECTION])


def test_before_it_is_overdue_a_danger_is_the_acteur_s(ville):
    id = deposit(ville, theme=FUITE, place=RUE_ERABLES)
    live(ville, "2026-04-01 13:24")
    told = [mail for mail in mails(ville, id, "relance") if mail.donnees["delai"] == "traitement"]
    assert to(told) == ["services@lisse-agglo.test"]


def test_an_ordinary_delay_tells_neither_on_call_nor_the_direction(ville):
    id = deposit(ville)
    live(ville, "2026-04-20 16:59")
    assert not {mail.a for mail in mails(ville, id)} & {"astreinte@vaucelles.test", *DIRECTION}


def test_a_danger_nobody_has_reaches_everybody_who_can_act(ville):
    id = deposit(ville, theme=FUITE, place=DELAISSE)
    assert ticket(ville, id).statut == "a_qualifier"
    live(ville, "2026-04-01 18:12")
    told = [mail for mail in mails(ville, id, "retard") if mail.donnees["delai"] == "traitement"]
    assert to(told) == sorted(["astreinte@vaucelles.test", *PILOTES, *DIRECTION])


def test_the_on_call_service_gets_one_mail_of_what_it_owes_itself(ville):
    id = deposit(ville, theme=FILS_NUS, place=RUE_ERABLES)
    live(ville, "2026-03-31 22:12")
    told = [mail for mail in mails(ville, id, "retard") if mail.donnees["delai"] == "traitement"]
    assert to(told) == sorted(["astreinte@vaucelles.test", *PILOTES, *DIRECTION])


def test_what_was_for_the_acteur_falls_to_the_pilotes_while_nobody_has_it(ville):
    id = deposit(ville, theme=TROTTOIR, place=DELAISSE)
    live(ville, "2026-04-22 17:00")
    found = mails(ville, id, "relance", "retard")
    assert {mail.donnees["delai"] for mail in found} == {"prise_en_charge", "reponse", "traitement"}
    assert {mail.gabarit for mail in found} == {"relance", "retard"}
    assert {mail.a for mail in found} == PILOTES


# --- the configuration it was born under


def test_new_rules_never_change_the_ladder_of_an_old_ticket(ville):
    old = deposit(ville)
    hasty = Palier("retard", Delai.TRAITEMENT, jours=0, prevenir=(Destinataire.DIRECTION_GENERALE,))
    configure(ville, lambda now: replace(now, echelle=(hasty,), sans_decision=replace(now.sans_decision, jours=1)))
    new = deposit(ville)
    live(ville, "2026-04-15 17:00")
    assert ladder(ville, old) == sorted(TRAITEMENT + THE_OTHER_TWO)
    assert ladder(ville, new) == [TRAITEMENT[1]]
    assert not {mail.a for mail in mails(ville, old)} & DIRECTION
    assert to(mails(ville, new, "retard")) == sorted(DIRECTION)
    assert agendas(ville, old)["gusp-dg"].decision_avant == le("2026-04-20 17:00")


def test_but_a_new_address_is_used_at_once(ville):
    id = deposit(ville)

    def moved(now):
        acteurs = [
            replace(one, en_cas_de_retard="nord2@habitat-lisse.test", courriel="g2@habitat-lisse.test")
            if one.code == "habitat-lisse"
            else one
            for one in now.acteurs
        ]
        return replace(now, acteurs=tuple(acteurs))

    configure(ville, moved)
    live(ville, "2026-04-01 15:00")
    assert to(mails(ville, id, "relance")) == ["g2@habitat-lisse.test"]
    assert set(to(mails(ville, id, "retard"))) == {"nord2@habitat-lisse.test", *PILOTES}


# --- the end by itself


def test_thirty_days_after_it_is_done_it_closes_by_itself(ville):
    id = deposit(ville)
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    at(ville, "2026-04-30 18:11")
    assert ticket(ville, id).statut == "traite"
    at(ville, "2026-04-30 18:12")
    found = ticket(ville, id)
    assert (found.statut, found.statut_depuis) == ("clos", le("2026-04-30 18:12"))
    assert facts(ville, id)[-1] == "signalement.clos"
    assert work(ville) == 0
    assert facts(ville, id).count("signalement.clos") == 1


def test_one_closed_by_its_author_is_not_closed_again(ville):
    id = deposit(ville)
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    act(ville, "relais", clore, id)
    live(ville, "2026-06-01 12:00")
    assert facts(ville, id).count("signalement.clos") == 1


def test_a_reopened_one_has_thirty_days_again(ville):
    id = deposit(ville)
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    live(ville, "2026-04-20 12:00")
    act(ville, "relais", rouvrir, id, motif="pas_resolu", commentaire="Toujours là.", photos=())
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])
    at(ville, "2026-05-20 11:59")
    assert ticket(ville, id).statut == "traite"
    at(ville, "2026-05-20 12:00")
    assert ticket(ville, id).statut == "clos"
