"""The verbs of a signalement. Each locks it, asks the table of transitions, writes, and promises its effects."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, or_, select

from relais.caller import Caller
from relais.commands.abonnement import hush, tell
from relais.commands.escalade import catch_up, settled
from relais.commands.saisine import withdraw_all
from relais.commands.signalement import check_photos, check_photos_allowed, declare_photos, pour_information
from relais.commands.suivi import calendrier_de, open_echeances, promised, remind, stop, suite, touch, touch_doublons
from relais.db import Session
from relais.errors import (
    ActeurInconnu,
    ActionInterdite,
    ApresManquante,
    ChampInvalide,
    Fault,
    ReponseInutile,
    TransitionImpossible,
)
from relais.outbox import Author, Fact, Letter, announce, cancel
from relais.queries.destinataires import Adresse, Annuaire
from relais.queries.dossier import Dossier, acteur_de, dossier
from relais.queries.personne import by_id
from relais.queries.signalement import get_signalement
from relais.rules.acces import Qualite
from relais.rules.configuration import PROMIS, Delai, Destinataire
from relais.rules.delais import jours_ouvres_apres
from relais.rules.depot import Depot, PhotoDeclaree
from relais.rules.engagements import Promesse
from relais.rules.escalade import JOURS_DE_RETENUE
from relais.rules.publication import sans_photo
from relais.rules.refus import RENVOIS, MotifDeRenvoi, redit
from relais.rules.statuts import JOURS_POUR_ROUVRIR, TRANSITIONS, Motif, Statut, Verbe, permis, possibles
from relais.tables.envoi import Envoi, EtatEnvoi
from relais.tables.signalement import Signalement

REPONSE_MIN = 15
"""Characters of a réponse after trimming: « OK », « vu », « merci » answer nobody."""

REBONDS_MAX = 2
"""At the second bounce between acteurs the ticket goes to the pilote (`arbitrage`), whose answer is final."""


@dataclass(frozen=True)
class Etape:
    """The dated next step of an explanatory réponse."""

    libelle: str
    le: date


@dataclass
class Acte:
    """A verb under way: the locked ticket with all that is known of it, and what it will announce."""

    session: Session
    caller: Caller
    dossier: Dossier
    qualites: frozenset[Qualite]
    now: datetime
    facts: list[Fact] = field(default_factory=list)
    public: bool = field(init=False)

    def __post_init__(self) -> None:
        self.public = self.ticket.publie_le is not None

    @property
    def ticket(self) -> Signalement:
        return self.dossier.signalement

    def finish(self, statut: Statut | None = None) -> Signalement:
        """Write the statut and the date of the next look, and announce: the end of every verb.

        Whichever verb took it out of the pilote's hands, there is nothing left to settle.
        """
        facts = tell(self.session, self.ticket, self.facts, by=self.caller.id)
        touch(self.ticket, now=self.now, statut=statut)
        if self.dossier.liens.doublons:
            touch_doublons(self.session, self.ticket, now=self.now)
        if self.public and self.ticket.publie_le is None:
            hush(self.session, self.ticket)
        if self.ticket.statut is not Statut.A_QUALIFIER or self.ticket.motif is not Motif.ARBITRAGE:
            stop(self.dossier.echeances, {Delai.ARBITRAGE}, now=self.now)
        self.session.flush()
        remind(self.session, self.ticket, suite(self.session, self.dossier))
        announce(self.session, facts, signalement=self.ticket, author=Author.of(self.caller), now=self.now)
        return self.ticket

    def end(self, *, motif: str) -> list[Fact]:
        """The clocks stop, nothing promised leaves, and the agendas are cleared: what that makes to announce."""
        stop(self.dossier.echeances, set(Delai), now=self.now)
        cancel(self.session, self.ticket.id)
        return withdraw_all(self.session, self.ticket, motif=motif, now=self.now)

    def to_author(self, gabarit: str) -> tuple[Letter, ...]:
        author = by_id(self.session, self.ticket.auteur_id)
        if author is None or not author.actif:
            return ()
        return (Adresse(author.identifiant, author.id).letter(gabarit),)

    def passed_on(self, before: str | None) -> tuple[Letter, ...]:
        """What has not left to whoever had it is taken back; the letters of whoever has it now.

        Who was to be told that there is nothing to do, and has it now, is told the second alone.
        """
        if before is not None:
            cancel(self.session, self.ticket.id, acteur=before)
        if self.ticket.acteur is not None:
            cancel(self.session, self.ticket.id, acteur=self.ticket.acteur, gabarit="pour_information")
        letters = self.to_acteur("affectation" if self.ticket.acteur else "a_qualifier")
        if before is None and self.ticket.acteur is not None:
            letters += self.to_author("accuse")  # the first to name who has it: CRPA R112-11-1 owes the author that
        return letters + self.to_informes()

    def to_informes(self) -> tuple[Letter, ...]:
        """« Pour information », once somebody answers for it: to each acteur told besides that has not been yet."""
        ticket = self.ticket
        if ticket.acteur is None or not (codes := set(ticket.informes) - {ticket.acteur}):
            return ()
        told = select(Envoi.acteur).where(
            Envoi.territoire_id == ticket.territoire_id,
            Envoi.signalement_id == ticket.id,
            Envoi.gabarit == "pour_information",
            Envoi.etat != EtatEnvoi.ANNULE,
        )
        left = sorted(codes.difference(self.session.scalars(told)))
        return pour_information(Annuaire(self.session, self.dossier.current, None), left)

    def farewell(self, before: str | None) -> tuple[Letter, ...]:
        """« N'est plus à vous », to the acteur that had heard it was. It leaves whatever becomes of the ticket."""
        if before is None or not self.heard(before):
            return ()
        acteur = acteur_de(before, self.dossier.current, self.dossier.born)
        annuaire = Annuaire(self.session, self.dossier.current, acteur)
        return tuple(one.letter("plus_a_vous") for one in annuaire.adresses((Destinataire.ACTEUR,)))

    def heard(self, acteur: str | None) -> bool:
        """That acteur's affectation left, or is on the wire. To be asked once what may be taken back has been.

        Before that `cancel`, a worker could take it between the two: the mail would leave, and nothing would follow it.
        """
        left = exists().where(
            Envoi.territoire_id == self.ticket.territoire_id,
            Envoi.signalement_id == self.ticket.id,
            Envoi.gabarit == "affectation",
            Envoi.acteur == acteur,
            or_(Envoi.etat == EtatEnvoi.ENVOYE, Envoi.lease_token.is_not(None)),
        )
        return bool(self.session.scalar(select(left)))

    def to_acteur(self, gabarit: str) -> tuple[Letter, ...]:
        annuaire = Annuaire(self.session, self.dossier.current, self.dossier.acteur)
        told = Destinataire.ACTEUR if self.ticket.acteur else Destinataire.PILOTES
        return tuple(one.letter(gabarit, annulable=True) for one in annuaire.adresses((told,)))


