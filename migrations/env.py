"""Alembic's environment: runs versions on the connection that `server.db.migrate` brings."""

from alembic import context
from sqlalchemy import Connection

connection: Connection | None = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("the schema is migrated with `countersign migrate`, which brings the connection")

# Each version is a transaction of its own: what is done stays done, and locks are short.
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
