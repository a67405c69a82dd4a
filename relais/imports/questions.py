"""`questions` of a thème: what it asks besides, in what words, and which answers send people elsewhere."""

from relais.imports import mots
from relais.imports.fiches import Fiche, sans_doublon
from relais.rules.configuration import Choix, Question, TypeQuestion
from relais.rules.questions import QUESTIONS_MAX

CLES = ("code", "libelle", "type", "obligatoire", "choix", "arret")
CLES_CHOIX = ("code", "libelle", "arret")
_A_CHOIX = frozenset({TypeQuestion.CHOIX, TypeQuestion.CHOIX_MULTIPLE})
_CHOIX_MIN = 2


def lire_questions(theme: Fiche) -> tuple[Question, ...]:
    """In the order of the file, which is the form's."""
    fiches = theme.fiches("questions", CLES)
    questions = tuple(_question(fiche) for fiche in fiches)
    sans_doublon(zip(fiches, (question.code for question in questions), strict=True), "code")
    if len(fiches) > QUESTIONS_MAX:
        theme.refuser("questions", f"compte plus de {QUESTIONS_MAX} questions ; personne n'y répondra")
    return questions


def _question(fiche: Fiche) -> Question:
    type_ = fiche.exiger("type", mots.TYPE_QUESTION, None, f"au choix : {', '.join(mots.TYPE_QUESTION.mots)}")
    question = Question(
        code=fiche.exiger("code", mots.code, "", "le nom court sous lequel la réponse est gardée"),
        libelle=fiche.exiger("libelle", mots.texte, "", "la question, comme l'application la pose"),
        type=type_ or TypeQuestion.TEXTE,
        obligatoire=fiche.oui("obligatoire"),
        choix=_choix(fiche),
        arret=fiche.lire("arret", mots.arret),
    )
    if type_ is not None:
        _verifier(fiche, question)
    return question


def _choix(question: Fiche) -> tuple[Choix, ...]:
    fiches = question.fiches("choix", CLES_CHOIX)
    choix = tuple(
        Choix(
            code=fiche.exiger("code", mots.code, ""),
            libelle=fiche.exiger("libelle", mots.texte, ""),
            arret=fiche.lire("arret", mots.arret),
        )
        for fiche in fiches
    )
    sans_doublon(zip(fiches, (un.code for un in choix), strict=True), "code")
    return choix


def _verifier(fiche: Fiche, question: Question) -> None:
    a_choix = question.type in _A_CHOIX
    if a_choix and len(question.choix) < _CHOIX_MIN:
        fiche.refuser("choix", f"manque ; une question à choix en donne au moins {_CHOIX_MIN}")
    elif a_choix and question.obligatoire and all(un.arret for un in question.choix):
        raison = "envoie ailleurs à chaque réponse d'une question obligatoire ; gardez-en une qui laisse signaler"
        fiche.refuser("choix", raison)
    if not a_choix and fiche.a("choix"):
        fiche.refuser("choix", "n'a de sens que pour une question de type « choix » ou « plusieurs choix »")
    if fiche.a("arret") and question.type is not TypeQuestion.OUI_NON:
        fiche.refuser("arret", "répond au oui d'une question « oui/non » ; ailleurs, écrivez-le sur un choix")
