"""The answers to requests that are over a quota."""

from typing import Any

import pytest

from asgi_patterns import Pipeline, Problems, Quota, RateLimit, RequestId
from asgi_patterns.testing import Client, Clock, hello
from tests.ratelimit.reading import answers, items, limited, one, statuses

pytestmark = pytest.mark.anyio

EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
REDUCED = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"


async def refused(*quotas: Quota | str, **settings: Any) -> Any:
    """The second answer."""
    return (await answers(limited(*quotas, **settings), "/", "/"))[1]


async def test_a_quota_that_is_used_up_is_a_429() -> None:
    answer = await refused(one(limit=1))

    assert answer.status == 429
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("retry-after") == "60"
    assert answer.json() == {
        "type": EXCEEDED,
        "title": "Request cannot be satisfied as assigned quota has been exceeded",
        "status": 429,
        "detail": "The request is over the quota one. Try again in 60 seconds.",
        "violated-policies": ["one"],
        "limit": 1,
        "remaining": 0,
        "reset": 60,
        "retryAfter": 60,
    }


async def test_a_lack_of_capacity_is_a_503() -> None:
    answer = await refused(one(limit=1, key="global"))

    assert answer.status == 503
    assert answer.header("retry-after") == "60"
    assert answer.json()["type"] == REDUCED
    assert answer.json()["violated-policies"] == ["one"]


KINDS: list[tuple[str, list[Quota], int, list[str]]] = [
    ("of the caller", [one(limit=1)], 429, ["one"]),
    ("of all callers", [one(limit=1, key="global")], 503, ["one"]),
    ("of all callers, sold as a quota", [one(limit=1, key="global", capacity=False)], 429, ["one"]),
    ("of the caller, for want of room", [one(limit=1, capacity=True)], 503, ["one"]),
    ("of both", [one(name="all", limit=1, key="global"), one(limit=1)], 429, ["all", "one"]),
    ("of one of both", [one(name="all", limit=1, key="global"), one(limit=9)], 503, ["all"]),
]


@pytest.mark.parametrize(
    ("quotas", "status", "violated"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS]
)
async def test_a_quota(quotas: list[Quota], status: int, violated: list[str]) -> None:
    answer = await refused(*quotas)

    assert answer.status == status
    assert sorted(answer.json()["violated-policies"]) == violated


async def test_slots_say_to_come_again_soon_and_nothing_of_when_there_are_more() -> None:
    client = Client(limited(one(algorithm="concurrency", limit=1)))

    async with client.stream("GET", "/") as stream:
        await stream.head()
        answer = await client.get("/")

    assert (answer.status, answer.header("retry-after")) == (429, "1")
    assert answer.header("ratelimit") == '"one";r=0'


@pytest.mark.parametrize("jitter", [0, 30])
@pytest.mark.parametrize(
    "algorithm",
    ["token_bucket", "leaky_bucket", "fixed_window", "sliding_window", "sliding_log", "concurrency"],
)
async def test_retry_after_is_never_earlier_than_t_and_long_enough(algorithm: Any, jitter: int) -> None:
    clock = Clock()
    quotas = [one(algorithm=algorithm, limit=1), one(name="two", limit=9)]
    app = limited(*quotas, clock=clock, retry_jitter=jitter)
    client = Client(app)

    async with client.stream("GET", "/") as stream:
        await stream.head()
        clock.advance(0.7)
        answer = await client.get("/")
        await stream.read()
    after = int(answer.header("retry-after") or 0)
    clock.advance(after)

    assert answer.status == 429
    assert after >= max(said.get("t", 0) for _, said in items(answer.header("ratelimit"))[:1])
    assert answer.json()["retryAfter"] == after
    assert await statuses(app, "/", client="127.0.0.1") == [200]


async def test_jitter_only_lengthens_and_all_say_the_same() -> None:
    found = set()
    for _ in range(40):
        answer = await refused(one(limit=1), retry_jitter=20)
        ((_, said),) = items(answer.header("ratelimit"))
        problem = answer.json()
        assert int(answer.header("retry-after")) == problem["retryAfter"] == problem["reset"] == said["t"]
        found.add(said["t"])

    assert min(found) >= 60
    assert max(found) <= 80
    assert len(found) > 1


async def test_jitter_is_for_refusals_only() -> None:
    (answer,) = await answers(limited(one(), retry_jitter=1000), "/")

    assert answer.header("ratelimit") == '"one";r=1;t=30'


@pytest.mark.parametrize(
    "algorithm", ["token_bucket", "fixed_window", "sliding_window", "sliding_log", "concurrency"]
)
async def test_what_can_never_fit_is_not_told_to_wait(algorithm: Any) -> None:
    (answer,) = await answers(limited(one(algorithm=algorithm, cost=lambda scope: 3)), "/")

    assert answer.status == 429
    assert answer.header("retry-after") is None
    assert answer.header("ratelimit") == '"one";r=2'
    problem = answer.json()
    assert problem["detail"] == "The request costs more than the quota one can ever have at once."
    assert not {"reset", "retryAfter"} & {*problem}
    assert (problem["limit"], problem["remaining"]) == (2, 2)


async def test_the_limit_of_a_bucket_is_what_it_holds() -> None:
    app = limited(one(limit=5, burst=2), profiles=["draft", "draft-03"])

    *_, answer = await answers(app, "/", "/", "/")

    assert answer.json()["limit"] == 2
    assert answer.header("ratelimit-limit") == "2"


async def test_a_refused_head_has_no_body() -> None:
    _, answer = await answers(limited(one(limit=1)), "/", "HEAD /")

    assert (answer.status, answer.body) == (429, b"")
    assert int(answer.header("content-length") or 0) > 0
    assert answer.header("retry-after") == "60"


async def test_a_refusal_names_the_request() -> None:
    app = Pipeline(RequestId(), Problems(), RateLimit(quotas=[one(limit=1)], clock=Clock()))(hello)

    *_, answer = await answers(app, "/", "/")

    assert answer.json()["requestId"] == answer.header("x-request-id")


async def test_every_problem_type_is_documented() -> None:
    app = Pipeline(Problems(base="/problems/"), RateLimit(quotas=[one(limit=1)], clock=Clock()))(hello)

    *_, answer = await answers(app, "/", "/")

    assert answer.json()["type"] == EXCEEDED


async def test_a_refused_body_is_not_read() -> None:
    client = Client(limited(one(limit=1)))
    await client.get("/")

    async with client.stream("POST", "/", keep_open=True) as stream:
        answer = await stream.head()

    assert answer.status == 429
