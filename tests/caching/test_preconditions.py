"""What becomes of a request with conditions: each sentence of RFC 9110 section 13, for every method."""

from collections.abc import Iterable, Iterator

import pytest
from _pytest.mark import ParameterSet

from asgi_patterns.caching.dates import format_date
from asgi_patterns.caching.preconditions import (
    Conditions,
    Failed,
    GoOn,
    IgnoreRange,
    NotModified,
    Verdict,
    evaluate,
    is_conditional,
    is_write,
    read_conditions,
)
from asgi_patterns.caching.validators import Selected
from asgi_patterns.kernel.tags import CODINGS, Tag
from asgi_patterns.kernel.types import RawHeaders
from tests.caching.tables import (
    ABC,
    AT,
    BARE,
    BEFORE,
    DATED,
    FUTURE,
    NOW,
    RANGE,
    RANGES,
    TABLES,
    WEAK,
    Row,
    tagged,
)

READS = ("GET", "HEAD")
WRITES = ("PUT", "PATCH", "DELETE", "POST")


def answer(verdict: Verdict) -> str:
    """What a client gets to see: its status, or what was done."""
    match verdict:
        case GoOn():
            return "go"
        case IgnoreRange():
            return "all"
        case NotModified():
            return "304"
        case Failed():
            return "412"


def fields(text: str) -> RawHeaders:
    """Field lines, separated by bars: ``If-Match: "a" | Range: bytes=0-1``."""
    lines = (line.partition(":") for line in text.split(" | ")) if text else ()
    return [(name.strip().lower().encode(), value.strip(" ").encode("latin-1")) for name, _, value in lines]


def decide(text: str, method: str, current: Selected | None, coding: bytes | None = None) -> Verdict:
    conditions = read_conditions([(b"host", b"shop"), *fields(text), (b"accept", b"*/*")], NOW)
    return GoOn() if conditions is None else evaluate(conditions, method, current, coding)


def expand(table: str) -> list[ParameterSet]:
    """Each row of a table, once for each method."""
    return [
        pytest.param(
            method, text, current, read if method in READS else write, id=f"{method} {section} {table}: {why}"
        )
        for section, why, text, current, read, write in TABLES[table]
        for method in (*READS, *WRITES)
    ]


def rows_of(tables: "Iterable[str]") -> Iterator[tuple[str, Row]]:
    """The rows of several tables, each with a name that no other has."""
    return ((f"{row[0]} {table}: {row[1]}", row) for table in tables for row in TABLES[table])


@pytest.mark.parametrize(
    ("method", "text", "current", "expected"),
    [each for table in TABLES for each in expand(table)],
)
def test_a_request(method: str, text: str, current: Selected | None, expected: str) -> None:
    verdict = decide(text, method, current)

    assert answer(verdict) == expected


@pytest.mark.parametrize(
    ("text", "current", "expected"), [pytest.param(*row[2:], id=f"GET {row[0]} {row[1]}") for row in RANGES]
)
def test_a_range(text: str, current: Selected | None, expected: str) -> None:
    verdict = decide(text + RANGE, "GET", current)

    assert answer(verdict) == expected


@pytest.mark.parametrize("method", ["HEAD", *WRITES])
@pytest.mark.parametrize(
    ("text", "current"), [pytest.param(*row[2:4], id=f"{row[0]} {row[1]}") for row in RANGES]
)
def test_a_condition_on_a_range_is_for_get_only(method: str, text: str, current: Selected | None) -> None:
    others = " | ".join(line for line in text.split(" | ") if not line.startswith("If-Range"))

    assert decide(text + RANGE, method, current) == decide(others, method, current)


@pytest.mark.parametrize("method", [*READS, *WRITES])
@pytest.mark.parametrize(
    ("text", "current"), [pytest.param(*row[2:4], id=f"{row[0]} {row[1]}") for row in RANGES]
)
def test_a_condition_on_a_range_without_one_is_ignored(
    method: str, text: str, current: Selected | None
) -> None:
    others = " | ".join(line for line in text.split(" | ") if not line.startswith("If-Range"))

    assert decide(text, method, current) == decide(others, method, current)


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT"])
@pytest.mark.parametrize(
    ("text", "current"),
    [
        pytest.param(*row[2:4], id=name)
        for name, row in rows_of(TABLES)
        if "412" in row[4:] or "304" in row[4:]
    ],
)
def test_13_2_1_a_method_without_representation_has_no_conditions(
    method: str, text: str, current: Selected | None
) -> None:
    assert decide(text, method, current) == GoOn()


@pytest.mark.parametrize("method", ["QUERY", "PROPFIND", "MKCOL", "BREW", "get", "Head"])
@pytest.mark.parametrize(
    ("text", "current", "expected"),
    [pytest.param(row[2], row[3], row[5], id=name) for name, row in rows_of(TABLES) if row[4] != row[5]],
)
def test_13_2_2_only_get_and_head_are_not_modified(
    method: str, text: str, current: Selected | None, expected: str
) -> None:
    verdict = decide(text, method, current)

    assert answer(verdict) == expected


