"""What a server holds when its requests are over, and how it ends in the middle of one."""

import signal
from contextlib import ExitStack

import pytest

from examples.paced import LINES
from tests.sockets.conftest import Example
from tests.sockets.raw import SECONDS, Connection, ask
from tests.support.servers import Counts, Server, serve, serving, uvicorn

CLIENTS = 6


def keep_busy(server: Server) -> Counts:
    """Everything that an example can do, with clients that hang up. Return what the server held meanwhile."""
    with ExitStack() as stack:
        opened = [stack.enter_context(Connection(server.port)) for _ in range(CLIENTS)]
        for connection in opened:
            connection.send("GET", "/stream?hold=nobody")
            assert connection.chunk(connection.head()) == LINES[0]
        for path in ("/json", "/events", "/error", "/missing"):
            ask(server.port, "GET", path, body=b"")
        ask(server.port, "POST", "/upload", body=b"x" * 100_000)
        return server.counts()


def test_no_process_task_thread_or_socket_is_left_after_the_requests(
    example: Example, server: Server
) -> None:
    at_rest = example.at_rest[server.pid]
    keep_busy(server)
    before = server.counts_after(at_rest)

    busy = keep_busy(server)

    after = server.counts_after(at_rest)
    assert busy.sockets >= at_rest.sockets + CLIENTS
    assert busy.tasks >= at_rest.tasks + CLIENTS
    assert after == before == at_rest
    assert after.threads == before.threads
    assert after.children == 0


def finish_after_sigterm(server: Server) -> tuple[bytes, int]:
    """Stop ``server`` while it sends a body. Return the body and the exit code."""
    with Connection(server.port) as reading, Connection(server.port) as releasing:
        reading.send("GET", "/stream?hold=end")
        answer = reading.head()
        body = reading.chunk(answer)
        # A second request in hand: once it has sent this, the app waits for the body that will release the first.
        releasing.send("POST", "/release?hold=end", ("Content-Length", "1"), ("Expect", "100-continue"))
        assert releasing.head().status == 100

        server.terminate()
        server.log.wait_for("Shutting down", seconds=SECONDS)
        releasing.send_bytes(b"x")
        assert releasing.answer().status == 200
        while piece := reading.chunk(answer):
            body += piece
        assert reading.rest() == b""
    return body, server.wait()


@pytest.mark.parametrize("variant", ["bare", "app"])
@pytest.mark.parametrize("name", ["bare", "starlette", "fastapi", "django"])
def test_a_request_in_hand_at_sigterm_is_finished(name: str, variant: str) -> None:
    with serving(*uvicorn(f"examples.{name}_app:{variant}")) as server:
        body, code = finish_after_sigterm(server)

    assert body == b"".join(LINES)
    assert code == -signal.SIGTERM  # uvicorn stops in good order and then ends itself with the signal it got
    assert "Traceback" not in server.log.text


@pytest.mark.parametrize("name", ["bare", "starlette", "fastapi", "django"])
def test_our_serve_wraps_an_app_finishes_what_is_in_hand_and_exits_with_0(name: str) -> None:
    with serving(*serve(f"examples.{name}_app:bare")) as server:
        ids = ask(server.port, "GET", "/json", ("X-Request-ID", "served-0001")).all("x-request-id")
        body, code = finish_after_sigterm(server)

    assert ids == ["served-0001"]
    assert body == b"".join(LINES)
    assert code == 0
    assert "Traceback" not in server.log.text
