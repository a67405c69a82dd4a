"""One territoire never reads, writes nor points at what is another's, whoever asks and whatever the query."""

from dataclasses import replace
from uuid import uuid4

import pytest
from conftest import DEMO, MARDI
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from relais.caller import Door, Identity
from relais.commands.personne import import_personnes
from relais.commands.signalement import submit_signalement
from relais.commands.territoire import get_territoire, import_configuration
from relais.db import Base
from relais.errors import JetonInvalide
from relais.imports.personnes import PersonneLue
from relais.imports.territoire import lire_territoire
from relais.queries.personne import by_identifiant, by_role
from relais.rules.acces import Role
from relais.rules.depot import Depot, PhotoDeclaree
from relais.tables.envoi import Envoi
from relais.tables.evenement import Evenement
from relais.tables.personne import Personne
from relais.tables.photo import Photo
from relais.tables.signalement import Rappel, Signalement

PHOTO = PhotoDeclaree(uuid4(), "avant", "image/jpeg", 412_338, "9f" * 32)
DEPOT = Depot("proprete.depot_sauvage", MARDI, lon=0.41237, lat=48.10562, precision_m=5.0, photos=(PHOTO,))
TENANTS = sorted(name for name, table in Base.metadata.tables.items() if "territoire_id" in table.c)
CLAIMED = {"rappel", "photo", "envoi"}
DOORS = pytest.mark.parametrize("door", [Door.API, Door.WORKER])


@pytest.fixture
def ticket(ville):
    """A signalement of Vaucelles, with its photo, its deadlines and its mails."""
    with ville.as_("relais") as session, session.begin():
        made, _ = submit_signalement(session, caller=session.caller, id=uuid4(), depot=DEPOT, now=session.now)
    return made


@pytest.fixture
def voisine(ville) -> int:
    """The id of a second territoire of the same installation, which has one account and nothing else."""
    configuration = lire_territoire(DEMO / "territoire.yaml").configuration
    with ville.session(Door.OWNER) as session, session.begin():
        import_configuration(session, replace(configuration, code="AUT"), auteur="test", now=session.now)
        territoire = get_territoire(session, "AUT")
        people = [PersonneLue("relais@demo.test", "Autre Personne", Role.PILOTE, None, 2)]
        import_personnes(session, territoire, people, now=session.now)
        return territoire.id


def counts(session) -> dict[str, int]:
    return {name: session.scalar(select(func.count()).select_from(Base.metadata.tables[name])) for name in TENANTS}


@DOORS
@pytest.mark.usefixtures("ticket", "voisine")
def test_a_door_without_a_territoire_sees_no_row(ville, door):
    with ville.session(Door.OWNER) as session, session.begin():
        every = counts(session)
    assert min(every[name] for name in ("signalement", "echeance", "evenement", *CLAIMED)) > 0
    with ville.session(door, Identity()) as session, session.begin():
        seen = {name: number for name, number in counts(session).items() if number}
    claimable = {name: every[name] for name in CLAIMED} if door is Door.WORKER else {}
    assert seen == claimable


@DOORS
@pytest.mark.usefixtures("ticket")
def test_a_neighbour_sees_its_own_rows_and_no_other(ville, voisine, door):
    with ville.session(door, Identity(territoire=voisine)) as session, session.begin():
        seen = {name: number for name, number in counts(session).items() if number}
    if door is Door.WORKER:
        assert seen.keys() > CLAIMED
        seen = {name: number for name, number in seen.items() if name not in CLAIMED}
    assert seen.pop("acteur") > 1
    assert seen == {"version": 1, "personne": 1}


@DOORS
@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("table", [Signalement, Photo, Envoi, Rappel], ids=lambda table: table.__tablename__)
def test_a_neighbour_s_row_cannot_be_changed_nor_locked(ville, voisine, door, table):
    with ville.session(door, Identity(territoire=voisine)) as session, session.begin():
        assert session.execute(update(table).values(territoire_id=voisine)).rowcount == 0
        assert session.scalars(select(table).with_for_update()).all() == []


@DOORS
def test_a_row_cannot_be_written_into_another_territoire(ville, ticket, voisine, door):
    row = {"territoire_id": ticket.territoire_id, "id": uuid4(), "type": "x", "le": MARDI, "auteur": "x", "donnees": {}}
    with ville.session(door, Identity(territoire=voisine)) as session, session.begin():
        with pytest.raises(ProgrammingError, match="row-level security"), session.begin_nested():
            session.execute(insert(Evenement), row)
        session.execute(insert(Evenement), row | {"territoire_id": voisine})


@DOORS
@pytest.mark.usefixtures("ticket")
def test_a_row_cannot_be_pushed_into_another_territoire(ville, voisine, door):
    refused = pytest.raises(ProgrammingError, match="row-level security")
    with refused, ville.session(door) as session, session.begin():
        session.execute(update(Photo).where(Photo.id == PHOTO.id).values(territoire_id=voisine))


def test_a_row_cannot_point_at_another_territoire_s(ville, ticket, voisine):
    """PostgreSQL checks foreign keys without row security: only the composite key stands in the way."""
    row = {"territoire_id": voisine, "id": uuid4(), "type": "x", "le": MARDI, "auteur": "x", "donnees": {}}
    for door in (Door.API, Door.OWNER):
        refused = pytest.raises(IntegrityError, match="fk_evenement_signalement")
        with refused, ville.session(door, Identity(territoire=voisine)) as session, session.begin():
            session.execute(insert(Evenement), row | {"signalement_id": ticket.id})


@DOORS
@pytest.mark.parametrize("table", ["evenement", "escalade"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET territoire_id = territoire_id", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_happened_is_never_rewritten(ville, door, table, verb):
    refused = pytest.raises(ProgrammingError, match=f"permission denied for table {table}")
    with refused, ville.session(door) as session, session.begin():
        session.execute(text(verb.format(table)))


@DOORS
@pytest.mark.parametrize("table", ["personne", "cle", "version", "emprise", "horloge", "territoire"])
def test_accounts_and_configuration_are_out_of_the_doors_reach(ville, door, table):
    refused = pytest.raises(ProgrammingError, match="permission denied")
    with refused, ville.session(door) as session, session.begin():
        session.execute(delete(Base.metadata.tables[table]))


@pytest.mark.usefixtures("voisine")
def test_the_same_address_in_two_territoires_is_two_accounts(ville):
    """The command line holds the owner's door, which row security does not narrow: the queries themselves do."""
    for door in (Door.OWNER, Door.API):
        with ville.session(door, Identity(code="AUT")) as session, session.begin():
            assert by_identifiant(session, "Relais@Demo.test").nom == "Autre Personne"
            assert [one.nom for one in by_role(session, [Role.PILOTE])] == ["Autre Personne"]
        with ville.session(door, Identity(code="VSL")) as session, session.begin():
            assert by_identifiant(session, "relais@demo.test").nom == "Camille Aubry"
            assert "Autre Personne" not in [one.nom for one in by_role(session, list(Role))]


def test_a_token_of_one_territoire_is_worth_nothing_in_another(ville, voisine):
    mine = ville.identity("elu")
    refused = pytest.raises(JetonInvalide, match="aucun compte")
    with refused, ville.session(identity=replace(mine, territoire=voisine)) as session, session.begin():
        session.scalar(select(func.count()).select_from(Personne))
