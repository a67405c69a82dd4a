"""Le Mans written as a town would write it: its ground from OpenStreetMap, its promises from a taxonomy, its people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from journey.services import SERVICES, TERRAINS, URGENTS, Duree, Service

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
OSM = SHARED / "geodata" / "osm" / "le-mans-centre-osm.geojson"
TAXONOMIE = SHARED / "geodata" / "taxonomy" / "themes-sla-relais.json"
COMMUNES = SHARED / "geodata" / "communes" / "communes-seminaire-gusp.geojson"
PHOTOS = SHARED / "photos"

CODE = "LMS"
DOMAINE = "lemans.test"

QPV_EST = 0.2005
"""The QPV lies west of that longitude, the ordinary quartier east of it."""
QPV_DEPOT: Mapping[str, Duree] = {"prise_en_charge": (2, "HO"), "traitement": (24, "H")}


def themes() -> list[dict[str, Any]]:
    """The leaves of the taxonomy: those with a promise."""
    found: list[dict[str, Any]] = json.loads(TAXONOMIE.read_text(encoding="utf-8"))["themes"]
    return [one for one in found if "prise_en_charge_h" in one]


def promesses(theme: Mapping[str, Any]) -> dict[str, Duree]:
    traitement = (int(theme["delai_traitement"]), str(theme["unite"]))
    reponse = (24, "H") if theme["calendrier"] == "24/7" else (5, "JO")
    return {"prise_en_charge": (int(theme["prise_en_charge_h"]), "HO"), "reponse": reponse, "traitement": traitement}


def ecrire(dossier: Path) -> None:
    """`territoire.yaml`, `correspondance.yaml`, `personnes.csv` and the outlines that the first one names."""
    _ecrire_contours(dossier)
    for nom, contenu in (("territoire", _territoire()), ("correspondance", _correspondance())):
        texte = yaml.safe_dump(contenu, allow_unicode=True, sort_keys=False)
        (dossier / f"{nom}.yaml").write_text(texte, encoding="utf-8")
    people = ["relais", "elu", "pilote", "direction_generale"]
    lignes = [f"{role}@{DOMAINE},Prénom Inventé,{role}," for role in people]
    lignes += [f"admin@{DOMAINE},Prénom Inventé,administrateur,"]
    lignes += [f"agent.{one.code}@{DOMAINE},Prénom Inventé,agent,{one.code}" for one in SERVICES]
    (dossier / "personnes.csv").write_text("\n".join(["identifiant,nom,role,acteur", *lignes, ""]), encoding="utf-8")


def _ecrire_contours(dossier: Path) -> None:
    communes = json.loads(COMMUNES.read_text(encoding="utf-8"))["features"]
    contours = {
        "commune": next(one["geometry"] for one in communes if one["properties"]["code"] == "72181"),
        "qpv": _rectangle(0.19, QPV_EST),
        "centre": _rectangle(QPV_EST, 0.21),
    }
    for nom, geometrie in contours.items():
        (dossier / f"{nom}.geojson").write_text(json.dumps(geometrie))


def _rectangle(ouest: float, est: float) -> dict[str, Any]:
    sud, nord = 48.0, 48.02
    return {"type": "Polygon", "coordinates": [[[ouest, sud], [est, sud], [est, nord], [ouest, nord], [ouest, sud]]]}


def _territoire() -> dict[str, Any]:
    return {
        "territoire": {
            "nom": "Ville du Mans",
            "code": CODE,
            "horaires": SERVICES[0].horaires,
            "modele": "commune seule",
            "courriel": f"gusp@{DOMAINE}",
            "contour": "commune.geojson",
            "astreinte": "astreinte",
        },
        "zones": [
            {"code": "rive", "nom": "La Rive", "type": "QPV", "reference": "QN07201N", "contour": "qpv.geojson"},
            {"code": "centre", "nom": "Centre", "type": "quartier", "contour": "centre.geojson"},
        ],
        "acteurs": [_acteur(rang, one) for rang, one in enumerate(SERVICES)],
        "themes": [{"code": one["code"], "libelle": one["libelle"]} for one in themes()],
        "delais": [_engagement(one) for one in themes()] + [_engagement_du_qpv()],
        "qui_s_en_occupe": _regles(),
        "instances": [
            _instance("quartier-rive", "pilotage de quartier") | {"zone": "rive"},
            _instance("quartier-centre", "pilotage de quartier") | {"zone": "centre"},
            _instance("ville", "pilotage de ville"),
            _instance("gusp-dg", "GUSP / direction générale"),
        ],
        "remontees": [
            {"quand": "80 % du délai", "prevenir": "acteur"},
            {"quand": "délai dépassé", "prevenir": ["responsable", "pilotes"]},
            {"quand": "+ 2 jours ouvrés", "inscrire": "pilotage de quartier"},
            {"quand": "+ 5 jours ouvrés", "inscrire": "ville", "prevenir": "pilotes"},
            {"quand": "+ 8 jours ouvrés", "inscrire": "gusp-dg", "prevenir": "pilotes"},
        ],
        "sans_decision_du_pilote": {"apres": "3 jours ouvrés", "faire": "transmettre"},
    }


def _acteur(rang: int, service: Service) -> dict[str, Any]:
    return {
        "code": service.code,
        "nom": service.nom,
        "type": service.type,
        "courriel": f"{service.code}@{DOMAINE}",
        "telephone": f"02 61 91 01 {rang:02d}",
        "adresse": "1 place de la Mairie, Le Mans",
        "horaires": service.horaires,
        "fermetures": [jour.isoformat() for jour in service.fermetures],
    }


def _engagement(theme: Mapping[str, Any]) -> dict[str, str]:
    delais = {delai: _dit(duree) for delai, duree in promesses(theme).items()}
    nature = "indicatif" if theme["source"].startswith("PROPOSITION") else "engagement"
    return {"theme": theme["code"], "ou": "partout", **delais, "nature": nature, "source": theme["source"]}


def _engagement_du_qpv() -> dict[str, str]:
    delais = {delai: _dit(duree) for delai, duree in QPV_DEPOT.items()}
    return {"theme": "proprete.depot_sauvage", "ou": "rive", **delais, "nature": "engagement", "source": "Charte"}


def _dit(duree: Duree) -> str:
    mots = {"H": "h", "HO": "h ouvrées", "JO": "jours ouvrés"}
    return f"{duree[0]} {mots[duree[1]]}"


def _regles() -> list[dict[str, str]]:
    urgents = [
        {"theme": one, "terrain": "tous", "confier_a": "l'astreinte", "quel_que_soit_le_terrain": "oui"}
        for one in URGENTS
    ]
    interieur = {
        "theme": "habitat.parties_communes",
        "terrain": "tous",
        "confier_a": "le bailleur du bâtiment le plus proche",
    }
    tenus = sorted(domanialite for domanialite, service in TERRAINS.values() if service)
    return [*urgents, interieur] + [
        {"theme": "tous", "terrain": one, "confier_a": "le propriétaire du terrain"} for one in tenus
    ]


def _instance(code: str, type_: str) -> dict[str, Any]:
    return {"code": code, "type": type_, "nom": f"Instance {code}", "membres": [f"gusp@{DOMAINE}"]}


def _correspondance() -> dict[str, Any]:
    return {
        "code": "osm_id",
        "nom": "name",
        "domanialite": {
            "propriete": "domanialite_presumee",
            "valeurs": {valeur: domanialite for valeur, (domanialite, _) in TERRAINS.items()},
        },
        "gestionnaire": {
            "par_domanialite": {domanialite: service for domanialite, service in TERRAINS.values() if service}
        },
    }
