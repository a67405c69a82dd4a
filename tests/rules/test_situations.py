"""Situations → who answers, by which line, in which sentence, and who is above: every class, one row each."""

from collections import Counter
from dataclasses import dataclass, fields, replace
from datetime import date

import pytest
from rules.quartier import (
    ABRI,
    ARBRE,
    ASCENSEUR,
    AVRIL,
    CARTE,
    DEPOT,
    FIL,
    GENANT,
    HAINE,
    MARS,
    PLACES,
    TAG,
    TONTE,
    TRAVAUX,
    TROU,
    VAUCELLES,
)

from relais.rules.configuration import Cible, Configuration, Domanialite, Modele, Perimetre, Regle
from relais.rules.organisation import Chaine, Collectivite, Pilote, chaine, informes
from relais.rules.routage import Routage, router

COMMUNE, EPCI = Collectivite.COMMUNE, Collectivite.EPCI
NANTAIS, ANGEVIN, COMMUNE_SEULE, EPCI_SEUL = Modele
PROPRETE = ("proprete.*",)
LINES = {
    "a family that reaches": Regle("R28", "graffiti.*", "DPC", "*", "mairie", surcharge=True, debord_m=2.0),
    "every thème of a bailleur": Regle("R29", "*", "BAIL", "*", Cible.BAILLEUR_PROCHE, surcharge=True),
    "lifts of a copropriété": Regle("R30", ASCENSEUR, "COPRO", "*", Cible.PROPRIETAIRE),
}
"""More lines, by name."""


@dataclass(frozen=True)
class Situation:
    """What may differ from one to another: each name of these is a respect."""

    sol: str = "DPC"
    theme: str = DEPOT
    le: date = MARS
    precision_m: float | None = None
    modele: Modele = NANTAIS
    perimetre: Perimetre = Perimetre.VILLE
    themes_suivis: tuple[str, ...] = ()
    line: str | None = None

    @property
    def configuration(self) -> Configuration:
        said = {"modele": self.modele, "perimetre": self.perimetre, "themes_suivis": self.themes_suivis}
        lines = (LINES[self.line],) if self.line else ()
        return replace(VAUCELLES, **said, regles=(*VAUCELLES.regles, *lines))

    def routage(self) -> Routage:
        lon, lat = PLACES[self.sol]
        seen = {"theme": self.theme, "lon": lon, "lat": lat, "precision_m": self.precision_m, "le": self.le}
        return router(self.configuration, CARTE, **seen)

    def respects(self, other: "Situation") -> set[str]:
        return {one.name for one in fields(self) if getattr(self, one.name) != getattr(other, one.name)}


@dataclass(frozen=True)
class Ligne:
    """`respect`: the only one in which it differs from another row of the table. `candidats`: none when it is sure.

    `informes`: by the line; `told`: by the line and by the modèle. `bord`: uncertain for the perimeter alone.
    """

    respect: str
    situation: Situation
    acteur: str | None
    regle: str | None
    phrase: str
    candidats: tuple[str | None, ...] = ()
    informes: tuple[str, ...] = ()
    told: tuple[str, ...] = ("agglo",)
    bord: bool = False


ATTENDUS = ("candidats", "informes", "told", "bord")


def ligne(respect: str, acteur: str | None, regle: str | None, phrase: str, **others) -> Ligne:
    attendu = {name: others.pop(name) for name in ATTENDUS if name in others}
    return Ligne(respect, Situation(**others), acteur, regle, phrase, **attendu)


AU_DESSUS = {
    NANTAIS: (Pilote.COMMUNE, COMMUNE),
    ANGEVIN: (Pilote.BINOME, COMMUNE),
    COMMUNE_SEULE: (Pilote.COMMUNE, COMMUNE),
    EPCI_SEUL: (Pilote.EPCI, EPCI),
}
"""The pilote and the direction générale, where nothing is of urban renewal."""

TOLD = {
    NANTAIS: dict.fromkeys(Domanialite, ("agglo",)) | {"DPI": ()},
    ANGEVIN: dict.fromkeys(Domanialite, ()),
    COMMUNE_SEULE: dict.fromkeys(Domanialite, ()),
    EPCI_SEUL: dict.fromkeys(Domanialite, ("mairie",)) | {"DPRIVC": (), "EQUIP_COM": ()},
}
"""Of the same heap on each ground: nobody where the collectivité that the modèle tells is the one who answers."""


