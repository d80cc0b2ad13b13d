"""Who is counted: addresses behind proxies, verified callers, claimed keys, functions, and everybody."""

from collections.abc import Mapping
from typing import Any

import pytest

from asgi_patterns import Caller, Pipeline, Quota, RateLimit
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Scope
from asgi_patterns.ratelimit import Limited
from asgi_patterns.testing import Client, Clock, hello
from tests.ratelimit.reading import answers, left, limited, one, statuses

pytestmark = pytest.mark.anyio

PEOPLE = {
    b"alice": Caller(id="alice", tier="free"),
    b"bob": Caller(id="bob", tier="premium"),
    b"carol": Caller(id="carol"),
}


def identify(scope: Scope) -> Caller | None:
    return next((PEOPLE.get(value) for name, value in scope["headers"] if name == b"authorization"), None)


async def slow_identify(scope: Scope) -> Caller | None:
    return identify(scope)


class Keys:
    """A listener that keeps the key of every refusal."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, event: Event, exchange: Exchange) -> None:
        if isinstance(event, Limited):
            self.found.append(event.key)


def piped(
    *quotas: Quota | str, proxies: tuple[str, ...] = (), keys: Keys | None = None, **settings: Any
) -> ASGIApp:
    return Pipeline(
        RateLimit(quotas=quotas, clock=Clock(), **settings),
        identify=identify,
        trusted_proxies=proxies,
        listeners=[keys] if keys else [],
    )(hello)


async def is_one(app: ASGIApp, *callers: tuple[str, Mapping[str, str]]) -> bool:
    """Whether a quota of one request counts all of these, by address and fields, as the same."""
    found = [(await statuses(app, "/", client=client, headers=headers))[0] for client, headers in callers]
    assert found[0] == 200
    assert set(found[1:]) in ({200}, {429}), found
    return found[1] == 429


FORWARDED = {"x-forwarded-for": "198.51.100.1"}
OTHER = {"x-forwarded-for": "198.51.100.2"}
ADDRESSES: list[tuple[str, tuple[str, ...], tuple[str, dict[str, str]], tuple[str, dict[str, str]], bool]] = [
    ("the same address", (), ("203.0.113.7", {}), ("203.0.113.7", {}), True),
    ("another one", (), ("203.0.113.7", {}), ("203.0.113.8", {}), False),
    ("what a client says it is", (), ("203.0.113.7", FORWARDED), ("203.0.113.7", OTHER), True),
    ("what a proxy says", ("10.0.0.0/8",), ("10.0.0.1", FORWARDED), ("10.0.0.1", OTHER), False),
    ("the same through two proxies", ("10.0.0.0/8",), ("10.0.0.1", FORWARDED), ("10.0.0.2", FORWARDED), True),
    (
        "what a client says through a proxy",
        ("10.0.0.0/8",),
        ("10.0.0.1", {"x-forwarded-for": "1.1.1.1, 198.51.100.1"}),
        ("10.0.0.1", {"x-forwarded-for": "2.2.2.2, 198.51.100.1"}),
        True,
    ),
    ("what somebody else says", ("10.0.0.0/8",), ("203.0.113.7", FORWARDED), ("203.0.113.7", OTHER), True),
    ("one network of IPv6", (), ("2001:db8:0:1::1", {}), ("2001:db8:0:1:ffff::2", {}), True),
    ("two networks of IPv6", (), ("2001:db8:0:1::1", {}), ("2001:db8:0:2::1", {}), False),
    ("IPv4 in IPv6", (), ("::ffff:203.0.113.7", {}), ("203.0.113.7", {}), True),
]


@pytest.mark.parametrize(
    ("proxies", "first", "second", "same"), [row[1:] for row in ADDRESSES], ids=[row[0] for row in ADDRESSES]
)
async def test_an_address_is_counted_as_one(
    proxies: tuple[str, ...],
    first: tuple[str, dict[str, str]],
    second: tuple[str, dict[str, str]],
    same: bool,
) -> None:
    app = piped(one(limit=1), proxies=proxies)

    assert await is_one(app, first, second) == same


async def test_clients_without_an_address_are_counted_together() -> None:
    client = Client(piped(one(limit=1)), client=None)

    assert [(await client.get("/")).status for _ in range(2)] == [200, 429]


async def test_a_user_is_counted_wherever_it_is() -> None:
    app = piped(one(limit=1, key="user"))
    alice, bob = {"authorization": "alice"}, {"authorization": "bob"}

    assert await is_one(app, ("203.0.113.7", alice), ("203.0.113.8", alice))
    assert await statuses(app, "/", client="203.0.113.7", headers=bob) == [200]


async def test_who_is_not_known_is_no_user() -> None:
    found = await answers(piped(one(limit=1, key="user")), "/", "/", headers={"authorization": "mallory"})

    assert [(answer.status, left(answer)) for answer in found] == [(200, {})] * 2


TIERS = [
    ("nobody", {}, "anonymous"),
    ("of a tier", {"authorization": "alice"}, "free"),
    ("of another tier", {"authorization": "bob"}, "premium"),
    ("known, but of no tier", {"authorization": "carol"}, "authenticated"),
    ("who claims to be", {"authorization": "mallory"}, "anonymous"),
]


@pytest.mark.parametrize("find", [identify, slow_identify], ids=["sync", "async"])
@pytest.mark.parametrize(("headers", "tier"), [row[1:] for row in TIERS], ids=[row[0] for row in TIERS])
async def test_a_tier_is_for(headers: dict[str, str], tier: str, find: Any) -> None:
    tiers = ("anonymous", "authenticated", "free", "premium")
    layer = RateLimit(quotas=[one(name=each, tier=each, key="address") for each in tiers], clock=Clock())

    (answer,) = await answers(Pipeline(layer, identify=find)(hello), "/", headers=headers)

    assert left(answer) == {tier: 1}


async def test_a_layer_may_identify_in_its_own_way() -> None:
    layer = RateLimit(
        quotas=[one(limit=1)], key="user", identify=lambda scope: Caller(id="everybody"), clock=Clock()
    )

    assert await is_one(Pipeline(layer, identify=identify)(hello), ("1.1.1.1", {}), ("2.2.2.2", {}))


async def test_the_app_may_have_authenticated_before() -> None:
    class User:
        is_authenticated = True
        identity = "alice"

    layer = RateLimit(quotas=[one(limit=1)], key="user", identify="scope", clock=Clock())
    client = Client(layer(hello))

    known = [(await client.get("/", scope={"user": User()})).status for _ in range(2)]

    assert (known, (await client.get("/")).status) == ([200, 429], 200)


async def test_identify_runs_once_for_a_request() -> None:
    asked = []

    def find(scope: Scope) -> Caller:
        asked.append(scope["path"])
        return Caller(id="alice")

    layers = [RateLimit(quotas=[one(key="user")], name=name, clock=Clock()) for name in ("a", "b")]

    await statuses(Pipeline(*layers, identify=find)(hello), "/1", "/2")

    assert asked == ["/1", "/2"]


async def test_a_claimed_key_is_counted_and_never_shown() -> None:
    keys = Keys()
    app = piped(one(limit=1, key="header:X-API-Key"), keys=keys)
    first, second = {"x-api-key": "s3cr3t-one"}, {"x-api-key": "s3cr3t-two"}

    same = await is_one(app, ("203.0.113.7", first), ("203.0.113.8", first))
    other = await statuses(app, "/", headers=second)

    assert (same, other) == (True, [200])
    assert len(keys.found) == 1
    assert keys.found[0].startswith("header:#")
    assert "s3cr3t" not in keys.found[0]


async def test_a_claimed_key_stands_in_no_store() -> None:
    layer = RateLimit(quotas=[one(key="header:X-API-Key")], clock=Clock())

    await statuses(layer(hello), "/", headers={"x-api-key": "s3cr3t"})

    (pool,) = layer._counting.pools.values()
    (shelf,) = pool.local._shelves.values()
    assert "s3cr3t" not in repr(shelf)


async def test_who_leaves_the_key_out_is_counted_by_address() -> None:
    app = piped(one(limit=1, key="header:X-API-Key"))

    assert await is_one(app, ("203.0.113.7", {}), ("203.0.113.7", {}))
    assert await statuses(app, "/", client="203.0.113.8") == [200]


async def test_a_key_that_looks_like_an_address_is_none() -> None:
    app = piped(one(limit=1, key="header:X-API-Key"))

    assert not await is_one(app, ("203.0.113.7", {}), ("203.0.113.8", {"x-api-key": "203.0.113.7"}))


async def test_global_is_everybody() -> None:
    app = piped(one(limit=1, key="global"))

    first = await statuses(app, "/", client="203.0.113.7")
    second = await statuses(app, "/", client="203.0.113.8")

    assert (first, second) == ([200], [503])


def tenant(scope: Scope) -> str | None:
    return scope["query_string"].decode() or None


TENANTS = [
    ("a plain text", "shop-1", "key:shop-1"),
    ("an unusual one", "%0d%0a", "key:#"),
    ("a long one", "x" * 65, "key:#"),
]


@pytest.mark.parametrize(("query", "shown"), [row[1:] for row in TENANTS], ids=[row[0] for row in TENANTS])
async def test_a_function_says_what_is_counted(query: str, shown: str) -> None:
    keys = Keys()
    app = piped(one(limit=1, key=tenant), keys=keys)

    found = await statuses(app, f"/?{query}", f"/?{query}", "/?other")

    assert found == [200, 429, 200]
    assert keys.found[0].startswith(shown)


async def test_a_function_may_leave_a_request_out() -> None:
    found = await answers(piped(one(limit=1, key=tenant)), "/", "/")

    assert [(answer.status, left(answer)) for answer in found] == [(200, {})] * 2


async def test_a_function_that_returns_no_text_is_an_error_and_no_free_pass() -> None:
    app = limited(one(key=lambda scope: 7))

    with pytest.raises(TypeError, match="a key function returned int, but must return a text or None"):
        await Client(app).get("/")


async def test_the_key_of_the_layer_is_for_quotas_that_have_none() -> None:
    app = piped(one(name="mine", limit=1), one(name="all", limit=9, key="global"), key="user")
    await statuses(app, "/", headers={"authorization": "alice"})

    (answer,) = await answers(app, "/", headers={"authorization": "bob"})

    assert left(answer) == {"mine": 0, "all": 7}


# --- who is counted has to be known ---

NAMELESS: list[tuple[str, dict[str, Any], str]] = [
    ("by the layer's key", {"quotas": ["5/hour"], "key": "user"}, "rate_limit.quotas[0].key"),
    ("by a quota's key", {"quotas": ["9/minute", one(key="user")]}, "rate_limit.quotas[1].key"),
    ("for a tier", {"quotas": [one(tier="free")]}, "rate_limit.quotas[0].tier"),
    ("by default", {"quotas": [one()], "default": [one(name="two", key="user")]}, "rate_limit.default[0].key"),
    ("to allow", {"quotas": [one()], "allow": ["user:alice"]}, "rate_limit.allow"),
    ("to block", {"quotas": [one()], "block": ["user:alice"]}, "rate_limit.block"),
    ("under a name", {"quotas": [one(key="user")], "name": "mine"}, "mine.quotas[0].key"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "place"), [row[1:] for row in NAMELESS], ids=[row[0] for row in NAMELESS]
)
def test_users_without_identify_are_refused_at_start_up(settings: dict[str, Any], place: str) -> None:
    layer = RateLimit(**settings)

    for wrap in (layer, Pipeline(layer)):
        with pytest.raises(ValueError, match="nothing says who that is; set identify") as caught:
            wrap(hello)
        assert str(caught.value).startswith(f"{place}: ")


def test_users_with_identify_are_not() -> None:
    settings = [settings for _, settings, _ in NAMELESS]

    for each in settings:
        assert callable(Pipeline(RateLimit(**each), identify=identify)(hello))
        assert callable(RateLimit(**each, identify=identify)(hello))
