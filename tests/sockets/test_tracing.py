"""Traces over real sockets: what is illegal goes no further, and each request is one span, however it ends."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sockets.raw import Connection, ask
from tests.support.servers import Server, hypercorn, serving, uvicorn

APP = "tests.sockets.traced_app:traced"
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"
SECONDS = 5.0


@pytest.fixture(scope="module")
def workers() -> Iterator[Server]:
    with serving(*uvicorn(APP, "--workers", "2")) as server:
        yield server


FIELDS: list[tuple[str, list[tuple[str, str]], bool, str | None]] = [
    # what is sent                                            same trace  tracestate that goes on
    ("a trace", [("traceparent", CALLER), ("tracestate", "a=1")], True, "a=1"),
    ("two traceparents", [("traceparent", CALLER), ("Traceparent", CALLER)], False, None),
    (
        "a state on two lines",
        [("traceparent", CALLER), ("tracestate", "a=1"), ("tracestate", "b=2")],
        True,
        "a=1,b=2",
    ),
    ("a key twice", [("traceparent", CALLER), ("tracestate", "a=1,b=2,a=3")], True, "a=1,b=2"),
    ("a key too long", [("traceparent", CALLER), ("tracestate", "a" * 257 + "=1")], True, None),
    ("an illegal key", [("traceparent", CALLER), ("tracestate", "A=1")], True, None),
    ("a version that is none", [("traceparent", "ff" + CALLER[2:])], False, None),
]


@pytest.mark.parametrize(
    ("fields", "is_same", "state"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS]
)
def test_the_rules_hold_in_every_worker(
    workers: Server, fields: list[tuple[str, str]], is_same: bool, state: str | None
) -> None:
    for _ in range(4):
        answer = ask(workers.port, "GET", "/onwards", *fields)

        said = json.loads(answer.body)
        assert (said["traceparent"][3:35] == TRACE) is is_same
        assert said.get("tracestate") == state


@pytest.fixture(scope="module", params=["uvicorn", "hypercorn on trio"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(*(uvicorn(APP) if request.param == "uvicorn" else hypercorn(APP, worker="trio"))) as server:
        yield server


def ended(server: Server, name: str) -> dict[str, Any]:
    """Wait for the span called ``name``, and return the only one."""
    deadline = time.monotonic() + SECONDS
    while True:
        spans = [span for span in json.loads(ask(server.port, "GET", "/spans").body) if span["name"] == name]
        if spans or time.monotonic() > deadline:
            (span,) = spans
            return dict(span)
        time.sleep(0.01)


def test_a_client_that_hangs_up(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/streams/7")
        connection.head()

    span = ended(server, "GET /streams/{id}")
    assert (span["http.response.status_code"], span["error.type"]) == (200, "client_disconnect")


ENDINGS: list[tuple[str, str, int, str | None]] = [
    # what is asked for           path        status  error.type
    ("a crash before the head", "/boom", 500, "LookupError"),
    ("a crash after the head", "/breaks", 200, "LookupError"),
    ("a background task", "/later", 200, None),
]


@pytest.mark.parametrize(
    ("path", "status", "error"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS]
)
def test_how_an_answer_ends(server: Server, path: str, status: int, error: str | None) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", path)
        connection.head()
        span = ended(server, f"GET {path}")
    assert (span["http.response.status_code"], span.get("error.type")) == (status, error)
