"""Imports: the same again changes nothing, a change is a new version, and nothing already promised is rewritten."""

from dataclasses import replace
from datetime import timedelta

import pytest
from commands.factories import DEPOT_SAUVAGE, RUE_ERABLES, deposit, ticket
from commands.factories import read as read_in
from conftest import DEMO, Ville
from sqlalchemy import func, inspect, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from relais.caller import Door, Identity
from relais.commands.personne import import_personnes, make_cle
from relais.commands.territoire import (
    NOMS_GARDES,
    Dessin,
    get_territoire,
    import_configuration,
    import_contours,
    import_emprises,
    revenir,
)
from relais.db import make_engine
from relais.errors import (
    ActeurInconnu,
    CompteSuspendu,
    JetonInvalide,
    RetourImpossible,
    TerritoireInconnu,
    VersionInconnue,
)
from relais.imports.emprises import lire_emprises
from relais.imports.personnes import PersonneLue, lire_personnes
from relais.imports.territoire import lire_territoire
from relais.queries import version as version_queries
from relais.queries.dossier import dossier
from relais.queries.referentiel import emprises, referentiel
from relais.queries.signalement import get_signalement
from relais.rules.acces import Role
from relais.rules.configuration import Configuration
from relais.rules.delais import Duree, Unite
from relais.rules.statuts import Statut
from relais.tables.personne import Cle, Personne
from relais.tables.signalement import Signalement
from relais.tables.territoire import EmpriseRow, Territoire, Version
from relais.tokens import read_cle


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return lire_territoire(DEMO / "territoire.yaml").configuration


@pytest.fixture(scope="module")
def ground(configuration):
    return lire_emprises(DEMO / "emprises.geojson", DEMO / "correspondance.yaml", set(configuration.acteur)).emprises


@pytest.fixture
def mairie(ville):
    """The command line of the town: the owner's door, in one transaction."""
    with ville.session(Door.OWNER) as session, session.begin():
        yield session


def adopt(session, configuration):
    return import_configuration(session, configuration, auteur="test", now=session.now)


def versions(session) -> int:
    return session.scalar(select(func.count()).select_from(Version))


def vaucelles(session) -> Territoire:
    found = get_territoire(session, "VSL")
    assert found is not None
    return found


# --- the configuration


def test_the_same_files_again_change_nothing(mairie, ground):
    before = mairie.scalars(select(Version.empreinte).order_by(Version.numero)).all()
    assert adopt(mairie, lire_territoire(DEMO / "territoire.yaml").configuration).vide
    assert import_emprises(mairie, vaucelles(mairie), ground, auteur="test", now=mairie.now).vide
    assert mairie.scalars(select(Version.empreinte).order_by(Version.numero)).all() == before
    assert (vaucelles(mairie).version, versions(mairie)) == (2, 2)


def test_a_change_is_one_more_version_that_says_what_changed(mairie, configuration):
    theme, *others = configuration.themes
    changed = replace(configuration, themes=(replace(theme, libelle="Autrement dit"), *others), secteurs=())
    difference = adopt(mairie, changed)
    assert difference.version == vaucelles(mairie).version == 3
    assert difference.modifies == (f"themes.{theme.code}",)
    assert difference.ajoutes == ()
    assert set(difference.retires) == {f"secteurs.{one.code}" for one in configuration.secteurs}
    row = mairie.get_one(Version, (vaucelles(mairie).id, 3))
    assert (row.auteur, row.resume) == ("test", str(difference))


def test_an_order_is_a_change_too(mairie, configuration):
    """An app lists the thèmes as the town wrote them."""
    difference = adopt(mairie, replace(configuration, themes=configuration.themes[::-1]))
    assert not difference.vide
    assert vaucelles(mairie).version == 3


