"""What ``LoadShedding`` would do, in words."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from asgi_patterns.kernel.forecast import Forecast
from asgi_patterns.protection.pools import MAIN, Pool
from asgi_patterns.protection.priorities import PriorityRule

_ADAPTIVE_ONLY: Final = ("min_limit", "max_limit", "tolerance", "target")


def forecast(pool: str, limit: int, priority: str | None, *, is_adaptive: bool) -> Forecast:
    """Return where a request would be counted. ``priority`` is ``None`` where a function names it."""
    where = "" if pool == MAIN else f" in the pool {pool}"
    now = " at the moment" if is_adaptive else ""
    rank = "a priority that a function names" if priority is None else f"priority {priority}"
    return Forecast((f"lets {limit} in at once{where}{now}, this request with {rank}",))


def outline(
    limit: int | str,
    bounds: tuple[int, int],
    pools: Sequence[Pool],
    priorities: Sequence[PriorityRule],
    websockets: int | None,
) -> Iterator[str]:
    """Yield the limits and the rules."""
    among = f"{bounds[0]} to {bounds[1]}, as latency allows," if isinstance(limit, str) else str(limit)
    yield f"lets {among} in at once"
    for pool in pools:
        yield f"lets {pool.limit} in at once in the pool {pool.name}, on {_patterns(pool.match)}"
    for rule in priorities:
        yield f"takes {_patterns(rule.match)} for {rule.priority}"
    if websockets is not None:
        yield f"lets {websockets} WebSockets be open at once"


def doubts(limit: int | str, changed: Collection[str], pools: Sequence[Pool]) -> Iterator[str]:
    """Yield what is allowed but probably not meant."""
    if isinstance(limit, int):
        for name in _ADAPTIVE_ONLY:
            if name in changed:
                yield f"has {name}, which only an adaptive limit goes by: the limit is {limit}"
    elif "target" in changed and "tolerance" in changed:
        yield "has tolerance, which a target replaces"
    known: dict[str, str] = {}
    for pool in pools:
        for text in [pool.match] if isinstance(pool.match, str) else pool.match:
            if text in known:
                yield f"never gets to {text!r} in the pool {pool.name}: {known[text]} has it and comes first"
            known.setdefault(text, pool.name)


def _patterns(match: str | Sequence[str]) -> str:
    return match if isinstance(match, str) else " and ".join(match)
