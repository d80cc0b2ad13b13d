"""What is said about the quotas of a layer before the first request: what they lack, and what is probably not meant."""

from collections.abc import Iterator, Sequence

from asgi_patterns.ratelimit.gauge import ANONYMOUS, Gauge
from asgi_patterns.ratelimit.keys import ADDRESS, FIELD, GLOBAL, USER

NO_IDENTITY = "counts by caller, and nothing says who that is"
IDENTIFY = (
    'set identify, on the pipeline or on this layer, to a function scope -> Caller | None, or to "scope" where the '
    "layer stands inside the app's authentication"
)


def nameless(gauges: Sequence[Gauge]) -> Iterator[tuple[int, str]]:
    """Yield the places of the quotas that need to know the caller, each with the setting that says so."""
    for index, gauge in enumerate(gauges):
        if gauge.needs_caller:
            yield index, "key" if gauge.kind.needs_caller else "tier"


def doubts(gauges: Sequence[Gauge]) -> Iterator[str]:
    """Yield what is allowed but probably not meant, as clauses with the layer as their subject."""
    held = [gauge for gauge in gauges if gauge.kind.word in (ADDRESS, GLOBAL)]
    for gauge in gauges:
        if gauge.kind.word == FIELD and not any(_covers(other, gauge) for other in held):
            yield (
                f"counts {gauge.name} by a field that clients make up as they like: "
                "without a quota by address beside it, a new key is a new quota"
            )
    if gauges and all(gauge.kind.word == USER and gauge.quota.tier != ANONYMOUS for gauge in gauges):
        yield "counts only callers that are known: whoever does not say who it is, is not limited at all"
    if not any(gauge.binding for gauge in gauges):
        yield "refuses nothing: no quota is enforced yet"


def alone(gauges: Sequence[Gauge]) -> Sequence[str]:
    """Return what changes where several processes count each for itself. ``gauges`` are those of which they do."""
    if not gauges:
        return ()
    names = ", ".join(gauge.name for gauge in gauges)
    clause = f"counts {names} in each process by itself, so that each lets the whole limit pass"
    return (f'{clause}: set store = "redis://..." to count together',)


def _covers(other: Gauge, gauge: Gauge) -> bool:
    """Whether ``other`` holds for every request that ``gauge`` is for, as far as that can be told."""
    return not other.is_conditional or other.patterns == gauge.patterns
