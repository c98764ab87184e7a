"""Uniqueness and what else the database alone can decide; here its violation becomes our error.

And which of its refusals are not about what was asked, but about what others did at the same moment.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import asyncpg

# Each waited for the other, or neither came first: PostgreSQL undid the whole transaction.
STANDOFFS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

# What a row refers to was deleted after it was read. Done again the transaction does not find it, and says so
# in our words.
DANGLING = (asyncpg.ForeignKeyViolationError,)


def unique(constraint: str, error: Exception) -> AbstractContextManager[None]:
    """Inside, breaking the unique *constraint* raises *error*; every other failure passes untouched.

    The transaction is lost either way: PostgreSQL runs no further statement in it.

    Args:
        constraint: The name of a unique constraint, primary key or unique index.
        error: What to raise; the violation is its `__cause__`.
    """
    return _breaking(asyncpg.UniqueViolationError, constraint, error)


def refused(constraint: str, error: Exception) -> AbstractContextManager[None]:
    """Inside, breaking the check *constraint* raises *error*; every other failure passes untouched.

    The transaction is lost either way: PostgreSQL runs no further statement in it.

    Args:
        constraint: The name of a check, or of a constraint trigger that names itself.
        error: What to raise; the violation is its `__cause__`.
    """
    return _breaking(asyncpg.CheckViolationError, constraint, error)


def dangling(constraint: str, error: Exception) -> AbstractContextManager[None]:
    """Inside, breaking the foreign key *constraint* raises *error*; every other failure passes untouched.

    For rows that refer to what was read before the transaction began: doing it again finds nothing else.
    The transaction is lost either way: PostgreSQL runs no further statement in it.

    Args:
        constraint: The name of a foreign key.
        error: What to raise; the violation is its `__cause__`.
    """
    return _breaking(asyncpg.ForeignKeyViolationError, constraint, error)


@contextmanager
def _breaking(
    kind: type[asyncpg.IntegrityConstraintViolationError], constraint: str, error: Exception
) -> Iterator[None]:
    try:
        yield
    except kind as violation:
        if violation.constraint_name != constraint:
            raise
        raise error from violation
