"""Which cases of which rules may be for a path, found without trying them all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, final

from asgi_patterns.caching.media_types import extension
from asgi_patterns.caching.rule import CacheRule
from asgi_patterns.caching.treatment import NO_STORE, Treatment
from asgi_patterns.kernel.media_types import MediaTypes
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


Fit = tuple[frozenset[int], MediaTypes | None, Treatment]
"""A case that is for a path, as far as it has to be asked yet: for which statuses, for which types."""

Row = tuple[Sequence[Case], Mapping[str, Sequence[Case]]]
"""Those of one first segment: without any of the extensions that rules name, and with each of them."""

_REMEMBERED: Final = 1024
_LONGEST: Final = 256
_UNRESOLVED: Final[Sequence[Fit]] = ((frozenset(range(100, 1000)), None, NO_STORE),)


@final
class Choice:
    """The cases for one method, in order.

    A path that no case names is sorted by what it shows at first sight, its first segment and its extension, before
    patterns are tried. What was found for short paths that come again and again is remembered, a limited number.
    """

    __slots__ = ("_cases", "_known", "_others", "_recent", "_rows")

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = tuple(cases)
        literals = {case.pattern.literal for case in self._cases if case.pattern.literal is not None}
        self._known = {
            path: _fits(self._cases, literal or "/")
            for literal in literals
            for path in (literal, f"{literal}/")
        }
        self._others = self._row(None)
        self._rows = {
            first: self._row(first) for case in self._cases if (first := _first(case.pattern)) is not None
        }
        self._recent = lru_cache(_REMEMBERED)(self._look)

    def of(self, path: str) -> Sequence[Fit]:
        """Return what is for a path, in order."""
        return self._recent(path) if len(path) <= _LONGEST else self._look(path)

    def _look(self, path: str) -> Sequence[Fit]:
        if leads_elsewhere(path):
            return _UNRESOLVED
        known = self._known.get(path)
        if known is not None:
            return known
        slash = path.find("/", 1)
        found, by_end = self._rows.get(path if slash < 0 else path[:slash], self._others)
        return _fits(by_end.get(path.removesuffix("/").rpartition(".")[2], found) if by_end else found, path)

    def _row(self, first: str | None) -> Row:
        globs = [c for c in self._cases if c.pattern.literal is None and _first(c.pattern) in (None, first)]
        ends = {end for case in globs if (end := _end(case.text)) is not None}
        rows = {end: [case for case in globs if _end(case.text) in (None, end)] for end in ends}
        return [case for case in globs if _end(case.text) is None], rows


def leads_elsewhere(path: str) -> bool:
    """Whether it depends on who resolves a path what it stands for: the app, or in another way a cache in front."""
    return "/.." in path


def _fits(cases: Iterable[Case], path: str) -> Sequence[Fit]:
    return tuple((case.statuses, case.types, case.treatment) for case in cases if case.is_at(path))


def _first(pattern: Pattern) -> str | None:
    """Return the first segment of all paths of a pattern, with its slash; ``None`` where there are several."""
    run = pattern.runs[0]
    return f"/{run[0][0]}" if run and len(run[0]) == 1 else None


def _end(text: str) -> str | None:
    """Return the extension of all paths of a pattern, as they have it; ``None`` where there are several."""
    return text.strip().removesuffix("/").rpartition(".")[2] if extension(text) else None
