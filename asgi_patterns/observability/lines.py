"""The forms of a log line.

``Line``: the message of a log record, made into text only when a handler asks for that; ``as_json``, ``as_text`` and
``as_short``: the forms. Every text in ``fields`` is printable already.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, final

Form: TypeAlias = Literal["json", "text", "short"]
LineFields: TypeAlias = Mapping[str, Any]

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_WORDS: Final = (
    # as it is called in a line for people, and in the fields
    ("id", "request_id"),
    ("trace", "trace_id"),
    ("route", "route"),
    ("by", "answered_by"),
    ("code", "code"),
    ("error", "error"),
)


def as_json(time: float, level: str, fields: LineFields) -> str:
    """Return one JSON object in ASCII; absent fields are left out. ``time`` is in seconds since 1970."""
    whole = {"time": iso(time), "level": level.lower()}
    whole |= {name: value for name, value in fields.items() if value is not None}
    return _encode(whole)


def as_text(time: float, level: str, fields: LineFields) -> str:
    """Return a line for people: who, what, how it went; then what else is known, as ``name=value``."""
    words = [fields["client"], _target(fields, fields["path"] or fields["route"] or "-")]
    words += [
        _status(fields),
        fields["outcome"],
        _milliseconds(fields["duration"]),
        _bytes(fields["bytes_out"]),
    ]
    words += [f"{word}={_quoted(fields[name])}" for word, name in _WORDS if fields[name] is not None]
    if fields["bytes_in"]:
        words.append(f"in={_bytes(fields['bytes_in'])}")
    if fields["head"] is not None:
        words.append(f"head={_milliseconds(fields['head'])}")
    words += [name for name in ("stream", "websocket", "slow") if fields[name]]
    for headers in (fields["headers"], fields["response_headers"]):
        words += [f"{name}={_quoted(value)}" for name, value in (headers or {}).items()]
    return " ".join(words)


def as_short(time: float, level: str, fields: LineFields) -> str:
    """Return method, route and status: for who reads the fields, and wants lines of one kind to be alike."""
    return f"{fields['method']} {fields['route'] or '-'} {_status(fields)}"


FORMS: Final[Mapping[Form, Callable[[float, str, LineFields], str]]] = {
    "json": as_json,
    "text": as_text,
    "short": as_short,
}


@final
class Line:
    """What a log record says. Nothing is formatted until a handler wants it as text."""

    __slots__ = ("_fields", "_form", "_level", "_text", "_time")

    def __init__(self, form: Form, time: float, level: str, fields: LineFields) -> None:
        self._form = form
        self._time = time
        self._level = level
        self._fields = fields
        self._text: str | None = None

    def __str__(self) -> str:
        """Return the text, the same for every handler."""
        if self._text is None:
            self._text = FORMS[self._form](self._time, self._level, self._fields)
        return self._text


def iso(time: float) -> str:
    """Return a time as RFC 3339 has it, in UTC, with milliseconds."""
    whole = int(time)
    return f"{_second(whole)}.{int((time - whole) * 1000):03}Z"


@lru_cache(maxsize=8)  # a busy server writes many lines of one second
def _second(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _target(fields: LineFields, path: str) -> str:
    query = "" if fields["query"] is None else f"?{fields['query']}"
    return f"{fields['method']} {_quoted(path + query)}"


def _status(fields: LineFields) -> str:
    return "-" if fields["status"] is None else str(fields["status"])


def _quoted(value: object) -> str:
    """Return one word. What is printable needs no further escape than that of the quote."""
    text = str(value)
    if text and " " not in text and '"' not in text:
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}ms"


def _bytes(size: int | None) -> str:
    return "-" if size is None else f"{size}B"
