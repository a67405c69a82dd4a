"""The buttons of a mail. GET shows how things stand and one real button; POST presses it.

Scanners follow the links of a mail, so GET and HEAD change nothing. A second press is told what is the case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Response

from api.deps import Res, Slot, session_as
from api.pages.rendu import PageRoute, page
from api.pages.scene import Scene, lire, suivre
from api.pages.situation import Situation, situation
from relais.commands.saisine import ajourner, mobiliser, retirer
from relais.commands.verbes import prendre_en_charge
from relais.errors import Invalid, SignalementIntrouvable
from relais.links import Choice
from relais.rules.configuration import TypeInstance
from relais.rules.delais import jours_ouvres_apres
from relais.rules.escalade import AJOURNEMENTS, JOURS_D_AJOURNEMENT
from relais.tables.echeance import Echeance, EtatDelai

router = APIRouter(route_class=PageRoute, dependencies=[Slot])

MOTIF_MIN, MOTIF_MAX = 3, 2_000
"""Characters, as the API asks of a motif."""

HISTOIRE = 5
"""Lines of « ce qui s'est passé »: what happened last. The mail had the whole."""

BOUTONS = {
    Choice.PRENDRE_EN_CHARGE: "Je prends en charge",
    Choice.MOBILISER: "Mobiliser l'instance",
    Choice.AJOURNER: "Ajourner",
    Choice.RETIRER: "Retirer de l'ordre du jour",
}


@dataclass(frozen=True)
class Saisie:
    """What was typed, kept as typed, with what is to be mended, by field."""

    motif: str = ""
    jusqu_au: str = ""
    fautes: Mapping[str, str] = field(default_factory=dict)


@router.api_route("/a/{token}", methods=["GET", "HEAD"])
def montrer_action(token: str, res: Res) -> Response:
    lien = suivre(res, token)
    with session_as(res, lien.identity) as session, session.begin():
        try:
            scene = lire(res, session, lien)
        except SignalementIntrouvable:
            return _plus_a_vous(200)
        found = situation(scene)
        return _montrer(scene, found, dite=None if found.ouverte else str(found))


@router.post("/a/{token}")
def faire_action(
    token: str,
    res: Res,
    motif: Annotated[str, Form()] = "",
    jusqu_au: Annotated[str, Form()] = "",
    vu: Annotated[int | None, Form()] = None,
) -> Response:
    lien = suivre(res, token)
    with session_as(res, lien.identity) as session, session.begin():
        try:
            scene = lire(res, session, lien, lock=True)
        except SignalementIntrouvable:
            return _plus_a_vous(409)
        found = situation(scene, vu=vu)
        if not found.ouverte:
            return _montrer(scene, found, dite=str(found), status=200 if found.faite else 409)
        saisie = _relire(scene.choice, motif, jusqu_au)
        if not saisie.fautes:
            saisie = _appuyer(scene, saisie)
        if saisie.fautes:
            return _montrer(scene, found, saisie, status=422)
        after = lire(res, session, lien)
        found = situation(after, vu=0)  # as who has seen nothing of what was done: so it is told
        return _montrer(after, found, dite=f"C'est noté : {found.phrase}.")


def _relire(choice: Choice, motif: str, jusqu_au: str) -> Saisie:
    fautes = {}
    # Browsers send two characters a line break; and what PostgreSQL cannot keep was not typed by anybody.
    motif = motif.replace("\r\n", "\n").replace("\x00", "").strip()
    if len(motif) < MOTIF_MIN and (motif or choice in {Choice.AJOURNER, Choice.RETIRER}):
        fautes["motif"] = "Dites pourquoi, en une phrase."
    elif len(motif) > MOTIF_MAX:
        fautes["motif"] = f"Au plus {MOTIF_MAX} caractères ; il y en a {len(motif)}."
    if choice is Choice.AJOURNER and not _is_day(jusqu_au):
        fautes["jusqu_au"] = "Choisissez un jour ; par exemple 2026-04-27 pour le 27 avril 2026."
    return Saisie(motif, jusqu_au, fautes)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _appuyer(scene: Scene, saisie: Saisie) -> Saisie:
    """Do it. What the command finds to mend comes back with what was typed, and nothing is written."""
    try:
        with scene.session.begin_nested():
            _faire(scene, saisie)
    except Invalid as refusal:
        if not refusal.errors:
            raise
        return Saisie(saisie.motif, saisie.jusqu_au, {one.pointer.strip("/"): one.detail for one in refusal.errors})
    return saisie


def _faire(scene: Scene, saisie: Saisie) -> None:
    session, caller, now = scene.session, scene.session.caller, scene.session.now
    if scene.saisine is None:
        prendre_en_charge(session, caller=caller, id=scene.ticket.id, now=now)
        return
    id = scene.saisine.id
    if scene.choice is Choice.MOBILISER:
        mobiliser(session, caller=caller, id=id, motif=saisie.motif or None, now=now)
    elif scene.choice is Choice.AJOURNER:
        jusqu_au = date.fromisoformat(saisie.jusqu_au)
        ajourner(session, caller=caller, id=id, motif=saisie.motif, jusqu_au=jusqu_au, now=now)
    else:
        retirer(session, caller=caller, id=id, motif=saisie.motif, now=now)


def _montrer(
    scene: Scene, found: Situation, saisie: Saisie | None = None, *, dite: str | None = None, status: int = 200
) -> Response:
    """`dite`: what was just done, or why the button is not there."""
    calendrier, now = scene.dossier.born.configuration.calendrier, scene.session.now
    return page(
        "action.html",
        status=status,
        scene=scene,
        choix=scene.choice.name,
        bouton=BOUTONS[scene.choice],
        ouverte=found.ouverte and dite is None,
        dite=dite,
        saisie=saisie or Saisie(),
        delais=[
            (annonce, _etat(scene, one))
            for annonce, one in zip(scene.faits.annonces, scene.dossier.promesses, strict=True)
        ],
        histoire=scene.recit.raconter(scene.evenements)[-HISTOIRE:],
        direction=scene.saisine is not None and scene.saisine.type_instance is TypeInstance.GUSP_DG,
        ajournements_max=AJOURNEMENTS,
        premier=calendrier.jour(now) + timedelta(days=1),
        dernier=calendrier.jour(jours_ouvres_apres(now, JOURS_D_AJOURNEMENT, calendrier)),
        motif_max=MOTIF_MAX,
    )


def _etat(scene: Scene, one: Echeance) -> str:
    if one.etat is EtatDelai.TENU:
        return "tenu"
    if one.etat is EtatDelai.EN_PAUSE:
        return "en pause"
    late = one.etat is EtatDelai.DEPASSE or one.echeance < scene.session.now
    return "dépassé" if late else "en cours"


def _plus_a_vous(status: int) -> Response:
    titre = "Ce signalement ne vous est plus confié"
    return page(
        "refus.html", status=status, titre=titre, detail="Il a un autre responsable : vous n'avez rien à faire."
    )
