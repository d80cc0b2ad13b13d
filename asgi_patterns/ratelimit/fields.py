"""The fields that tell clients about quotas: the current draft, its forerunners, and what everybody has long sent.

``draft``: RateLimit and RateLimit-Policy as structured fields (draft-ietf-httpapi-ratelimit-headers); ``draft-07``:
the same names with the syntax of that time; ``draft-03``: three fields without an X; ``x-ratelimit``: with one.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, Final, Literal, final

from asgi_patterns.kernel.headers import Names
from asgi_patterns.kernel.types import RawHeaders
from asgi_patterns.ratelimit.buckets import TokenBucket
from asgi_patterns.ratelimit.gauge import Gauge, Reading, closest_first, partition_key
from asgi_patterns.ratelimit.rules import ALMOST, State

Profile = Literal["draft", "draft-07", "draft-03", "x-ratelimit"]

Writer = Callable[[RawHeaders, Any, Any], None]
"""Writes the fields of a key, and of what was decided for it."""

WARNING: Final = b"x-ratelimit-warning"
"""Which quotas are nearly used up, and what is left: a list like that of RateLimit."""

NAMES: Final[dict[str, tuple[bytes, ...]]] = {
    "draft": (b"ratelimit", b"ratelimit-policy"),
    "draft-07": (b"ratelimit", b"ratelimit-policy"),
    "draft-03": (b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset"),
    "x-ratelimit": (
        b"x-ratelimit-limit",
        b"x-ratelimit-remaining",
        b"x-ratelimit-reset",
        b"x-ratelimit-used",
        b"x-ratelimit-resource",
    ),
}


def whole(seconds: float) -> int:
    """Return seconds as a field says them: a client that waits so long has waited long enough."""
    return ceil(seconds - ALMOST)


def check_profiles(profiles: Sequence[Profile]) -> Sequence[Profile]:
    """Return ``profiles``. Raises ``ValueError`` where two write the same field, or one stands twice."""
    if "draft" in profiles and "draft-07" in profiles:
        raise ValueError(
            "draft and draft-07 both write RateLimit, each in its own syntax: choose one of them"
        )
    if len(set(profiles)) < len(profiles):
        raise ValueError("names a profile twice")
    return profiles


@final
class Fields:
    """Writes what ``profiles`` are made of. ``secret`` makes partition keys, where they are wanted."""

    def __init__(self, profiles: Sequence[Profile], secret: bytes = b"") -> None:
        self._profiles = tuple(profiles)
        self._secret = secret
        self._names = Names(*(name for profile in profiles for name in NAMES[profile]))
        self.is_plain = self._profiles == ("draft",) and not secret
        """Whether ``writer`` can be used."""

    def writer(self, gauges: Sequence[Gauge]) -> Writer:
        """Return what does for token buckets, in the form of the draft alone, what ``write`` does, in less time."""
        policy = (b"ratelimit-policy", b", ".join([gauge.policy for gauge in gauges]))
        if len(gauges) == 1:
            return _writer_of_one(gauges[0], policy, self._names, self._clear)
        value, clear = _of_several(gauges), self._clear

        def write(headers: RawHeaders, _: str, passed: Sequence[State]) -> None:
            clear(headers)
            headers += (b"ratelimit", value(passed)), policy

        return write

    def write(
        self, headers: RawHeaders, readings: Sequence[Reading], *, epoch: float, later: int = 0
    ) -> None:
        """Add the fields about ``readings`` in place of what stands there already: the closest to its end first.

        ``epoch`` is the time as Unix tells it, ``later`` are seconds that are added to each time of waiting.
        """
        self._clear(headers)
        closest = closest_first(readings)
        for profile in self._profiles:
            match profile:
                case "draft":
                    self._draft(headers, closest, readings, later)
                case "draft-07":
                    _draft_07(headers, closest[0], readings, later)
                case "draft-03":
                    _three(headers, b"", closest[0], whole(closest[0].taken.more_in) + later)
                case "x-ratelimit":
                    _x(headers, closest[0], ceil(epoch + closest[0].taken.more_in) + later)

    def _clear(self, headers: RawHeaders) -> None:
        """Take out what somebody else has written: one answer has one account."""
        others, has = self._names.others, self._names.has
        headers[:] = [line for line in headers if line[0] in others or not has(line[0])]

    def _draft(
        self, headers: RawHeaders, closest: Sequence[Reading], readings: Sequence[Reading], later: int
    ) -> None:
        items = [
            b"%b%d%b%b" % (gauge.head, taken.remaining, _in(taken.more_in, later), self._pk(ask[1]))
            for gauge, ask, taken in closest
        ]
        # In the order of the settings: a client may compare this field with what it got before.
        policies = [gauge.policy + self._pk(ask[1]) for gauge, ask, _ in readings]
        headers.append((b"ratelimit", b", ".join(items)))
        headers.append((b"ratelimit-policy", b", ".join(policies)))

    def _pk(self, key: str) -> bytes:
        return b";pk=" + partition_key(key, self._secret) if self._secret else b""


def _writer_of_one(
    gauge: Gauge, policy: tuple[bytes, bytes], names: Names, clear: Callable[[RawHeaders], None]
) -> Writer:
    ((_, item, capacity, rate),) = _numbers([gauge])
    others = names.others

    def write(headers: RawHeaders, _: str, passed: State) -> None:
        for name, _value in headers:
            if name not in others and names.has(name):
                clear(headers)
                break
        # As TokenBucket.read reads, and _in tells, a bucket out of which something was taken.
        room = capacity - passed[0]
        left = int(room + ALMOST)
        headers += (b"ratelimit", item % (left, ceil((left + 1 - room) / rate - ALMOST))), policy

    return write


def _of_several(gauges: Sequence[Gauge]) -> Callable[[Sequence[State]], bytes]:
    parts = _numbers(gauges)

    def value(states: Sequence[State]) -> bytes:
        # As closest_first sorts and TokenBucket.read reads, without a call and an object for each.
        items = []
        for (share, item, capacity, rate), (level, _) in zip(parts, states, strict=True):
            room = capacity - level
            left = int(room + ALMOST)
            items.append((left * share, item % (left, ceil((left + 1 - room) / rate - ALMOST))))
        items.sort()
        return b", ".join([item for _, item in items])

    return value


def _numbers(gauges: Sequence[Gauge]) -> Sequence[tuple[float, bytes, float, float]]:
    rules = [(gauge, gauge.rule) for gauge in gauges]
    return [
        (gauge.share, gauge.head + b"%d;t=%d", rule.capacity, rule.rate)
        for gauge, rule in rules
        if isinstance(rule, TokenBucket)
    ]


def warning(readings: Sequence[Reading]) -> bytes:
    """Return the value of the field that warns of the quotas in ``readings``."""
    return b", ".join(
        [b"%b%d%b" % (each.gauge.head, each.taken.remaining, _in(each.taken.more_in, 0)) for each in readings]
    )


def _in(seconds: float, later: int) -> bytes:
    return b";t=%d" % (whole(seconds) + later) if seconds > 0 else b""


def _draft_07(headers: RawHeaders, closest: Reading, readings: Sequence[Reading], later: int) -> None:
    gauge, _, taken = closest
    reset = whole(taken.more_in) + later
    headers.append((b"ratelimit", b"limit=%d, remaining=%d, reset=%d" % (gauge.most, taken.remaining, reset)))
    headers.append((b"ratelimit-policy", b", ".join([_old_policy(each) for each in readings])))


def _old_policy(reading: Reading) -> bytes:
    quota = reading.gauge.quota
    window = b";w=%d" % quota.span if quota.span >= 1 and quota.span.is_integer() else b""
    return b"%d%b" % (quota.limit, window)


def _three(headers: RawHeaders, prefix: bytes, reading: Reading, reset: int) -> None:
    gauge, _, taken = reading
    headers.append((prefix + b"ratelimit-limit", b"%d" % gauge.most))
    headers.append((prefix + b"ratelimit-remaining", b"%d" % taken.remaining))
    headers.append((prefix + b"ratelimit-reset", b"%d" % reset))


def _x(headers: RawHeaders, reading: Reading, reset: int) -> None:
    gauge, _, taken = reading
    _three(headers, b"x-", reading, reset)
    headers.append((b"x-ratelimit-used", b"%d" % max(0, gauge.most - taken.remaining)))
    headers.append((b"x-ratelimit-resource", gauge.policy_name.encode()))
