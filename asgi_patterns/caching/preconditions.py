"""Conditions of a request, and whether they hold (RFC 9110 section 13).

``read_conditions``: from the fields of a request; ``evaluate``: in the order of section 13.2.2. Decide only where the
answer without conditions would be a 2xx (section 13.2.1): a 404, a 401 or a 422 is the better answer.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, final

from asgi_patterns.caching.dates import parse_date
from asgi_patterns.caching.validators import Selected
from asgi_patterns.kernel.tags import (
    Tag,
    Tags,
    matches_strongly,
    matches_weakly,
    parse_tag,
    parse_tags,
    with_coding,
    without_any_coding,
    without_coding,
)
from asgi_patterns.kernel.types import RawHeaders

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "REPORT", "SEARCH"})
"""Methods that change nothing, by IANA's registry."""
NO_REPRESENTATION: Final = frozenset({"CONNECT", "OPTIONS", "TRACE"})
"""Methods that select no representation: their conditions are ignored (RFC 9110 13.2.1)."""

CONDITIONAL: Final = frozenset(
    {b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range"}
)
_LOOKED_AT = CONDITIONAL | {b"range"}
# A weak tag never matches strongly, so this is what an If-Range is that nobody can read: a condition that is false.
_NEVER = Tag(b"", weak=True)


class Conditions(NamedTuple):
    """What a request asks for. ``None``: it does not, or in a way that has to be ignored."""

    match: Tags | None = None
    none_match: Tags | None = None
    modified_since: int | None = None
    unmodified_since: int | None = None
    if_range: Tag | int | None = None
    """What must not have changed for ``Range`` to count: a tag or a date. ``None`` also where there is no range."""


@final
@dataclass(frozen=True, slots=True)
class GoOn:
    """Do what the request says. A range, if it has one, counts."""


@final
@dataclass(frozen=True, slots=True)
class IgnoreRange:
    """Do what the request says, with all of the representation."""


@final
@dataclass(frozen=True, slots=True)
class NotModified:
    """Answer 304. ``tag`` is what it carries: of several that the client holds, the one that is still good."""

    tag: Tag | None = None


@final
@dataclass(frozen=True, slots=True)
class Failed:
    """Answer 412. ``field`` is the condition that does not hold."""

    field: Literal["If-Match", "If-None-Match", "If-Unmodified-Since"]


Verdict: TypeAlias = GoOn | IgnoreRange | NotModified | Failed

GO_ON: Final = GoOn()
IGNORE_RANGE: Final = IgnoreRange()
_NO_MATCH = Failed("If-Match")
_MODIFIED = Failed("If-Unmodified-Since")
_MATCH = Failed("If-None-Match")
_UNCONDITIONAL = Conditions()
_READS = frozenset({"GET", "HEAD"})


def is_write(method: str) -> bool:
    """Whether ``method`` may change the resource. One that nobody knows may."""
    return method not in SAFE and method not in NO_REPRESENTATION


def is_conditional(conditions: Conditions | None) -> bool:
    """Whether a write with these conditions can fail for what somebody else has done (RFC 6585 section 3)."""
    return conditions is not None and (
        conditions.match is not None
        or conditions.none_match is not None
        or conditions.unmodified_since is not None
    )


def condition_lines(headers: RawHeaders) -> RawHeaders:
    """Return all that ``read_conditions`` would look at."""
    return [line for line in headers if line[0] in _LOOKED_AT]


def read_conditions(headers: RawHeaders, now: float) -> Conditions | None:
    """Read the conditions of a request, whose field names are in lower case; ``None`` where it has none."""
    lines = [line for line in headers if line[0] in CONDITIONAL]
    if not lines:
        return None
    if len(lines) == 1 and lines[0][0] == b"if-none-match":  # nearly every one that has any
        return Conditions(None, parse_tags((lines[0][1],)))
    conditions = _read(lines, any(name == b"range" for name, _ in headers), now)
    return None if conditions == _UNCONDITIONAL else conditions


def _read(lines: RawHeaders, has_range: bool, now: float) -> Conditions:
    found: dict[bytes, list[bytes]] = {}
    for name, value in lines:
        found.setdefault(name, []).append(value)
    match, none_match = found.get(b"if-match"), found.get(b"if-none-match")
    since = _date(found.get(b"if-modified-since"), now)
    return Conditions(
        None if match is None else parse_tags(match),
        None if none_match is None else parse_tags(none_match),
        # A date that is yet to come is none that anything was ever changed at.
        since if since is not None and since <= now else None,
        _date(found.get(b"if-unmodified-since"), now),
        _if_range(found[b"if-range"], now) if has_range and b"if-range" in found else None,
    )


def _date(lines: list[bytes] | None, now: float) -> int | None:
    # RFC 9110 13.1.3 and 13.1.4: what is no date, or more than one, is ignored.
    return parse_date(lines[0], now) if lines is not None and len(lines) == 1 else None


def _if_range(lines: list[bytes], now: float) -> Tag | int:
    if len(lines) != 1:
        return _NEVER
    tag = parse_tag(lines[0])
    if tag is not None:
        return tag
    date = parse_date(lines[0], now)
    return _NEVER if date is None else date


def evaluate(
    conditions: Conditions, method: str, current: Selected | None, coding: bytes | None = None
) -> Verdict:
    """Decide what becomes of a request with ``conditions``, in the order of RFC 9110 section 13.2.2.

    ``current`` is ``None`` where there is no representation. ``coding`` is the content coding that the answer would
    get behind us, if any: a tag of that coding counts as the tag without.
    """
    if method in NO_REPRESENTATION:
        return GO_ON
    match, none_match, modified_since, unmodified_since, if_range = conditions
    if match is not None and not _is_match(match, current):
        return _NO_MATCH
    if match is None and _is_newer(current, unmodified_since):
        return _MODIFIED
    if none_match is not None:
        found = _found(none_match, method in _READS, current, coding)
        if found is not None:
            return found
    elif method in _READS and _is_older(current, modified_since):
        return NotModified(_coded(current, coding))
    return _range(if_range, method, current)


def _is_match(tags: Tags, current: Selected | None) -> bool:
    if current is None or tags.is_any:
        return current is not None
    tag = current.tag
    if tag is None or tag.weak:
        return False
    for each in tags.listed:
        if matches_strongly(each, tag):
            return True
        # Whatever coding it came in, the client has seen this state.
        plain = without_any_coding(each)
        if plain is not None and matches_strongly(plain, tag):
            return True
    return False


def _is_newer(current: Selected | None, date: int | None) -> bool:
    """Whether it is known to have changed since; nothing is known of what has no date."""
    return (
        date is not None and current is not None and current.modified is not None and current.modified > date
    )


def _is_older(current: Selected | None, date: int | None) -> bool:
    """Whether it is known not to have changed since."""
    return (
        date is not None and current is not None and current.modified is not None and current.modified <= date
    )


def _range(validator: Tag | int | None, method: str, current: Selected | None) -> Verdict:
    """Step 5: all but exactly the same, as far as that can be known, has changed."""
    if validator is None or method != "GET":
        return GO_ON
    if current is None:
        return IGNORE_RANGE
    if isinstance(validator, int):
        same = current.is_strong_date and current.modified == validator
    else:
        # A range is of the plain bytes: the tag of a coded representation must not match.
        same = current.tag is not None and matches_strongly(validator, current.tag)
    return GO_ON if same else IGNORE_RANGE


def _found(
    tags: Tags, reads: bool, current: Selected | None, coding: bytes | None
) -> NotModified | Failed | None:
    """Step 3: what the client has, or must not find; ``None`` where the request goes on."""
    if current is None:
        return None
    held = None if current.tag is None else _held(tags.listed, current.tag, coding)
    if held is not None or tags.is_any:
        return NotModified(held or _coded(current, coding)) if reads else _MATCH
    # What could not be read may have been the tag that this write must not find.
    return None if reads or tags.is_whole else _MATCH


def _held(listed: tuple[Tag, ...], tag: Tag, coding: bytes | None) -> Tag | None:
    """Which of the tags that the client holds is still good, as the answer would carry it."""
    if coding is not None:
        for each in listed:
            plain = without_coding(each, coding)
            if plain is not None and matches_weakly(plain, tag):
                return Tag(each.opaque, tag.weak)
    for each in listed:
        if matches_weakly(each, tag):
            return tag
    return None


def _coded(current: Selected | None, coding: bytes | None) -> Tag | None:
    """The tag that an answer in this coding would carry."""
    tag = None if current is None else current.tag
    return tag if tag is None or coding is None else with_coding(tag, coding)
