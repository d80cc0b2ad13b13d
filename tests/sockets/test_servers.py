"""The counting that other tests rely on sees what it shall see."""

import pytest

from tests.sockets.raw import ask
from tests.support.processes import alive_in_group
from tests.support.servers import running, serving, uvicorn

LEAKY = uvicorn("tests.sockets.leaky_app:app")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        pytest.param("/socket", "sockets", id="a socket"),
        pytest.param("/task", "tasks", id="a task"),
        pytest.param("/thread", "threads", id="a thread"),
    ],
)
def test_what_is_left_behind_is_counted(path: str, field: str) -> None:
    with serving(*LEAKY) as server:
        before = server.counts()
        ask(server.port, "GET", "/nothing")
        clean = server.counts_after(before)

        ask(server.port, "GET", path)
        after = server.counts()

    assert clean == before
    assert getattr(after, field) >= getattr(before, field) + 1


def test_a_child_that_outlives_the_server_is_counted_reported_and_ended() -> None:
    with serving(*LEAKY) as server:
        ask(server.port, "GET", "/child")
        counted = server.counts().children

        with pytest.raises(AssertionError, match="1 processes left"):
            server.stop()

    assert counted == 1
    assert alive_in_group(server.pid) == []


def test_a_server_that_never_listens_is_an_error_with_its_log() -> None:
    with (
        pytest.raises(AssertionError, match="Could not import module"),
        serving(*uvicorn("examples.no_such_app:app")),
    ):
        pytest.fail("it listens")


def test_an_exit_code_is_that_of_the_process() -> None:
    with running("examples.shop.request", "GET", "no-path", "--json") as process:
        code = process.wait()

    assert code == 2
    assert "expected one argument" in process.log.text