def compte_pour_d_autres(dossier: Dossier, qualites: frozenset[Qualite]) -> bool:
    """It speaks for what others signalled: its author alone does not take it away from them, nor move it."""
    return dossier.liens.declarants > 1 and Qualite.PILOTE not in qualites


def pour_d_autres(ticket: Signalement, allowed: Collection[Verbe]) -> TransitionImpossible:
    said = "D'autres personnes comptent sur ce signalement : demandez au pilote."
    return TransitionImpossible(said, extra={"statut": ticket.statut, "actions": list(allowed)})


def actions(dossier: Dossier, qualites: frozenset[Qualite], *, now: datetime) -> tuple[Verbe, ...]:
    """The verbs this caller may use now: shown in every representation and in every 409."""
    ticket = dossier.signalement
    reouvrable = ticket.traite_le is not None and now <= ticket.traite_le + timedelta(days=JOURS_POUR_ROUVRIR)
    found = possibles(ticket.statut, qualites, reouvrable=reouvrable)
    final = ticket.affecte_par_le_pilote and Qualite.PILOTE not in qualites
    refused = {
        Verbe.REAFFECTATIONS: final,
        Verbe.DEPUBLICATIONS: ticket.publie_le is None,
        Verbe.RETRAITS: compte_pour_d_autres(dossier, qualites),
    }
    return tuple(verbe for verbe in found if not refused.get(verbe))


