"""The whole stack: what five features together cost by hand, as people stack them today, and with ours.

In this process; ``benchmarks.whole_servers`` has the same behind real servers. Peers that are not installed are left
out.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from benchmarks.comparing import Entrant, compare, compared
from benchmarks.harness import ROUNDS, MakeRound, Round, call
from benchmarks.reasons import SHARED, WEIGHED
from benchmarks.results import Budget, Case, Group, Kind
from benchmarks.whole_checks import check
from benchmarks.whole_stacks import FIVE, FOUR, PLUS, Asking, MakeStack, stacks

MANY: Final = 5 * ROUNDS
"""A request that goes through all of this is long enough to be disturbed more often than not."""
TODAY: Final = "as people stack them today"
KINDS: Final[dict[str, tuple[str, Kind]]] = {
    "by hand": ("by hand", "floor"),
    "ours": ("one pipeline of ours", "ours"),
    "today": (TODAY, "peer"),
    "today, tuned": (f"{TODAY}, tuned", "peer"),
    "today, Starlette's spans": (f"{TODAY}, with Starlette's own spans", "peer"),
}
NAMES: Final = {"five": FIVE, "four": FOUR, "plus": PLUS}
BUDGETS: Final = {
    "five": (Budget(most=1.4, reason=WEIGHED), Budget(most=1 / 6, of=TODAY, reason=SHARED)),
    "four": (Budget(most=1.4, reason=WEIGHED), Budget(most=1 / 8, of=TODAY, reason=SHARED)),
    "plus": (Budget(most=1.5, reason=WEIGHED),),
}


def run(*, rounds: int = MANY, calls: int | None = None) -> Group:
    """Measure."""
    cases = tuple(_case(name, rounds, calls) for name in NAMES)
    return Group(name="whole", title="The whole stack in front of Starlette", cases=cases)


def _case(name: str, rounds: int, calls: int | None) -> Case:
    taking_part = [entrant for entrant, _ in entrants(name)]
    if calls is not None:
        return compare(told(name), *taking_part, rounds=rounds, calls=calls, how=checked)
    # Not before it is asked for: it measures what is declared here.
    from benchmarks.whole_seeds import middle

    return Case(name=told(name), rows=tuple(compared(taking_part, middle(name, rounds))))


def told(name: str) -> str:
    """Return what a stack is called."""
    return f"{len(NAMES[name])} features: {', '.join(NAMES[name])}"


def entrants(name: str) -> Iterator[tuple[Entrant, str]]:
    """Yield the app alone, and what stands in front of it with these features, each with the name of its stack."""
    for stack, make in stacks().items():
        of, _, who = stack.partition(": ")
        if stack == "app":
            yield Entrant(name="Starlette alone, 2 KB of JSON", kind="app", make=make), stack
        elif of == name:
            called, kind = KINDS[who]
            budgets = BUDGETS[name] if kind == "ours" else ()
            yield Entrant(name=called, kind=kind, make=make, budgets=budgets), stack


def checked(make: MakeStack) -> MakeRound:
    """Return what measures a stack, once it has shown that it does what it is there for."""

    @asynccontextmanager
    async def rounds() -> AsyncIterator[Round]:
        stack = make()
        await check(stack)
        app = Asking(stack.app)
        await call(app, 200)
        yield partial(call, app)

    return rounds
