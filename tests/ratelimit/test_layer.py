"""What the layer charges, and to whom it gives back."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, final

import anyio
import pytest

from asgi_patterns import Health, Pipeline, Problem, Problems, Quota, RateLimit
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.layer import Layer, settings
from asgi_patterns.kernel.order import Place
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.testing import (
    RAISING_APPS,
    UNUSUAL_APPS,
    Client,
    Clock,
    chunk,
    head,
    hello,
    lint,
    read_body,
    scripted,
)
from tests.ratelimit.reading import answers, left, limited, one, statuses

pytestmark = pytest.mark.anyio


async def test_after_the_limit_comes_a_refusal_and_after_the_wait_another_request() -> None:
    clock = Clock()
    app = limited(one(), clock=clock)

    before = await statuses(app, "/", "/", "/")
    clock.advance(29.9)
    too_early = await statuses(app, "/")
    clock.advance(0.1)
    after = await statuses(app, "/", "/")

    assert (before, too_early, after) == ([200, 200, 429], [429], [200, 429])


async def test_a_refused_request_never_reaches_the_app() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])
        await hello(scope, receive, send)

    await statuses(limited(one(limit=1), app=app), "/a", "/b")

    assert seen == ["/a"]


# --- several quotas ---


async def test_all_quotas_are_charged_or_none() -> None:
    app = limited(one(name="many", limit=10), one(name="few", limit=1))

    found = await answers(app, "/", "/", "/")

    assert [answer.status for answer in found] == [200, 429, 429]
    assert [left(answer) for answer in found] == [{"many": 9, "few": 0}] * 3


async def test_the_order_of_quotas_does_not_matter_for_what_is_charged() -> None:
    app = limited(one(name="few", limit=1), one(name="many", limit=10))

    found = await answers(app, "/", "/")

    assert left(found[1]) == {"many": 9, "few": 0}


async def test_all_that_refuse_are_named_the_closest_first() -> None:
    app = limited(one(name="a", limit=1, window="1h"), one(name="b", limit=1), one(name="c", limit=5))

    _, refused = await answers(app, "/", "/")

    assert sorted(refused.json()["violated-policies"]) == ["a", "b"]
    assert refused.header("retry-after") == "3600"


async def test_a_quota_that_only_observes_is_charged_only_with_the_others() -> None:
    app = limited(one(name="watched", limit=5, mode="observe"), one(name="few", limit=1))

    found = await answers(app, "/", "/")

    assert left(found[1]) == {"watched": 4, "few": 0}


# --- which requests ---

MATCHES: list[tuple[str, Any, str, str, bool]] = [
    ("the path itself", "/search", "", "/search", True),
    ("another path", "/search", "", "/find", False),
    ("a slash at its end", "/search", "", "/search/", True),
    ("a slash at the end of the pattern", "/search/", "", "/search", True),
    ("below it", "/search/**", "", "/search/lamps/red", True),
    ("the top of what is below it", "/search/**", "", "/search", True),
    ("one segment", "/search/*", "", "/search/lamps", True),
    ("two segments for one", "/search/*", "", "/search/lamps/red", False),
    ("another method", "POST /search", "", "/search", False),
    ("its method", "POST /search", "", "POST /search", True),
    ("one of its methods", "POST,PUT /search", "", "PUT /search", True),
    ("HEAD as GET", "GET /search", "", "HEAD /search", True),
    ("not GET as HEAD", "HEAD /search", "", "/search", False),
    ("without the root path", "/search", "/api", "/search", True),
    ("not with the root path", "/api/search", "/api", "/search", False),
    ("two slashes are another path, as to the app", "/search", "", "//search", False),
    ("two slashes within", "/search/lamps", "", "/search//lamps", False),
    ("an encoded slash is one, as to the app", "/search/lamps", "", "/search%2Flamps", True),
    ("an encoded letter", "/search", "", "/se%61rch", True),
    ("a query says nothing", "/search", "", "/search?q=/find", True),
    ("small and capital letters", "/search", "", "/Search", False),
    ("dots are not resolved", "/search", "", "/find/../search", False),
    ("one of several patterns", ["/find", "/search"], "", "/search", True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("match", "root", "url", "expected"), [row[1:] for row in MATCHES], ids=[row[0] for row in MATCHES]
)
async def test_a_match_takes(match: Any, root: str, url: str, expected: bool) -> None:
    app = limited(one(match=match))
    method, _, path = url.rpartition(" ")

    answer = await Client(app, root_path=root).request(method or "GET", path)

    assert (answer.header("ratelimit") is not None) == expected


@pytest.mark.parametrize("url", ["//search", "/search%00", "/x/../search", "/Search"])
async def test_what_goes_round_a_match_falls_under_the_default(url: str) -> None:
    app = limited(one(name="search", match="/search"), default=[one(name="rest")])

    (answer,) = await answers(app, url)

    assert left(answer) == {"rest": 1}


async def test_the_default_is_for_what_no_match_takes() -> None:
    app = limited(
        one(name="search", match="/search"), one(name="all", limit=9), default=[one(name="rest", limit=7)]
    )

    found = await answers(app, "/search", "/other")

    assert [left(answer) for answer in found] == [{"search": 1, "all": 8}, {"rest": 6, "all": 7}]


async def test_without_any_match_the_default_is_for_all() -> None:
    (answer,) = await answers(limited(default=[one(name="rest")]), "/")

    assert left(answer) == {"rest": 1}


async def test_a_request_that_nothing_takes_is_free_and_says_nothing() -> None:
    app = limited(one(match="/search"))

    found = await answers(app, "/other", "/other", "/other")

    assert [answer.status for answer in found] == [200, 200, 200]
    assert [name for name, _ in found[2].headers if b"rate" in name] == []


def is_search(scope: Scope) -> bool:
    return b"search" in scope["query_string"]


async def test_a_condition_chooses_where_patterns_cannot() -> None:
    app = limited(one(limit=1, condition=is_search))

    found = await statuses(app, "/?search", "/?search", "/?list", "/?search")

    assert found == [200, 429, 200, 429]


async def test_a_condition_that_does_not_hold_leaves_the_request_to_the_default() -> None:
    app = limited(one(name="search", match="/x", condition=is_search), default=[one(name="rest")])

    found = await answers(app, "/x?search", "/x")

    assert [left(answer) for answer in found] == [{"search": 1}, {"rest": 1}]


# --- costs ---


async def test_a_cost_is_a_number() -> None:
    found = await answers(limited(one(limit=10, cost=4)), "/", "/", "/")

    assert [answer.status for answer in found] == [200, 200, 429]
    assert [left(answer)["one"] for answer in found] == [6, 2, 2]


async def test_a_cost_is_a_function_of_the_request() -> None:
    app = limited(one(limit=10, cost=lambda scope: len(scope["query_string"])))

    found = await answers(app, "/?1234567", "/?1234", "/?123", "/")

    assert [(answer.status, left(answer)["one"]) for answer in found] == [
        (200, 3),
        (429, 3),
        (200, 0),
        (200, 0),
    ]


@pytest.mark.parametrize(
    ("cost", "raised"),
    [(-1, ValueError), ("3", TypeError), (2.5, TypeError)],
    ids=["below 0", "text", "part"],
)
async def test_what_is_no_cost_is_an_error_and_no_free_pass(cost: Any, raised: type[Exception]) -> None:
    app = limited(one(cost=lambda scope: cost))

    with pytest.raises(raised, match="the cost of one is"):
        await Client(app).get("/")


async def drink(scope: Scope, receive: Receive, send: Send) -> None:
    """Read all that comes, then answer."""
    await read_body(receive)
    await hello(scope, receive, send)


async def test_bytes_are_counted_by_their_length_before_they_come() -> None:
    app = limited(one(limit=100, unit="content-bytes"), app=drink)
    client = Client(app)

    found = [await client.post("/", content=b"x" * size) for size in (60, 50, 40)]

    assert [answer.status for answer in found] == [200, 429, 200]
    assert [left(answer)["one"] for answer in found] == [40, 40, 0]
    assert found[0].header("ratelimit-policy") == '"one";q=100;qu="content-bytes";w=60'


async def test_bytes_without_a_length_are_counted_once_they_have_come() -> None:
    clock = Clock()
    app = limited(one(limit=100, unit="content-bytes"), app=drink, clock=clock)
    client = Client(app)
    chunked = {"transfer-encoding": "chunked"}

    first = await client.post("/", content=[b"x" * 100, b"x" * 50], headers=chunked)
    second = await client.post("/", content=b"x")
    clock.advance(30)  # 50 of the 150 are gone
    third = await client.post("/", content=b"x")
    clock.advance(1)
    fourth = await client.post("/", content=b"x")

    assert [each.status for each in (first, second, third, fourth)] == [200, 429, 429, 200]


async def test_a_body_that_nobody_reads_is_counted_by_its_length_only() -> None:
    app = limited(one(limit=100, unit="content-bytes"))
    client = Client(app)

    await client.post("/", content=[b"x" * 60], headers={"transfer-encoding": "chunked"})
    answer = await client.get("/")

    assert left(answer) == {"one": 100}


# --- what an answer comes to ---


async def login(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the status that the query names."""
    status = int(scope["query_string"] or 200)
    if status == 0:
        raise Crash
    await send(head(status))
    await send(chunk(b"", more=False))


