"""Every refusal the product can utter. No HTTP here: `api.problems` gives each family its status.

RelaisError
├── BadRequest      the request itself is malformed
├── Unauthorized    who is asking is not known
├── Forbidden       known, and not allowed
├── NotFound        nothing there, or not for this caller: the two are not told apart
├── Gone            erased
├── Conflict        the state of the thing forbids it
├── Stale           written over a version that is no longer the current one
├── Invalid         understood, and cannot be accepted; carries the pointers to mend
├── TooLarge / UnsupportedType    a file Relais does not take
├── TooMany         asked too often: the same request may pass after `attente`
└── Unavailable     not now: the same request may pass later

The class name is the stable `code` (snake case), the docstring the French title, the fields the rest of the answer.
"""

import re
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """Where in the input (RFC 6901 pointer), and what to do, in French."""

    pointer: str
    detail: str


@dataclass
class RelaisError(Exception):
    """La demande ne peut pas être satisfaite."""

    detail: str | None = None
    errors: tuple[Fault, ...] = ()
    extra: dict[str, object] = field(default_factory=dict)
    retryable: ClassVar[bool] = False
    attente: ClassVar[int] = 5
    """Seconds to wait before asking again, where that is any use."""

    @property
    def code(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def title(self) -> str:
        return (type(self).__doc__ or "").strip().removesuffix(".")

    def __str__(self) -> str:
        return " ".join(filter(None, (self.title, self.detail, *(f"{f.pointer} : {f.detail}" for f in self.errors))))


class BadRequest(RelaisError):
    """La demande est mal formée."""


class Unauthorized(RelaisError):
    """Il faut s'identifier."""


class Forbidden(RelaisError):
    """Ce n'est pas permis à ce compte."""


class NotFound(RelaisError):
    """Introuvable."""


class Gone(RelaisError):
    """Effacé."""


class Conflict(RelaisError):
    """L'état actuel ne le permet pas."""


class Stale(RelaisError):
    """Modifié entre-temps."""


class Invalid(RelaisError):
    """La demande contient une erreur."""


class TooLarge(RelaisError):
    """C'est trop gros."""


class UnsupportedType(RelaisError):
    """Ce format n'est pas accepté."""


class TooMany(RelaisError):
    """Trop de demandes : attendez un peu."""

    retryable = True


class Unavailable(RelaisError):
    """Pas disponible pour l'instant ; réessayez."""

    retryable = True


# --- who is asking


class JetonAbsent(Unauthorized):
    """Il faut un jeton d'accès."""


class JetonInvalide(Unauthorized):
    """Ce jeton d'accès n'est pas valable."""


class JetonExpire(Unauthorized):
    """Ce jeton d'accès a expiré."""


class CompteSuspendu(Forbidden):
    """Ce compte est suspendu."""


class ActionInterdite(Forbidden):
    """Ce compte ne peut pas faire cela."""


class CodeInvalide(Unauthorized):
    """Ce code n'est pas le bon, ou ne vaut plus."""


class SessionTerminee(Unauthorized):
    """La session de cet appareil est terminée : demandez un nouveau code."""


class TropDeCodes(TooMany):
    """Trop de codes demandés pour cette adresse."""

    attente = 900


class TerritoireInconnu(NotFound):
    """Ce territoire n'existe pas ici."""


class TerritoireAChoisir(BadRequest):
    """Plusieurs territoires sont servis ici : précisez lequel."""


class VersionInconnue(NotFound):
    """Cette version du territoire n'existe pas."""


class RetourImpossible(Conflict):
    """On ne peut pas revenir à cette version."""


# --- the signalement


class SignalementIntrouvable(NotFound):
    """Ce signalement n'existe pas, ou n'est pas visible de ce compte."""


class IdentifiantDejaPris(Conflict):
    """Cet identifiant est déjà celui d'un autre signalement."""


class SignalementDifferent(Conflict):
    """Ce signalement a déjà été envoyé avec un autre contenu."""


class TransitionImpossible(Conflict):
    """Ce n'est pas possible dans l'état actuel du signalement."""


class ApresManquante(Conflict):
    """Ce thème demande une photo prise après l'intervention."""


class VersionDepassee(Stale):
    """Ce signalement a changé depuis votre lecture."""


class ChampInvalide(Invalid):
    """Un champ est à corriger."""


class ThemeInconnu(Invalid):
    """Ce thème n'existe pas, ou n'existe plus."""


class HorsTerritoire(Invalid):
    """Ce lieu n'est pas dans le territoire."""


class PositionInversee(Invalid):
    """La longitude et la latitude semblent inversées."""


class DateImpossible(Invalid):
    """Cette date de constat n'est pas acceptable."""


class PhotoNonAutorisee(Invalid):
    """Les photos de ce signalement ne conviennent pas à ce thème."""


class ReponseInutile(Invalid):
    """Cette réponse n'en est pas une pour qui attend."""


class ReponseManquante(Invalid):
    """Le questionnaire de ce thème est incomplet, ou une réponse n'est pas la bonne."""


class AutreCanal(Invalid):
    """Relais n'est pas le bon canal pour cette situation."""


class DoublonImpossible(Invalid):
    """Ce signalement ne peut pas être rattaché à celui-là."""


class ActeurInconnu(Invalid):
    """Cet acteur n'existe pas."""


# --- photos


class PhotoIntrouvable(NotFound):
    """Cette photo n'existe pas."""


class PhotoNonDeclaree(Conflict):
    """Cette photo n'a pas été annoncée par le signalement."""


class PhotoDejaRecue(Conflict):
    """Une autre image a déjà été reçue pour cette photo."""


class PhotoPasPrete(Conflict):
    """Cette photo n'est pas encore prête."""


class EmpreinteManquante(BadRequest):
    """Il faut l'en-tête Content-Digest."""


class EmpreinteDifferente(Invalid):
    """L'image reçue n'est pas celle annoncée."""


class DemandeTropGrosse(TooLarge):
    """La demande est trop grosse."""


class PhotoTropGrosse(TooLarge):
    """Cette photo est trop grosse."""


class FormatDePhoto(UnsupportedType):
    """Ce format de photo n'est pas accepté."""


class EnvoiInterrompu(BadRequest):
    """L'envoi s'est arrêté en chemin."""

    retryable = True


class PlusDePlace(Unavailable):
    """Il n'y a plus de place pour les photos ; le signalement, lui, est accepté sans elles."""


# --- instances, envois, the rest


class SaisineIntrouvable(NotFound):
    """Cette inscription à l'ordre du jour n'existe pas, ou n'est pas visible de ce compte."""


class SaisineDejaDecidee(Conflict):
    """Une décision a déjà été prise."""


class AjournementRefuse(Invalid):
    """Cet ajournement n'est pas possible."""


class EnvoiIntrouvable(NotFound):
    """Cet envoi n'existe pas."""


class EnvoiPasMort(Conflict):
    """Cet envoi n'est pas mort : il est parti, ou partira de lui-même."""


class WebhookIntrouvable(NotFound):
    """Ce webhook n'existe pas."""


class AdresseRefusee(Invalid):
    """Cette adresse ne peut pas recevoir de webhook."""


class LienInvalide(NotFound):
    """Ce lien n'est pas valable, ou a expiré."""


class PersonneInconnue(NotFound):
    """Personne ne porte cet identifiant."""


class HorlogeFixe(Conflict):
    """L'horloge ne s'avance que dans une démonstration."""


class ClefManquante(BadRequest):
    """Il faut l'en-tête Idempotency-Key."""


class CurseurPerime(Gone):
    """Ce curseur ne vaut plus : reprenez depuis le début."""


class ClefReutilisee(Invalid):
    """Cette clef d'idempotence a déjà servi pour une autre demande."""


class DemandeEnCours(Conflict):
    """La même demande est en cours de traitement."""

    retryable = True
