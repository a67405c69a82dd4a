"""Signing in, in OAuth's own field names (RFC 6749), and who one is then."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.schemas.commun import In, Out, Short, Storable, Text
from relais.rules.acces import Role

DEFI = "AAAAAYiVWdsnSEqlj1tXnUaMFvrA4ZRhBxXm2Q3tCko"
JETON = "AAAAATxmjUPNZ0qLmBWkMCiVDHkAAAABcQ2bJmF0k3sXr9vYt1LwPzUeGhNaDoCi5Ex7RfTqMvE"
CHAMPS = {"code": frozenset({"defi", "code"}), "refresh_token": frozenset({"refresh_token"})}
"""What each grant says, and nothing of the other's."""


class CodeDemandeIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"identifiant": "camille@exemple.fr"}]})

    identifiant: Annotated[
        Storable, Field(min_length=1, max_length=254, description="L'adresse de courriel du compte.")
    ]
    territoire: Annotated[
        Storable | None, Field(max_length=20, description="Son code, si plusieurs territoires sont servis ici.")
    ] = None


class DefiOut(Out):
    defi: str = Field(description="À garder sur l'appareil : le code reçu par courriel ne vaut qu'avec lui.")


def _sans_blancs(code: str) -> str:
    return "".join(code.split())


class JetonIn(In):
    """`grant_type` dit quels champs l'accompagnent, tous obligatoires : `defi` et `code`, ou `refresh_token`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"grant_type": "code", "defi": DEFI, "code": "402917"},
                {"grant_type": "refresh_token", "refresh_token": JETON},
            ]
        }
    )

    grant_type: Literal["code", "refresh_token"]
    defi: Annotated[Short | None, Field(description="Celui que la demande de code a rendu.", validate_default=True)] = (
        None
    )
    code: Annotated[
        Annotated[Short, AfterValidator(_sans_blancs)] | None,
        Field(description="Les six chiffres du courriel.", validate_default=True),
    ] = None
    refresh_token: Annotated[
        Short | None,
        Field(description="Le dernier reçu ; si la réponse s'est perdue, le même.", validate_default=True),
    ] = None

    @field_validator("defi", "code", "refresh_token")
    @classmethod
    def _du_grant(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Field by field, so that the refusal points at the one to mend."""
        wanted = CHAMPS.get(info.data.get("grant_type", ""))
        if wanted is not None and (info.field_name in wanted) != (value is not None):
            kind = "missing" if value is None else "extra_forbidden"
            raise PydanticCustomError(kind, "does not go with this grant_type")
        return value


class JetonOut(Out):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a kind of token
    expires_in: int = Field(description="Secondes que vaut `access_token`.")
    refresh_token: str = Field(description="Remplace le précédent : à écrire sur disque avant de s'en servir.")


class RevocationIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"token": JETON}]})

    token: Text = Field(description="Le `refresh_token` de l'appareil qui se déconnecte.")


class NommeOut(Out):
    code: str
    nom: str


class MoiOut(Out):
    id: UUID
    role: Role
    nom: str
    identifiant: str | None = Field(None, description="L'adresse du compte ; une clé d'API n'en a pas.")
    acteur: NommeOut | None = Field(None, description="Pour qui il ou elle agit.")
    territoire: NommeOut
    signale: bool = Field(description="Peut créer un signalement.")
