"""A quartier drawn for the tests: one plot of each domanialité, and the shapes on which a map stumbles."""

from datetime import date
from typing import Any

from relais.rules.calendrier import Calendrier, Plage
from relais.rules.carte import Carte, Emprise
from relais.rules.configuration import (
    Acteur,
    Cible,
    Competent,
    Configuration,
    DelaiDeDecision,
    Domanialite,
    Modele,
    Regle,
    SansDecision,
    Theme,
    TypeActeur,
    TypeZone,
    Zone,
)

CALENDRIER = Calendrier("Europe/Paris", ((Plage(540, 720),),) * 5 + ((), ()))
DEPOT, TAG, HAINE = "proprete.depot_sauvage", "graffiti.ordinaire", "graffiti.haineux"
FIL, ASCENSEUR, ABRI = "eclairage.fils_nus", "habitat.ascenseur", "mobilier.abri"
TROU, GENANT, TRAVAUX = "voirie.nid_de_poule", "stationnement.genant", "habitat.travaux"
TONTE, ARBRE = "espaces_verts.entretien", "espaces_verts.arbre"
MARS, AVRIL = date(2026, 3, 31), date(2026, 4, 1)
COTE, PAS = 40, 60
"""Metres: each plot is a square, 20 m from the next."""

LIGNES = (
    (FIL, "*", "*", Cible.ASTREINTE, {"surcharge": True}),
    (HAINE, "*", "*", "proprete", {"surcharge": True}),
    (ASCENSEUR, "*", "*", Cible.BAILLEUR_PROCHE, {"surcharge": True}),
    (TAG, "DPC", "*", "proprete", {"surcharge": True, "debord_m": 2.0}),
    (DEPOT, "DPC", "*", "proprete", {}),
    (DEPOT, "COMMERCE", "*", "police", {}),
    ("stationnement.*", "VPOC", "*", "police", {}),
    ("voirie.*", "VPOC", "*", Cible.PROPRIETAIRE, {"informer": ("police",)}),
    (ABRI, "DPC", "*", "abris", {}),
    ("espaces_verts.*", "DPC", "*", "espaces-verts", {}),
    ("espaces_verts.*", "DPC", "tilleuls", "regie", {}),
    (ARBRE, "DPC", "*", "elagage", {}),
    ("*", "DPC", "*", "voirie", {}),
)
GESTIONNAIRES = {
    "DPI": "agglo",
    "DPD": "departement",
    "DPN": "etat",
    "DPF": "rivieres",
    "DPFE": "rail",
    "DPRIVC": "mairie",
    "BAIL": "habitat-lisse",
    "COPRO": "syndic",
    "VPOC": "asl",
    "FRICHE": "amenageur",
    "EQUIP_COM": "mairie",
    "EQUIP_DEP": "departement",
    "EQUIP_REG": "region",
    "RESEAU": "electricite",
}
REGLES = tuple(
    Regle(f"R{rang:02}", *ligne, **autres)  # type: ignore[arg-type]
    for rang, (*ligne, autres) in enumerate(
        (*LIGNES, *(("*", sol, "*", Cible.PROPRIETAIRE, {}) for sol in GESTIONNAIRES)), start=1
    )
)
NOMS = {
    "DPC": "Mail des Tilleuls",
    "BAIL": "Résidence des Érables",
    "VPOC": "Clos des Lilas",
    "FRICHE": "Friche des Tanneries",
    "RESEAU": "Transformateur du Mail",
}


def at(x: float, y: float) -> tuple[float, float]:
    """The position x metres east and y metres north of a point of Vaucelles-sur-Lisse."""
    return 0.412 + x / 74_463.0, 48.105 + y / 111_203.0


def ring(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    return [at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0)]


def box(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [ring(x0, y0, x1, y1)]}


def plot(rang: int, sol: Domanialite) -> Emprise:
    x = PAS * rang
    return Emprise(sol.lower(), NOMS.get(sol), sol, GESTIONNAIRES.get(sol), box(x, 0, x + COTE, COTE))


FORMES = (
    Emprise(
        "cour",
        "Îlot du Puits",
        Domanialite.BAIL,
        "habitat-lisse",
        {"type": "Polygon", "coordinates": [ring(0, 200, 60, 260), ring(20, 220, 40, 240)[::-1]]},
    ),
    Emprise(
        "deux-ailes",
        "Les Deux Ailes",
        Domanialite.BAIL,
        "logis",
        {"type": "MultiPolygon", "coordinates": [[ring(100, 200, 120, 220)], [ring(140, 200, 160, 220)]]},
    ),
    Emprise("parc", "Parc", Domanialite.DPC, None, box(200, 200, 300, 300)),
    Emprise("kiosque", "Kiosque", Domanialite.EQUIP_COM, "mairie", box(240, 240, 250, 250)),
    Emprise("limite-rue", "Rue du Bac", Domanialite.DPC, None, box(400, 200, 440, 240)),
    Emprise("limite-bailleur", "Résidence du Bac", Domanialite.BAIL, "logis", box(440, 200, 480, 240)),
    Emprise("egal-1", "Tour A", Domanialite.BAIL, "habitat-lisse", box(600, 200, 640, 240)),
    Emprise("egal-2", "Tour B", Domanialite.BAIL, "logis", box(600, 200, 640, 240), priorite=1),
    Emprise("friche-2025", "Les Moulins", Domanialite.FRICHE, "amenageur", box(700, 200, 740, 240), valide_au=MARS),
    Emprise("lot-2026", "Les Moulins", Domanialite.BAIL, "logis", box(700, 200, 740, 240), valide_du=AVRIL),
)
ZONES = (
    Zone("tilleuls", "Les Tilleuls", TypeZone.QPV, box(-50, -50, 700, 150), "QN09901N"),
    Zone("moulins", "Les Moulins", TypeZone.NPNRU, box(650, 150, 900, 350)),
)
CARTE = Carte([*(plot(rang, sol) for rang, sol in enumerate(Domanialite)), *FORMES], ZONES, box(-500, -500, 2000, 2000))

