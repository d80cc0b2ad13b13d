"""The same over sockets: however requests end, the log, the spans and the numbers of a server agree on all of them."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from asgi_patterns.kernel.record import of_status
from tests.observability.measured import OPEN, open_families
from tests.observability.together import COUNTS, OPENED
from tests.sockets.raw import Connection, ask
from tests.support.servers import Server, granian, hypercorn, serving, uvicorn

APP = "tests.observability.together_app:asgi"
SERVERS = {
    "uvicorn": uvicorn(APP),
    "hypercorn": hypercorn(APP),
    "hypercorn-trio": hypercorn(APP, worker="trio"),
    "granian": granian(APP),
}
LINE = re.compile(r'^\{"time".*\}$', re.MULTILINE)
SECONDS = 15.0

Told = tuple[str, str | None, int | None, str, str]
"""Method, route, status, outcome and trace."""


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(*SERVERS[request.param]) as server:
        yield server


def use(server: Server) -> int:
    """Have requests end in many ways; return how many there were."""
    port = server.port
    whole = ["/shop/items/7", "/shop/items/8", "/nowhere", "/short", "/later", "/fails"]
    whole += ["/shop/items/limited", "/shop/items/limited"]
    for path in whole:
        ask(port, "GET", path)
    with Connection(port) as connection:
        connection.send("HEAD", "/shop/items/head")
        connection.head()
    with Connection(port) as connection:
        connection.send("GET", "/endless")
        connection.head()
    with Connection(port) as connection:
        connection.send("GET", "/fails-late")
        server.log.wait_for('"path":"/fails-late"', seconds=SECONDS)  # or else it is the client who has left
    with Connection(port) as connection:
        connection.send("GET", "/waits/x")
        server.log.wait_for("waiting", seconds=SECONDS)
    with connect(f"ws://127.0.0.1:{port}/ws/1") as socket:
        socket.send("hello")
        socket.recv()
        with suppress(ConnectionClosed):  # at the same time with the app: hypercorn dies of that on trio
            socket.recv()
    return len(whole) + 5


def logged(server: Server) -> list[Told]:
    lines: list[dict[str, Any]] = [json.loads(each) for each in LINE.findall(server.log.text)]
    return [
        (
            "WS" if line.get("websocket") else line["method"],
            line.get("route"),
            line.get("status"),
            line["outcome"],
            line["trace_id"],
        )
        for line in lines
    ]


def traced(server: Server) -> list[Told]:
    spans: list[dict[str, Any]] = json.loads(ask(server.port, "GET", "/spans").body)
    found = []
    for span in spans:
        method, _, route = span["name"].partition(" ")
        status: int | None = span.get("http.response.status_code", 101 if method == "WS" else None)
        outcome: str = span.get("asgi_patterns.outcome") or of_status(status or 0)
        found.append((method, route or None, status, outcome, span["trace"]))
    return found


def measured(server: Server) -> tuple[Counter[tuple[str, str, str, str]], set[str], dict[str, float]]:
    """Return what was counted by the first four, the traces that are named, and what is in hand."""
    text = ask(server.port, "GET", "/metrics", *OPEN.items()).body.decode()
    counts: Counter[tuple[str, str, str, str]] = Counter()
    traces: set[str] = set()
    opened: dict[str, float] = {}
    for family in open_families(text):
        for sample in family.samples:
            labels = sample.labels
            if sample.name in COUNTS:
                key = (labels.get("method", "WS"), labels["route"], labels["status"], labels["outcome"])
                counts[key] += sample.value
            if sample.name in OPENED:
                opened[sample.name] = opened.get(sample.name, 0) + sample.value
            if sample.exemplar is not None:
                traces.add(sample.exemplar.labels["trace_id"])
    return +counts, traces, opened


def test_each_request_is_one_span_one_line_and_one_count(server: Server) -> None:
    total = use(server)
    deadline = time.monotonic() + SECONDS
    while len(logged(server)) < total or len(traced(server)) < total:
        assert time.monotonic() < deadline, (logged(server), traced(server))
        time.sleep(0.02)

    lines, spans = logged(server), traced(server)
    counts, traces, opened = measured(server)

    assert sorted(map(str, lines)) == sorted(map(str, spans))
    assert len(lines) == total == sum(counts.values())
    assert counts == Counter(
        (method, route or "none", "none" if status is None else str(status), outcome)
        for method, route, status, outcome, _ in lines
    )
    assert traces <= {trace for *_, trace in lines}
    assert set(opened.values()) == {0}
    assert Counter(outcome for *_, outcome, _ in lines) == {
        "ok": 7,
        "client_error": 1,
        "rejected": 1,
        "server_error": 2,
        "client_disconnect": 2,
    }
