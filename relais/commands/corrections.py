"""What its author, or the pilote, does over what was signalled: say it otherwise, or withdraw it."""

from datetime import datetime
from uuid import UUID

from relais.caller import Caller
from relais.commands.photo import forget_position
from relais.commands.signalement import (
    check_photos_allowed,
    check_position,
    check_reponses,
    check_theme,
    ground_of,
    route,
    statut_of,
)
from relais.commands.verbes import Acte, actions, begin, compte_pour_d_autres, pour_d_autres
from relais.db import Session
from relais.errors import ChampInvalide, Fault, PhotoNonAutorisee
from relais.outbox import Fact, cancel
from relais.queries.sejour import ont_renvoye
from relais.rules.acces import Qualite
from relais.rules.configuration import RegleDePhoto, Theme
from relais.rules.depot import Correction, Depot
from relais.rules.publication import sans_photo
from relais.rules.refus import redit_de_la_carte
from relais.rules.routage import Routage
from relais.rules.statuts import TRANSITIONS, Motif, Statut, Verbe
from relais.tables.signalement import Signalement

CHAMPS = {
    "theme": ("theme",),
    "position": ("lon", "lat", "precision_m", "origine"),
    "lieu": ("lieu",),
    "description": ("description",),
    "questions": ("questions",),
}
"""The columns of each field one may correct."""


def corriger(session: Session, *, caller: Caller, id: UUID, correction: Correction, now: datetime) -> Signalement:
    """Another thème or position is routed anew, on the day it was seen, by today's map; no échéance moves.

    Not even where the pilote's correction takes a ticket from an acteur that had it in charge: that `prise_en_charge`
    was kept, and stays so for the next acteur, whose promises to the resident are the dates already given.
    The same as it was said changes nothing. Raises what a creation raises, at the field to mend, and
    TransitionImpossible to the author alone who would move what speaks for others.
    """
    acte = begin(session, caller, id, Verbe.CORRECTIONS, now)
    if correction == Correction():
        said = "Donnez au moins un champ à corriger : theme, position, lieu, description ou questions."
        raise ChampInvalide(errors=(Fault("/", said),))
    before = _depot(acte.ticket)
    after = correction.corrige(before)
    changed = [
        champ
        for champ, columns in CHAMPS.items()
        if any(getattr(before, column) != getattr(after, column) for column in columns)
    ]
    if not changed:
        return acte.ticket
    moved = {"theme", "position"} & set(changed)
    if moved and compte_pour_d_autres(acte.dossier, acte.qualites):
        raise pour_d_autres(acte.ticket, actions(acte.dossier, acte.qualites, now=now))
    _check(acte, after, changed)
    for champ in changed:
        for column in CHAMPS[champ]:
            setattr(acte.ticket, column, getattr(after, column))
    if "position" in changed and Qualite.AUTEUR in acte.qualites:
        forget_position(session, acte.ticket)
    if {"theme", "description"} & set(changed):
        _reread(acte)
    holder = acte.ticket.acteur
    if moved:
        acte.ticket.recurrence_de = None  # what came back was something else, or elsewhere
    statut = _reroute(acte, route(acte.dossier.current, after)) if moved else None
    # Names of fields alone: the journal is never erased, and these texts are somebody's.
    told = {"champs": changed} | _passed(holder, acte.ticket.acteur)
    besides = acte.to_informes() if moved and statut is None else ()
    acte.facts.insert(0, Fact("signalement.corrige", told, besides))
    return acte.finish(statut)


def _depot(ticket: Signalement) -> Depot:
    """It as it stands, in the words of a deposit."""
    return Depot(
        theme=ticket.theme,
        constate_le=ticket.constate_le,
        lon=ticket.lon,
        lat=ticket.lat,
        precision_m=ticket.precision_m,
        origine=ticket.origine,
        description=ticket.description,
        lieu=ticket.lieu,
        questions=ticket.questions,
    )


def _check(acte: Acte, after: Depot, changed: list[str]) -> None:
    """Only what is said anew: a rule adopted since does not condemn what was accepted."""
    file = acte.dossier
    theme = file.current.configuration.theme.get(after.theme, file.theme)
    if {"theme", "position"} & set(changed):
        theme = check_theme(after.theme, file.current, filled=file.born)
        check_position(after, file.current)
    if "theme" in changed:
        _check_photos(acte, theme)
    if {"theme", "questions"} & set(changed):
        check_reponses(theme, after.questions)


