"""What clients of real servers see of their deadlines, and what is left of the requests."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sockets.raw import Connection
from tests.support.servers import Server, granian, hypercorn, serving, uvicorn

APP = "tests.protection.deadline_app:asgi"
SERVERS = {
    "uvicorn": uvicorn(APP),
    "hypercorn": hypercorn(APP),
    "hypercorn-trio": hypercorn(APP, worker="trio"),
    "granian": granian(APP),
}
MANY = 30


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(*SERVERS[request.param]) as server:
        yield server


def wait_for(server: Server, said: str) -> None:
    server.log.wait_for(said, seconds=10)


def test_many_slow_uploads_at_once_each_get_a_408_and_leave_nothing(server: Server) -> None:
    before = server.counts()

    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.port)) for _ in range(MANY)]
        for each in connections:
            each.send("POST", "/upload", ("Content-Length", "100"))
            each.send_bytes(b"x")
        answers = [each.answer() for each in connections]

    assert {(answer.status, answer.get("connection")) for answer in answers} == {(408, "close")}
    assert server.counts_after(before) == before


def test_a_late_safe_handler_is_answered_for_and_cleans_up(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/safe")
        answer = connection.answer()

    assert answer.status == 504
    wait_for(server, "cleaned up")


def test_a_late_unsafe_handler_finishes_behind_its_504(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("POST", "/unsafe", body=b"")
        answer = connection.answer()
        said = server.log.text

    assert answer.status == 504
    assert "work done" not in said
    wait_for(server, "work done")
    wait_for(server, "answered")


def test_a_thread_does_not_hold_up_the_504_and_the_connection_can_be_used_again(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/thread")
        late = connection.answer()
        connection.send("GET", "/")
        again = connection.answer()

    assert (late.status, again.status) == (504, 200)


def test_a_stream_that_stops_is_seen_to_be_broken_off(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/gap")
        answer = connection.head()
        first = connection.chunk(answer)
        with pytest.raises((AssertionError, OSError)):  # no last chunk, but the end of the connection
            connection.chunk(answer)

    assert first == b"one"


def test_what_runs_on_after_the_last_message_is_not_cut(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/background")
        answer = connection.answer()

    assert answer.status == 200
    wait_for(server, "background done")
