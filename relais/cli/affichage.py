"""What the command line writes. Answers go to the standard output, everything else beside it, on the error output."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

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

sortie = Console(highlight=False)
a_cote = Console(stderr=True, highlight=False)

_CITES = 12
"""Names told in one line of a difference: a map of 100 000 emprises must not scroll past."""


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


def _fautes(titre: str, fautes: Iterable[Faute]) -> None:
    table = tableau(titre, "Ligne", "Où", "Raison")
    for faute in fautes:
        table.add_row(str(faute.ligne or ""), escape(faute.chemin), escape(faute.raison))
    a_cote.print(table)


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
            others = f" … et {len(found) - _CITES} autres" if len(found) > _CITES else ""
            table.add_row(mot, escape(rubrique), str(len(found)), escape(", ".join(found[:_CITES]) + others))
    sortie.print(table)
