"""Who runs the command: what a version says of whoever adopted it."""

import getpass
import os
from typing import Annotated

import typer

Auteur = Annotated[
    str | None,
    typer.Option(
        "--auteur",
        envvar="RELAIS_AUTEUR",
        metavar="NOM",
        show_default=False,
        help="Qui adopte cette version, tel que relais versions le dira. Par défaut, l'utilisateur de la machine.",
    ),
]


def qui(given: str | None) -> str:
    """The name given, else that of the session; a container's user may have none."""
    if given and given.strip():
        return " ".join(given.split())
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"utilisateur {os.getuid()}"