def test_an_open_ticket_keeps_the_version_it_was_born_under(ville, configuration):
    before = deposit(ville)
    lines = tuple(
        replace(one, delais=dict.fromkeys(one.delais, Duree(20, Unite.JOURS_OUVRES)))
        for one in configuration.engagements
    )
    with ville.session(Door.OWNER) as session, session.begin():
        adopt(session, replace(configuration, engagements=lines))
    after = deposit(ville)
    with ville.as_("relais") as session, session.begin():
        old, new = (dossier(session, get_signalement(session, caller=session.caller, id=id)) for id in (before, after))
    assert [(file.born.version, file.current.version) for file in (old, new)] == [(2, 3), (3, 3)]
    assert old.born.configuration.engagements == configuration.engagements
    assert {(one.valeur, one.unite) for one in new.echeances} == {(20, Unite.JOURS_OUVRES)}
    assert not {(one.valeur, one.unite) for one in old.echeances} & {(20, Unite.JOURS_OUVRES)}


def test_an_acteur_that_goes_stays_known_to_the_tickets_that_name_it(mairie, configuration):
    less = replace(configuration, acteurs=configuration.acteurs[1:])
    assert adopt(mairie, less).retires == (f"acteurs.{configuration.acteurs[0].code}",)
    codes = mairie.scalars(text("SELECT code FROM acteur")).all()
    assert configuration.acteurs[0].code in codes


def test_a_version_read_back_is_the_configuration_that_was_written(mairie, configuration):
    adopt(mairie, replace(configuration, sigle="GUP"))
    assert referentiel(mairie, 3).configuration == replace(configuration, sigle="GUP")
    assert referentiel(mairie, 2).configuration == configuration


def test_an_import_never_believes_a_version_it_read_before_waiting_its_turn(mairie, configuration, ground):
    """Two imports at once: the second waits for the first, then must see the version the first one made."""
    stale = vaucelles(mairie)
    mairie.execute(update(Territoire).values(version=7).execution_options(synchronize_session=False))
    mairie.execute(text("UPDATE version SET numero = 7 WHERE numero = 2"))
    assert stale.version == 2
    assert adopt(mairie, replace(configuration, sigle="GUP")).version == 8
    mairie.execute(update(Territoire).values(version=9).execution_options(synchronize_session=False))
    mairie.execute(text("UPDATE version SET numero = 9 WHERE numero = 8"))
    assert stale.version == 8
    assert import_emprises(mairie, stale, ground[1:], auteur="test", now=mairie.now).version == 10


@pytest.fixture
def a_deux(clone):
    """A town upon a database of its own, where two transactions do meet."""
    engine = make_engine(clone())
    yield Ville(engine)
    engine.dispose()


def territoire_is_free(ville) -> bool:
    """Whether an insert anywhere in the town would find its foreign key without waiting."""
    reach = (
        select(Territoire.id).where(Territoire.code == "VSL").with_for_update(read=True, key_share=True, nowait=True)
    )
    try:
        with ville.session(Door.OWNER) as other, other.begin():
            return other.scalar(reach) is not None
    except OperationalError:
        return False


def test_people_go_on_signalling_while_a_map_or_a_configuration_is_imported(a_deux, configuration, ground):
    with a_deux.session(Door.OWNER) as session, session.begin():
        import_emprises(session, vaucelles(session), ground[1:], auteur="test", now=session.now)
        assert territoire_is_free(a_deux)
        adopt(session, replace(configuration, sigle="GUP"))
        assert territoire_is_free(a_deux)


def test_nothing_new_is_written_while_going_back_for_it_could_need_what_goes(a_deux):
    with a_deux.session(Door.OWNER) as session, session.begin():
        revenir(session, vaucelles(session), 1, auteur="test", now=session.now)
        assert not territoire_is_free(a_deux)


# --- the map


def test_only_the_emprises_that_differ_are_written(mairie, ground):
    first, second, *others = ground
    new = [replace(first, nom="Autre nom"), *others, replace(second, code="neuve")]
    difference = import_emprises(mairie, vaucelles(mairie), new, auteur="test", now=mairie.now)
    changed = (difference.modifies, difference.retires, difference.ajoutes)
    assert changed == ((f"emprises.{first.code}",), (f"emprises.{second.code}",), ("emprises.neuve",))
    written = mairie.scalars(select(EmpriseRow).where(EmpriseRow.depuis == 3)).all()
    ended = mairie.scalars(select(EmpriseRow).where(EmpriseRow.jusqu_a == 3)).all()
    assert {row.code for row in written} == {first.code, "neuve"}
    assert {row.code for row in ended} == {first.code, second.code}