class Crash(Exception):
    """The app has crashed."""


async def test_only_failed_logins_count() -> None:
    app = limited(one(counts="failed"), app=login)

    found = await statuses(app, *["/?200"] * 5, "/?401", "/?302", "/?403", "/?200")

    assert found == [200] * 5 + [401, 302, 403, 429]


async def test_only_what_succeeded_counts() -> None:
    app = limited(one(counts="succeeded"), app=login)

    found = await statuses(app, *["/?404"] * 5, "/?200", "/?500", "/?204", "/?404")

    assert found == [404] * 5 + [200, 500, 204, 429]


async def test_a_crash_is_a_failure() -> None:
    app = Pipeline(Problems(), RateLimit(quotas=[one(counts="failed")], clock=Clock()))(login)

    assert await statuses(app, "/?0", "/?0", "/?200") == [500, 500, 429]


async def test_attempts_at_the_same_time_cannot_pass_as_one() -> None:
    app = limited(one(counts="failed"), app=login)
    client = Client(app)

    async with client.stream("GET", "/?401") as first, client.stream("GET", "/?401") as second:
        await anyio.wait_all_tasks_blocked()
        third = await client.get("/?401")
        heads = [await first.head(), await second.head()]

    assert [third.status, *(each.status for each in heads)] == [429, 401, 401]


