from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from conftest import MARDI, Ville
from sqlalchemy import func, select

from relais.commands.signalement import submit_signalement
from relais.db import make_engine
from relais.errors import (
    DateImpossible,
    HorsTerritoire,
    IdentifiantDejaPris,
    PositionInversee,
    SignalementDifferent,
    ThemeInconnu,
)
from relais.queries.dossier import dossier
from relais.rules.depot import Depot, PhotoDeclaree
from relais.rules.statuts import Statut
from relais.tables.envoi import Envoi
from relais.tables.signalement import Signalement

PHOTO = PhotoDeclaree(uuid4(), "avant", "image/jpeg", 412_338, "9f" * 32)
DEPOT = Depot("proprete.depot_sauvage", MARDI, lon=0.41237, lat=48.10562, precision_m=5.0, photos=(PHOTO,))


def submit(ville: Ville, depot: Depot = DEPOT, *, who: str = "relais", id=None):
    with ville.as_(who) as session, session.begin():
        return submit_signalement(session, caller=session.caller, id=id or uuid4(), depot=depot, now=session.now)


def test_a_signalement_is_routed_dated_and_announced_in_one_go(ville):
    ticket, new = submit(ville)
    assert new
    assert (ticket.statut, ticket.acteur, ticket.regle) == (Statut.AFFECTE, "habitat-lisse", "R07")
    assert ticket.numero == "VSL-2026-00001"
    with ville.as_("relais") as session, session.begin():
        file = dossier(session, session.get_one(Signalement, (ticket.territoire_id, ticket.id)))
        dates = {one.delai: one.echeance.isoformat() for one in file.echeances}
        gabarits = session.scalars(select(Envoi.gabarit).where(Envoi.signalement_id == ticket.id)).all()
    assert dates == {
        "prise_en_charge": "2026-04-01T13:00:00+00:00",
        "reponse": "2026-04-03T15:00:00+00:00",
        "traitement": "2026-04-02T16:12:00+00:00",
    }
    assert sorted(gabarits) == ["accuse", "affectation"]


def test_the_same_meaning_again_is_the_same_signalement(ville):
    id = uuid4()
    first, _ = submit(ville, id=id)
    again, new = submit(ville, id=id)
    assert not new
    assert again.numero == first.numero
    with ville.as_("relais") as session, session.begin():
        assert session.scalar(select(func.count()).select_from(Envoi).where(Envoi.signalement_id == id)) == 2


def test_another_meaning_under_the_same_id_is_refused(ville):
    id = uuid4()
    submit(ville, id=id)
    with pytest.raises(SignalementDifferent):
        submit(ville, replace(DEPOT, description="autre chose"), id=id)


def test_somebody_else_s_id_says_nothing_of_it(ville):
    id = uuid4()
    submit(ville, id=id)
    with pytest.raises(IdentifiantDejaPris) as refused:
        submit(ville, id=id, who="relais2")
    assert not refused.value.extra


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"theme": "proprete.inconnu"}, ThemeInconnu),
        ({"lon": 48.10562, "lat": 0.41237}, PositionInversee),
        ({"lon": 2.35, "lat": 48.85}, HorsTerritoire),
        ({"constate_le": MARDI + timedelta(days=2)}, DateImpossible),
        ({"constate_le": MARDI - timedelta(days=400)}, DateImpossible),
    ],
    ids=["unknown thème", "swapped", "another town", "far future", "long ago"],
)
def test_bad_input_is_refused_and_leaves_nothing(ville, change, refusal):
    with pytest.raises(refusal):
        submit(ville, replace(DEPOT, **change))
    with ville.as_("relais") as session, session.begin():
        assert session.scalar(select(func.count()).select_from(Signalement)) == 0


def test_a_phone_clock_a_little_ahead_is_brought_back_and_marked(ville):
    ticket, _ = submit(ville, replace(DEPOT, constate_le=MARDI + timedelta(hours=3)))
    assert (ticket.constate_le, ticket.constate_corrige) == (ticket.recu_le, True)


def test_two_sends_of_one_draft_at_the_same_instant_take_one_number(clone):
    """Really committed, on two connections: the loser of the race gives its number back."""
    engine = make_engine(clone())
    town = Ville(engine)
    draft = replace(DEPOT, constate_le=datetime.now(UTC))
    one = uuid4()
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: submit(town, draft, id=one), range(4)))
    following, _ = submit(town, draft)
    engine.dispose()
    assert {ticket.numero[-5:] for ticket, _ in sent} == {"00001"}
    assert sum(new for _, new in sent) == 1
    assert following.numero.endswith("00002")