def test_an_older_version_still_reads_its_own_map(mairie, ground):
    territoire = vaucelles(mairie)
    first, *others = ground
    import_emprises(mairie, territoire, others, auteur="test", now=mairie.now)
    for nom in ("Revenue", "Renommée"):
        import_emprises(mairie, territoire, [replace(first, nom=nom), *others], auteur="test", now=mairie.now)
    maps = {number: {one.code: one for one in emprises(mairie, territoire.id, number)} for number in range(1, 6)}
    assert maps[1] == {}
    assert maps[2] == {one.code: one for one in ground}
    assert maps[3] == {one.code: one for one in others}
    assert [maps[number][first.code].nom for number in (4, 5)] == ["Revenue", "Renommée"]


def test_a_map_needs_a_configuration_first(mairie, ground):
    bare = Territoire(code="NUE", nom="Nue", version=0, cree_le=mairie.now)
    mairie.add(bare)
    mairie.flush()
    with pytest.raises(TerritoireInconnu, match="relais import"):
        import_emprises(mairie, bare, ground, auteur="test", now=mairie.now)


def test_an_emprise_of_an_unknown_acteur_is_refused_whole(mairie, ground):
    wrong = [replace(ground[0], gestionnaire="inconnu"), *ground[1:]]
    with pytest.raises(IntegrityError, match="fk_emprise_acteur"), mairie.begin_nested():
        import_emprises(mairie, vaucelles(mairie), wrong, auteur="test", now=mairie.now)
    assert versions(mairie) == 2


# --- what a version says of itself, and the way back


def test_a_version_keeps_who_made_it_and_the_names_of_what_it_changed(mairie, ground):
    first, second, *others = ground
    new = [replace(first, nom="Autre nom"), *others, replace(second, code="neuve")]
    import_emprises(mairie, vaucelles(mairie), new, auteur="Ada Vernis", now=mairie.now)
    row = mairie.get_one(Version, (vaucelles(mairie).id, 3))
    assert (row.auteur, row.resume) == ("Ada Vernis", "emprises : 1 ajoutés, 1 retirés, 1 modifiés")
    assert row.difference == {
        "ajoutes": ["emprises.neuve"],
        "retires": [f"emprises.{second.code}"],
        "modifies": [f"emprises.{first.code}"],
        "nombres": {"ajoutes": 1, "retires": 1, "modifies": 1},
    }


def test_a_large_difference_keeps_some_names_and_the_whole_count(mairie, ground):
    many = [replace(ground[0], code=f"parcelle-{n}") for n in range(NOMS_GARDES + 50)]
    import_emprises(mairie, vaucelles(mairie), [*ground, *many], auteur="test", now=mairie.now)
    difference = mairie.get_one(Version, (vaucelles(mairie).id, 3)).difference
    assert len(difference["ajoutes"]) == NOMS_GARDES
    assert difference["nombres"] == {"ajoutes": NOMS_GARDES + 50, "retires": 0, "modifies": 0}


def test_a_configuration_written_by_an_earlier_program_is_not_changed_by_the_same_file(mairie, configuration):
    """It lacks the words that came since, which say what they said by their absence."""
    mairie.execute(text("UPDATE version SET configuration = configuration - 'arbitrage' WHERE numero = 2"))
    assert adopt(mairie, configuration).vide


def test_contours_are_replaced_by_code_and_the_rest_stays(mairie, configuration):
    zone, *others = configuration.zones
    carre = {"type": "Polygon", "coordinates": [[[0.4, 48.1], [0.41, 48.1], [0.41, 48.11], [0.4, 48.1]]]}
    difference = import_contours(
        mairie, vaucelles(mairie), Dessin.ZONES, {zone.code: carre}, auteur="test", now=mairie.now
    )
    assert (difference.modifies, difference.ajoutes, difference.retires) == ((f"zones.{zone.code}",), (), ())
    now = referentiel(mairie, 3)
    assert now.configuration == replace(configuration, zones=(replace(zone, contour=carre), *others))
    assert len(now.carte.emprises) == len(referentiel(mairie, 2).carte.emprises)


