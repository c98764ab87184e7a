"""Wake-ups: whoever waits for a topic is woken when any process publishes it.

A topic is a short text such as `attempt:42`. A wake-up carries no data and is no promise: it says "look
again", it may come twice or without cause, and it is never stored. So a waiter subscribes first, reads
second, and waits third, and reads again after each wake-up:

    with db.wakeups.subscribe(topic) as subscription:
        while (found := await look()) is None and await subscription.wait(remaining_seconds()):
            pass

Between processes a wake-up travels as PostgreSQL's NOTIFY. NOTIFY makes commits queue behind one another,
so it is never part of a transaction that does something else: topics gather while one notification is on
its way or has just left, and all of them go in the next. When nothing went lately a topic leaves at once.

One connection per process listens and sends. While it is lost, nothing is lost: what was to be sent is
kept and sent again, and once the process listens again everybody in it is woken to look.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from secrets import SystemRandom, token_hex
from types import TracebackType
from typing import Any, Self

import asyncpg
import structlog

from server.base.errors import Unavailable
from server.db.outages import CONNECTING

CHANNEL = "countersign"
MAX_TOPIC_LENGTH = 250
# PostgreSQL takes payloads of less than 8000 bytes.
MAX_PAYLOAD_BYTES = 7999
# Beyond so many topics it is cheaper to wake everybody than to remember whom.
MAX_QUEUED_TOPICS = 10_000
EVERY_TOPIC = "*"

# Between one notification and the next.
SPACING_SECONDS = 0.002
# A connection that nothing was heard from for so long is asked whether it is still there.
HEARTBEAT_SECONDS = 15.0
ANSWER_TIMEOUT_SECONDS = 10.0
FIRST_RETRY_SECONDS = 0.05
# Statements work as soon as the database does: who waits at another process must not be deaf for longer.
LONGEST_RETRY_SECONDS = 0.5
CLOSE_TIMEOUT_SECONDS = 5.0

SEND = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"

Listener = Callable[[str | None], None]

_log = structlog.stdlib.get_logger(__name__)
_random = SystemRandom()


class Subscription:
    """One waiter's place. It counts from its making; leaving the `with` block gives it up."""

    __slots__ = ("_topics", "_waker", "_wakeups", "_woken")

    def __init__(self, wakeups: "Wakeups", topics: tuple[str, ...]) -> None:
        self._wakeups = wakeups
        self._topics = topics
        self._woken = False
        self._waker: Callable[[], object] | None = None

    async def wait(self, timeout_seconds: float) -> bool:
        """Whether a wake-up has come since the last wait; it comes back as soon as one does.

        No task and no connection waits with it. One coroutine at a time may wait.

        Args:
            timeout_seconds: How long to wait for one, on the event loop's clock; zero or less only looks.
        """
        if not self._woken and timeout_seconds > 0:
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            timer = loop.call_later(timeout_seconds, _finish, waiter)
            self._waker = partial(_finish, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waker = None
        return self.take()

    def calls(self, waker: Callable[[], object] | None) -> None:
        """*waker* is called once with the next wake-up, or now if one has come since the last `take`.

        For who waits for something else besides. It does not raise. None takes it back.
        """
        self._waker = waker
        if self._woken:
            self._call_waker()

    def take(self) -> bool:
        """Whether a wake-up has come since the last look."""
        woken, self._woken = self._woken, False
        return woken

    def close(self) -> None:
        """No wake-up comes any more. Doing it twice changes nothing."""
        for topic in self._topics:
            self._wakeups._forget(topic, self)  # noqa: SLF001 - the two are one mechanism

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _wake(self) -> None:
        self._woken = True
        self._call_waker()

    def _call_waker(self) -> None:
        waker, self._waker = self._waker, None
        if waker is not None:
            waker()


class Wakeups:
    """The wake-ups of one process. All methods are for the event loop's own thread."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._sender = token_hex(8)
        self._own_head = _head_of(self._sender)
        # Nearly every topic has one waiter; a set for it alone would take more than the rest of its place.
        self._subscriptions: dict[str, Subscription | set[Subscription]] = {}
        self._listeners: list[tuple[str, Listener]] = []
        self._queue: dict[str, None] = {}  # a set that keeps its order
        self._stirred = asyncio.Event()  # there is something to send, the connection is lost, or it is over
        self._closing = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """This process hears what other processes publish, until `close`.

        Raises:
            Unavailable: The database does not answer.
        """
        try:
            await self._listen()
        except CONNECTING as cause:
            raise Unavailable from cause
        self._task = asyncio.create_task(self._run(), name="wake-ups")

    @property
    def is_listening(self) -> bool:
        """Whether wake-ups of other processes arrive at this moment."""
        return self._connection is not None and not self._connection.is_closed()

    def subscribe(self, *topics: str) -> Subscription:
        """A place among those who wait for any of *topics*; wake-ups count from this moment."""
        subscription = Subscription(self, topics)
        for topic in topics:
            match self._subscriptions.setdefault(topic, subscription):
                case set() as others:
                    others.add(subscription)
                case other if other is not subscription:
                    self._subscriptions[topic] = {other, subscription}
        return subscription

    def on(self, topic_prefix: str, callback: Listener) -> Callable[[], None]:
        """*callback* is called for each published topic that begins with *topic_prefix*.

        It is called with the topic; with None when any topic may have been missed, or everybody is
        woken. It is a plain function that returns quickly; what it raises is logged.

        Returns:
            A function that ends this.
        """
        entry = (topic_prefix, callback)
        self._listeners.append(entry)

        def end() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)

        return end

    def publish(self, *topics: str) -> None:
        """Whoever waits for one of *topics* is woken: in this process now, in others as soon as they hear.

        Call it after the commit: who is woken looks at once, and must find what has changed.

        Raises:
            ValueError: A topic is longer than 250 characters.
        """
        for topic in topics:
            if len(topic) > MAX_TOPIC_LENGTH:
                raise ValueError(f"a topic has at most {MAX_TOPIC_LENGTH} characters")
            self._deliver(topic)
            self._enqueue(topic)

    def wake_all(self) -> None:
        """Everybody who waits in this process is woken."""
        for topic in list(self._subscriptions):
            self._wake(topic)
        for _, callback in list(self._listeners):
            _call(callback, None)

    async def close(self) -> None:
        """What was published is sent, if the database lets it; then everybody in this process is woken."""
        self._closing.set()
        self._stirred.set()
        if self._task is not None:
            _, late = await asyncio.wait((self._task,), timeout=CLOSE_TIMEOUT_SECONDS)
            if late:
                self._task.cancel()
                await asyncio.wait((self._task,))
            self._task = None
        if self._queue:
            _log.warning("wakeups.not_sent", topics=len(self._queue))
            self._queue.clear()
        await self._hang_up()
        self.wake_all()

    # --- here ---------------------------------------------------------------------------------------

    def _forget(self, topic: str, subscription: Subscription) -> None:
        found = self._subscriptions.get(topic)
        if isinstance(found, set):
            found.discard(subscription)
        if found is subscription or found == set():
            del self._subscriptions[topic]

    def _deliver(self, topic: str) -> None:
        if topic == EVERY_TOPIC:
            self.wake_all()
            return
        self._wake(topic)
        for prefix, callback in list(self._listeners):
            if topic.startswith(prefix):
                _call(callback, topic)

    def _wake(self, topic: str) -> None:
        found = self._subscriptions.get(topic)
        if isinstance(found, set):
            for subscription in found:
                subscription._wake()  # noqa: SLF001 - the two are one mechanism
        elif found is not None:
            found._wake()  # noqa: SLF001 - as above

    def _enqueue(self, topic: str) -> None:
        if self._closing.is_set() and self._task is None:
            return  # closed; nobody sends any more
        if EVERY_TOPIC in self._queue:
            return
        self._queue[topic] = None
        if topic == EVERY_TOPIC or len(self._queue) > MAX_QUEUED_TOPICS:
            self._queue = {EVERY_TOPIC: None}
        self._stirred.set()

    # --- between processes --------------------------------------------------------------------------

    async def _listen(self) -> None:
        conn = await self._connect()
        try:
            await conn.add_listener(CHANNEL, self._hear)
        except BaseException:
            conn.terminate()
            raise
        conn.add_termination_listener(self._stir)
        self._connection = conn

    async def _run(self) -> None:
        """Sends and keeps the connection until it is told to close."""
        while True:
            try:
                await self._send_and_receive()
            except CONNECTING as cause:
                _log.warning("wakeups.connection_lost", cause=repr(cause))
            except Exception:  # noqa: BLE001 - whatever it is, it must not leave this process deaf
                _log.exception("wakeups.failed")
            if self._closing.is_set():
                return
            await self._hang_up()
            await self._listen_again()
            if self._closing.is_set():
                return
            _log.info("wakeups.listening_again")
            self.wake_all()

    async def _send_and_receive(self) -> None:
        """Returns when it is told to close and everything is sent, or when the connection is lost."""
        conn = self._connection
        while conn is not None and not conn.is_closed():
            self._stirred.clear()
            if self._queue:
                await self._send(conn)
                # What gathers in this time goes together. Each notification is a statement here, a commit in
                # the database, and something to hear for every process, this one included.
                await asyncio.sleep(SPACING_SECONDS)
            elif self._closing.is_set():
                return
            else:
                await self._idle(conn)

    async def _send(self, conn: asyncpg.Connection) -> None:
        sending, self._queue = self._queue, {}
        try:
            await conn.execute(SEND, CHANNEL, payloads(self._sender, sending), timeout=ANSWER_TIMEOUT_SECONDS)
        except BaseException:
            # Nobody knows whether they arrived. Twice does no harm.
            newer, self._queue = self._queue, {}
            for topic in (*sending, *newer):
                self._enqueue(topic)
            raise

    async def _idle(self, conn: asyncpg.Connection) -> None:
        """Something stirred. A dead connection is found here: no notification would ever tell."""
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._stirred.wait()
        except TimeoutError:
            await conn.execute("SELECT 1", timeout=ANSWER_TIMEOUT_SECONDS)

    async def _listen_again(self) -> None:
        """This process listens again, or it is told to close before it could."""
        retry_seconds = FIRST_RETRY_SECONDS
        tell = _log.warning
        while not self._closing.is_set():
            try:
                await self._listen()
            except CONNECTING as cause:
                tell("wakeups.cannot_connect", cause=repr(cause), retry_seconds=retry_seconds)
                # Twice a second would be too often; that it listens again is told too.
                tell = _log.debug
            except Exception:  # noqa: BLE001 - whatever it is, it must not leave this process deaf
                _log.exception("wakeups.failed")
            else:
                return
            await self._pause(_random.uniform(0.5, 1) * retry_seconds)
            retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """*seconds* have passed, or it is told to close. Topics that stir meanwhile stay in the queue."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not self._closing.is_set() and (remaining := end - loop.time()) > 0:
            self._stirred.clear()
            try:
                async with asyncio.timeout(remaining):
                    await self._stirred.wait()
            except TimeoutError:
                return

    async def _hang_up(self) -> None:
        conn, self._connection = self._connection, None
        if conn is None:
            return
        conn.remove_termination_listener(self._stir)
        try:
            await conn.close(timeout=ANSWER_TIMEOUT_SECONDS)
        except CONNECTING:
            conn.terminate()

    def _stir(self, _: object) -> None:
        self._stirred.set()

    def _hear(self, _conn: object, _pid: int, _channel: str, payload: object) -> None:
        text = str(payload)
        if text.startswith(self._own_head):
            return  # its own waiters were woken when it published
        try:
            _, topics = read_payload(text)
        except ValueError:
            _log.warning("wakeups.unreadable_notification")
            return
        for topic in topics:
            self._deliver(topic)


def payloads(sender: str, topics: Iterable[str]) -> list[str]:
    """*topics* as payloads for NOTIFY, as few as there can be: ASCII, each of at most 7999 bytes.

    Each is a JSON object: `{"from":"6b1f…","topics":["attempt:42"]}`.
    """
    head, tail = _head_of(sender), "]}"
    room = MAX_PAYLOAD_BYTES - len(head) - len(tail)
    chunks: list[list[str]] = [[]]
    used = 0
    for topic in topics:
        text = json.dumps(topic)
        needed = len(text) + 1
        if used + needed > room:
            chunks.append([])
            used = 0
        chunks[-1].append(text)
        used += needed
    return [f"{head}{','.join(chunk)}{tail}" for chunk in chunks if chunk]


def _head_of(sender: str) -> str:
    """How every payload of *sender* begins."""
    return f'{{"from":{json.dumps(sender)},"topics":['


def read_payload(payload: str) -> tuple[str, list[str]]:
    """The sender and the topics of a notification.

    Raises:
        ValueError: It is not one of ours.
    """
    message: Any = json.loads(payload)
    match message:
        case {"from": str(sender), "topics": list(topics)} if all(isinstance(topic, str) for topic in topics):
            return sender, topics
        case _:
            raise ValueError("not a list of topics")


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _call(callback: Listener, topic: str | None) -> None:
    try:
        callback(topic)
    except Exception:  # noqa: BLE001 - the others are to be called all the same
        _log.exception("wakeups.listener_failed", topic=topic)
