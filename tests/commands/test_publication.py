"""What the territoire's rule publishes, what the pilote publishes, withdraws and has painted over."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from commands.factories import (
    DELAISSE,
    RUE_ERABLES,
    STATIONNEMENT,
    TROTTOIR,
    act,
    configure,
    deposit,
    facts,
    link,
    photo,
    read,
    ticket,
)
from conftest import MARDI, Ville
from sqlalchemy import select, update

from relais.caller import Door
from relais.commands.corrections import corriger, retirer
from relais.commands.publication import depublier, masquer, publier
from relais.commands.verbes import actions, intervenir, repondre, rouvrir
from relais.courriels.dates import Dates
from relais.courriels.histoire import Recit
from relais.db import make_engine
from relais.errors import (
    ActionInterdite,
    ChampInvalide,
    PhotoIntrouvable,
    PhotoPasPrete,
    SignalementIntrouvable,
    TransitionImpossible,
)
from relais.queries.dossier import dossier, journal
from relais.rules.configuration import Perimetre, Publication
from relais.rules.depot import Correction
from relais.rules.publication import Rectangle
from relais.rules.statuts import Statut, Verbe
from relais.tables.disparition import Disparition
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement

VISAGE = Rectangle(0.4, 0.2, 0.1, 0.1)


def under(ville: Ville, rule: Publication, **change: object) -> None:
    configure(ville, lambda configuration: replace(configuration, publication=rule, **change))


def photos(ville: Ville, id: UUID) -> list[Photo]:
    rows = select(Photo).where(Photo.signalement_id == id).order_by(Photo.rang)
    return list(read(ville, lambda session: session.scalars(rows).all()))


def out(ville: Ville, id: UUID) -> list[bool]:
    return [one.publiee for one in photos(ville, id)]


def ready(ville: Ville, id: UUID) -> list[UUID]:
    """As a worker leaves them, and two of them."""
    with ville.session(Door.OWNER) as session, session.begin():
        first = session.scalars(select(Photo).where(Photo.signalement_id == id)).one()
        values = {column.key: getattr(first, column.key) for column in Photo.__mapper__.column_attrs}
        session.add(Photo(**values | {"id": uuid4(), "rang": 1}))
        session.flush()
        session.execute(
            update(Photo).where(Photo.signalement_id == id).values(etat=EtatPhoto.PRETE, tirage=1, recue_le=session.now)
        )
    return [one.id for one in photos(ville, id)]


def publish(ville: Ville, id: UUID, chosen=None, who="pilote"):
    return act(ville, who, publier, id, photos=chosen)


def withdraw(ville: Ville, id: UUID, who="pilote"):
    return act(ville, who, depublier, id, motif="Un visage est reconnaissable.")


def correct(ville: Ville, id: UUID, correction: Correction, who="relais"):
    return act(ville, who, corriger, id, correction=correction)


def mask(ville: Ville, id: UUID, photo_id: UUID, *rectangles: Rectangle, who="pilote"):
    return act(ville, who, masquer, id, photo_id=photo_id, rectangles=rectangles or (VISAGE,))


def repair(ville: Ville, id: UUID):
    return act(ville, "agent", intervenir, id, commentaire="Enlevé.", nature="durable", photos=[photo("apres")])


# --- the territoire's rule


@pytest.mark.parametrize("rule", [Publication.AUCUNE, Publication.APRES_MODERATION])
def test_without_the_immediate_rule_nothing_is_public_by_itself(ville, rule):
    under(ville, rule)
    id = deposit(ville)
    assert (ticket(ville, id).publie_le, out(ville, id)) == (None, [False])
    repair(ville, id)
    assert out(ville, id) == [False, False]


def test_under_the_immediate_rule_a_signalement_and_its_photos_are_public_at_once_but_not_its_words(ville):
    under(ville, Publication.IMMEDIATE)
    id = deposit(ville)
    found = ticket(ville, id)
    assert (found.publie_le, found.publie_par_le_pilote) == (found.modifie_le, False)
    assert out(ville, id) == [True]
    repair(ville, id)
    act(ville, "relais", rouvrir, id, motif="pas_resolu", commentaire="Toujours là.", photos=[photo()])
    assert out(ville, id) == [True, True, True]


def test_one_to_be_qualified_is_public_as_the_others(ville):
    under(ville, Publication.IMMEDIATE)
    found = ticket(ville, deposit(ville, place=DELAISSE))
    assert found.statut is Statut.A_QUALIFIER
    assert found.publie_le is not None


def test_a_theme_that_takes_no_photo_is_never_public_by_itself(ville):
    under(ville, Publication.IMMEDIATE)
    assert ticket(ville, deposit(ville, theme=STATIONNEMENT, place=RUE_ERABLES)).publie_le is None


def test_what_the_demarche_does_not_cover_is_never_public(ville):
    under(ville, Publication.IMMEDIATE, perimetre=Perimetre.QPV, competent_ailleurs="Mairie, 02 61 91 00 00")
    id = deposit(ville, place=(0.3985, 48.1085))
    assert (ticket(ville, id).statut, ticket(ville, id).publie_le, out(ville, id)) == (Statut.REORIENTE, None, [False])
    with pytest.raises(TransitionImpossible):
        publish(ville, id)


def test_once_withdrawn_what_comes_later_is_not_public_even_under_the_immediate_rule(ville):
    under(ville, Publication.IMMEDIATE)
    id = deposit(ville)
    withdraw(ville, id)
    repair(ville, id)
    assert (ticket(ville, id).publie_le, out(ville, id)) == (None, [False, False])


def test_a_town_that_becomes_careful_is_careful_with_the_photos_to_come(ville):
    under(ville, Publication.IMMEDIATE)
    id = deposit(ville)
    under(ville, Publication.APRES_MODERATION)
    repair(ville, id)
    assert out(ville, id) == [True, False]


# --- the pilote


@pytest.mark.parametrize("rule", Publication)
def test_the_pilote_publishes_whatever_the_rule(ville, rule):
    under(ville, rule)
    id = deposit(ville, theme=STATIONNEMENT, place=RUE_ERABLES)
    found = publish(ville, id)
    assert (found.publie_le, found.publie_par_le_pilote, found.revision) == (found.modifie_le, True, 2)
    assert facts(ville, id)[-1] == "signalement.publie"


def test_without_a_list_all_that_can_be_looked_at_is_shown(ville):
    id = deposit(ville)
    publish(ville, id)
    assert out(ville, id) == [False]  # its bytes are not even here
    first, second = ready(ville, id)
    mask(ville, id, second)
    publish(ville, id)
    assert out(ville, id) == [True, True]  # the second once it is painted
    shown = read(
        ville, lambda s: s.scalars(select(Evenement.donnees).where(Evenement.type == "signalement.publie")).all()
    )
    assert shown == [{"photos": []}, {"photos": [str(first), str(second)]}]


def test_with_a_list_these_photos_are_shown_and_no_other_as_often_as_one_likes(ville):
    id = deposit(ville)
    first, second = ready(ville, id)
    for chosen, shown in (([second], [False, True]), ([first, first], [True, False]), ([], [False, False])):
        publish(ville, id, chosen)
        assert out(ville, id) == shown
    assert ticket(ville, id).publie_le is not None


def test_a_photo_that_is_not_its_own_or_that_nobody_has_seen_is_not_published(ville):
    id, other = deposit(ville), deposit(ville)
    [unseen] = [one.id for one in photos(ville, id)]
    with pytest.raises(PhotoPasPrete) as early:
        publish(ville, id, [unseen])
    assert [fault.pointer for fault in early.value.errors] == ["/photos/0"]
    foreign = ready(ville, other)[0]
    with pytest.raises(ChampInvalide) as wrong:
        publish(ville, id, [unseen, foreign, uuid4()])
    assert [fault.pointer for fault in wrong.value.errors] == ["/photos/1", "/photos/2"]
    assert (ticket(ville, id).publie_le, ticket(ville, id).revision) == (None, 1)


def test_what_is_withdrawn_is_public_no_more_nor_its_photos_and_readers_of_the_feed_are_told(ville):
    id = deposit(ville)
    ready(ville, id)
    publish(ville, id)
    found = withdraw(ville, id)
    assert (found.publie_le, found.publie_par_le_pilote, found.revision) == (None, False, 3)
    assert out(ville, id) == [False, False]
    assert facts(ville, id)[-1] == "signalement.depublie"
    [gone] = read(ville, lambda session: session.scalars(select(Disparition)).all())
    assert (gone.signalement_id, gone.publique) == (id, True)


def test_those_who_work_on_it_read_in_its_history_that_it_was_public_and_why_no_more(ville):
    id = deposit(ville)
    publish(ville, id)
    ville.forward(hours=1)
    withdraw(ville, id)
    with ville.as_("pilote") as session, session.begin():
        ticket = session.get_one(Signalement, (session.territoire, id))
        file = dossier(session, ticket)
        recit = Recit(file, Dates(file.born.configuration.calendrier), None)
        told = [line.texte for line in recit.raconter(journal(session, ticket))]
    assert told == ["rendu public", "retiré du public (motif : Un visage est reconnaissable)"]


@pytest.mark.parametrize("who", ["relais", "elu", "agent", "responsable", "direction_generale", "admin"])
def test_who_sees_it_and_is_no_pilote_neither_publishes_nor_withdraws_nor_masks(ville, who):
    id = deposit(ville)
    first, _ = ready(ville, id)
    for attempt in (lambda: publish(ville, id, who=who), lambda: mask(ville, id, first, who=who)):
        with pytest.raises(ActionInterdite):
            attempt()
    publish(ville, id)
    with pytest.raises(ActionInterdite):
        withdraw(ville, id, who=who)


@pytest.mark.parametrize("who", ["relais2", "agent.proprete", "link"])
def test_that_it_is_public_lets_nobody_act_who_does_not_follow_it(ville, who):
    id = deposit(ville)
    first, _ = ready(ville, id)
    publish(ville, id)
    stranger = link("proprete") if who == "link" else who
    for attempt in (
        lambda: publish(ville, id, who=stranger),
        lambda: withdraw(ville, id, who=stranger),
        lambda: mask(ville, id, first, who=stranger),
        lambda: act(ville, stranger, repondre, id, nature="operationnelle", texte="Passage mardi matin.", etape=None),
    ):
        with pytest.raises(SignalementIntrouvable):
            attempt()


def test_withdrawing_is_offered_when_there_is_something_to_withdraw(ville):
    id = deposit(ville)

    def offered() -> set[Verbe]:
        with ville.as_("pilote") as session, session.begin():
            file = dossier(session, session.get_one(Signalement, (session.territoire, id)))
            qualites = session.caller.qualites(auteur_id=file.signalement.auteur_id, acteur=file.signalement.acteur)
            return {*actions(file, qualites, now=session.now)} & {Verbe.PUBLICATIONS, Verbe.DEPUBLICATIONS}

    assert offered() == {Verbe.PUBLICATIONS}
    with pytest.raises(TransitionImpossible):
        withdraw(ville, id)
    publish(ville, id)
    assert offered() == {Verbe.PUBLICATIONS, Verbe.DEPUBLICATIONS}


@pytest.mark.parametrize("rule", [Publication.AUCUNE, Publication.IMMEDIATE])
def test_words_said_anew_wait_for_the_pilote_to_read_them(ville, rule):
    under(ville, rule)
    id = deposit(ville)
    publish(ville, id)
    correct(ville, id, Correction(lieu={"etage": "2"}))
    assert ticket(ville, id).publie_par_le_pilote
    found = correct(ville, id, Correction(description="Devant chez Monsieur Untel."))
    assert (found.publie_le, found.publie_par_le_pilote) == (MARDI, False)
    publish(ville, id)
    assert correct(ville, id, Correction(description="Devant l'entrée B."), who="pilote").publie_par_le_pilote


def test_a_correction_towards_a_theme_that_protects_people_takes_it_back(ville):
    under(ville, Publication.IMMEDIATE)
    id = deposit(ville, theme=TROTTOIR, place=RUE_ERABLES)
    assert ticket(ville, id).publie_le == MARDI
    assert correct(ville, id, Correction(theme=STATIONNEMENT)).publie_le is None


@pytest.mark.parametrize("who", ["relais", "pilote"])
def test_what_is_retired_is_public_no_more(ville, who):
    id = deposit(ville)
    publish(ville, id)
    found = act(ville, who, retirer, id, motif="Finalement enlevé.")
    assert (found.statut, found.publie_le, found.publie_par_le_pilote) == (Statut.RETIRE, None, False)
    with pytest.raises(TransitionImpossible):
        publish(ville, id)


# --- painting over


def test_a_masked_photo_is_put_away_until_a_worker_has_painted_it(ville):
    id = deposit(ville)
    first, second = ready(ville, id)
    before = ticket(ville, id).revision
    found = mask(ville, id, first, VISAGE, Rectangle(0, 0, 1, 0.5))
    row, other = photos(ville, id)
    assert (row.etat, row.due_at, row.claims, row.attempts, row.lease_token) == (EtatPhoto.RECUE, MARDI, 0, 0, None)
    assert row.masques == [
        {"x": 0.4, "y": 0.2, "largeur": 0.1, "hauteur": 0.1},
        {"x": 0, "y": 0, "largeur": 1, "hauteur": 0.5},
    ]
    assert (other.id, other.etat, other.masques) == (second, EtatPhoto.PRETE, None)
    assert (found.revision, facts(ville, id)[-1]) == (before + 1, "photo.masquee")


def test_a_photo_that_is_not_there_or_is_being_painted_cannot_be_masked(ville):
    id = deposit(ville)
    [awaited] = [one.id for one in photos(ville, id)]
    with pytest.raises(PhotoPasPrete):
        mask(ville, id, awaited)
    with pytest.raises(PhotoIntrouvable):
        mask(ville, id, uuid4())
    first, _ = ready(ville, id)
    with pytest.raises(PhotoIntrouvable):
        mask(ville, deposit(ville), first)
    mask(ville, id, first)
    with pytest.raises(PhotoPasPrete):
        mask(ville, id, first, Rectangle(0, 0, 0.1, 0.1))
    assert photos(ville, id)[0].masques == [{"x": 0.4, "y": 0.2, "largeur": 0.1, "hauteur": 0.1}]


def test_a_rectangle_beyond_the_image_is_pointed_at_and_nothing_is_masked(ville):
    id = deposit(ville)
    first, _ = ready(ville, id)
    with pytest.raises(ChampInvalide) as wrong:
        mask(ville, id, first, VISAGE, Rectangle(0.5, 0.5, 0.6, 0.1))
    assert [fault.pointer for fault in wrong.value.errors] == ["/rectangles/1"]
    assert [one.etat for one in photos(ville, id)] == [EtatPhoto.PRETE] * 2


def test_a_photo_in_a_worker_s_hands_is_not_waited_for(clone):
    """The worker would wait for the signalement that the pilote holds, and he for the photo: neither would ever end."""
    engine = make_engine(clone())
    ville = Ville(engine)
    ville.at(MARDI)
    id = deposit(ville)
    first, _ = ready(ville, id)
    with ville.worker() as worker, worker.begin():
        worker.scalars(select(Photo).where(Photo.id == first).with_for_update()).one()
        with pytest.raises(PhotoPasPrete):
            mask(ville, id, first)
    mask(ville, id, first)
    engine.dispose()
