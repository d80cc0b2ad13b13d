"""Two workers of a server: the rules of traces and ids hold in both, and either shows what both have counted."""

import json
import os
import re
import signal
from collections.abc import Iterator

import pytest

from asgi_patterns.observability.metrics_workers import VARIABLE
from tests.observability.measured import ACTIVE, BEARER, DURATION, Samples, samples
from tests.serving.hosts import until
from tests.sockets.raw import Connection, ask
from tests.sockets.test_tracing import CALLER, FIELDS, TRACE
from tests.support.servers import START_SECONDS, Server, granian, serving, uvicorn

APP = "tests.observability.workers_app:asgi"
SERVERS = {
    "uvicorn": uvicorn(APP, "--workers", "2"),
    "granian": granian(APP, "--workers", "2", "--respawn-failed-workers"),
}
MADE = re.compile("[0-9a-f]{32}")


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    env = {VARIABLE: str(tmp_path_factory.mktemp("values"))}
    with serving(*SERVERS[request.param], env=env) as server:
        yield server


def asked(
    server: Server, *fields: tuple[str, str], path: str = "/onwards"
) -> list[tuple[dict[str, str], str]]:
    """Ask until both workers have answered; return what they have passed on, and the ids of the requests."""
    answers: list[tuple[dict[str, str], str]] = []

    def both() -> bool:
        answer = ask(server.port, "GET", path, *fields)
        answers.append((json.loads(answer.body), answer.get("x-request-id")))
        return len({said["pid"] for said, _ in answers}) == 2

    assert until(both)
    return answers


def found(server: Server) -> Samples:
    return samples(ask(server.port, "GET", "/metrics", *BEARER.items()).body.decode())


@pytest.mark.parametrize(
    ("fields", "is_same", "state"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS]
)
def test_the_rules_of_traces_hold(
    server: Server, fields: list[tuple[str, str]], is_same: bool, state: str | None
) -> None:
    for said, _ in asked(server, *fields):
        assert (said["traceparent"][3:35] == TRACE) is is_same
        assert said["traceparent"][36:52] != CALLER[36:52]
        assert said.get("tracestate") == state


def test_an_id_is_kept_and_where_there_is_none_each_request_gets_its_own(server: Server) -> None:
    kept = [name for _, name in asked(server, ("X-Request-ID", "order-0001"))]
    made = [name for _, name in asked(server)]

    assert set(kept) == {"order-0001"}
    assert len(set(made)) == len(made)
    assert all(MADE.fullmatch(each) for each in made)


def test_traces_begun_in_several_workers_are_all_different(server: Server) -> None:
    begun = [said["traceparent"] for said, _ in asked(server)]

    assert len({each[3:35] for each in begun}) == len(begun)
    assert len({each[36:52] for each in begun}) == len(begun)


def test_they_count_together_and_a_dead_one_has_nothing_in_hand(server: Server) -> None:
    labels = ("GET", "ok", "/counted", "200")
    answers = asked(server, path="/counted")
    # The client has its answer a moment before that is counted.
    assert until(lambda: found(server)[f"{DURATION}_count"].get(labels) == len(answers))

    with Connection(server.port) as slow:
        slow.send("GET", "/slow")
        busy = int(server.log.wait_for(r"slow in (\d+)", seconds=START_SECONDS)[1])
        assert until(lambda: found(server)[ACTIVE] == {("GET",): 1})
        mark = len(server.log.text)
        os.kill(busy, signal.SIGKILL)
        assert until(lambda: left(server) == 0)
    # granian does not stop while it starts a worker.
    server.log.wait_for("Started (worker|server process)", seconds=START_SECONDS, since=mark)


def left(server: Server) -> float | None:
    """Return what is in hand, as far as anybody answers."""
    try:
        return found(server).get(ACTIVE, {}).get(("GET",), 0)
    except (OSError, AssertionError):
        return None  # the kernel had given it to the dead one
