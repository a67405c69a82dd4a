"""French words → values. Each reader takes a text of one line and returns a value, or raises `Illisible`."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Generic, TypeVar

from relais.imports import Illisible
from relais.rules.calendrier import FERIES
from relais.rules.configuration import (
    LIBELLES_DOMANIALITE,
    Delai,
    Destinataire,
    Modele,
    Nature,
    Perimetre,
    Publication,
    RegleDePhoto,
    SansDecision,
    TypeActeur,
    TypeInstance,
    TypeQuestion,
    TypeZone,
    Voisinage,
)
from relais.rules.delais import Duree, Unite
from relais.rules.questions import URGENCE

T = TypeVar("T")

QPV_REFERENCE = re.compile(r"(QP(02[AB]|[0-9]{3})[0-9]{3}|QN(02[AB]|[0-9]{3})[0-9]{2}[NMI])")
"""QP: the list of 2015. QN: the list of 2024; the last letter says new, modified or unchanged."""
_COURRIEL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
MOIS = {
    "janvier": 1,
    "fevrier": 2,
    "mars": 3,
    "avril": 4,
    "mai": 5,
    "juin": 6,
    "juillet": 7,
    "aout": 8,
    "septembre": 9,
    "octobre": 10,
    "novembre": 11,
    "decembre": 12,
}
_CHOIX_CITES = 8
_CITES = 3
_PLUS_LONGUE = {Unite.HEURES: 24 * 366, Unite.HEURES_OUVREES: 24 * 366, Unite.JOURS_OUVRES: 366}
_DEBORD_MAX_M = 100
_JOURS_MAX = 366


def sans_accents(texte: str) -> str:
    """Lower case, without accents, one kind of dash and of apostrophe, single spaces."""
    for signes, un in (("–—−‑‐", "-"), ("’ʼ`", "'")):
        texte = re.sub(f"[{signes}]", un, texte)
    decompose = unicodedata.normalize("NFKD", texte.replace("œ", "oe").replace("Œ", "oe"))
    return " ".join("".join(c for c in decompose if not unicodedata.combining(c)).lower().split())


def plier(texte: str) -> str:
    """What two spellings of one word share: « Qui s'en occupe », `qui_s_en_occupe` → "qui s en occupe"."""
    return " ".join(re.sub(r"[-_'/]", " ", sans_accents(texte)).split())


def suggestion(mot: str, connus: Iterable[str]) -> str:
    """« ; vouliez-vous dire … ? », or the whole list where nothing is near and the list is short, or nothing."""
    par_pli = {plier(connu): connu for connu in connus}
    if proches := get_close_matches(plier(mot), par_pli, n=1, cutoff=0.6):
        return f" ; vouliez-vous dire « {par_pli[proches[0]]} » ?"
    return f" ; au choix : {', '.join(par_pli.values())}" if 0 < len(par_pli) <= _CHOIX_CITES else ""


def citer(libelles: Sequence[str]) -> str:
    """« un », « deux », « trois » et 4 de plus."""
    cites = ", ".join(f"« {libelle} »" for libelle in libelles[:_CITES])
    return cites + (f" et {len(libelles) - _CITES} de plus" if len(libelles) > _CITES else "")


@dataclass(frozen=True)
class Choix(Generic[T]):
    """A closed list of words. Calling it reads one; `secours` stands in for a word that could not be read."""

    nom: str
    mots: Mapping[str, T]
    autres: Mapping[str, T]

    def __call__(self, texte: str) -> T:
        pli = plier(texte)
        for mot, valeur in (*self.mots.items(), *self.autres.items()):
            if plier(mot) == pli or plier(str(valeur)) == pli:
                return valeur
        raise Illisible(f"« {texte} » n'est pas {self.nom}{suggestion(texte, self.mots)}")

    @property
    def secours(self) -> T:
        return next(iter(self.mots.values()))


def _choix(nom: str, mots: Mapping[str, T], autres: Mapping[str, T] | None = None) -> Choix[T]:
    return Choix(nom, mots, autres or {})


