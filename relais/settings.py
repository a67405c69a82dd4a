"""Everything a town may set, read once from the environment (`RELAIS_…`), documented where it stands."""

from functools import cache
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RELAIS_", frozen=True, extra="ignore")

    database_url: str | None = None
    """PostgreSQL 15 or newer, `postgresql+psycopg://user:password@host/base`. Absent: Relais runs its own."""

    data_dir: Path = Path("data")
    """Where photos, keys and the embedded PostgreSQL live. The one folder to back up."""

    url_publique: str = "http://localhost:8000"
    """What people type: the base of every link in mails, pages and JSON."""

    smtp_url: str | None = None
    """The town's relay, `smtp://user:password@host:25` (`smtps://`, `smtp+starttls://`). Absent: mails wait."""

    expediteur: str = "Relais <ne-pas-repondre@localhost>"
    """The From of every mail; answers go to the territoire's box."""

    proxy_sortant: str | None = None
    """An HTTP proxy for webhooks, where the town reaches the internet through one only."""

    webhooks_autorises: tuple[str, ...] = ()
    """JSON list of `host:port` that webhooks may reach although local: a partner on the same LAN."""

    cle_jetons_file: Path | None = None
    """Ed25519 private key (PEM) that signs access tokens, shared by all machines. Absent: made in the data folder."""

    secret_file: Path | None = None
    """At least 32 random bytes behind media links, action links and the secret box. Absent: made in the data folder."""

    stockage_url: str | None = None
    """Where photos are kept: `s3://compartiment/prefixe?endpoint=https://…&region=…`, or `file:///dossier`. Absent:
    the data folder. The keys of S3 are in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` (and `AWS_SESSION_TOKEN`), and
    no other `AWS_…` is read; without an endpoint it is Amazon's. `relais stockage copier` moves them."""

    pool: int = 10
    """Database connections a process keeps, also the number of requests it serves at once."""

    @property
    def depot(self) -> Path:
        return self.data_dir / "fichiers"

    @property
    def courriels(self) -> Path:
        """Where the demo's mail catcher writes."""
        return self.data_dir / "courriels"


@cache
def settings() -> Settings:
    return Settings()
