"""The two forms of an answer."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from asgi_patterns.health.core import Details, Entry, Finding, Reading, Status
from asgi_patterns.health.report import DRAFT, PLAIN, Report, draft, encode, plain, rfc3339

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TEXT = "2026-01-31T12:00:00.000Z"


def entry(name: str, *, up: bool, details: Details = None, kind: str = "component") -> Entry:
    return Entry(name, kind, True, Reading(Finding(up, details), 0.0123, NOON))


FULL = Report(
    Status.DOWN,
    NOON,
    61.23456,
    [entry("db", up=True, details={"pool": 3}), entry("cache", up=False, details="gone", kind="datastore")],
    "1.2.3",
    "draining",
)
BARE = Report(Status.UP, NOON, 0.0)

UPTIME = {"componentType": "system", "observedUnit": "s", "status": "pass", "time": TEXT}
MEASURED = {"observedValue": 12, "observedUnit": "ms", "time": TEXT}

PLAIN_FORMS: list[tuple[str, Report, bool, dict[str, Any]]] = [
    ("as little as there is", BARE, True, {"status": "UP", "timestamp": TEXT, "uptime": 0.0, "checks": {}}),
    (
        "everything, for whoever may see it",
        FULL,
        True,
        {
            "status": "DOWN",
            "timestamp": TEXT,
            "version": "1.2.3",
            "uptime": 61.235,
            "draining": True,
            "checks": {
                "db": {"status": "UP", "responseTime": "12ms", "details": {"pool": 3}},
                "cache": {"status": "DOWN", "responseTime": "12ms", "details": "gone"},
            },
        },
    ),
    (
        "no details for the others",
        FULL,
        False,
        {
            "status": "DOWN",
            "timestamp": TEXT,
            "version": "1.2.3",
            "uptime": 61.235,
            "draining": True,
            "checks": {
                "db": {"status": "UP", "responseTime": "12ms"},
                "cache": {"status": "DOWN", "responseTime": "12ms"},
            },
        },
    ),
]


@pytest.mark.parametrize(
    ("report", "detailed", "form"), [row[1:] for row in PLAIN_FORMS], ids=[row[0] for row in PLAIN_FORMS]
)
def test_the_plain_form(report: Report, detailed: bool, form: dict[str, Any]) -> None:
    assert plain(report, detailed=detailed) == form


DRAFT_FORMS: list[tuple[str, Report, bool, dict[str, Any]]] = [
    (
        "as little as there is",
        BARE,
        True,
        {"status": "pass", "checks": {"uptime": [{**UPTIME, "observedValue": 0.0}]}},
    ),
    (
        "everything, for whoever may see it",
        FULL,
        True,
        {
            "status": "fail",
            "version": "1.2.3",
            "notes": ["draining"],
            "checks": {
                "uptime": [{**UPTIME, "observedValue": 61.235}],
                "db:responseTime": [
                    {"componentType": "component", "status": "pass", "details": {"pool": 3}, **MEASURED}
                ],
                "cache:responseTime": [
                    {"componentType": "datastore", "status": "fail", "output": "gone", **MEASURED}
                ],
            },
        },
    ),
    (
        "no output for the others",
        FULL,
        False,
        {
            "status": "fail",
            "version": "1.2.3",
            "notes": ["draining"],
            "checks": {
                "uptime": [{**UPTIME, "observedValue": 61.235}],
                "db:responseTime": [{"componentType": "component", "status": "pass", **MEASURED}],
                "cache:responseTime": [{"componentType": "datastore", "status": "fail", **MEASURED}],
            },
        },
    ),
]


@pytest.mark.parametrize(
    ("report", "detailed", "form"), [row[1:] for row in DRAFT_FORMS], ids=[row[0] for row in DRAFT_FORMS]
)
def test_the_form_of_the_draft(report: Report, detailed: bool, form: dict[str, Any]) -> None:
    assert draft(report, detailed=detailed) == form


@pytest.mark.parametrize(
    ("status", "word"), [(Status.UP, "pass"), (Status.DEGRADED, "warn"), (Status.DOWN, "fail")], ids=str
)
def test_the_words_of_the_draft(status: Status, word: str) -> None:
    assert draft(Report(status, NOON, 0.0), detailed=False)["status"] == word


@pytest.mark.parametrize(("media_type", "form"), [(PLAIN, plain), (DRAFT, draft)], ids=[PLAIN, DRAFT])
def test_a_form_is_sent_as_json(media_type: str, form: Any) -> None:
    sent = encode(FULL, media_type, detailed=True)

    assert json.loads(sent) == form(FULL, detailed=True)


def test_half_a_character_in_a_text_does_not_break_the_answer() -> None:
    report = Report(Status.DOWN, NOON, 0.0, [entry("db", up=False, details="\ud800")])

    sent = encode(report, PLAIN, detailed=True)

    assert json.loads(sent)["checks"]["db"]["details"] == "?"


def test_timestamps_are_utc_with_milliseconds() -> None:
    there = datetime(2026, 1, 31, 14, 0, 0, 1999, tzinfo=timezone(timedelta(hours=2)))

    assert rfc3339(there) == "2026-01-31T12:00:00.001Z"