SOLS = {
    "DPC": (
        "proprete",
        "R05",
        (
            "Mail des Tilleuls, domaine public communal : le thème « dépôt sauvage » y revient au service compétent"
            " (Direction de la propreté)."
        ),
    ),
    "DPI": (
        "agglo",
        "R14",
        "Domaine public intercommunal : le thème « dépôt sauvage » y revient à l'intercommunalité (Lisse Agglo).",
    ),
    "DPD": (
        "departement",
        "R15",
        "Domaine public départemental : le thème « dépôt sauvage » y revient au département (Département de la Lisse).",
    ),
    "DPN": (
        "etat",
        "R16",
        "Domaine public national : le thème « dépôt sauvage » y revient à l'État (Direction des routes).",
    ),
    "DPF": (
        "rivieres",
        "R17",
        "Domaine public fluvial : le thème « dépôt sauvage » y revient au syndicat mixte (Syndicat de la Lisse).",
    ),
    "DPFE": (
        "rail",
        "R18",
        (
            "Domaine public ferroviaire : le thème « dépôt sauvage » y revient au concessionnaire"
            " (Chemins de fer de la Lisse)."
        ),
    ),
    "DPRIVC": (
        "mairie",
        "R19",
        (
            "Domaine privé communal : le thème « dépôt sauvage » y revient au service compétent"
            " (Ville de Vaucelles-sur-Lisse)."
        ),
    ),
    "BAIL": (
        "habitat-lisse",
        "R20",
        "Résidence des Érables, propriété d'Habitat Lisse : le thème « dépôt sauvage » y revient au bailleur.",
    ),
    "COPRO": (
        "syndic",
        "R21",
        "Copropriété : le thème « dépôt sauvage » y revient au syndic (Cabinet Vaucellois).",
    ),
    "PRIV": (
        None,
        None,
        (
            "Propriété privée, où personne n'est encore désigné pour le thème « dépôt sauvage » :"
            " le pilote GUSP va décider."
        ),
    ),
    "VPOC": (
        "asl",
        "R22",
        (
            "Clos des Lilas, voie privée ouverte à la circulation : le thème « dépôt sauvage » y revient"
            " à l'association (Association du Clos des Lilas)."
        ),
    ),
    "FRICHE": (
        "amenageur",
        "R23",
        "Friche des Tanneries, friche : le thème « dépôt sauvage » y revient au syndicat mixte (Lisse Aménagement).",
    ),
    "EQUIP_COM": (
        "mairie",
        "R24",
        (
            "Équipement communal : le thème « dépôt sauvage » y revient au service compétent"
            " (Ville de Vaucelles-sur-Lisse)."
        ),
    ),
    "EQUIP_DEP": (
        "departement",
        "R25",
        "Équipement départemental : le thème « dépôt sauvage » y revient au département (Département de la Lisse).",
    ),
    "EQUIP_REG": (
        "region",
        "R26",
        "Équipement régional : le thème « dépôt sauvage » y revient à la région (Région).",
    ),
    "RESEAU": (
        "electricite",
        "R27",
        (
            "Transformateur du Mail, ouvrage de réseau : le thème « dépôt sauvage » y revient au concessionnaire"
            " (Électricité de la Lisse)."
        ),
    ),
    "COMMERCE": (
        "police",
        "R06",
        "Commerce : le thème « dépôt sauvage » y revient au service compétent (Police municipale).",
    ),
    "INDET": (
        None,
        None,
        (
            "Terrain de domanialité indéterminée, où personne n'est encore désigné pour le thème « dépôt sauvage » :"
            " le pilote GUSP va décider."
        ),
    ),
}
"""Each domanialité: the same heap on each ground."""

ABSENT = (
    "Terrain absent de la carte, où personne n'est encore désigné pour le thème « dépôt sauvage » :"
    " le pilote GUSP va décider."
)
BAC = "Résidence du Bac, propriété du Logis de la Lisse : le thème « dépôt sauvage » y revient au bailleur."
RUE = (
    "Rue du Bac, domaine public communal : le thème « dépôt sauvage » y revient au service compétent"
    " (Direction de la propreté)."
)
ASTREINTE = "Quel que soit le terrain, le thème « fils nus » revient à l'astreinte (Astreinte municipale)."
HAINEUX = "Quel que soit le terrain, le thème « tag haineux » revient au service compétent (Direction de la propreté)."
ICI = "Ce lieu est hors du périmètre GUSP, limité aux quartiers prioritaires ; s'adresser ici à : "

