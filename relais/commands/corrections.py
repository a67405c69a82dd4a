"""What its author, or the pilote, does over what was signalled: say it otherwise, or withdraw it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, or_, select

from relais.caller import Caller
from relais.commands.photo import forget_position
from relais.commands.saisine import withdraw_all
from relais.commands.signalement import (
    check_photos_allowed,
    check_position,
    check_reponses,
    check_theme,
    ground_of,
    route,
    statut_of,
)
from relais.commands.suivi import stop
from relais.commands.verbes import Acte, begin
from relais.db import Session
from relais.errors import ChampInvalide, Fault, PhotoNonAutorisee
from relais.outbox import Fact, Letter, cancel
from relais.queries.destinataires import Annuaire
from relais.queries.dossier import acteur_de
from relais.rules.acces import Qualite
from relais.rules.configuration import Delai, Destinataire, RegleDePhoto, Theme
from relais.rules.depot import Correction, Depot
from relais.rules.publication import sans_photo
from relais.rules.routage import Routage
from relais.rules.statuts import TRANSITIONS, Motif, Statut, Verbe
from relais.tables.envoi import Envoi, EtatEnvoi
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
    The same as it was said changes nothing. Raises what a creation raises, at the field to mend.
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
    _check(acte, after, changed)
    for champ in changed:
        for column in CHAMPS[champ]:
            setattr(acte.ticket, column, getattr(after, column))
    if "position" in changed and Qualite.AUTEUR in acte.qualites:
        forget_position(session, acte.ticket)
    if {"theme", "description"} & set(changed):
        _reread(acte)
    holder = acte.ticket.acteur
    moved = {"theme", "position"} & set(changed)
    statut = _reroute(acte, route(acte.dossier.current, after)) if moved else None
    # Names of fields alone: the journal is never erased, and these texts are somebody's.
    told = {"champs": changed} | _passed(holder, acte.ticket.acteur)
    acte.facts.insert(0, Fact("signalement.corrige", told))
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
    """Write what the map says; another acteur takes it over, unless the pilote chose the present one for good.

    Then why it has it is not the map's to say: `regle` and `explication` stay, beside the ground as it is.
    """
    ticket, before, statut = acte.ticket, acte.ticket.acteur, statut_of(where)
    final = ticket.affecte_par_le_pilote and Qualite.PILOTE not in acte.qualites
    for column, value in ground_of(where).items():
        if not (final and column in {"regle", "explication"}):
            setattr(ticket, column, value)
    if final or (where.acteur == before and statut is not Statut.REORIENTE):
        return None
    ticket.acteur, ticket.affecte_par_le_pilote = where.acteur, False
    ticket.motif = Motif.INDETERMINE if statut is Statut.A_QUALIFIER else None
    if statut is Statut.REORIENTE:
        _leave(acte, before)
    else:
        _hand_over(acte, before)
    return statut


def _hand_over(acte: Acte, before: str | None) -> None:
    letters = acte.passed_on(before) + _farewell(acte, before)
    acte.facts.append(Fact("signalement.reaffecte", _passed(before, acte.ticket.acteur), letters))


def _leave(acte: Acte, before: str | None) -> None:
    """Outside the perimeter, nobody here answers for it: the acteur that had heard of it is told so, its author too."""
    ended = _end(acte, motif="Le signalement a été réorienté.")
    if before is not None:
        acte.facts.append(Fact("signalement.reaffecte", _passed(before, None), _farewell(acte, before)))
    acte.facts += [Fact("signalement.reoriente", {}, acte.to_author("accuse")), *ended]


def _farewell(acte: Acte, before: str | None) -> tuple[Letter, ...]:
    """« N'est plus à vous », to the acteur that had heard it was. It leaves whatever becomes of the ticket."""
    if before is None or not _heard(acte, before):
        return ()
    annuaire = Annuaire(acte.session, acte.dossier.current, acteur_de(before, acte.dossier.current, acte.dossier.born))
    return tuple(one.letter("plus_a_vous") for one in annuaire.adresses((Destinataire.ACTEUR,)))


def _passed(before: str | None, after: str | None) -> dict[str, object]:
    said = {"de": before, "a": after} if before != after else {}
    return {name: code for name, code in said.items() if code is not None}


def retirer(session: Session, *, caller: Caller, id: UUID, motif: str, now: datetime) -> Signalement:
    """Nobody works on it any more. Told: the acteur that had heard of it, and its author where the pilote did it."""
    acte = begin(session, caller, id, Verbe.RETRAITS, now)
    ended = _end(acte, motif="Le signalement a été retiré.")
    letters = acte.to_acteur("retire") if _heard(acte, acte.ticket.acteur) else ()
    if Qualite.AUTEUR not in acte.qualites:
        letters += acte.to_author("retire")
    acte.facts += [Fact("signalement.retire", {"motif": motif}, letters), *ended]
    return acte.finish(TRANSITIONS[Verbe.RETRAITS].vers)


def _heard(acte: Acte, acteur: str | None) -> bool:
    """That acteur's affectation left, or is on the wire. To be asked once what may be taken back has been (`cancel`).

    Before, a worker could take it between the two: the mail would leave, and nothing would follow it.
    """
    ticket = acte.ticket
    left = exists().where(
        Envoi.territoire_id == ticket.territoire_id,
        Envoi.signalement_id == ticket.id,
        Envoi.gabarit == "affectation",
        Envoi.acteur == acteur,
        or_(Envoi.etat == EtatEnvoi.ENVOYE, Envoi.lease_token.is_not(None)),
    )
    return bool(acte.session.scalar(select(left)))


def _end(acte: Acte, *, motif: str) -> list[Fact]:
    """The clocks stop, nothing promised leaves, and the agendas are cleared: what that makes to announce."""
    stop(acte.dossier.echeances, set(Delai), now=acte.now)
    cancel(acte.session, acte.ticket.id)
    return withdraw_all(acte.session, acte.ticket, motif=motif, now=acte.now)
