"""What a thème asks besides, what an answer must be, and which answers send people elsewhere. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from math import isfinite
from typing import Any

from relais.rules.configuration import Question, TypeQuestion

CONSIGNE_DANGER = "En cas de danger immédiat, appelez le 15, 17, 18, 112 ou 114."
"""Relais is no emergency channel: a danger thème says so before anything else."""

URGENCE = (
    "Relais n'est pas un numéro d'urgence. Appelez le 15 (SAMU), le 17 (police ou gendarmerie), le 18 (pompiers) "
    "ou le 112 ; par SMS, le 114."
)
"""What the word `urgence` stands for in an `arret`."""

QUESTIONS_MAX = 50
"""Of one thème. A form on a phone is left long before."""

_JOUR = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def repondues(reponses: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Without what was left blank: null, blank text and no choice at all answer nothing. None: nothing was answered."""
    said = {code: reponse for code, reponse in (reponses or {}).items() if not _muette(reponse)}
    return said or None


def arrets(questions: Sequence[Question], reponses: Mapping[str, Any]) -> dict[str, str]:
    """By question, the message of the answer that stops: nothing is signalled, its author is sent elsewhere."""
    found: dict[str, str] = {}
    for question in questions:
        reponse = reponses.get(question.code)
        given = reponse if isinstance(reponse, list) else [reponse]
        stops = [choix.arret for choix in question.choix if choix.arret and choix.code in given]
        if question.arret and reponse is True:
            stops.append(question.arret)
        if stops:
            found[question.code] = stops[0]
    return found


def fautes(questions: Sequence[Question], reponses: Mapping[str, Any]) -> dict[str, str]:
    """By question, what is wrong and what to do, in French; empty: these answers (`repondues`) may be kept."""
    asked = {question.code: question for question in questions}
    wrong = {
        code: _faute(asked[code], reponse) if code in asked else "Ce thème ne pose pas cette question : retirez-la."
        for code, reponse in reponses.items()
    }
    missing = {
        code: f"« {question.libelle} » attend une réponse."
        for code, question in asked.items()
        if question.obligatoire and code not in reponses
    }
    return missing | {code: detail for code, detail in wrong.items() if detail}


def _muette(reponse: object) -> bool:
    return reponse is None or reponse == [] or (isinstance(reponse, str) and not reponse.strip())


def _faute(question: Question, reponse: object) -> str | None:
    match question.type:
        case TypeQuestion.TEXTE:
            return None if isinstance(reponse, str) else "Répondez par une phrase."
        case TypeQuestion.NOMBRE:
            return None if _nombre(reponse) else "Répondez par un nombre."
        case TypeQuestion.DATE:
            return None if _jour(reponse) else "Répondez par un jour, écrit ainsi : 2026-04-07."
        case TypeQuestion.OUI_NON:
            return None if isinstance(reponse, bool) else "Répondez par oui (true) ou par non (false)."
        case TypeQuestion.CHOIX:
            return None if _parmi(question, reponse) else f"Choisissez une réponse : {_choix(question)}."
        case TypeQuestion.CHOIX_MULTIPLE:
            return None if _plusieurs(question, reponse) else f"Choisissez, chacun une fois : {_choix(question)}."


def _nombre(reponse: object) -> bool:
    """`true` is no number, whatever Python says."""
    return isinstance(reponse, int | float) and not isinstance(reponse, bool) and isfinite(reponse)


def _jour(reponse: object) -> bool:
    if not isinstance(reponse, str) or not _JOUR.fullmatch(reponse):
        return False
    try:
        date.fromisoformat(reponse)
    except ValueError:  # the 30th of February
        return False
    return True


def _parmi(question: Question, reponse: object) -> bool:
    return any(choix.code == reponse for choix in question.choix)


def _plusieurs(question: Question, reponse: object) -> bool:
    if not isinstance(reponse, list) or not all(_parmi(question, one) for one in reponse):
        return False
    return len(set(reponse)) == len(reponse)


def _choix(question: Question) -> str:
    return ", ".join(f"{choix.code} ({choix.libelle})" for choix in question.choix)
