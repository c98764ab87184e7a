"""What every test can ask for.

database_url        this worker's migrated database, for tests in which several connections commit
db                  an open `Database` on it
conn                a connection of `db` in a transaction that is rolled back
fresh_database_url  a migrated database of the test's own, for tests of whole processes
unused_database_url the same for processes that leave nothing in it; shared by this worker's tests
place               a folder for the data of an embedded PostgreSQL
product             the whole server in this process on `db`, with clients that check every answer
make_product        the same with settings of the test's own
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pytest

from server.db.pool import Connection, Database
from tests.support.database import DatabaseServer, Run, clear_dead_runs, database_server
from tests.support.phone import Given
from tests.support.product import Product, a_product

pytest_plugins = ["tests.support.identity_providers.fixtures"]

RUN = pytest.StashKey[Run]()


def pytest_configure(config: pytest.Config) -> None:
    """The run has an id, which the workers hear from the process that started them."""
    workerinput: dict[str, str] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        config.stash[RUN] = Run(workerinput["countersign_run"])
    else:
        config.stash[RUN] = Run.new()
        clear_dead_runs()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """A worker is about to be started by xdist."""
    node.workerinput["countersign_run"] = node.config.stash[RUN].id  # type: ignore[attr-defined]  # untyped


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that started the run leaves nothing of it behind."""
    if not hasattr(config, "workerinput") and RUN in config.stash:
        config.stash[RUN].clear()


@pytest.fixture(scope="session")
async def postgres(pytestconfig: pytest.Config) -> AsyncIterator[DatabaseServer]:
    """The server that the databases of this run are made on."""
    async with database_server(pytestconfig.stash[RUN]) as server:
        yield server


@pytest.fixture(scope="session")
async def database_url(postgres: DatabaseServer, worker_id: str) -> AsyncIterator[str]:
    """This worker's migrated database. Who commits in it says what belongs to whom, or cleans up."""
    url = await postgres.create_database(worker_id)
    yield url
    await postgres.drop_database(url)


@pytest.fixture(scope="session")
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open database; several connections."""
    database = await Database.open(database_url, connections=4, application_name="tests")
    yield database
    await database.close()


@pytest.fixture
async def conn(db: Database) -> AsyncIterator[Connection]:
    """A connection in a transaction; nothing done on it lasts."""
    async with db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


@pytest.fixture
async def fresh_database_url(postgres: DatabaseServer, worker_id: str) -> AsyncIterator[str]:
    """A migrated database that nobody else uses."""
    url = await postgres.create_database(f"{worker_id}_{token_hex(4)}")
    yield url
    await postgres.drop_database(url)


@pytest.fixture(scope="session")
async def unused_database_url(postgres: DatabaseServer, worker_id: str) -> AsyncIterator[str]:
    """A migrated database in which nobody leaves anything: for processes that start and stop."""
    url = await postgres.create_database(f"{worker_id}_unused")
    yield url
    await postgres.drop_database(url)


@pytest.fixture
async def empty_database_url(postgres: DatabaseServer, worker_id: str) -> AsyncIterator[str]:
    """A database that was never migrated, and that nobody else uses."""
    url = await postgres.create_empty_database(f"{worker_id}_{token_hex(4)}")
    yield url
    await postgres.drop_database(url)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other accounts can pass through: for root PostgreSQL runs as one of them.

    pytest closes its own folders to them, at the start of every run on the machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="countersign-place-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def lane() -> str:
    """Hot routes are served in front of Quart, or by it. Tests of surfaces run with both."""
    return "hot"


@pytest.fixture
async def make_product(db: Database, lane: str) -> AsyncIterator[Callable[..., Product]]:
    """Serving processes with the settings that the test gives; what they do is committed."""
    listeners = db.wakeups._listeners.copy()
    made: list[Product] = []

    def make(**settings: Given) -> Product:
        made.append(a_product(db, hot_lane=lane == "hot", **settings))
        return made[-1]

    yield make
    for product in made:
        await product.http.aclose()
    # The database outlives the processes of this test, which must not hear of the next one's wake-ups.
    db.wakeups._listeners[:] = listeners


@pytest.fixture(scope="session")
async def standing_products(db: Database) -> AsyncIterator[dict[str, Product]]:
    """By lane, the process that most tests share."""
    products: dict[str, Product] = {}
    yield products
    for product in products.values():
        await product.http.aclose()


@pytest.fixture
def product(standing_products: dict[str, Product], db: Database, lane: str) -> Iterator[Product]:
    """A serving process whose limits no test meets by accident. Its clock is right at the beginning."""
    if lane not in standing_products:
        standing_products[lane] = a_product(db, hot_lane=lane == "hot")
    yield standing_products[lane]
    standing_products[lane].core.clock.set_offset(timedelta(0))
