"""Charging from a handler."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, WebSocket
from starlette.requests import Request

from asgi_patterns import Caller, Pipeline, Problem, Problems, Quota, RateLimit, spend, spending
from asgi_patterns.kernel.events import Event
from asgi_patterns.kernel.exchange import Exchange
from asgi_patterns.kernel.types import ASGIApp, Receive, Scope, Send
from asgi_patterns.ratelimit import Limited
from asgi_patterns.testing import Client, Clock, hello
from tests.ratelimit.reading import answers, left, one, statuses

pytestmark = pytest.mark.anyio

REPORTS = Quota(name="reports", limit=10, window="1d", cost=0)


def spender(quota: str = "reports", *, of: list[int] | None = None) -> ASGIApp:
    """An app that charges what the query says, and keeps what is left in ``of``."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = await spend(scope, quota, int(scope["query_string"] or 1))
        if of is not None:
            of.append(found)
        await hello(scope, receive, send)

    return app


def behind(app: ASGIApp, *quotas: Quota | str, **settings: Any) -> ASGIApp:
    return Pipeline(Problems(), RateLimit(quotas=quotas, clock=Clock(), **settings))(app)


async def test_it_returns_what_is_left_and_refuses_what_is_too_much() -> None:
    of: list[int] = []

    found = await answers(behind(spender(of=of), REPORTS), "/?4", "/?5", "/?2", "/?1")

    assert [answer.status for answer in found] == [200, 200, 429, 200]
    assert of == [6, 1, 0]
    assert [left(answer)["reports"] for answer in found] == [6, 1, 1, 0]


async def test_a_refusal_is_the_same_problem_as_the_layers() -> None:
    refused = (await answers(behind(spender(), REPORTS), "/?7", "/?7"))[1]

    assert refused.header("retry-after") == "34560"
    assert refused.json()["violated-policies"] == ["reports"]
    assert refused.json()["retryAfter"] == 34560


async def test_a_handler_may_go_on_without() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(Problem):
            await spend(scope, "reports", 11)
        await hello(scope, receive, send)

    (answer,) = await answers(behind(app, REPORTS), "/")

    assert answer.status == 200
    assert left(answer) == {"reports": 10}


async def test_match_tier_and_condition_say_nothing() -> None:
    quota = one(name="reports", limit=10, match="/other", condition=lambda scope: False)

    found = await answers(behind(spender(), quota), "/?4", "/?7")

    assert [answer.status for answer in found] == [200, 429]


async def test_a_quota_of_users_is_charged_to_the_caller() -> None:
    def identify(scope: Scope) -> Caller | None:
        found = [value for name, value in scope["headers"] if name == b"authorization"]
        return Caller(id=found[0].decode()) if found else None

    layer = RateLimit(quotas=[REPORTS], key="user", clock=Clock())
    app = Pipeline(Problems(), layer, identify=identify)(spender())

    alice = await statuses(app, "/?7", "/?7", headers={"authorization": "alice"})
    bob = await statuses(app, "/?7", headers={"authorization": "bob"})
    with pytest.raises(LookupError, match="the quota 'reports' is not for this request: nobody is known"):
        await Client(app).get("/?7")

    assert (alice, bob) == ([200, 429], [200])


async def test_what_is_spent_on_an_answer_that_does_not_count_is_given_back() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await spend(scope, "failed", 5)
        await hello(scope, receive, send)

    found = await answers(behind(app, one(name="failed", limit=6, counts="failed")), "/", "/")

    assert [answer.status for answer in found] == [200, 200]


async def test_a_quota_that_only_observes_is_charged_but_refuses_nothing() -> None:
    told: list[Event] = []

    def listen(event: Event, exchange: Exchange) -> None:
        told.append(event)

    layer = RateLimit(quotas=[one(name="reports", limit=10, mode="observe", cost=0)], clock=Clock())
    app = Pipeline(Problems(), layer, listeners=[listen])(spender())

    assert await statuses(app, "/?7", "/?7") == [200, 200]
    assert [event.mode for event in told if isinstance(event, Limited)] == ["observe"]