def _check_photos(acte: Acte, theme: Theme) -> None:
    """Those it has suit the new thème. The pilote needs none: he names what others failed to."""
    if acte.dossier.photos:
        check_photos_allowed([theme], "/theme")
    elif theme.photo is RegleDePhoto.OBLIGATOIRE and Qualite.PILOTE not in acte.qualites:
        said = "Ce thème demande au moins une photo : retirez ce signalement, et signalez à nouveau avec une photo."
        raise PhotoNonAutorisee(errors=(Fault("/theme", said),))


def _reread(acte: Acte) -> None:
    """What its author says now, the pilote has not read: the words are public no more.

    Nor is the rest under a thème that protects people, but for what the pilote has published.
    """
    ticket = acte.ticket
    ticket.publie_par_le_pilote = ticket.publie_par_le_pilote and Qualite.PILOTE in acte.qualites
    if sans_photo(acte.dossier.themes) and not ticket.publie_par_le_pilote:
        ticket.publie_le = None


def _reroute(acte: Acte, where: Routage) -> Statut | None:
    """Write what the map says; another acteur takes it over, unless that is no longer the map's to say.

    Then `regle` and `informes` stay, and who moved it and why, beside the ground as it is.
    """
    ticket, before, statut = acte.ticket, acte.ticket.acteur, statut_of(where)
    kept = _settled_by_people(acte, where)
    ground = ground_of(where)
    if kept:
        ground |= {name: getattr(ticket, name) for name in ("regle", "informes")}
        ground["explication"] = redit_de_la_carte(ticket.explication, where.explication)
    for informe in set(ticket.informes).difference(ground["informes"]):
        cancel(acte.session, ticket.id, acteur=informe, gabarit="pour_information")
    for column, value in ground.items():
        setattr(ticket, column, value)
    if kept or (where.acteur == before and statut is not Statut.REORIENTE):
        return None
    ticket.acteur, ticket.affecte_par_le_pilote = where.acteur, False
    ticket.motif = Motif.INDETERMINE if statut is Statut.A_QUALIFIER else None
    if statut is Statut.REORIENTE:
        _leave(acte, before)
    else:
        _hand_over(acte, before)
    return statut


def _settled_by_people(acte: Acte, where: Routage) -> bool:
    """Before anybody but the pilote: he chose, he is choosing, or the acteur the map names has sent it back already.

    A pin moved by a step would otherwise give it back to that acteur, and open again what two refusals had closed.
    """
    ticket = acte.ticket
    if Qualite.PILOTE in acte.qualites:
        return False
    if ticket.affecte_par_le_pilote or ticket.motif is Motif.ARBITRAGE:
        return True
    moved = ticket.rebonds > 0 and where.acteur not in {None, ticket.acteur}
    return moved and where.acteur in ont_renvoye(acte.session, ticket)


def _hand_over(acte: Acte, before: str | None) -> None:
    letters = acte.passed_on(before) + acte.farewell(before)
    acte.facts.append(Fact("signalement.reaffecte", _passed(before, acte.ticket.acteur), letters))


def _leave(acte: Acte, before: str | None) -> None:
    """Outside the perimeter, nobody here answers for it: the acteur that had heard of it is told so, its author too."""
    ended = acte.end(motif="Le signalement a été réorienté.")
    if before is not None:
        acte.facts.append(Fact("signalement.reaffecte", _passed(before, None), acte.farewell(before)))
    acte.facts += [Fact("signalement.reoriente", {}, acte.to_author("accuse")), *ended]


def _passed(before: str | None, after: str | None) -> dict[str, object]:
    said = {"de": before, "a": after} if before != after else {}
    return {name: code for name, code in said.items() if code is not None}


def retirer(session: Session, *, caller: Caller, id: UUID, motif: str, now: datetime) -> Signalement:
    """Nobody works on it any more. Told: the acteur that had heard of it, and its author where the pilote did it."""
    acte = begin(session, caller, id, Verbe.RETRAITS, now)
    ended = acte.end(motif="Le signalement a été retiré.")
    letters = acte.to_acteur("retire") if acte.heard(acte.ticket.acteur) else ()
    if Qualite.AUTEUR not in acte.qualites:
        letters += acte.to_author("retire")
    acte.facts += [Fact("signalement.retire", {"motif": motif}, letters), *ended]
    return acte.finish(TRANSITIONS[Verbe.RETRAITS].vers)
