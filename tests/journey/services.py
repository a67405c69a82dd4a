"""Who keeps Le Mans, and when: invented services with very different hours, on every kind of ground of the map."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from journey.oracle import Oracle, Semaine

Duree = tuple[int, str]
"""A value and its unit: H real hours, HO working hours, JO working days."""

MIDI: tuple[tuple[int, int], ...] = ((510, 720), (810, 1050))
BUREAU: Semaine = (MIDI,) * 5 + ((), ())
TOUJOURS: Semaine = (((0, 1440),),) * 7


@dataclass(frozen=True)
class Service:
    """`horaires` is what the file says, `semaine` the same for the oracle, written apart."""

    code: str
    nom: str
    type: str
    horaires: str
    semaine: Semaine
    fermetures: tuple[date, ...] = ()


SERVICES = (
    Service(
        "voirie", "Direction de la voirie", "direction", "lundi à vendredi, 8 h 30 - 12 h et 13 h 30 - 17 h 30", BUREAU
    ),
    Service(
        "espaces-verts",
        "Direction des espaces verts",
        "direction",
        "lundi à jeudi, 8 h - 12 h et 13 h - 17 h ; vendredi, 8 h - 12 h",
        (((480, 720), (780, 1020)),) * 4 + (((480, 720),), (), ()),
    ),
    Service(
        "batiments",
        "Direction des bâtiments",
        "direction",
        "lundi à vendredi, 7 h 30 - 15 h 30",
        (((450, 930),),) * 5 + ((), ()),
    ),
    Service(
        "tranquillite", "Police municipale", "direction", "lundi à samedi, 8 h - 20 h", (((480, 1200),),) * 6 + ((),)
    ),
    Service("astreinte", "Astreinte technique", "direction", "toujours", TOUJOURS),
    Service(
        "metropole",
        "Métropole mancelle",
        "EPCI",
        "lundi à vendredi, 8 h 30 - 12 h 30 et 13 h 30 - 17 h",
        (((510, 750), (810, 1020)),) * 5 + ((), ()),
    ),
    Service(
        "logis-sarthe",
        "Logis de la Sarthe",
        "bailleur",
        "lundi à jeudi, 9 h - 12 h et 14 h - 17 h ; vendredi, 9 h - 12 h",
        (((540, 720), (840, 1020)),) * 4 + (((540, 720),), (), ()),
    ),
    Service(
        "region",
        "Région, service des lycées",
        "région",
        "lundi à vendredi, 9 h - 12 h et 14 h - 17 h",
        (((540, 720), (840, 1020)),) * 5 + ((), ()),
        (date(2026, 4, 3), date(2026, 4, 7)),
    ),
    Service(
        "voies-d-eau",
        "Syndicat de la Sarthe",
        "syndicat mixte",
        "mardi à samedi, 9 h - 17 h",
        ((),) + (((540, 1020),),) * 5 + ((),),
    ),
    Service(
        "departement",
        "Département, agence routière",
        "département",
        "lundi à vendredi, 8 h - 12 h et 14 h - 18 h",
        (((480, 720), (840, 1080)),) * 5 + ((), ()),
    ),
    Service(
        "jardins",
        "Les Jardins du Gué",
        "association",
        "mercredi, 14 h - 18 h ; samedi, 9 h - 12 h",
        ((), (), ((840, 1080),), (), (), ((540, 720),), ()),
    ),
    Service(
        "foncier",
        "Établissement foncier",
        "prestataire",
        "lundi, 10 h - 16 h ; mardi et jeudi, 10 h - 16 h",
        (((600, 960),), ((600, 960),), (), ((600, 960),), (), (), ()),
    ),
)
VILLE = Oracle(BUREAU)
ORACLES: Mapping[str | None, Oracle] = {None: VILLE} | {
    one.code: Oracle(one.semaine, one.fermetures, feries=one.code != "astreinte") for one in SERVICES
}
"""None: nobody has the ticket, and the territoire's own hours count."""

TERRAINS: Mapping[str, tuple[str, str | None]] = {
    "bati_prive_indetermine": ("PRIV", "tranquillite"),
    "espace_vert_ou_sportif_communal_presume": ("DPC", "espaces-verts"),
    "parking": ("VPOC", "voirie"),
    "prive_indetermine": ("INDET", None),
    "domaine_public_communal_ou_epci": ("DPI", "metropole"),
    "equipement_public_presume": ("EQUIP_COM", "batiments"),
    "equipement_scolaire": ("EQUIP_REG", "region"),
    "fluvial_ou_plan_eau": ("DPF", "voies-d-eau"),
    "habitat_collectif": ("BAIL", "logis-sarthe"),
    "zone_forest": ("DPD", "departement"),
    "jardins_partages_ou_familiaux": ("DPRIVC", "jardins"),
    "friche_ou_emprise_projet": ("FRICHE", "foncier"),
}
"""`domanialite_presumee` → our domanialité, and who manages such ground; nobody: the pilote decides."""

URGENTS = ("graffiti.haineux", "voirie.danger", "eclairage.fils_nus", "mobilier.aire_jeux")
"""To the on-call team, whatever the ground."""
