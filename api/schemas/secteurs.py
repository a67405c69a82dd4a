"""Who passes where, for what, and when."""

import datetime as dt

from pydantic import Field

from api.schemas.commun import Instant, Out
from relais.rules.configuration import JoursFeries


class ProchainPassageOut(Out):
    """Le prochain passage, ici, de ce que ce thème attend."""

    secteur: str
    acteur: str
    nom: str = Field(description="Celui de l'acteur.")
    prestation: str
    le: dt.date
    texte: str = Field(description="De quoi l'afficher tel quel.")


class ActeurDuSecteurOut(Out):
    code: str
    nom: str
    telephone: str
    courriel: str


class DateDePassageOut(Out):
    """`debut`, `fin` : entre quelles heures ce jour-là, si c'est dit."""

    le: dt.date
    debut: Instant | None = None
    fin: Instant | None = None
    texte: str


class PassageOut(Out):
    """Une prestation, son rythme en toutes lettres et en RRULE (RFC 5545), ses prochaines dates."""

    prestation: str
    rythme: str
    rrule: str
    a_partir_du: dt.date
    jours_feries: JoursFeries
    prochains: list[DateDePassageOut]


class SecteurOut(Out):
    """`rythme` : celui du secteur, dans les mots de la ville ; celui de chaque prestation est dans `passages`."""

    code: str
    nom: str
    acteur: ActeurDuSecteurOut
    prestations: list[str]
    rythme: str | None = None
    passages: list[PassageOut]


class SecteursOut(Out):
    elements: list[SecteurOut]
    version: int
    date: dt.date