@final
@settings
class Shedding(Layer):
    """Turns away everything that asks for it."""

    place: ClassVar[Place] = Place.LOAD_SHEDDING

    def wire(self, app: ASGIApp) -> ASGIApp:
        async def shedding(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] != "/shed":
                return await app(scope, receive, send)
            Exchange.of(scope)[0].turned_away = True
            await Problem(503, "There is no room.")(scope, receive, send)

        return shedding


@pytest.mark.parametrize("counts", ["all", "failed"])
async def test_what_was_turned_away_further_in_is_given_back(counts: Any) -> None:
    app = Pipeline(RateLimit(quotas=[one(counts=counts)], clock=Clock()), Shedding())(hello)

    assert await statuses(app, *["/shed"] * 5, "/", "/shed") == [503] * 5 + [200, 503]


async def test_preflights_and_probes_and_our_own_requests_are_never_charged() -> None:
    async def parent(scope: Scope, receive: Receive, send: Send) -> None:
        exchange, _ = Exchange.of(scope)
        for _ in range(5):
            _, own = exchange.child({**scope, "path": "/own"})
            await inner(own, receive, _swallow)
        await hello(scope, receive, send)

    layer = RateLimit(quotas=[one(limit=1)], clock=Clock())
    inner = layer(hello)
    app = Pipeline(Health(), layer)(parent)
    asked = {"origin": "https://shop.example", "access-control-request-method": "PUT"}

    preflights = await statuses(app, *["OPTIONS /"] * 3, headers=asked)
    probes = await statuses(app, *["/health/live"] * 3)
    requests = await statuses(app, "/", "/")

    assert (preflights, probes, requests) == ([200] * 3, [200] * 3, [200, 429])


async def _swallow(message: Any) -> None:
    """Nobody listens."""


async def test_options_that_is_no_preflight_is_charged() -> None:
    assert await statuses(limited(one()), *["OPTIONS /"] * 3) == [200, 200, 429]


@pytest.mark.parametrize("paths", [{"include": ["/limited"]}, {"exclude": ["/free"]}], ids=str)
async def test_paths_that_the_layer_leaves_alone_are_free(paths: dict[str, Any]) -> None:
    app = limited(one(limit=1), **paths)

    assert await statuses(app, "/limited", "/free", "/free", "/limited") == [200, 200, 200, 429]


async def test_a_layer_that_is_off_does_nothing() -> None:
    found = await answers(limited(one(limit=1), enabled=False), "/", "/")

    assert [(answer.status, left(answer)) for answer in found] == [(200, {})] * 2


# --- one layer, several requests ---


