"""What ``asgi-patterns bench`` has found, as values, and what may be concluded from it.

``Result``: all of it; ``Line``: one row; ``Served``: what a real server made of one; ``over_limit``: who is too dear.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, final

from asgi_patterns.benching.numbers import Counts, Times

Kind = Literal["bare", "empty", "layer", "whole", "uncollected"]
MOST_NAMED: Final = 3

Answer = int | str
"""A status, or what there was in place of one."""


@final
@dataclass(frozen=True, slots=True)
class Answers:
    """How one request was answered: at first, and otherwise, each after how many that were not."""

    first: Answer
    others: Mapping[Answer, int]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a load generator has seen of a server."""

    throughput: float
    """Requests a second, in the usual round."""
    best: float
    """The same in the fastest round."""
    worst: float
    p50: float
    """Milliseconds."""
    p99: float
    requests: int
    statuses: Mapping[int, int]
    failures: int = 0
    """Connections that broke before the answer was complete."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row: the app with something in front of it. What is not measured is ``None``."""

    name: str
    kind: Kind
    times: Times | None = None
    counts: Counts | None = None
    answers: Sequence[Answers] = ()
    failure: str | None = None
    served: Served | None = None
    serving_failure: str | None = None

    @property
    def statuses(self) -> str:
        """All answers in short."""
        found = dict.fromkeys(
            str(each.first) if isinstance(each.first, int) else "-" for each in self.answers
        )
        changed = any(each.others for each in self.answers)
        return ",".join(found) + ("!" if changed else "")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A request, as far as others may read of it."""

    shown: str
    fields: Sequence[str]
    size: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that was found, in the order of the pipeline."""

    app: str
    requests: Sequence[Described]
    clients: int
    lines: Sequence[Line]
    machine: Mapping[str, str]
    packages: Mapping[str, str]
    server: str | None = None
    connections: int = 0

    @property
    def bare(self) -> Line | None:
        """The app alone."""
        return next((line for line in self.lines if line.kind == "bare"), None)

    def over(self, line: Line) -> float | None:
        """Return how many microseconds ``line`` costs more than the app alone."""
        if self.bare is None or self.bare.times is None or line.times is None or line is self.bare:
            return None
        return line.times.minimum - self.bare.times.minimum

    def counts_over(self, line: Line) -> Counts | None:
        """Return what ``line`` has of bytecodes and calls more than the app alone."""
        if self.bare is None or self.bare.counts is None or line.counts is None or line is self.bare:
            return None
        return line.counts.over(self.bare.counts)

    def noise(self, line: Line) -> float:
        """Return how many microseconds of what ``over`` says may be chance."""
        pair = (line, self.bare)
        return sum(each.times.spread for each in pair if each is not None and each.times is not None)

    @property
    def common_failure(self) -> str | None:
        """Why nothing at all could be measured, where that is the same for all rows."""
        found = {line.failure for line in self.lines}
        return found.pop() if len(found) == 1 else None

    @property
    def has_failed(self) -> bool:
        """Whether something could not be measured."""
        return any(line.failure or line.serving_failure for line in self.lines)


def remarks(result: Result, line: Line) -> Iterator[str]:
    """Yield what is strange about a row, as clauses with the row as their subject."""
    if line.failure:
        yield f"is not measured: {line.failure}"
    alone = result.bare.answers if result.bare is not None and line is not result.bare else ()
    for index, answers in enumerate(line.answers):
        to = f" to {result.requests[index].shown}" if len(result.requests) > 1 else ""
        expected = alone[index].first if index < len(alone) else None
        yield from _of_answers(answers, expected, to)


def served_remarks(result: Result, line: Line) -> Iterator[str]:
    """Yield what is strange about a row behind a server, as clauses with the row as their subject."""
    if line.serving_failure:
        yield f"is not served: {line.serving_failure}"
    if line.served is None:
        return
    alone = result.bare.served.statuses if result.bare is not None and result.bare.served is not None else {}
    for status, number in line.served.statuses.items():
        if not _is_fine(status) and (line is result.bare or status not in alone):
            yield f"answers {status} to {number:,} of {line.served.requests:,} requests"
    if line.served.failures:
        yield f"breaks {line.served.failures:,} connections before the answer is complete"


def _of_answers(answers: Answers, expected: Answer | None, to: str) -> Iterator[str]:
    first = answers.first
    if expected is None:
        if not _is_fine(first):
            yield f"{_said(first)}{to}"
    elif first != expected:
        yield f"{_said(first)}{to}, where the app alone {_said(expected)}"
    for other, after in answers.others.items():
        yield f"{_said(other)}{to} after {after:,}"


def _said(answer: Answer) -> str:
    return f"answers {answer}" if isinstance(answer, int) else answer


def _is_fine(answer: Answer) -> bool:
    return isinstance(answer, int) and answer < 400


def refuses(result: Result, line: Line) -> bool:
    """Whether a row has refused or failed what the app alone has answered: its time is no price."""
    if line.failure or not line.answers:
        return True
    alone = result.bare.answers if result.bare is not None else ()
    for index, answers in enumerate(line.answers):
        expected = alone[index].first if index < len(alone) else None
        if any(not _is_fine(each) and each != expected for each in (answers.first, *answers.others)):
            return True
    return False


def limited(result: Result) -> bool:
    """Whether a row was refused as one who asks too much, which a benchmark does."""
    return any(429 in (each.first, *each.others) for line in result.lines for each in line.answers) or any(
        429 in line.served.statuses for line in result.lines if line.served is not None
    )


def over_limit(result: Result, limit: float) -> list[str]:
    """Return why the whole costs more than ``limit`` microseconds, or cannot be judged; nothing where all is well."""
    whole = next((line for line in result.lines if line.kind == "whole"), None)
    cost = None if whole is None else result.over(whole)
    if whole is None or cost is None:
        return ["the price of all layers is not known: it could not be measured"]
    if refuses(result, whole):
        said = "; ".join(remarks(result, whole))
        return [f"{whole.name}: what it costs is not known, because it {said}"]
    return [] if cost <= limit else [_too_dear(result, whole, cost, limit)]


def _too_dear(result: Result, whole: Line, cost: float, limit: float) -> str:
    """Return who it is: the layers that alone cost more than all may, or else the dearest one."""
    layers = [line for line in result.lines if line.kind == "layer"]
    prices = sorted(((result.over(line) or 0.0, line.name) for line in layers), reverse=True)
    dear = [pair for pair in prices if pair[0] > limit] or prices[:1]
    more = f" and {len(dear) - MOST_NAMED} more" if len(dear) > MOST_NAMED else ""
    named = ", ".join(f"{name} alone {price:.1f}" for price, name in dear[:MOST_NAMED]) + more
    told = f"{whole.name}: {cost:.1f} us over the app alone, more than {limit:g}"
    return f"{told}: {named}" if named else told
