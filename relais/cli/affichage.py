"""What the command line writes. Answers go to the standard output, everything else beside it, on the error output."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from relais.commands.territoire import Difference
from relais.imports import Faute, FichierRefuse
from relais.imports.geodonnees import Suivi

T = TypeVar("T")

sortie = Console(highlight=False)
a_cote = Console(stderr=True, highlight=False)

_CITES = 12
"""Names told in one line of a difference, faults told one by one: a map of 100 000 emprises must not scroll past."""
_SUJET = re.compile("^« [^»]* » : ")
"""Whom a reason is about, which its place says as well."""


def fait(texte: str) -> None:
    a_cote.print(f"[green]✓[/] {escape(texte)}", soft_wrap=True)


def alerte(texte: str) -> None:
    a_cote.print(f"[yellow]⚠[/] {escape(texte)}", soft_wrap=True)


def refus(texte: str) -> None:
    a_cote.print(f"[red]✗[/] {escape(texte)}", soft_wrap=True)


@contextmanager
def etape(texte: str) -> Iterator[None]:
    """A bar while something lasts whose end cannot be foreseen; nothing is left of it, nor drawn outside a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=a_cote, transient=True, disable=not a_cote.is_terminal) as progress:
        progress.add_task(texte, total=None)
        yield


@contextmanager
def avancement(texte: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar that fills as it is told how much more was done, with the time left; drawn in a terminal only."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=a_cote, transient=True, disable=not a_cote.is_terminal) as progress:
        task = progress.add_task(texte, total=total)
        yield lambda done: progress.advance(task, done)


def parcours(texte: str) -> Suivi[T]:
    """Goes through what it is given, under a bar: `lire_emprises(…, suivre=parcours("Lecture du plan"))`."""

    def suivre(objets: Sequence[T]) -> Iterator[T]:
        with avancement(texte, len(objets)) as done:
            for objet in objets:
                yield objet
                done(1)

    return suivre


def tableau(titre: str, *colonnes: str) -> Table:
    table = Table(title=escape(titre), title_justify="left", title_style="bold", header_style="bold")
    for colonne in colonnes:
        table.add_column(colonne, overflow="fold")
    return table


def montrer_refus(refuse: FichierRefuse) -> None:
    _fautes(f"{refuse.fichier} : {len(refuse.fautes)} à corriger", refuse.fautes)
    refus("Rien n'a été appliqué. Corrigez ces lignes, puis recommencez.")


def montrer_avertissements(avertissements: Sequence[Faute]) -> None:
    if avertissements:
        _fautes("Accepté ; mais à savoir", avertissements)


def montrer_ecartes(ecartes: Mapping[str, int]) -> None:
    if ecartes:
        detail = ", ".join(f"{nombre} {genre}" for genre, nombre in ecartes.items())
        fait(f"Laissé de côté, qui n'est pas une surface : {detail}")


def _fautes(titre: str, fautes: Sequence[Faute]) -> None:
    table = tableau(titre, "Ligne", "Où", "Raison")
    for faute in fautes if len(fautes) <= _CITES else _groupees(fautes):
        table.add_row(str(faute.ligne or ""), escape(faute.chemin), escape(faute.raison))
    a_cote.print(table)


def _groupees(fautes: Iterable[Faute]) -> Iterator[Faute]:
    """One for each reason, most frequent first, with the first places: a column misread is wrong in every element."""
    par_raison: dict[str, list[Faute]] = {}
    for faute in fautes:
        par_raison.setdefault(_SUJET.sub("", faute.raison), []).append(faute)
    for raison, pareilles in sorted(par_raison.items(), key=lambda pair: -len(pair[1])):
        if len(pareilles) == 1:
            yield pareilles[0]
        else:
            ou = _enumerer([_place(faute) for faute in pareilles])
            yield Faute(None, f"{len(pareilles)} fois : {ou}", raison)


def _place(faute: Faute) -> str:
    return ", ".join(filter(None, (f"ligne {faute.ligne}" if faute.ligne else "", faute.chemin)))


def _enumerer(noms: Sequence[str]) -> str:
    reste = len(noms) - _CITES
    suite = f" … et {reste} autre{'s' if reste > 1 else ''}" if reste > 0 else ""
    return ", ".join(noms[:_CITES]) + suite


def montrer_difference(difference: Difference, titre: str) -> None:
    """One line for each kind of change in each rubrique: `acteurs.proprete` is « proprete », in « acteurs »."""
    table = tableau(titre, "Changement", "Rubrique", "Nombre", "Lesquels")
    changes = (("+ ajouté", difference.ajoutes), ("~ modifié", difference.modifies), ("- retiré", difference.retires))
    for mot, names in changes:
        rubriques: dict[str, list[str]] = {}
        for name in names:
            rubrique, _, rest = name.partition(".")
            rubriques.setdefault(rubrique if rest else "", []).append(rest or rubrique)
        for rubrique, found in rubriques.items():
            table.add_row(mot, escape(rubrique), str(len(found)), escape(_enumerer(found)))
    sortie.print(table)
