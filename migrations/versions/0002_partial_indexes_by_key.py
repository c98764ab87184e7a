"""A partial index is used only by statements that give its key a value.

PostgreSQL may read a partial index for every statement whose conditions imply its predicate, with or without
a condition on its key. Predicates on `status` were implied by statements that look for one row by its id.
Where statistics were taken while nobody was asked anything, reading all of such an index looked as cheap as
looking up the row, and the plan stayed while thousands of attempts were open: each of those statements read
them all.

So the predicate of a partial index is now `<its key> IS NOT NULL`, and a key is an expression that is NULL
for the rows that are left out. Only a statement that compares the key with a value implies that, and it looks
the value up. Of an attempt's columns that change, the indexes know `ended_at` alone, so that reading one
changes no index any more.

The new indexes are built CONCURRENTLY, outside of a transaction, while everything runs; one transaction then
puts them into the old ones' places, for milliseconds in which nobody reads or writes the tables. A run that
was cut short leaves indexes with names of their own, which the next run drops first. Afterwards processes of
0.1.0 go on, but a poll of theirs finds no index and reads the table.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

INDEXES = {
    # At most one open attempt per enrollment: it finds the one that a poll hands out, and it decides
    # between two creations at the same moment.
    "auth_attempts_open_key": """
        CREATE UNIQUE INDEX CONCURRENTLY auth_attempts_open_key_new
            ON auth_attempts ((CASE WHEN ended_at IS NULL THEN enrollment_id END))
            WHERE (CASE WHEN ended_at IS NULL THEN enrollment_id END) IS NOT NULL
        """,
    # The job that expires attempts.
    "auth_attempts_open_expires_at": """
        CREATE INDEX CONCURRENTLY auth_attempts_open_expires_at_new
            ON auth_attempts ((CASE WHEN ended_at IS NULL THEN expires_at END))
            WHERE (CASE WHEN ended_at IS NULL THEN expires_at END) IS NOT NULL
        """,
    # One verified enrollment per name; it also decides between two verifications at the same moment.
    "enrollments_verified_name_key": """
        CREATE UNIQUE INDEX CONCURRENTLY enrollments_verified_name_key_new
            ON enrollments (integration_id, (CASE WHEN status = 'VERIFIED' THEN name END))
            WHERE (CASE WHEN status = 'VERIFIED' THEN name END) IS NOT NULL
        """,
    # The job that expires invitations.
    "enrollments_open_expires_at": """
        CREATE INDEX CONCURRENTLY enrollments_open_expires_at_new
            ON enrollments ((CASE WHEN status IN ('CREATED', 'BOUND') THEN expires_at END))
            WHERE (CASE WHEN status IN ('CREATED', 'BOUND') THEN expires_at END) IS NOT NULL
        """,
}


def upgrade() -> None:
    """The predicate of every partial index is that its key is not NULL. Names are as before."""
    context = op.get_context()
    with context.autocommit_block():
        for name, creation in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}_new")
            op.execute(creation)
    for name in INDEXES:
        # Not CONCURRENTLY: while both are there, a violation is told by the old one's name, whatever that is.
        op.execute(f"DROP INDEX {name}")
        op.execute(f"ALTER INDEX {name}_new RENAME TO {name}")
