"""On a real server: a client that leaves before its answer begins takes no slot along."""

from collections.abc import Iterator

import pytest

from tests.sockets.raw import Connection, ask
from tests.support.servers import Server, granian, hypercorn, serving, uvicorn

APP = "tests.protection.shedding_app:app"
SERVERS = {"uvicorn": uvicorn(APP), "hypercorn": hypercorn(APP), "granian": granian(APP)}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(*SERVERS[request.param]) as running:
        yield running


def test_a_client_that_leaves_before_the_head_takes_no_slot_along(server: Server) -> None:
    with Connection(server.port) as waiting:
        waiting.send("GET", "/wait")
        server.log.wait_for("somebody is in hand", seconds=10)
        refused = ask(server.port, "GET", "/")
        events = ask(server.port, "GET", "/", ("accept", "text/event-stream"))
    server.log.wait_for("somebody has left", seconds=10)
    served = ask(server.port, "GET", "/")

    assert (refused.status, refused.get("content-type")) == (503, "application/problem+json")
    assert int(refused.get("retry-after")) >= 1
    assert (events.status, events.get("content-type")) == (200, "text/event-stream")
    assert events.body.startswith(b"retry: ")
    assert (served.status, served.body) == (200, b"hello")
