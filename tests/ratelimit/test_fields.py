"""What answers say about quotas, to the byte."""

import base64
import time
from typing import Any

import pytest

from asgi_patterns import Pipeline, Quota, RateLimit, spend
from asgi_patterns.kernel.exchange import switch_off
from asgi_patterns.kernel.types import Receive, Scope, Send
from asgi_patterns.testing import Answer, Client, Clock, hello, scripted
from asgi_patterns.testing.apps import chunk, head
from tests.ratelimit.reading import answers, items, left, limited, one, statuses

pytestmark = pytest.mark.anyio

EPOCH = 1_767_225_600.25


@pytest.fixture(autouse=True)
def _midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: EPOCH)


def told(answer: Answer) -> list[str]:
    """The fields about quotas as they stand there, in their order."""
    return [
        f"{name.decode()}: {value.decode()}"
        for name, value in answer.headers
        if b"ratelimit" in name and b"warning" not in name
    ]


PROFILES: dict[str, tuple[list[str], list[str], list[str]]] = {
    # profiles: what the first of two says, and what a refusal says
    "the current draft": (
        ["draft"],
        ['ratelimit: "one";r=1;t=30', 'ratelimit-policy: "one";q=2;w=60'],
        ['ratelimit: "one";r=0;t=30', 'ratelimit-policy: "one";q=2;w=60'],
    ),
    "the seventh": (
        ["draft-07"],
        ["ratelimit: limit=2, remaining=1, reset=30", "ratelimit-policy: 2;w=60"],
        ["ratelimit: limit=2, remaining=0, reset=30", "ratelimit-policy: 2;w=60"],
    ),
    "the third": (
        ["draft-03"],
        ["ratelimit-limit: 2", "ratelimit-remaining: 1", "ratelimit-reset: 30"],
        ["ratelimit-limit: 2", "ratelimit-remaining: 0", "ratelimit-reset: 30"],
    ),
    "what everybody sends": (
        ["x-ratelimit"],
        [
            "x-ratelimit-limit: 2",
            "x-ratelimit-remaining: 1",
            "x-ratelimit-reset: 1767225631",
            "x-ratelimit-used: 1",
            "x-ratelimit-resource: one",
        ],
        [
            "x-ratelimit-limit: 2",
            "x-ratelimit-remaining: 0",
            "x-ratelimit-reset: 1767225631",
            "x-ratelimit-used: 2",
            "x-ratelimit-resource: one",
        ],
    ),
    "two at once": (
        ["draft-03", "draft"],
        [
            "ratelimit-limit: 2",
            "ratelimit-remaining: 1",
            "ratelimit-reset: 30",
            'ratelimit: "one";r=1;t=30',
            'ratelimit-policy: "one";q=2;w=60',
        ],
        [
            "ratelimit-limit: 2",
            "ratelimit-remaining: 0",
            "ratelimit-reset: 30",
            'ratelimit: "one";r=0;t=30',
            'ratelimit-policy: "one";q=2;w=60',
        ],
    ),
    "none": ([], [], []),
}


@pytest.mark.parametrize(("profiles", "first", "refused"), PROFILES.values(), ids=PROFILES)
async def test_profile(profiles: Any, first: list[str], refused: list[str]) -> None:
    app = limited(one(), profiles=profiles)

    found = await answers(app, "/", "/", "/")

    assert told(found[0]) == first
    assert told(found[2]) == refused
    assert found[2].status == 429


SLOTS = 'qu="concurrent-requests"'
HIGHEST = 999_999_999_999_999

