"""What somebody who signals reads of the next passage: one shape for a signalement and for `/v1/routage`."""

from datetime import datetime

from api.schemas.secteurs import ProchainPassageOut
from relais.courriels.dates import Dates
from relais.courriels.passages import annoncer
from relais.rules.configuration import Configuration
from relais.rules.secteurs import ProchainPassage, prochain_passage


def prochain(
    configuration: Configuration, *, theme: str, lon: float, lat: float, apres: datetime
) -> ProchainPassageOut | None:
    """None where this thème waits for nobody there."""
    found = prochain_passage(configuration, theme=theme, lon=lon, lat=lat, apres=apres)
    return _out(configuration, found, apres) if found else None


def _out(configuration: Configuration, found: ProchainPassage, apres: datetime) -> ProchainPassageOut:
    return ProchainPassageOut(
        secteur=found.secteur.code,
        acteur=found.acteur.code,
        nom=found.acteur.nom,
        prestation=found.passage.prestation,
        le=found.prochain.le,
        texte=annoncer(found, Dates(configuration.calendrier), configuration.calendrier.jour(apres)),
    )
