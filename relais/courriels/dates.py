"""Dates as people of the town say them, in the territoire's time zone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from babel.dates import format_date

from relais.rules.calendrier import Calendrier
from relais.rules.delais import Unite

HEURE = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def au_pluriel(nombre: int, singulier: str, pluriel: str | None = None) -> str:
    """« 1 jour ouvré », « 8 jours ouvrés »: by default every word takes its s. Zero is singular, as French has it."""
    words = singulier if nombre <= 1 else pluriel or " ".join(f"{word}s" for word in singulier.split())
    return f"{nombre} {words}"


def precede_de(nom: str) -> str:
    """« de traitement », « d'arbitrage »: for a common noun."""
    return f"d'{nom}" if nom.startswith(("a", "e", "é", "i", "o", "u")) else f"de {nom}"


@dataclass(frozen=True)
class Dates:
    """Every instant carries its offset; what is said is local. The calendar also says which days count."""

    calendrier: Calendrier

    def jour(self, le: date) -> str:
        """« mardi 31 mars »; a calendar day, or an instant."""
        return self._format(le, "EEEE d MMMM")

    def jour_court(self, le: date) -> str:
        """« 20 avril », where the week is of no use."""
        return self._format(le, "d MMMM")

    def jour_iso(self, le: str) -> str:
        """The `jour` of a calendar day as JSON writes it."""
        return self.jour(date.fromisoformat(le))

    def instant(self, le: datetime) -> str:
        """« mardi 31 mars à 18 h 12 », « lundi 20 avril à 17 h »."""
        return f"{self.jour(le)} à {self._heure(le)}"

    def instant_court(self, le: datetime) -> str:
        """« 2 avril à 18 h 12 »."""
        return f"{self.jour_court(le)} à {self._heure(le)}"

    def instant_complet(self, le: datetime) -> str:
        """« mardi 31 mars 2026 à 18 h 12 », for what is read long after."""
        return f"{self._format(le, 'EEEE d MMMM y')} à {self._heure(le)}"

    def colonne(self, le: datetime) -> str:
        """« 01/04  9 h 40 »: always thirteen characters, so that a column of them lines up."""
        local = self._local(le)
        return f"{local:%d/%m} {local.hour:2} h {local:%M}"

    def jours_de_retard(self, echeance: datetime, le: datetime) -> int:
        """Open days after the échéance's own day, up to that of `le`: how the ladder counts."""
        first = self.calendrier.jour(echeance)
        days = (self.calendrier.jour(le) - first).days
        return sum(self.calendrier.ouvert_le(first + timedelta(days=n)) for n in range(1, days + 1))

    def retard(self, echeance: datetime, unite: Unite, le: datetime) -> str | None:
        """« 8 jours ouvrés »; before the first, a promise in real hours is late by hours. None: not late yet."""
        days = self.jours_de_retard(echeance, le)
        if days:
            return au_pluriel(days, "jour ouvré")
        late = le - echeance
        if unite is not Unite.HEURES or late < MINUTE:
            return None
        return f"{late // HEURE} h" if late >= HEURE else f"{late // MINUTE} min"

    def _local(self, le: datetime) -> datetime:
        return le.astimezone(self.calendrier.zone)

    def _heure(self, le: datetime) -> str:
        local = self._local(le)
        return f"{local.hour} h {local:%M}" if local.minute else f"{local.hour} h"

    def _format(self, le: date, pattern: str) -> str:
        day = self._local(le) if isinstance(le, datetime) else le
        ordinal = pattern.replace("d MMMM", "d'er' MMMM") if day.day == 1 else pattern
        return format_date(day, ordinal, locale="fr")
