"""Who sees a delivery, and sending one again by hand."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from commands.factories import cle, deposit
from sqlalchemy import insert, select, update

from relais.caller import Door
from relais.commands.envoi import resend
from relais.errors import ActionInterdite, EnvoiIntrouvable, EnvoiPasMort
from relais.queries.envoi import list_envois
from relais.tables.envoi import Canal, Envoi, EtatEnvoi, Webhook


@pytest.fixture
def administrateur(ville):
    return ville.identity("admin")


@pytest.fixture
def log(ville) -> dict[str | None, UUID]:
    """A ticket's mails, and one webhook delivery for each of: Habitat Lisse, the cleaning direction, the town."""
    acteurs = ("habitat-lisse", "proprete", None)
    hooks = {acteur: uuid4() for acteur in acteurs}
    with ville.session() as session, session.begin():
        for acteur, id in hooks.items():
            row = {"territoire_id": session.territoire, "id": id, "url": "https://partenaire.test/", "secret": b""}
            session.execute(insert(Webhook), row | {"types": [], "acteur": acteur, "cree_le": session.now})
    deposit(ville)
    with ville.session(Door.OWNER) as session, session.begin():
        # The ticket is Habitat Lisse's: the direction hears nothing of it, unless a delivery is made its own.
        rows = session.scalars(select(Envoi).where(Envoi.canal == Canal.WEBHOOK)).all()
        assert {row.acteur for row in rows} == {"habitat-lisse", None}
        spare = next(row for row in rows if row.acteur is None)
        session.execute(update(Envoi).where(Envoi.id == spare.id).values(acteur="proprete"))
        rows = session.scalars(
            select(Envoi).where(Envoi.canal == Canal.WEBHOOK).execution_options(populate_existing=True)
        )
        return {row.acteur: row.id for row in rows}


def seen(ville, identity, etat=None) -> list[Envoi]:
    with ville.session(identity=identity) as session, session.begin():
        return list_envois(session, caller=session.caller, etat=etat, limite=200)


def test_the_administrateur_sees_every_delivery_newest_first(ville, log, administrateur):
    rows = seen(ville, administrateur)
    assert {*log.values()} < {row.id for row in rows}
    assert {row.canal for row in rows} == set(Canal)
    assert [row.cree_le for row in rows] == sorted((row.cree_le for row in rows), reverse=True)
    assert seen(ville, administrateur, EtatEnvoi.MORT) == []


def test_a_key_sees_the_webhooks_of_its_acteur_and_no_mail(ville, log):
    rows = seen(ville, cle(ville, "habitat-lisse"))
    assert rows
    assert {(row.canal, row.acteur) for row in rows} == {(Canal.WEBHOOK, "habitat-lisse")}
    assert log["proprete"] not in {row.id for row in rows}


def test_a_key_of_no_acteur_sees_none_for_those_webhooks_are_the_town_s(ville, log):
    assert None in log
    assert seen(ville, cle(ville, None)) == []


@pytest.mark.parametrize("prenom", ["relais", "elu", "agent", "responsable", "pilote", "direction_generale"])
@pytest.mark.usefixtures("log")
def test_nobody_else_may_look(ville, prenom):
    with pytest.raises(ActionInterdite):
        seen(ville, ville.identity(prenom))


def again(ville, identity, id: UUID) -> Envoi:
    with ville.session(identity=identity) as session, session.begin():
        return resend(session, caller=session.caller, id=id, now=session.now)


def test_a_dead_delivery_is_sent_again_under_its_own_id_with_every_retry_before_it(ville, log, administrateur):
    id = log["habitat-lisse"]
    for identity in (administrateur, cle(ville, "habitat-lisse")):
        with ville.session(Door.OWNER) as session, session.begin():
            dead = {"etat": EtatEnvoi.MORT, "due_at": None, "attempts": 9, "claims": 11, "lease_token": uuid4()}
            dead["lease_until"] = session.now + timedelta(days=1)
            session.execute(update(Envoi).where(Envoi.id == id).values(**dead))
        row = again(ville, identity, id)
        assert (row.id, row.etat, row.attempts, row.claims) == (id, EtatEnvoi.EN_ATTENTE, 0, 0)
        assert (row.lease_token, row.lease_until) == (None, None)
        assert row.due_at is not None


@pytest.mark.parametrize("etat", sorted(set(EtatEnvoi) - {EtatEnvoi.MORT}))
def test_what_is_not_dead_is_not_sent_again(ville, log, administrateur, etat):
    id = log["habitat-lisse"]
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Envoi).where(Envoi.id == id).values(etat=etat, attempts=3))
    with pytest.raises(EnvoiPasMort) as refused:
        again(ville, administrateur, id)
    assert refused.value.extra == {"etat": etat}
    with ville.session(Door.OWNER) as session, session.begin():
        kept = session.execute(select(Envoi.etat, Envoi.attempts).where(Envoi.id == id)).one()
    assert tuple(kept) == (etat, 3)


def test_what_is_not_in_the_caller_s_list_cannot_be_sent_again(ville, log):
    with ville.session() as session, session.begin():
        mail = session.scalars(select(Envoi.id).where(Envoi.acteur == "habitat-lisse", Envoi.canal == Canal.COURRIEL))
        mail_id = mail.first()
    assert mail_id is not None
    bailleur, partner = cle(ville, "habitat-lisse"), cle(ville, None)
    for identity, id in (
        (bailleur, log["proprete"]),
        (bailleur, mail_id),
        (bailleur, uuid4()),
        (partner, log[None]),
        (ville.identity("elu"), log["habitat-lisse"]),
    ):
        with pytest.raises(EnvoiIntrouvable):
            again(ville, identity, id)
