"""Metrics on a port of their own: only under ``serve``, and as long as it serves."""

import logging
import re
import selectors
import socket
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import anyio
import pytest
from prometheus_client import CollectorRegistry

from asgi_patterns import Metrics, Pipeline
from asgi_patterns.serving import management
from asgi_patterns.serving.management import managing
from asgi_patterns.serving.stopping import FailedToStart
from asgi_patterns.testing import Client, hello
from tests.observability.measured import DURATION, samples
from tests.serving.hosts import code_of, until
from tests.sockets.raw import ask
from tests.support.servers import START_SECONDS, Server, running, serve

log = logging.getLogger("test")
SHOWN = "Metrics are shown on"

APP = """
from asgi_patterns import Metrics, Pipeline
from asgi_patterns.testing import hello

app = Pipeline(Metrics(management_port={port}))(hello)
"""


def read(port: int, method: str = "GET", path: str = "/metrics") -> tuple[int, str]:
    """Ask on a port that speaks HTTP/1.0; return the status and the content."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def port_of(server: Server) -> int:
    """Wait until ``server`` answers, and return where: its other port would do for a helper that looks for one."""
    server.log.wait_for(SHOWN, seconds=START_SECONDS)
    match = re.search(r"is running on http://127.0.0.1:(\d+)", server.log.text)
    assert match is not None
    port = int(match[1])
    assert until(lambda: answers(port))
    return port


def answers(port: int) -> bool:
    with suppress(OSError):
        return ask(port, "GET", "/").status == 200
    return False


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        found: int = sock.getsockname()[1]
    return found


def test_the_thread_sleeps_until_somebody_reads(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []

    class Noting(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            waits.append(timeout)
            return super().select(timeout)

    monkeypatch.setattr(management, "DefaultSelector", Noting)
    pipeline = Pipeline(Metrics(management_port=port, registry=CollectorRegistry()))

    with managing(pipeline, shared=False, log=log):
        statuses = [read(port)[0] for _ in range(3)]

    assert statuses == [200] * 3
    assert {*waits} == {None}


def test_anybody_may_read_there(port: int) -> None:
    pipeline = Pipeline(Metrics(management_port=port, registry=CollectorRegistry()))
    app = pipeline(hello)
    anyio.run(Client(app).get, "/")

    with managing(pipeline, shared=False, log=log):
        status, text = read(port)
        head = read(port, "HEAD")
        others = [read(port, path="/")[0], read(port, "POST")[0]]
    outside = anyio.run(Client(app).get, "/metrics")

    assert status == 200
    assert samples(text)[f"{DURATION}_count"] == {("GET", "ok", "none", "200"): 1}
    assert head == (200, "")
    assert others == [404, 404]
    assert outside.status == 404


def test_the_port_is_free_again_afterwards(port: int) -> None:
    pipeline = Pipeline(Metrics(management_port=port, registry=CollectorRegistry()))

    for _ in range(2):
        with managing(pipeline, shared=False, log=log):
            assert read(port)[0] == 200

    with pytest.raises(ConnectionRefusedError):
        read(port)


def test_a_silent_connection_keeps_nobody_from_reading_or_stopping(port: int) -> None:
    pipeline = Pipeline(Metrics(management_port=port, registry=CollectorRegistry()))

    began = time.monotonic()
    with managing(pipeline, shared=False, log=log), socket.create_connection(("127.0.0.1", port)):
        status, _ = read(port)

    assert status == 200
    assert time.monotonic() - began < 60


def test_without_a_port_nobody_listens() -> None:
    with managing(Pipeline(Metrics(registry=CollectorRegistry())), shared=False, log=log):
        pass


def test_a_port_that_is_taken_stops_the_start(port: int, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = Pipeline(Metrics(management_port=port, registry=CollectorRegistry()))

    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(FailedToStart),
        managing(pipeline, shared=False, log=log),
    ):
        pass

    assert f"Nobody can listen on 127.0.0.1:{port}, which is to show metrics" in caplog.text


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_listens_there(workers: str, port: int, tmp_path: Path) -> None:
    (tmp_path / "managed.py").write_text(APP.format(port=port))
    values = tmp_path / "values"
    values.mkdir()
    env = {"PYTHONPATH": str(tmp_path), "PROMETHEUS_MULTIPROC_DIR": str(values)}

    with running(*serve("managed:app", "--workers", workers), env=env) as server:
        outer = port_of(server)
        assert until(lambda: f'{DURATION}_count{{method="GET"' in read(port)[1])
        outside = ask(outer, "GET", "/metrics")
        server.terminate()
        assert code_of(server) == 0

    assert outside.status == 404


def test_serve_does_not_start_where_the_port_is_taken(port: int, tmp_path: Path) -> None:
    (tmp_path / "managed.py").write_text(APP.format(port=port))

    with (
        socket.create_server(("127.0.0.1", port)),
        running(*serve("managed:app"), env={"PYTHONPATH": str(tmp_path)}) as server,
    ):
        assert code_of(server) == 1

    assert "which is to show metrics" in server.log.text
