"""What every body shares: text that can be stored, instants that say their offset, absent rather than null."""

import datetime as dt
import re
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, Strict


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("contient un caractère nul")
    try:
        text.encode()
    except UnicodeEncodeError as broken:
        raise ValueError("contient un caractère incomplet") from broken
    return text


PHRASE = "phrase"
"""The type of a PydanticCustomError whose message is a whole French sentence, told as it is."""

Storable = Annotated[str, AfterValidator(_storable)]
Text = Annotated[str, Field(max_length=5_000), AfterValidator(_storable)]
Short = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Sentence = Annotated[str, Field(min_length=3, max_length=2_000), AfterValidator(_storable)]

Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A number: neither `"12"` nor `true`, which Pydantic would turn into one."""

Rank = Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)]
"""A count that any client's integer holds: beyond, Python alone would go on."""

ANNEES = range(2000, 2200)
"""Beyond, calendars and time zones overflow, and nobody means it."""

_JOUR = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _written(value: object) -> object:
    """Pydantic would take 1775000000 for an instant, and for a day."""
    if isinstance(value, dt.date) or (isinstance(value, str) and _JOUR.match(value)):
        return value
    raise ValueError("écrivez la date ainsi : 2026-04-07")


def _sane(value: dt.date) -> dt.date:
    if value.year not in ANNEES:
        raise ValueError("cette année n'est pas plausible")
    return value


def filled(said: object) -> object:
    """Without what was left null or blank, whose default is meant: an app sends its whole form."""
    if not isinstance(said, dict):
        return said
    return {name: value for name, value in said.items() if value is not None and not _blank(value)}


def _blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def to_the_second(instant: dt.datetime) -> dt.datetime:
    return instant.replace(microsecond=0)


Instant = Annotated[AwareDatetime, AfterValidator(to_the_second)]
"""As it is answered. Microseconds are the database's business: nobody was promised anything to the millionth."""

InstantIn = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_sane)]
JourIn = Annotated[dt.date, BeforeValidator(_written), AfterValidator(_sane)]


class In(BaseModel):
    """What Relais accepts: a field it does not know is a mistake to show, not to swallow."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """What Relais answers. Absent values are left out by the routes, never written null."""

    model_config = ConfigDict(frozen=True)


class FauteOut(Out):
    pointer: str = Field(description="Où, dans la demande (RFC 6901) ; un paramètre s'écrit `?nom`.")
    detail: str = Field(description="Quoi, et que faire.")


class Problem(Out):
    """RFC 9457. `code` est stable ; `retryable` dit si la même demande peut passer plus tard."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "https://relais.example/problemes/theme-inconnu",
                    "title": "Ce thème n'existe pas, ou n'existe plus",
                    "status": 422,
                    "code": "theme_inconnu",
                    "retryable": False,
                    "errors": [{"pointer": "/theme", "detail": "« proprete.depot » n'est pas un thème d'ici."}],
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    code: str
    retryable: bool
    detail: str | None = None
    instance: str | None = None
    errors: list[FauteOut] | None = None
