"""The journal of a signalement, as this caller reads it: functions for names, local hours in what was said too."""

import re
from datetime import datetime, tzinfo
from typing import Any

from api.schemas.commun import to_the_second
from api.schemas.signalement import EvenementOut, JournalOut
from relais.db import Session
from relais.queries.auteurs import auteurs
from relais.queries.dossier import journal
from relais.rules.acces import lit_la_recurrence
from relais.rules.evenements import TypeEvenement
from relais.tables.signalement import Signalement

_DATE = re.compile(r"(.+_)?le")
"""The keys of what is dated; their value is an instant, or a calendar day, which has no hour to move."""


def journal_of(session: Session, ticket: Signalement, zone: tzinfo) -> JournalOut:
    events = journal(session, ticket)
    if not lit_la_recurrence(session.caller.portee, acteur=ticket.acteur):
        events = [one for one in events if one.type != TypeEvenement.SIGNALEMENT_RECURRENT]
    names = auteurs(session, events, version=ticket.version)
    return JournalOut(
        elements=[
            EvenementOut(
                id=one.id,
                type=one.type,
                le=one.le.astimezone(zone),
                auteur=names.nommer(one),
                donnees=_localised(one.donnees, zone),
            )
            for one in events
        ]
    )


def _localised(donnees: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    return {key: _local(key, value, zone) for key, value in donnees.items()}


def _local(key: str, value: Any, zone: tzinfo) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return _localised(value, zone)
    if isinstance(value, str) and _DATE.fullmatch(key) and "T" in value:
        return to_the_second(datetime.fromisoformat(value).astimezone(zone)).isoformat()
    return value
