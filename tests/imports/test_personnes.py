import pytest

from relais.imports import FichierRefuse
from relais.imports.personnes import PersonneLue, lire_personnes
from relais.rules.acces import Role


@pytest.fixture
def ecrire(tmp_path):
    def ecrire(texte, encodage="utf-8"):
        chemin = tmp_path / "personnes.csv"
        chemin.write_bytes(texte.encode(encodage))
        return chemin

    return ecrire


def fautes(chemin):
    with pytest.raises(FichierRefuse) as refus:
        lire_personnes(chemin)
    assert refus.value.fichier == chemin
    return [(faute.ligne, faute.chemin) for faute in refus.value.fautes], str(refus.value)


TROIS = """identifiant,nom,role,acteur
Camille.Aubier@vaucelles.test,Camille Aubier,relais,
n.ferrant@habitat-lisse.test,"Ferrant, Noé",responsable,habitat-lisse
gusp@vaucelles.test,Inès Valdor,pilote,
"""


def test_the_people_of_a_file_in_its_order(ecrire):
    assert lire_personnes(ecrire(TROIS)) == (
        PersonneLue("camille.aubier@vaucelles.test", "Camille Aubier", Role.RELAIS, None, 2),
        PersonneLue("n.ferrant@habitat-lisse.test", "Ferrant, Noé", Role.RESPONSABLE, "habitat-lisse", 3),
        PersonneLue("gusp@vaucelles.test", "Inès Valdor", Role.PILOTE, None, 4),
    )


def test_a_spreadsheet_saves_semicolons_and_a_byte_order_mark(ecrire):
    texte = (
        "Identifiant;Nom;Rôle\r\n"
        'elue@vaucelles.test;"Ève Morand";Élue\r\n\r\n'
        "dgs@vaucelles.test;Léo Sand;direction générale\r\n"
    )
    lues = lire_personnes(ecrire(texte, "utf-8-sig"))
    assert [(une.nom, une.role, une.ligne) for une in lues] == [
        ("Ève Morand", Role.ELU, 2),
        ("Léo Sand", Role.DIRECTION_GENERALE, 4),
    ]


@pytest.mark.parametrize("role", ["agent", "responsable"])
def test_who_acts_for_an_acteur_says_which(ecrire, role):
    places, texte = fautes(ecrire(f"identifiant,nom,role,acteur\na@b.test,A,{role},\n"))
    assert places == [(2, "acteur")]
    assert f"« {role} » agit pour un acteur" in texte


def test_a_relais_acts_for_no_acteur(ecrire):
    assert fautes(ecrire("identifiant,nom,role,acteur\na@b.test,A,relais,proprete\n"))[0] == [(2, "acteur")]


def test_a_pilote_may_have_an_acteur(ecrire):
    (pilote,) = lire_personnes(ecrire("identifiant,nom,role,acteur\na@b.test,A,pilote,agglo\n"))
    assert pilote.acteur == "agglo"


def test_a_key_is_not_a_person(ecrire):
    assert fautes(ecrire("identifiant,nom,role\na@b.test,A,cle\n"))[0] == [(2, "role")]


def test_every_fault_is_listed_with_its_line(ecrire):
    texte = """identifiant,nom,role,acteur
pas-une-adresse,A,relais,
a@b.test,,relais,
a@b.test,B,pilotte,
c@d.test,C,relais,,trop
d@e.test,"D
E",agent,Mauvais Code
e@f.test,F,,
"""
    places, message = fautes(ecrire(texte))
    assert places == [
        (2, "identifiant"),
        (3, "nom"),
        (4, "role"),
        (4, "identifiant"),
        (5, ""),
        (6, "acteur"),
        (8, "role"),
    ]
    assert "vouliez-vous dire « pilote »" in message
    assert "déjà écrit ligne 3" in message


def test_the_same_address_in_another_case_is_the_same_person(ecrire):
    assert fautes(ecrire("identifiant,nom,role\na@b.test,A,relais\nA@B.test,B,elu\n"))[0] == [(3, "identifiant")]


def test_a_missing_column_is_named(ecrire):
    places, texte = fautes(ecrire("identifiant,nom,roll\na@b.test,A,relais\n"))
    assert places == [(1, "roll"), (1, "role")]
    assert "vouliez-vous dire « role »" in texte


def test_an_empty_file_says_what_to_write(ecrire):
    assert "identifiant, nom, role, acteur" in fautes(ecrire(""))[1]


def test_a_windows_encoding_is_refused_where_it_shows(ecrire):
    places, texte = fautes(ecrire("identifiant,nom,role\na@b.test,A,relais\ne@f.test,Ève,elu\n", "cp1252"))
    assert places == [(3, "")]
    assert "UTF-8" in texte


def test_nul_and_an_open_quote(ecrire):
    assert fautes(ecrire("identifiant,nom,role\na@b.test,A\0A,relais\n"))[0][0] == (2, "nom")
    assert fautes(ecrire('identifiant,nom,role\na@b.test,"A,relais\n'))[0] == [(2, "")]


def test_an_absent_file_is_refused(tmp_path):
    assert "introuvable" in fautes(tmp_path / "rien.csv")[1]
