"""The whole stack: what five features together cost by hand, as people stack them today, and with ours.

``run``: in this process; ``benchmarks.whole_servers`` has the same behind real servers. Peers that are not installed
are left out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from benchmarks.harness import MakeRound, Round, Times, call, measure_rounds, table
from benchmarks.whole_checks import check
from benchmarks.whole_stacks import Asking, MakeStack, stacks

ASKED: Final = {"five": (1.4, 6.0), "four": (1.4, 8.0), "plus": (1.5, None)}
"""What ours may be of what it costs by hand, and how often it should fit into what today's costs."""


def run(*, rounds: int = 40, calls: int = 500) -> str:
    """Measure, and return the table."""
    makers = {name: checked(make) for name, make in stacks().items()}
    return render(measure_rounds(makers, rounds=rounds, calls=calls))


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


def render(times: dict[str, Times]) -> str:
    """Return the table."""
    rows = [
        (name, f"{each.minimum:.1f}", *_over(times, name)) for name, each in times.items() if name != "app"
    ]
    head = ("", "minimum", "over", "of by hand", "asked", "today's, in it", "asked")
    title = (
        "The whole stack, microseconds a request; over = over Starlette alone, "
        f"which answers with 2 KB of JSON in {times['app'].minimum:.1f}"
    )
    return table(title, rows, head)


def _over(times: dict[str, Times], name: str) -> tuple[str, ...]:
    kind, _, who = name.partition(": ")

    def over(who: str) -> float:
        return times[f"{kind}: {who}"].minimum - times["app"].minimum

    found = f"{over(who):.1f}", f"{over(who) / over('by hand'):.2f}"
    at_most, at_least = ASKED[kind] if who == "ours" else (None, None)
    has_peer = f"{kind}: today" in times
    return (
        *found,
        f"at most {at_most}" if at_most else "",
        f"{over('today') / over(who):.1f}" if has_peer else "",
        f"at least {at_least:g}" if at_least and has_peer else "",
    )
