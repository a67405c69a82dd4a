"""`instances` and `remontees`: the meetings, and the ladder that leads to them."""

from relais.imports import mots
from relais.imports.fiches import Fiche, sans_doublon
from relais.imports.mots import Moment
from relais.rules.configuration import (
    LIBELLES_DELAI,
    Configuration,
    Delai,
    Destinataire,
    Instance,
    Palier,
    TypeInstance,
)
from relais.rules.echelle import ECHELLE_ORDINAIRE

CLES_INSTANCE = ("code", "type", "nom", "membres", "zone")
CLES_REMONTEE = ("delai", "quand", "prevenir", "inscrire")


def lire_instances(fichier: Fiche, configuration: Configuration) -> tuple[Instance, ...]:
    fiches = fichier.fiches("instances", CLES_INSTANCE)
    zone = mots.parmi(configuration.zone, "zone inconnue")
    instances = tuple(
        Instance(
            code=fiche.exiger("code", mots.code, "", "le nom court que « inscrire » cite"),
            nom=fiche.exiger("nom", mots.texte, ""),
            type=fiche.choisir("type", mots.TYPE_INSTANCE),
            membres=fiche.plusieurs("membres", mots.courriel),
            zone=fiche.lire("zone", zone),
        )
        for fiche in fiches
    )
    for fiche in fiches:
        if not fiche.a("membres"):
            fiche.refuser("membres", "manque ; l'ordre du jour et les dossiers partent à ces adresses")
    sans_doublon(zip(fiches, (instance.code for instance in instances), strict=True), "code")
    return instances


def lire_echelle(fichier: Fiche, configuration: Configuration) -> tuple[Palier, ...]:
    """The ladder in the order it happens. A délai without a line keeps the ordinary ladder's."""
    lignes = [
        (quand, fiche)
        for fiche in fichier.fiches("remontees", CLES_REMONTEE)
        if (
            quand := fiche.exiger(
                "quand", mots.moment, None, "« 80 % du délai », « délai dépassé » ou « + 2 jours ouvrés »"
            )
        )
    ]
    paliers: list[Palier] = []
    for quand, fiche in sorted(lignes, key=lambda ligne: ligne[0]):
        paliers.append(_palier(quand, fiche, configuration, {(un.delai, un.code) for un in paliers}))
    echelle = tuple(
        palier
        for delai in Delai
        for palier in (paliers if any(un.delai is delai for un in paliers) else ECHELLE_ORDINAIRE)
        if palier.delai is delai
    )
    _avertir(fichier, configuration, echelle)
    return echelle


def _palier(quand: Moment, fiche: Fiche, configuration: Configuration, pris: set[tuple[Delai, str]]) -> Palier:
    delai = fiche.lire("delai", mots.DELAI) or Delai.TRAITEMENT
    prevenir = fiche.plusieurs("prevenir", mots.DESTINATAIRE)
    inscrire = fiche.lire("inscrire", lambda ecrit: _instance(ecrit, configuration))
    if not fiche.a("prevenir") and not fiche.a("inscrire"):
        fiche.refuser("", "ne fait rien ; dites qui « prevenir » ou à quelle instance « inscrire »")
    if Destinataire.ASTREINTE in prevenir and configuration.astreinte is None:
        fiche.refuser("prevenir", "« astreinte » n'est pas connue ; donnez son code dans territoire.astreinte")
    codes = _codes(quand, _type(inscrire, configuration))
    code = next((code for code in codes if (delai, code) not in pris), None)
    if code is None:
        raison = f"« {LIBELLES_DELAI[delai]} » a déjà une ligne à ce moment ; réunissez-les"
        fiche.refuser("quand", f"{raison} (inscrire un type d'instance vise celle de chaque zone)")
    part, jours = (quand.part, None) if quand.jours < 0 else (None, quand.jours)
    return Palier(code or "", delai, part, jours, prevenir, inscrire)


def _codes(quand: Moment, type_: str | None) -> tuple[str, ...]:
    """The stable names a step may take, the plainest first."""
    if quand.jours < 0:
        return ("relance", f"relance_{quand.part}")
    if quand.jours == 0:
        return ("retard",)
    return (type_, f"{type_}_j{quand.jours}") if type_ else (f"rappel_j{quand.jours}",)


def _instance(ecrit: str, configuration: Configuration) -> str:
    """An instance's code; failing that, a type of instance, which stands for the one of the place."""
    codes = {mots.plier(code): code for code in configuration.instance}
    types = {mots.plier(mot): type_.value for mot, type_ in mots.TYPE_INSTANCE.mots.items()}
    connus = {**types, **codes}
    return connus.get(mots.plier(ecrit)) or mots.parmi(
        (*configuration.instance, *mots.TYPE_INSTANCE.mots), "instance inconnue"
    )(ecrit)


def _type(inscrire: str | None, configuration: Configuration) -> str | None:
    instance = configuration.instance.get(inscrire or "")
    return instance.type.value if instance else inscrire


def _avertir(fichier: Fiche, configuration: Configuration, echelle: tuple[Palier, ...]) -> None:
    """A step that no meeting will receive: allowed (a town may have no instance at all), but never in silence."""
    existants = {instance.type for instance in configuration.instances}
    libelles = {type_: mot for mot, type_ in mots.TYPE_INSTANCE.mots.items()}
    for type_ in TypeInstance:
        if type_ not in existants and any(palier.inscrire == type_ for palier in echelle):
            raison = (
                f"aucune n'est de type « {libelles[type_]} » ; le palier qui y inscrit n'atteindra aucun ordre du jour"
            )
            fichier.avertir("instances", raison)
