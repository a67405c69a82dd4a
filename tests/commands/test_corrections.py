"""Saying otherwise what was signalled, or withdrawing it: who, until when, who is told, and what does not move."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import sleep

import pytest
from commands.factories import (
    AGENCE,
    DELAISSE,
    DEPOT_SAUVAGE,
    ERABLES,
    PILOTES,
    RUE_ERABLES,
    STATIONNEMENT,
    TROTTOIR,
    act,
    agendas,
    clocks,
    configure,
    deposit,
    facts,
    le,
    live,
    mails,
    photo,
    read,
    running,
    ticket,
    to,
)
from conftest import MARDI, Ville
from sqlalchemy import select, text, update

from relais.caller import Door
from relais.commands.corrections import corriger, retirer
from relais.commands.publication import publier
from relais.commands.verbes import intervenir, prendre_en_charge, reaffecter
from relais.commands.webhook import create_webhook
from relais.db import Session, make_engine
from relais.errors import (
    ActionInterdite,
    AutreCanal,
    ChampInvalide,
    HorsTerritoire,
    PhotoNonAutorisee,
    PositionInversee,
    ReponseManquante,
    SignalementIntrouvable,
    ThemeInconnu,
    TransitionImpossible,
)
from relais.outbox import claim, territoires_due
from relais.rules.configuration import Perimetre, Publication, Question, TypeQuestion
from relais.rules.depot import Correction, Position
from relais.rules.refus import MotifDeRenvoi
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.evenement import Evenement
from relais.tables.photo import Photo
from relais.tables.signalement import Rappel

ALL = {("prise_en_charge", 1), ("reponse", 1), ("traitement", 1)}
PROPRETE, VOIRIE = "proprete@vaucelles.test", "voirie@vaucelles.test"


def at(place):
    return Position(*place, 1.0, "carte")


def mend(ville, who, id, **fields):
    return act(ville, who, corriger, id, correction=Correction(**fields))


def withdraw(ville, who, id):
    return act(ville, who, retirer, id, motif="Enlevé ce matin.")


def told(ville, id, type_):
    """What the last event of that type says."""
    wanted = select(Evenement.donnees).where(Evenement.signalement_id == id, Evenement.type == type_)
    return read(ville, lambda session: session.scalars(wanted.order_by(Evenement.rang.desc())).first())


def sent(ville, id, gabarit):
    """As a worker leaves it once the mail has gone."""
    with ville.session(Door.OWNER) as session, session.begin():
        gone = update(Envoi).where(Envoi.signalement_id == id, Envoi.gabarit == gabarit)
        session.execute(gone.values(etat=EtatEnvoi.ENVOYE, due_at=None))


def echeances(ville, id):
    return {key: (row.echeance, row.arrete_le) for key, row in clocks(ville, id).items()}


# --- who, and until when


@pytest.mark.parametrize("verb", [mend, withdraw])
def test_the_author_may_until_somebody_has_taken_it_in_charge_and_the_pilote_after(ville, verb):
    verb = (lambda *a: mend(*a, description="Autre chose.")) if verb is mend else withdraw
    id, other = deposit(ville), deposit(ville)
    act(ville, "agent", prendre_en_charge, id)
    with pytest.raises(TransitionImpossible):
        verb(ville, "relais", id)
    verb(ville, "relais", other)
    verb(ville, "pilote", id)


@pytest.mark.parametrize("who", ["elu", "agent", "responsable", "direction_generale", "admin"])
def test_nobody_else_who_sees_it_may(ville, who):
    id = deposit(ville)
    for verb in (lambda: mend(ville, who, id, description="x"), lambda: withdraw(ville, who, id)):
        with pytest.raises(ActionInterdite):
            verb()


def test_who_does_not_see_it_is_told_there_is_nothing(ville):
    id = deposit(ville)
    for verb in (lambda: mend(ville, "relais2", id, description="x"), lambda: withdraw(ville, "relais2", id)):
        with pytest.raises(SignalementIntrouvable):
            verb()


def test_what_is_done_is_not_corrected(ville):
    id = deposit(ville)
    act(ville, "agent", intervenir, id, commentaire="Enlevé.", nature="durable", photos=[photo("apres")])
    with pytest.raises(TransitionImpossible) as refused:
        mend(ville, "pilote", id, description="x")
    assert "corrections" not in refused.value.extra["actions"]


# --- what is corrected


def test_words_and_place_are_replaced_and_nothing_else_moves(ville):
    id = deposit(ville)
    before = echeances(ville, id)
    lieu = {"residence": "Les Érables", "batiment": "C", "entree": "2", "etage": "3"}
    done = mend(ville, "relais", id, lieu=lieu, description="Un sommier.", questions={"passage_bloque": True})
    assert (done.lieu, done.description, done.questions) == (lieu, "Un sommier.", {"passage_bloque": True})
    assert (done.acteur, done.statut, done.revision) == ("habitat-lisse", "affecte", 2)
    assert echeances(ville, id) == before
    assert facts(ville, id)[-1] == "signalement.corrige"
    assert told(ville, id, "signalement.corrige") == {"champs": ["lieu", "description", "questions"]}
    again = mend(ville, "relais", id, lieu={"adresse": "12 rue des Érables"}, questions={})
    assert (again.lieu, again.questions) == ({"adresse": "12 rue des Érables"}, None)


def test_the_journal_never_keeps_the_words(ville):
    id = deposit(ville)
    mend(ville, "relais", id, description="Chez Camille Aubry.", lieu={"adresse": "12 rue Secrète"})
    wanted = select(Evenement.donnees).where(Evenement.signalement_id == id)
    kept = str(read(ville, lambda session: session.scalars(wanted).all()))
    assert "Camille" not in kept
    assert "Secrète" not in kept


@pytest.mark.parametrize(
    "fields",
    [
        {"theme": DEPOT_SAUVAGE},
        {"position": Position(*ERABLES, 1.0)},
        {"description": ""},
        {"lieu": {}},
        {"questions": {}},
        {"theme": DEPOT_SAUVAGE, "lieu": {}, "questions": {}},
    ],
    ids=str,
)
def test_what_is_already_so_writes_nothing(ville, fields):
    id = deposit(ville)
    known = facts(ville, id)
    assert mend(ville, "relais", id, **fields).revision == 1
    assert facts(ville, id) == known


def test_a_correction_says_something(ville):
    id = deposit(ville)
    with pytest.raises(ChampInvalide) as refused:
        mend(ville, "relais", id)
    assert refused.value.errors[0].pointer == "/"


def test_a_theme_that_needs_a_photo_is_the_pilote_s_to_choose_where_there_is_none(ville):
    id = deposit(ville, theme=TROTTOIR, place=RUE_ERABLES)
    with pytest.raises(PhotoNonAutorisee) as refused:
        mend(ville, "relais", id, theme=DEPOT_SAUVAGE)
    [fault] = refused.value.errors
    assert fault.pointer == "/theme"
    assert "signalez à nouveau avec une photo" in fault.detail
    assert ticket(ville, id).theme == TROTTOIR
    assert mend(ville, "pilote", id, theme=DEPOT_SAUVAGE).theme == DEPOT_SAUVAGE
    assert mend(ville, "relais", id, description="Un sommier.").description == "Un sommier."


@pytest.mark.parametrize("who", ["relais", "pilote"])
def test_moved_to_a_theme_that_protects_people_it_is_public_no_more_but_by_the_pilote_s_own_publication(ville, who):
    configure(ville, lambda c: replace(c, publication=Publication.IMMEDIATE))
    by_the_rule, by_the_pilote = (deposit(ville, theme=TROTTOIR, place=RUE_ERABLES) for _ in range(2))
    act(ville, "pilote", publier, by_the_pilote, photos=None)
    assert mend(ville, who, by_the_rule, theme=STATIONNEMENT).publie_le is None
    kept = mend(ville, who, by_the_pilote, theme=STATIONNEMENT)
    assert (kept.publie_le is not None, kept.publie_par_le_pilote) == (who == "pilote", who == "pilote")


@pytest.mark.parametrize(
    ("fields", "refusal", "pointer"),
    [
        ({"position": Position(2.35, 48.85)}, HorsTerritoire, "/position"),
        ({"position": Position(48.10562, 0.41237)}, PositionInversee, "/position"),
        ({"theme": "proprete.licorne"}, ThemeInconnu, "/theme"),
        ({"theme": "tranquillite.bruit"}, PhotoNonAutorisee, "/theme"),
        ({"questions": {"licorne": 1.0}}, ReponseManquante, "/questions/licorne"),
        ({"questions": {"volume": "enorme"}}, ReponseManquante, "/questions/volume"),
        ({"theme": "voirie.danger", "questions": {"blesse": True}}, AutreCanal, "/questions/blesse"),
        ({"theme": "voirie.danger", "questions": {"volume": "plus_d_un_m3"}}, ReponseManquante, "/questions/volume"),
    ],
    ids=str,
)
def test_a_correction_is_held_to_what_a_creation_is_and_leaves_nothing_otherwise(ville, fields, refusal, pointer):
    id = deposit(ville)
    with pytest.raises(refusal) as refused:
        mend(ville, "relais", id, description="Avec le reste.", **fields)
    assert [fault.pointer for fault in refused.value.errors] == [pointer]
    kept = ticket(ville, id)
    assert (kept.revision, kept.description, kept.theme, kept.lon) == (1, None, DEPOT_SAUVAGE, ERABLES[0])


def test_another_theme_forgets_the_answers_to_the_old_one_and_asks_its_own(ville):
    sure = Question("sur", "Vous en êtes sûr ?", TypeQuestion.OUI_NON, obligatoire=True)
    configure(
        ville,
        lambda c: replace(
            c, themes=tuple(replace(one, questions=(sure,)) if one.code == TROTTOIR else one for one in c.themes)
        ),
    )
    id = deposit(ville)
    mend(ville, "relais", id, questions={"volume": "plus_d_un_m3"})
    with pytest.raises(ReponseManquante) as refused:
        mend(ville, "relais", id, theme=TROTTOIR)
    assert [fault.pointer for fault in refused.value.errors] == ["/questions/sur"]
    done = mend(ville, "relais", id, theme=TROTTOIR, questions={"sur": True})
    assert (done.theme, done.questions) == (TROTTOIR, {"sur": True})
    assert told(ville, id, "signalement.corrige")["champs"] == ["theme", "questions"]


# --- routed anew


def test_a_pin_moved_to_the_street_is_the_street_s(ville):
    id = deposit(ville)
    before = echeances(ville, id)
    ville.forward(hours=2)
    done = mend(ville, "relais", id, position=at(RUE_ERABLES))
    assert (done.acteur, done.statut, done.domanialite) == ("proprete", "affecte", "DPC")
    assert (done.lon, done.lat, done.precision_m, done.origine) == (*RUE_ERABLES, 1.0, "carte")
    assert "Rue des Érables" in done.explication
    assert echeances(ville, id) == before
    assert running(ville, id) == ALL
    assert told(ville, id, "signalement.corrige") == {"champs": ["position"], "de": "habitat-lisse", "a": "proprete"}
    assert told(ville, id, "signalement.reaffecte") == {"de": "habitat-lisse", "a": "proprete"}
    assert [(mail.a, mail.etat) for mail in mails(ville, id, "affectation")] == [
        (AGENCE, EtatEnvoi.ANNULE),
        (PROPRETE, EtatEnvoi.EN_ATTENTE),
    ]
    assert len(mails(ville, id, "accuse")) == 1


def test_a_pin_moved_where_nobody_is_known_goes_to_the_pilote(ville):
    id = deposit(ville)
    done = mend(ville, "relais", id, position=at(DELAISSE))
    assert (done.acteur, done.statut, done.motif) == (None, "a_qualifier", "indetermine")
    assert set(to(mails(ville, id, "a_qualifier"))) == PILOTES
    assert running(ville, id) == ALL


def test_a_pin_that_names_somebody_at_last_owes_its_author_a_new_accuse(ville):
    id = deposit(ville, place=DELAISSE)
    done = mend(ville, "relais", id, position=at(ERABLES))
    assert (done.acteur, done.statut, done.motif) == ("habitat-lisse", "affecte", None)
    assert to(mails(ville, id, "affectation")) == [AGENCE]
    assert to(mails(ville, id, "accuse")) == ["relais@demo.test"] * 2


def test_a_pin_still_nobody_s_tells_nobody_again(ville):
    id = deposit(ville, place=DELAISSE)
    lon, lat = DELAISSE
    done = mend(ville, "relais", id, position=at((lon + 0.00001, lat)))
    assert (done.acteur, done.statut, done.motif, done.revision) == (None, "a_qualifier", "indetermine", 2)
    assert len(mails(ville, id, "a_qualifier")) == len(PILOTES)


def test_a_pin_moved_on_the_same_ground_changes_no_acteur(ville):
    id = deposit(ville)
    lon, lat = ERABLES
    done = mend(ville, "relais", id, position=at((lon + 0.00002, lat)))
    assert (done.acteur, done.statut) == ("habitat-lisse", "affecte")
    assert told(ville, id, "signalement.corrige") == {"champs": ["position"]}
    assert [mail.etat for mail in mails(ville, id, "affectation")] == [EtatEnvoi.EN_ATTENTE]


def test_a_pin_outside_the_perimeter_stops_every_clock_and_says_who_is_competent(ville):
    configure(ville, lambda c: replace(c, perimetre=Perimetre.QPV, competent_ailleurs="Mairie annexe, 02 61 91 00 00"))
    id = deposit(ville)
    live(ville, "2026-04-07 17:30")
    assert agendas(ville, id)["gusp-tilleuls"].etat == "inscrite"
    done = mend(ville, "relais", id, position=at(DELAISSE))
    assert (done.statut, done.acteur) == ("reoriente", None)
    assert "Mairie annexe" in done.explication
    assert running(ville, id) == set()
    assert agendas(ville, id)["gusp-tilleuls"].etat == "retiree"
    assert {"signalement.reoriente", "instance.retiree"} <= set(facts(ville, id))
    assert told(ville, id, "signalement.reaffecte") == {"de": "habitat-lisse"}
    assert len(mails(ville, id, "accuse")) == 2
    assert read(ville, lambda session: session.scalar(select(Rappel.du_le).where(Rappel.signalement_id == id))) is None


def test_it_is_routed_on_the_day_it_was_seen_by_the_map_of_today(ville):
    """An acteur adopted since: the new version's rules decide, the promises stay those it was born with."""
    id = deposit(ville, place=RUE_ERABLES)
    before = echeances(ville, id)
    version = ticket(ville, id).version
    configure(
        ville,
        lambda c: replace(
            c,
            regles=tuple(replace(one, confier_a="voirie") if one.confier_a == "proprete" else one for one in c.regles),
        ),
    )
    assert mend(ville, "relais", id, description="Un sommier.").acteur == "proprete"
    lon, lat = RUE_ERABLES
    done = mend(ville, "relais", id, position=at((lon + 0.00001, lat)))
    assert (done.acteur, done.version) == ("voirie", version)
    assert echeances(ville, id) == before
    assert to(mails(ville, id, "affectation")) == [PROPRETE, VOIRIE]


