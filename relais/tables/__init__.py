"""The ORM, nothing else: one class a table, loaded here together so that the metadata is whole."""

from relais.tables import (
    connexion,
    disparition,
    echeance,
    envoi,
    evenement,
    idempotence,
    personne,
    photo,
    saisine,
    signalement,
    territoire,
)

__all__ = [
    "connexion",
    "disparition",
    "echeance",
    "envoi",
    "evenement",
    "idempotence",
    "personne",
    "photo",
    "saisine",
    "signalement",
    "territoire",
]
