"""What is measured beside ours does what it is there for.

What the groups measure is no test's business. Peers take part where they are installed.
"""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from benchmarks import (
    coding_peers,
    id_peers,
    limit_peers,
    observed_peers,
    probes,
    tag_peers,
    whole_profile,
    whole_stacks,
)
from benchmarks.answers import SIZES
from benchmarks.closed_loop import Load, read_wrk
from benchmarks.harness import MakeRound
from benchmarks.whole_checks import answer, check
from benchmarks.whole_floors import Coded
from benchmarks.whole_stacks import FIVE, PLUS, Instruments, MakeStack, Stack, shop

ROOT = Path(__file__).parents[1]

STACKS = {
    **whole_stacks.stacks(),
    **{f"metrics: {name}": make for name, make in observed_peers.stacks().items()},
}


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in STACKS.items()])
def test_a_stack_does_what_it_is_there_for(make: MakeStack) -> None:
    asyncio.run(check(make()))


def test_a_stack_that_lacks_a_feature_is_no_contender() -> None:
    async def coded() -> Stack:
        return Stack(Coded(shop()), FIVE, Instruments())

    with pytest.raises(AssertionError, match=r"\['id', 'limit', 'tracing', 'metrics'\] is not done"):
        asyncio.run(_checked(coded))


def test_a_stack_that_sends_no_zstd_is_no_contender() -> None:
    async def plain() -> Stack:
        return Stack(shop(), ("coding",), Instruments())

    with pytest.raises(AssertionError, match="says no zstd"):
        asyncio.run(_checked(plain))


async def _checked(make: Callable[[], Awaitable[Stack]]) -> None:
    await check(await make())


def _rounds() -> Mapping[str, MakeRound]:
    made: dict[str, MakeRound] = {}
    body = SIZES["2 KB"]
    for coding in coding_peers.LEVELS:
        for how, app in coding_peers.HOW.items():
            contenders = coding_peers.contenders(coding, how, app(body))
            for name, make in contenders.items():
                rounds = coding_peers.checked(make, coding, body, is_app=name == "alone")
                made[f"{coding}, {how}: {name}"] = rounds
    for name, make in tag_peers.contenders().items():
        made[f"tags: {name}"] = tag_peers.checked(make, knows=name != tag_peers.ALONE)
    for name, make in probes.contenders().items():
        if name != "app":
            made[f"probes: {name}"] = probes.asking(make, "/health/ready")
    return made


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in _rounds().items()])
def test_a_contender_answers_as_it_should(make: MakeRound) -> None:
    async def one_round() -> float:
        async with make() as rounds:
            return await rounds(1)

    assert asyncio.run(one_round()) > 0


@pytest.mark.parametrize("name", [name for name in id_peers.contenders(shop()) if name != "alone"])
@pytest.mark.parametrize("is_sent", [pytest.param(True, id="kept"), pytest.param(False, id="new")])
def test_an_id_is_on_the_answer(name: str, is_sent: bool) -> None:
    app = id_peers.contenders(shop())[name]()

    headers, _ = asyncio.run(answer(id_peers.Bringing(app) if is_sent else app))

    found = headers[b"x-request-id"]
    assert len(found) == len(id_peers.GIVEN)
    assert (found == id_peers.GIVEN) == is_sent


@pytest.mark.parametrize("name", list(limit_peers.deciders()))
def test_who_decides_decides_for_many_keys(name: str) -> None:
    async def decide() -> None:
        decides = await limit_peers.deciders()[name]()
        for key in ("10.0.0.1", "10.0.0.2", "10.0.0.1"):
            await decides(key)

    asyncio.run(decide())


def test_what_stands_in_front_of_an_app_is_counted() -> None:
    found = whole_profile.counts(lambda: whole_stacks.by_hand(PLUS))

    assert found.total > whole_profile.counts(whole_stacks.alone).total
    assert any("Spanned" in name for name in found.calls)


WRK = """Running 2s test @ http://127.0.0.1:40001/items/7
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.21ms    1.02ms  20.11ms   80.00%
    Req/Sec     9.87k   512.00    10.10k    70.00%
  Latency Distribution
     50%    3.10ms
     75%  500.00us
     90%    4.00ms
     99%    {p99}
  19744 requests in 2.00s, 12.00MB read
{failed}Requests/sec:   9871.50
Transfer/sec:      6.00MB
"""


@pytest.mark.parametrize(
    ("p99", "failed", "found"),
    [
        pytest.param("7.50ms", "", Load(9871.5, 3.1, 7.5, 0, 19744), id="milliseconds"),
        pytest.param("812.00us", "", Load(9871.5, 3.1, 0.812, 0, 19744), id="microseconds"),
        pytest.param("1.25s", "", Load(9871.5, 3.1, 1250.0, 0, 19744), id="seconds"),
        pytest.param(
            "7.50ms",
            "  Non-2xx or 3xx responses: 12\n",
            Load(9871.5, 3.1, 7.5, 12, 19744),
            id="answers that are no 200",
        ),
    ],
)
def test_what_wrk_prints_is_read(p99: str, failed: str, found: Load) -> None:
    assert read_wrk(WRK.format(p99=p99, failed=failed)) == found


@pytest.mark.parametrize(
    ("group", "row"),
    [
        ("whole", "plus: ours"),
        ("profile", "all of it"),
        ("servers", "plus: ours"),
        ("ids", "RequestId in a pipeline, a new id"),
        ("metrics", "Metrics without exemplars"),
        ("codings", "the codec, in the app"),
        ("tags", "ConditionalRequests, over FastAPI"),
        ("limits", "RateLimit's counters"),
        ("redis", "INCR through redis-py"),
        ("probes", "by hand, two routes of Starlette"),
    ],
)
def test_a_group_prints_its_table(group: str, row: str) -> None:
    command = [sys.executable, "-m", "benchmarks.beside", "--light", group]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 0, done.stderr
    assert row in done.stdout
