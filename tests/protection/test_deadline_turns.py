"""Who wins where a handler and its deadline meet, and whose request the code is that runs then."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from asgi_patterns import Deadline, Pipeline, RequestId, remaining, request_id
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.protection import TimedOut
from asgi_patterns.testing import Client, hello

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_handler_that_answers_at_the_last_moment_wins_or_loses_but_never_both(method: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(0.05)
        await hello(scope, receive, send)

    client = Client(Deadline(start="50ms")(app))  # its lint raises at a second head
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await client.request(method, "/")).status)

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(ask)

    assert len(statuses) == 30
    assert set(statuses) <= {200, 504}


async def test_what_runs_on_after_the_answer_has_all_the_time_there_is() -> None:
    left: list[float | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        left.append(remaining())
        await hello(scope, receive, send)
        left.append(remaining())

    await Client(Deadline(start="10s")(app)).get("/")

    assert left[0] is not None
    assert 0 < left[0] <= 10
    assert left[1] is None


async def test_what_an_app_raises_passes_as_it_is() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("mine")

    answer = await Client(Deadline()(app)).get("/", raise_app_exceptions=False)

    assert isinstance(answer.exception, LookupError)
    assert answer.exception.__context__ is None


async def test_each_request_times_out_in_its_own_context() -> None:
    seen: dict[str | None, str | None] = {}

    def listener(event: Event, exchange: Exchange) -> None:
        if isinstance(event, TimedOut):
            seen[exchange.request_id] = request_id()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    client = Client(Pipeline(RequestId(), Deadline(start="30ms"), listeners=[listener])(app))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(client.get, "/")

    assert len(seen) == 3
    assert all(own == found for own, found in seen.items())


def test_requests_of_several_loops_time_out_each_in_its_own() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    client = Client(Deadline(start="20ms")(app))

    async def ask() -> list[int]:
        return [(await client.get("/")).status for _ in range(3)]

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: asyncio.run(ask()), range(8)))

    assert answers == [[504, 504, 504]] * 8
