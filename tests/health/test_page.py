"""The page for a browser: whole, escaped, and nothing in it that loads or runs."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.health.core import Details, Entry, Finding, Reading, Status
from asgi_patterns.health.page import duration, page
from asgi_patterns.health.report import Report

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
VOID = {"meta"}
EVIL = "<script>alert(1)</script>&\"'"


def entry(name: str, *, up: bool, details: Details = None, critical: bool = True) -> Entry:
    return Entry(name, "component", critical, Reading(Finding(up, details), 0.0123, NOON))


class Seen(HTMLParser):
    """What a browser makes of a page: the elements, the texts, the rows of the table."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data
        elif self.open and self.open[-1] in ("title", "h1", "p", "b"):
            self.texts.append(data)


ENTRIES = [
    entry("db", up=True, details={"pool": 3, "hosts": ["a", "b"], "role": "primary"}),
    entry("cache", up=False, details="gone\naway", critical=False),
    entry("queue", up=True),
]
FULL = Report(Status.DEGRADED, NOON, 3725.5, ENTRIES, "1.2.3", "draining")


def test_the_page_has_everything_for_whoever_may_see_it() -> None:
    seen = Seen(page(FULL, detailed=True))

    assert seen.open == []
    assert seen.texts == [
        "DEGRADED - health",
        "Health ",
        "DEGRADED",
        "now draining \u00b7 version 1.2.3 \u00b7 up for 1 h 2 min \u00b7 at 2026-01-31T12:00:00.000Z",
    ]
    assert seen.rows == [
        ["check", "status", "time", "details"],
        ["db", "UP", "12 ms", 'pool: 3\nhosts: ["a", "b"]\nrole: primary'],
        ["cache", "DOWN not critical", "12 ms", "gone\naway"],
        ["queue", "UP", "12 ms", ""],
    ]


def test_it_has_no_details_for_the_others() -> None:
    seen = Seen(page(FULL, detailed=False))

    assert seen.rows == [
        ["check", "status", "time"],
        ["db", "UP", "12 ms"],
        ["cache", "DOWN not critical", "12 ms"],
        ["queue", "UP", "12 ms"],
    ]


def test_without_checks_there_is_no_table() -> None:
    seen = Seen(page(Report(Status.UP, NOON, 0.0), detailed=True))

    assert "table" not in seen.elements
    assert seen.texts[-1] == "up for 0 s \u00b7 at 2026-01-31T12:00:00.000Z"


LOADS = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "a", "svg"}


def test_nothing_in_it_loads_runs_or_leads_anywhere() -> None:
    seen = Seen(page(FULL, detailed=True))

    assert not LOADS & set(seen.elements)
    assert {name for name, _ in seen.attributes} <= {"lang", "charset", "name", "content", "scope", "class"}


PLACES: list[tuple[str, dict[str, Any], list[Entry]]] = [
    ("the version", {"version": EVIL}, []),
    ("a text", {}, [entry("db", up=True, details=EVIL)]),
    ("a member's name", {}, [entry("db", up=True, details={EVIL: 1})]),
    ("a member's value", {}, [entry("db", up=True, details={"x": EVIL})]),
    ("a value further in", {}, [entry("db", up=True, details={"x": [{EVIL: EVIL}]})]),
]


@pytest.mark.parametrize(("fields", "entries"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_markup_in_a_text_is_text(fields: dict[str, Any], entries: list[Entry]) -> None:
    seen = Seen(page(Report(Status.UP, NOON, 0.0, entries, **fields), detailed=True))

    assert "script" not in seen.elements
    assert "<script>alert(1)</script>" in "".join([*seen.texts, *(cell for row in seen.rows for cell in row)])


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_leaves_the_page_whole(version: str, details: str) -> None:
    report = Report(Status.UP, NOON, 0.0, [entry("db", up=True, details=details)], version)

    seen = Seen(page(report, detailed=True))

    assert seen.open == []
    assert len(seen.rows) == 2
    assert not {char for char in "".join(seen.texts) if char < " " and char not in "\t\n"}


def test_half_a_character_is_replaced() -> None:
    report = Report(Status.UP, NOON, 0.0, [entry("db", up=True, details="\ud800\x00\x1b[31m")])

    assert Seen(page(report, detailed=True)).rows[1][3] == "?\ufffd\ufffd[31m"


DURATIONS = [
    ("nothing", 0.0, "0 s"),
    ("a clock that went back", -1.0, "0 s"),
    ("less than a minute", 59.9, "59 s"),
    ("a minute", 60.0, "1 min 0 s"),
    ("less than an hour", 3599.0, "59 min 59 s"),
    ("an hour", 3600.0, "1 h 0 min"),
    ("a day", 86400.0, "1 d 0 h"),
    ("days and hours", 2 * 86400 + 3 * 3600 + 59.0, "2 d 3 h"),
]


@pytest.mark.parametrize(
    ("seconds", "text"), [row[1:] for row in DURATIONS], ids=[row[0] for row in DURATIONS]
)
def test_how_long_it_is_up(seconds: float, text: str) -> None:
    assert duration(seconds) == text
