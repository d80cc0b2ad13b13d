"""What ``RateLimit`` would do with a request, in words."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from asgi_patterns.kernel.durations import spell
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.ratelimit.gauge import Gauge
from asgi_patterns.ratelimit.keys import ADDRESS, FIELD, FUNCTION, GLOBAL, USER

NOTHING: Final = "counts nothing: no quota is for this request"
FREE: Final = "counts nothing: a preflight costs nothing"
ALLOWED: Final = "counts nothing: the client is on the list of those to allow"
BLOCKED: Final = "answers 403: the client is on the list of those to block"


def forecast(
    fate: Literal["allowed", "blocked", "counted"], quotas: Sequence[tuple[Gauge, str | None, float]]
) -> Forecast:
    """Return what becomes of a request: what the lists say, and the quotas that it falls under.

    Each quota comes with the key, where that is known, and what the request costs.
    """
    if fate == "allowed":
        return Forecast((ALLOWED,))
    if fate == "blocked":
        return Forecast((BLOCKED,), ends=True)
    return Forecast(tuple(_clause(*each) for each in quotas) or (NOTHING,))


def outline(gauge: Gauge) -> str:
    """Return what a quota is, whatever the request."""
    quota, word = gauge.quota, gauge.kind.word
    whose = f"for each {gauge.kind.field.decode()}" if word == FIELD else _WHOSE[word]
    cost = quota.cost if isinstance(quota.cost, int) else 1
    return _sentence(gauge, whose, [*_remarks(gauge, cost), *_bounds(gauge)])


def _clause(gauge: Gauge, key: str | None, cost: float) -> str:
    whose = f"for {key}" if key is not None else "for the caller, if one is known"
    return _sentence(gauge, whose, [*_remarks(gauge, cost)])


def _sentence(gauge: Gauge, whose: str, words: Sequence[str]) -> str:
    quota = gauge.quota
    span = "at the same time" if gauge.holds else f"per {spell(quota.span)}"
    units = "bytes " if quota.unit != "requests" else ""
    return ", ".join([f"{_VERBS[quota.mode]} {gauge.name}: {quota.limit} {units}{span} {whose}", *words])


_WHOSE = {
    ADDRESS: "for each address",
    USER: "for each user",
    GLOBAL: "for all together",
    FUNCTION: "for each key that a function makes",
}


def _bounds(gauge: Gauge) -> Iterator[str]:
    """Yield which requests a quota is for."""
    quota = gauge.quota
    if callable(quota.cost):
        yield "at a cost that a function says"
    if gauge.patterns:
        yield f"on {' and '.join([quota.match] if isinstance(quota.match, str) else quota.match or ())}"
    if gauge.is_default:
        yield "on what no match takes"
    if quota.tier is not None:
        yield f"of tier {quota.tier}"
    if quota.condition is not None:
        yield "on a condition"


_VERBS = {"observe": "counts, but does not enforce,", "warn": "counts, and warns of,", "enforce": "counts"}


def _remarks(gauge: Gauge, cost: float) -> Iterator[str]:
    quota = gauge.quota
    if quota.algorithm not in ("token_bucket", "concurrency"):
        yield quota.algorithm.replace("_", " ")
    if gauge.most != quota.limit:
        yield f"{gauge.most} of them at once"
    if cost != 1 and quota.unit == "requests":
        yield f"this request as {cost:g}"
    if quota.counts != "all":
        yield f"only answers that {'fail' if quota.counts == 'failed' else 'succeed'}"
    if gauge.kind.word == FIELD:
        yield "whose key is only claimed"
