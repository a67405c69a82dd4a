"""Ping-pong ends: reasons from a closed list, and at the second bounce a délai of the pilote's own."""

from dataclasses import replace

import pytest
from commands.factories import (
    AGENCE,
    DELAISSE,
    ERABLES,
    FILS_NUS,
    PILOTES,
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
    link,
    live,
    mails,
    photo,
    read,
    running,
    ticket,
    to,
)
from sqlalchemy import delete, select, update

from relais.caller import Door
from relais.commands.corrections import corriger, retirer
from relais.commands.rattachement import detacher, rattacher
from relais.commands.verbes import intervenir, prendre_en_charge, reaffecter, repondre, rouvrir
from relais.errors import ChampInvalide
from relais.queries.sejour import sejours_des_reaffectes
from relais.rules.configuration import Delai, Destinataire, Palier
from relais.rules.delais import Duree, Unite
from relais.rules.depot import Correction, Position
from relais.rules.refus import RENVOIS, MotifDeRenvoi
from relais.tables.echeance import Echeance, EtatDelai
from relais.tables.envoi import Envoi, EtatEnvoi
from relais.tables.evenement import Evenement

PROPRETE = "proprete@vaucelles.test"
TERRAIN, COMPETENCE = MotifDeRenvoi.PAS_MON_TERRAIN, MotifDeRenvoi.PAS_MA_COMPETENCE
STREET = Correction(position=Position(*RUE_ERABLES))


def refuse(ville, who, id, acteur, motif=TERRAIN, **said):
    return act(ville, who, reaffecter, id, motif=motif, acteur=acteur, **said)


def bounced(ville, **said):
    """Tuesday 31 March, 18:12: Habitat Lisse names the propreté, which names the voirie."""
    id = deposit(ville, **said)
    refuse(ville, "agent", id, "proprete")
    refuse(ville, "agent.proprete", id, "voirie", COMPETENCE, commentaire="Un muret, pas un dépôt.")
    return id


def settle(ville, id, acteur="voirie"):
    return refuse(ville, "pilote", id, acteur, MotifDeRenvoi.ARBITRAGE)


def told(ville, id):
    wanted = select(Evenement.donnees).where(Evenement.signalement_id == id, Evenement.type == "signalement.reaffecte")
    return read(ville, lambda session: session.scalars(wanted.order_by(Evenement.rang)).all())


# --- reasons


@pytest.mark.parametrize("motif", [one for one, renvoi in RENVOIS.items() if renvoi.au_pilote], ids=str)
def test_what_only_the_pilote_may_say_is_refused_to_an_acteur_where_it_is_said(ville, motif):
    id = deposit(ville)
    with pytest.raises(ChampInvalide) as refused:
        refuse(ville, "agent", id, "proprete", motif)
    assert [fault.pointer for fault in refused.value.errors] == ["/motif"]
    assert "pas_mon_terrain" in refused.value.errors[0].detail
    assert ticket(ville, id).acteur == "habitat-lisse"


@pytest.mark.parametrize("commentaire", [None, "", "   "])
def test_another_reason_must_be_said(ville, commentaire):
    id = deposit(ville)
    with pytest.raises(ChampInvalide) as refused:
        refuse(ville, "agent", id, "proprete", MotifDeRenvoi.AUTRE, commentaire=commentaire)
    assert [fault.pointer for fault in refused.value.errors] == ["/commentaire"]
    assert ticket(ville, id).rebonds == 0


def test_the_journal_says_who_why_from_whom_to_whom_and_which_line_of_the_map_is_doubted(ville):
    id = bounced(ville)
    settle(ville, id)
    ground = {"emprise": ticket(ville, id).emprise, "regle": ticket(ville, id).regle}
    assert all(ground.values())
    first, second, third = told(ville, id)
    assert first == ground | {
        "motif": "pas_mon_terrain", "par": "acteur", "de": "habitat-lisse", "a": "proprete", "rebonds": 1
    }  # fmt: skip
    assert second == ground | {
        "motif": "pas_ma_competence", "commentaire": "Un muret, pas un dépôt.", "par": "acteur", "de": "proprete",
        "propose": "voirie", "rebonds": 2,
    }  # fmt: skip
    assert third == ground | {"motif": "arbitrage", "par": "pilote", "a": "voirie", "rebonds": 2}


def test_an_acteur_the_pilote_takes_it_from_is_told_once_it_had_heard(ville):
    id = deposit(ville)
    refuse(ville, "pilote", id, "proprete")
    assert mails(ville, id, "plus_a_vous") == []
    with ville.session(Door.OWNER) as session, session.begin():
        gone = update(Envoi).where(Envoi.signalement_id == id, Envoi.gabarit == "affectation")
        session.execute(gone.values(etat=EtatEnvoi.ENVOYE, due_at=None))
    refuse(ville, "pilote", id, "voirie")
    assert to(mails(ville, id, "plus_a_vous")) == [PROPRETE]


