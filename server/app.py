"""The composition root: the only place that knows all parts, and joins them."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from server.base.clock import Clock
from server.base.errors import Unavailable
from server.base.principal import Actor, Principal
from server.base.settings import Settings
from server.core.instance.clock import CLOCK_TOPIC, read_clock_offset
from server.core.instance.keys import KEYS_TOPIC
from server.core.work import Core
from server.crypto.key_file import load_key_file
from server.crypto.sealing import KeyRing
from server.db.pool import Database
from server.jobs import runner
from server.outbound.http import open_client
from server.outbound.identity_providers.network import ProviderNetwork
from server.surfaces import (
    ezkey_admin,
    ezkey_device,
    ezkey_integration,
    links,
    protekt_account,
    protekt_auth,
    well_known,
)
from server.surfaces.kit.asgi import Receive, Scope, Send
from server.surfaces.kit.gateway import Gateway
from server.surfaces.kit.limits import Limiter
from server.surfaces.kit.metrics import Metrics

# A surface that is listed earlier refuses for what several share: an unknown path under /api/v1.
SURFACES = (
    ezkey_device.surface,
    ezkey_integration.surface,
    ezkey_admin.surface,
    protekt_account.surface,
    protekt_auth.surface,
    links.surface,
    well_known.surface,
    well_known.public_keys,
)

SYSTEM = Principal(kind=Actor.SYSTEM, id="process", surface="process")

_log = structlog.stdlib.get_logger(__name__)


async def open_core(settings: Settings, *, database_url: str, application_name: str = "countersign") -> Core:
    """The product with its database, master keys and clock, in step with the instance's other processes.

    Close it with `close_core`.

    Raises:
        Unavailable: The database does not answer.
        KeyFileError: The master keys cannot be read.
    """
    keys = KeyRing(lambda: load_key_file(settings.key_file))
    db = await Database.open(
        database_url, connections=settings.database_connections, application_name=application_name
    )
    core = Core(settings, db, keys, Clock())
    pending: set[asyncio.Task[None]] = set()

    async def follow_clock() -> None:
        try:
            seconds = await core.perform_at_once(read_clock_offset, None, actor=SYSTEM)
        except Unavailable:
            return  # once the database answers again everybody is woken, and this too
        if core.clock.offset != timedelta(seconds=seconds):
            core.clock.set_offset(timedelta(seconds=seconds))
            db.wakeups.wake_all()

    def clock_moved(_: str | None) -> None:
        if core.stopping.is_set():
            return
        task = asyncio.get_running_loop().create_task(follow_clock(), name="follow the clock")
        pending.add(task)
        task.add_done_callback(pending.discard)

    db.wakeups.on(KEYS_TOPIC, lambda _: keys.reload())
    if settings.movable_clock:
        db.wakeups.on(CLOCK_TOPIC, clock_moved)
        await follow_clock()
    return core


async def close_core(core: Core) -> None:
    """What was published is sent, and no connection is left open."""
    core.stopping.set()
    await core.db.close()


class Countersign:
    """One serving process as an ASGI 3 application with lifespan."""

    def __init__(self, settings: Settings, *, database_url: str) -> None:
        self._settings = settings
        self._database_url = database_url
        self._metrics = Metrics()
        self._gateway: Gateway | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the process's life from start to end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._gateway is not None:
            await self._gateway(scope, receive, send)
        else:
            raise RuntimeError("a request came before the start")

    def begin_shutdown(self) -> None:
        """Requests that wait are answered now; new ones do not wait. Call it before the server stops."""
        if self._gateway is not None:
            self._gateway.begin_shutdown()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        client = open_client()
        try:
            limiter = Limiter(self._settings, self._metrics)
            core = await open_core(self._settings, database_url=self._database_url)
            network = ProviderNetwork(client, plain_loopback=self._settings.mode == "development")
            gateway = Gateway(core, SURFACES, self._settings, limiter, self._metrics, network)
        except Exception as failure:  # noqa: BLE001 - the server is told, and stops
            _log.exception("start.failed")
            await send({"type": "lifespan.startup.failed", "message": str(failure)})
            return
        self._gateway = gateway
        jobs = asyncio.create_task(runner.run(core), name="jobs") if self._settings.run_jobs else None
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.begin_shutdown()
        if jobs is not None:
            with suppress(asyncio.CancelledError):
                await jobs
        await limiter.close()
        await client.aclose()
        await close_core(core)
        await send({"type": "lifespan.shutdown.complete"})


def create_app(settings: Settings, *, database_url: str) -> Countersign:
    """The application of one process. Nothing is opened before its lifespan begins."""
    return Countersign(settings, database_url=database_url)