def begin(session: Session, caller: Caller, id: UUID, verbe: Verbe, now: datetime) -> Acte:
    """The ticket, locked and brought up to date. Raises ActionInterdite, or TransitionImpossible with what is."""
    ticket = get_signalement(session, caller=caller, id=id, lock=True)
    catch_up(session, ticket, now=now)
    file = dossier(session, ticket)
    qualites = caller.qualites(auteur_id=ticket.auteur_id, acteur=ticket.acteur)
    if not permis(verbe, qualites):
        raise ActionInterdite(f"« {verbe} » revient à d'autres pour ce signalement.")
    allowed = actions(file, qualites, now=now)
    if verbe not in allowed:
        if verbe is Verbe.RETRAITS and compte_pour_d_autres(file, qualites):
            raise pour_d_autres(ticket, allowed)
        raise TransitionImpossible(
            f"Le signalement est « {ticket.statut} ».", extra={"statut": ticket.statut, "actions": list(allowed)}
        )
    return Acte(session, caller, file, qualites, now)


def prendre_en_charge(session: Session, *, caller: Caller, id: UUID, now: datetime) -> Signalement:
    acte = begin(session, caller, id, Verbe.PRISES_EN_CHARGE, now)
    stop(acte.dossier.echeances, {Delai.PRISE_EN_CHARGE}, now=now)
    acte.facts.append(Fact("signalement.pris_en_charge", {"acteur": acte.ticket.acteur}))
    return acte.finish(Statut.PRIS_EN_CHARGE)


def repondre(
    session: Session, *, caller: Caller, id: UUID, nature: str, texte: str, etape: Etape | None, now: datetime
) -> Signalement:
    """A useful réponse stops the clocks of `reponse` and `prise_en_charge`, never that of `traitement`.

    Raises ReponseInutile on a text that says nothing, or an explanation without a dated next step.
    """
    acte = begin(session, caller, id, Verbe.REPONSES, now)
    _useful(acte, nature, texte, etape)
    stop(acte.dossier.echeances, {Delai.PRISE_EN_CHARGE, Delai.REPONSE}, now=now)
    said: dict[str, object] = {"nature": nature, "texte": texte, "auteur": _voice(acte), "le": now.isoformat()}
    if etape is not None:
        said["prochaine_etape"] = {"libelle": etape.libelle, "le": etape.le.isoformat()}
        _hold(acte, etape)
    acte.ticket.derniere_reponse = said
    told = {"reponse": said} | ({"acteur": acte.ticket.acteur} if Qualite.ACTEUR in acte.qualites else {})
    acte.facts.append(Fact("signalement.repondu", told, acte.to_author("reponse")))
    return acte.finish()


def _useful(acte: Acte, nature: str, texte: str, etape: Etape | None) -> None:
    faults = []
    if len(" ".join(texte.split())) < REPONSE_MIN:
        faults.append(Fault("/texte", "Dites en une phrase ce qui est fait, ou pourquoi ce ne l'est pas encore."))
    if nature == "explicative" and etape is None:
        faults.append(Fault("/prochaine_etape", "Une réponse explicative annonce une prochaine étape et sa date."))
    if etape is not None and etape.le < acte.dossier.born.configuration.calendrier.jour(acte.now):
        faults.append(Fault("/prochaine_etape/le", "Cette date est passée."))
    if faults:
        raise ReponseInutile(errors=tuple(faults))


def _voice(acte: Acte) -> str:
    """Who speaks is a function: the acteur's name, or the pilote's; never a person's (the journal has it)."""
    if Qualite.ACTEUR in acte.qualites and acte.dossier.acteur is not None:
        return acte.dossier.acteur.nom
    return f"Pilote {acte.dossier.current.configuration.sigle}"