MODELE = _choix(
    "un modèle d'organisation",
    {
        "nantais": Modele.NANTAIS,
        "angevin": Modele.ANGEVIN,
        "commune seule": Modele.COMMUNE_SEULE,
        "agglo seule": Modele.EPCI_SEUL,
    },
)
PERIMETRE = _choix("un périmètre", {"toute la ville": Perimetre.VILLE, "QPV seulement": Perimetre.QPV})
PUBLICATION = _choix(
    "une règle de publication",
    {
        "aucune": Publication.AUCUNE,
        "après modération": Publication.APRES_MODERATION,
        "immédiate": Publication.IMMEDIATE,
    },
)
TYPE_ZONE = _choix("un type de zone", {"quartier": TypeZone.QUARTIER, "QPV": TypeZone.QPV, "NPNRU": TypeZone.NPNRU})
TYPE_ACTEUR = _choix(
    "un type d'acteur",
    {
        "direction": TypeActeur.DIRECTION,
        "bailleur": TypeActeur.BAILLEUR,
        "EPCI": TypeActeur.EPCI,
        "département": TypeActeur.DEPARTEMENT,
        "région": TypeActeur.REGION,
        "État": TypeActeur.ETAT,
        "concessionnaire": TypeActeur.CONCESSIONNAIRE,
        "syndic": TypeActeur.SYNDIC,
        "syndicat mixte": TypeActeur.SYNDICAT_MIXTE,
        "prestataire": TypeActeur.PRESTATAIRE,
        "régie de quartier": TypeActeur.REGIE_DE_QUARTIER,
        "association": TypeActeur.ASSOCIATION,
    },
    {"agglo": TypeActeur.EPCI, "bailleur social": TypeActeur.BAILLEUR},
)
DOMANIALITE = _choix(
    "un terrain connu", {libelle: domanialite for domanialite, libelle in LIBELLES_DOMANIALITE.items()}
)
PHOTO = _choix("une règle de photo", {regle.value: regle for regle in RegleDePhoto})
TYPE_QUESTION = _choix(
    "un type de question",
    {
        "texte": TypeQuestion.TEXTE,
        "nombre": TypeQuestion.NOMBRE,
        "date": TypeQuestion.DATE,
        "oui/non": TypeQuestion.OUI_NON,
        "choix": TypeQuestion.CHOIX,
        "plusieurs choix": TypeQuestion.CHOIX_MULTIPLE,
    },
)
DELAI = _choix(
    "un délai",
    {
        "prise en charge": Delai.PRISE_EN_CHARGE,
        "réponse": Delai.REPONSE,
        "traitement": Delai.TRAITEMENT,
        "arbitrage": Delai.ARBITRAGE,
    },
)
NATURE = _choix("une nature de délai", {"indicatif": Nature.INDICATIF, "engagement": Nature.ENGAGEMENT})
TYPE_INSTANCE = _choix(
    "un type d'instance",
    {
        "pilotage de quartier": TypeInstance.PILOTAGE_QUARTIER,
        "pilotage de ville": TypeInstance.PILOTAGE_VILLE,
        "groupe de résolution": TypeInstance.GROUPE_RESOLUTION,
        "GUSP / direction générale": TypeInstance.GUSP_DG,
        "externe": TypeInstance.EXTERNE,
    },
    {"GUP / direction générale": TypeInstance.GUSP_DG},
)
DESTINATAIRE = _choix(
    "un destinataire",
    {
        "acteur": Destinataire.ACTEUR,
        "responsable": Destinataire.RESPONSABLE,
        "pilotes": Destinataire.PILOTES,
        "direction générale": Destinataire.DIRECTION_GENERALE,
        "astreinte": Destinataire.ASTREINTE,
    },
    {"pilote": Destinataire.PILOTES, "l'acteur": Destinataire.ACTEUR, "l'astreinte": Destinataire.ASTREINTE},
)
SANS_DECISION = _choix("une suite connue", {"transmettre": SansDecision.TRANSMETTRE, "rappeler": SansDecision.RAPPELER})
FERIE = _choix("un calendrier de jours fériés", {code: code for code in FERIES}, {"La Réunion": "reunion"})
OUI_NON = _choix("« oui » ou « non »", {"oui": True, "non": False}, {"vrai": True, "faux": False})


def texte(ecrit: str) -> str:
    return ecrit


def arret(ecrit: str) -> str:
    """What is said to whom an answer sends elsewhere; the word « urgence » stands for the emergency numbers."""
    return URGENCE if plier(ecrit) == "urgence" else ecrit


