"""Receiving a signalement: once, whatever the network does, routed and dated in the same transaction."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from relais.caller import Caller
from relais.commands.suivi import Suite, open_echeances, paliers_a_venir, promised, remind
from relais.db import Session
from relais.errors import (
    ActionInterdite,
    ChampInvalide,
    DateImpossible,
    Fault,
    HorsTerritoire,
    IdentifiantDejaPris,
    PhotoNonAutorisee,
    PositionInversee,
    SignalementDifferent,
    ThemeInconnu,
)
from relais.outbox import Author, Fact, Letter, announce
from relais.queries.destinataires import Adresse, Annuaire
from relais.queries.dossier import Dossier
from relais.queries.referentiel import Referentiel, referentiel
from relais.rules import routage
from relais.rules.acces import SIGNALENT
from relais.rules.configuration import Configuration, Destinataire, RegleDePhoto
from relais.rules.depot import ANCIENNETE_MAX, AVANCE_TOLEREE, OCTETS_MAX, PHOTOS_MAX, Depot, empreinte
from relais.rules.statuts import Motif, Statut
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement
from relais.tables.territoire import Compteur


def submit_signalement(
    session: Session, *, caller: Caller, id: UUID, depot: Depot, now: datetime
) -> tuple[Signalement, bool]:
    """The signalement, and whether it is new. The same meaning again by the same author changes nothing.

    Raises SignalementDifferent (its author sent another meaning under this id), IdentifiantDejaPris (somebody else's
    id: nothing of it is shown), and an Invalid that points at each field to mend.
    """
    if caller.role not in SIGNALENT or caller.id is None:
        raise ActionInterdite("Ce compte ne dépose pas de signalement.")
    known = _known(session, id)
    if known is not None:
        return _again(known, caller, depot), False
    ref = referentiel(session)
    constate_le = _date_acceptable(depot, now)
    _check(depot, ref)
    where = routage.router(
        ref.configuration,
        ref.carte,
        theme=depot.theme,
        lon=depot.lon,
        lat=depot.lat,
        precision_m=depot.precision_m,
        le=constate_le.astimezone(ZoneInfo(ref.configuration.calendrier.fuseau)).date(),
    )
    values = _values(depot, where, caller, id, now) | {
        "territoire_id": caller.territoire,
        "version": ref.version,
        "numero": _numero(session, ref.configuration, now),
        "constate_le": constate_le,
        "constate_corrige": constate_le != depot.constate_le,
    }
    # Two sends of one draft at the same instant: the second waits here for the first, then finds its row.
    written = session.execute(upsert(Signalement).values(**values).on_conflict_do_nothing().returning(Signalement.id))
    if written.first() is None:
        _give_back(session, now, ref.configuration)
        return _again(_known(session, id, sure=True), caller, depot), False
    ticket = Signalement(**values)
    _declare(session, ticket, depot)
    _promise(session, ticket, ref, caller, now=now)
    return session.adopt(ticket), True


def _known(session: Session, id: UUID, *, sure: bool = False) -> Any:  # noqa: ANN401 - Signalement, or None unless sure
    wanted = select(Signalement).where(Signalement.territoire_id == session.territoire, Signalement.id == id)
    return session.scalars(wanted).one() if sure else session.scalar(wanted)


def _again(known: Signalement, caller: Caller, depot: Depot) -> Signalement:
    if known.auteur_id != caller.id:
        raise IdentifiantDejaPris("Choisissez un autre identifiant (UUID version 7).")
    if known.empreinte != empreinte(depot):
        raise SignalementDifferent(
            "Le signalement reçu sous cet identifiant est joint ; pour en faire un autre, changez d'identifiant."
        )
    return known


def _date_acceptable(depot: Depot, now: datetime) -> datetime:
    """DESIGN §5: a phone's clock may be up to a day ahead, and is brought back; otherwise the date is refused."""
    if depot.constate_le > now + AVANCE_TOLEREE:
        raise DateImpossible(
            errors=(Fault("/constate_le", "Cette date est dans le futur : réglez l'heure du téléphone."),)
        )
    if depot.constate_le < now - ANCIENNETE_MAX:
        raise DateImpossible(
            errors=(Fault("/constate_le", "Ce constat a plus d'un an : allez voir, et signalez à nouveau."),)
        )
    return min(depot.constate_le, now)


def _check(depot: Depot, ref: Referentiel) -> None:
    theme = ref.configuration.theme.get(depot.theme)
    if theme is None:
        raise ThemeInconnu(
            errors=(Fault("/theme", f"« {depot.theme} » n'est pas un thème d'ici : voir GET /v1/meta."),)
        )
    try:
        routage.verifier_position(ref.carte, lon=depot.lon, lat=depot.lat, precision_m=depot.precision_m)
    except routage.PositionInversee as swapped:
        raise PositionInversee(
            errors=(Fault("/position", "lon est la longitude (est-ouest), lat la latitude (nord-sud)."),)
        ) from swapped
    except routage.HorsTerritoire as outside:
        far = f"Ce point est à {outside.metres:.0f} m hors de {ref.configuration.nom} : vérifiez-le sur la carte."
        raise HorsTerritoire(errors=(Fault("/position", far),)) from outside
    if theme.photo is RegleDePhoto.OBLIGATOIRE and not depot.photos:
        raise PhotoNonAutorisee(errors=(Fault("/photos", "Ce thème demande au moins une photo."),))
    if theme.photo is RegleDePhoto.INTERDITE and depot.photos:
        raise PhotoNonAutorisee(
            errors=(Fault("/photos", "Ce thème n'accepte pas de photo, pour protéger les personnes."),)
        )
    check_photos(depot)


