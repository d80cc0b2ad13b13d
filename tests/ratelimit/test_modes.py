"""A limit is introduced in steps: it is watched, it warns, it is enforced."""

from typing import Any

import pytest

from asgi_patterns import Pipeline, RateLimit
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.ratelimit import Limited, NearLimit
from asgi_patterns.testing import Clock, hello
from tests.ratelimit.reading import answers, items, left, limited, one, statuses

pytestmark = pytest.mark.anyio

MODES: list[tuple[Any, list[int], list[bool], int]] = [
    # mode       statuses                        warned                              near
    ("observe", [200, 200, 200, 200, 200, 200], [False] * 6, 0),
    ("warn", [200, 200, 200, 200, 200, 200], [False, False, False, True, True, True], 3),
    ("enforce", [200, 200, 200, 200, 200, 429], [False, False, False, True, True, False], 2),
]


@pytest.mark.parametrize(("mode", "expected", "warned", "near"), MODES, ids=[row[0] for row in MODES])
async def test_mode(mode: Any, expected: list[int], warned: list[bool], near: int) -> None:
    told: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        told.append(event)

    layer = RateLimit(quotas=[one(limit=5, mode=mode)], clock=Clock())
    found = await answers(Pipeline(layer, listeners=[listen])(hello), *["/"] * 6)

    assert [answer.status for answer in found] == expected
    assert [left(answer)["one"] for answer in found] == [4, 3, 2, 1, 0, 0]
    assert [answer.header("x-ratelimit-warning") is not None for answer in found] == warned
    limits = [event for event in told if isinstance(event, Limited)]
    assert [(event.mode, event.quota, event.key) for event in limits] == [(mode, "one", "203.0.113.7")]
    assert len([event for event in told if isinstance(event, NearLimit)]) == near


async def test_what_is_only_watched_is_not_charged_over_its_limit() -> None:
    clock = Clock()
    app = limited(one(mode="observe"), clock=clock)

    await statuses(app, *["/"] * 10)
    clock.advance(30)
    (answer,) = await answers(app, "/")

    assert left(answer) == {"one": 0}
    assert answer.header("ratelimit") == '"one";r=0;t=30'


async def test_a_watched_slot_is_taken_and_given_back() -> None:
    app = limited(one(algorithm="concurrency", limit=1, mode="observe"))

    found = await answers(app, "/", "/")

    assert [left(answer) for answer in found] == [{"one": 0}] * 2


@pytest.mark.parametrize(
    ("warn_at", "expected"),
    [(0.5, [False, False, False, False, True]), (1.0, [False] * 9 + [True]), (0.05, [True])],
)
async def test_the_threshold_is_a_setting(warn_at: float, expected: list[bool]) -> None:
    app = limited(one(limit=10), warn_at=warn_at)

    found = await answers(app, *["/"] * len(expected))

    assert [answer.header("x-ratelimit-warning") is not None for answer in found] == expected


async def test_a_warning_names_each_quota_that_is_near_its_end() -> None:
    app = limited(
        one(name="a", limit=1), one(name="b", limit=100), one(name="c", limit=1, window="1h", mode="warn")
    )

    (answer,) = await answers(app, "/")

    assert [(name, said["r"]) for name, said in items(answer.header("x-ratelimit-warning"))] == [
        ("a", 0),
        ("c", 0),
    ]


@pytest.mark.parametrize("headers", ["refusals", "off"])
async def test_without_fields_there_is_no_warning(headers: Any) -> None:
    (answer,) = await answers(limited(one(limit=1), headers=headers), "/")

    assert [name for name, _ in answer.headers if b"ratelimit" in name] == []


async def test_a_limit_that_warns_never_holds_up_one_that_is_enforced() -> None:
    app = limited(one(name="soft", limit=1, mode="warn"), one(name="hard", limit=3))

    found = await answers(app, *["/"] * 4)

    assert [answer.status for answer in found] == [200, 200, 200, 429]
    assert found[3].json()["violated-policies"] == ["hard"]