def test_an_acteur_that_gives_it_away_is_not_told_what_it_did(ville):
    id = deposit(ville)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Envoi).where(Envoi.signalement_id == id).values(etat=EtatEnvoi.ENVOYE, due_at=None))
    refuse(ville, "agent", id, "proprete")
    assert mails(ville, id, "plus_a_vous") == []


# --- the explanation


MAP = (
    "D'après la carte : Résidence des Érables, propriété d'Habitat Lisse : "
    "le thème « dépôt sauvage » y revient au bailleur."
)
VOIRIE, URBAINE = "Direction de la voirie et de l'éclairage", "Direction de la propreté urbaine"


def why(ville, id):
    return ticket(ville, id).explication


def test_the_explanation_follows_whoever_moves_it_and_keeps_what_the_map_said(ville):
    id = deposit(ville)
    assert f"D'après la carte : {why(ville, id)}" == MAP
    refuse(ville, "agent", id, "proprete", commentaire="Demandez à Camille.")
    assert why(ville, id) == f"Confié à {URBAINE} par Habitat Lisse (motif : terrain d'un autre acteur). {MAP}"
    refuse(ville, "agent.proprete", id, "voirie", COMPETENCE)
    assert why(ville, id) == f"Renvoyé au pilote par {URBAINE} (motif : compétence d'un autre acteur). {MAP}"
    settle(ville, id)
    assert why(ville, id) == f"Confié à {VOIRIE} par le pilote. {MAP}"
    refuse(ville, "pilote", id, None)
    assert why(ville, id) == f"Repris par le pilote (motif : terrain d'un autre acteur). {MAP}"


def test_what_the_pilote_has_decided_is_not_said_to_be_his_to_decide(ville):
    id = deposit(ville, theme=TROTTOIR, place=DELAISSE)
    assert why(ville, id).endswith(" : le pilote GUSP va décider.")
    refuse(ville, "pilote", id, "voirie", MotifDeRenvoi.QUALIFICATION)
    assert why(ville, id).startswith(f"Confié à {VOIRIE} par le pilote. D'après la carte : Délaissé du boulevard des ")
    assert why(ville, id).endswith("personne n'est encore désigné pour le thème « trottoir abîmé ».")


def test_routed_anew_by_a_correction_the_map_speaks_alone(ville):
    id = deposit(ville)
    refuse(ville, "agent", id, "voirie")
    act(ville, "relais", corriger, id, correction=STREET)
    assert why(ville, id).startswith("Rue des Érables")


# --- the pilote's own délai


def test_the_first_bounce_opens_nothing_and_the_second_the_pilote_s_own_delai(ville):
    id = deposit(ville)
    refuse(ville, "agent", id, "proprete")
    assert "arbitrage" not in {delai for delai, _ in clocks(ville, id)}
    refuse(ville, "agent.proprete", id, None)
    row = clocks(ville, id)["arbitrage", 1]
    assert (row.commence_le, row.echeance) == (le("2026-03-31 18:12"), le("2026-04-02 17:00"))  # 2 working days
    assert (row.acteur, row.etat) == (None, EtatDelai.EN_COURS)


def test_it_lasts_what_the_town_says(ville):
    configure(ville, lambda c: replace(c, arbitrage=Duree(3, Unite.HEURES_OUVREES)))
    assert clocks(ville, bounced(ville))["arbitrage", 1].echeance == le("2026-04-01 12:00")


def test_nothing_else_stops_while_it_runs(ville):
    id = deposit(ville)
    before = {key: row.echeance for key, row in clocks(ville, id).items()}
    refuse(ville, "agent", id, "proprete")
    refuse(ville, "agent.proprete", id, "voirie")
    assert running(ville, id) == {("prise_en_charge", 3), ("reponse", 1), ("traitement", 1), ("arbitrage", 1)}
    assert {key: row.echeance for key, row in clocks(ville, id).items() if key in before} == before
    live(ville, "2026-04-15 17:00")
    assert set(agendas(ville, id)) == {"gusp-tilleuls", "gusp-ville", "gusp-dg"}


