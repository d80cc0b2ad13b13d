"""``ServerTiming`` and ``timing``: what is told, in which form, and to whom."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns import (
    AccessLog,
    ConditionalRequests,
    Pipeline,
    RateLimit,
    ServerTiming,
    timing,
)
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.kernel.exchange import Exchange, switch_off
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.observability.server_timing import (
    LONGEST_VALUE,
    Costs,
    Metric,
    check_name,
    value,
)
from asgi_patterns.testing import UNUSUAL_APPS, UNUSUAL_SOCKETS, Client, Clock, Crash, chunk, head, hello

pytestmark = pytest.mark.anyio

VALUES: list[tuple[str, Metric, str]] = [
    ("a duration in milliseconds", Metric("db", 0.0123), "db;dur=12.3"),
    ("a whole number", Metric("db", 2.0), "db;dur=2000"),
    ("hardly any time", Metric("db", 0.000001), "db;dur=0"),
    ("a description", Metric("db", 0.001, "two queries"), 'db;dur=1;desc="two queries"'),
    ("no duration", Metric("cache", None, "hit"), 'cache;desc="hit"'),
    ("quotes and backslashes", Metric("db", None, 'a"b\\c'), r'db;desc="a\"b\\c"'),
    ("an end of a line", Metric("db", None, "a\r\nb"), 'db;desc="a??b"'),
    ("other letters", Metric("db", None, "é€"), 'db;desc="??"'),
    ("what separates entries", Metric("db", None, "a, b;c"), 'db;desc="a, b;c"'),
    ("a long description is cut", Metric("db", None, "x" * 200), f'db;desc="{"x" * 128}"'),
]


@pytest.mark.parametrize(("metric", "expected"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_what_an_entry_looks_like(metric: Metric, expected: str) -> None:
    assert value([metric]) == expected


@given(st.lists(st.tuples(st.floats(0, 1e6), st.text()), max_size=300))
def test_a_value_is_always_fit_to_be_sent(entries: list[tuple[float, str]]) -> None:
    sent = value([Metric("db", seconds, text) for seconds, text in entries])

    assert sent.isascii()
    assert not sent or sent.isprintable()
    assert len(sent) <= LONGEST_VALUE


@pytest.mark.parametrize("name", ["", "a b", "a,b", 'a"', "a\n", "é", "x" * 65])
def test_a_name_that_is_no_token_is_refused_everywhere(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a timing"):
        timing(name)


def test_a_name_of_just_the_longest_size_is_one() -> None:
    assert check_name("x" * 64) == "x" * 64


def test_durations_of_one_name_are_added_up_and_names_are_bounded() -> None:
    costs = Costs(2)
    for name in ("a", "b", "c", "a", "d"):
        costs.add(name, None, 1.0)

    assert costs.metrics == [Metric("a", 2.0), Metric("b", 1.0), Metric("other", 2.0)]


Handler = Callable[[Clock], Any]


def answering(work: Handler, clock: Clock) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await work(clock)
        await hello(scope, receive, send)

    return app


async def one_block(clock: Clock) -> None:
    with timing("db", "orders"):
        clock.advance(0.01)


async def nested(clock: Clock) -> None:
    with timing("outer"):
        clock.advance(0.001)
        with timing("inner"):
            clock.advance(0.002)


async def twice(clock: Clock) -> None:
    for _ in range(2):
        with timing("db"):
            clock.advance(0.01)


async def used_again(clock: Clock) -> None:
    block = timing("db")
    with block, block:
        clock.advance(0.01)


async def failing(clock: Clock) -> None:
    try:
        with timing("db"):
            clock.advance(0.01)
            raise Crash
    except Crash:
        return


async def in_threads(clock: Clock) -> None:
    def work() -> None:
        with timing("thread"):
            clock.advance(0.01)

    await anyio.to_thread.run_sync(work)


async def in_tasks(clock: Clock) -> None:
    async def work() -> None:
        with timing("task"):
            clock.advance(0.01)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)


async def nothing(clock: Clock) -> None:
    pass


TAKEN: list[tuple[str, Handler, str]] = [
    ("a block", one_block, 'total;dur=10, db;dur=10;desc="orders"'),
    ("one within another", nested, "total;dur=3, inner;dur=2, outer;dur=3"),
    ("two of one name", twice, "total;dur=20, db;dur=20"),
    ("one object twice at once", used_again, "total;dur=10, db;dur=20"),
    ("a block that fails", failing, "total;dur=10, db;dur=10"),
    ("in a thread", in_threads, "total;dur=10, thread;dur=10"),
    ("in a task", in_tasks, "total;dur=10, task;dur=10"),
    ("none", nothing, "total;dur=0"),
]


@pytest.mark.parametrize(("work", "expected"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
async def test_what_a_handler_takes_is_told(work: Handler, expected: str) -> None:
    clock = Clock(0)
    app = ServerTiming(allow="always", clock=clock)(answering(work, clock))

    answer = await Client(app).get("/")

    assert answer.all("server-timing") == [expected]


@pytest.mark.parametrize("work", [row[1] for row in TAKEN], ids=[row[0] for row in TAKEN])
async def test_without_a_layer_it_does_nothing(work: Handler) -> None:
    clock = Clock(0)

    answer = await Client(answering(work, clock)).get("/")

    assert answer.header("server-timing") is None


def breaks(scope: Scope) -> bool:
    raise Crash("no such user")


def truthy(scope: Scope) -> Any:
    return "yes"


VISIBLE: list[tuple[str, ServerTiming, str, bool]] = [
    # who                                 settings                              client       told
    ("nobody is by default", ServerTiming(), "127.0.0.1", False),
    ("a network is", ServerTiming(networks=["10.0.0.0/8"]), "10.1.2.3", True),
    ("another one is not", ServerTiming(networks=["10.0.0.0/8"]), "192.0.2.1", False),
    ("this machine is no exception", ServerTiming(networks=["10.0.0.0/8"]), "127.0.0.1", False),
    ("everybody is", ServerTiming(allow="always"), "192.0.2.1", True),
    ("a function says so", ServerTiming(allow=lambda scope: scope["path"] == "/"), "192.0.2.1", True),
    ("a function says no", ServerTiming(allow=lambda scope: False), "192.0.2.1", False),
    ("a function that fails means no", ServerTiming(allow=breaks), "192.0.2.1", False),
    ("only true is a yes", ServerTiming(allow=truthy), "192.0.2.1", False),
    (
        "a network is enough",
        ServerTiming(networks=["10.0.0.0/8"], allow=lambda scope: False),
        "10.0.0.1",
        True,
    ),
]


@pytest.mark.parametrize(
    ("layer", "client", "told"), [row[1:] for row in VISIBLE], ids=[row[0] for row in VISIBLE]
)
async def test_who_is_told(layer: ServerTiming, client: str, told: bool) -> None:
    answer = await Client(layer(hello), client=(client, 1)).get("/")

    assert (answer.text, answer.header("server-timing") is not None) == ("hello", told)


@pytest.mark.parametrize(("client", "told"), [("10.9.9.9", True), ("203.0.113.7", False)])
async def test_the_client_is_the_one_that_the_proxies_name(client: str, told: bool) -> None:
    layer = ServerTiming(networks=["10.9.0.0/16"])
    app = Pipeline(layer, trusted_proxies=["10.0.0.1"])(hello)

    answer = await Client(app, client=("10.0.0.1", 1)).get("/", headers={"x-forwarded-for": client})

    assert (answer.header("server-timing") is not None) is told


async def test_a_function_is_asked_after_the_app_has_said_who_it_is() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["user"] = "staff"
        await hello(scope, receive, send)

    layer = ServerTiming(allow=lambda scope: scope.get("user") == "staff")

    answer = await Client(layer(app), lint=False).get("/")

    assert answer.header("server-timing") is not None


ORIGINS: list[tuple[str, Sequence[str], str | None]] = [
    ("none", (), None),
    ("one", ["https://Shop.example"], "https://shop.example"),
    ("two", ["https://a.example", "https://b.example"], "https://a.example, https://b.example"),
    ("all", ["*", "https://a.example"], "*"),
]


@pytest.mark.parametrize(
    ("origins", "expected"), [row[1:] for row in ORIGINS], ids=[row[0] for row in ORIGINS]
)
async def test_which_pages_may_read_it(origins: Sequence[str], expected: str | None) -> None:
    layer = ServerTiming(allow="always", timing_allow_origin=origins)

    answer = await Client(layer(hello)).get("/")

    assert answer.header("timing-allow-origin") == expected


async def test_who_is_not_told_gets_no_permission_for_pages_either() -> None:
    layer = ServerTiming(networks=["10.0.0.0/8"], timing_allow_origin=["*"])

    answer = await Client(layer(hello), client=("192.0.2.1", 1)).get("/")

    assert answer.header("timing-allow-origin") is None


async def test_what_the_app_says_itself_stays() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(head(200, (b"server-timing", b"mine;dur=1")))
        await send(chunk(b"", more=False))

    answer = await Client(ServerTiming(allow="always", total=False)(app)).get("/")

    assert answer.all("server-timing") == ["mine;dur=1"]


@pytest.mark.parametrize("app", UNUSUAL_APPS.values(), ids=UNUSUAL_APPS)
async def test_an_unusual_answer_has_one_more_field_and_no_other_difference(app: ASGIApp) -> None:
    plain = await Client(app, lint=False).get("/")

    answer = await Client(ServerTiming(allow="always")(app), lint=False).get("/")

    assert (answer.status, answer.body) == (plain.status, plain.body)
    assert len(answer.all("server-timing")) == 1


@pytest.mark.parametrize("app", UNUSUAL_SOCKETS.values(), ids=UNUSUAL_SOCKETS)
async def test_a_websocket_passes(app: ASGIApp) -> None:
    async with Client(ServerTiming(allow="always")(app)).websocket("/"):
        pass


async def test_what_ends_after_the_head_is_not_told() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with timing("whole"):
            await send(head())
            await send(chunk(b"a"))
        with timing("late"):
            await send(chunk(b"", more=False))

    answer = await Client(ServerTiming(allow="always", total=False)(app)).get("/")

    assert answer.header("server-timing") is None


async def test_it_is_told_which_layer_has_answered() -> None:
    layers = (ServerTiming(allow="always", total=False), RateLimit(quotas=["1/hour"]), ConditionalRequests())
    client = Client(Pipeline(*layers)(hello))

    not_modified = await client.get("/", headers={"if-none-match": "*"})
    refused = await client.get("/")

    assert not_modified.header("server-timing") == 'answered_by;desc="conditional_requests"'
    assert refused.header("server-timing") == 'answered_by;desc="rate_limit"'


async def test_the_total_is_the_log_s(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asgi_patterns.access_log")
    clock = Clock(0)
    layers = (ServerTiming(allow="always"), AccessLog(clock=clock))
    app = Pipeline(*layers)(answering(one_block, clock))

    answer = await Client(app).get("/")

    (line,) = [each for each in caplog.records if each.name == "asgi_patterns.access_log"]
    assert line.__dict__["head"] == 0.01
    assert "total;dur=10," in (answer.header("server-timing") or "")


async def test_a_handler_can_switch_it_off() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "server_timing")
        await hello(scope, receive, send)

    answer = await Client(ServerTiming(allow="always")(app)).get("/")

    assert answer.header("server-timing") is None


async def test_a_request_of_our_own_adds_to_the_one_that_caused_it() -> None:
    clock = Clock(0)
    layer = ServerTiming(allow="always", clock=clock)
    inner = layer(answering(one_block, clock))

    async def parent(scope: Scope, receive: Receive, send: Send) -> None:
        exchange, scope = Exchange.of(scope)
        _, ours = exchange.child(scope)
        await inner(ours, receive, send)

    answer = await Client(layer(parent), lint=False).get("/")

    assert answer.all("server-timing") == ['total;dur=10, db;dur=10;desc="orders"']


async def test_two_interleaved_requests_have_their_own_times() -> None:
    both = anyio.Event()
    names: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].strip("/")
        with timing(name):
            names.append(name)
            if len(names) == 2:
                both.set()
            await both.wait()
        await hello(scope, receive, send)

    client = Client(ServerTiming(allow="always", total=False)(app))
    found: dict[str, str | None] = {}

    async def ask(name: str) -> None:
        found[name] = (await client.get(f"/{name}")).header("server-timing")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "one")
        tasks.start_soon(ask, "two")

    assert {name: (told or "").partition(";")[0] for name, told in found.items()} == {
        "one": "one",
        "two": "two",
    }


async def test_nothing_is_left_for_who_comes_after() -> None:
    await Client(ServerTiming(allow="always")(hello)).get("/")

    with timing("later"):
        pass  # no layer, no request, nobody to tell


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("everybody as a network", {"networks": ["0.0.0.0/0"]}, "networks"),
    ("no network", {"networks": ["somewhere"]}, "networks"),
    ("a function that there is not", {"allow": "nowhere:known"}, "nowhere"),
    ("a word that means nothing", {"allow": "sometimes"}, "allow"),
    ("no entries", {"max_entries": 0}, "max_entries"),
    ("no origin", {"timing_allow_origin": ["shop.example"]}, "timing_allow_origin"),
]


@pytest.mark.parametrize(("given", "named"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_setting_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ServerTiming(**given)


DOUBTS: list[tuple[str, ServerTiming, int]] = [
    ("nobody is told", ServerTiming(), 1),
    ("everybody is", ServerTiming(allow="always"), 1),
    ("a network is", ServerTiming(networks=["10.0.0.0/8"]), 0),
    ("a function decides", ServerTiming(allow=truthy), 0),
]


@pytest.mark.parametrize(("layer", "count"), [row[1:] for row in DOUBTS], ids=[row[0] for row in DOUBTS])
def test_what_is_probably_not_meant(layer: ServerTiming, count: int) -> None:
    assert len(layer.doubts(DEFAULT)) == count
