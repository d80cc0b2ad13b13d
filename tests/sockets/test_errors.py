"""What a client gets when something is wrong, and what the server's log has of it."""

import json
import re
from typing import Any

import pytest

from tests.sockets.conftest import Example
from tests.sockets.hosts import JSON, pairs
from tests.sockets.raw import Answer, ask
from tests.support.servers import Server

BROWSER = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
FOR_JSON = ("Accept", "application/json")
PROBLEM = "application/problem+json"
SECONDS = 10.0


def log_of_error(example: Example, server: Server) -> str:
    """What the server writes between a crash and the next good answer."""
    mark = len(server.log.text)
    assert ask(server.port, "GET", "/error").status == 500
    assert ask(server.port, "GET", "/json").status == 200
    server.log.wait_for(re.escape(example.host.logged), seconds=SECONDS, since=mark)
    return server.log.text[mark:]


def assert_it_is_as_the_framework_wrote_it(answer: Answer, bare: Answer) -> None:
    """A framework's own JSON is an answer that clients may already read."""
    assert answer.without("date", "x-request-id") == bare.without("date")
    assert len(answer.all("x-request-id")) == 1


def test_a_crash_is_logged_once(example: Example, server: Server) -> None:
    log = log_of_error(example, server)

    assert log.count("Traceback (most recent call last)") == 1
    assert log.count("RuntimeError: the secret of this app") == 1


def test_a_crash_of_the_bare_app_is_answered_by_its_framework(example: Example) -> None:
    answer = ask(example.bare.port, "GET", "/error")

    crashed = example.framework.crashed
    assert answer.status == 500
    assert answer.all("content-type") == ([crashed] if crashed else example.host.crash)


@pytest.mark.parametrize(
    "accept", [[], [FOR_JSON], [("Accept", "*/*")]], ids=["no Accept", "JSON", "anything"]
)
def test_a_crash_becomes_a_problem_that_leaks_nothing(
    example: Example, accept: list[tuple[str, str]]
) -> None:
    bare = ask(example.bare.port, "GET", "/error", *accept)

    answer = ask(example.wrapped.port, "GET", "/error", ("X-Request-ID", "crash-0001"), *accept)

    assert answer.status == 500
    if example.framework.crashed == JSON:
        return assert_it_is_as_the_framework_wrote_it(answer, bare)
    assert answer.get("content-type") == PROBLEM
    assert answer.get("cache-control") == "no-store"
    assert answer.get("x-request-id") == "crash-0001"
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "requestId": "crash-0001",
    }


def test_a_missing_page_becomes_a_problem_where_the_framework_answered_text(example: Example) -> None:
    bare = ask(example.bare.port, "GET", "/missing", FOR_JSON)

    answer = ask(example.wrapped.port, "GET", "/missing", FOR_JSON, ("X-Request-ID", "missing-0001"))

    expected: Any = {"type": "about:blank", "title": "Not Found", "status": 404, "requestId": "missing-0001"}
    assert bare.get("content-type") == example.framework.missing
    if example.framework.missing == JSON:
        assert_it_is_as_the_framework_wrote_it(answer, bare)
    else:
        assert (answer.status, answer.get("content-type")) == (404, PROBLEM)
        assert json.loads(answer.body) == expected


def test_a_browser_keeps_what_the_framework_wrote(example: Example) -> None:
    bare = ask(example.bare.port, "GET", "/missing", BROWSER)

    answer = ask(example.wrapped.port, "GET", "/missing", BROWSER)

    assert answer.without("date", "x-request-id", "vary") == bare.without("date")


@pytest.mark.parametrize(
    "example", pairs("fastapi", "litestar", "django", "quart"), indirect=True, scope="session"
)
def test_a_raised_problem_is_the_answer(example: Example) -> None:
    mark = len(example.wrapped.log.text)

    answer = ask(example.wrapped.port, "POST", "/orders?pieces=7", ("X-Request-ID", "raised-0001"), body=b"")

    assert answer.status == 409
    assert answer.get("content-type") == PROBLEM
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "there are 6 teapots, not 7",
        "available": 6,
        "requestId": "raised-0001",
    }
    assert not answer.all("asgi-patterns-problem")
    assert "teapots" not in example.wrapped.log.since(mark)  # it is no crash