TABLE = (
    *(
        ligne("modele" if sol == "DPC" else "sol", *attendu, sol=sol, modele=modele, told=TOLD[modele][sol])
        for modele in Modele
        for sol, attendu in SOLS.items()
    ),
    # The surcharges: the danger and the hate, whatever the ground; the tag, past the limit; indoors, the building.
    ligne("theme", "astreinte", "R01", ASTREINTE, theme=FIL),
    ligne("sol", "astreinte", "R01", ASTREINTE, theme=FIL, sol="BAIL"),
    ligne("sol", "astreinte", "R01", ASTREINTE, theme=FIL, sol="PRIV"),
    ligne("sol", "astreinte", "R01", ASTREINTE, theme=FIL, sol="gap"),
    ligne("theme", "proprete", "R02", HAINEUX, theme=HAINE),
    ligne("sol", "proprete", "R02", HAINEUX, theme=HAINE, sol="BAIL"),
    ligne(
        "theme",
        "proprete",
        "R04",
        "Mail des Tilleuls, domaine public communal : le thème « tag » y revient au service compétent"
        " (Direction de la propreté).",
        theme=TAG,
    ),
    ligne(
        "sol",
        "proprete",
        "R04",
        "Rue du Bac, domaine public communal, à moins de 2 m : le thème « tag » revient jusque-là au service compétent"
        " (Direction de la propreté).",
        theme=TAG,
        sol="1.9 m east of the edge",
    ),
    ligne(
        "sol",
        "logis",
        "R20",
        "Résidence du Bac, propriété du Logis de la Lisse : le thème « tag » y revient au bailleur.",
        theme=TAG,
        sol="2.1 m east of the edge",
    ),
    ligne(
        "theme",
        None,
        "R03",
        "Aucun bâtiment de bailleur connu à moins de 60 m pour le thème « ascenseur » : le pilote GUSP va décider.",
        theme=ASCENSEUR,
    ),
    ligne(
        "sol",
        "habitat-lisse",
        "R03",
        "Bâtiment de bailleur le plus proche, Résidence des Érables, propriété d'Habitat Lisse :"
        " le thème « ascenseur » y revient au bailleur.",
        theme=ASCENSEUR,
        sol="BAIL",
    ),
    ligne(
        "sol",
        "logis",
        "R03",
        "Bâtiment de bailleur le plus proche, Résidence du Bac, propriété du Logis de la Lisse :"
        " le thème « ascenseur » y revient au bailleur.",
        theme=ASCENSEUR,
        sol="59 m from a bailleur",
    ),
    ligne(
        "sol",
        None,
        "R03",
        "Aucun bâtiment de bailleur connu à moins de 60 m pour le thème « ascenseur » : le pilote GUSP va décider.",
        theme=ASCENSEUR,
        sol="61 m from a bailleur",
    ),
    # Whatever other line names a ground: the danger and the hate are more precise.
    ligne("sol", "proprete", "R02", HAINEUX, theme=HAINE, sol="1.9 m east of the edge"),
    ligne("line", "proprete", "R02", HAINEUX, theme=HAINE, sol="1.9 m east of the edge", line="a family that reaches"),
    ligne("line", "astreinte", "R01", ASTREINTE, theme=FIL, sol="BAIL", line="every thème of a bailleur"),
    # The building next door is a guess: who manages the ground may answer, and does where a line says so.
    ligne(
        "sol",
        "habitat-lisse",
        "R03",
        "Bâtiment de bailleur le plus proche, Résidence des Érables, propriété d'Habitat Lisse :"
        " le thème « ascenseur » y revient au bailleur."
        " Le terrain a un autre gestionnaire (Cabinet Vaucellois) : le responsable reste à confirmer.",
        theme=ASCENSEUR,
        sol="COPRO",
        candidats=("habitat-lisse", "syndic"),
    ),
    ligne(
        "line",
        "syndic",
        "R30",
        "Copropriété : le thème « ascenseur » y revient au syndic (Cabinet Vaucellois).",
        theme=ASCENSEUR,
        sol="COPRO",
        line="lifts of a copropriété",
    ),
    # A concessionnaire's: by what it is, or by the ground it stands on (RESEAU, above).
    ligne(
        "theme",
        "abris",
        "R09",
        "Mail des Tilleuls, domaine public communal : le thème « abri de transport abîmé » y revient"
        " au concessionnaire (Abris de Lisse).",
        theme=ABRI,
    ),
    # A private street open to traffic: two recipients.
    ligne(
        "theme",
        "asl",
        "R08",
        "Clos des Lilas, voie privée ouverte à la circulation : le thème « nid-de-poule » y revient à l'association"
        " (Association du Clos des Lilas) ; pour information : Police municipale.",
        theme=TROU,
        sol="VPOC",
        informes=("police",),
        told=("police", "agglo"),
    ),
    ligne(
        "theme",
        "police",
        "R07",
        "Clos des Lilas, voie privée ouverte à la circulation : le thème « stationnement gênant » y revient"
        " au service compétent (Police municipale).",
        theme=GENANT,
        sol="VPOC",
    ),
    # A thème, its family, every thème; then the zone.
    ligne(
        "theme",
        "voirie",
        "R13",
        "Mail des Tilleuls, domaine public communal : le thème « nid-de-poule » y revient au service compétent"
        " (Direction de la voirie).",
        theme=TROU,
    ),
    ligne(
        "theme",
        "elagage",
        "R12",
        "Mail des Tilleuls, domaine public communal : le thème « arbre malade » y revient au prestataire"
        " (Bois de Lisse).",
        theme=ARBRE,
    ),
    ligne(
        "theme",
        "regie",
        "R11",
        "Mail des Tilleuls, domaine public communal : le thème « espace vert à entretenir » y revient"
        " à la régie de quartier (Régie des Tilleuls).",
        theme=TONTE,
    ),
    ligne(
        "sol",
        "espaces-verts",
        "R10",
        "Parc, domaine public communal : le thème « espace vert à entretenir » y revient au service compétent"
        " (Direction des espaces verts).",
        theme=TONTE,
        sol="under it",
    ),
    # The boundaries of the ground.
    ligne("sol", None, None, ABSENT, sol="gap"),
    ligne("sol", None, None, ABSENT, sol="hole"),
    ligne(
        "sol",
        "habitat-lisse",
        "R20",
        "Îlot du Puits, propriété d'Habitat Lisse : le thème « dépôt sauvage » y revient au bailleur.",
        sol="around the hole",
    ),
    ligne("sol", None, None, ABSENT, sol="between the parts"),
    *(
        ligne(
            "sol",
            "logis",
            "R20",
            "Les Deux Ailes, propriété du Logis de la Lisse : le thème « dépôt sauvage » y revient au bailleur.",
            sol=part,
        )
        for part in ("first part", "second part")
    ),
    ligne(
        "sol",
        "mairie",
        "R24",
        "Kiosque, équipement communal : le thème « dépôt sauvage » y revient au service compétent"
        " (Ville de Vaucelles-sur-Lisse).",
        sol="overlap",
    ),
    ligne(
        "sol",
        "proprete",
        "R05",
        "Parc, domaine public communal : le thème « dépôt sauvage » y revient au service compétent"
        " (Direction de la propreté).",
        sol="under it",
    ),
    ligne("sol", "proprete", "R05", RUE, sol="a metre west of the edge"),
    ligne("sol", "logis", "R20", BAC, sol="edge"),
    ligne("sol", "logis", "R20", BAC, sol="a metre east of the edge"),
    ligne(
        "sol",
        "logis",
        "R20",
        "Tour B, propriété du Logis de la Lisse : le thème « dépôt sauvage » y revient au bailleur.",
        sol="same ground twice",
    ),
    # Those of time.
    ligne(
        "sol",
        "amenageur",
        "R23",
        "Les Moulins, friche : le thème « dépôt sauvage » y revient au syndicat mixte (Lisse Aménagement).",
        sol="changing hands",
    ),
    ligne(
        "le",
        "logis",
        "R20",
        "Les Moulins, propriété du Logis de la Lisse : le thème « dépôt sauvage » y revient au bailleur.",
        sol="changing hands",
        le=AVRIL,
    ),
    # Those of the position.
    ligne("precision_m", "proprete", "R05", RUE, sol="a metre west of the edge", precision_m=0.5),
    ligne(
        "precision_m",
        "proprete",
        "R05",
        f"{RUE} Position connue à 3 m près : le responsable reste à confirmer.",
        sol="a metre west of the edge",
        precision_m=3,
        candidats=("proprete", "logis"),
    ),
    ligne("theme", "astreinte", "R01", ASTREINTE, theme=FIL, sol="a metre west of the edge", precision_m=3),
    # The two perimeters: outside, who is competent, by thème, by family, or for the rest.
    ligne("perimetre", *SOLS["DPC"], perimetre=Perimetre.QPV),
    ligne(
        "perimetre",
        None,
        None,
        f"{ICI}Lisse Agglo, déchets, dechets@lisse-agglo.test.",
        sol="under it",
        perimetre=Perimetre.QPV,
        told=(),
    ),
    ligne(
        "theme",
        None,
        None,
        f"{ICI}Service des Tanneries, 2 quai de la Lisse.",
        theme=TROU,
        sol="under it",
        perimetre=Perimetre.QPV,
        told=(),
    ),
    ligne(
        "theme",
        None,
        None,
        f"{ICI}Mairie, accueil, 02 61 91 00 01.",
        theme=TAG,
        sol="under it",
        perimetre=Perimetre.QPV,
        told=(),
    ),
    # On its border, as far as the position is known; and a danger, which is sent away from nowhere.
    ligne(
        "theme",
        None,
        None,
        f"{ICI}Mairie, accueil, 02 61 91 00 01.",
        theme=HAINE,
        sol="under it",
        perimetre=Perimetre.QPV,
        told=(),
    ),
    ligne(
        "sol",
        None,
        None,
        f"{ICI}Mairie, accueil, 02 61 91 00 01.",
        theme=HAINE,
        sol="1.5 m outside the QPV",
        perimetre=Perimetre.QPV,
        told=(),
    ),
    ligne(
        "precision_m",
        None,
        None,
        f"{ICI}Mairie, accueil, 02 61 91 00 01.",
        theme=HAINE,
        sol="1.5 m outside the QPV",
        perimetre=Perimetre.QPV,
        precision_m=1.4,
        told=(),
    ),
    ligne(
        "precision_m",
        "proprete",
        "R02",
        f"{HAINEUX} Position connue à 40 m près : ce lieu est peut-être hors du périmètre GUSP.",
        theme=HAINE,
        sol="1.5 m outside the QPV",
        perimetre=Perimetre.QPV,
        precision_m=40,
        bord=True,
    ),
    ligne(
        "theme",
        "astreinte",
        "R01",
        ASTREINTE,
        theme=FIL,
        sol="1.5 m outside the QPV",
        perimetre=Perimetre.QPV,
        precision_m=40,
    ),
    ligne("theme", "astreinte", "R01", ASTREINTE, theme=FIL, sol="under it", perimetre=Perimetre.QPV),
    ligne("themes_suivis", "astreinte", "R01", ASTREINTE, theme=FIL, themes_suivis=PROPRETE),
    ligne("themes_suivis", *SOLS["DPC"], themes_suivis=PROPRETE),
    ligne(
        "themes_suivis",
        None,
        None,
        "La démarche GUSP ne suit pas le thème « tag » ; s'adresser ici à : Mairie, accueil, 02 61 91 00 01.",
        theme=TAG,
        themes_suivis=PROPRETE,
        told=(),
    ),
)


