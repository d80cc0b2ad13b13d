"""The script counts as the Python core does, on a real Redis: the same histories, the same answers."""

from collections.abc import Iterator, Sequence
from math import isclose
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgi_patterns.ratelimit.asks import Decision
from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.redis import SCRIPT
from asgi_patterns.ratelimit.rules import Rule, State, Taken
from asgi_patterns.ratelimit.script import Broken, Order, Verb, decode, encode, encode_ask
from asgi_patterns.ratelimit.script import order as make_order
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.ratelimit.windows import FixedWindow, SlidingLog, SlidingWindow
from tests.ratelimit.histories import TODAY, limits, rules, take, timed_rules, windows
from tests.support.redis_kinds import client_of
from tests.support.redis_server import redis_server

AS_SCRIPT = settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
TICK = 1 / 1024

Redis = Any  # redis-py's types say little about a client of bytes


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server, client_of(server, decode=False) as client:
        assert client.script_load(SCRIPT.text) == SCRIPT.sha
        yield client


@pytest.fixture
def redis(started: Redis) -> Redis:
    started.flushdb()
    return started


def run(
    redis: Redis, orders: Sequence[Order], now: float | None = None, *, keep: bool = False
) -> list[Decision | Broken]:
    """Send orders; ``keep`` lets no key expire: the time of a test runs faster than that of the server."""
    keys, packed = encode(orders)
    with redis.pipeline(transaction=True) as pipe:
        pipe.evalsha(SCRIPT.sha, len(keys), *keys, b"" if now is None else repr(now), packed)
        for key in keys if keep else ():
            pipe.persist(key)
        return decode(pipe.execute()[0], orders)


def order(verb: Verb, *asks: tuple[str, Rule, int], token: int = 1, at: float = 0) -> Order:
    packed = [encode_ask(rule, cost, binding=True) for _, rule, cost in asks]
    return make_order(verb, [key.encode() for key, _, _ in asks], packed, at=at, token=token.to_bytes(8))


def took(reply: Decision | Broken) -> Decision:
    assert isinstance(reply, Decision)
    return reply


# --- the same histories ---------------------------------------------------------------------------------------


class Ask(NamedTuple):
    """What one order asks of one of the keys."""

    key: int
    cost: int
    binding: bool


class Act(NamedTuple):
    """One order. ``which`` of the charges that are left is refunded or renewed."""

    verb: Literal["take", "charge", "refund", "renew", "forget"]
    asks: Sequence[Ask]
    which: int


class Loan(NamedTuple):
    """What has been charged to a key, and can be given back."""

    key: int
    cost: int
    at: float
    token: bytes


