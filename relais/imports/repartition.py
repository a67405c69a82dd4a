"""`qui_s_en_occupe`: the matrix thème × terrain × zone, and the rules that speak before it."""

from collections.abc import Collection

from relais.imports import Illisible, mots
from relais.imports.familles import theme_ou_famille
from relais.imports.fiches import Fiche
from relais.rules.configuration import TOUT, Cible, Configuration, Regle, couvre

CLES = ("theme", "terrain", "ou", "confier_a", "informer", "debord", "quel_que_soit_le_terrain")
_CIBLES = {
    "le propriétaire du terrain": Cible.PROPRIETAIRE,
    "le bailleur du bâtiment le plus proche": Cible.BAILLEUR_PROCHE,
    "l'astreinte": Cible.ASTREINTE,
}
_TOUS = frozenset({"tous", "tout"})


def lire_regles(fichier: Fiche, configuration: Configuration) -> tuple[Regle, ...]:
    """R01, R02… in the order of the file."""
    fiches = fichier.fiches("qui_s_en_occupe", CLES)
    regles = tuple(_regle(fiche, f"R{n:02d}", configuration) for n, fiche in enumerate(fiches, start=1))
    premieres: dict[tuple[str, str, str, bool], Fiche] = {}
    for fiche, regle in zip(fiches, regles, strict=True):
        cas = (regle.theme, regle.domanialite, regle.zone, regle.surcharge)
        premiere = premieres.setdefault(cas, fiche)
        if premiere is not fiche and all(cas[:3]):
            fiche.refuser(
                "", f"même thème, même terrain, même lieu que la ligne {premiere.ligne} ; gardez une seule des deux"
            )
    _avertir_des_interieurs(fichier, configuration, regles)
    return regles


def _avertir_des_interieurs(fichier: Fiche, configuration: Configuration, regles: tuple[Regle, ...]) -> None:
    """Indoors a phone is 20 to 50 m off: by the ground it stands on, a hall would be given to the street."""
    nommes = [regle.theme for regle in regles if regle.theme != TOUT]
    interieurs = [theme for theme in configuration.themes if theme.interieur]
    sans = [un.libelle for un in interieurs if not any(couvre(nomme, un.code) for nomme in nommes)]
    if sans:
        raison = f"aucune ligne ne nomme {mots.citer(sans)} ; confiez-les au bailleur du bâtiment le plus proche"
        fichier.avertir("qui_s_en_occupe", raison)


def _regle(fiche: Fiche, code: str, configuration: Configuration) -> Regle:
    partout = fiche.oui("quel_que_soit_le_terrain")
    debord = fiche.lire("debord", mots.distance)
    cible = fiche.exiger("confier_a", lambda ecrit: _cible(ecrit, configuration.acteur), "", "qui s'en occupe")
    if cible == Cible.ASTREINTE and configuration.astreinte is None:
        fiche.refuser("confier_a", "« l'astreinte » n'est pas connue ; donnez son code dans territoire.astreinte")
    if partout and not fiche.a("terrain"):
        domanialite = TOUT
    else:
        domanialite = fiche.exiger("terrain", _terrain, "", "un terrain (« bailleur »…), ou « tous »")
    zones = mots.parmi((*configuration.zone, "partout"), "zone inconnue")
    zone = fiche.lire("ou", zones) or ("" if fiche.a("ou") else "partout")
    return Regle(
        code=code,
        theme=fiche.exiger("theme", theme_ou_famille(configuration.themes), "", "un thème, une famille ou « tous »"),
        domanialite=domanialite,
        zone=TOUT if zone == "partout" else zone,
        confier_a=cible,
        surcharge=partout or debord is not None or cible in {Cible.ASTREINTE, Cible.BAILLEUR_PROCHE},
        debord_m=debord,
        informer=_informer(fiche, configuration, cible),
    )


def _informer(fiche: Fiche, configuration: Configuration, cible: str) -> tuple[str, ...]:
    informes = fiche.plusieurs("informer", mots.parmi(configuration.acteur, "acteur inconnu"))
    if cible in informes:
        fiche.refuser("informer", f"« {cible} » s'en occupe déjà ; gardez-le dans « confier_a » seulement")
    return tuple(dict.fromkeys(informes))


def _terrain(ecrit: str) -> str:
    return TOUT if mots.plier(ecrit) in _TOUS else mots.DOMANIALITE(ecrit)


def _cible(ecrit: str, acteurs: Collection[str]) -> str:
    par_pli = {mots.plier(mot): cible.value for mot, cible in _CIBLES.items()}
    par_pli |= {mots.plier(code): code for code in acteurs}
    if (trouve := par_pli.get(mots.plier(ecrit))) is None:
        raise Illisible(f"acteur inconnu : « {ecrit} »{mots.suggestion(ecrit, (*_CIBLES, *acteurs))}")
    return trouve
