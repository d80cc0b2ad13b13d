"""What is measured beside ours does what it is there for.

What the groups measure is no test's business. Peers take part where they are installed.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping

import pytest

from benchmarks import (
    coding_peers,
    compression,
    limit_peers,
    observed_peers,
    probes,
    request_id,
    tag_peers,
    whole_profile,
    whole_stacks,
)
from benchmarks.answers import SIZES, answering, streaming
from benchmarks.asking import Asking
from benchmarks.closed_loop import Load, read_wrk
from benchmarks.compression_codecs import codes
from benchmarks.conditional import Floor
from benchmarks.harness import Contender, MakeRound
from benchmarks.spent import processor_seconds
from benchmarks.whole import entrants
from benchmarks.whole_checks import answer, check
from benchmarks.whole_floors import Coded
from benchmarks.whole_seeds import middle
from benchmarks.whole_stacks import FIVE, PLUS, Instruments, MakeStack, Stack, shop

STACKS = {
    **whole_stacks.stacks(),
    **{f"metrics: {each.name}": each.make for each in observed_peers.entrants()},
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
    for coding, code in codes().items():
        whole, pieces = answering(body), streaming(body)
        for each in compression.entrants("2 KB", whole, body, coding, code):
            made[f"{coding}, whole: {each.name}"] = coding_peers.reading(coding, body, whole)(each.make)
        for each in coding_peers.entrants(coding, pieces):
            made[f"{coding}, in pieces: {each.name}"] = coding_peers.reading(coding, body, pieces)(each.make)
    for each in tag_peers.entrants(Floor):
        made[f"tags: {each.name}"] = tag_peers.checked(each.make, knows=True)
    for each in probes.entrants():
        made[f"probes: {each.name}"] = probes.probing(each.make, "/health/ready")
    return made


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in _rounds().items()])
def test_a_contender_answers_as_it_should(make: MakeRound) -> None:
    async def one_round() -> float:
        async with make() as rounds:
            return await rounds(1)

    assert asyncio.run(one_round()) > 0


@pytest.mark.parametrize(
    "make",
    [pytest.param(each.make, id=each.name) for each in request_id.entrants() if each.kind != "app"],
)
@pytest.mark.parametrize("is_sent", [pytest.param(True, id="kept"), pytest.param(False, id="new")])
def test_an_id_is_on_the_answer(make: Contender, is_sent: bool) -> None:
    name, sent = request_id.SENT

    headers, _ = asyncio.run(answer(Asking(make(), (name, sent)) if is_sent else make()))

    found = headers[name]
    assert len(found) == len(sent)
    assert (found == sent) == is_sent


@pytest.mark.parametrize("make", [pytest.param(each.make, id=each.name) for each in limit_peers.deciders()])
def test_who_decides_decides_for_many_keys(make: limit_peers.MakeDecide) -> None:
    async def decide() -> None:
        decides = await make()
        for key in ("10.0.0.1", "10.0.0.2", "10.0.0.1"):
            await decides(key)

    asyncio.run(decide())


def test_what_stands_in_front_of_an_app_is_counted() -> None:
    found = whole_profile.counts(lambda: whole_stacks.by_hand(PLUS))

    assert found.total > whole_profile.counts(whole_stacks.alone).total
    assert any("Spanned" in name for name in found.calls)


def test_what_a_process_has_spent_only_grows() -> None:
    before = processor_seconds(os.getpid())

    sum(range(3_000_000))

    assert 0 < before <= processor_seconds(os.getpid())


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


def test_a_stack_is_measured_in_several_processes_of_which_the_middle_one_is_told() -> None:
    told = middle("four", 9, seeds=(1, 2, 3))

    kinds = {entrant.name: entrant.kind for entrant, _ in entrants("four")}
    assert told.keys() == kinds.keys()
    counted = {kinds[name]: times.counts for name, times in told.items()}
    app, ours = counted["app"], counted["ours"]
    assert app is not None
    assert ours is not None
    assert ours.bytecodes > app.bytecodes > 0
    assert all(0 < times.minimum <= times.median for times in told.values())
