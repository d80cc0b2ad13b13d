"""A problem that was made ready is answered exactly as it would be by itself."""

from typing import Any

import pytest

from asgi_patterns import Pipeline, RequestId
from asgi_patterns.kernel.exchange import KEY, Exchange
from asgi_patterns.kernel.prepared import Prepared
from asgi_patterns.kernel.problems import Problem
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import Answer, Client

pytestmark = pytest.mark.anyio

PROBLEM = Problem(
    503, "Try äfter a while.", type="https://shop.example/busy", headers={"Retry-After": "3"}, retryAfter=3
)


def seen(answer: Answer) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return answer.status, sorted(answer.headers), answer.body


async def both(method: str, wrap: Any) -> list[Answer]:
    apps: list[ASGIApp] = [PROBLEM, Prepared(PROBLEM)]
    headers = {"x-request-id": "abcd-efgh-1234"}
    return [await Client(wrap(app)).request(method, "/", headers=headers) for app in apps]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "wrap",
    [pytest.param(lambda app: app, id="alone"), pytest.param(Pipeline(RequestId()), id="with a request id")],
)
async def test_it_is_the_same_answer(method: str, wrap: Any) -> None:
    by_itself, prepared = await both(method, wrap)

    assert seen(prepared) == seen(by_itself)


async def test_a_websocket_is_denied_with_it() -> None:
    async with Client(Prepared(PROBLEM)).websocket("/") as socket:
        denied = socket.denial

    assert denied is not None
    assert (denied.status, denied.json()["retryAfter"]) == (503, 3)


async def test_the_exchange_hears_of_it() -> None:
    heard: list[Problem | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope = Exchange.of(scope)[1]
        await Prepared(PROBLEM)(scope, receive, send)
        heard.append(scope[KEY].problem)

    await Client(app).get("/")

    assert heard == [PROBLEM]


async def test_one_answer_changes_nothing_about_the_next() -> None:
    prepared = Prepared(PROBLEM)
    first = await Client(prepared).get("/")
    first.headers.append((b"x-added", b"outside"))

    second = await Client(prepared).get("/")

    assert second.header("x-added") is None


def test_a_slug_is_refused_since_its_uri_is_made_for_each_request() -> None:
    with pytest.raises(ValueError, match="'sold-out' is no whole URI"):
        Prepared(Problem(409, type="sold-out"))