def test_what_the_pilote_chose_for_good_an_author_s_pin_does_not_undo(ville):
    id = deposit(ville)
    act(ville, "pilote", reaffecter, id, motif=MotifDeRenvoi.QUALIFICATION, acteur="voirie")
    before = ticket(ville, id)
    done = mend(ville, "relais", id, position=at(RUE_ERABLES))
    assert (done.acteur, done.affecte_par_le_pilote, done.domanialite) == ("voirie", True, "DPC")
    assert done.regle == before.regle
    assert before.explication.startswith("Confié à Direction de la voirie et de l'éclairage par le pilote. D'après la")
    assert done.explication.startswith("Confié à Direction de la voirie et de l'éclairage par le pilote. D'après la")
    assert "D'après la carte : Rue des Érables" in done.explication
    assert told(ville, id, "signalement.corrige") == {"champs": ["position"]}
    done = mend(ville, "pilote", id, position=at(ERABLES))
    assert (done.acteur, done.affecte_par_le_pilote) == ("habitat-lisse", False)


def test_the_acteur_that_had_heard_of_it_is_told_it_is_its_no_more_and_another_is_not(ville):
    heard, unheard = deposit(ville), deposit(ville)
    sent(ville, heard, "affectation")
    for id in (heard, unheard):
        mend(ville, "relais", id, position=at(RUE_ERABLES))
    assert [(mail.a, mail.etat) for mail in mails(ville, heard, "plus_a_vous")] == [(AGENCE, EtatEnvoi.EN_ATTENTE)]
    assert mails(ville, unheard, "plus_a_vous") == []
    withdraw(ville, "relais", heard)
    assert [mail.etat for mail in mails(ville, heard, "plus_a_vous")] == [EtatEnvoi.EN_ATTENTE]


