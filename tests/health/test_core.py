"""The pure part of health: what a check says, what that makes of the whole, when it is asked again."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.health.core import (
    MAX_DETAILS,
    MAX_TEXT,
    Entry,
    Finding,
    Reading,
    Record,
    Status,
    Turn,
    combine,
    failure,
    keep,
    pause,
    read,
    status_code,
    timed_out,
    turn,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def reading(up: bool) -> Reading:
    return Reading(Finding(up), 0.01, NOON)


def entry(up: bool, *, critical: bool) -> Entry:
    return Entry("db", "component", critical, reading(up))


class Lazy(Mapping[str, int]):
    """A mapping that fails when it is read."""

    def __getitem__(self, key: str) -> int:
        raise OSError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(("a",))

    def __len__(self) -> int:
        return 1


class Unspeakable(Exception):
    """An exception that fails when it is asked for its message."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


endless: dict[str, Any] = {}
endless["self"] = endless

RETURNED: list[tuple[str, object, Finding]] = [
    ("nothing is up", None, Finding(True)),
    ("true is up", True, Finding(True)),
    ("false is down", False, Finding(False)),
    ("a text is up, and says more", "3 replicas", Finding(True, "3 replicas")),
    ("a long text is cut", "x" * (MAX_TEXT + 1), Finding(True, "x" * (MAX_TEXT - 1) + "…")),
    ("a text at the limit is whole", "x" * MAX_TEXT, Finding(True, "x" * MAX_TEXT)),
    ("a mapping is up, and says more", {"pool": {"free": 3}}, Finding(True, {"pool": {"free": 3}})),
    ("an empty mapping is up", {}, Finding(True, {})),
    ("what JSON has no form for is shown as text", {"at": NOON}, Finding(True, {"at": str(NOON)})),
    ("what was found already stays", Finding(False, "no"), Finding(False, "no")),
    (
        "one is not true",
        1,
        Finding(False, "returned int: a check returns None, bool, str or a mapping"),
    ),
    (
        "bytes are no text",
        b"ok",
        Finding(False, "returned bytes: a check returns None, bool, str or a mapping"),
    ),
    (
        "a number that JSON does not know is down",
        {"ratio": float("nan")},
        Finding(False, "returned a mapping that is no JSON object (ValueError)"),
    ),
    (
        "a mapping that holds itself is down",
        endless,
        Finding(False, "returned a mapping that is no JSON object (ValueError)"),
    ),
    (
        "a mapping that cannot be read is down",
        Lazy(),
        Finding(False, "returned a mapping that is no JSON object (OSError)"),
    ),
    (
        "a key that is no text is down",
        {("a", "b"): 1},
        Finding(False, "returned a mapping that is no JSON object (TypeError)"),
    ),
]


@pytest.mark.parametrize(
    ("value", "finding"), [row[1:] for row in RETURNED], ids=[row[0] for row in RETURNED]
)
def test_what_a_check_returns(value: object, finding: Finding) -> None:
    assert read(value) == finding


@pytest.mark.parametrize(
    ("size", "kept"), [(MAX_DETAILS, True), (MAX_DETAILS + 1, False)], ids=["at the limit", "one above"]
)
def test_details_have_a_limit(size: int, kept: bool) -> None:
    frame = len(json.dumps({"text": ""}))
    details = {"text": "x" * (size - frame)}

    finding = read(details)

    assert finding.up
    assert (finding.details == details) is kept
    assert len(json.dumps(finding.details)) <= MAX_DETAILS


RAISED: list[tuple[str, BaseException, str]] = [
    ("class and message", ValueError("no route"), "ValueError: no route"),
    ("no message", TimeoutError(), "TimeoutError"),
    ("no Exception", SystemExit(3), "SystemExit: 3"),
    ("a message that raises", Unspeakable(), "Unspeakable"),
    ("a long message", OSError("x" * 1000), "OSError: " + "x" * (MAX_TEXT - 10) + "…"),
]


