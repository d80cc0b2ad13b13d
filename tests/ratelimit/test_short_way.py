"""The short way and the long way are one: same answers, same events, same counts, whatever comes."""

import gc
import sys
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, final

import anyio
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from asgi_patterns import Pipeline, Problem, Quota, RateLimit, spend
from asgi_patterns.kernel.context import DEFAULT
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import KEY, Exchange, switch_off
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.ratelimit.record import RECORDS
from asgi_patterns.ratelimit.short import Passing, ShortWay
from asgi_patterns.ratelimit.ways import MOST_WAYS, Ways
from asgi_patterns.testing import Client, Clock, hello
from tests.ratelimit.reading import one

HOSTS = ("203.0.113.7", "203.0.113.8", "2001:db8::1", "2001:db8::2", "x" * 70, "")
PATHS = ("/", "/a", "/a/", "/a/b", "/b", "")
OWN = [(b"RateLimit", b'"own";r=5'), (b"x-own", b"1"), (b"ratelimit-policy", b'"own";q=5'), (b"vary", b"x")]


def by_path(scope: Scope) -> str | None:
    """Count by path, and the root not at all."""
    path: str = scope["path"]
    return path.strip("/") or None


def is_asking(scope: Scope) -> bool:
    """Whether there is a query."""
    return bool(scope["query_string"])


class Crash(Exception):
    """The app has crashed."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do what the query says, one word after the other, and then answer."""
    for word in scope["query_string"].decode().split("&"):
        name, _, value = word.partition("=")
        if await _do(name, value, scope, send):
            return
    await hello(scope, receive, send)


async def _do(word: str, value: str, scope: Scope, send: Send) -> bool:
    """Do one thing; return whether that was the answer."""
    match word:
        case "spend":
            return await _spend(value, scope, send)
        case "off":
            switch_off(scope, "rate_limit")
        case "state":
            scope["state"] = {}
        case "away":
            Exchange.of(scope)[0].turned_away = True
        case "crash":
            raise Crash
        case "after":
            await _tell(send, 200, [(b"a", b"1")])
            Exchange.of(scope)[0].turned_away = True
            return await _spend(value, scope, send) or True
        case "late":
            await _tell(send, 200, [(b"a", b"1")])
            raise Crash
    if word in ANSWERS:
        await _tell(send, *ANSWERS[word])
    return word in ANSWERS


ANSWERS: dict[str, tuple[int, Any]] = {
    "own": (200, OWN),
    "fail": (401, ((b"a", b"1"), [b"b", b"2"])),
    "empty": (204, None),
}


async def _spend(name: str, scope: Scope, send: Send) -> bool:
    try:
        await spend(scope, name, 2)
    except (Problem, LookupError) as error:
        await _tell(send, 400, [(b"error", str(error).encode())])
        return True
    return False


async def _tell(send: Send, status: int, headers: Any) -> None:
    head: Message = {"type": "http.response.start", "status": status}
    if headers is not None:
        head["headers"] = headers
    await send(head)
    await send({"type": "http.response.body"})


class Asked(NamedTuple):
    """One request, ``gap`` seconds after the one before it."""

    gap: float
    host: str | None
    method: str
    path: str
    query: str
    fields: tuple[tuple[bytes, bytes], ...]
    root: str

    def scope(self) -> Scope:
        """Return what a server would make of it."""
        client = None if self.host is None else (self.host, 1)
        return {
            "type": "http",
            "method": self.method,
            "path": self.root + self.path,
            "root_path": self.root,
            "query_string": self.query.encode(),
            "headers": [*self.fields],
            "client": client,
        }


quotas = st.fixed_dictionaries(
    {"limit": st.integers(1, 5), "window": st.sampled_from([1, 2.5, 60])},
    optional={
        "algorithm": st.sampled_from(
            [
                *["token_bucket"] * 5,
                *("leaky_bucket", "fixed_window", "sliding_window", "sliding_log", "concurrency"),
            ]
        ),
        "cost": st.sampled_from([0, 1, 2]),
        "key": st.sampled_from(["address", "global", "header:x-key", "header:x-other", by_path]),
        "mode": st.sampled_from(["enforce", "warn", "observe"]),
        "counts": st.sampled_from(["all", "all", "failed", "succeeded"]),
        "capacity": st.booleans(),
        "max_delay": st.sampled_from([0, 2.5]),
    },
)
QUERIES = (
    *("", "", "", "spend=q0", "spend=q1&spend=q0", "spend=none", "spend=q0&away", "away", "away&crash"),
    *("crash", "late", "after=q0", "after=q1", "spend=q0&after=q0", "empty", "own", "fail"),
    *("off", "off&own", "state"),
)
matches = st.sampled_from([None, None, None, "/a", "GET /a/**", ["POST /b", "/a/*"]])
conditions = st.sampled_from([None] * 9 + [is_asking])
layers = st.fixed_dictionaries(
    {
        "quotas": st.lists(st.tuples(quotas, matches, conditions), max_size=3),
        "default": st.lists(quotas, max_size=2),
    },
    optional={
        "profiles": st.sampled_from([["draft"]] * 3 + [["draft-07"], ["draft-03"], ["draft", "x-ratelimit"]]),
        "headers": st.sampled_from(["always", "refusals", "off"]),
        "partition_secret": st.just("secret"),
        "warn_at": st.sampled_from([0.5, 1.0]),
        "max_keys": st.sampled_from([1, 2]),
        "block": st.sampled_from([[], ["203.0.113.8"]]),
    },
)
requests = st.builds(
    Asked,
    gap=st.sampled_from([0.0, 0.0, 0.0, 0.3, 1.0, 30.0]),
    host=st.sampled_from([*HOSTS[:1] * 4, *HOSTS, None]),
    method=st.sampled_from(["GET", "GET", "HEAD", "POST", "OPTIONS"]),
    path=st.sampled_from(PATHS),
    query=st.sampled_from(QUERIES),
    fields=st.sampled_from(
        [
            (),
            ((b"x-key", b"1"),),
            ((b"x-key", b"2"), (b"x-key", b"3")),
            ((b"x-forwarded-for", b"198.51.100.1"),),
            ((b"origin", b"https://shop.example"), (b"access-control-request-method", b"PUT")),
        ]
    ),
    root=st.sampled_from(["", "", "/api"]),
)


