"""A quota as a user writes it: how much of what, for whom, and on which requests."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, final

from pydantic import AfterValidator, BeforeValidator, Field, GetPydanticSchema, ValidationInfo, WithJsonSchema

from asgi_patterns.kernel.declaring import PathPattern, settings
from asgi_patterns.kernel.dotted import NAME, Dotted, load
from asgi_patterns.kernel.durations import Duration, PositiveDuration, seconds, spell
from asgi_patterns.kernel.patterns import Pattern, texts_of
from asgi_patterns.kernel.store import StoreUrl
from asgi_patterns.kernel.types import Scope
from asgi_patterns.ratelimit.buckets import LeakyBucket, TokenBucket
from asgi_patterns.ratelimit.keys import KeyFunction, parse
from asgi_patterns.ratelimit.rates import HIGHEST, read
from asgi_patterns.ratelimit.rules import Rule
from asgi_patterns.ratelimit.slots import Slots
from asgi_patterns.ratelimit.windows import LONGEST_LOG, FixedWindow, SlidingLog, SlidingWindow

Algorithm = Literal[
    "token_bucket", "leaky_bucket", "fixed_window", "sliding_window", "sliding_log", "concurrency"
]
Mode = Literal["observe", "warn", "enforce"]
Unit = Literal["requests", "content-bytes"]
Counts = Literal["all", "failed", "succeeded"]

LEASE: Final = 30.0
"""Seconds for which a slot is lent at a time."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _check_name(name: str | None) -> str | None:
    if name is not None and not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a quota: 1 to 64 small letters, digits, dashes and underscores"
        )
    return name


def _check_key(key: str | KeyFunction | None) -> str | KeyFunction | None:
    if key is not None:
        parse(key)
        refuse_async(key, "a key function")
    return key


def refuse_async(function: object, what: str) -> None:
    """Raise ``ValueError`` for a function that would have to be awaited."""
    if inspect.iscoroutinefunction(function):
        raise ValueError(f"{what} is called in the middle of a decision: write def, not async def")


def _as_key(key: object) -> object:
    # The words have no dot and no colon but that of a field's name.
    return (
        load(key) if isinstance(key, str) and NAME.fullmatch(key) and not key.startswith("header:") else key
    )


AnyKey = Annotated[
    str | KeyFunction,
    AfterValidator(_check_key),
    BeforeValidator(_as_key),
    WithJsonSchema({"type": "string", "title": "key"}),
]
"""``address``, ``user``, ``global``, ``header:Name``, or a function of the scope; in a file its dotted name."""


def _check_cost(cost: object, info: ValidationInfo) -> object:
    refuse_async(cost, "a cost function")
    most = info.data.get("burst") or info.data.get("limit")
    if isinstance(cost, int) and most and cost > most and info.data.get("algorithm") != "leaky_bucket":
        raise ValueError(f"is more than the quota ever has at once, which is {most}: no request would pass")
    return cost


def _check_condition(condition: object) -> object:
    refuse_async(condition, "a condition")
    return condition


Cost = Annotated[Annotated[int, Field(ge=0)] | Callable[[Scope], int], AfterValidator(_check_cost), Dotted]
Condition = Annotated[Callable[[Scope], bool], AfterValidator(_check_condition), Dotted]


def _check_burst(burst: int | None, info: ValidationInfo) -> int | None:
    algorithm = info.data.get("algorithm", "token_bucket")
    if burst is not None and algorithm != "token_bucket":
        raise ValueError(f"is what a token bucket may take at once; {algorithm} has no burst: leave it out")
    return burst


def _check_delay(delay: float | str, info: ValidationInfo) -> float | str:
    algorithm = info.data.get("algorithm", "leaky_bucket")
    if seconds(delay) and algorithm != "leaky_bucket":
        raise ValueError(f"is the queue of a leaky bucket; {algorithm} has none: leave it out")
    return delay


def _check_window(window: float | str | None, info: ValidationInfo) -> float | str | None:
    algorithm = info.data.get("algorithm")
    if algorithm == "concurrency" and window is not None:
        raise ValueError("has no meaning for concurrency, which is about the same moment: leave it out")
    if algorithm not in ("concurrency", None) and window is None:
        raise ValueError("is missing: say in which time the limit counts, such as 1m")
    if window is not None and seconds(window) > HIGHEST:
        raise ValueError("is longer than any clock counts")
    return window


def _check_limit(limit: int, info: ValidationInfo) -> int:
    algorithm = info.data.get("algorithm")
    if algorithm in ("sliding_log", "concurrency") and limit > LONGEST_LOG:
        raise ValueError(
            f"is more than the {LONGEST_LOG} entries that {algorithm} can remember of a key: use sliding_window"
        )
    return limit


def _check_unit(unit: Unit, info: ValidationInfo) -> Unit:
    if unit == "content-bytes" and info.data.get("algorithm") in ("sliding_log", "concurrency"):
        raise ValueError(f"content-bytes cannot be counted one by one, as {info.data['algorithm']} does")
    if unit == "content-bytes" and info.data.get("cost", 1) != 1:
        raise ValueError("content-bytes is what the request costs: leave cost out")
    return unit