def test_the_acteur_that_had_heard_of_it_is_told_that_it_left_the_perimeter(ville):
    configure(ville, lambda c: replace(c, perimetre=Perimetre.QPV, competent_ailleurs="Mairie annexe, 02 61 91 00 00"))
    id = deposit(ville)
    sent(ville, id, "affectation")
    mend(ville, "relais", id, position=at(DELAISSE))
    assert to(mails(ville, id, "plus_a_vous")) == [AGENCE]


def test_what_its_first_acteur_kept_stays_kept_when_the_pilote_gives_it_to_another(ville):
    id = deposit(ville)
    act(ville, "agent", prendre_en_charge, id)
    before = echeances(ville, id)
    done = mend(ville, "pilote", id, position=at(RUE_ERABLES))
    assert (done.acteur, done.statut) == ("proprete", "affecte")
    assert echeances(ville, id) == before
    assert clocks(ville, id)["prise_en_charge", 1].etat == "tenu"


def test_a_theme_gone_since_must_be_chosen_anew_to_move_the_pin_and_not_to_mend_a_word(ville):
    id = deposit(ville)
    configure(
        ville,
        lambda c: replace(
            c,
            themes=tuple(replace(one, code="proprete.depot") if one.code == DEPOT_SAUVAGE else one for one in c.themes),
            regles=tuple(one for one in c.regles if one.theme != DEPOT_SAUVAGE),
            engagements=tuple(one for one in c.engagements if one.theme != DEPOT_SAUVAGE),
        ),
    )
    assert mend(ville, "relais", id, description="Un sommier.").description == "Un sommier."
    with pytest.raises(ThemeInconnu) as refused:
        mend(ville, "relais", id, position=at(RUE_ERABLES))
    assert refused.value.errors[0].detail == "« proprete.depot_sauvage » a été remplacé par « proprete.depot »."
    assert mend(ville, "relais", id, theme="proprete.depot", position=at(RUE_ERABLES)).theme == "proprete.depot"


