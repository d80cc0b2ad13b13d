"""What the layer does by itself: it learns a limit, sees how late the loop is, and lives through several loops."""

import asyncio
import gc
from collections.abc import Callable

import anyio
import pytest

from asgi_patterns import LoadShedding, Pipeline
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.protection import LimitChanged, Pool, PriorityRule, Shed
from asgi_patterns.testing import Client, Clock, hello
from tests.protection.crowds import Doors, crowd, in_hand, still

WORK = 0.02
"""Seconds that a handler computes here, without ever waiting."""


class Computing:
    """An app that only computes, so that its requests are in hand one after the other, whatever the load."""

    def __init__(self) -> None:
        self.clock = Clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.clock.advance(WORK)
        await hello(scope, receive, send)


async def rounds(layer: LoadShedding, app: Computing, at_once: int, *, idle: float = 0.0) -> list[list[int]]:
    """Let so many come in each turn of the loop, for two seconds; return what became of them."""
    wired = layer(app)
    found: list[list[int]] = []
    until = app.clock() + 2.0
    while app.clock() < until:
        statuses: list[int] = []

        async def ask(statuses: list[int] = statuses) -> None:
            await bare_call(wired, statuses)

        async with anyio.create_task_group() as group:
            for _ in range(at_once):
                group.start_soon(ask)
        await still()
        app.clock.advance(idle)
        found.append(statuses)
    return found


async def bare_call(app: Callable[..., object], statuses: list[int], path: str = "/") -> None:
    """Call an app as a server does, without a single wait of our own."""

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])  # type: ignore[arg-type]  # ASGI says so

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "state": {}}
    await app(scope, None, send)  # type: ignore[misc]  # any app


@pytest.mark.anyio
async def test_who_comes_too_late_in_a_turn_of_a_busy_loop_is_refused() -> None:
    app = Computing()
    layer = LoadShedding(limit=100, max_lag=2.5 * WORK, clock=app.clock)

    found = await rounds(layer, app, 10)

    assert found[0].count(503) == 0
    assert all((each.count(200), each.count(503)) == (3, 7) for each in found[-5:])
    assert layer.load.lag == pytest.approx(3 * WORK)


@pytest.mark.anyio
async def test_a_loop_that_has_time_to_spare_refuses_nobody() -> None:
    app = Computing()
    layer = LoadShedding(limit=100, max_lag=2.5 * WORK, clock=app.clock)

    found = await rounds(layer, app, 10, idle=WORK)

    assert sum(each.count(503) for each in found) == 0


@pytest.mark.anyio
async def test_without_a_greatest_lag_it_is_only_measured() -> None:
    app = Computing()
    layer = LoadShedding(limit=100, max_lag=None, clock=app.clock)

    found = await rounds(layer, app, 10)

    assert sum(each.count(503) for each in found) == 0
    assert layer.load.lag == pytest.approx(10 * WORK)


@pytest.mark.anyio
async def test_an_adaptive_limit_bears_no_more_lag_than_answers_take() -> None:
    app = Computing()
    layer = LoadShedding(max_lag=5.0, clock=app.clock)

    found = await rounds(layer, app, 10)

    assert all((each.count(200), each.count(503)) == (1, 9) for each in found[-5:])


@pytest.mark.anyio
async def test_what_is_critical_bears_more_lag() -> None:
    app = Computing()
    rules = [PriorityRule(match="/**", priority="critical")]
    layer = LoadShedding(limit=100, max_lag=0.5 * WORK, priorities=rules, clock=app.clock)

    found = await rounds(layer, app, 10)

    assert all((each.count(200), each.count(503)) == (3, 7) for each in found[-5:])


@pytest.mark.anyio
async def test_nothing_is_asked_of_the_loop_while_nothing_is_in_hand() -> None:
    layer = LoadShedding()
    await Client(layer(hello)).get("/")
    await still()

    assert layer._admission.lag.asked is None


def told(events: list[Event]) -> Callable[[Event, Exchange], None]:
    return lambda event, exchange: events.append(event)


@pytest.mark.anyio
async def test_a_limit_that_is_in_the_way_grows_and_says_so() -> None:
    clock, events = Clock(), list[Event]()
    layer = LoadShedding(queue=0, max_lag=None, clock=clock)
    doors = Doors()
    before = layer.load.pools["main"].limit
    async with crowd(Pipeline(layer, listeners=[told(events)])(doors)) as people:
        for turn in range(20):
            paths = [f"/{turn}/{at}" for at in range(30)]
            await people.come(*paths)
            clock.advance(0.05)
            doors.open(*paths)
            await still()
    changed = [event for event in events if isinstance(event, LimitChanged)]

    assert before == 20
    assert layer.load.pools["main"].limit > before
    assert changed[-1].limit == layer.load.pools["main"].limit
    assert changed[-1].usual == pytest.approx(0.05)
    assert any(isinstance(event, Shed) and event.reason == "full" for event in events)


@pytest.mark.anyio
async def test_a_handler_that_waits_for_the_others_makes_the_limit_shrink() -> None:
    clock, slow = Clock(), [0.01]
    layer = LoadShedding(max_lag=None, clock=clock)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await still()
        clock.advance(slow[0] / 10)
        await hello(scope, receive, send)

    async with crowd(layer(app)) as people:
        for turn in range(40):
            if turn == 20:
                slow[0] = 0.1
            await people.come(*(f"/{turn}/{at}" for at in range(10)))
            await still()
            await still()

    assert layer.load.pools["main"].limit <= 20
    assert in_hand(layer) == (0, 0)


def given_up(layer: LoadShedding, requests: int) -> None:
    """Let so many come in an event loop that is closed in the middle of them."""
    wired, loop = layer(Doors()), asyncio.new_event_loop()
    tasks = [loop.create_task(bare_call(wired, [])) for _ in range(requests)]
    for _ in range(20):
        loop.run_until_complete(asyncio.sleep(0))
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is what the test is about
    loop.close()


def test_who_was_in_hand_in_a_loop_that_was_given_up_is_gone_with_it() -> None:
    layer = LoadShedding(limit=1, queue=0)
    statuses: list[int] = []

    given_up(layer, 1)
    gc.collect()
    asyncio.run(bare_call(layer(hello), statuses))

    assert (statuses, in_hand(layer)) == ([200], (0, 0))


def test_who_waited_in_a_loop_that_was_given_up_takes_nobodys_place() -> None:
    layer = LoadShedding(limit=1, queue=1, queue_timeout=0.01)
    given_up(layer, 2)
    before = in_hand(layer)

    events: list[Event] = []
    asyncio.run(bare_call(Pipeline(layer, listeners=[told(events)])(hello), []))

    assert (before, in_hand(layer)) == ((1, 1), (1, 0))
    assert events == [
        Shed(reason="waited", pool="main", priority="normal")
    ]  # in the place that was free again


def test_neither_does_who_waited_for_another_pool() -> None:
    pools = [Pool(name="reports", match="/reports", limit=1, queue=1, queue_timeout=0.01)]
    layer = LoadShedding(limit=1, queue=1, queue_timeout=0.01, pools=pools)
    given_up(layer, 2)

    asyncio.run(bare_call(layer(hello), [], "/reports"))
    layer._admission._gates[1].in_hand = 1
    asyncio.run(bare_call(layer(hello), [], "/reports"))

    assert in_hand(layer) == (1, 0)
