"""From what the house knows of a signalement to what this caller reads of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from api.representation import Answer, answer
from api.schemas import signalement as out
from api.schemas.routage import CandidatOut
from relais.caller import Caller
from relais.commands.photo import cle_de_variante
from relais.commands.verbes import actions
from relais.keys import Keys
from relais.links import media_path
from relais.queries.dossier import Dossier
from relais.rules.configuration import Theme
from relais.rules.statuts import LIBELLES, OUVERTS
from relais.tables.echeance import Echeance, EtatDelai
from relais.tables.photo import EtatPhoto, Photo

PHASES: Mapping[str, str] = {"avant": "avant l'intervention", "pendant": "pendant l'intervention", "apres": "après"}


class Presenter:
    """Words signalements for one caller: what he may do, local hours, links that carry their right."""

    def __init__(self, *, keys: Keys, url: str, caller: Caller, now: datetime) -> None:
        self._keys, self._url, self._caller, self._now = keys, url.rstrip("/"), caller, now

    def answer(self, file: Dossier) -> Answer:
        return answer(self.signalement(file), revision=file.signalement.revision)

    def signalement(self, file: Dossier) -> out.SignalementOut:
        ticket, zone = file.signalement, ZoneInfo(file.born.configuration.calendrier.fuseau)
        qualites = self._caller.qualites(auteur_id=ticket.auteur_id, acteur=ticket.acteur)
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
            delais=[self._delai(one, zone) for one in file.echeances],
            en_retard=ticket.statut in OUVERTS
            and any(one.arrete_le is None and one.echeance < self._now for one in file.echeances),
            derniere_reponse=_reponse(ticket.derniere_reponse, zone),
            photos=[self._photo(one, file.theme, zone) for one in file.photos],
            photos_manquantes=[one.id for one in file.photos_manquantes],
            actions=list(actions(file, qualites, now=self._now)),
        )

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

    def _photo(self, photo: Photo, theme: Theme, zone: ZoneInfo) -> out.PhotoOut:
        links: dict[str, str] = {}
        expires = None
        if photo.etat is EtatPhoto.PRETE:
            for variante in ("image", "vignette"):
                # Real time: a link's life is not a promise of the demonstration's clock.
                path, expires = media_path(self._keys, cle_de_variante(photo, variante), now=datetime.now(UTC))
                links[variante] = self._url + path
        return out.PhotoOut(
            id=photo.id,
            phase=photo.phase,
            etat=photo.etat,
            motif=photo.motif,
            largeur=photo.largeur,
            hauteur=photo.hauteur,
            image=links.get("image"),
            vignette=links.get("vignette"),
            expire_le=expires.astimezone(zone) if expires else None,
            alt=photo.alt or f"{theme.libelle}, {PHASES[photo.phase]}",
        )


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
    )


def _reponse(said: Mapping[str, object] | None, zone: ZoneInfo) -> out.ReponseOut | None:
    if said is None:
        return None
    read = out.ReponseOut.model_validate(said)
    return read.model_copy(update={"le": read.le.astimezone(zone)})
