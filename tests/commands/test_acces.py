"""`Portee.couvre` and its SQL say the same of any ticket, for anybody."""

from random import Random
from uuid import UUID

from commands.factories import ERABLES, TROTTOIR, deposit
from sqlalchemy import select, update

from relais.caller import Door
from relais.queries.signalement import visibles
from relais.rules.acces import Portee, Role, portee
from relais.tables.personne import Personne
from relais.tables.signalement import Signalement

ACTEURS = [None, "proprete", "voirie", "habitat-lisse"]


def test_a_list_never_shows_what_a_detail_would_hide(ville):
    random = Random(7)  # noqa: S311 - the same tickets at each run
    tickets = [deposit(ville, theme=TROTTOIR, place=ERABLES) for _ in range(12)]
    with ville.session(Door.OWNER) as session, session.begin():
        people = [*session.scalars(select(Personne.id)), UUID(int=0)]
        for one in tickets:
            author, acteur = random.choice(people), random.choice(ACTEURS)
            session.execute(update(Signalement).where(Signalement.id == one).values(auteur_id=author, acteur=acteur))
        rows = session.execute(select(Signalement.id, Signalement.auteur_id, Signalement.acteur)).all()
        scopes = [portee(role, id=who, acteur=acteur) for role in Role for who in [*people, None] for acteur in ACTEURS]
        sizes = set()
        for scope in [*scopes, Portee()]:
            listed = set(session.scalars(select(Signalement.id).where(visibles(scope))))
            assert listed == {row.id for row in rows if scope.couvre(auteur=row.auteur_id, acteur=row.acteur)}, scope
            sizes.add(len(listed))
    assert {0, len(tickets)} < sizes  # nothing, everything, and something between: the comparison compared
