"""The agendas: the pilote's three choices, his three working days, and what goes up without him."""

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
from commands.factories import (
    AGENCE,
    DIRECTION,
    PILOTES,
    TROTTOIR,
    act,
    agendas,
    at,
    configure,
    deposit,
    facts,
    le,
    live,
    mails,
    photo,
    read,
    ticket,
    to,
)
from sqlalchemy import update

from relais.caller import Door
from relais.commands.saisine import ajourner, mobiliser, retirer
from relais.commands.verbes import intervenir, rouvrir
from relais.errors import ActionInterdite, AjournementRefuse, SaisineDejaDecidee, SaisineIntrouvable
from relais.rules.calendrier import Plage
from relais.rules.configuration import SansDecision
from relais.tables.envoi import EtatEnvoi
from relais.tables.personne import Personne
from relais.tables.saisine import EtatSaisine

FAIT = {"commentaire": "Enlevé.", "nature": "durable"}
LATER = ((Plage(9 * 60, 12 * 60), Plage(14 * 60, 18 * 60)),) * 5 + ((), ())
MEMBERS = {"gusp@vaucelles.test", "dgs@vaucelles.test"}


def climbed(ville, until="2026-04-15 17:00"):
    """A ticket on the agenda of the direction générale, and its saisine there."""
    id = deposit(ville)
    live(ville, until)
    return id, agendas(ville, id)["gusp-dg"].id


def at_dg(ville, id):
    return agendas(ville, id)["gusp-dg"]


def put_off(ville, saisine, jour, who="pilote"):
    return act(ville, who, ajourner, saisine, motif="Le bailleur reçoit mardi.", jusqu_au=jour)


def done(ville, id):
    act(ville, "agent", intervenir, id, **FAIT, photos=[photo("apres")])


def transmissions(ville):
    return [(mail.le, mail.a, mail.donnees["saisines"]) for mail in mails(ville, None, "transmission")]


# --- three working days


def test_the_pilote_has_three_working_days_and_until_then_nobody_above_hears_of_it(ville):
    id, _ = climbed(ville)
    assert at_dg(ville, id).decision_avant == le("2026-04-20 17:00")
    live(ville, "2026-04-20 16:59")
    assert at_dg(ville, id).etat == "inscrite"
    assert not {mail.a for mail in mails(ville, id)} & (DIRECTION | MEMBERS)


def test_only_the_instance_of_the_direction_awaits_a_decision(ville):
    id, _ = climbed(ville)
    assert {code: one.decision_avant for code, one in agendas(ville, id).items() if code != "gusp-dg"} == {
        "gusp-tilleuls": None,
        "gusp-ville": None,
    }


def test_the_pilote_s_mail_names_the_saisine_to_decide_on(ville):
    id, saisine = climbed(ville)
    decision = mails(ville, id, "decision")
    assert set(to(decision)) == PILOTES
    assert {(mail.donnees["saisine"], mail.donnees["instance"]) for mail in decision} == {(str(saisine), "gusp-dg")}


# --- his three choices


def test_mobilising_sends_the_file_to_the_members_and_to_the_direction(ville):
    id, saisine = climbed(ville)
    ville.at(le("2026-04-16 09:20"))
    found = act(ville, "pilote", mobiliser, saisine, motif="4e dépôt depuis janvier")
    assert (found.etat, found.decidee_par, found.decidee_le) == ("mobilisee", "Inès Castanel", le("2026-04-16 09:20"))
    assert set(to(mails(ville, id, "mobilisation"))) == MEMBERS | DIRECTION
    assert facts(ville, id)[-1] == "instance.mobilisee"
    live(ville, "2026-05-29 17:00")
    assert at_dg(ville, id).etat == "mobilisee"
    assert not transmissions(ville)


def test_mobilising_another_instance_tells_its_members_and_not_the_direction(ville):
    id = deposit(ville)
    live(ville, "2026-04-10 17:00")
    act(ville, "pilote", mobiliser, agendas(ville, id)["gusp-ville"].id, motif=None)
    assert to(mails(ville, id, "mobilisation")) == ["gusp@vaucelles.test", "proprete@vaucelles.test"]


