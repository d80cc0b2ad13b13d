"""Path patterns: globs that choose requests before the app has run.

``[METHOD[,METHOD...] ]/path``, for example ``/health``, ``POST /orders``, ``GET,PUT /files/**/*.json``:

- ``*`` is any text within one segment, the empty one included;
- ``**``, a whole segment, is any number of segments, none included: ``/a/**`` matches ``/a`` too;
- everything else is literal and case-sensitive, on the decoded path;
- one slash at the end means nothing, on either side; ``//x`` is not ``/x``;
- ``GET`` is for ``HEAD`` as well.

:class:`Pattern` is one of them, :class:`Patterns` any of several, :func:`route_path` the path to match.

A match never goes back: within a segment each literal piece is looked for behind the one before it,
and between two ``**`` each run of segments likewise. The first place found is as good as any later one,
since what follows has the most room there. So the time grows with the path, not with a power of it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from asgi_patterns.kernel.types import Scope

METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)

Glob = tuple[str, ...]
"""A segment cut at its stars: ``("a", "b")`` is ``a*b``, ``("a",)`` is the literal ``a``."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One parsed pattern; make it with :meth:`parse`."""

    methods: frozenset[str] | None
    """The methods it is for, ``HEAD`` added to ``GET``; ``None`` for all."""
    literal: str | None
    """The one path it matches, without slash at the end, when it has no star."""
    lead: str = field(repr=False)
    """The literal text that every matching path starts with."""
    runs: tuple[tuple[Glob, ...], ...] = field(repr=False)
    """The segments between two ``**``; a pattern without ``**`` is one run."""
    is_tree: bool = field(repr=False)
    """Whether it is literal text and one ``**`` at the end, so that ``lead`` says everything."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises ``ValueError`` that says what is wrong with it."""
        text = text.strip()
        if not text:
            raise ValueError('a path pattern is empty; "/**" matches every path')
        names, path = ("", text) if text[0] == "/" else _split_methods(text)
        _check_path(path, text)
        methods, bare = _parse_methods(names, text), _without_slash(path)
        literal = None if "*" in bare else bare
        lead = _lead(bare)
        # An empty segment in front of the stars could be the slash at the end, which means nothing.
        is_tree = bare == f"{lead}/**" and not lead.endswith("/")
        return cls(methods, literal, lead, _runs(_segments(bare)), is_tree)

    def matches(self, method: str, path: str) -> bool:
        """Whether this request matches. ``path`` is decoded and starts with a slash."""
        if self.methods is not None and method not in self.methods:
            return False
        if self.literal is not None:
            return _without_slash(path) == self.literal
        if not path.startswith(self.lead):
            return False
        if self.is_tree:
            return path[len(self.lead) : len(self.lead) + 1] in ("", "/")
        return self._matches_segments(_segments(path))

    def path_test(self) -> Callable[[str], bool]:
        """Return what tells whether a path matches, whatever the method: the same, in the quickest way.

        For those who ask many patterns about every request; most patterns are of a few simple forms.
        """
        if self.literal is not None:
            return _is_literal(self.literal)
        if self.is_tree:
            return _is_below(self.lead)
        is_plain = all(len(glob) == 1 for run in self.runs[:-1] for glob in run)
        match self.runs:
            case [[*before, ("", "")]] if all(len(glob) == 1 for glob in before):
                return _is_child(self.lead)
            case [_, [("", last)]] if is_plain:
                return _is_between(f"{self.lead}/", last)
            case [_, [(last,)]] if is_plain:
                return _is_between(f"{self.lead}/", f"/{last}")
        return lambda path: path.startswith(self.lead) and self._matches_segments(_segments(path))

    def _matches_segments(self, segments: Sequence[str]) -> bool:
        first, last = self.runs[0], self.runs[-1]
        if len(self.runs) == 1:
            return len(segments) == len(first) and _fits(first, segments, 0)
        start, end = len(first), len(segments) - len(last)
        if start > end or not _fits(first, segments, 0) or not _fits(last, segments, end):
            return False
        for run in self.runs[1:-1]:
            place = _find(run, segments, start, end)
            if place is None:
                return False
            start = place + len(run)
        return True


class Patterns:
    """Any of several patterns; false when there are none. Raises ``ValueError`` as :meth:`Pattern.parse`."""

    __slots__ = ("_globs", "_paths", "_requests")

    def __init__(self, patterns: Iterable[str]) -> None:
        parsed = [Pattern.parse(text) for text in patterns]
        literals = [(each.literal, each.methods) for each in parsed if each.literal is not None]
        self._paths = frozenset(path for path, methods in literals if methods is None)
        self._requests = frozenset((method, path) for path, methods in literals for method in methods or ())
        self._globs = tuple(each for each in parsed if each.literal is None)

    def __bool__(self) -> bool:
        return bool(self._paths or self._requests or self._globs)

    def matches(self, method: str, path: str) -> bool:
        """Whether one of them matches this request."""
        bare = _without_slash(path)
        if bare in self._paths or (method, bare) in self._requests:
            return True
        for each in self._globs:  # noqa: SIM110 (any() would build a generator for every request)
            if each.matches(method, path):
                return True
        return False


