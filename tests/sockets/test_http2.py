"""The same over HTTP/2: many requests on one connection, and a client that wants no more of one of them."""

import json
import re
from dataclasses import replace

import pytest

from examples.paced import EVENTS, LINES
from tests.sockets.conftest import Example
from tests.sockets.hosts import pairs
from tests.sockets.http2 import Connection
from tests.sockets.raw import Answer, Field, ask
from tests.sockets.test_streams import open_streams_after
from tests.support.servers import Server

EVERYWHERE = pytest.mark.parametrize("example", pairs(http2=True), indirect=True, scope="session")

LARGE = b"x" * 100_000  # more than a stream takes at once
REQUESTS: list[tuple[str, str, bytes | None]] = [
    ("GET", "/json", None),
    ("GET", "/stream", None),
    ("GET", "/events", None),
    ("POST", "/upload", b""),
    ("POST", "/upload", LARGE),
]
"""What the pipeline changes no byte of."""

MADE = re.compile("[0-9a-f]{32}")


def answers(server: Server, *fields: Field) -> list[Answer]:
    """Send all of ``REQUESTS`` on one connection before the first answer is read."""
    with Connection(server.port) as connection:
        sent = [connection.send(method, path, *fields, body=body) for method, path, body in REQUESTS]
        return [stream.answer() for stream in reversed(sent)][::-1]


def seen(answer: Answer) -> tuple[int, list[Field], bytes]:
    kept = [(name, value) for name, value in answer.fields if name not in ("date", "x-request-id")]
    return answer.status, kept, answer.body


@EVERYWHERE
def test_the_pipeline_changes_no_byte_of_any_stream_but_adds_the_id(example: Example) -> None:
    without, within = answers(example.bare), answers(example.wrapped)

    ids = [answer.get("x-request-id") for answer in within]
    assert [seen(answer) for answer in within] == [seen(answer) for answer in without]
    assert [answer.status for answer in within] == [200] * len(REQUESTS)
    assert json.loads(within[-1].body) == {"received": len(LARGE)}
    assert len({each for each in ids if MADE.fullmatch(each)}) == len(REQUESTS)


@EVERYWHERE
def test_each_stream_keeps_its_id_a_crash_included(example: Example) -> None:
    ids = [f"stream-{number:04}" for number in range(20)]
    paths = ["/json", "/error", "/stream", "/missing", "/slow?seconds=0.01"]
    with Connection(example.wrapped.port) as connection:
        sent = [
            connection.send("GET", paths[number % len(paths)], ("X-Request-ID", each))
            for number, each in enumerate(ids)
        ]

        answered = [stream.answer() for stream in reversed(sent)][::-1]

    assert [answer.get("x-request-id") for answer in answered] == ids
    assert [answer.status for answer in answered] == [200, 500, 200, 404, 200] * 4


@EVERYWHERE
@pytest.mark.parametrize(("path", "parts"), [("/stream", LINES), ("/events", EVENTS)])
def test_a_part_arrives_before_the_next_one_is_sent(
    server: Server, path: str, parts: tuple[bytes, ...]
) -> None:
    with Connection(server.port) as connection:
        held = connection.send("GET", f"{path}?hold=paced")
        first = held.part()

        released = connection.send("POST", "/release?hold=paced", body=b"").answer()
        rest = held.answer().body

    assert first == parts[0]
    assert json.loads(released.body) == {"released": True}
    assert rest == b"".join(parts[1:])


@EVERYWHERE
def test_a_stream_that_the_client_resets_ends_and_nothing_else(server: Server) -> None:
    with Connection(server.port) as connection:
        stays, leaves = (connection.send("GET", f"/stream?hold={name}") for name in ("stays", "leaves"))
        assert stays.part() == leaves.part() == LINES[0]

        leaves.reset()

        assert open_streams_after(server, 1) == 1
        for name, waits in (("leaves", False), ("stays", True)):
            released = connection.send("POST", f"/release?hold={name}", body=b"").answer()
            assert json.loads(released.body) == {"released": waits}
        assert stays.answer().body == b"".join(LINES[1:])
    assert open_streams_after(server, 0) == 0


@EVERYWHERE
def test_requests_that_the_client_resets_leave_connection_and_server_as_they_were(example: Example) -> None:
    with example.apart("app") as (server, at_rest):
        with Connection(server.port) as connection:
            held = connection.send("GET", "/stream?hold=held")  # so the connection never counts as idle
            assert held.part() == LINES[0]
            before = server.counts_after(server.counts())  # twice the same: not in the middle of a step

            half_sent = connection.send("POST", "/upload", ("Content-Length", "1000"), ends=False)
            half_sent.send_body(b"half of it", ends=False)
            unanswered = connection.send("GET", "/slow?seconds=0.1")
            unread = connection.send("GET", "/stream")
            for stream in (half_sent, unanswered, unread):
                stream.reset()
            answer = connection.send("GET", "/json", ("X-Request-ID", "after-reset")).answer()

            # Only then hang up: what an app answers after that is for the next test.
            assert server.counts_after(before) == before
            connection.send("POST", "/release?hold=held", body=b"").answer()
            assert held.answer().body == b"".join(LINES[1:])

        assert (answer.status, answer.get("x-request-id")) == (200, "after-reset")
        assert server.counts_after(at_rest) == at_rest


@pytest.mark.parametrize("example", pairs("bare", "starlette", http2=True), indirect=True, scope="session")
@pytest.mark.parametrize("variable", ["bare", "app"])
def test_an_answer_after_the_client_has_hung_up_leaves_the_same_with_the_pipeline_and_without(
    example: Example, variable: str
) -> None:
    with example.apart(variable) as (server, at_rest):
        left = at_rest
        if not example.host.ends_late_answers:  # the app's task and the connection's, with its socket
            left = replace(at_rest, tasks=at_rest.tasks + 2, sockets=at_rest.sockets + 1)

        with Connection(server.port) as connection:
            # Its handler waits for the rest, and answers once there comes no more.
            connection.send("POST", "/upload", ("Content-Length", "1000"), ends=False)
            assert connection.send("GET", "/json").answer().status == 200  # so the server has both

        assert server.counts_after(left) == left
        assert ask(server.port, "GET", "/slow?seconds=0.2").status == 200
        assert server.counts_after(left) == left  # and it stays so
