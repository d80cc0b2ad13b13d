"""A log against quotas: who would have been limited, in the hands of what decides real requests."""

from collections.abc import Sequence
from typing import Any

import pytest

from asgi_patterns import Health, Pipeline, Quota, RateLimit
from asgi_patterns.kernel.layer import Layer
from asgi_patterns.ratelimit import tally
from asgi_patterns.ratelimit.access_log import Entry
from asgi_patterns.ratelimit.simulation import AT_ONCE, Simulation
from asgi_patterns.simulate import simulated
from asgi_patterns.testing import Client, Clock, hello

BEGIN = 1_772_366_400.0
ALICE, BOB = "203.0.113.7", "198.51.100.4"


def at(seconds: float, path: str = "/", client: str = ALICE, **more: Any) -> Entry:
    """A request that many seconds after the begin; ``more`` are further parts of its entry."""
    found = {"user": None, "method": "GET", "status": 200} | more
    return Entry(time=BEGIN + seconds, client=client, target=path, **found)


def replayed(
    entries: Sequence[Entry], *quotas: Quota | str, layers: Sequence[Layer] = (), **fields: Any
) -> Simulation:
    """The simulation of one layer, with others around it, after these entries."""
    simulation = simulated(Pipeline(RateLimit(quotas=quotas, **fields), *layers))
    for entry in entries:
        simulation.add(entry)
    simulation.finish()
    return simulation


def over(simulation: Simulation) -> dict[str, tuple[int, int]]:
    """Requests of each quota, and how many of them were over it."""
    return {
        name: (each.requests, each.refused)
        for trial in simulation.trials
        for name, each in trial.tallies.items()
    }


TWO = Quota(name="two", limit=2, window="1m")

CASES: dict[str, tuple[list[Entry], list[Quota], tuple[int, int], dict[str, tuple[int, int]]]] = {
    "the third of two is refused": ([at(0), at(1), at(2)], [TWO], (3, 1), {"two": (3, 1)}),
    "time passes": ([at(0), at(1), at(61)], [TWO], (3, 0), {"two": (3, 0)}),
    "each address has its own": ([at(0), at(0), at(0, client=BOB)], [TWO], (3, 0), {"two": (3, 0)}),
    "a query is no other path": (
        [at(0, "/a?x"), at(0, "/a?y"), at(0, "/a/"), at(0, "/b")],
        [Quota(name="a", limit=2, window="1m", match="/a")],
        (4, 1),
        {"a": (3, 1)},
    ),
    "a quota that observes refuses nothing": (
        [at(0), at(0), at(0)],
        [Quota(name="seen", limit=1, window="1m", mode="observe")],
        (3, 0),
        {"seen": (3, 2)},
    ),
    "a refusal charges no other quota": (
        [at(0), at(1), at(2), at(3)],
        [Quota(name="minute", limit=1, window="1m"), Quota(name="day", limit=2, window="1d")],
        (4, 3),
        {"minute": (4, 3), "day": (4, 0)},
    ),
    "a user counts across addresses": (
        [at(0, user="alice"), at(0, user="alice", client=BOB), at(0)],
        [Quota(name="users", limit=1, window="1m", key="user")],
        (3, 1),
        {"users": (2, 1)},
    ),
    "everybody together": (
        [at(0), at(0, client=BOB)],
        [Quota(name="all", limit=1, window="1m", key="global")],
        (2, 1),
        {"all": (2, 1)},
    ),
    "tiers that a log can tell": (
        [at(0, user="alice"), at(0), at(0)],
        [
            Quota(name="known", limit=1, window="1m", tier="authenticated"),
            Quota(name="unknown", limit=1, window="1m", tier="anonymous"),
        ],
        (3, 1),
        {"known": (1, 0), "unknown": (2, 1)},
    ),
    "only failed answers count": (
        [at(0), at(0, status=401), at(0), at(0, status=401)],
        [Quota(name="failed", limit=1, window="1h", counts="failed")],
        (4, 2),
        {"failed": (4, 2)},
    ),
    "an answer without a status is left out": (
        [at(0, status=None), at(0), at(0)],
        [Quota(name="good", limit=1, window="1h", counts="succeeded")],
        (3, 1),
        {"good": (2, 1)},
    ),
    "two at the same time": (
        # As a log has them: in the order of their ends.
        [at(2, duration=2.0), at(3, duration=2.0), at(3.5, duration=2.25), at(5, duration=1.0)],
        [Quota(name="slots", limit=1, algorithm="concurrency")],
        (4, 2),
        {"slots": (4, 2)},
    ),
    "a slot is held for as long as the request runs": (
        [at(100, duration=100.0), at(100.5, duration=1.0)],
        [Quota(name="slots", limit=1, algorithm="concurrency", lease=1)],
        (2, 1),
        {"slots": (2, 1)},
    ),
    "bytes of content": (
        [at(0, content=60), at(0, content=60), at(0, content=40)],
        [Quota(name="bytes", limit=100, window="1h", unit="content-bytes")],
        (3, 1),
        {"bytes": (3, 1)},
    ),
    "a permission costs nothing": ([at(0, method="OPTIONS")] * 3, [TWO], (0, 0), {"two": (0, 0)}),
}


@pytest.mark.parametrize(("entries", "quotas", "total", "each"), CASES.values(), ids=CASES)
def test_it_is_found_out_who_would_be_limited(
    entries: list[Entry], quotas: list[Quota], total: tuple[int, int], each: dict[str, tuple[int, int]]
) -> None:
    simulation = replayed(entries, *quotas, identify="scope")

    assert over(simulation) == each
    assert (simulation.requests, simulation.refused) == total


