"""Receiving a signalement: once, whatever the network does, routed and dated in the same transaction."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
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
    AutreCanal,
    ChampInvalide,
    DateImpossible,
    Fault,
    HorsTerritoire,
    IdentifiantDejaPris,
    PhotoNonAutorisee,
    PositionInversee,
    ReponseManquante,
    SignalementDifferent,
    ThemeInconnu,
)
from relais.outbox import Author, Fact, Letter, announce
from relais.queries.destinataires import Adresse, Annuaire
from relais.queries.dossier import Dossier, last_tours
from relais.queries.liens import Liens
from relais.queries.referentiel import Referentiel, referentiel
from relais.queries.voisinage import Alentours, alentours
from relais.rules import questions, routage
from relais.rules.acces import SIGNALENT
from relais.rules.configuration import Configuration, Destinataire, Publication, RegleDePhoto, Theme
from relais.rules.depot import (
    ANCIENNETE_MAX,
    AVANCE_TOLEREE,
    HORS_LIGNE_MAX,
    OCTETS_MAX,
    PHOTOS_MAX,
    Depot,
    Position,
    empreinte,
)
from relais.rules.organisation import informes
from relais.rules.publication import publie_d_office, sans_photo
from relais.rules.statuts import Motif, Statut
from relais.rules.voisinage import Retour, retour
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement
from relais.tables.territoire import Compteur, Version


def submit_signalement(
    session: Session, *, caller: Caller, id: UUID, depot: Depot, now: datetime
) -> tuple[Signalement, Dossier | None]:
    """The signalement, and all that was written with it; None: it was known.

    The same meaning again by the same author changes nothing.

    Raises SignalementDifferent (its author sent another meaning under this id), IdentifiantDejaPris (somebody else's
    id: nothing of it is shown), and an Invalid that points at each field to mend.
    """
    if caller.role not in SIGNALENT or caller.id is None:
        raise ActionInterdite("Ce compte ne dépose pas de signalement.")
    ref = referentiel(session)
    around = alentours(
        session,
        id=id,
        caller=caller,
        theme=ref.configuration.theme.get(depot.theme, Theme(depot.theme, depot.theme)),
        position=Position(depot.lon, depot.lat, depot.precision_m),
        le=now,
        constate_le=min(max(depot.constate_le, now - ANCIENNETE_MAX), now),
    )
    if around.connu is not None:
        return _again(around.connu, caller, depot), None
    constate_le = _date_acceptable(depot, now)
    filled = _form(session, depot, ref)
    _check(depot, ref, filled=filled, asked=_asked(session, filled, ref, constate_le))
    where = route(ref, replace(depot, constate_le=constate_le))
    back = _back(around, ref, depot, where, constate_le)
    public = publie_d_office(ref.configuration.publication, ref.configuration.theme[depot.theme], statut_of(where))
    values = _values(depot, where, caller, id, now) | {
        "territoire_id": caller.territoire,
        "version": ref.version,
        "numero": _numero(session, ref.configuration, now),
        "constate_le": constate_le,
        "constate_corrige": constate_le != depot.constate_le,
        "publie_le": now if public else None,
        "publie_par_le_pilote": False,
        "doublon_de": None,
        "recurrence_de": back.dernier.id if back else None,
    }
    # Two sends of one draft at the same instant: the second waits here for the first, then finds its row.
    made = session.execute(upsert(Signalement).values(**values).on_conflict_do_nothing().returning(Signalement.id))
    if made.first() is None:
        _give_back(session, now, ref.configuration)
        return _again(_known(session, id), caller, depot), None
    ticket = Signalement(**values)
    photos = declare_photos(session, ticket, depot, after=0)
    ties = Liens(suivi=True, recurrence=_said_of(back), possibles=around.annonces)
    written = _promise(session, Dossier(ticket, ref, ref, (), photos, ties), caller, back, now=now)
    session.adopt(ticket)
    return ticket, written


def _known(session: Session, id: UUID) -> Signalement:
    wanted = select(Signalement).where(Signalement.territoire_id == session.territoire, Signalement.id == id)
    return session.scalars(wanted).one()


def _back(
    around: Alentours, ref: Referentiel, depot: Depot, where: routage.Routage, constate_le: datetime
) -> Retour | None:
    """What it is the return of, the day it was seen; of what the démarche does not follow, nothing is."""
    if statut_of(where) is Statut.REORIENTE:
        return None
    regle = ref.configuration.theme[depot.theme].recurrence
    return retour(around.voisins, regle=regle, calendrier=ref.configuration.calendrier, le=constate_le)


def _said_of(back: Retour | None) -> dict[str, Any] | None:
    """In the journal and in answers: numbers and days, nothing of what the others said."""
    return {"de": back.dernier.numero, "jours": back.jours, "fois": len(back.precedents)} if back else None


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


def _form(session: Session, depot: Depot, ref: Referentiel) -> Referentiel:
    """The version the form was filled with, by what its author says."""
    known = depot.version is not None and depot.version < ref.version
    return referentiel(session, depot.version) if known else ref


def _asked(session: Session, filled: Referentiel, ref: Referentiel, constate_le: datetime) -> Referentiel:
    """Whose questions are to be answered: those of the form that the phone had, for it may not have heard of another.

    Today's, where it had been replaced HORS_LIGNE_MAX before: an old number opens no lasting way round a question.
    """
    if filled is ref:
        return ref
    following = (Version.territoire_id == session.territoire) & (Version.numero == filled.version + 1)
    replaced = session.scalars(select(Version.cree_le).where(following)).one()
    return filled if replaced >= constate_le - HORS_LIGNE_MAX else ref


def _check(depot: Depot, ref: Referentiel, *, filled: Referentiel, asked: Referentiel) -> None:
    theme = check_theme(depot.theme, ref, filled=filled)
    check_position(depot, ref)
    if theme.photo is RegleDePhoto.OBLIGATOIRE and not depot.photos:
        raise PhotoNonAutorisee(errors=(Fault("/photos", "Ce thème demande au moins une photo."),))
    if depot.photos:
        check_photos_allowed([theme], "/photos")
    check_photos(depot)
    check_arrets(theme, depot.questions)  # whatever was offered: a danger known since is one
    check_reponses(asked.configuration.theme.get(depot.theme, theme), depot.questions)


def check_theme(code: str, ref: Referentiel, *, filled: Referentiel) -> Theme:
    """That thème today. Raises ThemeInconnu, with its new code where the form knew it under the same label."""
    known = ref.configuration.theme.get(code)
    if known is not None:
        return known
    gone = filled.configuration.theme.get(code)
    renamed = next((one for one in ref.configuration.themes if gone and one.libelle == gone.libelle), None)
    detail = (
        f"« {code} » a été remplacé par « {renamed.code} »."
        if renamed
        else f"« {code} » n'est pas un thème d'ici : voir GET /v1/meta."
    )
    raise ThemeInconnu(errors=(Fault("/theme", detail),))


def check_position(depot: Depot, ref: Referentiel) -> None:
    try:
        routage.verifier_position(ref.carte, lon=depot.lon, lat=depot.lat, precision_m=depot.precision_m)
    except routage.PositionInversee as swapped:
        raise PositionInversee(
            errors=(Fault("/position", "lon est la longitude (est-ouest), lat la latitude (nord-sud)."),)
        ) from swapped
    except routage.HorsTerritoire as outside:
        far = f"Ce point est à {outside.metres:.0f} m hors de {ref.configuration.nom} : vérifiez-le sur la carte."
        raise HorsTerritoire(errors=(Fault("/position", far),)) from outside


def check_arrets(theme: Theme, reponses: Mapping[str, Any] | None) -> None:
    """Raises AutreCanal: that answer sends its author elsewhere."""
    if stops := questions.arrets(theme.questions, reponses or {}):
        raise AutreCanal(errors=_at_questions(stops))


def check_reponses(theme: Theme, reponses: Mapping[str, Any] | None) -> None:
    """Raises AutreCanal, whatever else is wrong, or ReponseManquante."""
    check_arrets(theme, reponses)
    if wrong := questions.fautes(theme.questions, reponses or {}):
        raise ReponseManquante(errors=_at_questions(wrong))


def _at_questions(details: Mapping[str, str]) -> tuple[Fault, ...]:
    return tuple(
        Fault(f"/questions/{code.replace('~', '~0').replace('/', '~1')}", detail) for code, detail in details.items()
    )


def check_photos_allowed(themes: Iterable[Theme], pointer: str) -> None:
    """Before keeping photos for that thème, as each version describes it. `pointer`: the field to mend."""
    if sans_photo(themes):
        raise PhotoNonAutorisee(
            errors=(Fault(pointer, "Ce thème n'accepte pas de photo, pour protéger les personnes."),)
        )


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


def route(ref: Referentiel, depot: Depot) -> routage.Routage:
    """Who answers for it, and who is told, by that version's map on the day it was seen."""
    where = routage.router(
        ref.configuration,
        ref.carte,
        theme=depot.theme,
        lon=depot.lon,
        lat=depot.lat,
        precision_m=depot.precision_m,
        le=depot.constate_le.astimezone(ZoneInfo(ref.configuration.calendrier.fuseau)).date(),
    )
    return replace(where, informes=informes(ref.configuration, where, theme=depot.theme))


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
    statut = statut_of(where)
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
        "traite_le": None,
        "derniere_reponse": None,
        "etape_le": None,
        "etape_tour": None,
        "etape_constatee": False,
    } | ground_of(where)


