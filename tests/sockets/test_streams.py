"""Bodies in parts: each part is there before the next one exists, and a client that leaves is noticed."""

import json
import time

import pytest
from websockets.sync.client import connect

from examples.paced import EVENTS, LINES
from tests.sockets.conftest import Example
from tests.sockets.hosts import pairs
from tests.sockets.raw import SECONDS, Connection, ask
from tests.support.servers import Server

PARTS = pytest.mark.parametrize(
    ("path", "media_type", "parts"),
    [
        pytest.param("/stream", "text/plain", LINES, id="lines"),
        pytest.param("/events", "text/event-stream", EVENTS, id="server-sent events"),
    ],
)
SPEAK_WEBSOCKET = pytest.mark.parametrize("example", pairs(websocket=True), indirect=True, scope="session")


def open_streams(server: Server) -> int:
    number: int = json.loads(ask(server.port, "GET", "/streams").body)["open"]
    return number


def open_streams_after(server: Server, expected: int) -> int:
    """How many streams are open as soon as there are as many as expected, or in the end."""
    deadline = time.monotonic() + SECONDS
    while (now := open_streams(server)) != expected and time.monotonic() < deadline:
        time.sleep(0.01)
    return now


@PARTS
def test_a_part_arrives_before_the_next_one_is_sent(
    server: Server, path: str, media_type: str, parts: tuple[bytes, ...]
) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", f"{path}?hold=paced")

        answer = connection.head()
        first = connection.chunk(answer)
        released = ask(server.port, "POST", "/release?hold=paced", body=b"")
        others = [connection.chunk(answer) for _ in parts]

    assert answer.get("content-type").partition(";")[0] == media_type
    assert first == parts[0]
    assert json.loads(released.body) == {"released": True}
    assert others == [*parts[1:], b""]


@PARTS
def test_a_client_that_leaves_half_way_ends_its_stream_and_nothing_else(
    server: Server, path: str, media_type: str, parts: tuple[bytes, ...]
) -> None:
    with Connection(server.port) as stays, Connection(server.port) as leaves:
        stays.send("GET", f"{path}?hold=stays")
        staying = stays.head()
        assert stays.chunk(staying) == parts[0]
        leaves.send("GET", f"{path}?hold=leaves")
        assert leaves.chunk(leaves.head()) == parts[0]
        both = open_streams(server)

        leaves.close()

        assert both == 2
        assert open_streams_after(server, 1) == 1
        assert json.loads(ask(server.port, "POST", "/release?hold=leaves", body=b"").body) == {
            "released": False
        }
        assert json.loads(ask(server.port, "POST", "/release?hold=stays", body=b"").body) == {
            "released": True
        }
        assert [stays.chunk(staying) for _ in parts] == [*parts[1:], b""]
    assert open_streams_after(server, 0) == 0


def test_a_client_that_leaves_in_the_middle_of_its_upload_stops_nothing(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("POST", "/upload", ("Content-Length", "1000"), ("Expect", "100-continue"))
        assert connection.head().status == 100  # the app has begun to read
        connection.send_bytes(b"half of it")

    assert json.loads(ask(server.port, "POST", "/upload", body=b"whole").body) == {"received": 5}


@SPEAK_WEBSOCKET
def test_a_websocket_echoes(server: Server, example: Example) -> None:
    is_told = server is example.wrapped and example.host.sends_fields_of_accept
    fields = {"X-Request-ID": "socket-0001"}
    with connect(f"ws://127.0.0.1:{server.port}/echo", additional_headers=fields, proxy=None) as socket:
        assert socket.response is not None
        ids = socket.response.headers.get_all("X-Request-ID")

        socket.send("one")
        socket.send("two")

        assert [socket.recv(SECONDS), socket.recv(SECONDS)] == ["one", "two"]
    assert ids == ["socket-0001"] * is_told
