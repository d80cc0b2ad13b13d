"""Who is let through uncounted, and who is turned away at the door."""

from typing import Any

import pytest

from asgi_patterns import Caller, Pipeline, RateLimit
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Scope
from asgi_patterns.ratelimit import Blocked
from asgi_patterns.ratelimit.keys import of_field
from asgi_patterns.testing import Client, Clock, hello
from tests.ratelimit.reading import answers, left, one, statuses

pytestmark = pytest.mark.anyio

ALICE = {"authorization": "alice"}
API_KEY = {"x-api-key": "s3cr3t"}
HASHED = of_field([b"s3cr3t"])


def identify(scope: Scope) -> Caller | None:
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    return Caller(id=found[0].decode()) if found else None


def listed(told: list[Event] | None = None, **settings: Any) -> ASGIApp:
    def listen(event: Event, exchange: Exchange) -> None:
        if told is not None:
            told.append(event)

    quotas = settings.pop("quotas", [one(limit=1)])
    layer = RateLimit(quotas=quotas, clock=Clock(), **settings)
    return Pipeline(layer, identify=identify, listeners=[listen], trusted_proxies=["10.0.0.0/8"])(hello)


KEYS = {"key": "header:X-API-Key"}
FORWARDED = {"x-forwarded-for": "198.51.100.1"}
BOTH = {"block": ["203.0.113.0/24"], "allow": ["203.0.113.7"]}

CASES: list[tuple[str, dict[str, Any], str, dict[str, str], list[int]]] = [
    ("nobody's list is counted", {}, "203.0.113.7", {}, [200, 429]),
    ("an allowed network is not", {"allow": ["203.0.113.0/24"]}, "203.0.113.7", {}, [200, 200]),
    ("an allowed network as IPv6 is not", {"allow": ["203.0.113.0/24"]}, "::ffff:203.0.113.7", {}, [200, 200]),
    ("another network is", {"allow": ["203.0.113.0/24"]}, "203.0.114.7", {}, [200, 429]),
    ("an allowed address is not", {"allow": ["203.0.113.7"]}, "203.0.113.7", {}, [200, 200]),
    ("a claimed address is", {"allow": ["198.51.100.1"]}, "203.0.113.7", FORWARDED, [200, 429]),
    ("an address behind a proxy is not", {"allow": ["198.51.100.1"]}, "10.0.0.1", FORWARDED, [200, 200]),
    ("a blocked network is refused", {"block": ["203.0.113.0/24"]}, "203.0.113.7", {}, [403, 403]),
    ("a blocked network of IPv6", {"block": ["2001:db8::/32"]}, "2001:db8::1", {}, [403, 403]),
    ("who is on both is let through", BOTH, "203.0.113.7", {}, [200, 200]),
    ("an allowed user is not counted", {"allow": ["user:alice"]}, "203.0.113.7", ALICE, [200, 200]),
    ("a blocked user is refused", {"block": ["user:alice"]}, "203.0.113.7", ALICE, [403, 403]),
    ("a blocked user in an allowed network", {**BOTH, "block": ["user:alice"]}, "203.0.113.7", ALICE, [200, 200]),
    ("another user is counted", {"block": ["user:bob"]}, "203.0.113.7", ALICE, [200, 429]),
    ("an allowed key is not counted", {"allow": [HASHED], **KEYS}, "203.0.113.7", API_KEY, [200, 200]),
    ("a blocked key is refused", {"block": [HASHED], **KEYS}, "203.0.113.7", API_KEY, [403, 403]),
    ("a key that no quota counts by says nothing", {"block": [HASHED]}, "203.0.113.7", API_KEY, [200, 429]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "client", "headers", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
async def test_of_lists(
    settings: dict[str, Any], client: str, headers: dict[str, str], expected: list[int]
) -> None:
    assert await statuses(listed(**settings), "/", "/", client=client, headers=headers) == expected


async def test_who_is_let_through_is_told_nothing_and_uses_up_nothing() -> None:
    app = listed(quotas=[one(key="global")], allow=["203.0.113.7"])

    allowed = await answers(app, "/", "/", "/", client="203.0.113.7")
    (counted,) = await answers(app, "/", client="203.0.113.8")

    assert {answer.header("ratelimit") for answer in allowed} == {None}
    assert left(counted) == {"one": 1}


async def test_who_is_blocked_gets_a_problem_and_an_event_tells() -> None:
    told: list[Event] = []
    app = listed(told, block=["203.0.113.7", "user:alice"])

    (by_address,) = await answers(app, "/")
    (by_user,) = await answers(app, "/", client="203.0.113.8", headers=ALICE)

    assert by_address.header("content-type") == "application/problem+json"
    assert by_address.header("retry-after") is None
    assert by_user.json()["status"] == 403
    assert told == [Blocked(key="203.0.113.7"), Blocked(key="user:alice")]


async def test_a_preflight_passes_also_from_who_is_blocked() -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "PUT"}

    assert await statuses(listed(block=["203.0.113.7"]), "OPTIONS /", headers=asked) == [200]


async def test_who_is_blocked_gets_no_websocket() -> None:
    client = Client(listed(block=["203.0.113.7"]), client=("203.0.113.7", 1))

    async with client.websocket("/") as socket:
        assert socket.denial is not None
        assert socket.denial.status == 403
