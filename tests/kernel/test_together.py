"""Which questions travel together, and what a flight that fails does to them."""

import asyncio
import gc
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from asgi_patterns.kernel.together import Together


class Airport:
    """Flights that land when a test says so, and then bring each item back in capital letters."""

    def __init__(self, most: int = 512) -> None:
        self.flights: list[list[str]] = []
        self._landings: list[asyncio.Future[Exception | None]] = []
        self.together: Together[str, str] = Together(self.fly, most)

    async def fly(self, items: Sequence[str]) -> list[str | Exception]:
        self.flights.append([*items])
        self._landings.append(asyncio.get_running_loop().create_future())
        error = await self._landings[-1]
        if error is not None:
            raise error
        return [KeyError(item) if item.startswith("bad") else item.upper() for item in items]

    async def land(self, error: Exception | None = None) -> None:
        await turn()
        self._landings[-1].set_result(error)
        await turn()


async def turn() -> None:
    """Let everybody do what can be done without waiting."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_what_is_asked_in_one_turn_travels_together() -> None:
    airport = Airport()

    first = [airport.together.ask(item) for item in "ab"]
    second = airport.together.ask("c")
    await airport.land()

    assert airport.flights == [["a", "b", "c"]]
    assert [future.result() for future in [*first, second]] == ["A", "B", "C"]


@pytest.mark.asyncio
async def test_tasks_of_one_turn_travel_together() -> None:
    airport = Airport()

    async def one(item: str) -> str:
        return await airport.together.ask(item)

    tasks = [asyncio.create_task(one(item)) for item in "abc"]
    await airport.land()

    assert airport.flights == [["a", "b", "c"]]
    assert await asyncio.gather(*tasks) == ["A", "B", "C"]


@pytest.mark.asyncio
async def test_with_nothing_in_flight_the_first_leaves_at_once() -> None:
    airport = Airport()

    airport.together.ask("a")
    await asyncio.sleep(0)

    assert airport.flights == [["a"]]
    await airport.land()


@pytest.mark.asyncio
async def test_while_one_is_in_flight_others_gather_for_the_next() -> None:
    airport = Airport()

    airport.together.ask("a")
    await turn()
    for item in "bc":
        airport.together.ask(item)
        await turn()
    before = [*airport.flights]
    await airport.land()

    assert before == [["a"]]
    assert airport.flights == [["a"], ["b", "c"]]
    await airport.land()


@pytest.mark.parametrize(
    ("count", "flights"),
    [
        pytest.param(2, [["0", "1"]], id="one below the limit"),
        pytest.param(3, [["0", "1", "2"]], id="at the limit"),
        pytest.param(4, [["0", "1", "2"], ["3"]], id="one above the limit"),
        pytest.param(7, [["0", "1", "2"], ["3", "4", "5"], ["6"]], id="twice and more"),
    ],
)
@pytest.mark.asyncio
async def test_a_flight_has_a_limit(count: int, flights: list[list[str]]) -> None:
    airport = Airport(most=3)

    futures = [airport.together.ask(str(number)) for number in range(count)]
    for _ in flights:
        await airport.land()

    assert airport.flights == flights
    assert [future.result() for future in futures] == [str(number) for number in range(count)]


@pytest.mark.asyncio
async def test_what_is_posted_travels_along() -> None:
    airport = Airport()

    airport.together.post("a")
    answer = airport.together.ask("b")
    airport.together.post("bad")
    await airport.land()

    assert airport.flights == [["a", "b", "bad"]]
    assert answer.result() == "B"


@pytest.mark.asyncio
async def test_what_is_posted_alone_travels() -> None:
    airport = Airport()

    airport.together.post("bad")
    await airport.land()

    assert airport.flights == [["bad"]]


@pytest.mark.asyncio
async def test_who_leaves_harms_nobody() -> None:
    airport = Airport()
    leaving, staying = (airport.together.ask(item) for item in "ab")
    await turn()

    leaving.cancel()
    await airport.land()

    assert airport.flights == [["a", "b"]]
    assert leaving.cancelled()
    assert staying.result() == "B"


@pytest.mark.asyncio
async def test_who_is_cancelled_while_waiting_harms_nobody() -> None:
    airport = Airport()

    async def one(item: str) -> str:
        return await airport.together.ask(item)

    leaving, staying = (asyncio.create_task(one(item)) for item in "ab")
    await turn()
    leaving.cancel()
    await airport.land()

    assert leaving.cancelled()
    assert staying.result() == "B"


@pytest.mark.asyncio
async def test_one_bad_item_fails_alone() -> None:
    airport = Airport()

    futures = [airport.together.ask(item) for item in ("a", "bad", "c")]
    await airport.land()

    assert [future.exception() for future in futures[::2]] == [None, None]
    with pytest.raises(KeyError, match="bad"):
        await futures[1]


@pytest.mark.asyncio
async def test_a_flight_that_fails_fails_whole_and_so_does_what_was_gathered_meanwhile() -> None:
    airport = Airport()
    aboard = [airport.together.ask(item) for item in "ab"]
    await turn()
    gathered = [airport.together.ask(item) for item in "cd"]

    await airport.land(ConnectionError("away"))

    assert airport.flights == [["a", "b"]]
    for future in aboard + gathered:
        with pytest.raises(ConnectionError, match="away"):
            await future


@pytest.mark.asyncio
async def test_after_a_failure_the_next_flight_leaves() -> None:
    airport = Airport()
    airport.together.post("a")
    await airport.land(ConnectionError("away"))

    answer = airport.together.ask("b")
    await airport.land()

    assert answer.result() == "B"


@pytest.mark.asyncio
async def test_failures_that_nobody_waits_for_are_not_reported() -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    airport = Airport()

    airport.together.ask("bad")
    airport.together.ask("a").cancel()
    await airport.land()
    airport.together.ask("b")
    await airport.land(ConnectionError("away"))
    gc.collect()

    assert reported == []


@pytest.mark.asyncio
async def test_answers_that_do_not_fit_the_items_are_an_error_for_all() -> None:
    async def lose_one(items: Sequence[str]) -> list[str]:
        return [*items][1:]

    together: Together[str, str] = Together(lose_one)
    futures = [together.ask(item) for item in "abc"]
    await turn()

    for future in futures:
        with pytest.raises(RuntimeError, match="3 items have 2 answers"):
            await future


@pytest.mark.asyncio
async def test_a_flight_belongs_to_no_request() -> None:
    name: ContextVar[str] = ContextVar("name")
    seen: list[str | None] = []

    async def look(items: Sequence[str]) -> Sequence[str]:
        seen.append(name.get(None))
        return items

    together: Together[str, str] = Together(look)
    name.set("the first request")
    await together.ask("a")

    assert seen == [None]


@pytest.mark.asyncio
async def test_closing_waits_for_all_that_was_gathered_and_takes_nothing_more() -> None:
    airport = Airport(most=1)
    futures = [airport.together.ask(item) for item in "ab"]
    await turn()

    closing = asyncio.create_task(airport.together.aclose())
    await turn()
    for refused in (airport.together.ask, airport.together.post):
        with pytest.raises(RuntimeError, match="closed"):
            refused("c")
    assert not closing.done()
    for _ in futures:
        await airport.land()
    await closing

    assert [future.result() for future in futures] == ["A", "B"]
    assert airport.flights == [["a"], ["b"]]
    with pytest.raises(RuntimeError, match="closed"):
        airport.together.ask("c")


@pytest.mark.asyncio
@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_nobody_waits_for_a_flight_that_was_cancelled(turns: int) -> None:
    airport = Airport()
    before = asyncio.all_tasks()
    futures = [airport.together.ask("a")]
    for _ in range(turns):
        await asyncio.sleep(0)
    futures.append(airport.together.ask("b"))

    (flight,) = asyncio.all_tasks() - before
    flight.cancel()
    await turn()
    again = airport.together.ask("c")
    await airport.land()

    assert all(future.cancelled() for future in futures)
    assert again.result() == "C"


@pytest.mark.asyncio
async def test_closing_what_was_never_used_is_nothing() -> None:
    airport = Airport()

    await airport.together.aclose()
    await airport.together.aclose()

    assert airport.flights == []


@pytest.mark.asyncio
async def test_closing_that_is_given_up_leaves_the_flight_alone() -> None:
    airport = Airport()
    answer = airport.together.ask("a")
    await turn()

    closing = asyncio.create_task(airport.together.aclose())
    await turn()
    closing.cancel()
    await airport.land()

    assert answer.result() == "A"


def test_a_loop_that_ends_in_mid_air_leaves_it_fit_for_the_next() -> None:
    airport = Airport()

    async def leave() -> "asyncio.Future[str]":
        future = airport.together.ask("a")
        await turn()
        airport.together.post("gathered")
        return future

    async def come() -> str:
        future = airport.together.ask("b")
        await airport.land()
        return await future

    left = asyncio.run(leave())
    answer = asyncio.run(come())

    assert left.cancelled()
    assert answer == "B"
    assert airport.flights == [["a"], ["b"]]


def test_two_loops_at_the_same_time_are_refused() -> None:
    airport = Airport()

    async def begin() -> None:
        airport.together.post("a")
        await turn()

    async def intrude() -> None:
        airport.together.post("b")

    with asyncio.Runner() as here, asyncio.Runner() as there:
        here.run(begin())
        with pytest.raises(RuntimeError, match="each loop needs its own"):
            there.run(intrude())
        here.run(airport.land())

    assert airport.flights == [["a"]]


def test_two_loops_in_turn_may_share_it_while_nothing_is_in_flight() -> None:
    airport = Airport()

    async def whole(item: str) -> str:
        future = airport.together.ask(item)
        await airport.land()
        return await future

    with asyncio.Runner() as here, asyncio.Runner() as there:
        assert [runner.run(whole("a")) for runner in (here, there, here)] == ["A", "A", "A"]