def named(one: Ligne) -> str:
    said = (getattr(one.situation, field.name) for field in fields(one.situation))
    default = Situation()
    kept = [str(value) for value, field in zip(said, fields(default), strict=True) if value != field.default]
    return " · ".join(kept) or "the first"


@pytest.mark.parametrize("one", TABLE, ids=named)
def test_the_situation_has_its_acteur_its_line_and_its_sentence(one):
    found = one.situation.routage()
    assert (found.acteur, found.regle, found.explication) == (one.acteur, one.regle, one.phrase)
    assert tuple(candidat.acteur for candidat in found.candidats) == one.candidats
    assert (found.incertain, found.informes) == (bool(one.candidats) or one.bord, one.informes)


@pytest.mark.parametrize("one", TABLE, ids=named)
def test_the_situation_has_its_pilote_its_direction_generale_and_those_it_tells(one):
    assert told(one.situation) == one.told
    over = above(one.situation)
    assert (over.modele, over.pilote, over.direction_generale) == (
        one.situation.modele,
        *AU_DESSUS[one.situation.modele],
    )


def test_every_row_differs_from_another_in_one_respect_and_says_which():
    situations = [one.situation for one in TABLE]
    assert Counter(situations).most_common(1)[0][1] == 1
    for one in TABLE:
        neighbours = [other for other in situations if one.situation.respects(other) == {one.respect}]
        assert neighbours, named(one)