PLAIN, ZIPPED = Tag(b"abc"), Tag(b"abc-gzip")
CARRIED: list[tuple[str, str, Selected, bytes | None, Tag | None]] = [
    # what the client holds                          fields           current  coding  tag of the 304, if it is one
    ("the plain one", 'If-None-Match: "abc"', ABC, None, PLAIN),
    ("a weakened one", 'If-None-Match: W/"abc"', ABC, None, PLAIN),
    ("the strong form of a weak one", 'If-None-Match: "abc"', WEAK, None, Tag(b"abc", weak=True)),
    ("any", "If-None-Match: *", ABC, None, PLAIN),
    ("a date", f"If-Modified-Since: {AT}", ABC, None, PLAIN),
    ("a date, and there is no tag", f"If-Modified-Since: {AT}", DATED, b"gzip", None),
    ("any, and there is no tag", "If-None-Match: *", BARE, b"gzip", None),
    ("the coded one", 'If-None-Match: "abc-gzip"', ABC, b"gzip", ZIPPED),
    ("the coded one, weakened", 'If-None-Match: W/"abc-gzip"', ABC, b"gzip", ZIPPED),
    ("the plain one, and would get a coded one", 'If-None-Match: "abc"', ABC, b"gzip", PLAIN),
    ("both", 'If-None-Match: "abc", "abc-gzip"', ABC, b"gzip", ZIPPED),
    ("both, the coded one first", 'If-None-Match: "abc-gzip", "abc"', ABC, b"gzip", ZIPPED),
    ("both, and would get the plain one", 'If-None-Match: "abc-gzip", "abc"', ABC, None, PLAIN),
    ("two codings", 'If-None-Match: "abc-br", "abc-gzip"', ABC, b"gzip", ZIPPED),
    ("any, and would get a coded one", "If-None-Match: *", ABC, b"gzip", ZIPPED),
    ("a date, and would get a coded one", f"If-Modified-Since: {AT}", ABC, b"gzip", ZIPPED),
    ("a weak one has no coding", f"If-Modified-Since: {AT}", WEAK, b"gzip", Tag(b"abc", weak=True)),
    ("a weak one with a coding", 'If-None-Match: W/"abc-gzip"', WEAK, b"gzip", Tag(b"abc-gzip", weak=True)),
    ("a coded one that ends twice", 'If-None-Match: "a-br-br"', tagged(b"a-br"), b"br", Tag(b"a-br-br")),
]


@pytest.mark.parametrize("method", READS)
@pytest.mark.parametrize(
    ("text", "current", "coding", "expected"),
    [pytest.param(*row[1:], id=f"15.4.5 {row[0]}") for row in CARRIED],
)
def test_a_304_carries_the_tag_that_the_client_holds(
    method: str, text: str, current: Selected, coding: bytes | None, expected: Tag | None
) -> None:
    assert decide(text, method, current, coding) == NotModified(expected)


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        pytest.param('If-None-Match: "abc-gzip"', None, id="13.1.2 coded, and would get the plain one"),
        pytest.param('If-None-Match: "abc-br"', b"gzip", id="13.1.2 coded, and would get another coding"),
        pytest.param('If-None-Match: "abc-gzip-gzip"', b"gzip", id="13.1.2 coded twice"),
        pytest.param('If-None-Match: "abcgzip"', b"gzip", id="13.1.2 without the dash"),
        pytest.param('If-None-Match: "gzip"', b"gzip", id="13.1.2 only the coding"),
    ],
)
@pytest.mark.parametrize("method", [*READS, *WRITES])
def test_what_the_client_holds_is_not_what_it_would_get(method: str, text: str, coding: bytes | None) -> None:
    assert decide(text, method, ABC, coding) == GoOn()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("method", WRITES)
def test_13_1_2_a_write_must_not_find_what_is_coded(method: str, coding: bytes) -> None:
    verdict = decide(f'If-None-Match: "abc-{coding.decode()}"', method, ABC, coding)

    assert verdict == Failed("If-None-Match")


@pytest.mark.parametrize("coding", CODINGS)
def test_13_1_5_a_range_of_what_is_coded_is_all_of_it(coding: bytes) -> None:
    verdict = decide(f'If-Range: "abc-{coding.decode()}"{RANGE}', "GET", ABC, coding)

    assert verdict == IgnoreRange()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('If-Match: "xyz"', "If-Match"),
        (f"If-Unmodified-Since: {BEFORE}", "If-Unmodified-Since"),
        ('If-None-Match: "abc"', "If-None-Match"),
    ],
)
def test_a_failure_names_the_condition(text: str, field: str) -> None:
    verdict = decide(text, "PUT", ABC)

    assert isinstance(verdict, Failed)
    assert verdict.field == field


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Range: bytes=0-9",
        "If-Modified-Since: yesterday",
        f"If-Modified-Since: {FUTURE}",
        "If-Unmodified-Since:",
        'If-Range: "abc"',
    ],
)
def test_what_has_to_be_ignored_is_no_condition(text: str) -> None:
    assert read_conditions(fields(text), NOW) is None


def test_a_date_that_is_now_is_not_yet_to_come() -> None:
    date = format_date(int(NOW)).decode()

    assert read_conditions(fields(f"If-Modified-Since: {date}"), NOW) == Conditions(modified_since=int(NOW))
    assert read_conditions(fields(f"If-Modified-Since: {date}"), NOW - 0.001) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ('If-Match: "abc"', True),
        ("If-Match: *", True),
        ("If-Match: abc", True),
        ("If-None-Match: *", True),
        ('If-None-Match: "abc"', True),
        (f"If-Unmodified-Since: {AT}", True),
        ("If-Unmodified-Since: yesterday", False),
        (f"If-Modified-Since: {AT}", False),
        (f'If-Range: "abc"{RANGE}', False),
    ],
)
def test_rfc_6585_3_a_write_is_conditional(text: str, expected: bool) -> None:
    conditions = read_conditions(fields(text), NOW)

    assert is_conditional(conditions) is expected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY", "PROPFIND"])
def test_9_2_1_what_is_safe_is_no_write(method: str) -> None:
    assert not is_write(method)


@pytest.mark.parametrize("method", [*WRITES, "MKCOL", "BREW", "get"])
def test_9_2_1_everything_else_is(method: str) -> None:
    assert is_write(method)
