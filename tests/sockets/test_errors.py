"""What a client gets when something is wrong, and what the server's log has of it."""

import json
from typing import Any

import pytest

from tests.sockets.conftest import Example
from tests.sockets.raw import ask
from tests.support.servers import Server

BROWSER = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
FOR_JSON = ("Accept", "application/json")
PROBLEM = "application/problem+json"
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
SECONDS = 10.0

# What each framework says by itself.
CRASHED = {"bare": TEXT, "starlette": TEXT, "fastapi": TEXT, "django": HTML}
MISSING = {"bare": TEXT, "starlette": TEXT, "fastapi": "application/json", "django": HTML}


def log_of_error(server: Server) -> str:
    """What the server writes between a crash and the next good answer."""
    mark = len(server.log.text)
    assert ask(server.port, "GET", "/error").status == 500
    assert ask(server.port, "GET", "/json").status == 200
    server.log.wait_for(r'"GET /json HTTP/1.1" 200', seconds=SECONDS, since=mark)
    return server.log.text[mark:]


def test_a_crash_is_logged_once(server: Server) -> None:
    log = log_of_error(server)

    assert log.count("Traceback (most recent call last)") == 1
    assert log.count("RuntimeError: the secret of this app") == 1


def test_a_crash_of_the_bare_app_is_answered_by_its_framework(example: Example) -> None:
    answer = ask(example.bare.port, "GET", "/error")

    assert (answer.status, answer.get("content-type")) == (500, CRASHED[example.name])


@pytest.mark.parametrize(
    "accept", [[], [FOR_JSON], [("Accept", "*/*")]], ids=["no Accept", "JSON", "anything"]
)
def test_a_crash_becomes_a_problem_that_leaks_nothing(
    example: Example, accept: list[tuple[str, str]]
) -> None:
    answer = ask(example.wrapped.port, "GET", "/error", ("X-Request-ID", "crash-0001"), *accept)

    assert answer.status == 500
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
    assert bare.get("content-type") == MISSING[example.name]
    if example.name == "fastapi":  # its own JSON is an answer that clients may already read
        assert answer.without("date", "x-request-id") == bare.without("date")
    else:
        assert (answer.status, answer.get("content-type")) == (404, PROBLEM)
        assert json.loads(answer.body) == expected


def test_a_browser_keeps_what_the_framework_wrote(example: Example) -> None:
    bare = ask(example.bare.port, "GET", "/missing", BROWSER)

    answer = ask(example.wrapped.port, "GET", "/missing", BROWSER)

    assert answer.without("date", "x-request-id", "vary") == bare.without("date")


@pytest.mark.parametrize("example", ["fastapi", "django"], indirect=True, scope="session")
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
    assert "Traceback" not in example.wrapped.log.since(mark)
