import asyncpg
import pytest

from server.base.errors import IntegrationNameTaken, LastOwner, TenantNameTaken, TenantNotFound
from server.db.conflicts import dangling, refused, unique
from server.db.pool import Connection


@pytest.fixture
async def names(conn: Connection) -> Connection:
    """A table with two unique constraints and two checks, one row in it."""
    await conn.execute(
        """
        CREATE TEMPORARY TABLE names (
            name  text CONSTRAINT names_name_key UNIQUE,
            alias text NOT NULL CONSTRAINT names_alias_key UNIQUE,
            CONSTRAINT names_short CHECK (length(name) < 10),
            CONSTRAINT names_lower CHECK (name = lower(name))
        ) ON COMMIT DROP
        """
    )
    await conn.execute("INSERT INTO names VALUES ('anna', 'a')")
    return conn


async def test_breaking_the_named_constraint_is_our_error(names: Connection) -> None:
    with pytest.raises(TenantNameTaken) as raised, unique("names_name_key", TenantNameTaken()):
        await names.execute("INSERT INTO names VALUES ('anna', 'b')")

    assert isinstance(raised.value.__cause__, asyncpg.UniqueViolationError)


async def test_breaking_another_constraint_passes(names: Connection) -> None:
    with pytest.raises(asyncpg.UniqueViolationError), unique("names_name_key", TenantNameTaken()):
        await names.execute("INSERT INTO names VALUES ('berta', 'a')")


async def test_two_constraints_have_two_errors(names: Connection) -> None:
    with (
        pytest.raises(IntegrationNameTaken),
        unique("names_name_key", TenantNameTaken()),
        unique("names_alias_key", IntegrationNameTaken()),
    ):
        await names.execute("INSERT INTO names VALUES ('berta', 'a')")


async def test_other_failures_pass(names: Connection) -> None:
    with pytest.raises(asyncpg.NotNullViolationError), unique("names_name_key", TenantNameTaken()):
        await names.execute("INSERT INTO names VALUES ('berta', NULL)")


async def test_what_succeeds_stays(names: Connection) -> None:
    with unique("names_name_key", TenantNameTaken()):
        await names.execute("INSERT INTO names VALUES ('berta', 'b')")

    assert await names.fetchval("SELECT count(*) FROM names") == 2


async def test_breaking_the_named_check_is_our_error_and_breaking_another_passes(names: Connection) -> None:
    with pytest.raises(LastOwner) as raised, refused("names_short", LastOwner()):
        async with names.transaction():
            await names.execute("INSERT INTO names VALUES ('bartholomea', 'b')")
    with pytest.raises(asyncpg.CheckViolationError), refused("names_short", LastOwner()):
        async with names.transaction():
            await names.execute("INSERT INTO names VALUES ('Berta', 'b')")
    with pytest.raises(asyncpg.UniqueViolationError), refused("names_short", LastOwner()):
        await names.execute("INSERT INTO names VALUES ('anna', 'b')")

    assert isinstance(raised.value.__cause__, asyncpg.CheckViolationError)


async def test_breaking_the_named_foreign_key_is_our_error_and_breaking_another_passes(
    names: Connection,
) -> None:
    await names.execute(
        """
        CREATE TEMPORARY TABLE uses (
            name  text CONSTRAINT uses_name_fkey REFERENCES names (name),
            alias text CONSTRAINT uses_alias_fkey REFERENCES names (alias)
        ) ON COMMIT DROP
        """
    )
    with pytest.raises(TenantNotFound) as raised, dangling("uses_name_fkey", TenantNotFound()):
        async with names.transaction():
            await names.execute("INSERT INTO uses VALUES ('berta', 'a')")
    with pytest.raises(asyncpg.ForeignKeyViolationError), dangling("uses_name_fkey", TenantNotFound()):
        await names.execute("INSERT INTO uses VALUES ('anna', 'b')")

    assert isinstance(raised.value.__cause__, asyncpg.ForeignKeyViolationError)
