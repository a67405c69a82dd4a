"""What comes back after it was done: the art of repetition."""

from dataclasses import replace
from uuid import uuid4

import pytest
from commands.factories import (
    DEPOT_SAUVAGE,
    ERABLES,
    FUITE,
    PILOTES,
    RUE_ERABLES,
    act,
    at,
    configure,
    deposit,
    facts,
    mails,
    photo,
    read,
    ticket,
    to,
)
from sqlalchemy import select

from relais.commands.corrections import corriger
from relais.commands.rattachement import rattacher
from relais.commands.signalement import submit_signalement
from relais.commands.verbes import clore, intervenir, rouvrir
from relais.rules.configuration import Perimetre, Voisinage
from relais.rules.depot import Correction, Depot
from relais.tables.evenement import Evenement

DAY = "2026-04-{:02} 10:00"
NORTH_20M = (ERABLES[0], ERABLES[1] + 20 / 111_195)
NORTH_30M = (ERABLES[0], ERABLES[1] + 30 / 111_195)


def treated(ville, day, *, close=True, **place):
    """Signalled, treated that day, and closed by its author."""
    at(ville, DAY.format(day))
    id = deposit(ville, **place)
    act(ville, "agent", intervenir, id, commentaire="Enlevé.", nature="durable", photos=[photo("apres")])
    if close:
        act(ville, "relais", clore, id)
    return id


def deposit_seen(ville, seen):
    """Sent now, seen then: a telephone that was out of reach."""
    with ville.as_("relais") as session, session.begin():
        depot = Depot(DEPOT_SAUVAGE, seen, lon=ERABLES[0], lat=ERABLES[1], precision_m=1.0, photos=(photo(),))
        return submit_signalement(session, caller=session.caller, id=uuid4(), depot=depot, now=session.now)[0].id


def said(ville, id):
    wanted = select(Evenement.donnees).where(Evenement.signalement_id == id, Evenement.type == "signalement.recurrent")
    return read(ville, lambda session: session.scalar(wanted))


def test_twelve_days_after_closing_twenty_metres_away_it_is_the_return_and_the_pilotes_are_told(ville):
    first = treated(ville, 1)
    at(ville, DAY.format(13))
    id = deposit(ville, place=NORTH_20M, who="relais2")
    assert ticket(ville, id).recurrence_de == first
    assert said(ville, id) == {"de": ticket(ville, first).numero, "jours": 12, "fois": 1}
    assert facts(ville, id) == ["signalement.recu", "signalement.affecte", "signalement.recurrent"]
    [*told] = mails(ville, id, "recurrence")
    assert set(to(told)) == PILOTES
    assert told[0].donnees["precedents"] == [str(first)]


def test_done_and_not_yet_closed_counts_as_well(ville):
    first = treated(ville, 1, close=False)
    at(ville, DAY.format(3))
    assert ticket(ville, deposit(ville, who="relais2")).recurrence_de == first


@pytest.mark.parametrize(
    ("day", "place", "theme"),
    [(13, NORTH_30M, DEPOT_SAUVAGE), (13, ERABLES, FUITE)],
    ids=["thirty metres away", "something else"],
)
def test_elsewhere_or_otherwise_nothing_came_back(ville, day, place, theme):
    treated(ville, 1)
    at(ville, DAY.format(day))
    id = deposit(ville, place=place, theme=theme)
    assert (ticket(ville, id).recurrence_de, said(ville, id)) == (None, None)


def test_after_the_window_of_its_theme_nothing_came_back(ville):
    def shorter(c):
        rule = Voisinage(25, 10)
        return replace(c, themes=tuple(replace(t, recurrence=rule) for t in c.themes))

    configure(ville, shorter)
    treated(ville, 1)
    at(ville, DAY.format(12))
    assert ticket(ville, deposit(ville)).recurrence_de is None


def test_seen_before_it_was_done_and_sent_after_it_is_not_its_return(ville):
    at(ville, DAY.format(1))
    first, seen = deposit(ville, who="relais2"), read(ville, lambda session: session.now)
    at(ville, DAY.format(2))
    act(ville, "agent", intervenir, first, commentaire="Enlevé.", nature="durable", photos=[photo("apres")])
    at(ville, DAY.format(3))
    assert ticket(ville, deposit_seen(ville, seen)).recurrence_de is None


def test_days_and_the_window_are_those_of_the_day_it_was_seen(ville):
    configure(ville, lambda c: replace(c, themes=tuple(replace(t, recurrence=Voisinage(25, 10)) for t in c.themes)))
    first = treated(ville, 1)
    at(ville, DAY.format(9))
    seen = read(ville, lambda session: session.now)
    at(ville, DAY.format(14))
    id = deposit_seen(ville, seen)
    assert (ticket(ville, id).recurrence_de, said(ville, id)["jours"]) == (first, 8)


def test_a_third_time_is_counted(ville):
    treated(ville, 1)
    second = treated(ville, 8)
    at(ville, DAY.format(13))
    id = deposit(ville)
    assert said(ville, id) == {"de": ticket(ville, second).numero, "jours": 5, "fois": 2}


def test_seen_by_several_people_one_return_is_told_once(ville):
    first = treated(ville, 1)
    at(ville, DAY.format(13))
    back = deposit(ville, who="relais2")
    ville.forward(minutes=3)
    again = deposit(ville)
    assert [ticket(ville, id).recurrence_de for id in (back, again)] == [first, None]
    assert mails(ville, again, "recurrence") == []


def test_what_was_reopened_is_not_what_was_done(ville):
    first = treated(ville, 1)
    act(ville, "relais", rouvrir, first, motif="non_resolu", commentaire="Encore là.", photos=[])
    at(ville, DAY.format(13))
    assert ticket(ville, deposit(ville, who="relais2")).recurrence_de is None


def test_a_doublon_is_the_return_of_nothing(ville):
    treated(ville, 1)
    at(ville, DAY.format(13))
    back, other = deposit(ville, who="relais2"), deposit(ville, place=RUE_ERABLES)
    act(ville, "pilote", rattacher, back, signalement=other)
    assert ticket(ville, back).recurrence_de is None


def test_said_to_be_something_else_it_is_the_return_of_nothing(ville):
    treated(ville, 1)
    at(ville, DAY.format(13))
    back = deposit(ville, who="relais2")
    act(ville, "pilote", corriger, back, correction=Correction(theme="proprete.encombrants"))
    assert ticket(ville, back).recurrence_de is None


def test_what_the_demarche_does_not_follow_comes_back_to_nobody_here(ville):
    treated(ville, 1)
    configure(ville, lambda c: replace(c, perimetre=Perimetre.QPV, zones=()))
    at(ville, DAY.format(13))
    id = deposit(ville)
    assert (ticket(ville, id).statut, ticket(ville, id).recurrence_de) == ("reoriente", None)
