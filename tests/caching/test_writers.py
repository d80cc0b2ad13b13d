"""Real servers: of two writers with the same tag exactly one succeeds, and nothing is held back that must not be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.caching.counter_app import FILE
from tests.caching.writers import APP, compete, on_four_processes, on_one_process
from tests.sockets.raw import Connection, ask
from tests.support.servers import Server, granian, serving, uvicorn

ROUNDS = 150
"""``make soak`` does it a thousand times."""


def test_one_of_two_writers_succeeds_on_one_process() -> None:
    with on_one_process() as server:
        outcome = compete(server, ROUNDS)

    print(outcome)
    assert outcome.statuses == {(204, 412): ROUNDS}
    assert outcome.lost == 0


def test_one_of_two_writers_succeeds_on_four_processes_and_a_redis() -> None:
    with on_four_processes() as server:
        outcome = compete(server, ROUNDS, apart=True)

    print(outcome)
    assert outcome.statuses == {(204, 412): ROUNDS}
    assert outcome.lost == 0
    # Every second pair was in different processes.
    assert outcome.apart >= ROUNDS / 2


def test_without_the_layer_both_do() -> None:
    """So what is measured above can be seen at all."""
    with on_one_process(f"{APP}:bare") as server:
        outcome = compete(server, 20)

    assert outcome.statuses == {(204, 204): 20}
    assert outcome.lost == 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("documents")
    (found / "document").write_bytes(b"7")
    return found


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
def server(folder: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    command = {"uvicorn": uvicorn, "granian": granian}[request.param]
    with serving(*command(f"{APP}:app"), env={"COUNTER_FILE": str(folder / "document")}) as started:
        yield started


def test_tags_and_conditions_on_the_wire(server: Server) -> None:
    first = ask(server.port, "GET", "/")
    second = ask(server.port, "GET", "/", ("If-None-Match", first.get("etag")))
    refused = ask(server.port, "PUT", "/", ("If-Match", '"v6"'), body=b"8")
    unread = ask(server.port, "GET", "/")

    assert (first.status, second.status, refused.status) == (200, 304, 412)
    assert second.get("etag") == first.get("etag")
    assert (second.body, second.all("content-length")) == (b"", [])
    assert refused.get("content-type") == "application/problem+json"
    assert unread.body == b"7"


def test_a_304_leaves_the_connection_usable(server: Server) -> None:
    with Connection(server.port) as connection:
        connection.send("GET", "/")
        tag = connection.answer().get("etag")
        statuses = []
        for _ in range(3):
            connection.send("GET", "/", ("If-None-Match", tag))
            statuses.append(connection.answer().status)
        connection.send("GET", "/")
        statuses.append(connection.answer().status)

    assert statuses == [304, 304, 304, 200]


def test_a_file_by_its_path_passes(server: Server) -> None:
    answer = ask(server.port, "GET", "/file", ("If-None-Match", '"v6"'))

    assert (answer.status, answer.body) == (200, FILE.read_bytes())
    # A short one that the app sends itself has a tag; of one that the server reads nobody knows the bytes.
    assert len(answer.all("etag")) == (answer.get("x-by-path") == "no")


@pytest.mark.parametrize("field", [("Accept", "*/*"), ("If-None-Match", '"v6"')], ids=lambda field: field[0])
@pytest.mark.parametrize("server", ["uvicorn"], indirect=True)  # granian waits for a body by itself
def test_the_head_of_a_stream_is_not_held_back(field: tuple[str, str], server: Server, folder: Path) -> None:
    go_on = folder / "document.go"
    go_on.unlink(missing_ok=True)
    with Connection(server.port) as connection:
        connection.send("GET", "/stream", field)
        # Its body comes only once this head is here: otherwise both would wait for each other.
        answer = connection.head()
        go_on.touch()
        body = b""
        while piece := connection.chunk(answer):
            body += piece

    assert (answer.status, answer.get("x-head"), answer.all("etag")) == (200, "is here", [])
    assert body == b"and here the rest"
