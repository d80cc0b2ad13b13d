"""The layer as clients and apps see it: who goes in, who waits, who is turned away, and when a slot is free again."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import pytest

from asgi_patterns import Caller, LoadShedding, Pipeline, Problems, RateLimit, RequestId
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.protection import Pool, PriorityRule, Shed
from asgi_patterns.testing import UNUSUAL_APPS, Client, hello
from tests.protection.crowds import Crowd, Doors, crowd, in_hand, still

pytestmark = pytest.mark.anyio

NOBODY = {"queue": 0}
LONG = 30.0
"""Seconds that nobody waits for here."""

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
EVENTS: Message = {**START, "headers": [(b"content-type", b"text/event-stream; charset=utf-8")]}


# ---------------------------------------------------------------------------------------- who goes in


async def test_so_many_are_in_hand_at_once_and_no_more() -> None:
    doors, layer = Doors(), LoadShedding(limit=2, queue=0)
    async with crowd(layer(doors)) as people:
        await people.come("/1", "/2", "/3")
        refused = people.statuses
        doors.open("/1", "/2", "/3", "/4")
        await still()
        await people.come("/4")

    assert refused == {"/3": 503}
    assert people.statuses == {"/1": 200, "/2": 200, "/3": 503, "/4": 200}
    assert in_hand(layer) == (0, 0)


async def test_a_few_may_wait_and_go_in_as_they_came() -> None:
    doors, layer = Doors(), LoadShedding(limit=1, queue=2, queue_timeout=LONG)
    async with crowd(layer(doors)) as people:
        await people.come("/1", "/2", "/3", "/4")
        before = (people.statuses, in_hand(layer), [*doors.seen])
        doors.open("/1")
        await still()
        after = [*doors.seen]
        doors.open("/2", "/3")

    assert before == ({"/4": 503}, (1, 2), ["/1"])
    assert after == ["/1", "/2"]
    assert doors.seen == ["/1", "/2", "/3"]
    assert people.statuses == {"/1": 200, "/2": 200, "/3": 200, "/4": 503}


async def test_who_has_waited_for_long_enough_is_turned_away() -> None:
    doors, layer = Doors(), LoadShedding(limit=1, queue_timeout=0.01)
    async with crowd(layer(doors)) as people:
        await people.come("/1")
        answer = await people.client.get("/2")
        left = in_hand(layer)
        doors.open("/1")

    assert (answer.status, left) == (503, (1, 0))


async def test_two_requests_at_once_have_nothing_to_do_with_each_other() -> None:
    doors, layer = Doors(), LoadShedding(limit=5)
    async with crowd(layer(doors)) as people:
        await people.come("/slow", "/quick")
        doors.open("/quick")
        await still()
        first = (people.statuses, in_hand(layer))
        doors.open("/slow")

    assert first == ({"/quick": 200}, (1, 0))
    assert in_hand(layer) == (0, 0)


async def test_one_layer_on_two_apps_counts_both_together() -> None:
    one, other, layer = Doors(), Doors(), LoadShedding(limit=1, queue=0)
    wired = layer(other)
    async with crowd(layer(one)) as people:
        await people.come("/1")
        answer = await Client(wired).get("/2")
        one.open("/1")

    assert (answer.status, other.seen) == (503, [])


# ------------------------------------------------------------------------------ when a slot is free again


async def background(scope: Scope, receive: Receive, send: Send) -> None:
    await hello(scope, receive, send)
    await anyio.sleep_forever()


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    await send(EVENTS)
    await anyio.sleep_forever()


async def chunks(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    await anyio.sleep_forever()


async def trailers(scope: Scope, receive: Receive, send: Send) -> None:
    await send({**START, "trailers": True})
    await send({"type": "http.response.body", "body": b"x"})
    await anyio.sleep_forever()


HOLDING: list[tuple[str, ASGIApp, int]] = [
    # where an app stands still                         slots in hand then
    ("after its last message, as with background tasks", background, 0),
    ("after the head of an event stream", events, 0),
    ("in the middle of another stream", chunks, 1),
    ("before the trailers that it has announced", trailers, 1),
]


TYPES: list[tuple[str, list[tuple[bytes, bytes]], int]] = [
    # the fields of an answer that goes on                       slots in hand
    ("no type", [], 1),
    ("another type", [(b"content-type", b"application/x-ndjson")], 1),
    ("another field with that value", [(b"x-of-that-len", b"text/event-stream")], 1),
    ("events", [(b"x-first", b"1"), (b"content-type", b"text/event-stream")], 0),
    ("events, as Django writes it", [(b"Content-Type", b"Text/Event-Stream")], 0),
]


@pytest.mark.parametrize(("fields", "held"), [row[1:] for row in TYPES], ids=[row[0] for row in TYPES])
async def test_a_stream_of_events_is_known_by_its_type(fields: list[tuple[bytes, bytes]], held: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": fields})
        await anyio.sleep_forever()

    layer = LoadShedding(limit=1)
    async with crowd(layer(app), lint=False) as people:
        await people.come("/")
        found = in_hand(layer)
        people.group.cancel_scope.cancel()

    assert found == (held, 0)


@pytest.mark.parametrize(("app", "held"), [row[1:] for row in HOLDING], ids=[row[0] for row in HOLDING])
async def test_what_an_app_holds_that_stands_still(app: ASGIApp, held: int) -> None:
    layer = LoadShedding(limit=1)
    async with crowd(layer(app)) as people:
        await people.come("/")
        found = in_hand(layer)
        people.group.cancel_scope.cancel()

    assert found == (held, 0)
    assert in_hand(layer) == (0, 0)


async def test_a_pool_can_hold_event_streams_until_they_end() -> None:
    layer = LoadShedding(
        pools=[Pool(name="streams", match="/events", limit=2, queue=0, hold_streams=True)],
        event_streams="refuse",
    )
    async with crowd(layer(events)) as people:
        await people.come("/events", "/events", "/events")
        statuses, held = people.statuses, in_hand(layer, "streams")
        people.group.cancel_scope.cancel()

    assert (statuses, held) == ({"/events": 503}, (2, 0))
    assert in_hand(layer, "streams") == (0, 0)


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Return without an answer, as for a client that has left."""


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("broken")


