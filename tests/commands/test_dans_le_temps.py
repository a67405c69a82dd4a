"""What a town changes while signalements are open: who answers, what is promised, and where the quartier ends."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from commands.factories import (
    DELAISSE,
    ERABLES,
    TROTTOIR,
    act,
    clocks,
    configure,
    deposit,
    facts,
    mails,
    photo,
    ticket,
)

from relais.commands.corrections import corriger
from relais.commands.signalement import submit_signalement
from relais.commands.verbes import intervenir, rouvrir
from relais.rules.configuration import PROMIS, Perimetre, TypeZone, Zone
from relais.rules.delais import Duree, Unite
from relais.rules.depot import Correction, Depot, Position

FRICHE = (0.41767, 48.10437)
"""Its gestionnaire changes on the first of January 2026."""


def seen(ville, when):
    """A broken pavement on the friche, seen then and signalled now."""
    with ville.as_("relais") as session, session.begin():
        depot = Depot(TROTTOIR, when, lon=FRICHE[0], lat=FRICHE[1], precision_m=1.0)
        return submit_signalement(session, caller=session.caller, id=uuid4(), depot=depot, now=session.now)[0].id


def elsewhere(c):
    """Other acteurs for everything: a version that would move every ticket."""
    return replace(c, regles=tuple(replace(one, confier_a="region") for one in c.regles))


@pytest.mark.parametrize(
    ("when", "acteur", "emprise"),
    [
        (datetime(2025, 12, 31, 22, 59, tzinfo=UTC), "lisse-agglo", "friche-tanneries-2025"),
        (datetime(2025, 12, 31, 23, 0, tzinfo=UTC), "regie-tilleuls", "friche-tanneries-2026"),
    ],
    ids=["a minute before midnight in the town", "at midnight"],
)
def test_a_friche_that_changes_hands_is_whoever_s_it_was_the_day_it_was_seen(ville, when, acteur, emprise):
    one = ticket(ville, seen(ville, when))
    assert (one.acteur, one.emprise) == (acteur, emprise)


def test_a_pin_moved_later_is_still_routed_on_the_day_it_was_seen(ville):
    id = seen(ville, datetime(2025, 12, 31, 12, tzinfo=UTC))
    moved = Position(FRICHE[0] + 0.00001, FRICHE[1], 1.0, "carte")
    assert act(ville, "relais", corriger, id, correction=Correction(position=moved)).acteur == "lisse-agglo"


def test_a_new_version_moves_no_old_ticket_in_silence(ville):
    id = deposit(ville)
    before, told, letters = ticket(ville, id), facts(ville, id), mails(ville, id)
    configure(ville, elsewhere)
    assert ticket(ville, deposit(ville)).acteur == "region"
    after = ticket(ville, id)
    for column in ("acteur", "regle", "emprise", "explication", "version", "revision", "informes", "zones"):
        assert getattr(after, column) == getattr(before, column), column
    assert (facts(ville, id), mails(ville, id)) == (told, letters)


def test_only_a_correction_routes_it_by_the_new_version_and_says_so(ville):
    id = deposit(ville)
    configure(ville, elsewhere)
    act(ville, "relais", corriger, id, correction=Correction(description="Deux matelas."))
    assert ticket(ville, id).acteur == "habitat-lisse"
    nudged = Position(ERABLES[0] + 0.00001, ERABLES[1], 1.0, "carte")
    assert act(ville, "relais", corriger, id, correction=Correction(position=nudged)).acteur == "region"
    assert facts(ville, id)[-2:] == ["signalement.corrige", "signalement.reaffecte"]
    assert "(Région, service des lycées)" in ticket(ville, id).explication


def test_a_promise_changed_since_is_not_the_one_of_an_open_ticket_even_reopened(ville):
    """Trap 16: what was said stays said, in the next tour too."""
    id = deposit(ville)
    said = clocks(ville, id)["traitement", 1]
    year = Duree(300, Unite.JOURS_OUVRES)
    longer = dict.fromkeys(PROMIS, year)
    configure(ville, lambda c: replace(c, engagements=tuple(replace(e, delais=longer) for e in c.engagements)))
    kept = clocks(ville, id)["traitement", 1]
    assert (kept.echeance, kept.valeur, kept.unite) == (said.echeance, said.valeur, said.unite)
    act(ville, "agent", intervenir, id, commentaire="Enlevé.", nature="durable", photos=[photo("apres")])
    act(ville, "relais", rouvrir, id, motif="non_resolu", commentaire="Encore là.", photos=[])
    again = clocks(ville, id)["traitement", 2]
    assert (again.valeur, again.unite) == (said.valeur, said.unite)
    assert clocks(ville, deposit(ville))["traitement", 1].valeur == year.valeur


def test_a_qpv_redrawn_in_2024_leaves_what_was_signalled_in_that_of_2015(ville):
    """Trap 19: two lists of quartiers, QP then QN; each ticket keeps the one it was born under."""
    old = deposit(ville, theme=TROTTOIR, place=ERABLES)
    assert "tilleuls" in ticket(ville, old).zones
    redrawn = Zone("tilleuls-2024", "Les Tilleuls", TypeZone.QPV, square(DELAISSE), "QN09901M")

    def in_2024(c):
        zones = tuple(one for one in c.zones if one.type is not TypeZone.QPV)
        engagements = tuple(one for one in c.engagements if one.zone != "tilleuls")
        regles = tuple(one for one in c.regles if one.zone != "tilleuls")
        instances = tuple(replace(one, zone=None) if one.zone == "tilleuls" else one for one in c.instances)
        narrow = {"perimetre": Perimetre.QPV, "competent_ailleurs": "Mairie, 02 61 91 00 00"}
        said = {"zones": (*zones, redrawn), "engagements": engagements, "regles": regles, "instances": instances}
        return replace(c, **said, **narrow)

    configure(ville, in_2024)
    inside, outside = (ticket(ville, deposit(ville, theme=TROTTOIR, place=one)) for one in (DELAISSE, ERABLES))
    assert "tilleuls-2024" in inside.zones
    assert (outside.statut, "tilleuls-2024" in outside.zones) == ("reoriente", False)
    kept = ticket(ville, old)
    assert (kept.statut, "tilleuls" in kept.zones) == ("affecte", True)


def square(place, half=0.0004):
    west, east, south, north = place[0] - half, place[0] + half, place[1] - half, place[1] + half
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }
