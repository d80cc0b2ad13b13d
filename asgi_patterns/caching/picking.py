"""Which cases of which rules may be for a path, found without trying them all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from asgi_patterns.caching.media_types import MediaTypes, extension
from asgi_patterns.caching.rule import CacheRule
from asgi_patterns.caching.treatment import Treatment
from asgi_patterns.kernel.patterns import Pattern


@final
@dataclass(frozen=True, slots=True)
class Case:
    """One pattern of one rule."""

    index: int
    """Which rule it is of."""
    rule: CacheRule
    text: str
    pattern: Pattern
    methods: frozenset[str]
    statuses: frozenset[int]
    types: MediaTypes | None
    """``None`` where any will do."""
    treatment: Treatment
    is_at: Callable[[str], bool] = field(compare=False)
    """Whether it is for a path."""


Candidate = tuple[Callable[[str], bool] | None, frozenset[int], MediaTypes | None, Treatment]
"""A case, as far as it has to be asked yet: whether it is for the path, unless that is certain, and so on."""


Row = tuple[Sequence[Candidate], Mapping[str, Sequence[Candidate]]]
"""Those of one first segment: without any of the extensions that rules name, and with each of them."""


@final
class Choice:
    """The cases for one method, in order, by what a path shows at first sight: its first segment and its extension.

    A path that is written out in a rule is looked up, and all that is for it is known beforehand.
    """

    __slots__ = ("_cases", "_known", "_others", "_rows")

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = tuple(cases)
        literals = {case.pattern.literal for case in self._cases if case.pattern.literal is not None}
        self._known = {
            path: self._about(literal or "/") for literal in literals for path in (literal, f"{literal}/")
        }
        self._others = self._row(None)
        self._rows = {
            first: self._row(first) for case in self._cases if (first := _first(case.pattern)) is not None
        }

    def of(self, path: str) -> Sequence[Candidate]:
        """Return what may be for a path, in order."""
        known = self._known.get(path)
        if known is not None:
            return known
        slash = path.find("/", 1)
        found, by_end = self._rows.get(path if slash < 0 else path[:slash], self._others)
        return by_end.get(path.removesuffix("/").rpartition(".")[2], found) if by_end else found

    def _about(self, path: str) -> Sequence[Candidate]:
        return tuple(_candidate(case, is_certain=True) for case in self._cases if case.is_at(path))

    def _row(self, first: str | None) -> Row:
        globs = [c for c in self._cases if c.pattern.literal is None and _first(c.pattern) in (None, first)]
        ends = {end for case in globs if (end := _end(case.text)) is not None}

        def seen(end: str | None) -> Sequence[Candidate]:
            return tuple(
                _candidate(case, is_certain=case.pattern.is_tree and case.pattern.lead in ("", first))
                for case in globs
                if _end(case.text) in (None, end)
            )

        return seen(None), {end: seen(end) for end in ends}


def _candidate(case: Case, *, is_certain: bool) -> Candidate:
    return None if is_certain else case.is_at, case.statuses, case.types, case.treatment


def _first(pattern: Pattern) -> str | None:
    """Return the first segment of all paths of a pattern, with its slash; ``None`` where there are several."""
    run = pattern.runs[0]
    return f"/{run[0][0]}" if run and len(run[0]) == 1 else None


def _end(text: str) -> str | None:
    """Return the extension of all paths of a pattern, as they have it; ``None`` where there are several."""
    return text.strip().removesuffix("/").rpartition(".")[2] if extension(text) else None