def _hold(acte: Acte, etape: Etape) -> None:
    """Instances wait for the announced day, once a tour of `traitement` and at most 15 working days ahead.

    « Tonight », said after closing time, holds nothing: it would be missed as soon as it is said.
    """
    ticket, calendrier = acte.ticket, acte.dossier.born.configuration.calendrier
    tour = max((one.tour for one in acte.dossier.echeances if one.delai is Delai.TRAITEMENT), default=1)
    farthest = jours_ouvres_apres(acte.now, JOURS_DE_RETENUE, calendrier)
    closing = _closing(acte, etape.le)
    if ticket.etape_tour == tour or etape.le > calendrier.jour(farthest) or closing <= acte.now:
        return
    ticket.etape_le, ticket.etape_tour, ticket.etape_constatee = closing, tour, False


def _closing(acte: Acte, jour: date) -> datetime:
    """The territoire's closing time that day, or on the next day it opens: nobody looks at a closed office."""
    calendrier = acte.dossier.born.configuration.calendrier
    while (closing := calendrier.fermeture(jour)) is None:
        jour += timedelta(days=1)
    return closing.astimezone(UTC)


def intervenir(
    session: Session,
    *,
    caller: Caller,
    id: UUID,
    commentaire: str,
    nature: str,
    photos: Sequence[PhotoDeclaree],
    now: datetime,
) -> Signalement:
    """Done: every clock stops, the agendas are cleared, and what the end makes void does not leave."""
    acte = begin(session, caller, id, Verbe.INTERVENTIONS, now)
    owed = acte.dossier.theme.photo_apres and not sans_photo(acte.dossier.themes)
    if owed and not any(photo.phase == "apres" for photo in photos):
        raise ApresManquante("Joignez à la demande au moins une photo de phase « apres ».")
    _add_photos(acte, photos)
    acte.ticket.traite_le, acte.ticket.etape_constatee = now, True
    ended = acte.end(motif="Le signalement a été traité.")
    acte.facts.append(
        Fact("signalement.traite", {"commentaire": commentaire, "nature": nature}, acte.to_author("traite"))
    )
    acte.facts += ended
    return acte.finish(Statut.TRAITE)


def _add_photos(acte: Acte, photos: Sequence[PhotoDeclaree]) -> None:
    if photos:
        check_photos_allowed(acte.dossier.themes, "/photos")
    known = {photo.id for photo in acte.dossier.photos}
    if known & {photo.id for photo in photos}:
        raise ChampInvalide(errors=(Fault("/photos", "Une de ces photos est déjà déclarée : donnez-lui un autre id."),))
    added = Depot("", acte.now, 0, 0, photos=tuple(photos))
    check_photos(added)
    declare_photos(acte.session, acte.ticket, added, after=len(known))


def reaffecter(
    session: Session,
    *,
    caller: Caller,
    id: UUID,
    motif: MotifDeRenvoi,
    acteur: str | None,
    commentaire: str | None = None,
    now: datetime,
) -> Signalement:
    """To another acteur, or to the pilote when none is named or at the second bounce. The pilote's choice is final.

    Only `prise_en_charge` starts again: the promise made to the resident does not depend on who keeps it. At the second
    bounce the pilote's own clock opens, and whom the acteur had proposed is told him. The explanation says who moved
    it, for the map named somebody else. Raises ChampInvalide where the
    motif is not this caller's to give, or explains nothing by itself.
    """
    acte = begin(session, caller, id, Verbe.REAFFECTATIONS, now)
    ticket = acte.ticket
    by_pilote = Qualite.PILOTE in acte.qualites
    _reasoned(motif, commentaire, by_pilote=by_pilote)
    if acteur is not None and acteur not in acte.dossier.current.configuration.acteur:
        raise ActeurInconnu(errors=(Fault("/acteur", f"« {acteur} » n'est pas un acteur d'ici."),))
    if acteur == ticket.acteur:
        raise ActeurInconnu(errors=(Fault("/acteur", "C'est déjà son acteur : nommez-en un autre, ou personne."),))
    before = ticket.acteur
    ticket.rebonds += 0 if by_pilote else 1
    arbitrage = not by_pilote and ticket.rebonds >= REBONDS_MAX
    ticket.acteur = None if arbitrage else acteur
    ticket.motif = Motif.ARBITRAGE if arbitrage else (Motif.INDETERMINE if acteur is None else None)
    ticket.affecte_par_le_pilote = by_pilote and acteur is not None
    ticket.explication = redit(
        ticket.explication, motif, vers=_nom(acte, ticket.acteur), par=None if by_pilote else _nom(acte, before)
    )
    restart(acte, {Delai.PRISE_EN_CHARGE, Delai.ARBITRAGE} if arbitrage else {Delai.PRISE_EN_CHARGE})
    told = {
        "motif": motif,
        "commentaire": commentaire,
        "par": "pilote" if by_pilote else "acteur",
        "de": before,
        "a": ticket.acteur,
        "propose": acteur if arbitrage else None,
        "rebonds": ticket.rebonds,
        "emprise": ticket.emprise,
        "regle": ticket.regle,
    }
    said = {name: value for name, value in told.items() if value is not None}
    letters = acte.passed_on(before) + (acte.farewell(before) if by_pilote else ())
    acte.facts.append(Fact("signalement.reaffecte", said, letters))
    return acte.finish(Statut.AFFECTE if ticket.acteur else Statut.A_QUALIFIER)


