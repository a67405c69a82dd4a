"""`relais stockage copier`: the photos from one store to another, while the service runs."""

import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from functools import partial
from itertools import islice
from typing import Annotated

import typer

from relais.cli.affichage import alerte, avancement, etape, fait
from relais.cli.base import Arret, DataDir, chosen_settings
from relais.settings import Settings
from relais.stockage import Fichier, PlusDePlace, Stockage, disk_troubles, open_stockage

PREFIXES = ("originaux", "photos")
ENSEMBLE = 8
"""Files on their way at once: a bucket answers in tens of milliseconds, whatever their size."""
LOT = 1_000
MO = 1024**2

AIDE = "Où sont les photos : les copier d'un dossier à un compartiment S3, ou l'inverse."
AIDE_COPIER = """
Copie les photos d'un stockage à l'autre : celles qui y manquent, ou n'y ont pas la même taille. N'efface rien.

Le service peut tourner, et la commande être interrompue : relancée, elle continue. « local » est le dossier de
l'installation ; les clés de S3 sont dans AWS_ACCESS_KEY_ID et AWS_SECRET_ACCESS_KEY.

[bold]Exemple[/]
  relais stockage copier local "s3://photos/vaucelles?endpoint=https://s3.exemple.fr&region=fr-1"

[bold]Ensuite[/]  donner à RELAIS_STOCKAGE_URL la nouvelle adresse, redémarrer, et copier une dernière fois
"""

Adresse = Annotated[str, typer.Argument(metavar="local|URL", show_default=False)]

stockage = typer.Typer(no_args_is_help=True, help=AIDE)


@stockage.callback()
def _stockage() -> None: ...


class Sort(Enum):
    COPIE = auto()
    DISPARU = auto()  #: the service has removed it since
    ECHOUE = auto()


@stockage.command(help=AIDE_COPIER, rich_help_panel="Commandes")
def copier(de: Adresse, vers: Adresse, data_dir: DataDir = None) -> None:
    chosen = chosen_settings(data_dir)
    if de == vers:
        raise Arret("C'est deux fois le même stockage.")
    source, cible = _open(chosen, de), _open(chosen, vers)
    with etape("Recherche de ce qui manque"):
        missing = [one for prefixe in PREFIXES for one in _missing(source, cible, prefixe)]
    sorts: Counter[Sort] = Counter()
    try:
        with avancement("Copie", sum(one.octets for one in missing)) as avancer:
            for one, sort in _copy_all(source, cible, missing):
                sorts[sort] += 1
                avancer(one.octets)
    finally:
        reste = len(missing) - sorts[Sort.COPIE] - sorts[Sort.DISPARU]
        _tell(sorts[Sort.COPIE], reste)
    if reste:
        raise typer.Exit(1)


def _open(chosen: Settings, adresse: str) -> Stockage:
    return open_stockage(chosen.model_copy(update={"stockage_url": None if adresse == "local" else adresse}))


def _missing(source: Stockage, cible: Stockage, prefixe: str) -> Iterator[Fichier]:
    """One listing of each, and no question a file: some 200 bytes of memory for each of the target's."""
    there = {one.cle: one.octets for one in cible.cles(prefixe)}
    return (one for one in source.cles(prefixe) if there.get(one.cle) != one.octets)


def _copy_all(source: Stockage, cible: Stockage, missing: list[Fichier]) -> Iterator[tuple[Fichier, Sort]]:
    """Each as it is done, in order. Raises Arret when the target is full; what is on its way then ends."""
    rest = iter(missing)
    with ThreadPoolExecutor(ENSEMBLE) as threads:
        while lot := list(islice(rest, LOT)):
            try:
                yield from zip(lot, threads.map(partial(_copy, source, cible), lot), strict=True)
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise


def _copy(source: Stockage, cible: Stockage, one: Fichier) -> Sort:
    draft = cible.brouillon()
    try:
        with source.emprunter(one.cle) as path, disk_troubles(looking=True):
            shutil.copyfile(path, draft)
        cible.deposer(one.cle, draft)
    except FileNotFoundError:
        return Sort.DISPARU
    except PlusDePlace as full:
        raise Arret("Il n'y a plus de place là où l'on copie : faites-en, puis relancez la même commande.") from full
    except OSError as trouble:
        alerte(f"{one.cle} : {trouble}")
        return Sort.ECHOUE
    finally:
        draft.unlink(missing_ok=True)
    return Sort.COPIE


def _tell(copies: int, reste: int) -> None:
    fait(f"{copies} fichiers copiés." if copies else "Rien n'a été copié.")
    if reste:
        alerte(f"Il en reste {reste} : relancez la même commande.")
    else:
        fait("Tout y est. Ce qui arrive encore, la même commande le copie.")