async def test_two_interleaved_requests_do_not_mix() -> None:
    app = limited(one(name="by-path", limit=5, cost=lambda scope: len(scope["path"])), "100/hour")
    client = Client(app)

    async with client.stream("GET", "/a") as first:
        await anyio.wait_all_tasks_blocked()
        async with client.stream("GET", "/bcd") as second:
            heads = [await second.head(), await first.head()]

    assert [each.status for each in heads] == [429, 200]
    assert [left(each) for each in heads] == [{"by-path": 3, "100-per-hour": 99}] * 2
    assert heads[1].header("retry-after") is None


async def test_one_layer_on_several_apps_is_one_bucket() -> None:
    layer = RateLimit(quotas=[one()], clock=Clock())

    found = [*await statuses(layer(hello), "/", "/"), *await statuses(layer(drink), "/")]

    assert found == [200, 200, 429]


async def test_two_layers_count_by_themselves() -> None:
    outer = RateLimit(quotas=[one(name="x", limit=1, match="/a")], clock=Clock(), name="outer")
    inner = RateLimit(quotas=[one(name="x", limit=1)], clock=Clock())
    app = Pipeline(outer, inner)(hello)

    assert await statuses(app, "/b", "/b", "/a") == [200, 429, 429]


# --- the unusual ---


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", UNUSUAL_APPS)
async def test_the_unusual_passes_with_nothing_but_fields_added(name: str, method: str) -> None:
    quotas = [
        one(limit=100),
        one(name="slots", algorithm="concurrency", limit=5),
        one(name="bytes", limit=1000, unit="content-bytes"),
        one(name="failed", limit=100, counts="failed"),
    ]
    app = limited(*quotas, app=lint(UNUSUAL_APPS[name]))
    content = b"some content" if method == "POST" else None
    bare = await Client(UNUSUAL_APPS[name]).request(method, "/", content=content)

    answer = await Client(app).request(method, "/", content=content)

    assert [message["type"] for message in answer.messages] == [message["type"] for message in bare.messages]
    assert answer.body == bare.body
    assert answer.trailers == bare.trailers
    assert [pair for pair in answer.headers if b"ratelimit" not in pair[0]] == [
        tuple(pair) for pair in bare.headers
    ]
    assert len(answer.all("ratelimit")) == 1


@pytest.mark.parametrize("name", RAISING_APPS)
async def test_what_the_app_raises_is_passed_on(name: str) -> None:
    app = limited(one(limit=100), one(name="slots", algorithm="concurrency", limit=1), app=RAISING_APPS[name])
    bare = await Client(RAISING_APPS[name], lint=False).get("/", raise_app_exceptions=False)

    found = [await Client(app, lint=False).get("/", raise_app_exceptions=False) for _ in range(2)]

    assert [repr(answer.exception) for answer in found] == [repr(bare.exception)] * 2
    assert [answer.body for answer in found] == [bare.body] * 2


# --- slots ---

SLOT = Quota(name="slot", limit=1, algorithm="concurrency")


async def test_a_slot_is_held_until_the_last_message() -> None:
    client = Client(limited(SLOT, app=scripted(head(), chunk(b"hel"), chunk(b"lo", more=False))))

    async with client.stream("GET", "/") as stream:
        await anyio.wait_all_tasks_blocked()
        before = await client.get("/")
        await stream.head()
        at_head = await client.get("/")
        await stream.next_chunk()
        between = await client.get("/")
        await stream.next_chunk()
        await anyio.wait_all_tasks_blocked()
        after = await client.get("/")

    assert [each.status for each in (before, at_head, between, after)] == [429, 429, 429, 200]


LAST_MESSAGES = ["trailers follow the body", "a file is sent by its path", "the app runs on after its answer"]


@pytest.mark.parametrize("name", LAST_MESSAGES)
async def test_a_slot_comes_back_with_the_last_message_of_what(name: str) -> None:
    client = Client(limited(SLOT, app=UNUSUAL_APPS[name]))

    async with client.stream("GET", "/") as stream:
        await stream.head()
        during = (await client.get("/")).status
        await stream.read()
        await anyio.wait_all_tasks_blocked()
        after = (await client.get("/")).status

    assert (during, after) == (429, 200)


async def test_background_tasks_hold_no_slot() -> None:
    done = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        if scope["path"] == "/slow":
            await done.wait()

    client = Client(limited(SLOT, app=app))

    async with client.stream("GET", "/slow") as stream:
        await stream.read()
        await anyio.wait_all_tasks_blocked()
        meanwhile = (await client.get("/")).status
        done.set()

    assert meanwhile == 200


async def _crashed(client: Client) -> None:
    assert (await client.get("/crash", raise_app_exceptions=False)).exception is not None


