"""Measuring contenders: in processes of their own, in turns, counts that do not scatter. No test looks at a time."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from asgi_patterns import wrap
from asgi_patterns.benching.calling import NO_ANSWER, calling, get
from asgi_patterns.benching.measuring import Contender, Make, Run, measure, measuring
from asgi_patterns.benching.numbers import Counts, Failed, Measured, Times
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send


async def alone(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def once(app: ASGIApp) -> Measured:
    return measure({"it": calling(lambda: app)}, rounds=2, calls=5)["it"]


def test_counts_are_the_same_in_every_run() -> None:
    contenders = {"alone": calling(lambda: alone), "wrapped": calling(lambda: wrap(alone, config={}))}

    first, second = (measure(contenders, rounds=2, calls=5) for _ in range(2))

    assert [each.counts for each in first.values()] == [each.counts for each in second.values()]
    assert first["wrapped"].counts is not None
    assert first["alone"].counts is not None
    assert first["wrapped"].counts.over(first["alone"].counts).calls > 0


def test_a_function_that_is_called_once_more_is_counted_once_more() -> None:
    def nothing() -> None: ...

    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        nothing()
        nothing()
        await alone(scope, receive, send)

    calls = measure({"alone": calling(lambda: alone), "twice": calling(lambda: twice)}, rounds=1, calls=1)

    assert calls["twice"].counts is not None
    assert calls["alone"].counts is not None
    # The app that it calls is one call, and each function another.
    assert calls["twice"].counts.over(calls["alone"].counts).calls == 3


def test_an_app_that_waits_is_counted_without_the_turns_of_the_loop() -> None:
    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(0.001)
        await alone(scope, receive, send)

    assert once(waits).counts == once(waits).counts


def test_each_contender_has_a_process_of_its_own_with_the_collector_as_it_says() -> None:
    def noting() -> Make:
        @asynccontextmanager
        async def make() -> AsyncIterator[Run]:
            import gc

            yield _Noting((os.getpid(), gc.isenabled()))

        return make

    told = measure(
        {"on": noting(), "off": Contender(make=noting(), collector=False)}, rounds=1, calls=1, counted=0
    )

    (first, collects), (second, does_not) = told["on"].notes, told["off"].notes
    assert len({os.getpid(), first, second}) == 3
    assert (collects, does_not) == (True, False)


class _Noting:
    def __init__(self, said: object) -> None:
        self._said = said

    async def __call__(self, calls: int) -> None: ...

    def notes(self) -> object:
        return self._said


async def refuses_later(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise NotImplementedError
    state: dict[str, Any] = vars(refuses_later)
    state["asked"] = state.get("asked", 0) + 1
    status = 200 if state["asked"] <= 3 else 429
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body"})


async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("no lamp")


async def says_nothing(scope: Scope, receive: Receive, send: Send) -> None: ...


async def waits_for_the_client_to_go(scope: Scope, receive: Receive, send: Send) -> None:
    async def sees_it_go() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with anyio.create_task_group() as group:
        group.start_soon(sees_it_go)
        await alone(scope, receive, send)


@pytest.mark.parametrize(
    ("app", "notes"),
    [
        pytest.param(alone, (200, {}), id="answers"),
        pytest.param(refuses_later, (200, {429: 3}), id="refuses from the fourth on"),
        pytest.param(breaks, ("raises LookupError", {}), id="raises"),
        pytest.param(says_nothing, (NO_ANSWER, {}), id="says nothing"),
        pytest.param(waits_for_the_client_to_go, (200, {}), id="waits until the client has gone"),
    ],
)
def test_what_is_noted_of_an_app_that(app: ASGIApp, notes: object) -> None:
    assert once(app).notes == [notes]


async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["status"] = 204
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": scope["state"]["status"], "headers": []})
    await send({"type": "http.response.body"})


def test_the_lifespan_is_run_and_requests_have_its_state() -> None:
    assert once(with_state).notes == [(204, {})]


def makes_nothing() -> ASGIApp:
    raise ValueError("there is no app")


def dies() -> ASGIApp:
    os._exit(9)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(makes_nothing, "ValueError: there is no app", id="cannot be made"),
        pytest.param(dies, "its process has died", id="ends its process"),
    ],
)
def test_the_others_are_measured_where_one(make: Callable[[], ASGIApp], why: str) -> None:
    told = measuring({"bad": calling(make), "good": calling(lambda: alone)}, seconds=9, rounds=1, calls=1)

    assert told["bad"] == Failed(why)
    assert isinstance(told["good"], Measured)


def test_a_benchmark_ends_where_one_fails() -> None:
    with pytest.raises(RuntimeError, match="bad: ValueError: there is no app"):
        measure({"bad": calling(makes_nothing)}, rounds=1, calls=1)


def test_numbers_are_for_one_request_of_a_mix() -> None:
    mix = [get("/a"), get("/b"), get("/c")]

    one = measure({"it": calling(lambda: alone)}, rounds=1, calls=1)["it"]
    three = measure({"it": Contender(make=calling(lambda: alone, mix), requests=3)}, rounds=1, calls=1)["it"]

    assert three.counts == one.counts
    assert three.notes == [(200, {})] * 3


def test_the_spread_is_what_a_usual_round_takes_longer_than_the_fastest() -> None:
    times = Times.of([4.0, 2.0, 9.0])

    assert (times, times.spread) == (Times(2.0, 4.0, 3), 2.0)
    assert Counts(5, 3).over(Counts(2, 2)) == Counts(3, 1)