async def broken_off(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    raise LookupError("broken")


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(silent, id="no answer"),
        pytest.param(broken, id="a crash before the head"),
        pytest.param(broken_off, id="a crash after the head"),
    ],
)
@pytest.mark.parametrize("layer", [LoadShedding(limit=1), LoadShedding()], ids=["fixed", "adaptive"])
async def test_an_exchange_without_an_end_gives_its_slot_back(app: ASGIApp, layer: LoadShedding) -> None:
    client = Client(layer(app), lint=False)

    for _ in range(3):
        await client.get("/", raise_app_exceptions=False)

    assert in_hand(layer) == (0, 0)


@pytest.mark.parametrize("messages", [0, 1])
async def test_a_client_that_leaves_early_takes_no_slot_along(messages: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    layer = LoadShedding(limit=1)
    client = Client(layer(app), lint=False)

    for _ in range(2):
        await client.request("GET", "/", leave_after=messages, raise_app_exceptions=False)

    assert in_hand(layer) == (0, 0)


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_an_unusual_answer_passes_as_it_is(app: ASGIApp, method: str) -> None:
    layer = LoadShedding()
    content = None if method != "POST" else b"hello"

    bare = await Client(app, lint=False).request(method, "/", content=content)
    shed = await Client(layer(app), lint=False).request(method, "/", content=content)

    assert (shed.status, shed.headers, shed.body, shed.trailers) == (
        bare.status,
        bare.headers,
        bare.body,
        bare.trailers,
    )
    assert in_hand(layer) == (0, 0)


# ---------------------------------------------------------------------------------- who is told to go


async def test_who_is_cancelled_in_line_loses_its_place_and_nobody_elses() -> None:
    doors, layer = Doors(), LoadShedding(limit=1, queue=3, queue_timeout=LONG)
    async with crowd(layer(doors)) as people:
        await people.come("/1")
        async with anyio.create_task_group() as group:
            group.start_soon(people.client.get, "/2")
            await still()
            await people.come("/3")
            group.cancel_scope.cancel()
        waiting = in_hand(layer)
        doors.open("/1", "/3")

    assert waiting == (1, 1)
    assert people.statuses == {"/1": 200, "/3": 200}
    assert in_hand(layer) == (0, 0)


@pytest.mark.parametrize("steps", range(12))
async def test_a_slot_that_is_handed_to_who_is_cancelled_goes_to_the_next(steps: int) -> None:
    """Whatever comes first, the slot or the cancellation, and however many steps are between them."""
    doors, layer = Doors(), LoadShedding(limit=1, queue=3, queue_timeout=LONG)
    doors.open("/2", "/3")
    async with crowd(layer(doors)) as people:
        await people.come("/1")
        async with anyio.create_task_group() as group:
            group.start_soon(people.client.get, "/2")
            await still()
            await people.come("/3")
            doors.open("/1")
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

    assert people.statuses == {"/1": 200, "/3": 200}
    assert in_hand(layer) == (0, 0)


async def test_who_is_cancelled_with_a_slot_gives_it_to_who_waits() -> None:
    doors, layer = Doors(), LoadShedding(limit=1, queue_timeout=LONG)
    doors.open("/2")
    async with crowd(layer(doors)) as people, anyio.create_task_group() as group:
        group.start_soon(people.client.get, "/1")
        await still()
        await people.come("/2")
        group.cancel_scope.cancel()

    assert people.statuses == {"/2": 200}
    assert in_hand(layer) == (0, 0)


# ------------------------------------------------------------------------------- pools and priorities


async def test_reports_cannot_starve_checkout_nor_the_other_way_round() -> None:
    doors = Doors()
    layer = LoadShedding(
        limit=2, queue=0, pools=[Pool(name="reports", match="/reports/**", limit=1, queue=0)]
    )
    async with crowd(layer(doors)) as people:
        await people.come("/reports/1", "/reports/2", "/checkout/1", "/checkout/2", "/checkout/3")
        statuses = people.statuses
        doors.open("/reports/1", "/checkout/1", "/checkout/2")

    assert statuses == {"/reports/2": 503, "/checkout/3": 503}
    assert [in_hand(layer, name) for name in ("main", "reports")] == [(0, 0), (0, 0)]


async def test_of_two_pools_the_first_that_matches_has_the_request() -> None:
    doors = Doors()
    pools = [Pool(name="a", match=["POST /x", "/a/**"], limit=1), Pool(name="b", match="/**", limit=1)]
    layer = LoadShedding(pools=pools)
    async with crowd(layer(doors)) as people:
        await people.come("/a/1", "/b/1")
        found = [in_hand(layer, name) for name in ("a", "b", "main")]
        doors.open("/a/1", "/b/1")

    assert found == [(1, 0), (1, 0), (0, 0)]


async def test_a_pool_has_a_waiting_time_of_its_own() -> None:
    pools = [Pool(name="impatient", match="/now", limit=1, queue_timeout=0)]
    doors, layer = Doors(), LoadShedding(pools=pools, queue_timeout=LONG)
    async with crowd(layer(doors)) as people:
        await people.come("/now")
        answer = await people.client.get("/now")
        doors.open("/now")

    assert answer.status == 503


RULES = [
    PriorityRule(match="/checkout/**", priority="critical"),
    PriorityRule(match=["/reports/**", "/exports"], priority="low"),
]


async def test_low_ones_are_shed_first_and_critical_ones_last() -> None:
    doors, layer = Doors(), LoadShedding(limit=10, queue=0, priorities=RULES)
    async with crowd(layer(doors)) as people:
        low, normal, critical = (
            [f"{path}/{at}" for at in range(12)] for path in ("/reports", "/", "/checkout")
        )
        await people.come(*low, *normal, *critical)
        seen = [[path in doors.seen for path in paths].count(True) for paths in (low, normal, critical)]
        doors.open(*doors.seen)

    assert seen == [5, 4, 1]


async def test_a_more_important_one_takes_the_place_of_another_in_a_full_line() -> None:
    doors, heard = Doors(), Heard()
    layer = LoadShedding(limit=1, queue=1, queue_timeout=LONG, priorities=RULES)
    async with crowd(Pipeline(layer, listeners=[heard])(doors)) as people:
        await people.come("/1", "/reports/1", "/checkout/1")
        statuses = people.statuses
        doors.open("/1", "/checkout/1")

    assert statuses == {"/reports/1": 503}
    assert heard.events == [Shed(reason="displaced", pool="main", priority="low")]
    assert people.statuses == {"/reports/1": 503, "/1": 200, "/checkout/1": 200}


def paying(scope: Scope, caller: Caller | None) -> str | None:
    if caller is None:
        return "low"
    return "critical" if caller.tier == "premium" else None


async def paying_later(scope: Scope, caller: Caller | None) -> str | None:
    await anyio.lowlevel.checkpoint()
    return paying(scope, caller)


class ByKey:
    """Reads the priority from a class, which has no coroutine function to be seen."""

    async def __call__(self, scope: Scope, caller: Caller | None) -> str | None:
        return paying(scope, caller)


def identify(scope: Scope) -> Caller | None:
    tiers = {b"1": "premium", b"2": "free"}
    key = dict(scope["headers"]).get(b"x-api-key")
    return None if key is None else Caller(id=key.decode(), tier=tiers[key])


PAYING: list[tuple[str, dict[str, str], int]] = [
    # who comes                          how many of them at once, of 10
    ("a paying caller may have all", {"x-api-key": "1"}, 10),
    ("what the function leaves open the rules say", {"x-api-key": "2"}, 9),
    ("who is not known comes last", {}, 5),
]


@pytest.mark.parametrize("priority", [paying, paying_later, ByKey()], ids=["sync", "async", "an object"])
@pytest.mark.parametrize(("headers", "most"), [row[1:] for row in PAYING], ids=[row[0] for row in PAYING])
async def test_paying_callers_are_shed_last(priority: Any, headers: dict[str, str], most: int) -> None:
    doors, layer = Doors(), LoadShedding(limit=10, queue=0, priority=priority)
    async with crowd(Pipeline(layer, identify=identify)(doors)) as people:
        await people.come(*(f"/{at}" for at in range(12)), headers=headers)
        found = in_hand(layer)
        doors.open(*doors.seen)

    assert found == (most, 0)


async def test_a_priority_that_is_none_is_an_error_and_no_free_pass() -> None:
    def misspelt(scope: Scope, caller: Caller | None) -> str:
        return "urgent"

    layer = LoadShedding(priority=misspelt)

    with pytest.raises(TypeError, match="a priority is one of critical, normal, low or None, not 'urgent'"):
        await Client(layer(hello)).get("/")

    assert in_hand(layer) == (0, 0)


# ------------------------------------------------------------------------------------------- refusals


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event, exchange: Exchange) -> None:
        self.events.append(event)