def test_the_software_of_the_acteur_it_leaves_hears_of_it(ville, keys):
    where = {"url": "https://habitat.example/x", "types": (), "acteur": "habitat-lisse"}
    with ville.as_("admin") as session, session.begin():
        create_webhook(session, caller=session.caller, box=keys.box, now=session.now, **where)
    id = deposit(ville)
    mend(ville, "relais", id, position=at(RUE_ERABLES))
    heard = select(Envoi.gabarit).where(Envoi.signalement_id == id, Envoi.canal == Canal.WEBHOOK)
    assert "signalement.reaffecte" in read(ville, lambda session: session.scalars(heard).all())


def test_where_a_photo_says_it_was_taken_is_forgotten_once_its_author_has_placed_the_pin(ville):
    id = deposit(ville)

    def offered():
        return read(ville, lambda session: session.scalar(select(Photo.position).where(Photo.signalement_id == id)))

    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Photo).where(Photo.signalement_id == id).values(position={"lon": 0.4, "lat": 48.1}))
    mend(ville, "pilote", id, position=at(RUE_ERABLES))
    mend(ville, "relais", id, description="Un sommier.")
    assert offered() == {"lon": 0.4, "lat": 48.1}
    mend(ville, "relais", id, position=at(ERABLES))
    assert offered() is None