QUOTAS: list[tuple[str, Quota | str, str, str]] = [
    ("a text", "10/second burst 20", '"10-per-second";r=19;t=1', '"10-per-second";q=10;w=1;asgi-burst=20'),
    ("a long window", "100/day", '"100-per-day";r=99;t=864', '"100-per-day";q=100;w=86400'),
    ("several units of a window", "5 per 2 hours", '"5-per-7200s";r=4;t=1440', '"5-per-7200s";q=5;w=7200'),
    ("a window of half a second", one(window=0.5), '"one";r=1;t=1', '"one";q=2'),
    ("a window of a second and a half", one(window=1.5), '"one";r=1;t=1', '"one";q=2'),
    ("no name", Quota(limit=5, window=1.5), '"5-per-1_5s";r=4;t=1', '"5-per-1_5s";q=5'),
    ("slots", one(algorithm="concurrency"), '"one";r=1', '"one";q=2;qu="concurrent-requests"'),
    ("slots without a name", Quota(limit=2, algorithm="concurrency"), '"2-at-once";r=1', f'"2-at-once";q=2;{SLOTS}'),
    ("a fixed window", one(algorithm="fixed_window"), '"one";r=1;t=60', '"one";q=2;w=60'),
    ("a sliding window", one(algorithm="sliding_window"), '"one";r=1;t=120', '"one";q=2;w=60'),
    ("a log", one(algorithm="sliding_log"), '"one";r=1;t=60', '"one";q=2;w=60'),
    ("a leaky bucket", one(algorithm="leaky_bucket"), '"one";r=0;t=30', '"one";q=2;w=60'),
    ("bytes", one(unit="content-bytes", limit=999), '"one";r=999', '"one";q=999;qu="content-bytes";w=60'),
    ("nothing charged", one(cost=0), '"one";r=2', '"one";q=2;w=60'),
    ("the highest number there is", one(limit=HIGHEST), f'"one";r={HIGHEST - 1};t=0', f'"one";q={HIGHEST};w=60'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("quota", "said", "policy"), [row[1:] for row in QUOTAS], ids=[row[0] for row in QUOTAS]
)
async def test_what_a_quota_says(quota: Quota | str, said: str, policy: str) -> None:
    (answer,) = await answers(limited(quota), "/")

    assert told(answer) == [f"ratelimit: {said}", f"ratelimit-policy: {policy}"]


@pytest.mark.parametrize("profiles", [["draft"], ["draft-07", "draft-03", "x-ratelimit"]], ids=["new", "old"])
@pytest.mark.parametrize(
    "algorithm", ["token_bucket", "leaky_bucket", "fixed_window", "sliding_window", "sliding_log"]
)
async def test_over_hours_nothing_is_negative_and_waiting_as_told_is_long_enough(
    algorithm: Any, profiles: Any
) -> None:
    clock = Clock()
    quota = one(algorithm=algorithm, limit=3, cost=lambda scope: len(scope["query_string"]))
    app = limited(quota, clock=clock, profiles=profiles)

    for turn in range(60):
        (answer,) = await answers(app, "/?" + "x" * (turn % 3 + 1))
        for name, value in answer.headers:
            if name in (
                b"ratelimit-remaining",
                b"x-ratelimit-remaining",
                b"x-ratelimit-used",
                b"ratelimit-reset",
            ):
                assert 0 <= int(value) <= 10_000, (name, value)
        if answer.status == 429:
            assert answer.json()["remaining"] >= 0
            clock.advance(int(answer.header("retry-after") or 0))
            assert await statuses(app, "/?" + "x" * (turn % 3 + 1)) == [200]
        clock.advance(turn % 7)


async def test_after_the_seconds_of_t_there_is_more() -> None:
    clock = Clock()
    app = limited(one(limit=7, window=60, burst=3), clock=clock)

    for _ in range(10):
        (before,) = await answers(app, "/")
        ((_, said),) = items(before.header("ratelimit"))
        clock.advance(said["t"])
        (after,) = await answers(app, "/?free")
        assert left(after)["one"] >= said["r"]
        assert after.status == 200


async def test_the_closest_to_its_end_comes_first_and_policies_keep_their_order() -> None:
    app = limited(
        one(name="many", limit=10), one(name="few", limit=1, window="1h"), one(name="some", limit=4)
    )

    found = await answers(app, "/", "/")

    assert [[name for name, _ in items(answer.header("ratelimit"))] for answer in found] == [
        ["few", "some", "many"]
    ] * 2
    assert {answer.header("ratelimit-policy") for answer in found} == {
        '"many";q=10;w=60, "few";q=1;w=3600, "some";q=4;w=60'
    }


@pytest.mark.parametrize("profile", ["draft-07", "draft-03", "x-ratelimit"])
async def test_where_there_is_room_for_one_it_is_the_closest(profile: Any) -> None:
    app = limited(one(name="many", limit=10), one(name="few", limit=1), profiles=[profile])

    (answer,) = await answers(app, "/")

    assert told(answer)[0].endswith(("limit=1, remaining=0, reset=60", "-limit: 1"))


async def test_all_older_policies_are_listed() -> None:
    app = limited(one(name="a", limit=10), one(name="b", limit=1, window=0.5), profiles=["draft-07"])

    (answer,) = await answers(app, "/")

    assert answer.header("ratelimit-policy") == "10;w=60, 1"


# --- partition keys ---


async def test_a_partition_key_tells_quotas_apart_and_nobody_whose_they_are() -> None:
    app = limited(one(), partition_secret="a secret")
    other = limited(one(), partition_secret="another secret")

    async def pk(app: Any, client: str) -> bytes:
        (answer,) = await answers(app, "/", client=client)
        ((_, said),), ((_, policy),) = (
            items(answer.header("ratelimit")),
            items(answer.header("ratelimit-policy")),
        )
        assert said["pk"] == policy["pk"]
        key: bytes = said["pk"]
        return key

    mine, again, yours = (
        await pk(app, "203.0.113.7"),
        await pk(app, "203.0.113.7"),
        await pk(app, "203.0.113.8"),
    )
    elsewhere = await pk(other, "203.0.113.7")

    assert mine == again
    assert len({mine, yours, elsewhere}) == 3
    assert len(mine) == 6
    assert b"203" not in base64.b64encode(mine)


# --- whose fields ---

OWN = [
    (b"RateLimit", b'"own";r=5'),
    (b"ratelimit-policy", b'"own";q=5;w=1'),
    (b"X-RateLimit-Limit", b"5"),
    (b"x-own", b"1"),
]


async def test_fields_of_the_app_are_replaced_not_doubled() -> None:
    app = scripted(head(200, *OWN), chunk(b"hello", more=False))
    layer = RateLimit(quotas=[one()], clock=Clock(), profiles=["draft", "x-ratelimit"])

    answer = await Client(layer(app), lint=False).get("/")

    assert answer.all("ratelimit") == ['"one";r=1;t=30']
    assert answer.all("ratelimit-policy") == ['"one";q=2;w=60']
    assert answer.all("x-ratelimit-limit") == ["2"]
    assert answer.all("x-own") == ["1"]


async def test_fields_that_no_profile_writes_are_the_apps_own() -> None:
    app = scripted(head(200, *OWN), chunk(b"hello", more=False))

    answer = await Client(RateLimit(quotas=[one()], clock=Clock())(app), lint=False).get("/")

    assert answer.all("x-ratelimit-limit") == ["5"]


@pytest.mark.parametrize("headers", ["off", "refusals"])
async def test_where_nothing_is_written_nothing_is_taken_out(headers: Any) -> None:
    app = scripted(head(200, *OWN), chunk(b"hello", more=False))

    answer = await Client(RateLimit(quotas=[one()], headers=headers)(app), lint=False).get("/")

    assert answer.headers == OWN


async def test_a_handler_may_keep_its_answer_as_it_is() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        switch_off(scope, "rate_limit")
        await hello(scope, receive, send)

    (answer,) = await answers(limited(one(), app=app), "/")

    assert told(answer) == []


async def test_two_layers_give_one_account() -> None:
    outer = RateLimit(quotas=[one(name="all")], name="outer", clock=Clock())
    inner = RateLimit(quotas=[one(name="all", limit=1)], clock=Clock())
    app = Pipeline(outer, inner)(hello)

    found = await answers(app, "/", "/")

    assert [each.status for each in found] == [200, 429]
    for each in found:
        assert [*left(each)] == ["all", "outer-all"]
        assert each.all("ratelimit-policy") == ['"outer-all";q=2;w=60, "all";q=1;w=60']
        assert len(each.all("ratelimit")) == 1
    assert len(found[0].all("x-ratelimit-warning")) == 1


async def test_two_layers_that_warn_do_so_in_one_line() -> None:
    layers = [RateLimit(quotas=[one(name="all", limit=1)], name=name, clock=Clock()) for name in ("a", "b")]

    (answer,) = await answers(Pipeline(*layers)(hello), "/")

    assert answer.all("x-ratelimit-warning") == ['"a-all";r=0;t=60, "b-all";r=0;t=60']


# --- on which answers ---

WHEN: list[tuple[Any, bool, bool]] = [
    ("always", True, True),
    ("refusals", False, True),
    ("off", False, False),
]


@pytest.mark.parametrize(("headers", "first", "refused"), WHEN, ids=[row[0] for row in WHEN])
async def test_fields_stand(headers: Any, first: bool, refused: bool) -> None:
    found = await answers(limited(one(limit=1), headers=headers), "/", "/")

    assert [bool(told(answer)) for answer in found] == [first, refused]
    assert found[1].header("retry-after") == "60"


@pytest.mark.parametrize("status", [204, 301, 304, 404, 500])
async def test_fields_do_not_depend_on_the_status(status: int) -> None:
    app = scripted(head(status), chunk(b"", more=False))

    (answer,) = await answers(limited(one(), app=app), "/")

    assert left(answer) == {"one": 1}


async def test_a_charge_of_the_handler_is_in_the_fields() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await spend(scope, "one", 3)
        await hello(scope, receive, send)

    (answer,) = await answers(limited(one(limit=10), app=app), "/")

    assert left(answer) == {"one": 6}
