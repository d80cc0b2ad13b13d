"""How a server ends in the middle of a request. Last of the files, for it stops what the others talk to."""

import pytest

from examples.paced import LINES
from tests.sockets.conftest import Example
from tests.sockets.hosts import FRAMEWORKS
from tests.sockets.raw import Connection, ask
from tests.support.servers import Server, serve, serving


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
        server.wait_until_deaf()
        releasing.send_bytes(b"x")
        assert releasing.answer().status == 200
        while piece := reading.chunk(answer):
            body += piece
        assert reading.rest() == b""
    return body, server.wait()


@pytest.mark.parametrize("variant", ["bare", "wrapped"])
def test_a_request_in_hand_at_sigterm_is_finished(example: Example, variant: str) -> None:
    server: Server = getattr(example, variant)
    mark = len(server.log.text)

    try:
        body, code = finish_after_sigterm(server)
    finally:
        example.give_up(server)

    assert body == b"".join(LINES)
    assert code == example.host.exit_code
    assert "Traceback" not in server.log.since(mark)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_our_serve_wraps_an_app_finishes_what_is_in_hand_and_exits_with_0(name: str) -> None:
    with serving(*serve(f"examples.{name}_app:bare")) as server:
        ids = ask(server.port, "GET", "/json", ("X-Request-ID", "served-0001")).all("x-request-id")
        body, code = finish_after_sigterm(server)

    assert ids == ["served-0001"]
    assert body == b"".join(LINES)
    assert code == 0
    assert "Traceback" not in server.log.text
