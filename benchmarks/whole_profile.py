"""``python -m benchmarks.whole_profile``: which feature of the whole stack costs what, in instructions of Python.

They are counted, so a busy machine makes no difference; what runs in C, a codec above all, is not seen. A feature costs
what the stack has more than the stack without it, what its events cost in other layers included. ``--functions ours``
lists the functions in which it is, ``--of coding`` only those of a feature.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any, Final, final

from asgi_patterns.kernel.types import Message
from benchmarks.harness import scope, table
from benchmarks.whole_stacks import FIVE, PLUS, Asking, Stack, alone, by_hand, ours

CALLS: Final = 10
WHO: Final[Mapping[str, Callable[[Sequence[str]], Stack]]] = {"by hand": by_hand, "ours": ours}


@final
@dataclass(slots=True)
class Counts:
    """What a request takes."""

    instructions: Counter[str] = field(default_factory=Counter)
    """By function."""
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> float:
        """All instructions."""
        return self.instructions.total() / CALLS

    @property
    def called(self) -> float:
        """All calls."""
        return self.calls.total() / CALLS

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Count what happens in a frame."""
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            self.calls[_named(frame)] += 1
        elif event == "opcode":
            self.instructions[_named(frame)] += 1
        return self.trace


def _named(frame: FrameType) -> str:
    code = frame.f_code
    path = code.co_filename.rpartition("site-packages/")[2].split("/asgi_patterns/")[-1]
    return f"{path}:{code.co_firstlineno} {code.co_qualname}"


def counts(make: Callable[[], Stack]) -> Counts:
    """Return what a request takes, once everything has been seen before."""
    return asyncio.run(_counts(make()))


async def _counts(stack: Stack) -> Counts:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pass

    app = Asking(stack.app)
    for _ in range(20):
        await app(scope(), receive, send)
    found = Counts()
    before = sys.gettrace()
    sys.settrace(found.trace)
    for _ in range(CALLS):
        await app(scope(), receive, send)
    sys.settrace(before)
    stack.instruments.provider.shutdown()
    return found


def run(features: Sequence[str] = PLUS) -> str:
    """Count, and return the table."""
    app = counts(alone)
    wholes = {who: counts(partial(make, features)) for who, make in WHO.items()}
    rows = []
    for feature in features:
        rest = tuple(each for each in features if each != feature)
        row = [feature]
        for who, make in WHO.items():
            without = counts(partial(make, rest))
            row += [
                f"{wholes[who].total - without.total:.0f}",
                f"{wholes[who].called - without.called:.0f}",
            ]
        rows.append((*row, f"{int(row[3]) - int(row[1])}"))
    rows.sort(key=lambda row: -int(row[-1]))
    totals = [f"{each:.0f}" for who in WHO for each in _over(wholes[who], app)]
    rows.append(("all of it", *totals, f"{int(totals[2]) - int(totals[0])}"))
    title = (
        "Instructions of Python that a feature adds to the stack, and calls; what is lost most comes first"
    )
    return table(title, rows, ("", "by hand", "calls", "ours", "calls", "lost"))


def _over(whole: Counts, app: Counts) -> tuple[float, float]:
    return whole.total - app.total, whole.called - app.called


def functions(who: str, features: Sequence[str], of: str | None, most: int = 40) -> str:
    """Return in which functions most of it is; ``of`` one feature, or of all in front of the app."""
    make = WHO[who]
    rest = () if of is None else tuple(each for each in features if each != of)
    found, without = counts(partial(make, features)), counts(partial(make, rest) if rest else alone)
    more = found.instructions.copy()
    more.subtract(without.instructions)
    rows = [
        (name, f"{number / CALLS:.0f}", f"{(found.calls[name] - without.calls[name]) / CALLS:.1f}")
        for name, number in more.most_common(most)
        if number > 0
    ]
    return table(f"Where they are: {who}, {of or 'all of it'}", rows, ("", "instructions", "calls"))


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_profile", description=__doc__)
    parser.add_argument("--five", action="store_true", help="only the five features that there are peers for")
    parser.add_argument("--functions", choices=[*WHO], help="list functions too")
    parser.add_argument("--of", choices=PLUS, metavar="FEATURE", help="list those of one feature")
    options = parser.parse_args()
    features = FIVE if options.five else PLUS
    print(run(features))
    if options.functions:
        print()
        print(functions(options.functions, features, options.of))


if __name__ == "__main__":
    main()
