"""Rows: the only user of asyncpg, Alembic, SQLAlchemy and the embedded PostgreSQL."""
