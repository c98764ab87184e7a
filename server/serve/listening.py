"""The sockets that an instance listens on. They are bound once, in the parent, and shared by the workers."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from server.base.settings import Settings
from server.serve.refusal import CannotStart

BACKLOG = 2048


@contextmanager
def listening(settings: Settings) -> Iterator[tuple[socket.socket, ...]]:
    """Inside, the instance listens: on its port, first, and on those that belong to one document alone.

    Raises:
        CannotStart: As `listen`.
    """
    ports = dict.fromkeys((settings.port, *settings.bound_ports))
    with ExitStack() as stack:
        yield tuple(stack.enter_context(listen(settings.host, port)) for port in ports)


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket that listens on *host* and *port*; port 0 takes a free one.

    Connections made before a worker accepts them wait in the socket's queue (at most 2048).

    Raises:
        CannotStart: The port is taken or may not be used, or the host is no address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise CannotStart(
            f"COUNTERSIGN_HOST: `{host}` is not an address or name that can be found."
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as refused:
        listener.close()
        raise CannotStart(_sentence(host, port, refused)) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL under which *listener* is reached, with the port that it really has."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"


def _sentence(host: str, port: int, refused: OSError) -> str:
    match refused.errno:
        case errno.EADDRINUSE:
            return f"Port {port} of {host} is taken: stop the program that has it, or set COUNTERSIGN_PORT."
        case errno.EACCES:
            return f"Port {port} may not be used by this user: set COUNTERSIGN_PORT to one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"COUNTERSIGN_HOST: {host} is not an address of this machine."
    return f"{host}, port {port}, cannot be listened on: {refused.strerror}."