async def full(people: Crowd, doors: Doors, ask: Callable[[], Awaitable[Any]]) -> Any:
    """What ``ask`` gets while the only slot is taken."""
    await people.come("/first")
    found = await ask()
    doors.open("/first")
    return found


async def test_a_refusal_is_a_problem_that_says_when_to_come_again() -> None:
    doors, layer = Doors(), LoadShedding(limit=1, queue=0, retry_after="10s", retry_jitter=0)
    async with crowd(layer(doors)) as people:
        answer = await full(people, doors, lambda: people.client.get("/second"))

    assert answer.json() == {
        "type": "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
        "title": "Request cannot be satisfied due to temporary server capacity constraints",
        "status": 503,
        "detail": "The server has more to do than it can. Try again in 10 seconds.",
        "retryAfter": 10,
    }
    assert answer.header("retry-after") == "10"
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"


async def test_it_has_the_id_of_the_request() -> None:
    doors = Doors()
    pipeline = Pipeline(RequestId(), Problems(), LoadShedding(limit=1, queue=0))
    async with crowd(pipeline(doors)) as people:
        answer = await full(people, doors, lambda: people.client.get("/second"))

    assert answer.json()["requestId"] == answer.header("x-request-id")


async def test_it_is_never_early_and_spread_over_the_jitter() -> None:
    doors, layer = Doors(), LoadShedding(limit=1, queue=0, retry_after=2, retry_jitter=3)

    async def many() -> set[str | None]:
        return {(await people.client.get("/second")).header("retry-after") for _ in range(200)}

    async with crowd(layer(doors)) as people:
        found = await full(people, doors, many)

    assert found == {"2", "3", "4", "5"}


