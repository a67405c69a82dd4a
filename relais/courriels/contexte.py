"""What a template may say of one envoi: read once, worded, and handed to the text and the HTML alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from relais.courriels.dates import Dates
from relais.courriels.decision import CHOIX, Inscription, inscription, read_saisine
from relais.courriels.faits import Annonce, Faits, Vue, annonce, faits_de
from relais.courriels.histoire import Ligne, Recit
from relais.courriels.regroupement import Nouvelle, Precedent, nouvelle, precedents, principal, retenus
from relais.courriels.voisins import au_meme_endroit
from relais.links import Action, Choice, action_token
from relais.queries.dossier import Dossier, journal
from relais.queries.personne import by_id
from relais.queries.referentiel import referentiel
from relais.rules.acces import Role
from relais.rules.configuration import Acteur, Configuration
from relais.rules.refus import en_clair
from relais.rules.statuts import JOURS_POUR_ROUVRIR, Statut
from relais.tables.echeance import Echeance
from relais.tables.envoi import Canal, Envoi
from relais.tables.evenement import Evenement
from relais.tables.personne import Personne
from relais.tables.saisine import Saisine
from relais.tables.signalement import Signalement

FONCTIONS = {
    Role.PILOTE: "pilote {sigle}",
    Role.DIRECTION_GENERALE: "direction générale",
    Role.RESPONSABLE: "responsable",
}


@dataclass(frozen=True)
class Bouton:
    """A link whose text says what it does. Pressing it opens a page, and nothing more."""

    libelle: str
    precision: str | None
    url: str


@dataclass(frozen=True)
class Piece:
    """One file among those that went up together."""

    faits: Faits
    annonce: Annonce
    histoire: tuple[Ligne, ...]


@dataclass(frozen=True)
class Contexte:
    """Of a grouped mail only `lot` speaks of tickets. `donnees` is what the event and the letter said, as they said it.

    `annonce`: the délai this mail is about. `bouton`: what its acteur may do from here, while it still may.
    `renvoi`: why it changes hands, in words. `refus`: what each acteur answered that sent it back. `au_pilote`: its
    reader is one, and the choice his.
    `principal`: the one that speaks for it. `nouvelle`: what a follower is told; of a ticket that is not the reader's
    own, `faits` then say nothing that its author wrote. `precedents`: what was done there before it came back.
    """

    configuration: Configuration
    dates: Dates
    donnees: Mapping[str, Any]
    le: datetime
    rouvrable_jusqu_au: datetime
    faits: Faits | None = None
    danger: str | None = None
    annonce: Annonce | None = None
    histoire: tuple[Ligne, ...] = ()
    voisins: str | None = None
    inscription: Inscription | None = None
    instance: str | None = None
    etape: Mapping[str, Any] | None = None
    renvoi: str | None = None
    refus: tuple[str, ...] = ()
    au_pilote: bool = False
    bouton: Bouton | None = None
    plus_a_vous: bool = False
    choix: tuple[Bouton, ...] = ()
    aussi: tuple[str, ...] = ()
    candidats: tuple[Acteur, ...] = ()
    a_l_acteur: bool = False
    principal: Faits | None = None
    nouvelle: Nouvelle | None = None
    precedents: tuple[Precedent, ...] = ()
    lot: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Redaction:
    """The wording of one envoi."""

    vue: Vue
    envoi: Envoi
    configuration: Configuration
    lecteur: Role | None

    def contexte(self) -> Contexte:
        if self.envoi.signalement_id is None:
            return replace(self._vide(), lot=tuple(self._lot()), aussi=tuple(self._aussi()))
        ticket = self.vue.session.get_one(Signalement, (self.envoi.territoire_id, self.envoi.signalement_id))
        file, faits = faits_de(self.vue, ticket)
        saisine = self._saisine()
        recit = Recit(file, self.vue.dates, self.lecteur)
        told = [one for one in journal(self.vue.session, ticket) if one.le <= self.vue.le]
        events = [one for one in told if not self._announces(one)]
        about = inscription(self.vue, file, saisine) if saisine else None
        instance = self.envoi.donnees.get("instance") or (saisine.instance if saisine else None)
        news = nouvelle(self.vue, self.envoi.donnees, auteur=self.envoi.personne_id == ticket.auteur_id)
        return replace(
            self._vide(),
            faits=retenus(faits, file) if news and not news.auteur else faits,
            danger=_consigne(file),
            annonce=self._annonce(saisine),
            histoire=recit.raconter(events),
            voisins=au_meme_endroit(self.vue, ticket),
            inscription=about,
            instance=recit.instance(instance) if instance else None,
            etape=_etape(events),
            renvoi=_renvoi(self.envoi.donnees),
            refus=recit.refus(told),
            au_pilote=self.lecteur is Role.PILOTE,
            bouton=self._prendre_en_charge(ticket),
            plus_a_vous=self._acts_for_an_acteur and self.envoi.acteur != ticket.acteur,
            choix=tuple(self._bouton(choice, *CHOIX[choice]) for choice in (about.choix if about else ())),
            aussi=tuple(self._aussi()),
            candidats=_candidats(file),
            a_l_acteur=self._acts_for_an_acteur,
            principal=principal(self.vue, file),
            nouvelle=news,
            precedents=precedents(self.vue.session, self.envoi.donnees.get("precedents", ())),
        )

    def _vide(self) -> Contexte:
        return Contexte(
            configuration=self.configuration,
            dates=self.vue.dates,
            donnees=self.envoi.donnees,
            le=self.vue.le,
            rouvrable_jusqu_au=self.vue.le + timedelta(days=JOURS_POUR_ROUVRIR),
        )

    @property
    def _acts_for_an_acteur(self) -> bool:
        """A pilote may belong to an acteur too: decisions are asked of him, not work."""
        return self.envoi.acteur is not None and self.lecteur is not Role.PILOTE

    def _prendre_en_charge(self, ticket: Signalement) -> Bouton | None:
        mine = self._acts_for_an_acteur and self.envoi.acteur == ticket.acteur
        if not mine or ticket.statut is not Statut.AFFECTE:
            return None
        return self._bouton(Choice.PRENDRE_EN_CHARGE, "Je prends en charge")

    def _bouton(self, choice: Choice, libelle: str, precision: str | None = None) -> Bouton:
        action = Action(self.envoi.territoire_id, choice, self.envoi.id)
        return Bouton(libelle, precision, f"{self.vue.url}/a/{action_token(self.vue.keys, action)}")

    def _saisine(self) -> Saisine | None:
        id = self.envoi.donnees.get("saisine")
        return read_saisine(self.vue.session, id) if id else None

    def _annonce(self, saisine: Saisine | None) -> Annonce | None:
        said = self.envoi.donnees
        if "delai" in said:
            return self._promise(said["delai"], said["tour"])
        return self._promise(saisine.delai, saisine.tour) if saisine else None

    def _promise(self, delai: str, tour: int) -> Annonce:
        key = (self.envoi.territoire_id, self.envoi.signalement_id, delai, tour)
        return annonce(self.vue, self.vue.session.get_one(Echeance, key))

    def _announces(self, one: Evenement) -> bool:
        """Of that event this mail is the news. Its own; of a palier, all the events of that palier."""
        if "palier" not in self.envoi.donnees:
            return one.id == self.envoi.evenement_id
        return all(one.donnees.get(name) == self.envoi.donnees[name] for name in ("delai", "tour", "palier"))

    def _aussi(self) -> list[str]:
        """Who else got this very mail, by function."""
        others = self.vue.session.execute(
            select(Envoi.acteur, Personne.role, Personne.acteur)
            .outerjoin(Personne, (Personne.territoire_id == Envoi.territoire_id) & (Personne.id == Envoi.personne_id))
            .where(
                Envoi.territoire_id == self.envoi.territoire_id,
                Envoi.evenement_id == self.envoi.evenement_id,
                Envoi.canal == Canal.COURRIEL,
                Envoi.gabarit == self.envoi.gabarit,
                Envoi.id != self.envoi.id,
            )
            .order_by(Envoi.destinataire)
        )
        return list(dict.fromkeys(self._fonction(*one) for one in others))

    def _fonction(self, acteur: str | None, role: Role | None, de: str | None) -> str:
        code = acteur or de
        known = self.configuration.acteur.get(code or "")
        name = known.nom if known else self.configuration.nom
        if role is None:
            return name if code else "membres de l'instance"
        function = FONCTIONS.get(role)  # a rôle may have changed since the mail was promised
        return f"{function.format(sigle=self.configuration.sigle)} ({name})" if function else name

    def _lot(self) -> list[Piece]:
        saisines = (read_saisine(self.vue.session, id) for id in self.envoi.donnees["saisines"])
        return sorted(map(self._piece, saisines), key=lambda piece: piece.faits.numero)

    def _piece(self, saisine: Saisine) -> Piece:
        ticket = self.vue.session.get_one(Signalement, (saisine.territoire_id, saisine.signalement_id))
        file, faits = faits_de(self.vue, ticket)
        promise = self.vue.session.get_one(
            Echeance, (saisine.territoire_id, saisine.signalement_id, saisine.delai, saisine.tour)
        )
        told = Recit(file, self.vue.dates, self.lecteur).raconter(
            one for one in journal(self.vue.session, ticket) if one.le <= self.vue.le
        )
        return Piece(faits, annonce(self.vue, promise), told)


def redaction(vue: Vue, envoi: Envoi) -> Redaction:
    reader = by_id(vue.session, envoi.personne_id) if envoi.personne_id else None
    return Redaction(vue, envoi, referentiel(vue.session).configuration, reader.role if reader else None)


def _consigne(file: Dossier) -> str | None:
    if not file.theme.danger:
        return None
    return file.theme.consigne or "En cas de danger immédiat, appelez le 18 ou le 112."


def _etape(events: Sequence[Evenement]) -> Mapping[str, Any] | None:
    """The last dated step announced, and when it was: what « aucune intervention » is measured against."""
    steps = [one for one in events if one.type == "signalement.repondu" and "prochaine_etape" in one.donnees["reponse"]]
    return {**steps[-1].donnees["reponse"]["prochaine_etape"], "annoncee_le": steps[-1].le} if steps else None


def _renvoi(donnees: Mapping[str, Any]) -> str | None:
    return en_clair(donnees["motif"], donnees.get("commentaire")) if "motif" in donnees else None


def _candidats(file: Dossier) -> tuple[Acteur, ...]:
    known = file.born.configuration.acteur
    codes = [one["acteur"] for one in file.signalement.candidats or ()]
    return tuple(known[code] for code in dict.fromkeys(codes) if code in known)