def test_the_members_are_today_s_and_those_of_an_instance_since_removed_are_still_told(ville):
    id, saisine = climbed(ville)
    configure(ville, lambda now: replace(now, instances=tuple(one for one in now.instances if one.code != "gusp-dg")))
    act(ville, "pilote", mobiliser, saisine, motif=None)
    assert set(to(mails(ville, id, "mobilisation"))) == MEMBERS | DIRECTION


def test_putting_off_moves_the_decision_to_that_evening(ville):
    id, saisine = climbed(ville)
    found = put_off(ville, saisine, date(2026, 4, 28))
    assert (found.etat, found.ajournements, found.decision_avant) == ("ajournee", 1, le("2026-04-28 17:00"))
    assert facts(ville, id)[-1] == "instance.ajournee"
    live(ville, "2026-04-28 16:59")
    assert at_dg(ville, id).etat == "ajournee"
    live(ville, "2026-04-28 17:00")
    assert at_dg(ville, id).etat == "transmise"


def test_putting_off_for_a_closed_day_lasts_until_the_next_open_evening(ville):
    _, saisine = climbed(ville)
    assert put_off(ville, saisine, date(2026, 4, 25)).decision_avant == le("2026-04-27 17:00")


@pytest.mark.parametrize("jour", [date(2026, 4, 14), date(2026, 4, 15), date(2026, 4, 30)])
def test_putting_off_is_for_a_day_to_come_at_most_ten_working_days_away(ville, jour):
    _, saisine = climbed(ville)  # Wednesday 15 April: the tenth working day is Wednesday 29
    with pytest.raises(AjournementRefuse) as refused:
        put_off(ville, saisine, jour)
    assert [fault.pointer for fault in refused.value.errors] == ["/jusqu_au"]
    assert put_off(ville, saisine, date(2026, 4, 29)).etat == "ajournee"


def test_putting_off_is_possible_twice(ville):
    id, saisine = climbed(ville)
    put_off(ville, saisine, date(2026, 4, 20))
    put_off(ville, saisine, date(2026, 4, 22))
    with pytest.raises(AjournementRefuse):
        put_off(ville, saisine, date(2026, 4, 24))
    live(ville, "2026-04-22 17:00")
    assert at_dg(ville, id).etat == "transmise"


def test_what_was_put_off_elsewhere_comes_back_and_never_goes_up_by_itself(ville):
    id = deposit(ville)
    live(ville, "2026-04-07 17:00")
    put_off(ville, agendas(ville, id)["gusp-tilleuls"].id, date(2026, 4, 9))
    live(ville, "2026-04-09 17:00")
    found = agendas(ville, id)["gusp-tilleuls"]
    assert (found.etat, found.decision_avant) == ("inscrite", None)
    assert not transmissions(ville)


def test_withdrawing_takes_it_off_and_nothing_goes_up(ville):
    id, saisine = climbed(ville)
    found = act(ville, "pilote", retirer, saisine, motif="Réglé par téléphone.")
    assert (found.etat, found.motif, found.decision_avant) == ("retiree", "Réglé par téléphone.", None)
    live(ville, "2026-05-29 17:00")
    assert not transmissions(ville)
    assert ticket(ville, id).statut == "affecte"


# --- who, and too late


@pytest.mark.parametrize("verb", [mobiliser, retirer])
def test_the_direction_sees_the_agenda_and_does_not_decide_for_the_pilote(ville, verb):
    _, saisine = climbed(ville)
    with pytest.raises(ActionInterdite):
        act(ville, "direction_generale", verb, saisine, motif="Non.")


@pytest.mark.parametrize("who", ["relais", "elu", "agent", "responsable", "admin"])
def test_for_anybody_else_there_is_no_such_thing(ville, who):
    _, saisine = climbed(ville)
    with pytest.raises(SaisineIntrouvable):
        put_off(ville, saisine, date(2026, 4, 20), who=who)