def _nom(acte: Acte, code: str | None) -> str | None:
    acteur = acteur_de(code, acte.dossier.current, acte.dossier.born)
    return acteur.nom if acteur else code


def _reasoned(motif: MotifDeRenvoi, commentaire: str | None, *, by_pilote: bool) -> None:
    if RENVOIS[motif].au_pilote and not by_pilote:
        kept = ", ".join(one for one, renvoi in RENVOIS.items() if not renvoi.au_pilote)
        raise ChampInvalide(errors=(Fault("/motif", f"« {motif} » est au pilote ; choisissez parmi {kept}."),))
    if motif is MotifDeRenvoi.AUTRE and not (commentaire or "").strip():
        raise ChampInvalide(errors=(Fault("/commentaire", "Dites pourquoi en une phrase, ou choisissez un motif."),))


def _promised(acte: Acte) -> dict[Delai, Promesse]:
    """What is promised to the resident, and what the pilote has to settle."""
    return {**promised(acte.ticket, acte.dossier.born), **settled(acte.dossier.born)}


def restart(acte: Acte, delais: Collection[Delai]) -> None:
    """Stop those clocks and open their next tour, in the calendar of whoever has the ticket now."""
    stop(acte.dossier.echeances, delais, now=acte.now)
    tours = {one.delai: one.tour + 1 for one in acte.dossier.echeances}
    again = {delai: promesse for delai, promesse in _promised(acte).items() if delai in delais}
    acte.session.flush()
    open_echeances(
        acte.session,
        acte.ticket,
        promesses=again,
        calendrier=calendrier_de(acte.dossier, acte.ticket.acteur),
        tours=tours,
        now=acte.now,
    )
    acte.dossier = dossier(acte.session, acte.ticket)


def clore(session: Session, *, caller: Caller, id: UUID, now: datetime) -> Signalement:
    acte = begin(session, caller, id, Verbe.CLOTURES, now)
    acte.facts.append(Fact("signalement.clos"))
    return acte.finish(Statut.CLOS)


def rouvrir(
    session: Session,
    *,
    caller: Caller,
    id: UUID,
    motif: str,
    commentaire: str,
    photos: Sequence[PhotoDeclaree],
    now: datetime,
) -> Signalement:
    """« Toujours pas résolu »: back to its acteur, and every délai runs again from now, in its next tour."""
    acte = begin(session, caller, id, Verbe.REOUVERTURES, now)
    ticket = acte.ticket
    _add_photos(acte, photos)
    ticket.traite_le, ticket.etape_le, ticket.etape_constatee = None, None, False
    restart(acte, PROMIS)
    acte.facts.append(
        Fact("signalement.rouvert", {"motif": motif, "commentaire": commentaire}, acte.to_acteur("rouvert"))
    )
    return acte.finish(TRANSITIONS[Verbe.REOUVERTURES].vers)