def route_path(scope: Scope) -> str:
    """The path below ``root_path``, as Starlette computes it, but ``/`` instead of nothing."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    # A root is left out only where a segment ends: /apiary is not below /api.
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        path = path[len(root) :]
    return path or "/"


def _is_literal(literal: str) -> Callable[[str], bool]:
    return lambda path: _without_slash(path) == literal


def _is_below(lead: str) -> Callable[[str], bool]:
    """Whether a path is ``lead`` or something in it: ``/a/**``."""
    size = len(lead)
    return lambda path: path.startswith(lead) and path[size : size + 1] in ("", "/")


def _is_child(lead: str) -> Callable[[str], bool]:
    """Whether a path has one segment more: ``/a/*``."""
    size = len(lead)

    def test(path: str) -> bool:
        if not path.startswith(lead):
            return False
        slash = path.find("/", size)
        return len(path) > size if slash < 0 else slash == len(path) - 1

    return test


def _is_between(first: str, last: str) -> Callable[[str], bool]:
    """Whether a path begins and ends so: ``/a/**/*.css``, ``/a/**/z``.

    They share a slash at most: ``last`` has none but at its front, and ``first`` ends with one.
    """

    def test(path: str) -> bool:
        bare = _without_slash(path) if path.startswith(first) else ""
        return bare.endswith(last) and bare.startswith(first)

    return test


def _without_slash(path: str) -> str:
    """The path without one slash at its end; the root becomes the empty text."""
    return path[:-1] if path[-1:] == "/" else path


def _segments(path: str) -> list[str]:
    """The root has no segment, ``//`` has one that is empty."""
    return _without_slash(path).split("/")[1:]


def _split_methods(text: str) -> tuple[str, str]:
    names, space, path = text.partition(" ")
    if not space:
        raise ValueError(f'path pattern {text!r} must start with "/", or with methods and a space')
    return names, path.lstrip()


def _parse_methods(names: str, text: str) -> frozenset[str] | None:
    if not names:
        return None
    methods = frozenset(names.split(","))
    for name in sorted(methods - METHODS):
        known = name.upper() if name.upper() in METHODS else ", ".join(sorted(METHODS))
        raise ValueError(f"path pattern {text!r}: unknown method {name!r}, write {known}")
    return methods | {"HEAD"} if "GET" in methods else methods


def _check_path(path: str, text: str) -> None:
    if path[:1] != "/":
        raise ValueError(f'path pattern {text!r}: the path {path!r} must start with "/"')
    if "?" in path or "#" in path:
        raise ValueError(f"path pattern {text!r}: the path ends before a query string or a fragment")
    for segment in path.split("/"):
        if "**" in segment and segment != "**":
            raise ValueError(f'path pattern {text!r}: "**" must be a whole segment, not part of {segment!r}')


def _lead(path: str) -> str:
    """``/a`` for ``/a/**``, which matches ``/a`` itself; ``/a/b`` for ``/a/b*``."""
    before = path.partition("*")[0]
    return before.removesuffix("/") if path[len(before) :].startswith("**") else before


def _runs(segments: Iterable[str]) -> tuple[tuple[Glob, ...], ...]:
    runs: list[list[Glob]] = [[]]
    for segment in segments:
        if segment == "**":
            runs.append([])
        else:
            runs[-1].append(tuple(segment.split("*")))
    # "**" twice in a row leaves an empty run between them, which is found everywhere.
    return tuple(tuple(run) for run in runs)


def _fits(run: Sequence[Glob], segments: Sequence[str], start: int) -> bool:
    """Whether the run matches the segments from ``start`` on, of which there are enough."""
    return all(map(_fits_segment, run, segments[start : start + len(run)]))


def _find(run: Sequence[Glob], segments: Sequence[str], start: int, end: int) -> int | None:
    """The first place between ``start`` and ``end`` where the whole run matches."""
    for place in range(start, end - len(run) + 1):
        if _fits(run, segments, place):
            return place
    return None


def _fits_segment(glob: Glob, segment: str) -> bool:
    if len(glob) == 1:
        return glob[0] == segment
    head, tail = glob[0], glob[-1]
    start, end = len(head), len(segment) - len(tail)
    if start > end or not segment.startswith(head) or not segment.endswith(tail):
        return False
    for piece in glob[1:-1]:
        place = segment.find(piece, start, end)
        if place < 0:
            return False
        start = place + len(piece)
    return True


def texts_of(match: str | Sequence[str]) -> Sequence[str]:
    """Return the patterns of a setting that is one of them, or several."""
    return [match] if isinstance(match, str) else match
