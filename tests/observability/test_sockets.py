"""What stands in the log of real servers, whatever their clients do."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.sockets.raw import Connection, ask
from tests.support.servers import Server, granian, hypercorn, serving, uvicorn

APP = "tests.observability.logged_app:asgi"
SERVERS = {
    "uvicorn": uvicorn(APP),
    "hypercorn": hypercorn(APP),
    "hypercorn-trio": hypercorn(APP, worker="trio"),
    "granian": granian(APP),
}


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(*SERVERS[request.param]) as server:
        yield server


def line_of(server: Server, path: str) -> dict[str, Any]:
    """Return the one line of the request for ``path``, which no other test asks for."""
    pattern = re.compile(rf'^\{{"time".*"path":"{re.escape(path)}".*\}}$', re.MULTILINE)
    server.log.wait_for(pattern, seconds=10)
    (found,) = pattern.findall(server.log.text)
    line: dict[str, Any] = json.loads(found)
    return line


def test_a_usual_request(server: Server) -> None:
    ask(server.port, "GET", "/shop/items/7?token=1")

    line = line_of(server, "/shop/items/7")
    assert (line["route"], line["status"], line["outcome"]) == ("/shop/items/{item}", 200, "ok")
    assert (line["query"], line["bytes_out"], line["client"]) == ("token=***", 5, "127.0.0.1")
    assert 0 < line["head"] <= line["duration"] < 10
    assert len(line["request_id"]) == 32


def test_a_head_request(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("HEAD", "/shop/items/head")
        connection.head()

    line = line_of(server, "/shop/items/head")
    assert (line["method"], line["bytes_out"], line["outcome"]) == ("HEAD", 0, "ok")


def test_an_unknown_path_has_no_route(server: Server) -> None:
    ask(server.port, "GET", "/nowhere")

    line = line_of(server, "/nowhere")
    assert ("route" in line, line["status"], line["outcome"]) == (False, 404, "client_error")


def test_a_stream(server: Server) -> None:
    answer = ask(server.port, "GET", "/short")

    line = line_of(server, "/short")
    assert answer.body == b"ticktock"
    assert (line["stream"], line["bytes_out"], line["outcome"]) == (True, 8, "ok")
    assert line["first_byte"] < line["duration"]


def test_a_client_that_hangs_up_on_a_stream(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/endless")
        connection.head()

    line = line_of(server, "/endless")
    assert (line["status"], line["outcome"], line["stream"]) == (200, "client_disconnect", True)


def test_a_client_that_hangs_up_before_the_head(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/waits/x")
        server.log.wait_for("waiting", seconds=10)

    line = line_of(server, "/waits/x")
    assert line["outcome"] == "client_disconnect"
    assert "status" not in line


def test_a_500_before_the_head(server: Server) -> None:
    answer = ask(server.port, "GET", "/fails")

    line = line_of(server, "/fails")
    assert answer.status == 500
    assert (line["status"], line["outcome"], line["error"]) == (500, "server_error", "ValueError")
    assert line["level"] == "warning"


def test_a_failure_after_the_head(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/fails-late")
        connection.head()
        line = line_of(server, "/fails-late")

    assert (line["status"], line["outcome"], line["error"]) == (200, "server_error", "ValueError")


def test_the_line_does_not_wait_for_background_work(server: Server) -> None:
    ask(server.port, "GET", "/later")

    line_of(server, "/later")
    assert "background done" not in server.log.text
    server.log.wait_for("background done", seconds=10)


def test_a_websocket_that_the_app_closes(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/ws/1") as socket:
        socket.send("hello")
        socket.recv()
        with suppress(ConnectionClosed):  # at the same time with the app: hypercorn dies of that on trio
            socket.recv()

    line = line_of(server, "/ws/1")
    assert (line["route"], line["websocket"], line["status"], line["code"]) == ("/ws/{room}", True, 101, 1000)
    assert (line["outcome"], line["bytes_in"], line["bytes_out"]) == ("ok", 5, 5)


# hypercorn says 1006 where a client closes, uvicorn and granian say 1005 where one is lost: what a server says, counts.
AS_THEY_SAY = {1000: "ok", 1005: "ok", 1006: "client_disconnect"}


def test_a_websocket_that_the_client_closes(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/listen/1") as socket:
        socket.send("hello")

    line = line_of(server, "/listen/1")
    assert line["outcome"] == AS_THEY_SAY[line["code"]]


def test_a_websocket_whose_client_is_lost(server: Server) -> None:
    lost = connect(f"ws://127.0.0.1:{server.port}/listen/2")
    lost.socket.shutdown(SHUT_RDWR)

    line = line_of(server, "/listen/2")
    assert line["outcome"] == AS_THEY_SAY[line["code"]]
