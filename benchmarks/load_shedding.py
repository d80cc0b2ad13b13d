"""What it costs to count the requests in hand, to learn how many are right, and to turn one away."""

from typing import final

from asgi_patterns import LoadShedding, Problem
from asgi_patterns.kernel.types import ASGIApp, Message, Receive, Scope, Send
from asgi_patterns.protection import Pool, PriorityRule
from benchmarks.answers import small
from benchmarks.comparing import app, compare, floor, ours
from benchmarks.harness import ROUNDS
from benchmarks.results import Group

HANDED_OUT = 1_000_000


@final
class Counter:
    """The same by hand, as little as it can: so many in hand, and 503 to the others."""

    def __init__(self, app: ASGIApp, limit: int = HANDED_OUT) -> None:
        self.app = app
        self.limit = limit
        self.in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if self.in_hand >= self.limit:
            return await Problem(503, "Too much to do.", headers={"Retry-After": "1"})(scope, receive, send)
        self.in_hand += 1
        is_held = True

        async def wrapped(message: Message) -> None:
            nonlocal is_held
            await send(message)
            if is_held and message["type"] == "http.response.body" and not message.get("more_body"):
                is_held = False
                self.in_hand -= 1

        try:
            await self.app(scope, receive, wrapped)
        finally:
            if is_held:
                self.in_hand -= 1


def full(layer: LoadShedding, app: ASGIApp) -> ASGIApp:
    """Return ``app`` behind a layer that has no slot left."""
    wired = layer(app)
    gate = layer._admission.main.gate  # nobody waits, so nothing is given back
    gate.in_hand = gate.limit
    return wired


def run(*, rounds: int = ROUNDS, calls: int | None = None) -> Group:
    """Measure."""
    pools = [Pool(name=f"area{at}", match=f"/area{at}/**", limit=9) for at in range(4)]
    rules = [PriorityRule(match="/checkout/**", priority="critical")]
    served = compare(
        "a request that is served",
        app("the app alone", lambda: small),
        floor("a counter, by hand", lambda: Counter(small)),
        ours("LoadShedding, a fixed limit", lambda: LoadShedding(limit=100)(small)),
        ours("LoadShedding, an adaptive limit", lambda: LoadShedding()(small), layer="LoadShedding"),
        ours(
            "LoadShedding, four pools and a rule", lambda: LoadShedding(pools=pools, priorities=rules)(small)
        ),
        rounds=rounds,
        calls=calls,
    )
    # The app has no part in a refusal, so it is no part of the case.
    refused = compare(
        "a request that is refused",
        floor("a problem, by hand", lambda: Counter(small, 0)),
        ours("LoadShedding", lambda: full(LoadShedding(limit=1, queue=0), small)),
        rounds=rounds,
        calls=calls,
    )
    return Group(name="load_shedding", title="Load shedding", cases=(served, refused))
