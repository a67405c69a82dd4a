"""What the pilote says to publish a signalement, withdraw it, or paint over parts of a photo."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.commun import In, Instant, Number, Out, Sentence
from relais.rules.publication import RECTANGLES_MAX, Rectangle


class PublicationIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"photos": ["019d44aa-da88-7d0e-8a55-0b7c3d9e6f10"]}]})

    photos: (
        Annotated[
            tuple[UUID, ...],
            Field(
                max_length=50,
                description="Celles-là seulement ; `[]` : aucune. Absent : toutes celles qui sont prêtes.",
            ),
        ]
        | None
    ) = None


class DepublicationIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"motif": "Un visage est reconnaissable."}]})

    motif: Sentence


Place = Annotated[Number, Field(ge=0, lt=1)]
Etendue = Annotated[Number, Field(gt=0, le=1)]


class RectangleIn(In):
    """Fractions de la largeur et de la hauteur de l'image affichée, depuis son coin supérieur gauche."""

    x: Place
    y: Place
    largeur: Etendue
    hauteur: Etendue

    def rectangle(self) -> Rectangle:
        return Rectangle(self.x, self.y, self.largeur, self.hauteur)


class MasquesIn(In):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rectangles": [{"x": 0.41, "y": 0.2, "largeur": 0.08, "hauteur": 0.11}]}]}
    )

    rectangles: Annotated[list[RectangleIn], Field(min_length=1, max_length=RECTANGLES_MAX)]


class PublicationOut(Out):
    publie_le: Instant
    par_le_pilote: bool = Field(
        description="Vrai : le pilote l'a relu, et ce qui était écrit alors est public aussi (description, réponse)."
    )