PLACES: dict[str, tuple[float, float]] = {
    **{sol.value: at(PAS * rang + COTE / 2, COTE / 2) for rang, sol in enumerate(Domanialite)},
    "gap": at(50, 20),
    "1.5 m outside the QPV": at(-51.5, 20),
    "hole": at(30, 230),
    "around the hole": at(10, 230),
    "first part": at(110, 210),
    "second part": at(150, 210),
    "between the parts": at(130, 210),
    "overlap": at(245, 245),
    "under it": at(220, 220),
    "edge": at(440, 220),
    "a metre west of the edge": at(439, 220),
    "a metre east of the edge": at(441, 220),
    "1.9 m east of the edge": at(441.9, 220),
    "2.1 m east of the edge": at(442.1, 220),
    "same ground twice": at(620, 220),
    "changing hands": at(720, 220),
    "59 m from a bailleur": at(460, 299),
    "61 m from a bailleur": at(460, 301),
}


def _acteur(code: str, nom: str, type_: TypeActeur) -> Acteur:
    return Acteur(code, nom, type_, f"{code}@vaucelles.test", "02 61 91 00 10", "1 place de la Mairie", CALENDRIER)


VAUCELLES = Configuration(
    nom="Ville de Vaucelles-sur-Lisse",
    code="VSL",
    calendrier=CALENDRIER,
    modele=Modele.NANTAIS,
    sans_decision=DelaiDeDecision(3, SansDecision.TRANSMETTRE),
    epci="agglo",
    commune="mairie",
    themes_ru=(TRAVAUX,),
    competents=(
        Competent("Mairie, accueil", telephone="02 61 91 00 01"),
        Competent("Lisse Agglo, déchets", courriel="dechets@lisse-agglo.test", themes=("proprete.*",)),
        Competent("Service des Tanneries", adresse="2 quai de la Lisse", themes=(TROU,)),
    ),
    astreinte="astreinte",
    zones=ZONES,
    acteurs=(
        _acteur("proprete", "Direction de la propreté", TypeActeur.DIRECTION),
        _acteur("voirie", "Direction de la voirie", TypeActeur.DIRECTION),
        _acteur("espaces-verts", "Direction des espaces verts", TypeActeur.DIRECTION),
        _acteur("elagage", "Bois de Lisse", TypeActeur.PRESTATAIRE),
        _acteur("police", "Police municipale", TypeActeur.DIRECTION),
        _acteur("astreinte", "Astreinte municipale", TypeActeur.DIRECTION),
        _acteur("mairie", "Ville de Vaucelles-sur-Lisse", TypeActeur.DIRECTION),
        _acteur("agglo", "Lisse Agglo", TypeActeur.EPCI),
        _acteur("departement", "Département de la Lisse", TypeActeur.DEPARTEMENT),
        _acteur("region", "Région", TypeActeur.REGION),
        _acteur("etat", "Direction des routes", TypeActeur.ETAT),
        _acteur("rivieres", "Syndicat de la Lisse", TypeActeur.SYNDICAT_MIXTE),
        _acteur("rail", "Chemins de fer de la Lisse", TypeActeur.CONCESSIONNAIRE),
        _acteur("electricite", "Électricité de la Lisse", TypeActeur.CONCESSIONNAIRE),
        _acteur("abris", "Abris de Lisse", TypeActeur.CONCESSIONNAIRE),
        _acteur("habitat-lisse", "Habitat Lisse", TypeActeur.BAILLEUR),
        _acteur("logis", "Le Logis de la Lisse", TypeActeur.BAILLEUR),
        _acteur("syndic", "Cabinet Vaucellois", TypeActeur.SYNDIC),
        _acteur("asl", "Association du Clos des Lilas", TypeActeur.ASSOCIATION),
        _acteur("amenageur", "Lisse Aménagement", TypeActeur.SYNDICAT_MIXTE),
        _acteur("regie", "Régie des Tilleuls", TypeActeur.REGIE_DE_QUARTIER),
    ),
    themes=(
        Theme(DEPOT, "Dépôt sauvage"),
        Theme(TAG, "Tag"),
        Theme(HAINE, "Tag haineux"),
        Theme(FIL, "Fils nus", danger=True),
        Theme(ASCENSEUR, "Ascenseur", interieur=True),
        Theme(ABRI, "Abri de transport abîmé"),
        Theme(TROU, "Nid-de-poule"),
        Theme(GENANT, "Stationnement gênant"),
        Theme(TRAVAUX, "Gêne d'un chantier"),
        Theme(TONTE, "Espace vert à entretenir"),
        Theme(ARBRE, "Arbre malade"),
    ),
    regles=REGLES,
)
