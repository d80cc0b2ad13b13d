"""The forms of a log line.

``Line``: the message of a log record, made into text only when a handler asks for that; ``as_json``, ``as_text`` and
``as_short``: the forms. Every text in ``fields`` is printable already.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, final

from asgi_patterns.observability.line_fields import ABSENT

Form: TypeAlias = Literal["json", "text", "short"]
LineFields: TypeAlias = Mapping[str, Any]
"""What is known of a request, without what is not."""
Write: TypeAlias = Callable[[float, str, LineFields], str]
"""Makes the text of a line: of its time in seconds since 1970, its level, and the fields."""

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_OBJECTS: Final = ("headers", "response_headers")
_TEXT: Final = '"%s"'
_SLOTS: Final = {
    **dict.fromkeys(
        ("status", "duration", "head", "first_byte", "bytes_in", "bytes_out", "code", *_OBJECTS), "%s"
    ),
    **dict.fromkeys(("stream", "websocket", "slow"), "true%.0s"),
}
"""How a value stands in JSON, where it is no text."""
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
    """Return one JSON object in ASCII. ``time`` is in seconds since 1970."""
    template, marks, objects = _line_shape(tuple(fields))
    values = [*fields.values()]
    for at in objects:
        values[at] = text = _texts(values[at])
        marks += text.count('"')
    text = _filled(template, values, marks) or _encode(fields)
    return f'{{"time":"{iso(time)}","level":{_level(level)},{text[1:]}'


def _texts(fields: Mapping[str, str]) -> str:
    """Return a JSON object of texts."""
    template, marks = _shape(tuple(fields))
    return _filled(template, [*fields.values()], marks) or _encode(fields)


def _filled(template: str, values: Sequence[Any], marks: int) -> str | None:
    """Return a template with its values, where it comes to so many quotation ``marks``; ``None``: some need escapes.

    All that JSON escapes of what is printable shows in one of these, and hardly any line has it.
    """
    text = template % (*values,)
    return text if text.count('"') == marks and "\\" not in text and text.isascii() else None


@lru_cache(maxsize=256)
def _line_shape(names: tuple[str, ...]) -> tuple[str, int, Sequence[int]]:
    """Return an object with these names, to be filled in; its quotation marks; and where objects stand in it."""
    template, marks = _template(names, _SLOTS)
    return template, marks, [at for at, name in enumerate(names) if name in _OBJECTS]


@lru_cache(maxsize=256)
def _shape(names: tuple[str, ...]) -> tuple[str, int]:
    return _template(names, {})


def _template(names: Sequence[str], slots: Mapping[str, str]) -> tuple[str, int]:
    text = ",".join(f"{_encode(name).replace('%', '%%')}:{slots.get(name, _TEXT)}" for name in names)
    return f"{{{text}}}", text.count('"')


@lru_cache(maxsize=8)  # somebody may have given levels other names
def _level(name: str) -> str:
    return _encode(name.lower())


def as_text(time: float, level: str, fields: LineFields) -> str:
    """Return a line for people: who, what, how it went; then what else is known, as ``name=value``."""
    fields = {**ABSENT, **fields}
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
    return f"{fields['method']} {fields.get('route', '-')} {fields.get('status', '-')}"


FORMS: Final[Mapping[Form, Write]] = {
    "json": as_json,
    "text": as_text,
    "short": as_short,
}


@final
class Line:
    """What a log record says. Nothing is formatted until a handler wants it as text."""

    __slots__ = ("_fields", "_level", "_text", "_time", "_write")

    def __init__(self, write: Write, time: float, level: str, fields: LineFields) -> None:
        self._write = write
        self._time = time
        self._level = level
        self._fields = fields
        self._text: str | None = None

    def __str__(self) -> str:
        """Return the text, the same for every handler."""
        if self._text is None:
            self._text = self._write(self._time, self._level, self._fields)
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
