"""What real servers and frameworks make of a refusal: bytes on the wire, and what becomes of the connection."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.protection.sockets_app import LIMIT
from tests.sockets import http2
from tests.sockets.raw import Answer, Connection
from tests.support.servers import Server, granian, hypercorn, serving, uvicorn

CHUNKED = ("Transfer-Encoding", "chunked")
END = b"0\r\n\r\n"
UPLOADS = 500
APP = "tests.protection.sockets_app:app"

COMMANDS = {"uvicorn": uvicorn, "hypercorn": hypercorn, "granian": granian}
PAIRS = [
    *(("uvicorn", each) for each in ("bare", "starlette", "fastapi", "litestar", "quart", "django")),
    *(("hypercorn", each) for each in ("bare", "fastapi")),
    *(("granian", each) for each in ("bare", "fastapi")),
]


WEBSOCKET_PAIRS = [pair for pair in PAIRS if pair[1] != "django"]
"""Django knows no WebSockets."""
SENDING_ON_PAIRS = [pair for pair in PAIRS if pair[0] != "granian"]
"""granian resets the connection of who sends on after an answer, whatever the app has taken."""


def ids(pairs: list[tuple[str, str]]) -> list[str]:
    return ["-".join(pair) for pair in pairs]


@pytest.fixture(scope="module", params=PAIRS, ids=ids(PAIRS))
def host(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server]]:
    server, framework = request.param
    with serving(*COMMANDS[server](APP), env={"EXAMPLE": framework}) as running:
        yield server, running


def chunk(size: int) -> bytes:
    return b"%x\r\n" % size + b"x" * size + b"\r\n"


def check(answer: Answer, received: int) -> None:
    problem = json.loads(answer.body)
    assert (answer.status, answer.get("content-type")) == (413, "application/problem+json")
    assert problem["maxSize"] == LIMIT
    assert LIMIT < problem["receivedSize"] <= received


def test_what_is_within_the_limit_arrives(host: tuple[str, Server]) -> None:
    with Connection(host[1].port) as connection:
        connection.send("POST", "/upload", CHUNKED)
        connection.send_bytes(chunk(LIMIT // 2) * 2 + END)
        first = connection.answer()
        connection.send("POST", "/upload", body=b"x" * LIMIT)
        second = connection.answer()

    assert [json.loads(each.body) for each in (first, second)] == [{"received": LIMIT}] * 2


def test_chunks_that_pass_the_limit_are_refused_while_they_come(host: tuple[str, Server]) -> None:
    with Connection(host[1].port) as connection:
        connection.send("POST", "/upload", CHUNKED)
        connection.send_bytes(chunk(LIMIT))
        connection.send_bytes(chunk(1))
        answer = connection.answer()
        rest = connection.rest()

    check(answer, LIMIT + 1)
    assert answer.get("connection") == "close"
    assert rest == b""


def test_a_length_over_the_limit_is_refused_at_once(host: tuple[str, Server]) -> None:
    with Connection(host[1].port) as connection:
        connection.send("POST", "/upload", ("Content-Length", "300000"))
        answer = connection.answer()
        rest = connection.rest()

    check(answer, 300_000)
    assert answer.get("connection") == "close"
    assert rest == b""


def test_after_a_small_overshoot_the_connection_is_safe(host: tuple[str, Server]) -> None:
    """Either it goes on with the next request, or it ends: what was not read is never taken for one."""
    server, running = host
    trap = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" * 40
    with Connection(running.port) as connection:
        connection.send("POST", "/upload", body=trap)
        refused = connection.answer()
        if (
            server == "granian"
        ):  # closes whatever has not been read, and takes nothing after the answer has begun
            assert connection.rest() == b""
        else:
            connection.send("GET", "/json")
            following = connection.answer()
            assert (following.status, following.all("connection")) == (200, [])

    check(refused, len(trap))


@pytest.mark.parametrize("host", SENDING_ON_PAIRS, indirect=True, ids=ids(SENDING_ON_PAIRS))
def test_who_sends_on_gets_to_read_the_answer(host: tuple[str, Server]) -> None:
    with Connection(host[1].port) as connection:
        connection.send("POST", "/upload", CHUNKED)
        for _ in range(20):
            connection.send_bytes(chunk(5000))
        connection.send_bytes(END)
        answer = connection.answer()

    check(answer, 100_000)


def test_who_waits_for_a_100_is_refused_instead(host: tuple[str, Server]) -> None:
    server, running = host
    with Connection(running.port) as connection:
        connection.send("POST", "/upload", ("Content-Length", "300000"), ("Expect", "100-continue"))
        answer = connection.head()
        if server == "hypercorn":  # sends a 100 before it calls the app
            assert answer.status == 100
            answer = connection.head()

    assert (answer.status, answer.get("connection")) == (413, "close")


def shake_hands(connection: Connection, origin: str) -> Answer:
    """Open a WebSocket on ``/echo`` as a browser does, and return the answer's head."""
    connection.send(
        "GET",
        "/echo",
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", origin),
    )
    return connection.head()


