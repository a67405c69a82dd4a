"""Alembic's entry. `relais.migrations` is the caller: it hands a live connection, already in the owner's role."""

from alembic import context

import relais.tables  # noqa: F401 - fills the metadata
from relais.db import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
    compare_type=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