def test_rows_say_who_and_when() -> None:
    simulation = replayed([at(0), at(1), at(2), at(0, client=BOB), at(9), at(5)], TWO)

    rows = simulation.trials[0].tallies["two"].rows

    assert {key: (row.times, row.first - BEGIN, row.last - BEGIN) for key, row in rows.items()} == {
        ALICE: (3, 2, 9)
    }


def by_function(scope: Any) -> str:
    """A key that only a request has."""
    return "x"


def costly(scope: Any) -> int:
    """A cost that only a request has."""
    return 2


def sometimes(scope: Any) -> bool:
    """A condition that only a request has."""
    return True


UNTOLD: dict[str, tuple[Quota, str]] = {
    "a field": (Quota(name="q", limit=1, window=1, key="header:X-API-Key"), "its key is a field"),
    "a key function": (Quota(name="q", limit=1, window=1, key=by_function), "its key is a function"),
    "a cost function": (Quota(name="q", limit=3, window=1, cost=costly), "its cost is a function"),
    "a condition": (Quota(name="q", limit=1, window=1, condition=sometimes), "its condition is a function"),
    "a tier": (
        Quota(name="q", limit=1, window=1, key="user", tier="gold"),
        "does not tell who is of the tier 'gold'",
    ),
    "what handlers spend": (Quota(name="q", limit=1, window=1, cost=0), "only handlers charge it"),
    "no durations": (Quota(name="q", limit=1, algorithm="concurrency"), "how long its request took"),
    "no content": (
        Quota(name="q", limit=1, window=1, unit="content-bytes"),
        "how much content its request had",
    ),
}


@pytest.mark.parametrize(("quota", "why"), UNTOLD.values(), ids=UNTOLD)
def test_what_a_log_does_not_tell_is_said(quota: Quota, why: str) -> None:
    simulation = replayed([at(0, user="alice")] * 3, quota, identify="scope")

    ((name, said),) = simulation.trials[0].not_simulated

    assert name == "q"
    assert why in said
    assert simulation.refused == 0


def test_what_an_unknown_quota_takes_falls_under_no_default() -> None:
    quota = Quota(name="keys", limit=1, window="1m", key="header:X-API-Key", match="/keys/**")

    simulation = replayed([at(0, "/keys/1"), at(0, "/keys/2"), at(0, "/else")], quota, default=["1/minute"])

    assert over(simulation)["1-per-minute"] == (1, 0)


def test_what_is_answered_in_front_is_not_counted() -> None:
    simulation = replayed([at(0, "/health/live"), at(0, "/livez"), at(0, "/healthy")], TWO, layers=[Health()])

    assert (simulation.answered, simulation.requests) == (2, 1)


def test_lists_and_patterns_of_the_layer_count() -> None:
    entries = [at(0, client="10.0.0.1"), at(0, client="192.0.2.1"), at(0, "/open"), at(0)]

    simulation = replayed(entries, TWO, allow=["10.0.0.0/8"], block=["192.0.2.0/24"], exclude=["/open"])

    (trial,) = simulation.trials
    assert (trial.let_through, trial.blocked, simulation.refused) == (1, 1, 1)
    assert over(simulation) == {"two": (1, 0)}


def test_what_one_layer_refuses_another_one_does_not_see() -> None:
    inner = RateLimit(name="inner", quotas=["100/minute"])

    simulation = replayed([at(0), at(1), at(2)], TWO, layers=[inner])

    assert over(simulation) == {"two": (3, 1), "100-per-minute": (2, 0)}


def test_an_older_line_counts_as_of_now() -> None:
    entries = [at(600 + number / AT_ONCE) for number in range(AT_ONCE + 1)]

    simulation = replayed([*entries, at(0)], "1000000/day")

    assert simulation.late == 1


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST_ROWS", 10)
    many = [at(2, client=f"10.0.{number}.1") for number in range(50) for _ in range(2)]

    simulation = replayed([at(0), at(0), at(1), at(1), *many], Quota(name="one", limit=1, window="1d"))

    found = simulation.trials[0].tallies["one"]
    assert (len(found.rows) <= 10, len(found.rows) + found.forgotten) == (True, 51)
    assert found.rows[ALICE].times == 3


@pytest.mark.anyio
@pytest.mark.parametrize(
    "quota",
    [
        Quota(name="q", limit=5, window=7),
        Quota(name="q", limit=5, window=7, burst=2),
        Quota(name="q", limit=5, window=7, algorithm="leaky_bucket"),
        Quota(name="q", limit=5, window=7, algorithm="fixed_window"),
        Quota(name="q", limit=5, window=7, algorithm="sliding_window"),
        Quota(name="q", limit=5, window=7, algorithm="sliding_log"),
    ],
    ids=lambda quota: f"{quota.algorithm}, {quota.burst}",
)
async def test_it_decides_as_the_layer_does(quota: Quota) -> None:
    clock = Clock()
    client = Client(RateLimit(quotas=[quota], key="global", clock=clock)(hello))
    times = [number * 0.4 + (number % 5) * 0.03 for number in range(100)]

    refused = 0
    for before, now in zip([0.0, *times], times, strict=False):
        clock.advance(now - before)
        refused += (await client.get("/")).status != 200

    simulation = replayed([at(now) for now in times], quota, key="global")
    assert 0 < refused == simulation.refused
