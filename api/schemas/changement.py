"""The change feed, as it is answered."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from api.schemas.commun import Out
from api.schemas.signalement import SignalementOut


class ChangementOut(Out):
    id: UUID
    signalement: SignalementOut | None = Field(
        default=None, description="Tel qu'il est maintenant ; à garder à la place."
    )
    disparu: Literal[True] | None = Field(default=None, description="Ce compte ne le voit plus : à effacer.")


class ChangementsOut(Out):
    """`encore` : demandez aussitôt la suite ; sinon, gardez le curseur pour la prochaine fois."""

    elements: list[ChangementOut]
    curseur_suivant: str
    encore: bool
