"""``Problem``: an exception, an answer, and the bytes of RFC 9457."""

import json
from datetime import date
from typing import Any

import pytest

from asgi_patterns.errors import Problem, ProblemType
from asgi_patterns.testing import Client

pytestmark = pytest.mark.anyio


async def test_it_is_an_answer() -> None:
    problem = Problem(
        409, "shipped already", type="https://shop.example/problems/shipped", title="Shipped", order=7
    )

    answer = await Client(problem).get("/orders/7")

    assert answer.status == 409
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"
    assert answer.json() == {
        "type": "https://shop.example/problems/shipped",
        "title": "Shipped",
        "status": 409,
        "detail": "shipped already",
        "order": 7,
    }


async def test_a_head_gets_the_same_head_and_no_body() -> None:
    problem = Problem(404)

    head, get = await Client(problem).head("/"), await Client(problem).get("/")

    assert head.headers == get.headers
    assert head.body == b""


async def test_its_fields_are_sent_and_its_own_cache_control_stays() -> None:
    answer = await Client(Problem(429, headers={"Retry-After": "3", "Cache-Control": "max-age=3"})).get("/")

    assert answer.header("retry-after") == "3"
    assert answer.all("cache-control") == ["max-age=3"]


@pytest.mark.parametrize(
    ("status", "title"),
    [(404, "Not Found"), (499, "Client Error"), (599, "Server Error"), (422, "Unprocessable")],
)
def test_without_a_title_it_has_the_status_phrase(status: int, title: str) -> None:
    members = Problem(status).as_dict()

    assert members["type"] == "about:blank"
    assert members["title"].startswith(title)


@pytest.mark.parametrize("status", [0, 200, 304, 399, 600])
def test_a_status_that_is_no_error_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="400 to 599"):
        Problem(status)


def test_the_request_id_cannot_be_claimed() -> None:
    with pytest.raises(ValueError, match="requestId"):
        Problem(400, requestId="mine")


def test_a_field_that_would_split_the_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="CR, LF"):
        Problem(400, headers={"X-A": "1\r\nSet-Cookie: a=1"})


def test_values_that_json_does_not_know_become_text() -> None:
    body = Problem(400, due=date(2026, 11, 22), word="café").body()

    assert json.loads(body)["due"] == "2026-11-22"
    assert "café".encode() in body


def test_a_type_makes_problems() -> None:
    sold_out = ProblemType("https://shop.example/problems/sold-out", "Sold out", 409)

    problem = sold_out("only 2 left", available=2)

    assert (problem.status_code, problem.title, problem.members) == (409, "Sold out", {"available": 2})


DENIALS: list[tuple[str, dict[str, Any], int, dict[str, Any]]] = [
    ("with the extension it is read", {"websocket.http.response": {}}, 403, {"status": 403}),
    ("without it the connection is closed for policy", {}, 403, {"code": 1008}),
    ("or for an error", {}, 503, {"code": 1011}),
]


@pytest.mark.parametrize(
    ("extensions", "status", "expected"), [row[1:] for row in DENIALS], ids=[row[0] for row in DENIALS]
)
async def test_a_websocket_is_denied(
    extensions: dict[str, Any], status: int, expected: dict[str, Any]
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await Problem(status)({"type": "websocket", "path": "/", "extensions": extensions}, receive, send)

    assert expected.items() <= sent[0].items()
