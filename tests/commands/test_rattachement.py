"""One thing signalled twice: who may say so, what stops, who is told, and what can never be."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from commands.factories import (
    AGENCE,
    DELAISSE,
    ERABLES,
    FRICHE,
    PILOTES,
    RUE_ERABLES,
    act,
    agendas,
    clocks,
    deposit,
    elsewhere,
    facts,
    live,
    mails,
    photo,
    read,
    running,
    ticket,
    to,
)
from conftest import MARDI, Ville
from refus import rows
from sqlalchemy import func, select, update

from relais.caller import Door, Identity
from relais.commands.abonnement import ne_plus_suivre, suivre
from relais.commands.corrections import corriger, retirer
from relais.commands.personne import suspend_personne
from relais.commands.publication import publier
from relais.commands.rattachement import detacher, rattacher
from relais.commands.verbes import clore, intervenir, prendre_en_charge, repondre, rouvrir
from relais.commands.webhook import create_webhook
from relais.db import make_engine
from relais.errors import ActionInterdite, DoublonImpossible, SignalementIntrouvable, TransitionImpossible
from relais.queries.changement import list_changements
from relais.rules.depot import Correction, Position
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.signalement import Abonnement, Rappel, Signalement

PREMIERE, SECONDE = "relais@demo.test", "relais2@demo.test"
DONE = {"commentaire": "Enlevé chez Mme Untel.", "nature": "durable"}
HALL = "habitat.hall"
NORTH_10M = (ERABLES[0], ERABLES[1] + 10 / 111_195)
CLOCKS = ("prise_en_charge", "reponse", "traitement")


def two(ville: Ville, **place) -> tuple[UUID, UUID]:
    """The same heap, signalled by two people three minutes apart."""
    first = deposit(ville, **place)
    ville.forward(minutes=3)
    return first, deposit(ville, who="relais2", **place)


def attach(ville: Ville, id: UUID, to_: UUID, who: str | Identity = "pilote"):
    return act(ville, who, rattacher, id, signalement=to_)


def done(ville: Ville, id: UUID):
    return act(ville, "agent", intervenir, id, **DONE, photos=[photo("apres")])


def following(ville: Ville, id: UUID) -> int:
    wanted = select(func.count()).where(Abonnement.signalement_id == id)
    return read(ville, lambda session: session.scalar(wanted))


@pytest.fixture
def town(clone):
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    yield ville
    engine.dispose()


# --- attaching


def test_the_one_speaks_for_the_other_whose_clocks_stop_and_agendas_are_cleared(ville):
    id = deposit(ville)
    live(ville, "2026-04-10 18:00")
    principal = deposit(ville, who="relais2")
    assert agendas(ville, id)
    attach(ville, id, principal)
    kept = ticket(ville, id)
    assert (kept.statut, kept.doublon_de, kept.acteur, kept.recurrence_de) == (
        "doublon", principal, "habitat-lisse", None,
    )  # fmt: skip
    assert running(ville, id) == set()
    assert {one.etat for one in agendas(ville, id).values()} == {"retiree"}
    assert read(ville, lambda s: s.scalar(select(func.count()).where(Rappel.signalement_id == id))) == 0
    assert running(ville, principal) == {(one, 1) for one in CLOCKS}


def test_both_tickets_are_revised_and_both_come_in_the_feed(town):
    first, second = two(town)

    def feed(who: str, depuis: str | None):
        with town.as_(who) as session, session.begin():
            return list_changements(session, reader=session.caller, depuis=depuis, limite=50)

    before = {who: feed(who, None).curseur for who in ("pilote", "relais", "relais2")}
    revisions = [ticket(town, id).revision for id in (first, second)]
    attach(town, second, first)
    assert [ticket(town, id).revision for id in (first, second)] == [one + 1 for one in revisions]
    assert {one.id for one in feed("pilote", before["pilote"]).changements} == {first, second}
    assert [one.id for one in feed("relais", before["relais"]).changements] == [first]
    assert [one.id for one in feed("relais2", before["relais2"]).changements] == [second]


def test_the_public_does_not_see_a_doublon(ville):
    first, second = two(ville)
    act(ville, "pilote", publier, second, photos=None)
    attach(ville, second, first)
    assert ticket(ville, second).publie_le is None


def test_both_authors_are_told_and_the_second_follows_the_first(ville):
    first, second = two(ville)
    attach(ville, second, first)
    assert to(mails(ville, second, "rattache")) == [SECONDE]
    assert to(mails(ville, first, "suivi")) == [PREMIERE]
    assert (following(ville, first), following(ville, second)) == (1, 0)
    assert facts(ville, second)[-1] == "signalement.rattache"
    assert facts(ville, first)[-1] == "signalement.regroupe"


def test_somebody_who_signalled_it_twice_is_told_once(ville):
    first, second = deposit(ville), deposit(ville)
    attach(ville, second, first)
    assert to(mails(ville, second, "rattache")) == [PREMIERE]
    assert mails(ville, first, "suivi") == []
    assert following(ville, first) == 0


def test_letters_not_left_stay_and_the_acteur_that_had_heard_of_it_is_told(ville):
    first, unheard = two(ville)
    heard = deposit(ville, who="relais2")
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Envoi).where(Envoi.signalement_id == heard).values(etat=EtatEnvoi.ENVOYE, due_at=None))
    for id in (unheard, heard):
        attach(ville, id, first)
    assert [one.etat for one in mails(ville, unheard, "affectation")] == [EtatEnvoi.ANNULE]
    assert to(mails(ville, unheard, "rattache")) == [SECONDE]
    assert to(mails(ville, heard, "rattache")) == [AGENCE, SECONDE]


def test_what_was_just_done_may_speak_for_what_is_signalled_again(ville):
    first, second = two(ville)
    done(ville, first)
    attach(ville, second, first)
    assert ticket(ville, second).doublon_de == first


def test_a_webhook_hears_of_the_doublon_and_of_nothing_that_is_for_relais_alone(ville, keys):
    where = {"url": "https://habitat.example/x", "types": (), "acteur": "habitat-lisse"}
    with ville.as_("admin") as session, session.begin():
        create_webhook(session, caller=session.caller, box=keys.box, now=session.now, **where)
    first, second = two(ville)
    attach(ville, second, first)
    act(ville, "pilote", detacher, second)
    wanted = select(Envoi.gabarit, Envoi.signalement_id).where(Envoi.canal == Canal.WEBHOOK)
    heard = read(ville, lambda session: session.execute(wanted.where(Envoi.gabarit.like("%tache"))).all())
    assert sorted(heard) == [("signalement.detache", second), ("signalement.rattache", second)]
    everything = read(ville, lambda session: session.execute(wanted).all())
    assert not {kind for kind, _ in everything} & {"signalement.regroupe", "signalement.separe", "signalement.suivi"}


# --- who


@pytest.mark.parametrize("who", ["relais", "elu", "agent", "direction_generale", "admin"])
def test_nobody_attaches_but_the_pilote_and_the_responsable_of_its_acteur(ville, who):
    first, second = deposit(ville), deposit(ville)
    with pytest.raises(ActionInterdite):
        attach(ville, second, first, who)


def test_the_responsable_attaches_to_what_it_sees_alone(ville):
    first, second = two(ville)
    elsewhere = deposit(ville, place=RUE_ERABLES)
    with pytest.raises(DoublonImpossible, match="visible"):
        attach(ville, second, elsewhere, "responsable")
    attach(ville, second, first, "responsable")
    with pytest.raises(SignalementIntrouvable):
        attach(ville, elsewhere, first, "responsable")


FAR = (ERABLES[0], ERABLES[1] + 40 / 111_195)
BURIED = {
    "something else": ("autre thème", lambda ville: deposit(ville, theme=HALL, who="relais2")),
    "done already": ("Traité", lambda ville: done(ville, deposit(ville, who="relais2")).id),
    "too far": ("à 40 m", lambda ville: deposit(ville, place=FAR, who="relais2")),
}


@pytest.mark.parametrize("what", BURIED)
def test_the_responsable_does_not_bury_its_promises_under(ville, what):
    said, make = BURIED[what]
    id, other = deposit(ville), make(ville)
    with pytest.raises(DoublonImpossible) as refused:
        attach(ville, id, other, "responsable")
    assert said in refused.value.errors[0].detail
    assert ticket(ville, id).statut == "affecte"
    attach(ville, id, other)


def test_the_pilotes_are_told_of_what_a_responsable_attaches_and_not_of_what_they_do(ville):
    first, second = two(ville)
    attach(ville, second, first, "responsable")
    assert set(to(mails(ville, second, "rattache"))) == {SECONDE, *PILOTES}
    third = deposit(ville, who="relais2")
    attach(ville, third, first)
    assert to(mails(ville, third, "rattache")) == [SECONDE]


def test_what_should_have_closed_by_now_speaks_for_nothing_more(ville):
    first = deposit(ville, who="relais2")
    done(ville, first)
    ville.forward(days=45)
    with pytest.raises(DoublonImpossible, match="Clos"):
        attach(ville, deposit(ville), first)


# --- what others count on


def test_its_author_alone_neither_withdraws_nor_moves_what_speaks_for_others(ville):
    first, second = two(ville)
    attach(ville, second, first)
    moves = Correction(theme=HALL), Correction(position=Position(*RUE_ERABLES, 3.0))
    refused = [(retirer, {"motif": "Je me suis trompée."}), *((corriger, {"correction": one}) for one in moves)]
    before = rows(ville)
    for verb, said in refused:
        with pytest.raises(TransitionImpossible, match="comptent sur ce signalement") as why:
            act(ville, "relais", verb, first, **said)
        assert "retraits" not in why.value.extra["actions"]
    assert rows(ville) == before
    act(ville, "relais", corriger, first, correction=Correction(description="Un matelas et deux chaises."))
    act(ville, "pilote", corriger, first, correction=Correction(position=Position(*NORTH_10M, 3.0)))
    act(ville, "pilote", retirer, first, motif="Enlevé par quelqu'un.")
    assert ticket(ville, first).statut == "retire"


def test_who_signalled_it_twice_takes_it_back_alone(ville):
    first, second = deposit(ville), deposit(ville)
    attach(ville, second, first)
    act(ville, "relais", retirer, first, motif="Je me suis trompée.")
    assert ticket(ville, first).statut == "retire"


# --- what can never be


IMPOSSIBLE = {
    "nothing": lambda _: uuid4(),
    "of another territoire": elsewhere,
    "a doublon": lambda ville: attach(ville, deposit(ville), deposit(ville)).id,
    "closed": lambda ville: act(ville, "relais", clore, done(ville, deposit(ville)).id).id,
    "withdrawn": lambda ville: act(ville, "relais", retirer, deposit(ville), motif="Enlevé.").id,
}


@pytest.mark.parametrize("what", ["itself", *IMPOSSIBLE])
def test_it_is_never_attached_to(ville, what):
    id = deposit(ville, who="relais2")
    other = IMPOSSIBLE[what](ville) if what in IMPOSSIBLE else id
    before = rows(ville), ticket(ville, id).revision
    with pytest.raises(DoublonImpossible) as refused:
        attach(ville, id, other)
    assert [one.pointer for one in refused.value.errors] == ["/signalement"]
    assert (rows(ville), ticket(ville, id).revision) == before


def test_there_is_never_a_chain_nor_a_ring(ville):
    first, second = two(ville)
    third = deposit(ville)
    attach(ville, second, first)
    with pytest.raises(DoublonImpossible, match="déjà rattachés"):
        attach(ville, first, third)
    with pytest.raises(DoublonImpossible, match="lui-même un doublon"):
        attach(ville, third, second)
    with pytest.raises(DoublonImpossible):
        attach(ville, first, second)
    attach(ville, third, first)
    assert {ticket(ville, id).doublon_de for id in (second, third)} == {first}


@pytest.mark.parametrize("verb", [clore, prendre_en_charge])
def test_nothing_is_done_to_a_doublon_but_detaching_it(ville, verb):
    first, second = two(ville)
    attach(ville, second, first)
    with pytest.raises(TransitionImpossible) as refused:
        act(ville, "pilote" if verb is clore else "agent", verb, second)
    known = ["detachements", "abonnements"] if verb is clore else ["abonnements"]
    assert refused.value.extra == {"statut": "doublon", "actions": known}


# --- the news of the one reach the author of the other


def test_from_then_on_the_second_author_has_the_news_of_the_first(ville):
    first, second = two(ville)
    attach(ville, second, first)
    etape = {"nature": "operationnelle", "texte": "Mme Untel nous attend mardi.", "etape": None}
    act(ville, "agent", repondre, first, **etape)
    done(ville, first)
    act(ville, "relais", rouvrir, first, motif="non_resolu", commentaire="Chez Mme Untel, encore.", photos=[])
    done(ville, first)
    act(ville, "relais", clore, first)
    told = [one.donnees["nouvelle"] for one in mails(ville, first, "suivi") if one.a == SECONDE]
    assert sorted(told) == [
        "signalement.clos",
        "signalement.repondu",
        "signalement.rouvert",
        "signalement.traite",
        "signalement.traite",
    ]
    assert {one.a for one in mails(ville, first, "reponse", "traite")} == {PREMIERE}


def test_thirty_days_later_it_closes_by_itself_and_the_second_author_is_told(ville):
    first, second = two(ville)
    attach(ville, second, first)
    done(ville, first)
    live(ville, "2026-05-05 12:00")
    assert ticket(ville, first).statut == "clos"
    assert [one.donnees["nouvelle"] for one in mails(ville, first, "suivi")][-1] == "signalement.clos"


@pytest.mark.parametrize("what", ["taken in charge", "closed by itself"])
def test_what_becomes_of_the_one_is_in_the_feed_of_the_other_s_author(town, what):
    first, second = two(town)
    attach(town, second, first)
    if what == "closed by itself":
        done(town, first)

    def feed(depuis: str | None):
        with town.as_("relais2") as session, session.begin():
            return list_changements(session, reader=session.caller, depuis=depuis, limite=50)

    before, revision = feed(None).curseur, ticket(town, second).revision
    if what == "closed by itself":
        live(town, "2026-05-05 12:00")
        assert ticket(town, first).statut == "clos"
    else:
        act(town, "agent", prendre_en_charge, first)
    assert [one.id for one in feed(before).changements] == [second]
    assert ticket(town, second).revision == revision + 1


def test_when_the_one_is_withdrawn_the_second_author_is_told(ville):
    first, second = two(ville)
    attach(ville, second, first)
    act(ville, "pilote", retirer, first, motif="Enlevé par quelqu'un.")
    told = {(one.a, one.donnees["nouvelle"]) for one in mails(ville, first, "suivi")}
    assert told == {(PREMIERE, "signalement.regroupe"), (SECONDE, "signalement.retire")}
    assert ticket(ville, second).statut == "doublon"


def test_whoever_followed_the_doublon_follows_the_one_that_speaks_for_it(ville):
    first, second = two(ville)
    act(ville, "elu", suivre, second)
    attach(ville, second, first)
    assert to(mails(ville, second, "suivi")) == ["elu@demo.test"]
    done(ville, first)
    assert to(mails(ville, first, "suivi")) == ["elu@demo.test", SECONDE, PREMIERE]


def test_who_has_been_suspended_is_written_nothing(ville):
    first, second = two(ville)
    attach(ville, second, first)
    with ville.session(Door.OWNER) as session, session.begin():
        suspend_personne(session, identifiant=SECONDE)
    done(ville, first)
    assert SECONDE not in to(mails(ville, first, "suivi"))


def test_the_second_author_may_ask_for_silence_and_for_news_again(ville):
    first, second = two(ville)
    attach(ville, second, first)
    act(ville, "relais2", ne_plus_suivre, second)
    done(ville, first)
    assert SECONDE not in to(mails(ville, first, "suivi"))
    act(ville, "relais2", suivre, second)
    act(ville, "relais", clore, first)
    assert SECONDE in to(mails(ville, first, "suivi"))


# --- detaching


def test_what_was_something_else_goes_on_by_itself_with_new_promises(ville):
    first, second = two(ville)
    attach(ville, second, first)
    ville.forward(hours=1)
    act(ville, "pilote", detacher, second)
    kept = ticket(ville, second)
    assert (kept.statut, kept.doublon_de, kept.motif) == ("affecte", None, None)
    assert running(ville, second) == {(one, 2) for one in CLOCKS}
    started = {one.commence_le for key, one in clocks(ville, second).items() if key[1] == 2}  # the second tour
    assert started == {kept.modifie_le.replace(microsecond=0)}
    assert to(mails(ville, second, "detache")) == [SECONDE]
    assert to(mails(ville, second, "affectation")) == [AGENCE, AGENCE]
    assert [one.donnees["nouvelle"] for one in mails(ville, first, "suivi")] == [
        "signalement.regroupe",
        "signalement.separe",
    ]
    assert facts(ville, second)[-1] == "signalement.detache"
    done(ville, first)
    assert SECONDE not in to(mails(ville, first, "suivi"))


def test_what_nobody_answered_for_waits_for_the_pilote_again(ville):
    first, second = two(ville, theme=FRICHE, place=DELAISSE)
    attach(ville, second, first)
    act(ville, "pilote", detacher, second)
    kept = ticket(ville, second)
    assert (kept.statut, kept.motif) == ("a_qualifier", "indetermine")
    assert set(to(mails(ville, second, "a_qualifier"))) == PILOTES


def test_detached_those_who_came_with_it_leave_and_who_had_asked_for_himself_stays(ville):
    first, second = two(ville)
    act(ville, "pilote", publier, first, photos=None)
    act(ville, "relais2", suivre, first)
    act(ville, "elu", suivre, second)
    ville.forward(minutes=3)
    attach(ville, second, first)
    assert following(ville, first) == 2
    act(ville, "pilote", detacher, second)
    done(ville, first)
    assert [one.a for one in mails(ville, first, "suivi") if one.donnees["nouvelle"] == "signalement.traite"] == [
        SECONDE
    ]
    assert following(ville, second) == 1


def test_who_has_another_doublon_of_it_still_has_its_news(ville):
    first, second = two(ville)
    third = deposit(ville, who="relais2")
    for id in (second, third):
        attach(ville, id, first)
    act(ville, "pilote", detacher, second)
    assert following(ville, first) == 1


def test_one_that_is_no_doublon_cannot_be_detached(ville):
    with pytest.raises(TransitionImpossible):
        act(ville, "pilote", detacher, deposit(ville))


def test_a_doublon_whose_other_one_was_erased_is_still_a_doublon_and_can_be_detached(ville):
    first, second = two(ville)
    attach(ville, second, first)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Signalement).where(Signalement.id == second).values(doublon_de=None))
    act(ville, "pilote", detacher, second)
    assert ticket(ville, second).statut == "affecte"


# --- at the same instant


def together(*acts):
    """Each in its own thread, all begun at once; what each answered or raised."""
    start = Barrier(len(acts))

    def run(do):
        start.wait(10)
        try:
            return do()
        except (DoublonImpossible, TransitionImpossible) as refused:
            return refused

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_two_pilotes_who_attach_each_to_the_other_make_one_doublon_and_no_deadlock(town):
    for _ in range(5):
        first, second = two(town)
        answers = together(
            lambda a=first, b=second: attach(town, a, b), lambda a=first, b=second: attach(town, b, a, "copilote")
        )
        assert sum(isinstance(one, Signalement) for one in answers) == 1
        assert sorted(ticket(town, id).statut for id in (first, second)) == ["affecte", "doublon"]


def test_a_verb_on_the_one_and_a_detachment_of_the_other_never_wait_for_each_other(town):
    etape = {"nature": "operationnelle", "texte": "Nous passons mardi matin.", "etape": None}
    for _ in range(5):
        first, second = two(town)
        for principal, other in ((first, second), (second, first)):
            attach(town, other, principal)
            together(
                lambda a=principal: act(town, "agent", repondre, a, **etape),
                lambda b=other: act(town, "pilote", detacher, b),
                lambda a=principal, b=other: attach(town, b, a, "copilote"),
            )
            if ticket(town, other).doublon_de:
                act(town, "pilote", detacher, other)
        assert {ticket(town, id).statut for id in (first, second)} == {"affecte"}


def test_a_chain_is_not_made_by_two_at_once_either(town):
    for _ in range(5):
        first, second = two(town)
        third = deposit(town)
        answers = together(
            lambda a=first, b=second: attach(town, a, b), lambda b=second, c=third: attach(town, b, c, "copilote")
        )
        assert sum(isinstance(one, Signalement) for one in answers) == 1
        with town.session(Door.OWNER) as session, session.begin():
            spoken = select(Signalement.doublon_de).where(Signalement.doublon_de.is_not(None))
            assert not session.scalar(
                select(func.count()).where(Signalement.id.in_(spoken), Signalement.doublon_de.is_not(None))
            )