# --- retraits


def test_a_withdrawal_stops_every_clock_and_takes_back_what_had_not_left(ville):
    id = deposit(ville)
    live(ville, "2026-04-07 17:30")
    assert agendas(ville, id)["gusp-tilleuls"].etat == "inscrite"
    done = withdraw(ville, "relais", id)
    assert (done.statut, done.acteur) == ("retire", "habitat-lisse")
    assert running(ville, id) == set()
    assert {one.etat for one in agendas(ville, id).values()} == {"retiree"}
    assert told(ville, id, "signalement.retire") == {"motif": "Enlevé ce matin."}
    assert {mail.etat for mail in mails(ville, id, "affectation", "relance", "retard")} == {EtatEnvoi.ANNULE}
    assert mails(ville, id, "retire") == []
    assert live(ville, "2026-05-29 17:30") is None
    assert facts(ville, id)[-1] == "instance.retiree"


def test_its_acteur_is_told_only_if_it_had_heard_of_it(ville):
    heard, unheard = deposit(ville), deposit(ville)
    sent(ville, heard, "affectation")
    withdraw(ville, "relais", heard)
    withdraw(ville, "relais", unheard)
    assert to(mails(ville, heard, "retire")) == [AGENCE]
    assert mails(ville, unheard, "retire") == []


