"""What a check found, what that makes of the whole, and when a check is run again."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

MAX_TEXT = 200
"""Characters of an exception or of a check's text that anybody gets to see."""
MAX_DETAILS = 4096
"""Characters of JSON that the details of one check may take."""

# Beyond this many doublings every sane back-off has reached its end, and floats do not overflow.
_MAX_DOUBLINGS = 32

Details = str | dict[str, Any] | None
"""What a check says besides up or down: a text, or an object of JSON values."""


class Status(Enum):
    """How the whole is, in the words of the plain form."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"


class Turn(Enum):
    """How one reading differs from the one before it."""

    NONE = "none"
    FAILED = "failed"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one run of a check came to. ``details`` are only for those who may see them."""

    up: bool
    details: Details = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A finding, with how long it took (seconds) and when it was made (UTC)."""

    finding: Finding
    seconds: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a check: its latest reading, the failures in a row, and until when it counts."""

    reading: Reading
    failures: int
    fresh_until: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One check in a report. ``kind`` is the ``componentType`` of the draft."""

    name: str
    kind: str
    critical: bool
    reading: Reading


STILL_RUNNING = Finding(False, "the run before this one has not come back yet")


def timed_out(limit: float) -> Finding:
    """Return what a check that took longer than ``limit`` seconds came to."""
    return Finding(False, f"timed out after {limit:g} s")


def read(value: object) -> Finding:
    """Return what the return value of a check means.

    ``None`` and ``True`` are up, ``False`` is down, a text or a mapping is up with details. Anything else is
    down: a check that answers with something else was written for another question.
    """
    match value:
        case Finding():
            return value
        case None | True:
            return Finding(True)
        case False:
            return Finding(False)
        case str():
            return Finding(True, _cut(value))
        case Mapping():
            return _read_mapping(value)
        case _:
            return Finding(
                False, f"returned {type(value).__name__}: a check returns None, bool, str or a mapping"
            )


def failure(exc: BaseException) -> Finding:
    """Return what a check that raised ``exc`` came to: class name and message, cut short."""
    try:
        message = str(exc)
    except Exception:
        message = ""
    name = type(exc).__name__
    return Finding(False, _cut(f"{name}: {message}") if message else name)


def pause(failures: int, *, cache: float, backoff: float) -> float:
    """Return for how many seconds a reading counts, after ``failures`` in a row.

    The cache time, doubled with every further failure, up to ``backoff``; never less than the cache time.
    """
    doublings = min(max(failures - 1, 0), _MAX_DOUBLINGS)
    return max(cache, min(cache * 2.0**doublings, backoff))


def keep(before: Record | None, reading: Reading, *, now: float, cache: float, backoff: float) -> Record:
    """Return what is known after ``reading``, made at ``now`` (seconds of any steady clock)."""
    failures = 0 if reading.finding.up else 1 + (before.failures if before else 0)
    return Record(reading, failures, now + pause(failures, cache=cache, backoff=backoff))


def turn(before: Record | None, after: Record) -> Turn:
    """Return whether the check has just failed or recovered. Before its first reading it counts as up."""
    was_up = before is None or before.failures == 0
    is_up = after.failures == 0
    if was_up == is_up:
        return Turn.NONE
    return Turn.RECOVERED if is_up else Turn.FAILED


def combine(entries: Iterable[Entry], *, refusing: bool = False) -> Status:
    """Return the status of the whole. ``refusing``: it takes no work just now, whatever the checks say."""
    down = [entry for entry in entries if not entry.reading.finding.up]
    if refusing or any(entry.critical for entry in down):
        return Status.DOWN
    return Status.DEGRADED if down else Status.UP


def status_code(status: Status) -> int:
    """Return the status code that load balancers act on: only DOWN takes an instance out."""
    return 503 if status is Status.DOWN else 200


def _read_mapping(value: Mapping[Any, Any]) -> Finding:
    try:
        text = json.dumps(dict(value), default=_as_text, allow_nan=False)
    except Exception as exc:  # the mapping and what is in it are the user's classes: they may raise anything
        return Finding(False, f"returned a mapping that is no JSON object ({type(exc).__name__})")
    if len(text) > MAX_DETAILS:
        return Finding(True, f"details of {len(text)} characters are over the limit of {MAX_DETAILS}")
    return Finding(True, json.loads(text))


def _as_text(value: object) -> str:
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
