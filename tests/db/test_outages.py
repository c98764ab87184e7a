import asyncpg
import pytest

from server.db.outages import is_outage


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.AdminShutdownError("stopping"),
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.QueryCanceledError("cancelled"),
        asyncpg.TooManyConnectionsError("full"),
        asyncpg.DiskFullError("full"),
        asyncpg.ReadOnlySQLTransactionError("a standby now"),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_the_server_cannot(error: Exception) -> None:
    assert is_outage(error, lost=False)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError("taken"),
        asyncpg.PostgresSyntaxError("wrong"),
        asyncpg.InterfaceError("a mistake of ours"),
        FileNotFoundError("a file of ours"),
        ValueError("ours"),
    ],
)
def test_the_server_said_no_or_it_is_our_mistake(error: Exception) -> None:
    assert not is_outage(error, lost=False)


def test_after_a_lost_connection_whatever_the_driver_says_is_an_outage() -> None:
    assert is_outage(asyncpg.InterfaceError("connection is closed"), lost=True)
    assert not is_outage(ValueError("ours"), lost=True)
