"""The order of RFC 9110 section 13.2.2, held against a second reading of it that knows no text and no shortcut.

The reference is written from the sentences of the RFC, one function for each section, on conditions that are values
already. What a client would send for them is written anew each time: other lines, other spaces, other forms of a date.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.caching.dates import format_date
from asgi_patterns.caching.preconditions import (
    Failed,
    GoOn,
    IgnoreRange,
    NotModified,
    Verdict,
    evaluate,
    read_conditions,
)
from asgi_patterns.caching.validators import Selected
from asgi_patterns.kernel.tags import Tag, format_tag
from asgi_patterns.kernel.types import RawHeaders

NOW = 1_000_000_000
ANYTHING = "*"

Listed = list[Tag] | str
"""Tags, or ``*``."""


@dataclass
class Asked:
    """A request, as its client means it. A list of dates is a mistake that clients make."""

    method: str
    if_match: Listed | None
    if_none_match: Listed | None
    if_modified_since: list[int] | None
    if_unmodified_since: list[int] | None
    if_range: Tag | int | None
    has_range: bool


def same(one: Tag, other: Tag | None, *, strongly: bool) -> bool:
    """Section 8.8.3.2."""
    if other is None or one.opaque != other.opaque:
        return False
    return not (one.weak or other.weak) if strongly else True


def if_match_is_true(field: Listed, current: Selected | None) -> bool:
    """Section 13.1.1."""
    if field == ANYTHING:
        return current is not None
    return current is not None and any(same(Tag(*tag), current.tag, strongly=True) for tag in field)


def if_none_match_is_true(field: Listed, current: Selected | None) -> bool:
    """Section 13.1.2."""
    if field == ANYTHING:
        return current is None
    return current is None or not any(same(Tag(*tag), current.tag, strongly=False) for tag in field)


def if_range_is_true(field: Tag | int, current: Selected | None) -> bool:
    """Section 13.1.5."""
    if isinstance(field, int):
        return current is not None and current.is_strong_date and current.modified == field
    return current is not None and same(field, current.tag, strongly=True)


def unmodified_since(asked: Asked, current: Selected | None) -> int | None:
    """Section 13.1.4: ignored where it is not one valid date, and where no date is available."""
    dates = asked.if_unmodified_since
    if dates is None or len(dates) != 1 or current is None or current.modified is None:
        return None
    return dates[0]


def modified_since(asked: Asked, current: Selected | None) -> int | None:
    """Section 13.1.3: the same, and for GET and HEAD only. Nothing was ever changed at a time that is yet to come."""
    dates = asked.if_modified_since
    if asked.method not in ("GET", "HEAD") or dates is None or len(dates) != 1 or dates[0] > NOW:
        return None
    return None if current is None or current.modified is None else dates[0]


def is_modified_after(current: Selected | None, date: int) -> bool:
    assert current is not None
    assert current.modified is not None
    return current.modified > date


def reference(asked: Asked, current: Selected | None) -> str:
    """Section 13.2.2, step by step; 13.2.1 first."""
    if asked.method in ("CONNECT", "OPTIONS", "TRACE"):
        return "perform"
    # 1. When recipient is the origin server and If-Match is present:
    if asked.if_match is not None:
        if not if_match_is_true(asked.if_match, current):
            return "412"
    # 2. ... If-Match is not present, and If-Unmodified-Since is present:
    elif (date := unmodified_since(asked, current)) is not None and is_modified_after(current, date):
        return "412"
    return reference_from_step_3(asked, current)


def reference_from_step_3(asked: Asked, current: Selected | None) -> str:
    # 3. When If-None-Match is present:
    if asked.if_none_match is not None:
        if not if_none_match_is_true(asked.if_none_match, current):
            return "304" if asked.method in ("GET", "HEAD") else "412"
    # 4. When the method is GET or HEAD, If-None-Match is not present, and If-Modified-Since is present:
    elif (date := modified_since(asked, current)) is not None and not is_modified_after(current, date):
        return "304"
    # 5. When the method is GET and both Range and If-Range are present:
    if asked.method == "GET" and asked.has_range and asked.if_range is not None:
        return "perform" if if_range_is_true(asked.if_range, current) else "perform without range"
    # 6. Otherwise:
    return "perform"


def name(verdict: Verdict) -> str:
    match verdict:
        case GoOn():
            return "perform"
        case IgnoreRange():
            return "perform without range"
        case NotModified():
            return "304"
        case Failed():
            return "412"


# Few of everything, so that they meet. No tag ends in the name of a coding: of those the RFC knows nothing.
tags = st.builds(Tag, st.sampled_from([b"a", b"b", b"a,b", b"", b"*"]), st.booleans())
dates = st.sampled_from([NOW - 86_400, NOW - 86_399, NOW, NOW + 1])
lists = st.one_of(st.none(), st.just(ANYTHING), st.lists(tags, max_size=4))
moments: st.SearchStrategy[list[int] | None] = st.one_of(
    st.none(), st.lists(dates, min_size=1, max_size=2), st.just([])
)
methods = st.sampled_from(
    ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST", "OPTIONS", "TRACE", "CONNECT", "QUERY", "X"]
)
requests = st.builds(
    Asked,
    method=methods,
    if_match=lists,
    if_none_match=lists,
    if_modified_since=moments,
    if_unmodified_since=moments,
    if_range=st.one_of(st.none(), tags, dates),
    has_range=st.booleans(),
)
states = st.one_of(
    st.none(),
    st.builds(Selected, st.one_of(st.none(), tags), st.none()),
    st.builds(Selected, st.one_of(st.none(), tags), dates, st.booleans()),
)


@st.composite
def tag_lines(draw: st.DrawFn, field: bytes, listed: Listed) -> RawHeaders:
    if isinstance(listed, str):
        return [(field, draw(st.sampled_from([b"*", b" *", b"*\t"])))]
    lines = [b""]
    for tag in listed:
        if draw(st.booleans()):
            lines.append(b"")
        lines[-1] += draw(st.sampled_from([b"", b" ", b"\t", b",", b" , "])) + format_tag(tag)
        lines[-1] += draw(st.sampled_from([b",", b" ,", b",,", b", \t, "]))
    return [(field, line) for line in lines]


@st.composite
def date_value(draw: st.DrawFn, date: int) -> bytes:
    moment = datetime.fromtimestamp(date, UTC)
    old = st.sampled_from([f"{moment:%A, %d-%b-%y %H:%M:%S} GMT".encode(), moment.ctime().encode()])
    return draw(st.one_of(st.just(format_date(date)), old)) + draw(st.sampled_from([b"", b" "]))


@st.composite
def date_lines(draw: st.DrawFn, field: bytes, moments: list[int]) -> RawHeaders:
    if not moments:
        return [(field, draw(st.sampled_from([b"", b"now", b"0", b'"a"', b"Sun, 32 Nov 1994 08:49:37 GMT"])))]
    values = [draw(date_value(date)) for date in moments]
    if draw(st.booleans()):
        return [(field, b", ".join(values))]
    return [(field, value) for value in values]


@st.composite
def written(draw: st.DrawFn, asked: Asked) -> RawHeaders:
    lines: RawHeaders = [(b"host", b"shop")]
    for field, listed in ((b"if-match", asked.if_match), (b"if-none-match", asked.if_none_match)):
        if listed is not None:
            lines += draw(tag_lines(field, listed))
    if asked.if_modified_since is not None:
        lines += draw(date_lines(b"if-modified-since", asked.if_modified_since))
    if asked.if_unmodified_since is not None:
        lines += draw(date_lines(b"if-unmodified-since", asked.if_unmodified_since))
    if isinstance(asked.if_range, int):
        lines.append((b"if-range", draw(date_value(asked.if_range))))
    elif asked.if_range is not None:
        lines.append((b"if-range", format_tag(asked.if_range)))
    return draw(st.permutations([*lines, *([(b"range", b"bytes=0-9")] if asked.has_range else [])]))


@given(requests, states, st.data())
def test_13_2_2_the_order_is_that_of_the_rfc(
    asked: Asked, current: Selected | None, data: st.DataObject
) -> None:
    headers = data.draw(written(asked))

    conditions = read_conditions(headers, NOW)
    verdict = GoOn() if conditions is None else evaluate(conditions, asked.method, current)

    assert name(verdict) == reference(asked, current)


fields = st.sampled_from(
    [b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range"]
)
junk = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from([b'"a"', b"W/", b",", b"*", b'"', b" ", format_date(NOW)]), max_size=6).map(
        b"".join
    ),
)


@given(st.lists(st.tuples(fields, junk), max_size=6), methods, states, st.sampled_from([None, b"gzip", b"x"]))
def test_whatever_a_request_asks_for_is_decided(
    headers: RawHeaders, method: str, current: Selected | None, coding: bytes | None
) -> None:
    conditions = read_conditions(headers, NOW)
    verdict = GoOn() if conditions is None else evaluate(conditions, method, current, coding)

    assert isinstance(verdict, NotModified) <= (method in ("GET", "HEAD") and current is not None)
    assert isinstance(verdict, IgnoreRange) <= (method == "GET")