def test_the_table_has_each_domanialite_in_each_modele():
    assert set(SOLS) == set(Domanialite)
    assert {(one.situation.sol, one.situation.modele) for one in TABLE} >= {(s, m) for s in Domanialite for m in Modele}


def test_the_same_ticket_through_four_modeles_has_four_chains():
    said = {modele: above(Situation(modele=modele)) for modele in Modele}
    assert said == {
        NANTAIS: Chaine(NANTAIS, Pilote.COMMUNE, COMMUNE, ("agglo",)),
        ANGEVIN: Chaine(ANGEVIN, Pilote.BINOME, COMMUNE),
        COMMUNE_SEULE: Chaine(COMMUNE_SEULE, Pilote.COMMUNE, COMMUNE),
        EPCI_SEUL: Chaine(EPCI_SEUL, Pilote.EPCI, EPCI, ("mairie",)),
    }


@pytest.mark.parametrize(
    "situation",
    [
        pytest.param(Situation(sol="changing hands", modele=ANGEVIN), id="in a zone of renewal"),
        pytest.param(Situation(theme=TRAVAUX, modele=ANGEVIN), id="by its thème"),
    ],
)
def test_urban_renewal_is_the_epci_s_in_the_angevin_modele_alone(situation):
    assert above(situation) == Chaine(ANGEVIN, Pilote.BINOME, EPCI)
    assert above(replace(situation, modele=COMMUNE_SEULE)).direction_generale is COMMUNE


