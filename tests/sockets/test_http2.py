"""The same over HTTP/2: many requests on one connection, and a client that wants no more of one of them."""

import json
import re

import pytest

from examples.paced import EVENTS, LINES
from tests.sockets.conftest import Example
from tests.sockets.hosts import pairs
from tests.sockets.http2 import Connection
from tests.sockets.raw import Answer, Field
from tests.sockets.test_streams import open_streams_after
from tests.support.servers import Server, serving

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
    at_rest = example.at_rest[example.wrapped.pid]
    # A server of its own: what one may keep of a reset request is not for the other tests to find.
    with serving(*example.host.command(f"examples.{example.name}_app:app")) as server:
        with Connection(server.port) as connection:
            half_sent = connection.send("POST", "/upload", ("Content-Length", "1000"), ends=False)
            half_sent.send_body(b"half of it", ends=False)
            unanswered = connection.send("GET", "/slow?seconds=0.1")
            unread = connection.send("GET", "/stream")

            for stream in (half_sent, unanswered, unread):
                stream.reset()

            answer = connection.send("GET", "/json", ("X-Request-ID", "after-reset")).answer()

        assert (answer.status, answer.get("x-request-id")) == (200, "after-reset")
        if example.host.forgets_resets:
            assert server.counts_after(at_rest) == at_rest
