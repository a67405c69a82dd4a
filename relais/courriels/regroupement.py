"""What is said of one signalement to whoever follows it, and of those it is grouped with or the return of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from relais.courriels.dates import Dates
from relais.courriels.faits import Faits, Vue, faits_de
from relais.db import Session
from relais.queries.dossier import Dossier
from relais.rules.evenements import TypeEvenement
from relais.tables.evenement import Evenement
from relais.tables.signalement import Signalement

Donnees = Mapping[str, Any]


@dataclass(frozen=True)
class Nouvelle:
    """`objet` ends the subject; `phrase` is the news. `auteur`: the reader signalled it."""

    objet: str
    phrase: str
    auteur: bool


@dataclass(frozen=True)
class Precedent:
    """What was done at the same place before: « intervention durable », under that number, that day."""

    numero: str
    le: datetime
    nature: str


def nouvelle(vue: Vue, donnees: Donnees, *, auteur: bool) -> Nouvelle | None:
    """None: this mail tells a follower nothing."""
    known = NOUVELLES.get(donnees.get("nouvelle", ""))
    if known is None:
        return None
    objet, phrase = known
    return Nouvelle(objet, phrase(donnees, vue.dates, vue.le), auteur)


def _repondu(donnees: Donnees, dates: Dates, le: datetime) -> str:
    """That there is a réponse, from whom and what day it announces: its words may name who signalled."""
    said = donnees["reponse"]
    step = said.get("prochaine_etape")
    announced = f" Prochaine étape annoncée : {dates.jour_iso(step['le'])}." if step else ""
    return f"{said['auteur']} a répondu le {dates.instant(le)}.{announced}"


def _traite(donnees: Donnees, dates: Dates, le: datetime) -> str:
    nature = ", à titre provisoire" if donnees["nature"] == "palliative" else ""
    return f"L'intervention est enregistrée le {dates.instant(le)}{nature}."


def _le(debut: str, fin: str = ".") -> Callable[[Donnees, Dates, datetime], str]:
    return lambda _, dates, le: f"{debut} le {dates.instant(le)}{fin}"


NOUVELLES: Mapping[str, tuple[str, Callable[[Donnees, Dates, datetime], str]]] = {
    TypeEvenement.SIGNALEMENT_REPONDU: ("une réponse", _repondu),
    TypeEvenement.SIGNALEMENT_TRAITE: ("intervention faite", _traite),
    TypeEvenement.SIGNALEMENT_CLOS: ("clos", _le("Il est clos")),
    TypeEvenement.SIGNALEMENT_ROUVERT: (
        "rouvert, toujours pas résolu",
        _le("Il est rouvert", " : toujours pas résolu. Chaque délai repart."),
    ),
    TypeEvenement.SIGNALEMENT_REORIENTE: ("réorienté", _le("Il est réorienté", " : Relais ne le suit plus.")),
    TypeEvenement.SIGNALEMENT_RETIRE: (
        "retiré",
        _le("Il a été retiré", " : plus personne n'y travaille. Si le problème est toujours là, signalez-le."),
    ),
    TypeEvenement.SIGNALEMENT_RATTACHE: (
        "regroupé avec un autre",
        lambda donnees, dates, le: (
            f"Il est regroupé, le {dates.instant(le)}, avec le signalement {donnees['numero']}, dont vous recevrez "
            "désormais les nouvelles."
        ),
    ),
    TypeEvenement.SIGNALEMENT_REGROUPE: (
        "signalé par une autre personne",
        _le("Une autre personne a signalé la même chose ; les deux sont regroupés sous le vôtre"),
    ),
    TypeEvenement.SIGNALEMENT_SEPARE: (
        "n'est plus regroupé avec un autre",
        _le("Un signalement qui lui était rattaché ne l'est plus : il parlait d'autre chose. C'est noté"),
    ),
}
"""By the type of the event. Facts alone: who follows reads nobody's words, nor anybody's door."""


def retenus(faits: Faits, file: Dossier) -> Faits:
    """Less what its author wrote, showed, or said of where he lives: the place is its zone, or the town."""
    known = file.born.configuration.zone
    names = [known[code].nom for code in file.signalement.zones if code in known]
    where = ", ".join(names) or file.born.configuration.nom
    return replace(faits, description=None, lieu=where, lieu_court=where, prises=(), photos_attendues=None)


def principal(vue: Vue, file: Dossier) -> Faits | None:
    """Where the one that speaks for it stands; None: none does any more."""
    if file.principal is None:
        return None
    found, faits = faits_de(vue, file.principal.signalement)
    return retenus(faits, found)


def precedents(session: Session, ids: Sequence[str]) -> tuple[Precedent, ...]:
    """What was done under these, the last first; what has been reopened since is not done."""
    wanted = [UUID(id) for id in ids]
    here = select(Signalement).where(Signalement.territoire_id == session.territoire, Signalement.id.in_(wanted))
    done = select(Evenement.signalement_id, Evenement.donnees).where(
        Evenement.territoire_id == session.territoire,
        Evenement.signalement_id.in_(wanted),
        Evenement.type == TypeEvenement.SIGNALEMENT_TRAITE,
    )
    natures = {id: said["nature"] for id, said in session.execute(done.order_by(Evenement.rang))}
    found = [
        Precedent(one.numero, one.traite_le, natures.get(one.id, "durable"))
        for one in session.scalars(here)
        if one.traite_le is not None
    ]
    return tuple(sorted(found, key=lambda one: one.le, reverse=True))
