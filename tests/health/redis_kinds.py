"""Redis in the forms that are more than one process: a cluster, and a master that a sentinel watches."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.support.redis_server import RedisServer, executable, redis_server

SECONDS = 10.0
SLOTS = 16384


@contextmanager
def redis_cluster(folder: Path, *, password: str) -> Iterator[RedisServer]:
    """A cluster of one node, which has all the slots."""
    with redis_server(folder, "--cluster-enabled", "yes", password=password) as node:
        with Redis.from_url(node.url, decode_responses=True) as client:
            client.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))
            until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
        yield node


@contextmanager
def redis_sentinel(folder: Path, master: RedisServer, *, password: str) -> Iterator[RedisServer]:
    """A sentinel with a password of its own that knows ``master`` as ``shop``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\nlogfile {folder / 'sentinel.log'}\n"
        f"requirepass {password}\nsentinel monitor shop 127.0.0.1 {master.port} 1\n"
        f"sentinel auth-pass shop {master.password}\n"
    )
    process = subprocess.Popen([executable(), str(config), "--sentinel"], stdout=subprocess.DEVNULL)
    server = RedisServer(port=port, process=process, password=password)
    try:
        until(lambda: knows_master(server))
        yield server
    finally:
        server.stop()


def knows_master(sentinel: RedisServer) -> bool:
    """Whether the sentinel is up and says where its master is."""
    with Redis(port=sentinel.port, password=sentinel.password) as client:
        return bool(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop"))


def until(happens: Callable[[], bool]) -> None:
    """Wait for a server that says by itself when it is ready."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with suppress(RedisError):
            if happens():
                return
        time.sleep(0.02)
    raise RuntimeError(f"not ready after {SECONDS:g} s")
