"""`relais rejouer-routage`: what another version would have changed over real signalements, before it is adopted."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy import text

from relais.cli.affichage import avancement, etape, fait, sortie, tableau
from relais.cli.base import Arret, CodeTerritoire, DataDir, chosen_settings, connected, the_territoire, transaction
from relais.cli.imports import Couche, Projection, Source, configuration_lue, emprises_lues
from relais.db import Session
from relais.imports import Illisible, mots
from relais.queries.referentiel import Referentiel, referentiel
from relais.queries.rejeu import nombre_de_recus, recus
from relais.rules.carte import Carte
from relais.rules.configuration import Configuration
from relais.rules.periode import Periode
from relais.rules.rejeu import Aspect, Decision, Rejeu, par_acteur, rejouer

LIGNES = 40
"""Changes shown; --csv has them all."""

FORMULES = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run: an emprise may bear any name."""

COLONNES = (
    "numero", "theme", "constate_le", "change", "avant", "apres", "aujourd_hui", "regle_avant", "regle_apres",
    "emprise_avant", "emprise_apres", "informes_avant", "informes_apres", "competent_avant", "competent_apres",
    "zones_avant", "zones_apres", "pourquoi",
)  # fmt: skip

AIDE = """
Montre ce qu'une nouvelle version aurait changé aux signalements déjà reçus, chacun au jour de son constat.

Rien n'est écrit. Sans fichier, c'est la version en vigueur que l'on rejoue, contre ce qui avait été décidé alors.

[bold]Exemples[/]
  relais rejouer-routage --du 2026-01-01 --au 2026-03-31 --territoire-yaml territoire.yaml
  relais rejouer-routage --du 2026-01-01 --au 2026-03-31 --fichier plan.geojson --correspondance plan.yaml
  relais rejouer-routage --du 2026-01-01 --au 2026-03-31 --fichier cadastre.gpkg --couche parcelles
  relais rejouer-routage --du 2026-01-01 --au 2026-03-31 --csv changements.csv

[bold]Ensuite[/]  relais import, avec les mêmes fichiers
"""


def _jour(ecrit: str) -> date:
    try:
        return mots.jour(ecrit)
    except Illisible as illisible:
        raise typer.BadParameter(str(illisible)) from illisible


def rejouer_routage(
    du: Annotated[date, typer.Option(parser=_jour, metavar="JOUR", help="Premier jour de réception.")],
    au: Annotated[date, typer.Option(parser=_jour, metavar="JOUR", help="Dernier jour, compris.")],
    territoire_yaml: Annotated[
        Path | None, typer.Option(metavar="FICHIER.yaml", show_default=False, help="Le territoire à essayer.")
    ] = None,
    fichier: Annotated[
        Path | None, typer.Option(metavar="FICHIER", show_default=False, help="Les emprises à essayer.")
    ] = None,
    correspondance: Annotated[
        Path | None,
        typer.Option(metavar="FICHIER.yaml", show_default=False, help="Ce que veulent dire leurs propriétés."),
    ] = None,
    couche: Couche = None,
    projection: Projection = None,
    sortie_csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FICHIER.csv", show_default=False, help="Où écrire les changements.")
    ] = None,
    territoire: CodeTerritoire = None,
    data_dir: DataDir = None,
) -> None:
    if au < du:
        raise typer.BadParameter("--au vient avant --du")
    if fichier is None:
        for name, given in (("correspondance", correspondance), ("couche", couche), ("projection", projection)):
            if given:
                raise typer.BadParameter(f"--{name} accompagne --fichier")
    source = Source(fichier, correspondance, couche, projection) if fichier else None
    with connected(chosen_settings(data_dir)) as engine:
        with transaction(engine, territoire) as session:
            the_territoire(session)
            current = referentiel(session)
        # Files take minutes to read: a transaction open meanwhile would keep the database from tidying up.
        candidate = _candidate(current, territoire_yaml, source)
        with transaction(engine, territoire, essai=True) as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            total, changes = _changes(_rejoues(session, current, candidate, Periode(du, au)))
    noms = _Noms(current.configuration, (candidate or current).configuration)
    _montrer(changes, total, noms, essai=candidate is not None)
    if sortie_csv is not None:
        _ecrire(sortie_csv, changes)
        fait(f"{sortie_csv} : les changements, un par ligne.")


def _candidate(current: Referentiel, territoire_yaml: Path | None, source: Source | None) -> Referentiel | None:
    """The version to try, read as an import reads it; what no file gives is as it is. None: nothing is tried."""
    if territoire_yaml is None and source is None:
        return None
    configuration, emprises = current.configuration, current.carte.emprises
    if territoire_yaml is not None:
        configuration = configuration_lue(territoire_yaml)
        if configuration.code != current.configuration.code:
            raise Arret(
                f"Ce fichier est celui de « {configuration.code} », et non de « {current.configuration.code} »."
            )
    if source is not None:
        emprises = emprises_lues(source, configuration)
    with etape(f"Index de {len(emprises)} emprises"):
        return Referentiel(
            current.version + 1, configuration, Carte(emprises, configuration.zones, configuration.contour)
        )


