from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from relais.db import territoire_key


class Claimable:
    """Work a worker takes by lease: `outbox.claim` and `outbox.settle` know these columns and nothing else.

    `due_at` follows the business clock (None: nothing to do); the lease follows real time, so that moving the demo's
    clock never makes two workers hold one row. `lease_token` fences: who lost its lease cannot settle.
    """

    territoire_id: Mapped[int] = territoire_key()
    due_at: Mapped[datetime | None] = mapped_column(sort_order=90)
    lease_until: Mapped[datetime | None] = mapped_column(sort_order=91)
    lease_token: Mapped[UUID | None] = mapped_column(sort_order=92)
    claims: Mapped[int] = mapped_column(server_default="0", sort_order=93)
    attempts: Mapped[int] = mapped_column(server_default="0", sort_order=94)
