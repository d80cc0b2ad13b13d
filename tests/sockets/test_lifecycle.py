"""What a server holds when its requests are over."""

from contextlib import ExitStack

from examples.paced import LINES
from tests.sockets.conftest import Example
from tests.sockets.raw import Connection, ask
from tests.support.servers import Counts, Server

CLIENTS = 6
ROUNDS = 36
"""More than the threads of an executor, 32 at most: it starts one when all others happen to be busy, and keeps it."""


def keep_busy(server: Server) -> Counts:
    """Everything that an example can do, with clients that hang up. Return what the server held meanwhile."""
    with ExitStack() as stack:
        opened = [stack.enter_context(Connection(server.port)) for _ in range(CLIENTS)]
        for connection in opened:
            connection.send("GET", "/stream?hold=nobody")
            assert connection.chunk(connection.head()) == LINES[0]
        for path in ("/json", "/events", "/error", "/missing"):
            ask(server.port, "GET", path, body=b"")
        ask(server.port, "POST", "/upload", body=b"x" * 100_000)
        return server.counts()


def keep_all_busy(example: Example) -> list[Counts]:
    return [keep_busy(server) for server in example.both]


def counts_after(example: Example, at_rest: list[Counts]) -> list[Counts]:
    return [server.counts_after(rest) for server, rest in zip(example.both, at_rest, strict=True)]


def threads(counts: list[Counts]) -> list[int]:
    return [each.threads for each in counts]


def test_no_process_task_thread_or_socket_is_left_after_the_requests(example: Example) -> None:
    at_rest = [example.at_rest[server.pid] for server in example.both]
    keep_all_busy(example)
    after = counts_after(example, at_rest)

    for _ in range(ROUNDS):
        before = after
        busy = keep_all_busy(example)
        after = counts_after(example, at_rest)

        assert after == at_rest
        assert all(now.sockets >= rest.sockets + CLIENTS for now, rest in zip(busy, at_rest, strict=True))
        assert all(now.tasks >= rest.tasks + CLIENTS for now, rest in zip(busy, at_rest, strict=True))
        if threads(after) == threads(before):
            return
    raise AssertionError(f"each of {ROUNDS} rounds leaves threads: there are {threads(after)}")