class Model:
    """The Python core behind the words of the script."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.states: dict[int, State] = {}
        self.loans: list[Loan] = []
        self._tokens = 0

    def order(self, act: Act) -> tuple[Order, Loan | None] | None:
        """Return what the script has to be told, and which loan it is about."""
        if act.verb in ("refund", "renew"):
            loans = self.loans
            if act.verb == "renew":
                loans = [loan for loan in loans if isinstance(self.rules[loan.key], Slots)]
            if not loans:
                return None
            loan = loans[act.which % len(loans)]
            asks = [Ask(loan.key, loan.cost, True)]
            return self._order(b"R" if act.verb == "refund" else b"N", asks, loan.at, loan.token), loan
        self._tokens += 1
        verb: Any = {"take": b"T", "charge": b"C", "forget": b"F"}[act.verb]
        return self._order(verb, act.asks, 0.0, self._tokens.to_bytes(8)), None

    def _order(self, verb: Any, asks: Sequence[Ask], at: float, token: bytes) -> Order:
        packed = [encode_ask(self.rules[each.key], each.cost, binding=each.binding) for each in asks]
        return make_order(verb, [b"key%d" % each.key for each in asks], packed, at=at, token=token)

    def do(self, act: Act, token: bytes, loan: Loan | None, now: float) -> tuple[bool, list[Taken]]:
        """Return what the script should say."""
        match act.verb:
            case "take":
                return self._take(act.asks, token, now)
            case "charge":
                for ask in act.asks:
                    self._note(
                        ask, self.rules[ask.key].charge(self.states.get(ask.key), ask.cost, now), token, now
                    )
            case "forget":
                for ask in act.asks:
                    self.states.pop(ask.key, None)
                    self.loans = [each for each in self.loans if each.key != ask.key]
            case "refund":
                assert loan is not None
                self.loans.remove(loan)
                if loan.key in self.states:
                    rule = self.rules[loan.key]
                    self.states[loan.key] = rule.refund(self.states[loan.key], loan.cost, loan.at, now)
            case "renew":
                assert loan is not None
                self._renew(loan, now)
        return True, []

    def _take(self, asks: Sequence[Ask], token: bytes, now: float) -> tuple[bool, list[Taken]]:
        found = [take(self.rules[ask.key], self.states.get(ask.key), ask.cost, now) for ask in asks]
        allowed = all(taken.allowed or not ask.binding for ask, taken in zip(asks, found, strict=True))
        if allowed:
            for ask, taken in zip(asks, found, strict=True):
                if taken.state is not None:
                    self._note(ask, taken.state, token, now)
        return allowed, found

    def _note(self, ask: Ask, state: State, token: bytes, now: float) -> None:
        self.states[ask.key] = state
        self.loans.append(Loan(ask.key, ask.cost, now, token))

    def _renew(self, loan: Loan, now: float) -> None:
        rule = self.rules[loan.key]
        assert isinstance(rule, Slots)
        state = rule.renew(self.states.get(loan.key), loan.cost, loan.at, now)
        # Python tells loans apart by their times only: what is lent again in part is not told apart any more.
        self.loans.remove(loan)
        if state.count(now) - self.states.get(loan.key, ()).count(now) == loan.cost:
            self.loans.append(loan._replace(at=now))
        self.states[loan.key] = state


verbs = st.sampled_from(["take", "take", "take", "charge", "refund", "renew", "forget"])
asks = st.lists(
    st.builds(Ask, st.integers(0, 2), st.integers(0, 5), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda ask: ask.key,
)
acts = st.builds(Act, verbs, asks, st.integers(0, 9))
gaps = st.sampled_from([0.1, 1 / 3, 1.0, 2.5, 7.5, 10.0, 60.0]) | st.floats(0, 30)
some_slots = st.builds(Slots, limits, windows)
any_rules = st.lists(timed_rules | some_slots, min_size=3, max_size=3)
ageless = st.lists(
    rules.filter(lambda rule: not isinstance(rule, (SlidingLog, Slots))), min_size=3, max_size=3
)
calls = st.lists(st.tuples(gaps, st.lists(acts, min_size=1, max_size=4)), max_size=15)
back_and_forth = st.lists(
    st.tuples(gaps | st.floats(-30, 0), st.lists(acts, min_size=1, max_size=4)), max_size=15
)


@AS_SCRIPT
@given(any_rules, calls)
def test_both_come_to_the_same_answers(
    redis: Redis, rules: list[Rule], calls: list[tuple[float, list[Act]]]
) -> None:
    compare(redis, rules, calls)


@AS_SCRIPT
@given(ageless, back_and_forth)
def test_both_come_to_the_same_answers_when_the_clock_goes_back(
    redis: Redis, rules: list[Rule], calls: list[tuple[float, list[Act]]]
) -> None:
    compare(redis, rules, calls)


def compare(redis: Redis, rules: Sequence[Rule], calls: Sequence[tuple[float, Sequence[Act]]]) -> None:
    redis.flushdb()
    model, now, seen = Model(rules), TODAY, set[float]()
    for gap, acts in calls:
        now += gap
        while now in seen:  # loans are told apart by their times
            now += TICK
        seen.add(now)
        orders, expected = [], []
        for act in acts:
            made = model.order(act)
            if made is not None:
                orders.append(made[0])
                expected.append(model.do(act, made[0].token, made[1], now))
        for reply, (allowed, found) in zip(run(redis, orders, now, keep=True), expected, strict=True):
            said = took(reply)
            assert said.allowed == allowed
            assert [*said.times] == [now] * len(found)
            for one, other in zip(said.taken, found, strict=True):
                assert (one.allowed, one.remaining) == (other.allowed, other.remaining)
                assert isclose(one.more_in, other.more_in, abs_tol=1e-6)
                assert isclose(one.wait, other.wait, abs_tol=1e-6)


# --- what a key holds, and for how long --------------------------------------------------------------------------

SIX: list[tuple[str, Rule]] = [
    ("token bucket", TokenBucket(2.0, 0.1)),
    ("leaky bucket", LeakyBucket(10.0)),
    ("fixed window", FixedWindow(2.0, 10.0)),
    ("sliding window", SlidingWindow(2.0, 10.0)),
    ("sliding log", SlidingLog(2.0, 10.0)),
    ("slots", Slots(2.0, 10.0)),
]
each_rule = pytest.mark.parametrize("rule", [row[1] for row in SIX], ids=[row[0] for row in SIX])
COUNTS_IN_TEXT = [row for row in SIX if not isinstance(row[1], SlidingLog | Slots)]


@each_rule
@pytest.mark.parametrize("verb", [b"T", b"C", b"R", b"N"])
def test_a_key_that_holds_something_else_fails_its_order_alone(
    redis: Redis, rule: Rule, verb: Literal[b"T", b"C", b"R", b"N"]
) -> None:
    redis.hset(b"odd", b"a", b"b")
    bucket = TokenBucket(5.0, 1.0)

    before, broken, after = run(
        redis,
        [order(b"T", ("one", bucket, 1)), order(verb, ("odd", rule, 1)), order(b"T", ("one", bucket, 1))],
    )

    assert took(before).taken[0].remaining == 4
    # Only slots are renewed: of any other rule there is nothing to do.
    assert isinstance(broken, Broken) or (verb == b"N" and not isinstance(rule, Slots))
    assert took(after).taken[0].remaining == 3
    assert redis.hgetall(b"odd") == {b"a": b"b"}


@each_rule
def test_an_order_that_fails_at_one_key_charges_no_other(redis: Redis, rule: Rule) -> None:
    redis.hset(b"odd", b"a", b"b")

    (broken,) = run(redis, [order(b"T", ("one", rule, 1), ("odd", rule, 1))])

    assert isinstance(broken, Broken)
    assert not redis.exists(b"one")


def test_a_key_that_holds_something_else_can_be_forgotten(redis: Redis) -> None:
    redis.hset(b"odd", b"a", b"b")

    (done,) = run(redis, [order(b"F", ("odd", TokenBucket(1.0, 1.0), 1))])

    assert took(done).allowed
    assert not redis.exists(b"odd")


CORRUPT: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("one byte", b"\x00"),
    ("text", b"of another program"),
    ("a byte less than a number", bytes(7)),
    ("a byte more than three", bytes(25)),
    ("no numbers", b"\xff" * 24),
    ("no two numbers", b"\xff" * 16),
    ("no number", b"\xff" * 8),
    ("infinite", b"\x00\x00\x00\x00\x00\x00\xf0\x7f" * 2),
]


@pytest.mark.parametrize("value", [row[1] for row in CORRUPT], ids=[row[0] for row in CORRUPT])
@pytest.mark.parametrize("rule", [row[1] for row in COUNTS_IN_TEXT], ids=[row[0] for row in COUNTS_IN_TEXT])
@pytest.mark.parametrize("verb", [b"T", b"C", b"R"])
def test_a_value_that_no_rule_has_written_counts_as_none(
    redis: Redis, rule: Rule, value: bytes, verb: Literal[b"T", b"C", b"R"]
) -> None:
    redis.set(b"one", value)
    redis.set(b"none", b"")
    redis.delete(b"none")

    done, other = run(redis, [order(verb, ("one", rule, 1)), order(verb, ("none", rule, 1))])
    (next_one,) = run(redis, [order(b"T", ("one", rule, 1))])
    (next_other,) = run(redis, [order(b"T", ("none", rule, 1))])

    assert took(done).allowed == took(other).allowed
    assert took(next_one).allowed == took(next_other).allowed
    assert [taken.remaining for taken in took(next_one).taken] == [
        taken.remaining for taken in took(next_other).taken
    ]


LIVES: list[tuple[str, Rule, int, float]] = [
    # what is remembered                          rule                           cost  seconds
    ("a bucket until it is full", TokenBucket(5.0, 0.1), 2, 20.0),
    ("a full bucket not at all", TokenBucket(5.0, 0.1), 0, 0.0),
    ("a leaky bucket until it is free", LeakyBucket(10.0), 2, 20.0),
    ("a queue until it is empty", LeakyBucket(10.0, 60.0), 3, 30.0),
    ("a window until it ends", FixedWindow(5.0, 20.0), 1, 20.0),
    ("a sliding window until the next one ends", SlidingWindow(5.0, 20.0), 1, 40.0),
    ("a log until its youngest entry ends", SlidingLog(5.0, 20.0), 2, 20.0),
    ("slots until the lease ends", Slots(5.0, 20.0), 1, 20.0),
    ("a quota of a hundred thousand years, for as long as Redis can", TokenBucket(1.0, 1e-14), 1, 1e12),
]


@pytest.mark.parametrize(
    ("rule", "cost", "seconds"), [row[1:] for row in LIVES], ids=[row[0] for row in LIVES]
)
@pytest.mark.parametrize("verb", [b"T", b"C"])
def test_how_long_a_key_lives(
    redis: Redis, rule: Rule, cost: int, seconds: float, verb: Literal[b"T", b"C"]
) -> None:
    (done,) = run(redis, [order(verb, ("one", rule, cost))])

    assert took(done).allowed
    left = redis.pttl(b"one") / 1000
    assert left <= seconds
    # It was set a moment ago; on a slow machine that moment is a long one.
    assert left > seconds / 2 or (seconds == 0 and not redis.exists(b"one"))


@each_rule
def test_a_refund_leaves_no_key_that_lives_for_ever(redis: Redis, rule: Rule) -> None:
    (taken,) = run(redis, [order(b"T", ("one", rule, 1))])

    run(redis, [order(b"R", ("one", rule, 1), at=took(taken).times[0])])
    run(redis, [order(b"R", ("one", rule, 1), at=took(taken).times[0])])

    assert redis.pttl(b"one") != -1


def test_renewing_makes_a_key_live_longer(redis: Redis) -> None:
    rule = Slots(1.0, 20.0)
    (taken,) = run(redis, [order(b"T", ("one", rule, 1))])
    redis.pexpire(b"one", 5000)

    run(redis, [order(b"N", ("one", rule, 1), at=took(taken).times[0])])

    assert redis.pttl(b"one") > 10_000


def test_a_renewal_that_finds_no_room_borrows_nothing(redis: Redis) -> None:
    rule = Slots(1.0, 20.0)
    run(redis, [order(b"T", ("one", rule, 1), token=1)], TODAY, keep=True)
    (second,) = run(redis, [order(b"T", ("one", rule, 1), token=2)], TODAY + 21, keep=True)

    run(redis, [order(b"N", ("one", rule, 1), token=1)], TODAY + 22, keep=True)

    assert took(second).allowed
    assert redis.zrange(b"one", 0, -1) == [bytes(7) + b"\x02:1"]


def test_without_a_time_it_is_that_of_the_server(redis: Redis) -> None:
    seconds, millionths = redis.time()

    (taken,) = run(redis, [order(b"T", ("one", TokenBucket(1.0, 1.0), 1))])

    assert took(taken).times[0] >= seconds + millionths / 1e6
    again = redis.time()
    assert took(taken).times[0] <= again[0] + again[1] / 1e6


def test_as_many_orders_as_travel_together_are_answered_in_their_order(redis: Redis) -> None:
    rule = FixedWindow(100.0, 60.0)

    replies = run(redis, [order(b"T", ("one", rule, 1)) for _ in range(512)])

    assert [took(reply).allowed for reply in replies] == [True] * 100 + [False] * 412


def test_an_order_may_be_about_as_many_keys_as_a_byte_counts(redis: Redis) -> None:
    asks = [(f"key{number}", FixedWindow(1.0, 60.0), 1) for number in range(255)]

    (reply,) = run(redis, [order(b"T", *asks)])

    assert [taken.remaining for taken in took(reply).taken] == [0] * 255
