"""Following what others signalled: who may, what one is told, and when one is told no more."""

import pytest
from commands.factories import act, cle, deposit, facts, link, mails, photo, read, ticket, to
from sqlalchemy import func, select

from relais.caller import Door
from relais.commands.abonnement import ne_plus_suivre, suivre
from relais.commands.corrections import retirer
from relais.commands.personne import suspend_personne
from relais.commands.publication import depublier, publier
from relais.commands.rattachement import rattacher
from relais.commands.verbes import clore, intervenir, prendre_en_charge, reaffecter, repondre
from relais.errors import ActionInterdite, CompteSuspendu, SignalementIntrouvable
from relais.rules.refus import MotifDeRenvoi
from relais.tables.signalement import Abonnement

VOISINE = "relais2@demo.test"


@pytest.fixture
def publie(ville):
    """Published, and followed by a neighbour."""
    id = deposit(ville)
    act(ville, "pilote", publier, id, photos=None)
    act(ville, "relais2", suivre, id)
    return id


def news(ville, id):
    return [(one.a, one.donnees["nouvelle"]) for one in mails(ville, id, "suivi")]


def done(ville, id):
    act(ville, "agent", intervenir, id, commentaire="Enlevé.", nature="durable", photos=[photo("apres")])


def following(ville):
    return read(ville, lambda session: session.scalar(select(func.count()).select_from(Abonnement)))


def test_a_neighbour_has_the_news_of_what_is_published_and_of_nothing_else(ville, publie):
    act(ville, "agent", prendre_en_charge, publie)
    assert news(ville, publie) == []
    act(ville, "agent", repondre, publie, nature="operationnelle", texte="Passage mardi matin.", etape=None)
    done(ville, publie)
    act(ville, "relais", clore, publie)
    told = ["signalement.repondu", "signalement.traite", "signalement.clos"]
    assert sorted(news(ville, publie)) == sorted((VOISINE, one) for one in told)


def test_what_a_follower_cannot_read_he_cannot_follow(ville):
    id = deposit(ville)
    with pytest.raises(SignalementIntrouvable):
        act(ville, "relais2", suivre, id)
    with pytest.raises(SignalementIntrouvable):
        act(ville, "relais2", ne_plus_suivre, id)
    assert following(ville) == 0


def test_twice_is_once_and_nothing_of_the_signalement_changes(ville, publie):
    before = ticket(ville, publie).revision
    act(ville, "relais2", suivre, publie)
    assert (following(ville), ticket(ville, publie).revision) == (1, before)
    assert facts(ville, publie).count("signalement.suivi") == 1
    for _ in range(2):
        act(ville, "relais2", ne_plus_suivre, publie)
    assert (following(ville), ticket(ville, publie).revision) == (0, before)
    assert facts(ville, publie).count("signalement.plus_suivi") == 1
    done(ville, publie)
    assert news(ville, publie) == []


def test_its_author_is_told_already_and_follows_nothing(ville):
    id = deposit(ville)
    act(ville, "relais", suivre, id)
    assert following(ville) == 0


@pytest.mark.parametrize("who", ["a key", "a link"])
def test_a_program_and_a_link_follow_nothing(ville, who):
    id = deposit(ville)
    caller = cle(ville, "habitat-lisse") if who == "a key" else link("habitat-lisse")
    with pytest.raises(ActionInterdite):
        act(ville, caller, suivre, id)


def test_taken_back_from_the_public_a_neighbour_is_told_nothing_more_and_may_still_stop(ville, publie):
    act(ville, "pilote", depublier, publie, motif="Un visage est reconnaissable.")
    done(ville, publie)
    assert news(ville, publie) == []
    act(ville, "relais2", ne_plus_suivre, publie)
    assert following(ville) == 0


def test_news_that_has_not_left_does_not_once_it_is_taken_back_from_the_public(ville, publie):
    for who in ("elu", "agent"):
        act(ville, who, suivre, publie)
    done(ville, publie)
    act(ville, "pilote", depublier, publie, motif="Un visage est reconnaissable.")
    etats = {one.a: one.etat for one in mails(ville, publie, "suivi")}
    assert etats.pop(VOISINE) == "annule"
    assert etats == {"elu@demo.test": "en_attente"}


def test_whose_doublon_it_speaks_for_is_told_though_the_public_reads_it_no_more(ville, publie):
    act(ville, "pilote", rattacher, deposit(ville, who="relais2"), signalement=publie)
    done(ville, publie)
    act(ville, "pilote", depublier, publie, motif="Un visage est reconnaissable.")
    assert {one.etat for one in mails(ville, publie, "suivi")} == {"en_attente"}


def test_withdrawn_it_leaves_the_public_and_who_followed_it_is_told_so(ville, publie):
    act(ville, "relais", retirer, publie, motif="Je me suis trompée.")
    assert news(ville, publie) == [(VOISINE, "signalement.retire")]


def test_an_agent_whose_acteur_has_it_no_more_is_told_nothing_more(ville):
    id = deposit(ville)
    act(ville, "agent", suivre, id)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.PAS_MON_TERRAIN, acteur="proprete")
    act(ville, "pilote", repondre, id, nature="operationnelle", texte="La propreté passera mardi.", etape=None)
    assert news(ville, id) == []


def test_a_suspended_follower_is_told_nothing_and_asks_nothing(ville, publie):
    with ville.session(Door.OWNER) as session, session.begin():
        suspend_personne(session, identifiant=VOISINE)
    done(ville, publie)
    assert news(ville, publie) == []
    with pytest.raises(CompteSuspendu):
        act(ville, "relais2", suivre, publie)


def test_who_does_it_is_not_told_of_it(ville):
    id = deposit(ville)
    for who in ("elu", "pilote"):
        act(ville, who, suivre, id)
    act(ville, "pilote", repondre, id, nature="operationnelle", texte="Passage mardi matin.", etape=None)
    assert to(mails(ville, id, "suivi")) == ["elu@demo.test"]
