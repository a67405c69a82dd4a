"""Each verb of DESIGN §4: who, from where to where, which clocks stop, and what a refusal says."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from commands.factories import (
    AGENCE,
    DELAISSE,
    DEPOT_SAUVAGE,
    ERABLES,
    FUITE,
    PILOTES,
    RESPONSABLE_AGENCE,
    RUE_ERABLES,
    STATIONNEMENT,
    TROTTOIR,
    act,
    agendas,
    at,
    cle,
    clocks,
    configure,
    deposit,
    facts,
    le,
    link,
    live,
    mails,
    photo,
    running,
    ticket,
    to,
)

from relais.commands.verbes import (
    Etape,
    clore,
    intervenir,
    prendre_en_charge,
    reaffecter,
    repondre,
    rouvrir,
)
from relais.errors import (
    ActeurInconnu,
    ActionInterdite,
    ApresManquante,
    ChampInvalide,
    PhotoNonAutorisee,
    ReponseInutile,
    SignalementIntrouvable,
    TransitionImpossible,
)
from relais.rules.configuration import RegleDePhoto
from relais.rules.refus import MotifDeRenvoi
from relais.tables.echeance import EtatDelai
from relais.tables.envoi import EtatEnvoi

ALL = {("prise_en_charge", 1), ("reponse", 1), ("traitement", 1)}
BENNE = "Benne commandée, passage le 7 avril."
OPERATIONNELLE = {"nature": "operationnelle", "texte": BENNE, "etape": None}


def do(ville, who, id, **change):
    body = {"commentaire": "Enlevé.", "nature": "durable", "photos": [photo("apres")]} | change
    return act(ville, who, intervenir, id, **body)


def again(ville, who, id, photos=()):
    return act(ville, who, rouvrir, id, motif="pas_resolu", commentaire="Toujours là.", photos=photos)


def reassign(ville, who, id, acteur, motif=MotifDeRenvoi.PAS_MON_TERRAIN):
    return act(ville, who, reaffecter, id, motif=motif, acteur=acteur)


# --- prises-en-charge


@pytest.mark.parametrize("who", ["agent", "responsable", "cle", "link"])
def test_its_acteur_takes_charge_by_any_door_and_that_stops_one_clock(ville, who):
    id = deposit(ville)
    who = {"cle": cle(ville, "habitat-lisse"), "link": link("habitat-lisse")}.get(who, who)
    found = act(ville, who, prendre_en_charge, id)
    assert (found.statut, found.revision) == ("pris_en_charge", 2)
    assert running(ville, id) == ALL - {("prise_en_charge", 1)}
    assert facts(ville, id)[-1] == "signalement.pris_en_charge"


@pytest.mark.parametrize("who", ["relais", "elu", "pilote", "copilote", "direction_generale", "admin"])
def test_who_sees_but_is_not_its_acteur_may_not_take_charge(ville, who):
    id = deposit(ville)
    with pytest.raises(ActionInterdite):
        act(ville, who, prendre_en_charge, id)


@pytest.mark.parametrize("who", ["relais2", "agent.proprete", "cle"])
def test_who_does_not_see_it_is_told_there_is_nothing(ville, who):
    id = deposit(ville)
    with pytest.raises(SignalementIntrouvable):
        act(ville, cle(ville, None) if who == "cle" else who, prendre_en_charge, id)


def test_taking_charge_twice_says_what_is_possible(ville):
    id = deposit(ville)
    act(ville, "agent", prendre_en_charge, id)
    with pytest.raises(TransitionImpossible) as refused:
        act(ville, "agent", prendre_en_charge, id)
    assert refused.value.extra["actions"] == ["reponses", "interventions", "reaffectations", "abonnements"]
    assert refused.value.extra["statut"] == "pris_en_charge"


def test_what_stops_late_stays_late_and_says_when_it_stopped(ville):
    id = deposit(ville)
    ville.at(le("2026-04-01 15:01"))
    act(ville, "agent", prendre_en_charge, id)
    row = clocks(ville, id)["prise_en_charge", 1]
    assert (row.etat, row.arrete_le) == (EtatDelai.DEPASSE, le("2026-04-01 15:01"))


def test_what_stops_at_the_last_minute_is_kept(ville):
    id = deposit(ville)
    ville.at(le("2026-04-01 15:00"))
    act(ville, "agent", prendre_en_charge, id)
    assert clocks(ville, id)["prise_en_charge", 1].etat is EtatDelai.TENU


# --- reponses


@pytest.mark.parametrize("who", ["agent", "pilote"])
def test_a_useful_reponse_stops_two_clocks_and_not_the_repair(ville, who):
    id = deposit(ville)
    found = act(ville, who, repondre, id, **OPERATIONNELLE)
    assert found.statut == "affecte"
    assert running(ville, id) == {("traitement", 1)}
    assert to(mails(ville, id, "reponse")) == ["relais@demo.test"]


def test_a_reponse_speaks_for_a_function_never_for_a_person(ville):
    id = deposit(ville)
    assert act(ville, "agent", repondre, id, **OPERATIONNELLE).derniere_reponse["auteur"] == "Habitat Lisse"
    assert act(ville, "pilote", repondre, id, **OPERATIONNELLE).derniere_reponse["auteur"] == "Pilote GUSP"


@pytest.mark.parametrize("texte", ["", "   ", "OK", "vu, merci", "\n".join("merci")])
def test_an_empty_reponse_is_refused_where_it_is_empty_and_stops_nothing(ville, texte):
    id = deposit(ville)
    with pytest.raises(ReponseInutile) as refused:
        act(ville, "agent", repondre, id, nature="operationnelle", texte=texte, etape=None)
    assert [fault.pointer for fault in refused.value.errors] == ["/texte"]
    assert running(ville, id) == ALL


def test_an_explanation_without_a_dated_next_step_is_refused(ville):
    id = deposit(ville)
    with pytest.raises(ReponseInutile) as refused:
        act(ville, "agent", repondre, id, nature="explicative", texte=BENNE, etape=None)
    assert [fault.pointer for fault in refused.value.errors] == ["/prochaine_etape"]


def test_a_next_step_in_the_past_is_refused(ville):
    id = deposit(ville)
    with pytest.raises(ReponseInutile) as refused:
        act(ville, "agent", repondre, id, nature="explicative", texte=BENNE, etape=Etape("Benne", date(2026, 3, 30)))
    assert [fault.pointer for fault in refused.value.errors] == ["/prochaine_etape/le"]


def test_the_pilote_answers_for_what_nobody_has_yet(ville):
    id = deposit(ville, theme=TROTTOIR, place=DELAISSE)
    assert act(ville, "pilote", repondre, id, **OPERATIONNELLE).statut == "a_qualifier"
    assert running(ville, id) == {("traitement", 1)}


# --- interventions


def test_done_stops_every_clock_and_tells_the_author(ville):
    id = deposit(ville)
    found = do(ville, "agent", id)
    assert (found.statut, found.traite_le) == ("traite", le("2026-03-31 18:12"))
    assert running(ville, id) == set()
    assert {row.etat for row in clocks(ville, id).values()} == {EtatDelai.TENU}
    assert to(mails(ville, id, "traite")) == ["relais@demo.test"]


def test_done_without_the_picture_the_theme_asks_for_is_refused(ville):
    id = deposit(ville)
    with pytest.raises(ApresManquante):
        do(ville, "agent", id, photos=[photo("pendant")])
    assert ticket(ville, id).statut == "affecte"
    assert running(ville, id) == ALL


def test_done_needs_no_picture_where_the_theme_asks_for_none(ville):
    id = deposit(ville, theme=TROTTOIR)
    assert do(ville, "agent", id, photos=[]).statut == "traite"


def test_a_theme_without_photos_takes_none_afterwards_either(ville):
    id = deposit(ville, theme=STATIONNEMENT, place=RUE_ERABLES)
    with pytest.raises(PhotoNonAutorisee):
        do(ville, link("tranquillite"), id)
    do(ville, link("tranquillite"), id, photos=[])
    with pytest.raises(PhotoNonAutorisee):
        again(ville, "relais", id, photos=[photo()])


def test_ten_photos_of_the_author_do_not_prevent_showing_the_repair(ville):
    id = deposit(ville)
    do(ville, "agent", id)
    again(ville, "relais", id, photos=[photo() for _ in range(9)])
    assert do(ville, "agent", id, photos=[photo("apres")]).statut == "traite"


def test_a_photo_already_declared_is_not_declared_twice(ville):
    id = deposit(ville)
    shown = photo("apres")
    do(ville, "agent", id, photos=[shown])
    again(ville, "relais", id)
    with pytest.raises(ChampInvalide) as refused:
        do(ville, "agent", id, photos=[shown])
    assert [fault.pointer for fault in refused.value.errors] == ["/photos"]


def test_what_nobody_has_cannot_be_done_by_the_pilote(ville):
    id = deposit(ville, theme=TROTTOIR, place=DELAISSE)
    with pytest.raises(ActionInterdite):
        do(ville, "pilote", id)


def test_done_cancels_the_mails_of_the_delay_not_yet_sent_and_keeps_the_others(ville):
    id = deposit(ville)
    live(ville, "2026-04-10 17:00")
    do(ville, "agent", id)
    kept = {mail.gabarit for mail in mails(ville, id) if mail.etat is EtatEnvoi.EN_ATTENTE}
    void = {mail.gabarit for mail in mails(ville, id) if mail.etat is EtatEnvoi.ANNULE}
    assert kept == {"accuse", "traite"}
    assert void == {"affectation", "relance", "retard", "inscription"}


def test_done_takes_it_off_every_agenda(ville):
    id = deposit(ville)
    live(ville, "2026-04-15 17:00")
    assert {one.etat.value for one in agendas(ville, id).values()} == {"inscrite"}
    do(ville, "agent", id)
    found = agendas(ville, id)
    assert set(found) == {"gusp-tilleuls", "gusp-ville", "gusp-dg"}
    assert {(one.etat.value, one.decidee_par, one.decision_avant) for one in found.values()} == {
        ("retiree", "Relais", None)
    }
    assert facts(ville, id)[-4:] == ["signalement.traite", *["instance.retiree"] * 3]
    assert at(ville, "2026-04-21 17:00") == 0
    assert not mails(ville, None)


# --- reaffectations


def test_an_acteur_hands_over_and_only_prise_en_charge_starts_again(ville):
    id = deposit(ville)
    before = clocks(ville, id)
    ville.at(le("2026-04-01 10:00"))
    found = reassign(ville, "agent", id, "proprete")
    after = clocks(ville, id)
    assert (found.statut, found.acteur, found.rebonds) == ("affecte", "proprete", 1)
    assert running(ville, id) == {("prise_en_charge", 2), ("reponse", 1), ("traitement", 1)}
    assert [after[key].echeance for key in ALL] == [before[key].echeance for key in ALL]
    assert after["prise_en_charge", 2].commence_le == le("2026-04-01 10:00")
    assert after["prise_en_charge", 2].echeance == le("2026-04-01 15:00")  # 4 h of proprete: 10-12, 13-15
    assert to(mails(ville, id, "affectation")) == [AGENCE, "proprete@vaucelles.test"]


def test_one_already_taken_in_charge_must_be_taken_in_charge_again_by_the_next(ville):
    id = deposit(ville)
    act(ville, "agent", prendre_en_charge, id)
    assert reassign(ville, "agent", id, "proprete").statut == "affecte"
    assert ("prise_en_charge", 2) in running(ville, id)
    assert act(ville, "agent.proprete", prendre_en_charge, id).statut == "pris_en_charge"


def test_who_handed_over_sees_it_no_more(ville):
    id = deposit(ville)
    reassign(ville, "agent", id, "proprete")
    with pytest.raises(SignalementIntrouvable):
        reassign(ville, "agent", id, "voirie")


def test_naming_nobody_gives_it_to_the_pilotes(ville):
    id = deposit(ville)
    found = reassign(ville, "agent", id, None)
    assert (found.statut, found.motif, found.acteur) == ("a_qualifier", "indetermine", None)
    assert set(to(mails(ville, id, "a_qualifier"))) == PILOTES


def test_the_second_bounce_goes_to_the_pilote_whoever_is_named(ville):
    id = deposit(ville)
    reassign(ville, "agent", id, "proprete")
    found = reassign(ville, "agent.proprete", id, "voirie")
    assert (found.statut, found.motif, found.acteur) == ("a_qualifier", "arbitrage", None)
    assert set(to(mails(ville, id, "a_qualifier"))) == PILOTES
    assert not [mail for mail in mails(ville, id) if mail.a == "voirie@vaucelles.test"]
    # The territoire's hours (9-12, 14-17) count for what nobody has.
    assert clocks(ville, id)["prise_en_charge", 3].echeance == le("2026-04-01 15:00")


def test_the_pilote_s_choice_is_final_and_is_no_bounce(ville):
    id = deposit(ville)
    reassign(ville, "agent", id, "proprete")
    reassign(ville, "agent.proprete", id, "habitat-lisse")
    found = reassign(ville, "pilote", id, "habitat-lisse")
    assert (found.statut, found.motif, found.acteur, found.rebonds) == ("affecte", None, "habitat-lisse", 2)
    with pytest.raises(TransitionImpossible) as refused:
        reassign(ville, "agent", id, "proprete")
    assert refused.value.extra["actions"] == ["prises-en-charge", "reponses", "interventions", "abonnements"]
    assert reassign(ville, "pilote", id, "proprete").acteur == "proprete"


@pytest.mark.parametrize("acteur", ["nobody-here", "habitat-lisse"])
def test_an_unknown_acteur_or_the_same_one_is_refused(ville, acteur):
    id = deposit(ville)
    with pytest.raises(ActeurInconnu) as refused:
        reassign(ville, "agent", id, acteur)
    assert [fault.pointer for fault in refused.value.errors] == ["/acteur"]


@pytest.mark.parametrize("who", ["relais", "elu", "direction_generale", "admin"])
def test_readers_and_authors_reassign_nothing(ville, who):
    id = deposit(ville)
    with pytest.raises(ActionInterdite):
        reassign(ville, who, id, "proprete")


# --- clotures, reouvertures


@pytest.mark.parametrize("who", ["relais", "pilote"])
def test_its_author_or_the_pilote_closes_what_is_done(ville, who):
    id = deposit(ville)
    with pytest.raises(TransitionImpossible):
        act(ville, who, clore, id)
    do(ville, "agent", id)
    assert act(ville, who, clore, id).statut == "clos"


def test_its_acteur_neither_closes_nor_reopens(ville):
    id = deposit(ville)
    do(ville, "agent", id)
    with pytest.raises(ActionInterdite):
        act(ville, "agent", clore, id)
    with pytest.raises(ActionInterdite):
        again(ville, "agent", id)


@pytest.mark.parametrize("closed", [False, True])
def test_still_not_solved_goes_back_to_its_acteur_with_every_clock_in_its_next_tour(ville, closed):
    id = deposit(ville)
    ville.at(le("2026-04-07 09:00"))
    do(ville, "agent", id)
    if closed:
        act(ville, "relais", clore, id)
    ville.at(le("2026-04-14 18:12"))
    found = again(ville, "relais", id)
    assert (found.statut, found.acteur, found.traite_le) == ("affecte", "habitat-lisse", None)
    assert running(ville, id) == {("prise_en_charge", 2), ("reponse", 2), ("traitement", 2)}
    assert clocks(ville, id)["traitement", 2].echeance == le("2026-04-16 18:12")
    assert clocks(ville, id)["traitement", 1].etat is EtatDelai.DEPASSE
    assert to(mails(ville, id, "rouvert")) == [AGENCE]


def test_a_reopened_signalement_climbs_again_from_the_first_step(ville):
    id = deposit(ville)
    live(ville, "2026-04-14 18:12")
    do(ville, "agent", id)
    again(ville, "relais", id)
    live(ville, "2026-04-16 18:12")
    late = [mail for mail in mails(ville, id, "retard") if mail.etat is EtatEnvoi.EN_ATTENTE]
    assert {mail.donnees["tour"] for mail in late} == {2}
    assert {RESPONSABLE_AGENCE, *PILOTES} == {mail.a for mail in late if mail.donnees["delai"] == "traitement"}


def test_a_tour_of_each_delai_counts_for_itself(ville):
    id = deposit(ville)
    reassign(ville, "agent", id, "proprete")
    do(ville, "agent.proprete", id)
    again(ville, "relais", id)
    assert running(ville, id) == {("prise_en_charge", 3), ("reponse", 2), ("traitement", 2)}


@pytest.mark.parametrize(
    ("born", "today"), [("interdite", "facultative"), ("facultative", "interdite")], ids=["born", "today"]
)
def test_photos_that_one_version_of_the_theme_forbids_are_neither_taken_nor_owed(ville, born, today):
    def rule(photo):
        def change(c):
            changed = {"photo": RegleDePhoto(photo), "photo_apres": True}
            return replace(c, themes=tuple(replace(t, **changed) if t.code == TROTTOIR else t for t in c.themes))

        configure(ville, change)

    rule(born)
    id = deposit(ville, theme=TROTTOIR, place=RUE_ERABLES)
    rule(today)
    with pytest.raises(PhotoNonAutorisee):
        do(ville, link("voirie"), id)
    assert do(ville, link("voirie"), id, photos=[]).statut == "traite"


def test_the_picture_of_the_first_repair_does_not_prove_the_second(ville):
    id = deposit(ville)
    do(ville, "agent", id)
    again(ville, "relais", id, photos=[photo()])
    with pytest.raises(ApresManquante):
        do(ville, "agent", id, photos=[])


def test_thirty_days_after_it_is_done_nobody_reopens_even_if_no_worker_closed_it(ville):
    id = deposit(ville)
    do(ville, "agent", id)
    done = ticket(ville, id).traite_le
    ville.at(done + timedelta(days=30, minutes=1))
    with pytest.raises(TransitionImpossible) as refused:
        again(ville, "relais", id)
    assert (refused.value.extra["statut"], refused.value.extra["actions"]) == ("clos", ["abonnements"])


def test_the_thirtieth_day_still_counts(ville):
    id = deposit(ville)
    do(ville, "agent", id)
    act(ville, "relais", clore, id)
    ville.at(ticket(ville, id).traite_le + timedelta(days=30))
    assert again(ville, "relais", id).statut == "affecte"


def test_a_late_cloture_gives_no_more_days_to_reopen(ville):
    id = deposit(ville)
    do(ville, "agent", id)
    done = ticket(ville, id).traite_le
    ville.at(done + timedelta(days=29))
    act(ville, "relais", clore, id)
    ville.at(done + timedelta(days=31))
    with pytest.raises(TransitionImpossible) as refused:
        again(ville, "relais", id)
    assert refused.value.extra["actions"] == ["abonnements"]


def test_every_verb_makes_another_revision_and_one_line_of_the_journal(ville):
    id = deposit(ville, theme=DEPOT_SAUVAGE, place=ERABLES)
    revisions = [1]
    for who, verb, body in [
        ("agent", prendre_en_charge, {}),
        ("agent", repondre, OPERATIONNELLE),
        ("agent", intervenir, {"commentaire": "Fait.", "nature": "palliative", "photos": [photo("apres")]}),
        ("relais", rouvrir, {"motif": "pas_resolu", "commentaire": "Non.", "photos": []}),
    ]:
        revisions.append(act(ville, who, verb, id, **body).revision)
    assert revisions == [1, 2, 3, 4, 5]
    assert facts(ville, id) == [
        "signalement.recu",
        "signalement.affecte",
        "signalement.pris_en_charge",
        "signalement.repondu",
        "signalement.traite",
        "signalement.rouvert",
    ]


def test_a_pilote_keeps_his_mail_when_his_own_agglo_loses_the_ticket(ville):
    """No worker was there: the verb itself fires the palier, and takes back only what was for the former acteur."""
    id = deposit(ville, theme=FUITE, place=RUE_ERABLES)
    assert ticket(ville, id).acteur == "lisse-agglo"
    ville.forward(days=30)
    act(ville, link("lisse-agglo"), reaffecter, id, motif=MotifDeRenvoi.PAS_MA_COMPETENCE, acteur="voirie")
    late = [one for one in mails(ville, id) if one.a in PILOTES and one.gabarit != "accuse"]
    assert {one.a for one in late} == PILOTES
    assert {one.etat for one in late} == {EtatEnvoi.EN_ATTENTE}
