"""``asgi-patterns serve`` as processes: what it serves, and what it says when it cannot."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.hosts import BARE, HOSTS, ON_EVERY_SERVER, WITH_WORKERS, code_of, until
from tests.sockets.raw import ask
from tests.support.servers import ROOT, START_SECONDS, Server, running, serve, serving


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


@WITH_WORKERS
def test_it_reads_the_file_that_it_is_given(workers: str, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[request_id]\nheader = "X-Shop-ID"\n')
    options = ("--config", str(tmp_path / "shop.toml"), "--workers", workers)

    with serving(*serve(BARE, *options)) as server:
        answer = ask(server.port, "GET", "/json")
        server.terminate()

        assert code_of(server) == 0
    assert len(answer.all("x-shop-id")) == 1


@ON_EVERY_SERVER
def test_the_server_believes_no_proxy_by_itself(host: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "telling.py").write_text(
        "async def app(scope, receive, send):\n"
        '    body = f\'{scope["scheme"]} {scope["client"][0]} {scope["root_path"]}\'.encode()\n'
        "    head = [(b'content-length', b'%d' % len(body))]\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': head})\n"
        "    await send({'type': 'http.response.body', 'body': body})\n"
    )
    claims = [
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/x"),
        ("Forwarded", "for=192.0.2.7;proto=https"),
    ]

    with serving(*serve("telling:app", *host), env={"PYTHONPATH": str(tmp_path)}) as server:
        answer = ask(server.port, "GET", "/", *claims)

    assert answer.body == b"http 127.0.0.1 "


@ON_EVERY_SERVER
def test_an_app_that_fails_to_start_is_exit_code_1(host: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
    )

    with running(*serve("failing:app", *host), env={"PYTHONPATH": str(tmp_path)}) as server:
        assert code_of(server) == 1

    assert "no database" in server.log.text
    assert "Traceback" not in server.log.text


def test_a_name_with_several_addresses_does_for_a_server_that_takes_one() -> None:
    with serving(*serve(BARE, *HOSTS["granian"], "--host", "localhost")) as server:
        answer = ask(server.port, "GET", "/json")

    assert answer.status == 200


@pytest.mark.parametrize("name", ["uvicorn", "hypercorn", "granian"])
def test_a_port_in_use_is_exit_code_1(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        with running(*serve(BARE, *HOSTS[name]), "--port", port) as server:
            assert code_of(server) == 1

    assert server.log.text == (
        f"127.0.0.1:{port} is in use: stop what listens there, or choose another --port\n"
    )


@pytest.mark.parametrize("name", ["uvicorn", "hypercorn", "granian"])
def test_wrong_settings_are_exit_code_2(name: str) -> None:
    with running(*serve(BARE, *HOSTS[name]), env={"ASGI_PATTERNS_HELTH": "off"}) as server:
        assert code_of(server) == 2

    assert server.log.text == (
        "ASGI_PATTERNS_HELTH: there is no such variable; did you mean ASGI_PATTERNS_HEALTH?\n"
    )


@pytest.mark.parametrize(
    ("host", "workers"),
    [
        *(pytest.param(host, "1", id=name) for name, host in HOSTS.items()),
        pytest.param(HOSTS["granian"], "2", id="granian, two workers"),
    ],
)
def test_it_serves_on_a_unix_socket(host: tuple[str, ...], workers: str, tmp_path: Path) -> None:
    path = tmp_path / "s"

    with running(*serve(BARE, *host, "--uds", str(path), "--workers", workers)) as server:
        assert until(lambda: _answers(server, path)), server.log.text
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
