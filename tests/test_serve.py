"""``asgi-patterns serve`` as processes: what it serves, how it stops, and that it leaves nobody behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sockets.raw import Connection, ask
from tests.support.servers import ROOT, START_SECONDS, Server, alive_in_group, running, serve, serving

BARE = "examples.bare_app:bare"
LONG = "60"
"""A delay that no test waits for: who stops within the limits of ``Server.wait`` has skipped it."""

WORKERS = pytest.mark.parametrize("workers", ["1", "2"], ids=["one process", "two workers"])


def until(said: Callable[[], bool]) -> bool:
    """Ask again and again, within limits; return what was said last."""
    deadline = time.monotonic() + START_SECONDS
    while not said() and time.monotonic() < deadline:
        time.sleep(0.02)
    return said()


def code_of(server: Server) -> int:
    """Wait for its end, and for that of all that it started; return the exit code.

    The helper process that Python starts beside workers ends by itself, a moment after its parent.
    """
    until(lambda: alive_in_group(server.pid) == [])
    return server.wait()


def is_unready(port: int) -> bool:
    """Whether readiness has dropped everywhere: one of several workers answers, any of them."""
    return all(ask(port, "GET", "/health/ready").status == 503 for _ in range(8))


def draining(*options: str) -> tuple[str, ...]:
    return (*serve(BARE, *options), "--drain-delay", LONG)


def test_it_puts_the_pipeline_in_front_of_a_bare_app() -> None:
    with serving(*serve(BARE)) as server:
        answer = ask(server.port, "GET", "/json", ("X-Request-ID", "from-the-client"))

    assert (answer.status, answer.all("x-request-id")) == (200, ["from-the-client"])


@pytest.mark.parametrize(
    "app", ["examples.bare_app:app", "examples.starlette_app:app"], ids=["wrap", "middleware"]
)
def test_it_leaves_a_wrapped_app_alone(app: str) -> None:
    with serving(*serve(app)) as server:
        answer = ask(server.port, "GET", "/json")

    assert (answer.status, len(answer.all("x-request-id"))) == (200, 1)


def test_it_calls_a_factory(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text(
        "def build():\n    from examples.bare_app import bare\n    return bare\n"
    )

    with serving(*serve("made:build", "--factory"), env={"PYTHONPATH": str(tmp_path)}) as server:
        answer = ask(server.port, "GET", "/json")

    assert (answer.status, len(answer.all("x-request-id"))) == (200, 1)


@WORKERS
def test_it_reads_the_file_that_it_is_given(workers: str, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[request_id]\nheader = "X-Shop-ID"\n')
    options = ("--config", str(tmp_path / "shop.toml"), "--workers", workers)

    with serving(*serve(BARE, *options)) as server:
        answer = ask(server.port, "GET", "/json")
        server.terminate()

        assert code_of(server) == 0
    assert len(answer.all("x-shop-id")) == 1


def test_the_server_believes_no_proxy_by_itself() -> None:
    with serving(*serve(BARE)) as server:
        ask(server.port, "GET", "/json", ("X-Forwarded-For", "192.0.2.7"))
        logged = server.log.wait_for(r"(\S+):\d+ - \"GET /json", seconds=START_SECONDS)

    assert logged[1] == "127.0.0.1"


@WORKERS
def test_sigterm_drops_readiness_and_loses_no_request(workers: str) -> None:
    with serving(*draining("--workers", workers)) as server, Connection(server.port) as slow:
        slow.send("GET", "/slow?seconds=2")

        server.terminate()
        unready = until(lambda: is_unready(server.port))
        live, other = ask(server.port, "GET", "/health/live"), ask(server.port, "GET", "/json")
        server.terminate()
        finished = slow.answer()

        assert code_of(server) == 0
    assert (unready, live.status, other.status, finished.status) == (True, 200, 200, 200)


@WORKERS
@pytest.mark.parametrize(
    "signals",
    [
        pytest.param([signal.SIGINT], id="Ctrl-C"),
        pytest.param([signal.SIGTERM, signal.SIGTERM], id="a second SIGTERM"),
        pytest.param([signal.SIGTERM, signal.SIGINT], id="Ctrl-C after SIGTERM"),
    ],
)
def test_who_is_in_a_hurry_skips_the_delay(signals: list[signal.Signals], workers: str) -> None:
    with serving(*draining("--workers", workers)) as server:
        for at, number in enumerate(signals):
            assert at == 0 or until(lambda: is_unready(server.port))
            os.kill(server.pid, number)

        assert code_of(server) == 0


@WORKERS
def test_the_delay_ends_by_itself(workers: str) -> None:
    with serving(*serve(BARE, "--drain-delay", "0.2", "--workers", workers)) as server:
        server.terminate()

        assert code_of(server) == 0
        assert "Readiness drops now, the server stops in 0.2 seconds" in server.log.text


def test_a_request_that_takes_too_long_is_given_up() -> None:
    with serving(*serve(BARE, "--graceful-timeout", "0")) as server, Connection(server.port) as slow:
        slow.send("GET", "/slow?seconds=10")
        assert until(lambda: ask(server.port, "GET", "/health/ready").status == 200)

        server.terminate()

        assert code_of(server) == 0
        assert "Cancel 1 running task(s)" in server.log.text


def test_a_port_in_use_is_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        with running(*serve(BARE), "--port", port) as server:
            assert code_of(server) == 1

    assert server.log.text == (
        f"127.0.0.1:{port} is in use: stop what listens there, or choose another --port\n"
    )


@WORKERS
def test_an_app_that_fails_to_start_is_exit_code_1(workers: str, tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
    )

    with running(*serve("failing:app", "--workers", workers), env={"PYTHONPATH": str(tmp_path)}) as server:
        assert code_of(server) == 1

    assert "no database" in server.log.text


FAILING = {
    "it is not there": ("", "there is no module 'absent', which 'absent:app' names"),
    "it raises": ("raise ValueError('mine')", "ValueError: mine"),
    "its settings are wrong": (
        "from asgi_patterns import wrap\napp = wrap(print, health={'pth': 1})",
        "wrap(): health.pth: there is no such setting",
    ),
}


@pytest.mark.parametrize(("text", "said"), FAILING.values(), ids=FAILING)
def test_workers_that_cannot_load_the_app_are_not_started_for_ever(
    text: str, said: str, tmp_path: Path
) -> None:
    if text:
        (tmp_path / "absent.py").write_text(text)

    with running(*serve("absent:app", "--workers", "2"), env={"PYTHONPATH": str(tmp_path)}) as server:
        assert code_of(server) == 1

    assert said in server.log.text


def test_wrong_settings_are_said_before_workers_start() -> None:
    with running(*serve(BARE, "--workers", "2"), env={"ASGI_PATTERNS_HELTH": "off"}) as server:
        assert code_of(server) == 2

    assert server.log.text == (
        "ASGI_PATTERNS_HELTH: there is no such variable; did you mean ASGI_PATTERNS_HEALTH?\n"
    )


def test_it_serves_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"

    with running(*serve(BARE, "--uds", str(path))) as server:
        assert until(lambda: _answers(server, path))
        code = server.stop()

    assert (code, path.exists()) == (0, False)


def _answers(server: Server, path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        client.settimeout(START_SECONDS)
        client.sendall(b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n")
        return client.recv(1024).startswith(b"HTTP/1.1 200")


def test_reload_starts_again_when_a_file_changes(tmp_path: Path) -> None:
    module = tmp_path / "changing.py"
    module.write_text("VERSION = 'one'\nfrom examples.bare_app import bare\n")
    command = [sys.executable, "-m", *serve("changing:bare", "--reload"), "--uds", str(tmp_path / "s")]
    log = tmp_path / "log"

    with (
        log.open("w") as out,
        subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=out, stderr=out
        ) as process,
    ):
        try:
            started = until(lambda: "startup complete" in log.read_text())
            module.write_text("VERSION = 'two, and longer'\nfrom examples.bare_app import bare\n")
            started_again = until(lambda: log.read_text().count("startup complete") == 2)
        finally:
            process.send_signal(signal.SIGTERM)

    assert (started, started_again, process.returncode) == (True, True, 0)