def code(ecrit: str) -> str:
    """The stable name of a zone, an acteur, an instance."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", ecrit):
        raise Illisible(f"« {ecrit} » : un code s'écrit en minuscules sans accent, chiffres et tirets (40 au plus)")
    return ecrit


def code_theme(ecrit: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40}){0,2}", ecrit):
        raise Illisible(f"« {ecrit} » : un code de thème s'écrit comme « proprete.depot_sauvage »")
    return ecrit


def code_territoire(ecrit: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]{2,8}", ecrit):
        raise Illisible(f"« {ecrit} » : de 2 à 8 capitales sans accent ou chiffres ; il ouvre chaque numéro")
    return ecrit


def courriel(ecrit: str) -> str:
    if not _COURRIEL.fullmatch(ecrit):
        raise Illisible(f"« {ecrit} » n'est pas une adresse de courriel (service@ville.fr, sans accent ni espace)")
    return ecrit


def telephone(ecrit: str) -> str:
    """Kept as written: the acknowledgement quotes it, nothing dials it."""
    if not re.fullmatch(r"[0-9 .+()/-]{2,40}", ecrit) or not re.search(r"[0-9].*[0-9]", ecrit):
        raise Illisible(f"« {ecrit} » n'est pas un numéro de téléphone (02 61 91 00 10)")
    return ecrit


def reference_qpv(ecrit: str) -> str:
    if not QPV_REFERENCE.fullmatch(ecrit):
        raise Illisible(f"« {ecrit} » n'est pas une référence de QPV (QN09901N, QP099001)")
    return ecrit


def duree(ecrit: str) -> Duree:
    """« 48 h » real hours, « 4 h ouvrées » working hours, « 3 jours ouvrés » working days; a year at most."""
    lu = re.fullmatch(r"([0-9]{1,6}) ?(h|heures?|j|jours?)( ouvree?s?)?", sans_accents(ecrit))
    if lu is None:
        raise Illisible(f"« {ecrit} » ne se lit pas ; écrivez « 48 h », « 4 h ouvrées » ou « 3 jours ouvrés »")
    valeur, ouvre = int(lu[1]), bool(lu[3])
    if lu[2].startswith("j") and not ouvre:
        jours = "jour ouvré" if valeur == 1 else "jours ouvrés"
        raise Illisible(f"« {ecrit} » ne dit pas quels jours ; écrivez « {valeur} {jours} » ou « {24 * valeur} h »")
    unite = Unite.JOURS_OUVRES if lu[2].startswith("j") else Unite.HEURES_OUVREES if ouvre else Unite.HEURES
    if not 1 <= valeur <= _PLUS_LONGUE[unite]:
        raise Illisible(f"« {ecrit} » : un délai compte au moins une unité, et un an au plus")
    return Duree(valeur, unite)


def jours_ouvres(ecrit: str) -> int:
    lu = duree(ecrit)
    if lu.unite is not Unite.JOURS_OUVRES:
        raise Illisible(f"« {ecrit} » se compte en jours ouvrés ; écrivez « 3 jours ouvrés »")
    return lu.valeur


@dataclass(frozen=True, order=True)
class Moment:
    """A step of the ladder: `part` % of the délai, or `jours` working days after it (0: as it ends)."""

    jours: int = -1
    part: int = 100


def moment(ecrit: str) -> Moment:
    """« 80 % du délai », « délai dépassé », « + 2 jours ouvrés ». Moments sort as they happen."""
    pli = sans_accents(ecrit)
    if pli == "delai depasse":
        return Moment(jours=0)
    if (lu := re.fullmatch(r"([0-9]{1,3}) ?%( du delai)?", pli)) and 1 <= int(lu[1]) <= 99:  # noqa: PLR2004 : a part
        return Moment(part=int(lu[1]))
    if pli.startswith("+"):
        return Moment(jours=jours_ouvres(ecrit.lstrip("+ ")))
    raise Illisible(f"« {ecrit} » ne se lit pas ; écrivez « 80 % du délai », « délai dépassé » ou « + 2 jours ouvrés »")


def entier(ecrit: str) -> int:
    """A small whole number, as a priority is."""
    if not re.fullmatch(r"[+-]?[0-9]{1,6}(\.0)?", ecrit):
        raise Illisible(f"« {ecrit} » n'est pas un nombre entier")
    return int(float(ecrit))


def distance(ecrit: str) -> float:
    """« 2 m » → metres."""
    lu = re.fullmatch(r"([0-9]{1,3}(?:[.,][0-9]{1,2})?) ?(?:m|metres?)", sans_accents(ecrit))
    metres = float(lu[1].replace(",", ".")) if lu else 0.0
    if not 0 < metres <= _DEBORD_MAX_M:
        raise Illisible(
            f"« {ecrit} » ne se lit pas ; écrivez une distance en mètres, « 2 m » ({_DEBORD_MAX_M} m au plus)"
        )
    return metres


def voisinage(ecrit: str) -> Voisinage:
    """« 25 m, 7 jours »: how near, and within how many days of the calendar (366 at most)."""
    loin, _, longtemps = ecrit.rpartition(",")
    jours = re.fullmatch(r"([0-9]{1,3}) ?(?:j|jours?)", sans_accents(longtemps))
    if jours is None or not 1 <= int(jours[1]) <= _JOURS_MAX:
        raise Illisible(f"« {ecrit} » ne se lit pas ; écrivez un rayon et une durée, « 25 m, 7 jours » (366 au plus)")
    return Voisinage(distance(loin.strip()), int(jours[1]))


def jour(ecrit: str) -> date:
    """« 2026-05-15 », « 15/05/2026 », « 15 mai 2026 », « 1er mai 2026 »."""
    pli = sans_accents(ecrit)
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", pli):
            return date.fromisoformat(pli)
        if lu := re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", pli):
            return date(int(lu[3]), int(lu[2]), int(lu[1]))
        if lu := re.fullmatch(r"([0-9]{1,2})(?:er)? ([a-z]+) ([0-9]{4})", pli):
            return date(int(lu[3]), MOIS.get(lu[2], 0), int(lu[1]))
    except ValueError:  # the 31st of June, « brumaire »
        pass
    raise Illisible(f"« {ecrit} » n'est pas un jour du calendrier ; écrivez « 2026-05-15 » ou « 15 mai 2026 »")


def parmi(connus: Iterable[str], inconnu: str) -> Callable[[str], str]:
    """A reader of references: one of these codes, or `Illisible` with the nearest. `inconnu`: « acteur inconnu »."""
    par_pli = {plier(connu): connu for connu in connus}

    def lire(ecrit: str) -> str:
        if (trouve := par_pli.get(plier(ecrit))) is None:
            raise Illisible(f"{inconnu} : « {ecrit} »{suggestion(ecrit, par_pli.values())}")
        return trouve

    return lire