@pytest.mark.parametrize("host", WEBSOCKET_PAIRS, indirect=True, ids=ids(WEBSOCKET_PAIRS))
def test_a_websocket_is_refused_or_closed(host: tuple[str, Server]) -> None:
    with Connection(host[1].port) as connection:
        foreign = shake_hands(connection, "https://evil.example")
    with Connection(host[1].port) as connection:
        ours = shake_hands(connection, "https://shop.example")
        connection.send_bytes(b"\x81\x8b" + bytes(4) + b"x" * 11)  # a text of 11 bytes, masked with nothing
        frame = connection.rest()

    assert (foreign.status, ours.status) == (403, 101)
    assert (frame[:1], frame[2:4]) == (b"\x88", (1009).to_bytes(2, "big"))


def test_another_limit_for_another_type(host: tuple[str, Server]) -> None:
    with Connection(host[1].port) as connection:
        kind = ("Content-Type", "image/png")
        connection.send("POST", "/upload", CHUNKED, kind)
        connection.send_bytes(chunk(100_000) * 20 + END)

        assert json.loads(connection.answer().body) == {"received": 2_000_000}


@pytest.fixture(scope="module", params=["hypercorn", "granian"])
def http2_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(*COMMANDS[request.param](APP), env={"EXAMPLE": "bare"}) as running:
        yield running


def test_on_http2_one_stream_is_refused_and_the_others_go_on(http2_server: Server) -> None:
    with http2.Connection(http2_server.port) as connection:
        unannounced = connection.send("POST", "/upload", ends=False)
        unannounced.send_body(b"x" * LIMIT, ends=False)
        unannounced.send_body(b"x", ends=True)
        announced = connection.send("POST", "/upload", ("content-length", "1001"), ends=False)
        within = connection.send("POST", "/upload", body=b"x" * LIMIT)
        refused = [unannounced.answer(), announced.answer()]
        stored = within.answer()

    for answer in refused:
        check(answer, LIMIT + 1)
        assert answer.all("connection") == []
    assert json.loads(stored.body) == {"received": LIMIT}


@contextmanager
def room_for(files: int) -> Iterator[None]:
    """Let this process, and those that it starts, open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= files, f"the system lets a process open {hard} files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def memory(server: Server) -> int:
    """Resident bytes of the server."""
    (line,) = [
        line
        for line in Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8").splitlines()
        if line.startswith("VmRSS")
    ]
    return int(line.split()[1]) * 1024


def test_many_uploads_that_go_on_for_ever_keep_nobody_out() -> None:
    with room_for(UPLOADS * 2 + 200), ExitStack() as stack:
        server = stack.enter_context(serving(*uvicorn(APP), env={"EXAMPLE": "starlette"}))
        before = memory(server)
        uploads = []
        for _ in range(UPLOADS):
            upload = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=15))
            upload.sendall(
                b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(LIMIT)
            )
            uploads.append(upload)

        with Connection(server.port) as connection:
            for _ in range(20):
                connection.send("GET", "/json")
                assert connection.answer().status == 200
                connection.send("POST", "/upload", body=b"x" * 100)
                assert connection.answer().status == 200
        each = (memory(server) - before) // UPLOADS
        for upload in uploads:
            upload.sendall(chunk(1))
        answers = [upload.recv(12) for upload in uploads]

    # A task, a connection, buffers and so much content: less than an upload may send.
    assert each < 128 * 1024
    assert set(answers) == {b"HTTP/1.1 413"}