def test_going_back_is_a_new_version_equal_to_the_old_one_in_configuration_and_map(mairie, configuration, ground):
    territoire = vaucelles(mairie)
    adopt(mairie, replace(configuration, sigle="GUP", nom="Autre ville"))
    import_emprises(mairie, territoire, ground[2:], auteur="test", now=mairie.now)
    difference = revenir(mairie, territoire, 2, auteur="Ada Vernis", now=mairie.now)
    assert difference.version == territoire.version == 5
    assert territoire.nom == configuration.nom
    assert set(difference.modifies) == {"nom", "sigle"}
    assert set(difference.ajoutes) == {f"emprises.{one.code}" for one in ground[:2]}
    assert referentiel(mairie, 5).configuration == configuration
    assert emprises(mairie, territoire.id, 5) == emprises(mairie, territoire.id, 2)
    assert len(emprises(mairie, territoire.id, 4)) == len(ground) - 2
    row = mairie.get_one(Version, (territoire.id, 5))
    assert (row.auteur, row.resume[:25]) == ("Ada Vernis", "retour à la version 2 : 2")


def test_going_back_to_the_version_in_force_changes_nothing(mairie):
    assert revenir(mairie, vaucelles(mairie), 2, auteur="test", now=mairie.now).vide
    assert versions(mairie) == 2


@pytest.mark.parametrize("numero", [3, 99, 99_999_999_999])
def test_a_version_that_never_was_cannot_be_gone_back_to(mairie, numero):
    with pytest.raises(VersionInconnue, match="vont de 1 à 2"):
        revenir(mairie, vaucelles(mairie), numero, auteur="test", now=mairie.now)


def born_since(ville, configuration):
    """Version 3 knows no such acteur nor thème; version 4 does, and somebody signals."""
    voirie = configuration.acteur["proprete"]
    theme = configuration.theme[DEPOT_SAUVAGE]
    without = replace(
        configuration,
        acteurs=tuple(one for one in configuration.acteurs if one is not voirie),
        themes=tuple(one for one in configuration.themes if one is not theme),
    )
    for each in (without, configuration):
        with ville.session(Door.OWNER) as session, session.begin():
            adopt(session, each)
    return [deposit(ville, place=RUE_ERABLES), deposit(ville)]


def test_going_back_is_refused_while_an_open_ticket_is_about_what_the_old_one_lacks(ville, configuration):
    numeros = [ticket(ville, id).numero for id in born_since(ville, configuration)]
    with ville.session(Door.OWNER) as session, session.begin(), pytest.raises(RetourImpossible) as refused:
        revenir(session, vaucelles(session), 3, auteur="test", now=session.now)
    said = refused.value.detail
    assert f"acteur « proprete » : {numeros[0]} ;" in said
    assert f"thème « {DEPOT_SAUVAGE} » : {numeros[0]}, {numeros[1]}." in said
    assert "Réaffectez-les, corrigez leur thème ou terminez-les" in said
    assert read_in(ville, lambda session: vaucelles(session).version) == 4


@pytest.mark.parametrize("statut", [Statut.TRAITE, Statut.CLOS])
@pytest.mark.parametrize(("jours", "refuse"), [(30, True), (31, False)])
def test_going_back_is_refused_while_what_is_done_may_still_be_reopened(ville, configuration, statut, jours, refuse):
    born_since(ville, configuration)
    with ville.session(Door.OWNER) as session, session.begin():
        done = session.now - timedelta(days=jours)
        session.execute(update(Signalement).values(statut=statut, statut_depuis=done, traite_le=done))
        if refuse:
            with pytest.raises(RetourImpossible, match="se rouvre pendant 30 jours"):
                revenir(session, vaucelles(session), 3, auteur="test", now=session.now)
        else:
            assert revenir(session, vaucelles(session), 3, auteur="test", now=session.now).version == 5


def test_once_they_are_closed_going_back_is_allowed_and_they_keep_their_version(ville, configuration):
    ids = born_since(ville, configuration)
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Signalement).values(statut=Statut.CLOS, statut_depuis=session.now))
        assert revenir(session, vaucelles(session), 3, auteur="test", now=session.now).version == 5
    assert {ticket(ville, id).version for id in ids} == {4}
    with ville.as_("relais") as session, session.begin():
        file = dossier(session, get_signalement(session, caller=session.caller, id=ids[0]))
        assert (file.born.version, file.current.version) == (4, 5)


