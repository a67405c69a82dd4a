"""A thème in the address of a request: read, and refused where it is none of the territoire's."""

from typing import Annotated

from fastapi import Query

from api.schemas.commun import Storable
from relais.errors import Fault, ThemeInconnu
from relais.rules.configuration import Configuration, Theme

CodeDeTheme = Annotated[Storable, Query(max_length=100)]


def theme_demande(configuration: Configuration, code: str) -> Theme:
    """Raises ThemeInconnu."""
    known = configuration.theme.get(code)
    if known is None:
        raise ThemeInconnu(errors=(Fault("?theme", f"« {code} » n'est pas un thème d'ici : voir GET /v1/meta."),))
    return known
