"""Several processes that serve from the same sockets: started, replaced when they die, renewed, stopped."""

import asyncio
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Sequence

import structlog

from server.serve.refusal import FAILED
from server.serve.serving_process import Serving
from server.serve.stopping import Stop, signals_blocked

# A worker that lived this long was well: its successor starts at once.
WELL_AFTER_SECONDS = 10.0
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# What a worker may take to end beyond its grace.
TIDYING_SECONDS = 10.0
RENEWAL_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Supervisor:
    """Keeps as many workers as the settings say.

    Args:
        serving: What each worker serves.
        listeners: The sockets that all accept from; closed as soon as the stop is requested.
        on_end: Called with the process id of each worker that has ended.
    """

    def __init__(
        self, serving: Serving, listeners: Sequence[socket.socket], on_end: Callable[[int], None]
    ) -> None:
        self._serving = serving
        self._listeners = listeners
        self._on_end = on_end
        self._stop = Stop(on_request=self._close_listeners)
        self._alive: set[_Worker] = set()
        self._slots: list[_Slot] = []
        self._renewal: asyncio.Task[None] | None = None
        self._began = False
        self._failed = False

    async def run(self, ready: Callable[[], None]) -> int:
        """Workers served until the process was asked to stop, and all have ended.

        SIGHUP replaces them one after another.

        Args:
            ready: Called once, when every worker accepts requests.

        Returns:
            The exit code: 0, or `FAILED` when the workers did not even begin.
        """
        with self._stop.listening(on_hangup=self._begin_renewal):
            await self._fill_slots()
            announcement = asyncio.create_task(self._announce(ready))
            await asyncio.gather(*(self._keep(slot) for slot in self._slots))
            for task in (announcement, self._renewal):
                if task is not None:
                    task.cancel()
            await self._end(*self._alive)
        return FAILED if self._failed else 0

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    async def _fill_slots(self) -> None:
        for _ in range(self._serving.settings.worker_count):
            worker = await self._start()
            if worker is not None:
                self._slots.append(_Slot(worker))
            elif not self._stop.requested.is_set():
                self._fail()

    def _fail(self) -> None:
        self._failed = True
        self._stop.request()

    async def _announce(self, ready: Callable[[], None]) -> None:
        for slot in self._slots:
            await slot.worker.ready.wait()
        self._began = True
        ready()

    async def _keep(self, slot: "_Slot") -> None:
        """*slot* had a living worker until the stop was requested."""
        delay_seconds = 0.0
        while not self._stop.requested.is_set():
            worker = slot.worker
            await _first(worker.ended, slot.renewed, self._stop.requested)
            if slot.renewed.is_set():
                slot.renewed.clear()
                continue
            if self._stop.requested.is_set():
                return
            if not self._began:
                self._fail()
                return
            delay_seconds = _next_delay(delay_seconds, worker.lived_seconds)
            await _first(slot.renewed, self._stop.requested, timeout_seconds=delay_seconds)
            async with slot.changing:
                if not slot.renewed.is_set():
                    slot.worker = await self._start() or worker

    def _begin_renewal(self) -> None:
        if self._began and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        """Every worker has been replaced, each as soon as its successor accepted requests."""
        log.info("workers.renewing")
        for slot in self._slots:
            async with slot.changing:
                successor = await self._start()
                if successor is None or not await successor.is_ready_within(RENEWAL_SECONDS):
                    log.error("workers.not_renewed")
                    return
                former, slot.worker = slot.worker, successor
                slot.renewed.set()
            await self._end(former)

    async def _start(self) -> "_Worker | None":
        """A new worker; None if the stop was requested, or the machine has no room for a process now."""
        if self._stop.requested.is_set():
            return None
        try:
            worker = await _Worker.start(self._serving, self._listeners)
        except OSError:
            log.exception("worker.not_started")
            return None
        log.info("worker.started", worker=worker.pid)
        self._alive.add(worker)
        worker.watching.add_done_callback(lambda _: self._bury(worker))
        return worker

    def _bury(self, worker: "_Worker") -> None:
        if not worker.was_asked_to_end and not self._stop.requested.is_set():
            log.error("worker.died", worker=worker.pid, exit=worker.exit_text)
        self._alive.discard(worker)
        self._on_end(worker.pid)

    async def _end(self, *workers: "_Worker") -> None:
        """*workers* have ended: by themselves within their grace, or killed."""
        for worker in workers:
            worker.terminate()
        grace_seconds = self._serving.settings.shutdown_grace_seconds + TIDYING_SECONDS
        all_ended = asyncio.Event()

        async def bury() -> None:
            for worker in workers:
                await worker.ended.wait()
            all_ended.set()

        burying = asyncio.create_task(bury())
        await _first(all_ended, self._stop.at_once, timeout_seconds=grace_seconds)
        for worker in workers:
            worker.kill()
        await burying


class _Slot:
    """A place for one worker."""

    def __init__(self, worker: "_Worker") -> None:
        self.worker = worker
        self.renewed = asyncio.Event()
        self.changing = asyncio.Lock()


class _Worker:
    """A process that serves, and a socket to it whose end tells either side that the other is gone."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.pid = process.pid
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.lived_seconds = 0.0
        self.was_asked_to_end = False
        self.watching = asyncio.create_task(self._watch(reader, writer))
        self._process = process
        self._born = asyncio.get_running_loop().time()

    @classmethod
    async def start(cls, serving: Serving, listeners: Sequence[socket.socket]) -> "_Worker":
        """A new process has been told what to serve. It is not ready yet."""
        ours, theirs = socket.socketpair()
        shared = [listener.fileno() for listener in listeners]
        try:
            with theirs, signals_blocked():
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "server.serve.serving_process",
                    *map(str, shared),
                    stdin=theirs.fileno(),
                    pass_fds=shared,
                )
        except OSError:
            ours.close()
            raise
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(pickle.dumps(serving))
        return cls(process, reader, writer)

    async def is_ready_within(self, timeout_seconds: float) -> bool:
        """Whether the process accepts requests before the time is over; else it is killed."""
        await _first(self.ready, self.ended, timeout_seconds=timeout_seconds)
        if not self.ready.is_set():
            self.kill()
        return self.ready.is_set()

    @property
    def exit_text(self) -> str:
        """How the process ended."""
        code = self._process.returncode
        if code is not None and -code in set(signal.Signals):
            return signal.Signals(-code).name
        return f"code {code}"

    def terminate(self) -> None:
        """The process is asked to stop."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """The process ends now."""
        self._send(signal.SIGKILL)

    def _send(self, which: signal.Signals) -> None:
        self.was_asked_to_end = True
        if not self.ended.is_set():
            self._process.send_signal(which)

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.read(1):
                self.ready.set()
        except ConnectionError:  # it died before it read what to serve
            pass
        await self._process.wait()
        self.lived_seconds = asyncio.get_running_loop().time() - self._born
        self.ended.set()
        writer.close()


def _next_delay(delay_seconds: float, lived_seconds: float) -> float:
    if lived_seconds >= WELL_AFTER_SECONDS:
        return 0.0
    return min(max(FIRST_DELAY_SECONDS, delay_seconds * 2), LONGEST_DELAY_SECONDS)


async def _first(*events: asyncio.Event, timeout_seconds: float | None = None) -> None:
    """One of *events* is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
