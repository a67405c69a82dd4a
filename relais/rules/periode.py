"""Days of a territoire, as people ask for them."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from relais.rules.calendrier import Calendrier


@dataclass(frozen=True)
class Periode:
    """Whole days of the territoire, both included."""

    du: date
    au: date

    def bornes(self, calendrier: Calendrier) -> tuple[datetime, datetime]:
        """[from its first midnight, to the midnight after its last day)."""
        debut, fin = self.du, self.au + timedelta(days=1)
        return datetime.combine(debut, time(), calendrier.zone), datetime.combine(fin, time(), calendrier.zone)
