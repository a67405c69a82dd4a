"""What Relais promises of its workers, checked on what is written and on what arrived."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from chaos.harness import Town, owner
from sqlalchemy import Engine, select

from relais.boite import lire
from relais.commands.photo import cle_de_variante, cle_originale
from relais.stockage import Local
from relais.tables.echeance import Escalade
from relais.tables.envoi import Envoi, EtatEnvoi
from relais.tables.evenement import Evenement
from relais.tables.photo import EtatPhoto, Photo
from workers.drain import AT_ONCE

Palier = tuple[UUID, str, int, str]
"""Signalement, délai, tour, code: what is reached once for ever."""


def paliers(engine: Engine) -> list[Palier]:
    with owner(engine) as session, session.begin():
        rows = session.scalars(select(Escalade)).all()
    return [(row.signalement_id, row.delai.value, row.tour, row.palier) for row in rows]


@dataclass
class Findings:
    """What is wrong, by name; empty lists are promises kept."""

    broken: dict[str, Sequence[object]]
    resent: int
    interrupted: int
    envois: int

    @property
    def named(self) -> dict[str, Sequence[object]]:
        return {name: found[:5] for name, found in self.broken.items() if found}


def at_any_stop(town: Town) -> Findings:
    """What holds whenever the workers have stopped, whatever is left to do."""
    with owner(town.engine) as session, session.begin():
        envois = session.scalars(select(Envoi)).all()
        journal = session.scalars(select(Evenement)).all()
    promised = {str(one.id): one for one in envois}
    mails, posts = [(_id(mail.message_id), mail) for mail in lire(town.boite.dossier)], town.partner.received
    arrived = Counter(id for id, _ in mails) + Counter(post.id for post in posts)
    declared = Counter(_declared(event) for event in journal if event.type == "escalade.declenchee")
    reached = set(paliers(town.engine))
    announced = Counter(one for event in journal for one in event.donnees.get("saisines", ()))
    resent = arrived.total() - len(arrived)
    excused = town.kills * AT_ONCE + town.partner.unanswered
    return Findings(
        {
            "sent and never received": [
                (one.canal.value, id)
                for id, one in promised.items()
                if one.etat is EtatEnvoi.ENVOYE and not arrived[id]
            ],
            "received and never promised": [id for id in arrived if id not in promised],
            "mail to another address": [
                mail.fichier for id, mail in mails if id in promised and mail.a != promised[id].destinataire
            ],
            "webhook unsigned or altered": [
                post.id
                for post in posts
                if not post.signed or (post.id in promised and post.body != promised[post.id].corps)
            ],
            "received more often than taken": [
                id for id, times in arrived.items() if id in promised and times > promised[id].claims
            ],
            "sent again for no reason": [(resent, excused)] if resent > excused else [],
            "palier told twice": [key for key, times in declared.items() if times > 1],
            "palier reached and not told": sorted(reached - set(declared)),
            "palier told and not reached": sorted(set(declared) - reached),
            "file announced twice": [one for one, times in announced.items() if times > 1],
        },
        resent=resent,
        interrupted=sum(one.claims - one.attempts for one in envois),
        envois=len(envois),
    )


def at_rest(town: Town, expected: Collection[Palier]) -> Findings:
    """What holds besides once nothing is left to do."""
    found = at_any_stop(town)
    with owner(town.engine) as session, session.begin():
        envois = session.scalars(select(Envoi)).all()
        photos = session.scalars(select(Photo)).all()
    reached = set(paliers(town.engine))
    stockage = Local(town.folder / "fichiers")
    found.broken |= {
        "palier lost": sorted(set(expected) - reached),
        "palier never due": sorted(reached - set(expected)),
        "envoi not sent": [(one.etat.value, one.erreur) for one in envois if one.etat is not EtatEnvoi.ENVOYE],
        "envoi still held": [one.id for one in envois if one.lease_token or one.lease_until],
        "photo still held": [photo.id for photo in photos if photo.lease_token or photo.lease_until],
        "photo not ready": [photo.id for photo in photos if photo.etat is not EtatPhoto.PRETE],
        "original kept": [photo.id for photo in photos if stockage.existe(cle_originale(photo))],
        "variant missing": [
            (photo.id, name)
            for photo in photos
            for name in ("image", "vignette")
            if not stockage.existe(cle_de_variante(photo, name))
        ],
    }
    assert photos, "without a photo nothing is shown of them"
    return found


def _id(message_id: str) -> str:
    """Of `<id@domain>`, the id."""
    return message_id.strip("<>").partition("@")[0]


def _declared(event: Evenement) -> Palier:
    assert event.signalement_id is not None
    return event.signalement_id, event.donnees["delai"], event.donnees["tour"], event.donnees["palier"]
