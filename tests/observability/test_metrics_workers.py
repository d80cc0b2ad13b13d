"""Several workers: any of them shows what all have counted, and forgets what dead ones had in hand."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from asgi_patterns import Metrics
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.observability.metrics_workers import VARIABLE, reap
from asgi_patterns.testing import hello
from tests.observability.measured import ACTIVE, BEARER, DURATION, TOKEN, Samples, samples
from tests.serving.hosts import until
from tests.sockets.raw import Connection, ask
from tests.support.processes import answering, descendants
from tests.support.servers import START_SECONDS, serve, serving

APP = """
import os

from asgi_patterns import LoadShedding, Metrics, Pipeline

async def inner(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    if scope["path"] == "/slow":
        import anyio
        await anyio.sleep(60)
    await send({"type": "http.response.body", "body": body})

app = Pipeline(Metrics(token="let-me-read"), LoadShedding(limit=5))(inner)
"""


def found(port: int) -> Samples:
    return samples(ask(port, "GET", "/metrics", *BEARER.items()).body.decode())


def seen(pids: list[bytes], port: int) -> int:
    """Ask once more, and return how many workers have answered so far."""
    pids.append(ask(port, "GET", "/").body)
    return len(set(pids))


def test_all_workers_count_together_and_a_dead_one_has_nothing_in_hand(tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text(APP)
    values = tmp_path / "values"
    values.mkdir()
    env = {"PYTHONPATH": str(tmp_path), VARIABLE: str(values)}

    with serving(*serve("counted:app", "--workers", "2"), env=env) as server:
        assert until(lambda: len(answering(descendants(server.pid))) == 2)
        pids: list[bytes] = []
        assert until(lambda: seen(pids, server.port) == 2)
        counted = found(server.port)
        with Connection(server.port) as slow:
            slow.send("GET", "/slow")
            assert until(lambda: found(server.port)[ACTIVE] == {("GET",): 1})
            for pid in answering(descendants(server.pid)):
                os.kill(pid, signal.SIGKILL)
        server.log.wait_for("another one takes its place", seconds=START_SECONDS)
        assert until(lambda: found(server.port).get(ACTIVE, {}).get(("GET",), 0) == 0)
        after = found(server.port)
        server.terminate()

    labels = ("GET", "ok", "none", "200")
    assert counted[f"{DURATION}_count"] == {labels: len(pids)}
    assert after[f"{DURATION}_count"] == {labels: len(pids)}
    assert counted["asgi_patterns_protection_limit"] == {("main",): 10}


def ended() -> int:
    """Return the id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_only_what_dead_processes_had_in_hand_is_forgotten(tmp_path: Path) -> None:
    dead = ended()
    kept = {
        f"gauge_livesum_{os.getpid()}.db",
        "gauge_livesum_1.db",  # of somebody else, perhaps, but alive
        f"counter_{dead}.db",
        f"histogram_{dead}.db",
        f"gauge_max_{dead}.db",
        "gauge_livesum_x.db",
    }
    for name in (*kept, f"gauge_livesum_{dead}.db", f"gauge_livemin_{dead}.db"):
        (tmp_path / name).touch()

    reap(tmp_path)

    assert {each.name for each in tmp_path.iterdir()} == kept


def test_a_directory_that_is_not_there_is_refused_at_start_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "absent"))

    with pytest.raises(ValueError, match=f"{VARIABLE} names .*absent, which is no directory; make it"):
        Metrics()(hello)


def test_it_says_what_several_workers_without_a_directory_come_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    without = Metrics(token=TOKEN).alone(DEFAULT)
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    assert without == [f"shows what one process has counted, whichever is asked: set {VARIABLE}"]
    assert Metrics(token=TOKEN).alone(DEFAULT) == ()


def test_it_says_that_nobody_may_read() -> None:
    assert Metrics().doubts(DEFAULT) == [
        "measures, and nobody may read it at /metrics: set token, networks or management_port"
    ]
    assert Metrics(networks=["10.0.0.0/8"]).doubts(DEFAULT) == ()