@final
class Side:
    """A layer, in front of the app, and all that became of it."""

    def __init__(self, made: dict[str, Any], *, proxies: Sequence[str] | None, twice: bool) -> None:
        self.clock = Clock(1000.0)
        self.told: list[Event] = []
        self.layers = [RateLimit(**made, clock=self.clock)]
        if twice:
            self.layers.append(RateLimit(quotas=["3/second"], name="inner", clock=self.clock))
        if proxies is None:
            self.app: ASGIApp = app
            for layer in reversed(self.layers):
                self.app = layer(self.app)
        else:
            self.app = Pipeline(*self.layers, trusted_proxies=proxies, listeners=[self._listen])(app)

    def _listen(self, event: Event, exchange: Exchange) -> None:
        self.told.append(event)

    def ask(self, asked: Asked) -> tuple[str, list[Message]]:
        """Return what the server gets, and what was raised. Nothing has to be waited for."""
        self.clock.advance(asked.gap)
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        call = self.app(asked.scope(), receive, send).__await__()
        try:
            next(call)
        except StopIteration:
            return "", sent
        except Exception as error:
            return repr(error), sent
        raise AssertionError("it waits for something")

    def counts(self) -> Sequence[Any]:
        """Return what is remembered, in the order in which it would be forgotten."""
        pools = [pool for layer in self.layers for pool in layer._counting.pools.values()]
        shelves = [pool.local._shelves for pool in pools]
        return [sorted((name, [*kept.items()]) for name, kept in each.items() if kept) for each in shelves]


@contextmanager
def standing_still() -> Iterator[list[float]]:
    """Let no time pass: that of the world is the same for both sides. Yields how long somebody would have slept."""
    slept: list[float] = []

    async def nap(seconds: float) -> None:
        slept.append(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: 1_700_000_000.25)
        patch.setattr(anyio, "sleep", nap)
        yield slept


