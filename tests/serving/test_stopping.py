"""How ``asgi-patterns serve`` stops, on every server: it loses no request, and leaves nobody behind."""

import os
import signal
from pathlib import Path

import pytest

from tests.serving.hosts import (
    BARE,
    HOSTS,
    ON_EVERY_SERVER,
    WITH_WORKERS,
    code_of,
    draining,
    is_unready,
    until,
)
from tests.sockets.raw import Connection, ask
from tests.support.servers import START_SECONDS, running, serve, serving


@ON_EVERY_SERVER
@WITH_WORKERS
def test_sigterm_drops_readiness_and_loses_no_request(host: tuple[str, ...], workers: str) -> None:
    with serving(*draining(*host, "--workers", workers)) as server, Connection(server.port) as slow:
        slow.send("GET", "/slow?seconds=1.5")

        server.terminate()
        unready = until(lambda: is_unready(server.port))
        live = ask(server.port, "GET", "/health/live")
        other = ask(server.port, "GET", "/json", ("X-Request-ID", "from-the-client"))
        server.terminate()
        finished = slow.answer()

        assert code_of(server) == 0
    assert (unready, live.status, other.status, finished.status) == (True, 200, 200, 200)
    assert other.all("x-request-id") == ["from-the-client"]
    assert "Traceback" not in server.log.text


HURRIES = {
    "Ctrl-C": [signal.SIGINT],
    "a second SIGTERM": [signal.SIGTERM, signal.SIGTERM],
    "Ctrl-C after SIGTERM": [signal.SIGTERM, signal.SIGINT],
}


@pytest.mark.parametrize(
    ("host", "workers", "signals"),
    [
        *(pytest.param(HOSTS["uvicorn"], "1", signals, id=what) for what, signals in HURRIES.items()),
        pytest.param(HOSTS["uvicorn"], "2", HURRIES["Ctrl-C"], id="Ctrl-C, two workers"),
        *(
            pytest.param(host, "1", HURRIES["Ctrl-C after SIGTERM"], id=name)
            for name, host in HOSTS.items()
            if name != "uvicorn"
        ),
    ],
)
def test_who_is_in_a_hurry_skips_the_delay(
    host: tuple[str, ...], workers: str, signals: list[signal.Signals]
) -> None:
    with serving(*draining(*host, "--workers", workers)) as server:
        for at, number in enumerate(signals):
            assert at == 0 or until(lambda: is_unready(server.port))
            os.kill(server.pid, number)

        assert code_of(server) == 0


@WITH_WORKERS
def test_the_delay_ends_by_itself(workers: str) -> None:
    with serving(*serve(BARE, "--drain-delay", "0.2", "--workers", workers)) as server:
        server.terminate()

        assert code_of(server) == 0
        assert "Readiness drops now, the server stops in 0.2 seconds" in server.log.text


@ON_EVERY_SERVER
def test_what_takes_too_long_is_given_up(host: tuple[str, ...]) -> None:
    with (
        serving(*serve(BARE, *host, "--graceful-timeout", "0")) as server,
        Connection(server.port) as slow,
        Connection(server.port) as endless,
    ):
        endless.send_bytes(b"GET /json HTTP/1.1\r\nHost: ")
        slow.send("GET", "/stream?hold=for-ever")
        assert slow.head().status == 200  # so it is in hand

        server.terminate()

        assert code_of(server) == 0
    assert "1 running" in server.log.text


@ON_EVERY_SERVER
def test_ctrl_c_once_more_gives_up_what_is_in_hand(host: tuple[str, ...]) -> None:
    with serving(*draining(*host, "--graceful-timeout", "60")) as server, Connection(server.port) as slow:
        slow.send("GET", "/stream?hold=for-ever")
        assert slow.head().status == 200  # so it is in hand

        os.kill(server.pid, signal.SIGINT)
        server.wait_until_deaf()
        os.kill(server.pid, signal.SIGINT)

        assert code_of(server) == 0


@ON_EVERY_SERVER
def test_the_app_is_told_to_end_when_its_last_request_has_ended(
    host: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "working.py").write_text(
        "import anyio\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        for what in ('startup', 'shutdown'):\n"
        "            print((await receive())['type'], flush=True)\n"
        "            await send({'type': f'lifespan.{what}.complete'})\n"
        "        return\n"
        "    await send({'type': 'http.response.start', 'status': 204, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b''})\n"
        "    await anyio.sleep(0.5)\n"
        "    print('worked on', flush=True)\n"
    )

    env = {"PYTHONPATH": str(tmp_path)}
    with serving(*serve("working:app", *host), env=env) as server, Connection(server.port) as connection:
        connection.send("GET", "/")
        assert connection.head().status == 204
        server.terminate()

        assert code_of(server) == 0
    told = [line for line in server.log.text.splitlines() if line.startswith(("lifespan.", "worked"))]
    assert told == ["lifespan.startup", "worked on", "lifespan.shutdown"]


@ON_EVERY_SERVER
def test_the_drain_file_drops_readiness_as_long_as_it_is_there(host: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "drain"
    env = {"ASGI_PATTERNS_HEALTH__DRAIN_FILE": str(file)}

    with serving(*serve(BARE, *host), env=env) as server:
        statuses = [ask(server.port, "GET", "/health/ready").status]
        file.touch()
        statuses += [
            ask(server.port, "GET", path).status for path in ("/health/ready", "/health/live", "/json")
        ]
        file.unlink()
        statuses += [ask(server.port, "GET", "/health/ready").status]

    assert statuses == [200, 503, 200, 200, 200]


@ON_EVERY_SERVER
def test_a_signal_before_the_app_has_started_is_not_lost(host: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "starting.py").write_text(
        "import os, signal, anyio\n"
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await anyio.sleep(0.2)\n"
        "    await send({'type': 'lifespan.startup.complete'})\n"
        "    print((await receive())['type'], flush=True)\n"
        "    await send({'type': 'lifespan.shutdown.complete'})\n"
    )

    env = {"PYTHONPATH": str(tmp_path)}
    with running(*serve("starting:app", *host), env=env) as server:
        server.log.wait_for("lifespan.shutdown", seconds=START_SECONDS)

        assert code_of(server) == 0
