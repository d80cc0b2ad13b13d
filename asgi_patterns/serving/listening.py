"""Where a server listens: sockets that are bound before anything else is done."""

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

# A name may have an address of a family that this machine does not have; the others will do.
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class CannotServe(Exception):
    """Why serving has not begun, in one sentence."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """An address to listen on: a host with all its addresses, or a Unix socket."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 is any free one."""
    uds: str | None = None
    """The path of a Unix socket, in place of host and port. Who may connect is up to its directory and umask."""

    def bind(self) -> list[socket.socket]:
        """Return bound sockets, on which nobody is heard yet. Raises ``CannotServe``."""
        try:
            return _bind(self.host, self.port) if self.uds is None else [_bind_unix(self.uds)]
        except OSError as exc:
            where = self.uds or _joined(self.host, self.port)
            if exc.errno == errno.EADDRINUSE:
                other = "another --port" if self.uds is None else "another path"
                raise CannotServe(f"{where} is in use: stop what listens there, or choose {other}") from exc
            raise CannotServe(f"cannot listen on {where}: {exc.strerror}") from exc

    def url(self, bound: socket.socket, scheme: str = "http") -> str:
        """Return what a client has to be told."""
        return f"unix:{self.uds}" if self.uds else f"{scheme}://{_joined(self.host, bound.getsockname()[1])}"

    def tidy(self) -> None:
        """Remove what is left of a Unix socket."""
        if self.uds is not None:
            Path(self.uds).unlink(missing_ok=True)


def leave(sockets: list[socket.socket], most: int) -> list[str]:
    """Close and take out of ``sockets`` what is more than ``most`` of them; return where nobody listens now."""
    left = sockets[most:]
    del sockets[most:]
    addresses = [str(each.getsockname()[0]) for each in left]
    for each in left:
        each.close()
    return addresses


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(host: str, port: int) -> list[socket.socket]:
    """Bind to every address of ``host``, as event loops do: ``localhost`` has two."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    absent: OSError | None = None
    with ExitStack() as opened:
        for family, _, _, _, address in found:
            if bound and port == 0:
                address = (address[0], bound[0].getsockname()[1], *address[2:])
            try:
                bound.append(opened.enter_context(_bound(family, address)))
            except OSError as exc:
                if exc.errno not in _ABSENT:
                    raise
                absent = exc
        if absent is not None and not bound:
            raise absent
        opened.pop_all()
    return bound


def _bound(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family != socket.AF_UNIX:
            # Connections inherit it. Not every server switches the delay of small packets off by itself, and then
            # the second event of a stream waits until the client has acknowledged the first.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_unix(path: str) -> socket.socket:
    if Path(path).is_socket() and not _is_answered(path):
        Path(path).unlink()  # of a server that ended without tidying up
    return _bound(socket.AF_UNIX, path)


def _is_answered(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(path)
        except ConnectionRefusedError:
            return False
    return True