@pytest.mark.parametrize(("modele", "sol"), [(NANTAIS, "DPI"), (EPCI_SEUL, "EQUIP_COM")])
def test_whoever_answers_is_not_told_besides(modele, sol):
    assert above(Situation(sol=sol, modele=modele)).informes == ()


@pytest.mark.parametrize("sol", SOLS)
def test_where_the_commune_is_alone_the_modele_tells_no_epci(sol):
    assert above(Situation(sol=sol, modele=COMMUNE_SEULE)).informes == ()


def test_those_whom_the_line_tells_and_those_whom_the_modele_tells_are_told_once_each():
    street = Situation(sol="VPOC", theme=TROU)
    assert told(street) == ("police", "agglo")
    assert told(replace(street, modele=COMMUNE_SEULE)) == ("police",)
    lines = tuple(replace(regle, informer=("agglo", "asl")) for regle in VAUCELLES.regles)
    found = router(
        replace(VAUCELLES, regles=lines),
        CARTE,
        theme=TROU,
        lon=PLACES["VPOC"][0],
        lat=PLACES["VPOC"][1],
        precision_m=None,
        le=MARS,
    )
    assert informes(VAUCELLES, found, theme=TROU) == ("agglo",)


def test_outside_the_perimeter_nobody_is_told_and_who_is_competent_can_be_reached():
    away = Situation(sol="under it", perimetre=Perimetre.QPV)
    found = away.routage()
    assert told(away) == ()
    assert (found.hors_perimetre, found.emprise, found.candidats) == (True, "parc", ())
    assert found.competent == VAUCELLES.competents[1]


def test_the_old_text_still_says_who_is_competent_for_what_no_line_does():
    town = replace(VAUCELLES, competents=VAUCELLES.competents[1:], competent_ailleurs="Mairie, 02 61 91 00 00.")
    assert town.competent(DEPOT).nom == "Lisse Agglo, déchets"
    assert town.competent(TAG).nom == "Mairie, 02 61 91 00 00"
    assert replace(town, competent_ailleurs=None).competent(TAG) is None


def above(situation: Situation) -> Chaine:
    found = situation.routage()
    return chaine(situation.configuration, theme=situation.theme, zones=found.zones, acteur=found.acteur)


def told(situation: Situation) -> tuple[str, ...]:
    return informes(situation.configuration, situation.routage(), theme=situation.theme)
