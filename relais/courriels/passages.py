"""The next passage in a secteur, in words."""

from datetime import date

from relais.courriels.dates import Dates
from relais.rules.configuration import Passage
from relais.rules.rythme import Prochain, dire_les_heures
from relais.rules.secteurs import ProchainPassage


def annoncer(found: ProchainPassage, dates: Dates, aujourd_hui: date) -> str:
    """« Prochain passage dans ce secteur, encombrants : jeudi 26 novembre, à partir de 6 h (Lisse Agglo). »."""
    said = quand(found.passage, found.prochain, dates, aujourd_hui)
    return f"Prochain passage dans ce secteur, {found.passage.prestation} : {said} ({found.acteur.nom})."


def quand(passage: Passage, prochain: Prochain, dates: Dates, aujourd_hui: date) -> str:
    """« jeudi 26 novembre, à partir de 6 h », with the year where it is not this one."""
    day, hours = dates.jour(prochain.le), dire_les_heures(passage.debut, passage.fin)
    if prochain.le.year != aujourd_hui.year:
        day = f"{day} {prochain.le.year}"
    return f"{day}, {hours}" if hours else day
