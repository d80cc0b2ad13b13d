"""Redis in the forms that are more than one process: a cluster, and a master that a sentinel watches."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, final

from redis import Redis
from redis.exceptions import RedisError

from tests.support.redis_server import RedisServer, executable, free_port, redis_server

SECONDS = 30.0
SLOTS = 16384


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RedisCluster:
    """Masters without replicas, which share all slots evenly, in their order."""

    nodes: Sequence[RedisServer]

    @property
    def url(self) -> str:
        """Where its nodes are, with their password."""
        login = f":{self.nodes[0].password}@" if self.nodes[0].password else ""
        return f"redis+cluster://{login}" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def owner(self, slot: int) -> RedisServer:
        """Who had the slot at first."""
        return next(
            node for node, slots in zip(self.nodes, _shares(len(self.nodes)), strict=True) if slot in slots
        )


@contextmanager
def redis_cluster(folder: Path, *, password: str | None = None, size: int = 3) -> Iterator[RedisCluster]:
    """Run a cluster of ``size`` nodes, each with a folder of its own in ``folder``."""
    with ExitStack() as stack:
        nodes = []
        for number in range(size):
            home = folder / f"node{number}"
            home.mkdir()
            nodes.append(stack.enter_context(redis_server(home, password=password, is_node=True)))
        clients = [stack.enter_context(client_of(node)) for node in nodes]
        for client, slots in zip(clients, _shares(size), strict=True):
            client.execute_command("CLUSTER", "ADDSLOTS", *slots)
        for node in nodes[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port)
        until(lambda: all(_is_complete(client, size) for client in clients))
        yield RedisCluster(nodes=nodes)


def client_of(server: RedisServer, *, decode: bool = True) -> Any:
    """A blocking client, to set a stage with."""
    return Redis(port=server.port, password=server.password, decode_responses=decode)


def _shares(size: int) -> Sequence[range]:
    edges = [SLOTS * number // size for number in range(size + 1)]
    return [range(*edge) for edge in pairwise(edges)]


def _is_complete(client: Any, size: int) -> bool:
    info = str(client.execute_command("CLUSTER", "INFO"))
    nodes = str(client.execute_command("CLUSTER", "NODES")).splitlines()
    return "cluster_state:ok" in info and len(nodes) == size and all("connected" in node for node in nodes)


@contextmanager
def redis_sentinel(folder: Path, master: RedisServer, *, password: str) -> Iterator[RedisServer]:
    """A sentinel with a password of its own that knows ``master`` as ``shop``."""
    port = free_port()
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
