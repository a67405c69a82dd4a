"""What the journey shows of what happened, and the promises it checks."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from relais.boite import Recu
from relais.demonstration.installation import Installation
from relais.queries.referentiel import referentiel
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.evenement import Evenement

PARIS = ZoneInfo("Europe/Paris")
JOURS = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")

FONCTIONS = {
    "pilote@demo.test": "pilote (Ville)",
    "copilote@demo.test": "co-pilote (Agglo)",
    "direction_generale@demo.test": "direction générale",
    "relais@demo.test": "relais",
    "relais2@demo.test": "relais",
}
RANGS = ("direction générale", "membres de l'instance", "responsable d'agence", "pilote (Ville)", "co-pilote (Agglo)")

TITRES = {
    "accuse": "accusé",
    "affectation": "affectation",
    "relance": "relance, 80 % du délai",
    "retard": "RETARD",
    "inscription": "inscription à une instance",
    "decision": "décision à prendre",
    "mobilisation": "dossier mobilisé",
    "etape_manquee": "aucune intervention enregistrée à la date annoncée",
    "reponse": "réponse",
    "traite": "traité",
}


def _rang(nom: str) -> int:
    """People are named in the order of the ladder, whatever the order of the mails."""
    return RANGS.index(nom) if nom in RANGS else -1


class Promesses:
    """What must hold. A broken promise is told at the end, and makes the exit code 1."""

    def __init__(self) -> None:
        self.tenues, self.manquees = 0, list[str]()

    def tenir(self, vraie: bool, promesse: str) -> None:  # noqa: FBT001 - reads as a sentence: tenir(fait, promesse)
        if vraie:
            self.tenues += 1
        else:
            self.manquees.append(promesse)

    def conclure(self) -> int:
        for promesse in self.manquees:
            print(f"  ✗ promesse manquée : {promesse}")
        print(f"  promesses vérifiées : {self.tenues} tenues, {len(self.manquees)} manquées")
        return 1 if self.manquees else 0


class Releve:
    """Reads the journal and the deliveries, and prints what is new, at the simulated time."""

    def __init__(self, town: Installation) -> None:
        self._town, self._seen, self._day = town, set[UUID](), ""
        with town.owner() as session, session.begin():
            acteurs = referentiel(session).configuration.acteurs
        self._noms = {one.courriel: one.nom for one in acteurs}
        self._noms |= {one.en_cas_de_retard: "responsable d'agence" for one in acteurs if one.en_cas_de_retard}
        self._noms |= FONCTIONS

    def dire(self, texte: str, *, suite: bool = False, quand: datetime | None = None, heure: bool = True) -> None:
        """A line at the simulated instant; the day is written once, the hour each time unless `suite`."""
        now = (quand or self._town.now).astimezone(PARIS)
        day = f"{JOURS[now.weekday()]} {now:%d/%m}"
        shown = "" if day == self._day else day
        self._day = day
        clock = f"{now:%H:%M}" if heure and not suite else ""
        print(f"{shown:<10} {clock:<6} {texte}")

    def noter(self) -> None:
        """Take what happened as seen, without showing it."""
        self._new()

    def montrer(self, ticket: str) -> None:
        """What is new on this ticket: agendas, mails by kind, webhooks."""
        facts, sent = self._new()
        for fact in facts:
            if str(fact.signalement_id) == ticket and fact.type == "instance.inscrite":
                with self._town.owner() as session, session.begin():
                    instance = referentiel(session).configuration.instance[fact.donnees["instance"]]
                self.dire(f"inscrit à l'ordre du jour, {instance.nom}")
        mine = [one for one in sent if str(one.signalement_id) == ticket]
        told: dict[str, list[str]] = defaultdict(list)
        for one in mine:
            if one.canal is Canal.COURRIEL:
                told[TITRES.get(one.gabarit, one.gabarit)].append(
                    self._noms.get(one.destinataire, "membres de l'instance")
                )
        hooks = sorted(
            {one.gabarit for one in mine if one.canal is Canal.WEBHOOK} & {"signalement.affecte", "echeance.depassee"}
        )
        parts = [f"✉ {title} → {', '.join(sorted(set(names), key=_rang))}" for title, names in told.items()]
        parts += [f"⇄ {name}, signé, reçu 204" for name in hooks]
        if parts:
            self.dire("   ".join(parts))

    def _new(self) -> tuple[list[Evenement], list[Envoi]]:
        with self._town.owner() as session, session.begin():
            facts = session.scalars(select(Evenement).order_by(Evenement.rang)).all()
            sent = session.scalars(select(Envoi).where(Envoi.etat == EtatEnvoi.ENVOYE).order_by(Envoi.cree_le)).all()
        new_facts = [one for one in facts if one.id not in self._seen]
        new_sent = [one for one in sent if one.id not in self._seen]
        self._seen |= {one.id for one in facts} | {one.id for one in sent}
        return new_facts, new_sent

    # --- asking

    def _envois(self, ticket: str, gabarit: str) -> list[Envoi]:
        with self._town.owner() as session, session.begin():
            wanted = select(Envoi).where(Envoi.signalement_id == ticket, Envoi.gabarit == gabarit)
            return list(session.scalars(wanted.order_by(Envoi.cree_le)))

    def destinataires(self, ticket: str, gabarit: str) -> set[str]:
        return {one.destinataire for one in self._envois(ticket, gabarit)}

    def dernier(self, ticket: str, gabarit: str) -> Recu:
        """The mail of that kind, as the mail server received it."""
        envoi = self._envois(ticket, gabarit)[0]
        return next(one for one in self._town.mails() if str(envoi.id) in one.message_id)

    def recus(self, adresse: str, dans_l_objet: str = "") -> list[Recu]:
        return [one for one in self._town.mails() if adresse in one.a and dans_l_objet in one.objet.lower()]
