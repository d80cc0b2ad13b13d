"""Counts in this process are bounded, and who has used up a quota gets no new one from those who invent keys."""

import pytest

from asgi_patterns.ratelimit.asks import Ask
from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.memory import MemoryCounters
from asgi_patterns.ratelimit.rules import Rule
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.ratelimit.windows import FixedWindow, SlidingLog, SlidingWindow
from asgi_patterns.testing import Clock
from tests.ratelimit.contract import give_back, stake

INVENTED = 20_000
MOST = 1000
SOON = 1e-4
"""Seconds between two requests of somebody who is in a hurry."""

RULES: list[tuple[str, Rule]] = [
    ("token bucket", TokenBucket(5.0, 5 / 60)),
    ("leaky bucket", LeakyBucket(60.0, 240.0)),
    ("fixed window", FixedWindow(5.0, 60.0)),
    ("sliding window", SlidingWindow(5.0, 60.0)),
    ("sliding log", SlidingLog(5.0, 60.0)),
    ("slots", Slots(5.0, 60.0)),
]
each_rule = pytest.mark.parametrize("rule", [row[1] for row in RULES], ids=[row[0] for row in RULES])


def attack(counters: MemoryCounters, rule: Rule, clock: Clock, name: str = "invented") -> None:
    """Ask once with each of many keys."""
    one = stake(rule)
    for number in range(INVENTED):
        clock.advance(SOON)
        counters.take([(one, f"{name}-{number}")])


def use_up(counters: MemoryCounters, ask: Ask) -> None:
    """Take until nothing is left."""
    while counters.take([ask]).allowed:
        pass


@each_rule
def test_invented_keys_never_make_it_grow_past_its_bound(rule: Rule) -> None:
    clock = Clock()
    counters = MemoryCounters(most=MOST, clock=clock)

    attack(counters, rule, clock)

    assert len(counters) == MOST


@each_rule
def test_who_has_used_up_a_quota_is_refused_whatever_others_invent_afterwards(rule: Rule) -> None:
    clock = Clock()
    counters = MemoryCounters(most=MOST, clock=clock)
    ann = stake(rule), "ann"
    use_up(counters, ann)

    attack(counters, rule, clock)

    assert not counters.take([ann]).allowed


@each_rule
def test_who_has_used_up_a_quota_is_refused_whatever_others_have_invented_before(rule: Rule) -> None:
    clock = Clock()
    counters = MemoryCounters(most=MOST, clock=clock)
    ann = stake(rule), "ann"
    attack(counters, rule, clock, "before")

    use_up(counters, ann)
    attack(counters, rule, clock, "after")

    assert not counters.take([ann]).allowed
    assert len(counters) == MOST


@each_rule
def test_who_comes_and_goes_during_an_attack_gets_no_more_than_the_limit(rule: Rule) -> None:
    clock = Clock()
    counters = MemoryCounters(most=100, clock=clock)
    one, allowed = stake(rule), 0

    for number in range(INVENTED // 4):
        clock.advance(SOON)
        counters.take([(one, f"invented-{number}")])
        if number % 10 == 0:
            allowed += counters.take([(one, "ann")]).allowed

    assert allowed == 5


@each_rule
def test_what_is_over_is_forgotten_first(rule: Rule) -> None:
    clock = Clock()
    counters = MemoryCounters(most=3, clock=clock)
    old, fresh = [(stake(rule), name) for name in "ab"], [(stake(rule), name) for name in "cde"]
    lent = [(ask, counters.take([ask])) for ask in old]
    if isinstance(rule, Slots):
        for ask, decision in lent:
            give_back(counters, [ask], decision)  # of slots in memory nothing else is over
    clock.advance(600)

    for ask in fresh:
        use_up(counters, ask)

    assert len(counters) <= 3
    assert [counters.take([ask]).allowed for ask in fresh] == [False, False, False]


@each_rule
def test_charges_are_bounded_too(rule: Rule) -> None:
    clock = Clock()
    counters = MemoryCounters(most=10, clock=clock)

    for number in range(100):
        counters.charge((stake(rule), f"key-{number}"))

    assert len(counters) == 10


def test_each_quota_has_a_bound_of_its_own() -> None:
    clock = Clock()
    counters = MemoryCounters(most=10, clock=clock)
    ann = stake(FixedWindow(1.0, 60.0), quota="quiet"), "ann"
    use_up(counters, ann)

    for number in range(100):
        counters.take([(stake(FixedWindow(5.0, 60.0), quota="noisy"), f"key-{number}")])

    assert len(counters) == 11
    assert not counters.take([ann]).allowed


def test_one_key_is_enough_to_count_by() -> None:
    counters = MemoryCounters(most=1, clock=Clock())
    one = stake(FixedWindow(2.0, 60.0))

    allowed = [counters.take([(one, "ann")]).allowed for _ in range(3)]
    others = [counters.take([(one, f"key-{number}")]).allowed for number in range(3)]

    assert (allowed, others) == ([True, True, False], [True, True, True])
    assert len(counters) == 1


def test_a_refusal_remembers_nobody() -> None:
    counters = MemoryCounters(most=10, clock=Clock())

    counters.take([(stake(FixedWindow(5.0, 60.0), cost=6), "ann")])

    assert len(counters) == 0


def test_slots_that_are_given_back_leave_nothing_behind() -> None:
    counters = MemoryCounters(most=10, clock=Clock())
    ask = stake(Slots(5.0, 60.0)), "ann"

    give_back(counters, [ask], counters.take([ask]))

    assert len(counters) == 0


@pytest.mark.anyio
async def test_what_is_forgotten_leaves_nothing_behind() -> None:
    counters = MemoryCounters(most=10, clock=Clock())
    ask = stake(FixedWindow(5.0, 60.0)), "ann"
    counters.take([ask])

    await counters.forget(ask)

    assert len(counters) == 0


@pytest.mark.parametrize("several", [1, 3], ids=["one quota", "three quotas"])
@pytest.mark.parametrize("binding", [True, False], ids=["binding", "not binding"])
def test_what_a_gate_takes_is_what_take_would_take(several: int, binding: bool) -> None:
    clock = Clock()
    by_take, by_gate = (MemoryCounters(most=3, clock=clock) for _ in range(2))
    rule = TokenBucket(12.0, 0.1)
    stakes = [
        stake(rule, number, quota=f"quota{number}", binding=binding) for number in range(1, several + 1)
    ]
    gate, outcomes = by_gate.gate(stakes, [2.0] * several), set()

    for number in range(400):
        clock.advance(number % 13 / 3)
        key = "abcd"[number % 4]

        taken = by_take.take([(each, key) for each in stakes]).taken
        passed = gate(key)

        outcomes.add(passed is None)
        if passed is None:  # it has taken nothing, and leaves it to the whole decision
            assert any(not each.allowed or each.remaining <= 3 for each in taken)
            assert by_gate.take([(each, key) for each in stakes]).taken == taken
        else:
            states = passed if isinstance(passed, list) else [passed]
            assert states == [each.state for each in taken]
            assert [rule.read(each) for each in states] == [(each.remaining, each.more_in) for each in taken]
        assert len(by_gate) == len(by_take)
    assert outcomes == {True, False}


def test_only_token_buckets_have_a_gate() -> None:
    counters = MemoryCounters(most=3, clock=Clock())

    with pytest.raises(TypeError, match="token buckets"):
        counters.gate([stake(FixedWindow(5.0, 60.0))], [0.0])