def test_the_pilotes_are_reminded_once_before_and_once_after_and_nobody_else(ville):
    id = bounced(ville)
    live(ville, "2026-04-30 17:00")
    steps = [one for one in ladder(ville, id) if one[1] == "arbitrage"]
    # Of the 720 open minutes of the 1st and the 2nd, 576 end at 14:36.
    assert steps == [("02/04 14:36", "arbitrage", 1, "relance"), ("02/04 17:00", "arbitrage", 1, "retard")]
    found = mails(ville, id, "arbitrage")
    assert [(mail.le, mail.donnees["palier"]) for mail in found] == [
        *[("02/04 14:36", "relance")] * 2,
        *[("02/04 17:00", "retard")] * 2,
    ]
    assert {mail.a for mail in found} == PILOTES
    assert at(ville, "2026-05-04 17:00") == 0


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
def test_the_pilote_s_choice_stops_it(ville, late):
    id = bounced(ville)
    live(ville, "2026-04-03 10:00" if late else "2026-04-01 10:00")
    settle(ville, id)
    row = clocks(ville, id)["arbitrage", 1]
    assert row.etat is (EtatDelai.DEPASSE if late else EtatDelai.TENU)
    assert ("arbitrage", 1) not in running(ville, id)
    live(ville, "2026-04-30 17:00")
    assert len(mails(ville, id, "arbitrage")) == (4 if late else 0)


def test_a_correction_that_names_somebody_ends_it_and_a_new_quarrel_opens_its_next_tour(ville):
    id = bounced(ville)
    assert act(ville, "pilote", corriger, id, correction=STREET).acteur == "proprete"
    assert ("arbitrage", 1) not in running(ville, id)
    refuse(ville, "agent.proprete", id, "voirie")
    assert ("arbitrage", 2) in running(ville, id)
    assert clocks(ville, id)["arbitrage", 1].etat is EtatDelai.TENU


def test_a_correction_that_names_nobody_leaves_it_to_the_pilote(ville):
    id = bounced(ville)
    act(ville, "relais", corriger, id, correction=Correction(description="Devant l'entrée B."))
    assert ("arbitrage", 1) in running(ville, id)


A_STEP = Correction(position=Position(ERABLES[0] + 1e-6, ERABLES[1]))


def test_a_pin_moved_by_its_author_opens_no_closed_quarrel_nor_winds_the_pilote_s_clock_again(ville):
    id = bounced(ville)
    ville.at(le("2026-04-01 10:00"))
    done = act(ville, "relais", corriger, id, correction=A_STEP)
    assert (done.acteur, done.statut, done.motif, done.rebonds) == (None, "a_qualifier", "arbitrage", 2)
    assert (done.lon, done.lat) == (A_STEP.position.lon, A_STEP.position.lat)
    assert ("arbitrage", 1) in running(ville, id)
    assert clocks(ville, id)["arbitrage", 1].echeance == le("2026-04-02 17:00")
    assert len(told(ville, id)) == 2


def test_a_pin_moved_elsewhere_meanwhile_writes_the_ground_that_the_pilote_will_read(ville):
    id = bounced(ville)
    done = act(ville, "relais", corriger, id, correction=STREET)
    assert (done.acteur, done.motif, done.domanialite) == (None, "arbitrage", "DPC")
    head, ground = done.explication.split(" D'après la carte : ")
    assert head == ("Renvoyé au pilote par Direction de la propreté urbaine (motif : compétence d'un autre acteur).")
    assert ground.startswith("Rue des Érables")


def test_a_pin_moved_by_its_author_never_gives_it_back_to_who_has_sent_it_back(ville):
    id = deposit(ville)
    refuse(ville, "agent", id, "proprete")
    assert act(ville, "relais", corriger, id, correction=A_STEP).acteur == "proprete"
    other = deposit(ville)
    refuse(ville, "agent", other, None)
    done = act(ville, "relais", corriger, other, correction=A_STEP)
    assert (done.acteur, done.statut, done.motif) == (None, "a_qualifier", "indetermine")
    assert act(ville, "relais", corriger, other, correction=STREET).acteur == "proprete"  # who has not
    assert act(ville, "pilote", corriger, other, correction=A_STEP).acteur == "habitat-lisse"  # he may


def test_attached_and_detached_it_is_in_arbitrage_again(ville):
    other, id = deposit(ville), bounced(ville)
    act(ville, "pilote", rattacher, id, signalement=other)
    assert running(ville, id) == set()
    ville.at(le("2026-04-01 10:00"))
    act(ville, "pilote", detacher, id)
    kept = ticket(ville, id)
    assert (kept.statut, kept.motif, kept.acteur) == ("a_qualifier", "arbitrage", None)
    assert clocks(ville, id)["arbitrage", 2].echeance == le("2026-04-03 17:00")
    assert {key for key in running(ville, id) if key[0] == "arbitrage"} == {("arbitrage", 2)}


def before_this_delai_existed(ville):
    """In `arbitrage`, as a version of Relais that had no clock for it left it."""
    id = bounced(ville)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(delete(Echeance).where(Echeance.signalement_id == id, Echeance.delai == Delai.ARBITRAGE))
    assert "arbitrage" not in {delai for delai, _ in clocks(ville, id)}
    return id