async def test_of_two_layers_the_one_that_has_the_quota_is_charged() -> None:
    layers = [
        RateLimit(quotas=[one(name="requests", limit=100)], name="outer", clock=Clock()),
        RateLimit(quotas=[REPORTS], clock=Clock()),
    ]

    found = await answers(Pipeline(Problems(), *layers)(spender()), "/?4", "/?7")

    assert [answer.status for answer in found] == [200, 429]
    assert left(found[0]) == {"reports": 6, "outer-requests": 99}


MISTAKES: list[tuple[str, str, int, type[Exception], str]] = [
    (
        "a quota that is not there",
        "report",
        1,
        LookupError,
        "there is no quota called 'report': there are reports",
    ),
    ("a cost below 0", "reports", -1, ValueError, "a cost is 0 or more, not -1"),
]


@pytest.mark.parametrize(
    ("quota", "cost", "raised", "said"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
async def test_a_mistake_is_an_error(quota: str, cost: int, raised: type[Exception], said: str) -> None:
    app = RateLimit(quotas=[REPORTS])(spender(quota))

    with pytest.raises(raised, match=said):
        await Client(app).get(f"/?{cost}")


@pytest.mark.parametrize(
    "quotas", [[REPORTS], [REPORTS, one(counts="failed")]], ids=["short way", "long way"]
)
async def test_a_request_that_has_ended_is_charged_no_more(quotas: list[Quota]) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await hello(scope, receive, send)

    await answers(RateLimit(quotas=quotas, clock=Clock())(app), "/")

    with pytest.raises(LookupError, match="or it has ended"):
        await spend(seen[0], "reports")


async def test_without_a_layer_it_says_so() -> None:
    with pytest.raises(LookupError, match="no RateLimit layer has seen this request"):
        await Client(spender()).get("/")


# --- FastAPI ---

app = FastAPI()


@app.post("/summaries", dependencies=[Depends(spending("reports", cost=3))])
async def summary() -> str:
    return "short"


@app.get("/left")
async def reports_left(found: Annotated[int, Depends(spending("reports"))]) -> int:
    return found


@app.get("/reports/{pages}")
async def report(request: Request, pages: int) -> int:
    return await spend(request.scope, "reports", cost=pages)


@app.websocket("/live")
async def live(socket: WebSocket, found: Annotated[int, Depends(spending("reports", cost=4))]) -> None:
    await socket.accept()
    await socket.send_json(found)


async def test_as_a_dependency_of_fastapi() -> None:
    found = await answers(behind(app, REPORTS), "POST /summaries", "/left", "/reports/6", "/left")

    assert [answer.status for answer in found] == [200, 200, 200, 429]
    assert [answer.json() for answer in found[:3]] == ["short", 6, 0]
    assert found[3].header("content-type") == "application/problem+json"
    assert found[3].json()["violated-policies"] == ["reports"]


@pytest.mark.parametrize("inside", [app, spender()], ids=["FastAPI answers", "Problems answers"])
@pytest.mark.parametrize(
    ("headers", "found"), [("always", [True, True]), ("refusals", [False, True]), ("off", [False, False])]
)
async def test_a_refusal_has_its_fields(inside: ASGIApp, headers: Any, found: list[bool]) -> None:
    limits = behind(inside, REPORTS, headers=headers)

    each = await answers(limits, "/reports/9?9", "/reports/9?9")

    assert [answer.status for answer in each] == [200, 429]
    assert [left(answer) == {"reports": 1} for answer in each] == found
    assert len(each[1].all("retry-after")) == 1


async def test_without_problems_it_is_still_a_429() -> None:
    bare = RateLimit(quotas=[REPORTS], clock=Clock())(app)

    *_, answer = await answers(bare, "/reports/9", "/reports/9")

    assert answer.status == 429
    assert answer.header("retry-after") is not None


async def test_of_a_websocket_of_fastapi() -> None:
    client = Client(behind(app, REPORTS))

    found = []
    for _ in range(3):
        async with client.websocket("/live") as socket:
            found.append(socket.denial.status if socket.denial else await socket.receive_json())

    assert found == [6, 2, 429]
