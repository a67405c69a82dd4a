"""What the pilote lets anybody see: a signalement and its photos, published, withdrawn, painted over."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from relais.caller import Caller
from relais.commands.suivi import touch
from relais.commands.verbes import begin
from relais.db import Session
from relais.errors import ActionInterdite, ChampInvalide, Fault, PhotoIntrouvable, PhotoPasPrete
from relais.outbox import Author, Fact, announce
from relais.queries.dossier import Dossier
from relais.queries.signalement import get_signalement
from relais.rules.acces import Qualite
from relais.rules.publication import Rectangle, hors_de_l_image
from relais.rules.statuts import Verbe
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement


def publier(session: Session, *, caller: Caller, id: UUID, photos: Sequence[UUID] | None, now: datetime) -> Signalement:
    """Anybody may read it, words included, and see these photos of it and no other; None: all that can be looked at.

    Raises ChampInvalide on a photo that is not its own, PhotoPasPrete on one that nobody has looked at yet.
    """
    acte = begin(session, caller, id, Verbe.PUBLICATIONS, now)
    chosen = _chosen(acte.dossier, photos)
    for photo in acte.dossier.photos:
        photo.publiee = photo.id in chosen
    acte.ticket.publie_le, acte.ticket.publie_par_le_pilote = now, True
    shown = [str(photo.id) for photo in acte.dossier.photos if photo.publiee]
    acte.facts.append(Fact("signalement.publie", {"photos": shown}))
    return acte.finish()


def _chosen(file: Dossier, photos: Sequence[UUID] | None) -> set[UUID]:
    visible = {photo.id for photo in file.photos if _seen(photo)}
    if photos is None:
        return visible
    known = {photo.id for photo in file.photos}
    unknown = [rank for rank, photo in enumerate(photos) if photo not in known]
    if unknown:
        told = "Ce n'est pas une photo de ce signalement."
        raise ChampInvalide(errors=tuple(Fault(f"/photos/{rank}", told) for rank in unknown))
    early = [rank for rank, photo in enumerate(photos) if photo not in visible]
    if early:
        told = "Elle n'est pas encore visible : publiez-la quand vous l'aurez regardée."
        raise PhotoPasPrete(errors=tuple(Fault(f"/photos/{rank}", told) for rank in early))
    return set(photos)


def _seen(photo: Photo) -> bool:
    """Somebody could look at it: it is ready, or was and is being painted over."""
    return photo.etat is EtatPhoto.PRETE or (photo.etat is EtatPhoto.RECUE and photo.masques is not None)


def depublier(session: Session, *, caller: Caller, id: UUID, motif: str, now: datetime) -> Signalement:
    """Nobody reads it any more without an account, nor finds its photos.

    A link to a photo says nothing of who asked for it: one handed out to the public before works to its date, two days
    on at most. To close it at once, paint over the photo, which closes every link to it, those of the mails included.
    """
    acte = begin(session, caller, id, Verbe.DEPUBLICATIONS, now)
    acte.ticket.publie_le, acte.ticket.publie_par_le_pilote = None, False
    for photo in acte.dossier.photos:
        photo.publiee = False
    acte.facts.append(Fact("signalement.depublie", {"motif": motif}))
    return acte.finish()


def masquer(
    session: Session, *, caller: Caller, id: UUID, photo_id: UUID, rectangles: Sequence[Rectangle], now: datetime
) -> Signalement:
    """Have these parts of a photo painted over, for everybody and for good.

    Its links stop working at once, and there is no other until a worker has done it. What a browser has already shown,
    it may show again for an hour.

    Raises PhotoIntrouvable, PhotoPasPrete (also while another painting is owed), ChampInvalide beyond the image.
    """
    ticket = get_signalement(session, caller=caller, id=id, lock=True)
    if Qualite.PILOTE not in caller.qualites(auteur_id=ticket.auteur_id, acteur=ticket.acteur):
        raise ActionInterdite("Masquer une photo revient au pilote.")
    photo = _lookable(session, ticket, photo_id)
    if beyond := hors_de_l_image(rectangles):
        told = "Ce rectangle sort de l'image, ou n'en couvre rien : x, y, largeur et hauteur en sont des fractions."
        raise ChampInvalide(errors=tuple(Fault(f"/rectangles/{rank}", told) for rank in beyond))
    photo.masques, photo.etat = [asdict(one) for one in rectangles], EtatPhoto.RECUE
    photo.due_at, photo.lease_until, photo.lease_token, photo.claims, photo.attempts = now, None, None, 0, 0
    touch(ticket, now=now)
    fact = Fact("photo.masquee", {"photo": str(photo.id), "rectangles": len(rectangles)})
    announce(session, [fact], signalement=ticket, author=Author.of(caller), now=now)
    return ticket


def _lookable(session: Session, ticket: Signalement, id: UUID) -> Photo:
    """The photo, locked; one that a worker holds is not waited for: it may be waiting for this ticket."""
    key = (ticket.territoire_id, ticket.id, id)
    if session.get(Photo, key) is None:
        raise PhotoIntrouvable("Ce signalement n'a pas de photo sous cet identifiant.")
    photo = session.get(Photo, key, with_for_update={"skip_locked": True}, populate_existing=True)
    if photo is None or photo.etat is not EtatPhoto.PRETE:
        raise PhotoPasPrete("Elle est en préparation, ou n'est pas arrivée : réessayez dans un instant.")
    return photo