def check_photos(depot: Depot) -> None:
    faults = []
    if len(depot.photos) > PHOTOS_MAX:
        faults.append(Fault("/photos", f"Au plus {PHOTOS_MAX} photos à la fois."))
    if len({photo.id for photo in depot.photos}) < len(depot.photos):
        faults.append(Fault("/photos", "Deux photos portent le même identifiant."))
    faults += [
        Fault(
            f"/photos/{rank}/octets", f"Au plus {OCTETS_MAX // 1024 // 1024} Mo par photo : réduisez-la avant l'envoi."
        )
        for rank, photo in enumerate(depot.photos)
        if photo.octets > OCTETS_MAX
    ]
    if faults:
        raise ChampInvalide(errors=tuple(faults))


def _numero(session: Session, configuration: Configuration, now: datetime) -> str:
    """`VSL-2026-00042`: the local year, and a rank that a rolled-back creation gives back."""
    annee = _annee(now, configuration)
    row = upsert(Compteur).values(territoire_id=session.territoire, annee=annee, dernier=1)
    more = row.on_conflict_do_update(
        index_elements=["territoire_id", "annee"], set_={"dernier": Compteur.dernier + 1}
    ).returning(Compteur.dernier)
    return f"{configuration.code}-{annee}-{session.execute(more).scalar_one():05d}"


def _give_back(session: Session, now: datetime, configuration: Configuration) -> None:
    """The number taken for nothing: the counter's row is still locked by us, so nobody has taken the next one."""
    annee = _annee(now, configuration)
    session.execute(
        update(Compteur)
        .where(Compteur.territoire_id == session.territoire, Compteur.annee == annee)
        .values(dernier=Compteur.dernier - 1)
    )


def _annee(now: datetime, configuration: Configuration) -> int:
    return now.astimezone(ZoneInfo(configuration.calendrier.fuseau)).year


def _values(depot: Depot, where: routage.Routage, caller: Caller, id: UUID, now: datetime) -> dict[str, Any]:
    statut = Statut.AFFECTE
    if where.hors_perimetre:
        statut = Statut.REORIENTE
    elif where.acteur is None:
        statut = Statut.A_QUALIFIER
    return {
        "id": id,
        "revision": 1,
        "empreinte": empreinte(depot),
        "auteur_id": caller.id,
        "source": depot.source,
        "theme": depot.theme,
        "description": depot.description,
        "recu_le": now.replace(microsecond=0),
        "modifie_le": now,
        "lon": depot.lon,
        "lat": depot.lat,
        "precision_m": depot.precision_m,
        "origine": depot.origine,
        "lieu": depot.lieu,
        "questions": depot.questions,
        "statut": statut,
        "statut_depuis": now,
        "motif": Motif.INDETERMINE if statut is Statut.A_QUALIFIER else None,
        "acteur": where.acteur,
        "affecte_par_le_pilote": False,
        "rebonds": 0,
        "regle": where.regle,
        "emprise": where.emprise,
        "domanialite": where.domanialite,
        "explication": where.explication,
        "incertain": where.incertain,
        "candidats": [asdict(one) for one in where.candidats] or None,
        "zones": list(where.zones),
        "etape_constatee": False,
    }


def _declare(session: Session, ticket: Signalement, depot: Depot) -> None:
    declare_photos(session, ticket, depot, after=0)


def declare_photos(session: Session, ticket: Signalement, depot: Depot, *, after: int) -> None:
    """The manifest: what bytes are owed, in the order the author gave."""
    if depot.photos:
        session.execute(
            insert(Photo),
            [
                asdict(photo)
                | {
                    "territoire_id": ticket.territoire_id,
                    "signalement_id": ticket.id,
                    "rang": after + rank,
                    "etat": EtatPhoto.ATTENDUE,
                }
                for rank, photo in enumerate(depot.photos)
            ],
        )


def _promise(session: Session, ticket: Signalement, ref: Referentiel, caller: Caller, *, now: datetime) -> None:
    dossier = Dossier(ticket, ref, ref, (), ())
    if ticket.statut is not Statut.REORIENTE:
        acteur = dossier.acteur
        echeances = open_echeances(
            session,
            ticket,
            promesses=promised(ticket, ref),
            calendrier=(acteur or ref.configuration).calendrier,
            tours={},
            now=now,
        )
        remind(session, ticket, Suite(paliers_a_venir(ticket, echeances, dossier, {}), ()))
    announce(session, _facts(session, dossier, caller), signalement=ticket, author=Author.of(caller), now=now)


def _facts(session: Session, dossier: Dossier, caller: Caller) -> list[Fact]:
    ticket = dossier.signalement
    annuaire = Annuaire(session, dossier.current, dossier.acteur)
    to_author = Adresse(caller.courriel, caller.id).letter if caller.courriel else None
    received: list[Letter] = [to_author("accuse")] if to_author else []
    match ticket.statut:
        case Statut.REORIENTE:
            return [Fact("signalement.recu", {}, tuple(received)), Fact("signalement.reoriente")]
        case Statut.A_QUALIFIER:
            received += [
                one.letter("a_qualifier", annulable=True) for one in annuaire.adresses((Destinataire.PILOTES,))
            ]
            return [Fact("signalement.recu", {}, tuple(received))]
        case _:
            told = tuple(one.letter("affectation", annulable=True) for one in annuaire.adresses((Destinataire.ACTEUR,)))
            return [
                Fact("signalement.recu", {}, tuple(received)),
                Fact("signalement.affecte", {"acteur": ticket.acteur}, told),
            ]
