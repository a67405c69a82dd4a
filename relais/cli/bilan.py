"""What happened while a demonstration's clock moved: told line by line, then counted."""

from dataclasses import dataclass
from datetime import datetime

from rich.markup import escape
from sqlalchemy import ColumnElement, func, select

from relais.cli.affichage import sortie, tableau
from relais.courriels.dates import Dates, au_pluriel
from relais.db import Session
from relais.rules.configuration import LIBELLES_DELAI
from relais.tables.echeance import Escalade
from relais.tables.envoi import Canal, Envoi, EtatEnvoi
from relais.tables.photo import Photo
from relais.tables.signalement import Rappel, Signalement

LIGNES = 40
"""Lines shown of each table; a year at once on a busy demonstration is told by its totals."""


@dataclass(frozen=True)
class Bilan:
    """From `depuis` on, in the session's territoire."""

    session: Session
    depuis: datetime
    dates: Dates

    def montrer(self) -> None:
        self._remontees()
        self._courriels()
        compte = (
            au_pluriel(self._count(Escalade, Escalade.declenchee_le > self.depuis), "remontée"),
            au_pluriel(self._partis(Canal.COURRIEL), "courriel"),
            au_pluriel(self._partis(Canal.WEBHOOK), "webhook"),
            f"{self._count(Envoi, Envoi.etat == EtatEnvoi.MORT)} en échec",
        )
        sortie.print(" · ".join(compte))
        sortie.print(f"Nous sommes maintenant le {self.dates.instant_complet(self.session.now)}.")

    def _remontees(self) -> None:
        table = tableau("Remontées", "Quand", "Signalement", "Délai", "Palier")
        wanted = (
            select(Escalade, Signalement.numero)
            .join(
                Signalement,
                (Signalement.territoire_id == Escalade.territoire_id) & (Signalement.id == Escalade.signalement_id),
            )
            .where(Escalade.territoire_id == self.session.territoire, Escalade.declenchee_le > self.depuis)
            .order_by(Escalade.declenchee_le, Signalement.numero, Escalade.delai, Escalade.prevue_le)
        )
        for escalade, numero in self.session.execute(wanted.limit(LIGNES)):
            quand = self.dates.colonne(escalade.declenchee_le)
            table.add_row(quand, numero, LIBELLES_DELAI[escalade.delai], escape(escalade.palier))
        if table.row_count:
            sortie.print(table)

    def _courriels(self) -> None:
        table = tableau("Courriels partis", "Quand", "À", "Lequel")
        wanted = self._envoyes(Canal.COURRIEL)
        found = self.session.scalars(select(Envoi).where(*wanted).order_by(Envoi.envoye_le).limit(LIGNES))
        for envoi in found:
            quand = self.dates.colonne(envoi.envoye_le) if envoi.envoye_le else ""
            table.add_row(quand, escape(envoi.destinataire), escape(envoi.gabarit))
        if table.row_count:
            sortie.print(table)

    def _partis(self, canal: Canal) -> int:
        return self._count(Envoi, *self._envoyes(canal))

    def _envoyes(self, canal: Canal) -> tuple[ColumnElement[bool], ...]:
        mine = Envoi.territoire_id == self.session.territoire
        return mine, Envoi.canal == canal, Envoi.etat == EtatEnvoi.ENVOYE, Envoi.envoye_le > self.depuis

    def _count(self, table: type[Escalade | Envoi], *where: ColumnElement[bool]) -> int:
        mine = table.territoire_id == self.session.territoire
        return self.session.scalar(select(func.count()).select_from(table).where(mine, *where)) or 0


def pending(session: Session, avant: datetime) -> int:
    """Rows of work that were due before that instant and are not settled, in every territoire this session sees."""
    due = ((Rappel, Rappel.du_le), (Photo, Photo.due_at), (Envoi, Envoi.due_at))
    counts = (session.scalar(select(func.count()).select_from(one).where(le <= avant)) for one, le in due)
    return sum(count or 0 for count in counts)