@pytest.mark.parametrize(("exc", "details"), [row[1:] for row in RAISED], ids=[row[0] for row in RAISED])
def test_what_a_check_raises(exc: BaseException, details: str) -> None:
    assert failure(exc) == Finding(False, details)


def test_a_time_out_names_the_limit() -> None:
    assert timed_out(0.9) == Finding(False, "timed out after 0.9 s")


COMBINED: list[tuple[str, list[Entry], bool, Status]] = [
    ("nothing to check is up", [], False, Status.UP),
    ("all up", [entry(True, critical=True), entry(True, critical=False)], False, Status.UP),
    ("a critical one down", [entry(True, critical=True), entry(False, critical=True)], False, Status.DOWN),
    ("another one down", [entry(True, critical=True), entry(False, critical=False)], False, Status.DEGRADED),
    ("both kinds down", [entry(False, critical=False), entry(False, critical=True)], False, Status.DOWN),
    ("up, but refusing work", [entry(True, critical=True)], True, Status.DOWN),
    ("degraded, but refusing work", [entry(False, critical=False)], True, Status.DOWN),
]


@pytest.mark.parametrize(
    ("entries", "refusing", "status"), [row[1:] for row in COMBINED], ids=[row[0] for row in COMBINED]
)
def test_the_whole(entries: list[Entry], refusing: bool, status: Status) -> None:
    assert combine(entries, refusing=refusing) is status


@pytest.mark.parametrize(
    ("status", "code"), [(Status.UP, 200), (Status.DEGRADED, 200), (Status.DOWN, 503)], ids=str
)
def test_only_down_takes_an_instance_out(status: Status, code: int) -> None:
    assert status_code(status) == code


PAUSES = [
    # what happens                                     failures cache backoff seconds
    ("a success counts for the cache time", 0, 1.0, 15.0, 1.0),
    ("so does the first failure", 1, 1.0, 15.0, 1.0),
    ("the second counts twice as long", 2, 1.0, 15.0, 2.0),
    ("the fourth eight times", 4, 1.0, 15.0, 8.0),
    ("the fifth reaches the end", 5, 1.0, 15.0, 15.0),
    ("and stays there", 10_000, 1.0, 15.0, 15.0),
    ("no cache, no back-off", 3, 0.0, 15.0, 0.0),
    ("without back-off the cache time is left", 9, 2.0, 0.0, 2.0),
    ("a cache time above the back-off is kept", 9, 30.0, 15.0, 30.0),
]


@pytest.mark.parametrize(
    ("failures", "cache", "backoff", "seconds"), [row[1:] for row in PAUSES], ids=[row[0] for row in PAUSES]
)
def test_how_long_a_reading_counts(failures: int, cache: float, backoff: float, seconds: float) -> None:
    assert pause(failures, cache=cache, backoff=backoff) == seconds


seconds = st.floats(min_value=0, max_value=3600)


@given(cache=seconds, backoff=seconds, failures=st.integers(min_value=0, max_value=10**9))
def test_a_pause_grows_and_has_an_end(cache: float, backoff: float, failures: int) -> None:
    now, later = (pause(each, cache=cache, backoff=backoff) for each in (failures, failures + 1))

    assert cache <= now <= later <= max(cache, backoff)


@given(st.lists(st.booleans(), min_size=1), seconds, seconds)
def test_a_record_counts_failures_in_a_row_and_turns_at_edges(
    ups: list[bool], cache: float, backoff: float
) -> None:
    record: Record | None = None
    turns = []
    for now, up in enumerate(ups):
        before, record = record, keep(record, reading(up), now=now, cache=cache, backoff=backoff)
        turns.append(turn(before, record))

    assert record is not None
    trailing = next((place for place, up in enumerate(reversed(ups)) if up), len(ups))
    assert record.failures == trailing
    assert record.fresh_until >= len(ups) - 1 + cache
    expected = [
        Turn.NONE if was == now else Turn.RECOVERED if now else Turn.FAILED
        for was, now in zip([True, *ups], ups, strict=False)
    ]
    assert turns == expected
