"""Who pilots a signalement, who is told of it, and who sits at the top: the four organisations met in the field.

Source: the seminar of 2018 (`nantais`, `angevin`, Saint-Brieuc's `commune_seule`, Le Mans' and Orléans' `epci_seul`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from relais.rules.configuration import Configuration, Modele, TypeZone, couvre
from relais.rules.routage import Routage


class Collectivite(StrEnum):
    COMMUNE = "commune"
    EPCI = "epci"


class Pilote(StrEnum):
    """Whose pilote follows it. A `binome`: one of each, and what one does is done."""

    COMMUNE = "commune"
    EPCI = "epci"
    BINOME = "binome"


@dataclass(frozen=True)
class Chaine:
    """Above the acteur, for one signalement. `direction_generale`: of the collectivité that carries it.

    `informes`: the acteurs whom the modèle tells, and who have nothing to do.
    """

    modele: Modele
    pilote: Pilote
    direction_generale: Collectivite
    informes: tuple[str, ...] = ()


def chaine(configuration: Configuration, *, theme: str, zones: Collection[str], acteur: str | None) -> Chaine:
    """That of a signalement inside the perimeter: its thème, the codes of its zones, who answers for it."""
    modele = configuration.modele
    match modele:
        case Modele.NANTAIS:
            return Chaine(modele, Pilote.COMMUNE, Collectivite.COMMUNE, _sauf(acteur, configuration.epci))
        case Modele.ANGEVIN:
            renouvellement = _renouvellement(configuration, theme, zones)
            return Chaine(modele, Pilote.BINOME, Collectivite.EPCI if renouvellement else Collectivite.COMMUNE)
        case Modele.COMMUNE_SEULE:
            return Chaine(modele, Pilote.COMMUNE, Collectivite.COMMUNE)
        case Modele.EPCI_SEUL:
            return Chaine(modele, Pilote.EPCI, Collectivite.EPCI, _sauf(acteur, configuration.commune))


def informes(configuration: Configuration, routage: Routage, *, theme: str) -> tuple[str, ...]:
    """Every acteur told besides the one who answers: by the line that decides, then by the modèle. Each once."""
    if routage.hors_perimetre:
        return ()
    above = chaine(configuration, theme=theme, zones=routage.zones, acteur=routage.acteur)
    return tuple(dict.fromkeys((*routage.informes, *above.informes)))


def _sauf(acteur: str | None, collectivite: str | None) -> tuple[str, ...]:
    """That collectivité, unless it is the one who answers."""
    return (collectivite,) if collectivite is not None and collectivite != acteur else ()


def _renouvellement(configuration: Configuration, theme: str, zones: Collection[str]) -> bool:
    """Urban renewal: by the place, or by what it is about."""
    types = {configuration.zone[code].type for code in zones}
    return TypeZone.NPNRU in types or any(couvre(designe, theme) for designe in configuration.themes_ru)