def test_an_unknown_saisine_is_not_found(ville):
    with pytest.raises(SaisineIntrouvable):
        act(ville, "pilote", retirer, uuid4(), motif="Non.")


@pytest.mark.parametrize("late", [mobiliser, retirer])
def test_who_decides_second_is_told_who_decided(ville, late):
    _, saisine = climbed(ville)
    act(ville, "pilote", retirer, saisine, motif="Réglé par téléphone.")
    with pytest.raises(SaisineDejaDecidee) as refused:
        act(ville, "copilote", late, saisine, motif="Trop tard.")
    assert refused.value.extra == {"etat": "retiree", "decidee_par": "Inès Castanel", "actions": []}


def test_a_mobilisation_after_the_transmission_is_too_late(ville):
    _, saisine = climbed(ville, "2026-04-20 17:00")
    with pytest.raises(SaisineDejaDecidee) as refused:
        act(ville, "pilote", mobiliser, saisine, motif=None)
    assert (refused.value.extra["etat"], refused.value.extra["decidee_par"]) == ("transmise", "Relais")


# --- without a decision


def test_without_a_decision_it_goes_up_that_evening_marked_so(ville):
    id, saisine = climbed(ville, "2026-04-20 17:00")
    found = at_dg(ville, id)
    assert (found.etat, found.decidee_par, found.decidee_le) == ("transmise", "Relais", le("2026-04-20 17:00"))
    assert facts(ville, id)[-1] == "instance.transmise"
    assert transmissions(ville) == [("20/04 17:00", *DIRECTION, [str(saisine)])]


def test_a_transmission_is_not_a_palier(ville):
    id, _ = climbed(ville)
    before = facts(ville, id).count("escalade.declenchee")
    assert at(ville, "2026-04-20 17:00") == 0
    assert facts(ville, id).count("escalade.declenchee") == before == 10


def test_two_of_one_closing_time_go_up_in_one_mail(ville):
    first = deposit(ville)
    second, _ = climbed(ville, "2026-04-20 17:00")
    (mail,) = transmissions(ville)
    assert mail[:2] == ("20/04 17:00", *DIRECTION)
    assert set(mail[2]) == {str(at_dg(ville, one).id) for one in (first, second)}


def two_closing_times(ville):
    """The town closed at 17:00, and at 18:00 since: two tickets of one evening go up an hour apart."""
    early = deposit(ville)
    configure(ville, lambda now: replace(now, calendrier=replace(now.calendrier, semaine=LATER)))
    return early, deposit(ville)


def test_a_later_one_the_same_day_waits_for_the_next_working_morning(ville):
    early, late = two_closing_times(ville)
    live(ville, "2026-04-20 18:00")
    assert at_dg(ville, late).etat == "transmise"
    for closed in ("2026-04-20 23:59", "2026-04-21 08:59"):
        at(ville, closed)
        assert [mail[0] for mail in transmissions(ville)] == ["20/04 17:00"]
    at(ville, "2026-04-21 09:00")
    assert [(mail[0], mail[2]) for mail in transmissions(ville)] == [
        ("20/04 17:00", [str(at_dg(ville, early).id)]),
        ("21/04 09:00", [str(at_dg(ville, late).id)]),
    ]


def test_what_waits_over_a_week_end_leaves_on_monday_morning(ville):
    ville.at(le("2026-04-07 18:12"))
    two_closing_times(ville)
    live(ville, "2026-04-24 18:00")
    for closed in ("2026-04-25 10:00", "2026-04-26 10:00", "2026-04-27 08:59"):
        at(ville, closed)
    assert [mail[0] for mail in transmissions(ville)] == ["24/04 17:00"]
    at(ville, "2026-04-27 09:00")
    assert [mail[0] for mail in transmissions(ville)] == ["24/04 17:00", "27/04 09:00"]