async def _left_early(client: Client) -> None:
    async with client.stream("GET", "/waits") as stream:
        await anyio.wait_all_tasks_blocked()
        stream.disconnect()


async def _left_in_the_middle(client: Client) -> None:
    async with client.stream("GET", "/", raise_app_exceptions=False) as stream:
        await stream.head()
        stream.disconnect()


async def _cancelled(client: Client) -> None:
    with anyio.CancelScope() as cancel:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, "/waits")
            await anyio.wait_all_tasks_blocked()
            assert (await client.get("/")).status == 429
            cancel.cancel()


ENDS: dict[str, Callable[[Client], Awaitable[None]]] = {
    "a crash": _crashed,
    "a client that leaves before the head": _left_early,
    "a client that leaves after the head": _left_in_the_middle,
    "a cancelled request": _cancelled,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_a_slot_comes_back_after(end: Callable[[Client], Awaitable[None]]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/crash":
            raise Crash
        if scope["path"] == "/waits":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await hello(scope, receive, send)

    client = Client(limited(SLOT, app=app))

    await end(client)

    assert (await client.get("/")).status == 200


async def test_a_slot_comes_back_where_another_quota_refuses() -> None:
    clock = Clock()
    app = limited(SLOT, one(limit=1), clock=clock)

    refused = await statuses(app, "/", "/", "/")
    clock.advance(60)

    assert (refused, await statuses(app, "/")) == ([200, 429, 429], [200])


async def test_slots_are_of_each_key() -> None:
    app = limited(SLOT)

    async with Client(app, client=("203.0.113.7", 1)).stream("GET", "/") as stream:
        await anyio.wait_all_tasks_blocked()
        found = [await statuses(app, "/", client=client) for client in ("203.0.113.7", "203.0.113.8")]
        await stream.read()

    assert found == [[429], [200]]


# --- queues ---


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the layer has slept, none of it in fact."""
    slept: list[float] = []

    async def nap(seconds: float) -> None:
        slept.append(round(seconds, 6))

    monkeypatch.setattr(anyio, "sleep", nap)
    return slept


async def test_a_leaky_bucket_lets_requests_leave_at_a_steady_rate(naps: list[float]) -> None:
    clock = Clock()
    queue = one(algorithm="leaky_bucket", limit=2, window=1, max_delay=1)
    app = limited(queue, clock=clock)

    found = await statuses(app, "/", "/", "/", "/")
    clock.advance(0.5)
    later = await statuses(app, "/", "/")

    assert (found, later) == ([200, 200, 200, 429], [200, 429])
    assert naps == [0.5, 1.0, 1.0]


async def test_a_leaky_bucket_without_a_delay_refuses(naps: list[float]) -> None:
    clock = Clock()
    app = limited(one(algorithm="leaky_bucket", limit=2, window=1), clock=clock)

    found = await answers(app, "/", "/")
    clock.advance(0.5)

    assert [answer.status for answer in found] == [200, 429]
    assert found[1].header("retry-after") == "1"
    assert await statuses(app, "/") == [200]
    assert naps == []


async def test_a_delayed_request_holds_no_other_up() -> None:
    queue = one(algorithm="leaky_bucket", limit=1, window="1h", max_delay="10h", match="/queue")
    app = limited(queue)
    client = Client(app)
    await client.get("/queue")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, "/queue")
        await anyio.wait_all_tasks_blocked()
        free = await client.get("/free")
        tasks.cancel_scope.cancel()

    assert free.status == 200


async def test_the_longest_delay_of_several_counts(naps: list[float]) -> None:
    queues = [
        one(name=f"q{limit}", algorithm="leaky_bucket", limit=limit, window=1, max_delay=5)
        for limit in (4, 2)
    ]

    await statuses(limited(*queues), "/", "/")

    assert naps == [0.5]


ALGORITHMS: Sequence[tuple[str, list[int]]] = [
    ("token_bucket", [200, 200, 429]),
    ("leaky_bucket", [200, 429, 429]),
    ("fixed_window", [200, 200, 429]),
    ("sliding_window", [200, 200, 429]),
    ("sliding_log", [200, 200, 429]),
    ("concurrency", [200, 200, 200]),
]


@pytest.mark.parametrize(("algorithm", "expected"), ALGORITHMS)
async def test_every_algorithm_can_be_asked_for(algorithm: Any, expected: list[int]) -> None:
    assert await statuses(limited(one(algorithm=algorithm)), "/", "/", "/") == expected
