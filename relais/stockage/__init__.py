"""Where the bytes of photos live. What is acknowledged is kept for good, name and bytes."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from relais.settings import Settings
from relais.stockage.local import Local
from relais.stockage.protocole import (
    Fichier,
    PlusDePlace,
    Stockage,
    StockageInjoignable,
    StockageRefuse,
    disk_troubles,
    new_draft,
)

__all__ = [
    "Fichier",
    "Local",
    "PlusDePlace",
    "Stockage",
    "StockageInjoignable",
    "StockageRefuse",
    "disk_troubles",
    "new_draft",
    "open_stockage",
]


def open_stockage(settings: Settings) -> Stockage:
    """The store that `RELAIS_STOCKAGE_URL` names, reached. Raises StockageRefuse."""
    url = settings.stockage_url
    if not url:
        return Local(settings.depot)
    place = urlsplit(url)
    if place.scheme == "file" and not place.netloc and place.path.startswith("/"):
        return Local(Path(unquote(place.path)))
    if place.scheme == "s3":
        from relais.stockage.s3 import S3  # noqa: PLC0415 - 15 MB of client, of no use to most

        return S3(url, brouillons=settings.depot / ".tmp")
    shown = f"{place.scheme}://{place.hostname or ''}{place.path}"
    raise StockageRefuse(f"RELAIS_STOCKAGE_URL ne se lit pas : « {shown} ». Voir relais/settings.py.")