def _rejoues(
    session: Session, current: Referentiel, candidate: Referentiel | None, periode: Periode
) -> Iterator[Rejeu]:
    calendrier = current.configuration.calendrier
    debut, fin = periode.bornes(calendrier)
    total = nombre_de_recus(session, du=debut, au=fin)
    tried = candidate or current
    with avancement(f"Routage de {total} signalements", total) as done:
        for recu, alors in recus(session, du=debut, au=fin, fuseau=calendrier.zone, decides=candidate is None):
            avant = alors or rejouer(current.configuration, current.carte, recu)
            yield Rejeu(recu, avant, rejouer(tried.configuration, tried.carte, recu))
            done(1)


def _changes(rejoues: Iterable[Rejeu]) -> tuple[int, list[Rejeu]]:
    """How many there were, and those to show: the others are not kept."""
    total, changes = 0, []
    for one in rejoues:
        total += 1
        if one.aspects:
            changes.append(one)
    return total, changes


class _Noms:
    """Who a decision names, in the words of either version."""

    def __init__(self, *configurations: Configuration) -> None:
        self._noms = {acteur.code: acteur.nom for one in configurations for acteur in one.acteurs}

    def acteur(self, code: str | None) -> str:
        return self._noms.get(code, code) if code else "à qualifier"

    def __call__(self, decision: Decision, aspects: Iterable[Aspect]) -> str:
        """What that decision says of these."""
        return " ; ".join(self._dit(decision, aspect) for aspect in aspects)

    def _dit(self, decision: Decision, aspect: Aspect) -> str:
        match aspect:
            case Aspect.RESPONSABLE:
                return "réorienté" if decision.reoriente else self.acteur(decision.acteur)
            case Aspect.INFORMES:
                return f"informés : {', '.join(map(self.acteur, sorted(decision.informes))) or 'personne'}"
            case Aspect.COMPETENT:
                return f"compétent : {decision.competent.nom if decision.competent else 'personne'}"
            case Aspect.ZONES:
                return f"zones : {', '.join(sorted(decision.zones)) or 'aucune'}"


def _montrer(changes: list[Rejeu], total: int, noms: _Noms, *, essai: bool) -> None:
    table = tableau("Ce qui changerait" if essai else "Ce qui a changé", "Signalement", "Avant", "Après", "Pourquoi")
    for one in sorted(changes, key=lambda one: not one.change)[:LIGNES]:
        row = (one.recu.numero, noms(one.avant, one.aspects), noms(one.apres, one.aspects), one.apres.explication)
        table.add_row(*map(escape, row))
    if changes:
        sortie.print(table)
    if len(changes) > LIGNES:
        sortie.print(f"… et {len(changes) - LIGNES} autres : --csv les écrit tous.")
    moved = [one for one in changes if one.change]
    _totaux(moved, noms)
    rejoints = sum(one.rejoint for one in moved)
    verb = ("changerait", "changeraient") if essai else ("a changé", "ont changé")
    many = f"{len(moved)} signalement{'s' if len(moved) > 1 else ''} sur {total} {verb[len(moved) > 1]}"
    sortie.print(f"{many} de responsable ; {rejoints} pour qui l'a aujourd'hui.")
    others = len(changes) - len(moved)
    sortie.print(
        f"{others} {verb[others > 1]} autrement : qui en est informé, qui est compétent ailleurs, ou les zones."
    )


def _totaux(changes: list[Rejeu], noms: _Noms) -> None:
    table = tableau("Par acteur", "Acteur", "En moins", "En plus")
    for code, (lost, gained) in par_acteur(changes).items():
        name = noms.acteur(code) if code else "aucun (à qualifier, réorienté)"
        table.add_row(escape(name), str(lost), str(gained))
    if table.row_count:
        sortie.print(table)


def _ecrire(fichier: Path, changes: list[Rejeu]) -> None:
    try:
        # As a French spreadsheet opens it without asking: a mark for UTF-8, and semicolons.
        with fichier.open("w", encoding="utf-8-sig", newline="") as ouvert:
            lignes = csv.writer(ouvert, delimiter=";")
            lignes.writerow(COLONNES)
            lignes.writerows(map(_ligne, changes))
    except OSError as failed:
        raise Arret(f"{fichier} ne peut pas être écrit : {failed.strerror}.") from failed


def _ligne(one: Rejeu) -> list[str]:
    recu, avant, apres = one.recu, one.avant, one.apres
    cells = (
        recu.numero,
        recu.theme,
        recu.constate_le.isoformat(),
        " ".join(one.aspects),
        *("reoriente" if decision.reoriente else decision.acteur for decision in (avant, apres)),
        recu.aujourd_hui,
        avant.regle,
        apres.regle,
        avant.emprise,
        apres.emprise,
        " ".join(sorted(avant.informes)),
        " ".join(sorted(apres.informes)),
        *(decision.competent.nom if decision.competent else "" for decision in (avant, apres)),
        " ".join(sorted(avant.zones)),
        " ".join(sorted(apres.zones)),
        apres.explication,
    )
    return [f"'{cell}" if cell.startswith(FORMULES) else cell for cell in (cell or "" for cell in cells)]