def test_what_was_in_arbitrage_before_the_pilote_had_a_delai_has_it_from_the_next_look(ville):
    id = before_this_delai_existed(ville)
    at(ville, "2026-04-01 17:00")  # where some other palier is due
    assert clocks(ville, id)["arbitrage", 1].echeance == le("2026-04-03 17:00")
    live(ville, "2026-04-30 17:00")
    assert [one[3] for one in ladder(ville, id) if one[1] == "arbitrage"] == ["relance", "retard"]


def test_or_from_the_next_verb(ville):
    id = before_this_delai_existed(ville)
    saying = {"nature": "operationnelle", "texte": "Nous cherchons à qui c'est.", "etape": None}
    act(ville, "pilote", repondre, id, **saying)
    assert running(ville, id) >= {("arbitrage", 1)}
    settle(ville, id)
    assert clocks(ville, id)["arbitrage", 1].etat is EtatDelai.TENU


def test_withdrawn_it_waits_for_nobody(ville):
    id = bounced(ville)
    act(ville, "pilote", retirer, id, motif="Enlevé.")
    assert running(ville, id) == set()
    assert at(ville, "2026-04-30 17:00") == 0


def test_reopened_it_does_not_open_the_quarrel_again(ville):
    id = bounced(ville)
    settle(ville, id, "proprete")
    act(ville, "agent.proprete", intervenir, id, commentaire="Fait.", nature="durable", photos=[photo("apres")])
    act(ville, "relais", rouvrir, id, motif="pas_resolu", commentaire="Encore là.", photos=[])
    assert {delai for delai, _ in running(ville, id)} == {"prise_en_charge", "reponse", "traitement"}


def test_a_danger_nobody_settles_is_told_at_once_to_who_decides(ville):
    id = deposit(ville, theme=FILS_NUS, place=ERABLES)
    refuse(ville, link("astreinte"), id, "proprete")
    refuse(ville, "agent.proprete", id, None)
    live(ville, "2026-04-03 10:00")
    assert "direction_generale@demo.test" in to(mails(ville, id, "arbitrage"))


def test_a_town_may_send_it_higher(ville):
    steps = (
        Palier("retard", Delai.ARBITRAGE, jours=0, prevenir=(Destinataire.DIRECTION_GENERALE,)),
        Palier("pilotage_ville", Delai.ARBITRAGE, jours=1, prevenir=(Destinataire.PILOTES,), inscrire="gusp-ville"),
    )
    configure(ville, lambda c: replace(c, echelle=(*(p for p in c.echelle if p.delai is not Delai.ARBITRAGE), *steps)))
    id = bounced(ville)
    live(ville, "2026-04-03 17:00")
    assert to(mails(ville, id, "arbitrage")) == ["direction_generale@demo.test"]
    assert agendas(ville, id)["gusp-ville"].delai is Delai.ARBITRAGE


def test_a_version_older_than_this_delai_has_its_ordinary_ladder(ville):
    configure(ville, lambda c: replace(c, echelle=tuple(p for p in c.echelle if p.delai is not Delai.ARBITRAGE)))
    id = bounced(ville)
    live(ville, "2026-04-02 17:00")
    assert [one[3] for one in ladder(ville, id) if one[1] == "arbitrage"] == ["relance", "retard"]


def test_what_nobody_could_be_named_for_waits_without_a_quarrel(ville):
    id = deposit(ville, theme=TROTTOIR, place=DELAISSE)
    assert "arbitrage" not in {delai for delai, _ in clocks(ville, id)}
    refuse(ville, "pilote", id, "voirie", MotifDeRenvoi.QUALIFICATION)
    assert told(ville, id) == [
        {"motif": "qualification", "par": "pilote", "a": "voirie", "rebonds": 0, "emprise": "delaisse-peupliers"}
    ]


# --- whose time it was


def test_the_journal_of_a_real_ping_pong_charges_neither_of_those_who_were_right(ville):
    id = bounced(ville)
    ville.at(le("2026-04-02 10:00"))
    settle(ville, id)
    other = deposit(ville)
    act(ville, "agent", prendre_en_charge, other)
    with ville.session(Door.OWNER) as session, session.begin():
        moved = dict(sejours_des_reaffectes(session, du=le("2026-03-31 00:00"), au=le("2026-04-02 00:00")))
    assert set(moved) == {id}
    assert [(stay.acteur, stay.issue.value, stay.a_tort) for stay in moved[id]] == [
        ("habitat-lisse", "refuse", True),
        ("proprete", "refuse", True),
        (None, "reaffecte", False),
        ("voirie", "en_cours", False),
    ]
    assert facts(ville, other)[-1] == "signalement.pris_en_charge"
    assert AGENCE in to(mails(ville, other, "affectation"))