def test_a_list_of_versions_does_not_read_their_configurations(ville):
    with ville.session(Door.OWNER) as session, session.begin():
        listed = version_queries.versions(session, vaucelles(session).id)
        assert [one.numero for one in listed] == [2, 1]
        assert all("configuration" in inspect(one).unloaded for one in listed)


# --- people and keys


def read(identifiant: str, nom: str, role: Role, acteur: str | None = None) -> PersonneLue:
    return PersonneLue(identifiant, nom, role, acteur, 2)


def test_an_import_of_people_adds_and_corrects_and_never_removes(mairie):
    people = mairie.scalar(select(func.count()).select_from(Personne))
    new = [
        read("NOUVELLE@demo.test", "Alix Ferrand", Role.ELU),
        read("Agent@Demo.test", "Sacha Morvelle", Role.RESPONSABLE, "proprete"),
    ]
    assert import_personnes(mairie, vaucelles(mairie), new, now=mairie.now) == (1, 1)
    assert import_personnes(mairie, vaucelles(mairie), new, now=mairie.now) == (0, 0)
    assert import_personnes(mairie, vaucelles(mairie), [], now=mairie.now) == (0, 0)
    assert mairie.scalar(select(func.count()).select_from(Personne)) == people + 1


def test_the_demo_s_own_file_again_changes_nobody(mairie):
    again = lire_personnes(DEMO / "personnes.csv")
    assert again
    assert import_personnes(mairie, vaucelles(mairie), again, now=mairie.now) == (0, 0)


def test_an_import_does_not_bring_a_suspended_account_back(ville):
    identity = ville.identity("elu")
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Personne).where(Personne.id == identity.personne).values(actif=False))
        import_personnes(session, vaucelles(session), [read("elu@demo.test", "Autre", Role.PILOTE)], now=session.now)
    with pytest.raises(CompteSuspendu), ville.session(identity=identity) as session:
        _ = session.caller


def test_people_of_an_unknown_acteur_are_refused(mairie):
    with pytest.raises(ActeurInconnu, match="inconnu"):
        import_personnes(mairie, vaucelles(mairie), [read("a@demo.test", "A", Role.AGENT, "inconnu")], now=mairie.now)


def test_a_key_opens_as_its_acteur_until_it_is_withdrawn(ville):
    with ville.session(Door.OWNER) as session, session.begin():
        clear = make_cle(session, vaucelles(session), libelle="Habitat Lisse", acteur="habitat-lisse", now=session.now)
        stored = session.scalars(select(Cle.empreinte)).one()
    assert clear not in stored
    with ville.session(identity=read_cle(clear)) as session, session.begin():
        caller = session.caller
    assert (caller.role, caller.acteur, caller.nom) == (Role.CLE, "habitat-lisse", "Habitat Lisse")
    with pytest.raises(JetonInvalide), ville.session(identity=read_cle(clear + "A")) as session:
        _ = session.caller
    with ville.session(Door.OWNER) as session, session.begin():
        session.execute(update(Cle).values(actif=False))
    with pytest.raises(CompteSuspendu), ville.session(identity=read_cle(clear)) as session:
        _ = session.caller


def test_a_key_of_an_unknown_acteur_is_not_made(mairie):
    with pytest.raises(ActeurInconnu):
        make_cle(mairie, vaucelles(mairie), libelle="X", acteur="inconnu", now=mairie.now)


def test_a_key_of_a_territoire_that_does_not_exist_is_only_an_unknown_key(ville):
    for number in (0, 999_999_999):
        with pytest.raises(JetonInvalide), ville.session(identity=read_cle(f"rk_{number}_abc")) as session:
            _ = session.caller


def test_a_link_of_an_acteur_acts_without_an_account(ville):
    with ville.session(identity=Identity(code="VSL", acteur="proprete")) as session, session.begin():
        assert (session.caller.role, session.caller.id, session.caller.acteur) == (Role.AGENT, None, "proprete")