@contextmanager
def only_the_long_way() -> Iterator[None]:
    """Wire layers as if no request could go the short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ways, "__bool__", lambda self: False)
        yield


def _settings(made: dict[str, Any]) -> dict[str, Any]:
    matched = [
        {**_sensible(quota), "match": match, "condition": when} for quota, match, when in made["quotas"]
    ]
    both = [*matched, *map(_sensible, made["default"])]
    named = [Quota(**each, name=f"q{at}") for at, each in enumerate(both)]
    return {**made, "quotas": named[: len(matched)], "default": named[len(matched) :]}


def _sensible(quota: dict[str, Any]) -> dict[str, Any]:
    """Leave out what would be refused at start-up."""
    cost = min(quota.get("cost", 1), quota["limit"])
    match quota.get("algorithm"):
        case "concurrency":
            return {**quota, "cost": cost, "window": None, "counts": "all", "max_delay": 0}
        case "leaky_bucket":
            return {**quota, "cost": cost}
    return {**quota, "cost": cost, "max_delay": 0}


@settings(max_examples=400, deadline=None)
@given(
    made=layers,
    asked=st.lists(requests, min_size=1, max_size=12),
    proxies=st.sampled_from([None, None, [], ["2001:db8::/32", "203.0.113.8"]]),
    twice=st.sampled_from([False, False, False, True]),
)
def test_both_ways_come_to_the_same(
    made: dict[str, Any], asked: list[Asked], proxies: list[str] | None, twice: bool
) -> None:
    try:
        chosen = _settings(made)
        short_side = Side(chosen, proxies=proxies, twice=twice)
    except (ValidationError, ValueError):
        assume(False)
    with only_the_long_way():
        long_side = Side(chosen, proxies=proxies, twice=twice)

    with standing_still() as slept:
        for each in asked:
            found = short_side.ask(each), [*slept]
            slept.clear()
            expected = long_side.ask(each), [*slept]
            slept.clear()

            assert found == expected, each
            assert short_side.told == long_side.told, each
            assert short_side.counts() == long_side.counts(), each
    event(f"short: {isinstance(getattr(short_side.app, '_entry', short_side.app), ShortWay)}")


# --- who goes which way ---

SLOT = one(limit=9, algorithm="concurrency")

WAYS: list[tuple[str, dict[str, Any], str, bool]] = [
    ("a rate by address", {"quotas": ["9/minute"]}, "/", True),
    ("a default that nothing stands beside", {"default": ["9/minute"]}, "/", True),
    ("several rates", {"quotas": ["9/minute", "90/hour"], "default": ["99/day"]}, "/", True),
    ("a rate of all together", {"quotas": ["9/minute"], "key": "global"}, "/", True),
    ("a rate by field", {"quotas": ["9/minute"], "key": "header:x-key"}, "/", True),
    ("rates by different keys", {"quotas": ["9/minute", one(limit=9, key="global")]}, "/", True),
    ("a window", {"quotas": [one(limit=9, algorithm="sliding_window")]}, "/", True),
    ("what costs nothing by itself", {"quotas": [one(limit=9, cost=0)]}, "/", True),
    ("other fields", {"quotas": ["9/minute"], "profiles": ["x-ratelimit"]}, "/", True),
    ("no fields", {"quotas": ["9/minute"], "headers": "off"}, "/", True),
    ("what a match takes", {"quotas": [one(limit=9, match="/a")], "default": ["9/hour"]}, "/a", True),
    ("what no match takes", {"quotas": [one(limit=9, match="/a")], "default": ["9/hour"]}, "/", True),
    ("what no quota is for", {"quotas": [one(limit=9, match="/a")]}, "/", True),
    ("beside what counts failures", {"quotas": [one(match="/a", counts="failed"), "9/hour"]}, "/", True),
    ("what counts failures", {"quotas": [one(match="/a", counts="failed"), "9/hour"]}, "/a", False),
    ("what is near its end", {"quotas": ["2/minute"]}, "/", False),
    ("slots", {"quotas": [SLOT]}, "/", False),
    ("bytes", {"quotas": [one(limit=9, unit="content-bytes")]}, "/", False),
    ("a cost that a function says", {"quotas": [one(limit=9, cost=lambda scope: 1)]}, "/", False),
    ("a key that a function makes", {"quotas": ["9/minute"], "key": by_path}, "/", False),
    ("a condition", {"quotas": [one(limit=9, condition=is_asking), "9/hour"]}, "/", False),
    ("a list of guests", {"quotas": ["9/minute"], "allow": ["10.0.0.0/8"]}, "/", False),
]


@pytest.mark.parametrize(
    ("made", "path", "expected"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS]
)
@pytest.mark.anyio
async def test_the_short_way_goes(made: dict[str, Any], path: str, expected: bool) -> None:
    seen: list[bool] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(isinstance(scope[RECORDS], Passing))
        await hello(scope, receive, send)

    answer = await Client(RateLimit(**made, clock=Clock())(look)).get(path)

    assert (answer.status, seen) == (200, [expected])


def test_of_many_sets_of_quotas_only_some_ways_are_kept() -> None:
    letters = "abcdefghi"
    quotas = [one(name=each, limit=9, match=f"/**/{each}/**") for each in letters]
    ways = Ways(RateLimit(quotas=quotas)._desk(DEFAULT))
    sets = [[each for at, each in enumerate(letters) if chosen >> at & 1] for chosen in range(2**9)]

    found = [ways.choose({"method": "GET", "path": f"/{'/'.join(each)}"}) for each in sets]

    assert [way and [gauge.name for gauge in way.gauges] for way in found] == [
        each if at < MOST_WAYS else None for at, each in enumerate(sets)
    ]


async def ask_once(wired: ASGIApp) -> None:
    """Ask, as a server would."""

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        """Nobody listens."""

    await wired({"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}, receive, send)


@pytest.mark.anyio
async def test_no_circle_is_left_for_the_collector() -> None:
    seen: list[weakref.ref[Exchange]] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(weakref.ref(scope[KEY]))
        await hello(scope, receive, send)

    layers = [RateLimit(quotas=["9/minute"]), RateLimit(quotas=[SLOT]), RateLimit(quotas=["1/minute"])]
    gc.disable()
    try:
        for layer in layers:
            await ask_once(layer(looks))
        assert [each() for each in seen] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.anyio
async def test_the_usual_request_costs_few_calls() -> None:
    wired = RateLimit(default=["9/minute"])(hello)
    await ask_once(wired)
    counts = Counter[str]()

    sys.setprofile(lambda frame, event, arg: counts.update([event]))
    try:
        await ask_once(wired)
    finally:
        sys.setprofile(None)

    assert counts["call"] <= 20  # five of them are those of this test
