"""Which failures mean that the database does not answer, rather than that it said no."""

import asyncpg

# Whatever goes wrong while a connection is being made: no server, no network, no such database, no
# more connections, a wrong password, a certificate nobody trusts.
CONNECTING = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

# The server is there and cannot: it is stopping or starting, out of connections, disk or memory, it
# cancelled the statement, or it has become a read-only standby.
_SERVER_CANNOT = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)

_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def is_outage(error: BaseException, *, lost: bool) -> bool:
    """Whether *error*, raised while a connection was used, means that the database does not answer.

    Args:
        error: What was raised.
        lost: Whether the connection is closed by now. The driver then has many words for it.
    """
    if isinstance(error, (*_SERVER_CANNOT, ConnectionError, TimeoutError)):
        return True
    return lost and isinstance(error, _DRIVER)
