from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from commands.factories import act, configure
from conftest import MARDI, Ville
from sqlalchemy import func, select

from relais.commands.corrections import corriger
from relais.commands.signalement import submit_signalement
from relais.db import make_engine
from relais.errors import (
    AutreCanal,
    DateImpossible,
    HorsTerritoire,
    IdentifiantDejaPris,
    PositionInversee,
    ReponseManquante,
    SignalementDifferent,
    ThemeInconnu,
)
from relais.queries.dossier import dossier
from relais.rules.configuration import Choix, Configuration, Question, TypeQuestion
from relais.rules.depot import Correction, Depot, PhotoDeclaree
from relais.rules.questions import URGENCE
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


# --- questions

VOLUME = {"volume": "plus_d_un_m3", "passage_bloque": True}
SUR = Question("sur", "Vous en êtes sûr ?", TypeQuestion.OUI_NON, obligatoire=True)


def ask(ville: Ville, *questions: Question) -> None:
    """The heap's thème asks only these in the next version."""
    configure(
        ville,
        lambda c: replace(
            c,
            themes=tuple(replace(one, questions=questions) if one.code == DEPOT.theme else one for one in c.themes),
        ),
    )


def test_the_answers_are_kept_with_it(ville):
    ticket, _ = submit(ville, replace(DEPOT, questions=VOLUME))
    assert ticket.questions == VOLUME


@pytest.mark.parametrize(
    ("theme", "questions", "refusal", "pointers"),
    [
        ("proprete.depot_sauvage", {"volume": "enorme"}, ReponseManquante, ["/questions/volume"]),
        ("proprete.depot_sauvage", {"volume": 2.0, "passage_bloque": "oui"}, ReponseManquante, None),
        ("proprete.depot_sauvage", {"a/b~c": "x"}, ReponseManquante, ["/questions/a~1b~0c"]),
        ("voirie.danger", {"blesse": True}, AutreCanal, ["/questions/blesse"]),
        ("voirie.danger", {"blesse": True, "licorne": 1.0}, AutreCanal, ["/questions/blesse"]),
    ],
    ids=str,
)
def test_answers_that_cannot_be_kept_say_which_question_to_mend(ville, theme, questions, refusal, pointers):
    with pytest.raises(refusal) as refused:
        submit(ville, replace(DEPOT, theme=theme, questions=questions))
    found = [fault.pointer for fault in refused.value.errors]
    assert found == (pointers or [f"/questions/{code}" for code in questions])
    with ville.as_("relais") as session, session.begin():
        assert session.scalar(select(func.count()).select_from(Signalement)) == 0


def test_an_emergency_is_sent_to_the_emergency_numbers(ville):
    with pytest.raises(AutreCanal) as refused:
        submit(ville, replace(DEPOT, theme="voirie.danger", questions={"blesse": True}))
    assert refused.value.errors[0].detail == URGENCE


def test_a_form_filled_offline_is_read_as_it_was_offered(ville):
    """Two days without a network, and meanwhile the town asks another question, which is mandatory."""
    ask(ville, SUR)
    with pytest.raises(ReponseManquante) as refused:
        submit(ville, replace(DEPOT, questions=VOLUME))
    assert {fault.pointer for fault in refused.value.errors} == {
        "/questions/sur", "/questions/volume", "/questions/passage_bloque",
    }  # fmt: skip
    ticket, _ = submit(ville, replace(DEPOT, questions=VOLUME, version=2))
    assert (ticket.questions, ticket.version) == (VOLUME, 3)


def test_a_phone_may_fill_for_thirty_days_the_form_it_had(ville):
    ask(ville, SUR)
    ville.forward(days=30)
    late = replace(DEPOT, constate_le=MARDI + timedelta(days=29), version=2)
    assert submit(ville, replace(late, questions=VOLUME))[1]


def test_a_form_replaced_for_longer_when_it_was_seen_is_read_as_of_now(ville):
    ask(ville, SUR)
    ville.forward(days=32)
    late = replace(DEPOT, constate_le=MARDI + timedelta(days=31), version=2)
    with pytest.raises(ReponseManquante):
        submit(ville, replace(late, questions=VOLUME))
    assert submit(ville, replace(late, questions={"sur": True}))[1]


def test_a_danger_known_since_stops_an_older_form_too(ville):
    stop = Choix("plus_d_un_m3", "Un tas", "Appelez la déchèterie.")
    ask(ville, Question("volume", "Quel volume ?", TypeQuestion.CHOIX, choix=(stop, Choix("peu", "Peu"))))
    with pytest.raises(AutreCanal) as refused:
        submit(ville, replace(DEPOT, questions=VOLUME, version=2))
    assert [(one.pointer, one.detail) for one in refused.value.errors] == [
        ("/questions/volume", "Appelez la déchèterie.")
    ]


@pytest.mark.parametrize("version", [None, 3, 4, 2**70])
def test_a_form_of_now_or_of_a_version_nobody_was_given_is_read_as_of_now(ville, version):
    ask(ville, SUR)
    assert submit(ville, replace(DEPOT, questions={"sur": False}, version=version))[1]
    with pytest.raises(ReponseManquante):
        submit(ville, replace(DEPOT, questions=VOLUME, version=version))


def test_a_theme_gone_since_is_refused_with_its_new_name_where_the_label_tells_it(ville):
    def rename(c: Configuration) -> Configuration:
        known = {"proprete.sol": "proprete.sols", "voirie.trottoir": None}
        kept = [one for one in c.themes if known.get(one.code, one.code)]
        return replace(c, themes=tuple(replace(one, code=known.get(one.code, one.code)) for one in kept))

    configure(ville, rename)

    def told(theme: str, version: int | None) -> str:
        with pytest.raises(ThemeInconnu) as refused:
            submit(ville, replace(DEPOT, theme=theme, version=version))
        assert refused.value.errors[0].pointer == "/theme"
        return refused.value.errors[0].detail

    assert told("proprete.sol", 2) == "« proprete.sol » a été remplacé par « proprete.sols »."
    assert told("voirie.trottoir", 2) == "« voirie.trottoir » n'est pas un thème d'ici : voir GET /v1/meta."
    assert told("proprete.sol", None) == "« proprete.sol » n'est pas un thème d'ici : voir GET /v1/meta."


def test_once_corrected_the_first_text_sent_again_is_still_the_same_signalement(ville):
    id = uuid4()
    submit(ville, id=id)
    act(ville, "relais", corriger, id, correction=Correction(description="Un sommier."))
    again, new = submit(ville, id=id)
    assert (new, again.description) == (None, "Un sommier.")
    with pytest.raises(SignalementDifferent):
        submit(ville, replace(DEPOT, description="Un sommier."), id=id)


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
    assert sum(new is not None for _, new in sent) == 1
    assert following.numero.endswith("00002")