def test_a_mail_on_the_wire_has_left(ville):
    id = deposit(ville)
    with ville.session(Door.OWNER) as session, session.begin():
        wire = update(Envoi).where(Envoi.signalement_id == id, Envoi.gabarit == "affectation")
        session.execute(wire.values(lease_token=id, lease_until=le("2026-03-31 18:13")))
    withdraw(ville, "relais", id)
    assert to(mails(ville, id, "retire")) == [AGENCE]


@pytest.mark.parametrize("act_of", ["withdrawal", "correction"])
def test_a_mail_that_a_worker_takes_at_that_very_moment_is_followed_by_another(clone, act_of):
    """The worker's claim commits while the verb waits to take the mail back: what has left since is seen."""
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    id = deposit(ville)
    verb = withdraw if act_of == "withdrawal" else (lambda *a: mend(*a, position=at(RUE_ERABLES)))
    with ThreadPoolExecutor(1) as pool:
        with ville.worker() as worker, worker.begin():
            [territoire] = territoires_due(worker, Envoi)
        with Session.for_worker(ville.bind, territoire=territoire) as worker, worker.begin():
            claim(worker, Envoi, now=worker.now, limit=10)
            done = pool.submit(verb, ville, "relais", id)
            waits_for_a_lock(engine)
        done.result(timeout=20)
    assert to(mails(ville, id, "retire", "plus_a_vous")) == [AGENCE]
    engine.dispose()


def waits_for_a_lock(engine):
    """Return once a connection to that database waits for another's row."""
    waiting = text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    for _ in range(400):
        with engine.connect() as connection:
            if connection.scalar(waiting):
                return
        sleep(0.05)
    pytest.fail("nobody waits")


def test_an_author_is_told_that_the_pilote_withdrew_it_and_why(ville):
    id = deposit(ville)
    act(ville, "agent", prendre_en_charge, id)
    withdraw(ville, "pilote", id)
    [mail] = mails(ville, id, "retire")
    assert (mail.a, mail.donnees["motif"]) == ("relais@demo.test", "Enlevé ce matin.")


def test_what_is_withdrawn_is_withdrawn_for_good(ville):
    id = deposit(ville)
    withdraw(ville, "relais", id)
    for verb in (withdraw, lambda *a: mend(*a, description="x")):
        with pytest.raises(TransitionImpossible) as refused:
            verb(ville, "relais", id)
        assert refused.value.extra == {"statut": "retire", "actions": ["abonnements"]}


def test_one_nobody_had_is_withdrawn_in_silence(ville):
    id = deposit(ville, place=DELAISSE)
    assert withdraw(ville, "relais", id).statut == "retire"
    assert mails(ville, id, "retire") == []