ACCEPTS: list[tuple[str, str, str | None, int]] = [
    # who asks                                       Accept                                       status
    ("an EventSource", "GET", "text/event-stream", 200),
    ("one that would take anything else as well", "GET", "text/event-stream, */*;q=0.1", 200),
    ("one that takes JSON just as well", "GET", "application/json, text/event-stream", 503),
    ("one that refuses events", "GET", "application/json, text/event-stream;q=0", 503),
    ("one that takes anything", "GET", "*/*", 503),
    ("one that says nothing", "GET", None, 503),
    ("one that posts", "POST", "text/event-stream", 503),
]


@pytest.mark.parametrize(
    ("method", "accept", "status"), [row[1:] for row in ACCEPTS], ids=[row[0] for row in ACCEPTS]
)
async def test_who_wants_events_is_told_to_come_again(method: str, accept: str | None, status: int) -> None:
    doors, layer = Doors(), LoadShedding(limit=1, queue=0, retry_after=3, retry_jitter=2)
    headers = {} if accept is None else {"accept": accept}
    async with crowd(layer(doors)) as people:
        answer = await full(people, doors, lambda: people.client.request(method, "/second", headers=headers))

    assert answer.status == status
    if status == 200:
        name, _, milliseconds = answer.text.strip().partition(": ")
        assert answer.header("content-type") == "text/event-stream"
        assert answer.header("cache-control") == "no-store"
        assert answer.text.endswith("\n\n")
        assert name == "retry"
        assert 3000 <= int(milliseconds) <= 5000


