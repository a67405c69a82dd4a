"""What every body shares: text that can be stored, instants that say their offset, absent rather than null."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("contient un caractère nul")
    try:
        text.encode()
    except UnicodeEncodeError as broken:
        raise ValueError("contient un caractère incomplet") from broken
    return text


Text = Annotated[str, AfterValidator(_storable), Field(max_length=5_000)]
Short = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=200)]
Sentence = Annotated[str, AfterValidator(_storable), Field(min_length=3, max_length=2_000)]
Instant = AwareDatetime


class In(BaseModel):
    """What Relais accepts: a field it does not know is a mistake to show, not to swallow."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """What Relais answers. Absent values are left out by the routes, never written null."""

    model_config = ConfigDict(frozen=True)


class FauteOut(Out):
    pointer: str = Field(description="Où, dans la demande (RFC 6901).")
    detail: str = Field(description="Quoi, et que faire.")


class Problem(Out):
    """RFC 9457. `code` est stable ; `retryable` dit si la même demande peut passer plus tard."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "https://relais.example/problemes/theme-inconnu",
                "title": "Ce thème n'existe pas, ou n'existe plus",
                "status": 422,
                "code": "theme_inconnu",
                "retryable": False,
                "errors": [{"pointer": "/theme", "detail": "« proprete.depot » n'est pas un thème d'ici."}],
            }
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
