"""What a worker holds for its whole life."""

from dataclasses import dataclass, field
from threading import Event

from sqlalchemy import Engine

from relais.db import Session, make_engine
from relais.keys import Keys, load_keys
from relais.mail import Mailbox, Smtp
from relais.settings import Settings
from relais.stockage import Stockage, open_stockage
from relais.wire import Wire
from workers.atelier import Atelier


@dataclass(frozen=True)
class Means:
    """`stopping` is set when the worker is asked to end: what is claimed is finished, nothing more is."""

    engine: Engine
    keys: Keys
    settings: Settings
    mailbox: Mailbox | None
    wire: Wire
    stockage: Stockage
    atelier: Atelier = field(default_factory=Atelier)
    stopping: Event = field(default_factory=Event)

    def session(self, territoire: int | None = None) -> Session:
        return Session.for_worker(self.engine, territoire=territoire)


def means_from(settings: Settings) -> Means:
    """Raises SystemExit when there is no database to serve."""
    if settings.database_url is None:
        raise SystemExit("RELAIS_DATABASE_URL manque : lancez plutôt « relais worker » ou « relais up ».")
    return Means(
        engine=make_engine(settings.database_url, pool=settings.pool),
        keys=load_keys(settings),
        settings=settings,
        mailbox=Smtp(settings.smtp_url) if settings.smtp_url else None,
        wire=Wire(allow=settings.webhooks_autorises, proxy=settings.proxy_sortant),
        stockage=open_stockage(settings),
    )
