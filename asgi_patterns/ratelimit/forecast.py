"""What ``RateLimit`` would do with a request, in words."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from asgi_patterns.kernel.durations import spell
from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.ratelimit.gauge import Gauge
from asgi_patterns.ratelimit.keys import FIELD

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


def _clause(gauge: Gauge, key: str | None, cost: float) -> str:
    quota = gauge.quota
    span = "at the same time" if gauge.holds else f"per {spell(quota.span)}"
    units = "bytes " if quota.unit != "requests" else ""
    whose = f"for {key}" if key is not None else "for the caller, if one is known"
    words = ", ".join(_remarks(gauge, cost))
    return f"{_VERBS[quota.mode]} {gauge.name}: {quota.limit} {units}{span} {whose}{', ' + words if words else ''}"


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