async def test_they_get_a_503_where_the_setting_says_so() -> None:
    doors, layer = Doors(), LoadShedding(limit=1, queue=0, event_streams="refuse")
    headers = {"accept": "text/event-stream"}
    async with crowd(layer(doors)) as people:
        answer = await full(people, doors, lambda: people.client.get("/second", headers=headers))

    assert answer.status == 503


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
async def test_who_is_turned_away_is_not_charged(accept: str) -> None:
    doors, headers = Doors(), {"accept": accept}
    pipeline = Pipeline(RateLimit(quotas=["3/hour"]), LoadShedding(limit=1, queue=0))
    doors.open("/served")
    async with crowd(pipeline(doors)) as people:
        await people.come("/first")
        for _ in range(5):
            await people.client.get("/refused", headers=headers)
        doors.open("/first")
        await still()
        statuses = [(await people.client.get("/served", headers=headers)).status for _ in range(3)]

    assert statuses == [200, 200, 429]


async def test_refusals_are_reported_with_their_reason() -> None:
    doors, heard = Doors(), Heard()
    pools = [Pool(name="reports", match="/reports/**", limit=1, queue_timeout=0.01)]
    layer = LoadShedding(limit=1, queue=0, pools=pools, priorities=RULES)
    async with crowd(Pipeline(layer, listeners=[heard])(doors)) as people:
        await people.come("/1", "/2", "/reports/1")
        await people.client.get("/reports/2")
        doors.open("/1", "/reports/1")

    assert heard.events == [
        Shed(reason="full", pool="main", priority="normal"),
        Shed(reason="waited", pool="reports", priority="low"),
    ]


# ----------------------------------------------------------------------------------------- WebSockets


async def talk(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def test_any_number_of_websockets_may_be_open_where_nothing_is_said() -> None:
    layer = LoadShedding(limit=1, queue=0)
    client = Client(layer(talk))
    async with client.websocket("/") as one, client.websocket("/") as other:
        accepted = [one.accepted is not None, other.accepted is not None]
        load = layer.load.pools

    assert (accepted, [*load]) == ([True, True], ["main"])


@pytest.mark.parametrize(
    ("extensions", "status"), [(["websocket.http.response"], 503), ([], 403)], ids=["denied", "closed"]
)
async def test_one_websocket_too_many_is_refused_before_it_is_accepted(
    extensions: Sequence[str], status: int
) -> None:
    heard, layer = Heard(), LoadShedding(websockets=1)
    client = Client(Pipeline(layer, listeners=[heard])(talk), extensions=extensions)
    async with client.websocket("/"):
        async with client.websocket("/") as second:
            denial = second.denial
        open_ones = in_hand(layer, "websockets")
    async with client.websocket("/") as third:
        accepted = third.accepted is not None

    assert denial is not None
    assert (denial.status, open_ones, accepted) == (status, (1, 0), True)
    assert heard.events == [Shed(reason="full", pool="websockets", priority="normal")]
    assert in_hand(layer, "websockets") == (0, 0)


async def test_what_is_neither_passes() -> None:
    async with Client(LoadShedding(limit=1)(hello)) as client:
        assert client.lifespan is not None