def test_one_that_ended_before_the_grouped_mail_left_is_not_in_it(ville):
    _, late = two_closing_times(ville)
    live(ville, "2026-04-20 18:00")
    done(ville, late)
    at(ville, "2026-04-21 09:00")
    assert [mail[0] for mail in transmissions(ville)] == ["20/04 17:00"]
    assert at_dg(ville, late).etat == "retiree"


def test_one_already_announced_stays_transmitted_when_it_is_done(ville):
    id, _ = climbed(ville, "2026-04-20 17:00")
    done(ville, id)
    assert at_dg(ville, id).etat == "transmise"


def test_the_second_tour_goes_up_anew(ville):
    id, first = climbed(ville, "2026-04-20 17:00")
    ville.at(le("2026-04-21 10:00"))
    done(ville, id)
    act(ville, "relais", rouvrir, id, motif="pas_resolu", commentaire="Toujours là.", photos=())
    live(ville, "2026-05-29 17:00")
    assert at_dg(ville, id).id != first
    assert [mail[2] for mail in transmissions(ville)] == [[str(first)], [str(at_dg(ville, id).id)]]


def test_a_file_decided_in_time_does_not_go_up_with_the_others(ville):
    decided = deposit(ville)
    other, _ = climbed(ville)
    act(ville, "pilote", retirer, at_dg(ville, decided).id, motif="Réglé par téléphone.")
    live(ville, "2026-04-20 17:00")
    assert [mail[2] for mail in transmissions(ville)] == [[str(at_dg(ville, other).id)]]


def test_no_mail_to_the_acteur_or_to_the_author_when_a_file_goes_up(ville):
    id, _ = climbed(ville)
    before = mails(ville, id)
    live(ville, "2026-04-20 17:00")
    assert mails(ville, id) == before
    assert AGENCE not in {mail.a for mail in mails(ville, None)}


# --- the town that chose to remind


def rappeler(now):
    return replace(now, sans_decision=replace(now.sans_decision, faire=SansDecision.RAPPELER))


def test_a_town_may_choose_that_the_pilote_is_reminded_and_nothing_goes_up(ville):
    configure(ville, rappeler)
    id, saisine = climbed(ville, "2026-04-28 17:00")
    found = mails(ville, id, "decision")
    reminded = sorted((mail.le, mail.a) for mail in found if mail.donnees.get("rappel"))
    assert reminded == sorted((day, one) for day in ("20/04 17:00", "23/04 17:00", "28/04 17:00") for one in PILOTES)
    assert (at_dg(ville, id).id, at_dg(ville, id).etat) == (saisine, EtatSaisine.INSCRITE)
    assert at_dg(ville, id).decision_avant == le("2026-05-04 17:00")  # 1 May is a holiday
    assert not transmissions(ville)


def test_a_reminder_is_void_once_it_is_done(ville):
    configure(ville, rappeler)
    id, _ = climbed(ville, "2026-04-20 17:00")
    done(ville, id)
    assert {mail.etat for mail in mails(ville, id, "decision")} == {EtatEnvoi.ANNULE}


def test_the_choice_of_the_day_it_was_born_holds(ville):
    id = deposit(ville, theme=TROTTOIR)
    configure(ville, rappeler)
    live(ville, "2026-06-01 17:00")
    assert at_dg(ville, id).etat == "transmise"
    assert read(ville, lambda session: session.now) == le("2026-06-01 17:00")


def test_what_goes_up_while_nobody_sits_there_is_told_to_the_first_who_does(ville):
    _, saisine = climbed(ville)
    seat(ville, actif=False)
    live(ville, "2026-04-20 17:00")
    assert not transmissions(ville)
    seat(ville, actif=True)
    at(ville, "2026-04-22 10:00")
    assert transmissions(ville) == [("22/04 10:00", *DIRECTION, [str(saisine)])]


def seat(ville, *, actif):
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Personne).where(Personne.identifiant.in_(DIRECTION)).values(actif=actif))