def statut_of(where: routage.Routage) -> Statut:
    if where.hors_perimetre:
        return Statut.REORIENTE
    return Statut.A_QUALIFIER if where.acteur is None else Statut.AFFECTE


def ground_of(where: routage.Routage) -> dict[str, Any]:
    """What a signalement keeps of a routing beside who answers for it: the columns of where it is, and why."""
    return {
        "regle": where.regle,
        "emprise": where.emprise,
        "domanialite": where.domanialite,
        "explication": where.explication,
        "incertain": where.incertain,
        "candidats": [asdict(one) for one in where.candidats] or None,
        "zones": list(where.zones),
        "informes": list(where.informes),
    }


def declare_photos(session: Session, ticket: Signalement, depot: Depot, *, after: int) -> tuple[Photo, ...]:
    """The manifest: what bytes are owed, in the order the author gave. The territoire's rule says who will see them."""
    immediate = referentiel(session).configuration.publication is Publication.IMMEDIATE
    rows: list[dict[str, Any]] = [
        asdict(photo)
        | {
            "territoire_id": ticket.territoire_id,
            "signalement_id": ticket.id,
            "rang": after + rank,
            "etat": EtatPhoto.ATTENDUE,
            "publiee": immediate and ticket.publie_le is not None,
        }
        for rank, photo in enumerate(depot.photos)
    ]
    if rows:
        session.execute(insert(Photo), rows)
    return tuple(Photo(**row) for row in rows)