def _check_counts(counts: Counts, info: ValidationInfo) -> Counts:
    if counts != "all" and info.data.get("algorithm") == "concurrency":
        raise ValueError("concurrency counts requests while they run, whatever they come to: leave it out")
    return counts


@final
@settings
class Quota:
    """How much of something a key may have: 30 requests a minute, 5 reports at a time."""

    name: Annotated[str, AfterValidator(_check_name)] | None = None
    """What fields, problems and events call it; by default made of the limit, such as `30-per-minute`."""
    algorithm: Algorithm = "token_bucket"
    """How it is counted; the page has a table of what suits what."""
    limit: Annotated[int, Field(gt=0, le=HIGHEST), AfterValidator(_check_limit)]
    """How much; for `concurrency`, how many at the same time."""
    window: Annotated[
        PositiveDuration | None, AfterValidator(_check_window), Field(validate_default=True)
    ] = None
    """In which time: seconds, or `30s`, `5m`, `1h`, `1d`."""
    burst: Annotated[Annotated[int, Field(gt=0, le=HIGHEST)] | None, AfterValidator(_check_burst)] = None
    """How much of it at once, for a token bucket; by default all."""
    max_delay: Annotated[Duration, AfterValidator(_check_delay)] = 0
    """For how long a leaky bucket may hold a request back, so that they leave at a steady rate; 0 refuses."""
    lease: PositiveDuration = LEASE
    """For how long a slot of `concurrency` is lent at a time. A worker that dies keeps it for so long."""
    match: PathPattern | Sequence[PathPattern] | None = None
    """Path patterns of the requests it is for; left out, it is for every request."""
    key: AnyKey | None = None
    """What it counts by: `address`, `user`, `global`, `header:X-API-Key`, or a function; by default the layer's."""
    tier: str | None = None
    """Only for callers of this tier; `anonymous` for those that nobody knows, `authenticated` for those without one."""
    cost: Annotated[Cost, WithJsonSchema({"type": ["integer", "string"], "title": "cost"})] = 1
    """What a request counts as: a number, or a function of the scope; 0 leaves all counting to `spend`."""
    unit: Annotated[Unit, AfterValidator(_check_unit)] = "requests"
    """What is counted: requests, or the bytes of their content."""
    condition: Condition | None = None
    """A function of the scope that says whether the quota is for this request, where patterns cannot."""
    counts: Annotated[Counts, AfterValidator(_check_counts)] = "all"
    """Which answers count: `failed` is those with a status of 400 and more, such as wrong passwords."""
    mode: Mode = "enforce"
    """`observe` counts, `warn` also warns the client near the limit, `enforce` also refuses."""
    capacity: bool | None = None
    """Whether a refusal says that the server is short of capacity (503), by default so for a `global` key."""
    store: StoreUrl | None = None
    """Where it is counted, if elsewhere than the layer's other quotas."""

    @property
    def patterns(self) -> Sequence[Pattern]:
        """What ``match`` says, parsed."""
        texts = () if self.match is None else texts_of(self.match)
        return [Pattern.parse(text) for text in texts]

    @property
    def label(self) -> str:
        """Its name, or what it is called without one."""
        if self.name is not None:
            return self.name
        if self.window is None:
            return f"{self.limit}-at-once"
        return f"{self.limit}-per-{spell(seconds(self.window)).replace('.', '_')}"

    @property
    def span(self) -> float:
        """The window in seconds; 0 where there is none."""
        return 0.0 if self.window is None else seconds(self.window)

    def rule(self) -> Rule:
        """Return what counts."""
        limit, window = float(self.limit), self.span
        match self.algorithm:
            case "token_bucket":
                return TokenBucket(float(self.burst or self.limit), limit / window)
            case "leaky_bucket":
                return LeakyBucket(window / limit, seconds(self.max_delay))
            case "fixed_window":
                return FixedWindow(limit, window)
            case "sliding_window":
                return SlidingWindow(limit, window)
            case "sliding_log":
                return SlidingLog(limit, window)
            case "concurrency":
                return Slots(limit, seconds(self.lease))


def as_quota(value: object) -> object:
    """Return the quota that a text stands for; anything else as it is."""
    if not isinstance(value, str):
        return value
    rate = read(value)
    return Quota(limit=rate.limit, window=rate.window, burst=rate.burst)


_TEXT: Mapping[str, Any] = {"type": "string", "title": "rate"}

AnyQuota = Annotated[
    Quota | str,
    GetPydanticSchema(lambda _, handler: handler.generate_schema(Quota)),
    BeforeValidator(as_quota, json_schema_input_type=Quota | Annotated[str, WithJsonSchema(_TEXT)]),
]
"""A quota, or a rate such as ``10/second burst 20``. It is a ``Quota`` once it is taken in."""


def check_labels(quotas: Sequence[Quota | str]) -> Sequence[Quota | str]:
    """Return ``quotas``. Raises ``ValueError`` where two are called the same."""
    labels = [each.label for each in quotas if isinstance(each, Quota)]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f'two quotas are called {label!r}: give each a name of its own, name="..."')
    return quotas
