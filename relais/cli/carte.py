"""What `relais doctor` says of a territoire's map and rules, and the GeoJSON that shows where."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from relais.cli.base import Arret
from relais.db import Session
from relais.queries.referentiel import emprises
from relais.queries.version import configuration
from relais.rules.controle import Anomalie, Genre, controler
from relais.rules.couches import Element
from relais.tables.territoire import Territoire

LIBELLES: Mapping[Genre, str] = {
    Genre.CHEVAUCHEMENT: "chevauchements",
    Genre.LACUNE: "trous dans la carte",
    Genre.SANS_GESTIONNAIRE: "emprises sans gestionnaire",
    Genre.GESTIONNAIRE_INCONNU: "gestionnaires inconnus",
    Genre.REGLE_MUETTE: "règles qui ne parlent jamais",
    Genre.COMPETENT_INUTILE: "compétents jamais cités",
}
_GRIS = "#666666"
_COULEURS: Mapping[Genre, str] = {Genre.CHEVAUCHEMENT: "#b00020", Genre.LACUNE: "#e67700"}
_CITEES = 3


def examiner(session: Session, territoire: Territoire) -> Sequence[Anomalie]:
    """Today, by its own calendar."""
    current = configuration(session, territoire)
    ground = emprises(session, territoire.id, territoire.version)
    return controler(current, ground, current.calendrier.jour(session.now))


def resumer(anomalies: Sequence[Anomalie]) -> Iterator[tuple[str, str]]:
    """For each kind, how many and the first of them."""
    for genre, libelle in LIBELLES.items():
        found = [one.phrase for one in anomalies if one.genre is genre]
        if found:
            others = f" … et {len(found) - _CITEES} autres" if len(found) > _CITEES else ""
            yield f"{len(found)} {libelle}", " ".join(found[:_CITEES]) + others


def ecrire(fichier: Path, anomalies: Sequence[Anomalie]) -> int:
    """What has a place, as uMap shows it. Returns how many. Raises Arret."""
    elements = [
        Element(
            one.geometrie,
            {"genre": one.genre.value},
            f"{LIBELLES[one.genre]} : {one.nom}",
            one.phrase,
            _COULEURS.get(one.genre, _GRIS),
        )
        for one in anomalies
        if one.geometrie is not None
    ]
    collection = {"type": "FeatureCollection", "features": [element.feature() for element in elements]}
    try:
        fichier.write_text(json.dumps(collection, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise Arret(f"Impossible d'écrire « {fichier} » : {error.strerror}.") from None
    return len(elements)
