"""The two forms of an answer: the plain one, and the one of ``application/health+json``."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from asgi_patterns.health.core import Entry, Status

PLAIN = "application/json"
DRAFT = "application/health+json"

_WORDS = {Status.UP: "pass", Status.DEGRADED: "warn", Status.DOWN: "fail"}


@dataclass(frozen=True, slots=True)
class Report:
    """All that an answer can say. ``uptime`` in seconds; an entry for each check that was asked."""

    status: Status
    at: datetime
    uptime: float
    entries: Sequence[Entry] = ()
    version: str | None = None
    note: Literal["draining", "starting"] | None = None
    """Why the status is DOWN although every check may be up."""


def encode(report: Report, media_type: str, *, detailed: bool) -> bytes:
    """Return ``report`` as JSON text in the form of ``media_type``; details only where ``detailed``."""
    form = draft if media_type == DRAFT else plain
    text = json.dumps(form(report, detailed=detailed), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")  # a check's text may hold half a character


def plain(report: Report, *, detailed: bool) -> dict[str, Any]:
    """Return the form with UP, DEGRADED and DOWN, and one object for each check."""
    members: dict[str, Any] = {"status": report.status.value, "timestamp": rfc3339(report.at)}
    if report.version is not None:
        members["version"] = report.version
    members["uptime"] = round(report.uptime, 3)
    if report.note is not None:
        members[report.note] = True
    members["checks"] = {entry.name: _plain_entry(entry, detailed) for entry in report.entries}
    return members


def draft(report: Report, *, detailed: bool) -> dict[str, Any]:
    """Return the form of draft-inadarei-api-health-check-06: pass, warn and fail, and arrays of measurements."""
    members: dict[str, Any] = {"status": _WORDS[report.status]}
    if report.version is not None:
        members["version"] = report.version
    if report.note is not None:
        members["notes"] = [report.note]
    uptime = {"componentType": "system", "observedValue": round(report.uptime, 3), "observedUnit": "s"}
    members["checks"] = {"uptime": [{**uptime, "status": "pass", "time": rfc3339(report.at)}]}
    for entry in report.entries:
        members["checks"][f"{entry.name}:responseTime"] = [_draft_entry(entry, detailed)]
    return members


def rfc3339(at: datetime) -> str:
    """Return ``at`` in UTC with milliseconds: ``2026-01-31T12:00:00.000Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _plain_entry(entry: Entry, detailed: bool) -> dict[str, Any]:
    reading = entry.reading
    members: dict[str, Any] = {
        "status": (Status.UP if reading.finding.up else Status.DOWN).value,
        "responseTime": f"{round(reading.seconds * 1000)}ms",
    }
    if detailed and reading.finding.details is not None:
        members["details"] = reading.finding.details
    return members


def _draft_entry(entry: Entry, detailed: bool) -> dict[str, Any]:
    reading = entry.reading
    members: dict[str, Any] = {
        "componentType": entry.kind,
        "observedValue": round(reading.seconds * 1000),
        "observedUnit": "ms",
        "status": "pass" if reading.finding.up else "fail",
        "time": rfc3339(reading.at),
    }
    if detailed and reading.finding.details is not None:
        # The draft keeps "output" for what went wrong.
        members["details" if reading.finding.up else "output"] = reading.finding.details
    return members
