"""Ids sent are ids answered, whatever else is in hand; and the id is where code of the request looks for it."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.sockets.conftest import Example
from tests.sockets.hosts import pairs
from tests.sockets.raw import SECONDS, Answer, Connection, Field, ask
from tests.support.servers import Server, serving, uvicorn

PATHS = [
    ("GET", "/json"),
    ("GET", "/stream"),
    ("POST", "/upload"),
    ("GET", "/missing"),
    ("GET", "/error"),
    ("GET", "/events"),
    ("GET", "/slow?seconds=0.01"),
]
CONNECTIONS = 5
ROUNDS = len(PATHS)
FEWER_ROUNDS = 3

MADE = re.compile("[0-9a-f]{32}")


def send(connection: Connection, number: int, *fields: Field) -> None:
    method, path = PATHS[number % len(PATHS)]
    connection.send(method, path, *fields, body=b"x" * number if method == "POST" else None)


def answers(connections: list[Connection]) -> Iterator[Answer]:
    """Read them in another order than the requests were sent in."""
    for connection in reversed(connections):
        answer = connection.answer()
        if answer.status == 500:  # the server hangs up after a crash, with or without us
            connection.reopen()
        yield answer


def test_the_id_sent_is_the_id_answered_among_many_at_once(example: Example) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(Connection(example.wrapped.port)) for _ in range(CONNECTIONS)]

        for turn in range(ROUNDS):
            sent = [f"round-{turn:04}-{number}" for number in range(CONNECTIONS)]
            for number, connection in enumerate(opened):
                send(connection, turn + number, ("X-Request-ID", sent[number]))
            answered = [answer.get("x-request-id") for answer in answers(opened)]

            assert answered == sent[::-1]


def test_every_request_without_an_id_gets_one_of_its_own(example: Example) -> None:
    ids = set()
    with ExitStack() as stack:
        opened = [stack.enter_context(Connection(example.wrapped.port)) for _ in range(CONNECTIONS)]

        for turn in range(FEWER_ROUNDS):
            for number, connection in enumerate(opened):
                send(connection, turn + number)
            ids |= {answer.get("x-request-id") for answer in answers(opened)}

    assert len(ids) == CONNECTIONS * FEWER_ROUNDS
    assert all(MADE.fullmatch(each) for each in ids)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([("X-Request-ID", "2short")], id="an id that is too short"),
        pytest.param([("X-Request-ID", "x" * 129)], id="an id that is too long"),
        pytest.param([("X-Request-ID", "white space")], id="an id with a space"),
        pytest.param([("X-Request-ID", "first-one"), ("X-Request-ID", "second-one")], id="two ids"),
    ],
)
def test_a_bad_id_is_replaced(example: Example, fields: list[Field]) -> None:
    answer = ask(example.wrapped.port, "GET", "/json", *fields)

    assert MADE.fullmatch(answer.get("x-request-id"))


@pytest.mark.parametrize("example", pairs("fastapi"), indirect=True, scope="session")
def test_the_id_is_known_in_the_handler_and_after_the_answer(example: Example) -> None:
    answer = ask(example.wrapped.port, "POST", "/orders", ("X-Request-ID", "order-0001"), body=b"")

    assert json.loads(answer.body) == {"order": "order-0001"}
    assert "order-0001" in json.loads(ask(example.wrapped.port, "GET", "/confirmed").body)


@pytest.fixture(scope="module")
def context_server() -> Iterator[Server]:
    with serving(*uvicorn("tests.sockets.context_app:app")) as server:
        yield server


def test_context_variables_pass_the_pipeline_in_both_directions(context_server: Server) -> None:
    words = [f"word{number}" for number in range(20)]
    with ExitStack() as stack:
        opened = [stack.enter_context(Connection(context_server.port)) for _ in words]
        for word, connection in zip(words, opened, strict=True):
            connection.send("POST", f"/{word}", ("X-Request-ID", f"id-of-{word}"), body=b"")
        statuses = [connection.answer().status for connection in opened]

    seen = what_was_seen(context_server, words)

    assert statuses == [200] * len(words)
    assert seen == {
        word: {
            "handler": f"from outside {word}",
            "id_in_handler": f"id-of-{word}",
            "background": f"from outside {word}",
            "id_in_background": f"id-of-{word}",
            "outside": f"from the handler of {word}",
        }
        for word in words
    }


def what_was_seen(server: Server, words: list[str]) -> dict[str, Any]:
    """All of it, as soon as every request has been seen from outside, or in the end."""
    deadline = time.monotonic() + SECONDS
    while True:
        seen: dict[str, Any] = json.loads(ask(server.port, "GET", "/seen").body)
        if all("outside" in seen.get(word, ()) for word in words) or time.monotonic() > deadline:
            return seen
        time.sleep(0.01)
