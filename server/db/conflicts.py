"""Uniqueness and what else the database alone can decide; here its violation becomes our error."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg


@contextmanager
def unique(constraint: str, error: Exception) -> Iterator[None]:
    """Inside, breaking the unique *constraint* raises *error*; every other failure passes untouched.

    The transaction is lost either way: PostgreSQL runs no further statement in it.

    Args:
        constraint: The name of a unique constraint, primary key or unique index.
        error: What to raise; the violation is its `__cause__`.
    """
    try:
        yield
    except asyncpg.UniqueViolationError as violation:
        if violation.constraint_name != constraint:
            raise
        raise error from violation


@contextmanager
def refused(constraint: str, error: Exception) -> Iterator[None]:
    """Inside, breaking the check *constraint* raises *error*; every other failure passes untouched.

    The transaction is lost either way: PostgreSQL runs no further statement in it.

    Args:
        constraint: The name of a check, or of a constraint trigger that names itself.
        error: What to raise; the violation is its `__cause__`.
    """
    try:
        yield
    except asyncpg.CheckViolationError as violation:
        if violation.constraint_name != constraint:
            raise
        raise error from violation