def _promise(session: Session, dossier: Dossier, caller: Caller, back: Retour | None, *, now: datetime) -> Dossier:
    """With its échéances, fixed now."""
    ticket, ref = dossier.signalement, dossier.current
    if ticket.statut is not Statut.REORIENTE:
        echeances = open_echeances(
            session,
            ticket,
            promesses=promised(ticket, ref),
            calendrier=(dossier.acteur or ref.configuration).calendrier,
            tours={},
            now=now,
        )
        dossier = replace(dossier, echeances=last_tours(echeances))
        remind(session, ticket, Suite(paliers_a_venir(ticket, echeances, dossier, {}), ()))
    announce(session, _facts(session, dossier, caller, back), signalement=ticket, author=Author.of(caller), now=now)
    return dossier


def pour_information(annuaire: Annuaire, acteurs: Collection[str]) -> tuple[Letter, ...]:
    """To acteurs who have nothing to do."""
    return tuple(one.letter("pour_information", annulable=True) for one in annuaire.acteurs(acteurs))


def _facts(session: Session, dossier: Dossier, caller: Caller, back: Retour | None) -> list[Fact]:
    annuaire = Annuaire(session, dossier.current, dossier.acteur)
    facts = _received(dossier, caller, annuaire)
    if back is not None:
        ids = [str(one.id) for one in back.precedents]
        told = annuaire.adresses((Destinataire.PILOTES,))
        letters = tuple(one.letter("recurrence", annulable=True, precedents=ids) for one in told)
        facts.append(Fact("signalement.recurrent", dossier.liens.recurrence or {}, letters))
    return facts


def _received(dossier: Dossier, caller: Caller, annuaire: Annuaire) -> list[Fact]:
    ticket = dossier.signalement
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
            told += pour_information(annuaire, ticket.informes)
            return [
                Fact("signalement.recu", {}, tuple(received)),
                Fact("signalement.affecte", {"acteur": ticket.acteur}, told),
            ]
