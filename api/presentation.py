"""From what the house knows of a signalement to what this reader reads of it: whole, or what is public of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.passages import prochain
from api.representation import Answer, answer
from api.schemas import signalement as out
from api.schemas.publication import PublicationOut
from api.schemas.routage import CandidatOut, competent_out, informes_out
from api.schemas.secteurs import ProchainPassageOut
from relais.caller import Caller
from relais.commands.photo import cle_de_variante
from relais.commands.verbes import actions
from relais.keys import Keys
from relais.links import media_path
from relais.queries.dossier import Dossier
from relais.queries.liens import Liens
from relais.rules.acces import Qualite, lit_la_recurrence, peut_suivre
from relais.rules.configuration import Theme
from relais.rules.publication import position_publique, relu, sans_photo
from relais.rules.secteurs import ATTENDENT_UN_PASSAGE
from relais.rules.statuts import LIBELLES, OUVERTS, Verbe
from relais.tables.echeance import Echeance, EtatDelai
from relais.tables.photo import EtatPhoto, Photo
from relais.tables.signalement import Signalement

PHASES: Mapping[str, str] = {"avant": "avant l'intervention", "pendant": "pendant l'intervention", "apres": "après"}


class Presenter:
    """Words signalements for one reader: what he may see and do, local hours, links that carry their right.

    Without an account, or beyond the caller's portée, it words the public view. That view is written out field by
    field: one added to the contract is private until somebody adds it there.
    """

    def __init__(self, *, keys: Keys, url: str, caller: Caller | None, now: datetime) -> None:
        self._keys, self._url, self._caller, self._now = keys, url.rstrip("/"), caller, now

    def answer(self, file: Dossier) -> Answer:
        """To a write. Where a photo was taken is offered to who reads: kept answers never hold it."""
        told = self.signalement(file)
        photos = [one.model_copy(update={"position_proposee": None}) for one in told.photos]
        return answer(told.model_copy(update={"photos": photos}), revision=file.signalement.revision)

    def signalement(self, file: Dossier) -> out.SignalementOut:
        ticket, caller = file.signalement, self._caller
        if caller is not None and caller.portee.couvre(auteur=ticket.auteur_id, acteur=ticket.acteur):
            return self._whole(file, caller)
        return self._public(file)

    def _public(self, file: Dossier) -> out.SignalementOut:
        ticket, zone = file.signalement, _zone(file)
        lon, lat = position_publique(file.themes, ticket.lon, ticket.lat)
        said = _reponse(ticket.derniere_reponse, zone)
        shown = [one for one in file.photos if _publiee(one, file) and one.etat is EtatPhoto.PRETE]
        return out.SignalementOut(
            id=ticket.id,
            numero=ticket.numero,
            statut=out.StatutOut(
                code=ticket.statut, libelle=LIBELLES[ticket.statut], depuis=ticket.statut_depuis.astimezone(zone)
            ),
            theme=out.CodeEtLibelle(code=ticket.theme, libelle=file.theme.libelle),
            description=ticket.description if _reread(ticket, ticket.recu_le) else None,
            constate_le=ticket.constate_le.astimezone(zone),
            recu_le=ticket.recu_le.astimezone(zone),
            modifie_le=ticket.modifie_le.astimezone(zone),
            position=out.PositionOut(lon=lon, lat=lat),
            zones=_zones(file),
            responsable=_responsable(file),
            prochain_passage=self._passage(file, lon, lat),
            delais=[self._delai(one, zone) for one in file.promesses],
            en_retard=self._late(file),
            derniere_reponse=said if said and _reread(ticket, said.le) else None,
            photos=[self._public_photo(one, file, zone) for one in shown],
            photos_manquantes=[],
            actions=[Verbe.ABONNEMENTS] if self._may_follow else [],
            suivi=out.SuiviOut(je_suis=file.liens.suivi) if self._may_follow else None,
        )

    def _whole(self, file: Dossier, caller: Caller) -> out.SignalementOut:
        ticket, zone = file.signalement, _zone(file)
        qualites = caller.qualites(auteur_id=ticket.auteur_id, acteur=ticket.acteur)
        return out.SignalementOut(
            id=ticket.id,
            numero=ticket.numero,
            statut=out.StatutOut(
                code=ticket.statut,
                libelle=LIBELLES[ticket.statut],
                depuis=ticket.statut_depuis.astimezone(zone),
                motif=ticket.motif,
            ),
            theme=out.CodeEtLibelle(code=ticket.theme, libelle=file.theme.libelle),
            description=ticket.description,
            constate_le=ticket.constate_le.astimezone(zone),
            constate_corrige=ticket.constate_corrige or None,
            recu_le=ticket.recu_le.astimezone(zone),
            modifie_le=ticket.modifie_le.astimezone(zone),
            position=out.PositionOut(
                lon=ticket.lon, lat=ticket.lat, precision_m=ticket.precision_m, origine=ticket.origine
            ),
            lieu=ticket.lieu,
            questions=ticket.questions,
            source=ticket.source,
            zones=_zones(file),
            responsable=_responsable(file),
            routage=_routage(file),
            prochain_passage=self._passage(file, ticket.lon, ticket.lat),
            delais=[self._delai(one, zone) for one in file.echeances],
            en_retard=self._late(file),
            derniere_reponse=_reponse(ticket.derniere_reponse, zone),
            photos=[self._photo(one, file, zone, mine=Qualite.AUTEUR in qualites) for one in file.photos],
            photos_manquantes=[one.id for one in file.photos_manquantes],
            actions=list(actions(file, qualites, now=self._now)),
            publication=_publication(ticket, zone),
            suivi=out.SuiviOut(je_suis=file.liens.suivi, nombre=file.liens.suivants),
            doublon_de=self._principal(file.principal, caller, zone) if file.principal else None,
            doublons=_doublons(file.liens),
            recurrence=_recurrence(file) if lit_la_recurrence(caller.portee, acteur=ticket.acteur) else None,
            doublons_possibles=_possibles(file),
        )

    @property
    def _may_follow(self) -> bool:
        return self._caller is not None and peut_suivre(self._caller.role, id=self._caller.id)

    def _principal(self, file: Dossier, caller: Caller, zone: ZoneInfo) -> out.PrincipalOut:
        ticket = file.signalement
        covered = caller.portee.couvre(auteur=ticket.auteur_id, acteur=ticket.acteur)
        return out.PrincipalOut(
            id=ticket.id if covered or ticket.publie_le is not None else None,
            numero=ticket.numero,
            statut=out.StatutOut(
                code=ticket.statut, libelle=LIBELLES[ticket.statut], depuis=ticket.statut_depuis.astimezone(zone)
            ),
            responsable=_responsable(file),
            delais=[self._delai(one, zone) for one in file.promesses],
        )

    def _passage(self, file: Dossier, lon: float, lat: float) -> ProchainPassageOut | None:
        """From the configuration in force: collections move, whatever the version the ticket was born under."""
        ticket = file.signalement
        if ticket.statut not in ATTENDENT_UN_PASSAGE:
            return None
        return prochain(file.current.configuration, theme=ticket.theme, lon=lon, lat=lat, apres=self._now)

    def _late(self, file: Dossier) -> bool:
        running = (one for one in file.promesses if one.arrete_le is None)
        return file.signalement.statut in OUVERTS and any(one.echeance < self._now for one in running)

    def _delai(self, one: Echeance, zone: ZoneInfo) -> out.DelaiOut:
        late = one.etat is EtatDelai.EN_COURS and one.echeance < self._now
        return out.DelaiOut(
            delai=one.delai,
            echeance=one.echeance.astimezone(zone),
            etat=EtatDelai.DEPASSE if late else one.etat,
            arrete_le=one.arrete_le.astimezone(zone) if one.arrete_le else None,
            nature=one.nature,
            source=one.source,
        )

    def _public_photo(self, photo: Photo, file: Dossier, zone: ZoneInfo) -> out.PhotoOut:
        reread = photo.recue_le is not None and _reread(file.signalement, photo.recue_le)
        return out.PhotoOut(
            id=photo.id,
            phase=photo.phase,
            etat=photo.etat,
            largeur=photo.largeur,
            hauteur=photo.hauteur,
            blurhash=photo.blurhash,
            alt=(photo.alt if reread else None) or _alt(photo, file.theme),
            **self._links(photo, zone),
        )

    def _photo(self, photo: Photo, file: Dossier, zone: ZoneInfo, *, mine: bool) -> out.PhotoOut:
        return out.PhotoOut(
            id=photo.id,
            phase=photo.phase,
            etat=photo.etat,
            motif=photo.motif,
            publiee=_publiee(photo, file),
            largeur=photo.largeur,
            hauteur=photo.hauteur,
            blurhash=photo.blurhash,
            alt=photo.alt or _alt(photo, file.theme),
            position_proposee=_offered(photo) if mine else None,
            **(self._links(photo, zone) if photo.etat is EtatPhoto.PRETE else {}),
        )

    def _links(self, photo: Photo, zone: ZoneInfo) -> dict[str, Any]:
        # Real time: a link's life is not a promise of the demonstration's clock.
        now = datetime.now(UTC)
        image, expires = media_path(self._keys, cle_de_variante(photo, "image"), now=now)
        vignette, _ = media_path(self._keys, cle_de_variante(photo, "vignette"), now=now)
        return {"image": self._url + image, "vignette": self._url + vignette, "expire_le": expires.astimezone(zone)}


def _zone(file: Dossier) -> ZoneInfo:
    return ZoneInfo(file.born.configuration.calendrier.fuseau)


def _reread(ticket: Signalement, written: datetime) -> bool:
    return relu(written, publie_le=ticket.publie_le, par_le_pilote=ticket.publie_par_le_pilote)


def _publiee(photo: Photo, file: Dossier) -> bool:
    """Published with its signalement; where its thème takes no photo any more, by the pilote and no rule."""
    ticket = file.signalement
    allowed = ticket.publie_par_le_pilote or not sans_photo(file.themes)
    return photo.publiee and ticket.publie_le is not None and allowed


def _publication(ticket: Signalement, zone: ZoneInfo) -> PublicationOut | None:
    if ticket.publie_le is None:
        return None
    return PublicationOut(publie_le=ticket.publie_le.astimezone(zone), par_le_pilote=ticket.publie_par_le_pilote)


def _doublons(ties: Liens) -> out.DoublonsOut | None:
    return out.DoublonsOut(nombre=ties.doublons, declarants=ties.declarants) if ties.doublons else None


def _recurrence(file: Dossier) -> out.RecurrenceOut | None:
    return out.RecurrenceOut.model_validate(file.liens.recurrence) if file.liens.recurrence else None


def _possibles(file: Dossier) -> out.DoublonsPossiblesOut | None:
    if not file.liens.possibles:
        return None
    there = f"/v1/signalements/{file.signalement.id}/proches"
    return out.DoublonsPossiblesOut(nombre=file.liens.possibles, proches=there)


def _offered(photo: Photo) -> out.PointOut | None:
    return out.PointOut(**photo.position) if photo.position else None


def _alt(photo: Photo, theme: Theme) -> str:
    return f"{theme.libelle}, {PHASES[photo.phase]}"


def _zones(file: Dossier) -> list[out.ZoneOut]:
    known = file.born.configuration.zone
    return [
        out.ZoneOut(code=code, type=known[code].type, libelle=known[code].nom)
        for code in file.signalement.zones
        if code in known
    ]


def _responsable(file: Dossier) -> out.ResponsableOut | None:
    acteur = file.acteur
    if acteur is None:
        return None
    return out.ResponsableOut(code=acteur.code, nom=acteur.nom, telephone=acteur.telephone, courriel=acteur.courriel)


def _routage(file: Dossier) -> out.RoutageOut:
    ticket = file.signalement
    return out.RoutageOut(
        explication=ticket.explication,
        incertain=ticket.incertain,
        domanialite=ticket.domanialite,
        regle=ticket.regle,
        emprise=ticket.emprise,
        version=ticket.version,
        candidats=[CandidatOut.model_validate(one) for one in ticket.candidats] if ticket.candidats else None,
        informes=informes_out(file.informes),
        competent=competent_out(file.competent),
    )


def _reponse(said: Mapping[str, object] | None, zone: ZoneInfo) -> out.ReponseOut | None:
    if said is None:
        return None
    read = out.ReponseOut.model_validate(said)
    return read.model_copy(update={"le": read.le.astimezone(zone)})
