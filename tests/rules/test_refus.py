"""The closed list of reasons for which a signalement changes hands."""

import pytest

from relais.rules.refus import RENVOIS, Cause, MotifDeRenvoi, cause, en_clair, redit, redit_de_la_carte


def test_each_reason_says_what_it_means_and_what_it_puts_in_question():
    told = {str(code): (renvoi.libelle, str(renvoi.cause), renvoi.au_pilote) for code, renvoi in RENVOIS.items()}
    assert told == {
        "pas_mon_terrain": ("terrain d'un autre acteur", "carte", False),
        "pas_ma_competence": ("compétence d'un autre acteur", "regle", False),
        "mauvais_theme": ("thème à corriger", "constat", False),
        "mauvaise_position": ("position à corriger", "constat", False),
        "autre_acteur_engage": ("un autre acteur s'en occupe déjà", "aucune", False),
        "qualification": ("responsable désigné par le pilote", "aucune", True),
        "arbitrage": ("arbitrage du pilote", "aucune", True),
        "autre": ("autre raison", "aucune", False),
    }
    assert set(RENVOIS) == set(MotifDeRenvoi)


@pytest.mark.parametrize(
    ("motif", "commentaire", "lu"),
    [
        ("pas_mon_terrain", None, "terrain d'un autre acteur"),
        ("pas_mon_terrain", "Limite au portail.", "terrain d'un autre acteur, « Limite au portail. »"),
        ("autre", "Chantier de la Région.", "« Chantier de la Région. »"),
        ("Ce trottoir est à la Ville.", None, "Ce trottoir est à la Ville"),
    ],
    ids=["code", "code and words", "words alone", "older journal"],
)
def test_a_reason_reads_as_a_sentence_would_have_it(motif, commentaire, lu):
    assert en_clair(motif, commentaire) == lu


def test_what_was_typed_before_the_list_accuses_nothing():
    assert cause("Ce trottoir est à la Ville.") is Cause.AUCUNE


@pytest.mark.parametrize(
    ("motif", "vers", "par", "dit"),
    [
        ("mauvais_theme", "Voirie", "Habitat Lisse", "Confié à Voirie par Habitat Lisse (motif : thème à corriger)."),
        ("pas_mon_terrain", "Voirie", None, "Confié à Voirie par le pilote (motif : terrain d'un autre acteur)."),
        ("arbitrage", "Voirie", None, "Confié à Voirie par le pilote."),
        ("autre", None, "Habitat Lisse", "Renvoyé au pilote par Habitat Lisse (motif : autre raison)."),
        ("pas_ma_competence", None, None, "Repris par le pilote (motif : compétence d'un autre acteur)."),
    ],
    ids=["by an acteur", "by the pilote", "settled", "sent back", "taken back"],
)  # fmt: skip
def test_whoever_moves_it_speaks_before_the_map_and_instead_of_who_moved_it_before(motif, vers, par, dit):
    carte = "Résidence des Érables : le thème « tags » y revient au bailleur."
    once = redit(carte, MotifDeRenvoi(motif), vers=vers, par=par)
    assert once == f"{dit} D'après la carte : {carte}"
    assert (
        redit(redit(carte, MotifDeRenvoi.AUTRE, vers="Région", par=None), MotifDeRenvoi(motif), vers=vers, par=par)
        == once
    )


def test_the_map_speaks_anew_after_what_people_said_and_nowhere_else():
    said = redit("La rue.", MotifDeRenvoi.ARBITRAGE, vers="Voirie", par=None)
    anew = "La place, où personne n'est encore désigné : le pilote GUSP va décider."
    assert redit_de_la_carte(said, anew) == (
        "Confié à Voirie par le pilote. D'après la carte : La place, où personne n'est encore désigné."
    )
    assert redit_de_la_carte("La rue.", anew) == "La rue."
