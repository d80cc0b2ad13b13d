"""Access logs: one line is one request. Common, combined, and JSON with the names that servers commonly use.

``parse``: a line to an ``Entry``; ``Unreadable``: what it raises, and nothing else, whatever the text. Each expression
here can match in one way only, so the time grows with the line.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, get_args

from asgi_patterns.kernel.forwarded import parse_ip, x_forwarded_for

Format = Literal["auto", "common", "combined", "json"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

LONGEST_LINE: Final = 65_536
"""Characters; a longer one is not read."""
LONGEST_TARGET: Final = 8192
LONGEST_USER: Final = 1024
LONGEST_TIME: Final = 64
LONGEST_REQUEST: Final = 604_800.0
"""Seconds; who says that a request took longer than a week means another unit."""
LAST_TIME: Final = 1e20
"""Of a number that is a time, in whichever unit."""

# Names in the order in which they are looked for. Sizes of answers are not among them: no quota counts those.
_TIME = ("time", "timestamp", "@timestamp", "ts", "time_iso8601", "time_local")
_CLIENT = ("client", "client_ip", "remote_addr", "remote_ip", "ip")
_METHOD = ("method", "request_method")
_TARGET = ("path", "uri", "url", "request_uri")
_STATUS = ("status", "status_code")
_USER = ("user", "remote_user", "user_id")
_CONTENT = ("content_length", "bytes_read", "bytes_in")
_DURATION = ("duration", "request_time")

_LINE = re.compile(
    r'(\S+) \S+ ([^\[\]]*) \[([^\]]*)\] "((?:[^"\\]|\\.)*)" ([0-9]{3}|-) (?:[0-9]+|-)((?: .*)?)', re.DOTALL
)
_TWO_QUOTED = re.compile(r' "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"(?: .*)?', re.DOTALL)
_LOCAL = re.compile(
    r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9]{2}:[0-9]{2}):([0-9]{2}) ([+-][0-9]{2})([0-9]{2})"
)
_REQUEST = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S+)(?: HTTP/[0-9.]{1,8})?")
_PATH = re.compile(r"(?:https?://[^/?#\s]+)?/\S*|https?://[^/?#\s]+|\*")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNIX = ("-", "unix", "unix:")
_NOBODY = ("", "-", '""')


class Unreadable(ValueError):
    """A line says nothing of a request, or not enough; why, as a clause."""


class Entry(NamedTuple):
    """One request, as far as a log tells of it."""

    time: float
    """When the line was written, in seconds as Unix counts them: mostly the end of the request."""
    client: str | None
    """The address or the name of the client; ``None`` for a Unix socket."""
    user: str | None
    method: str
    target: str
    """A path with its query, or a URL."""
    status: int | None
    content: int | None = None
    """Bytes of the request's content."""
    duration: float | None = None
    """Seconds."""

    @property
    def start(self) -> float:
        """When the request began."""
        return self.time - (self.duration or 0.0)


def parse(line: str, form: Format = "auto") -> Entry:
    """Read a line without its end. Raises ``Unreadable``."""
    if len(line) > LONGEST_LINE:
        raise Unreadable(f"is longer than {LONGEST_LINE} characters")
    if form == "json" or (form == "auto" and line.lstrip()[:1] == "{"):
        return _from_json(line)
    return _from_text(line, form)


def _from_text(line: str, form: Format) -> Entry:
    match = _LINE.fullmatch(line.strip())
    if match is None or (form == "combined" and not _TWO_QUOTED.fullmatch(match[6])):
        raise Unreadable(f"is no line of a {'combined' if form == 'combined' else 'common'} log")
    client, user, time, request, status, _ = match.groups()
    method, target = _request(_clean(_unescaped(request)))
    return Entry(
        time=_when(time),
        client=_client(client),
        user=_user(_unescaped(user)),
        method=method,
        target=target,
        status=None if status == "-" else int(status),
    )


def _from_json(line: str) -> Entry:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise Unreadable("is no JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("is no JSON object")
    if isinstance(request := found.get("request"), dict):  # as Caddy writes it
        found = {**request, **{name: value for name, value in found.items() if name != "request"}}
    return _from_object(found)


def _from_object(found: Mapping[str, Any]) -> Entry:
    method, target = _json_request(found)
    status, content = _number(found, _STATUS, below=600), _number(found, _CONTENT, below=1e15)
    return Entry(
        time=_json_time(found),
        client=_client(_text(found, _CLIENT)),
        user=_user(_text(found, _USER)),
        method=method,
        target=target,
        status=None if status is None else int(status),
        content=None if content is None else int(content),
        duration=_number(found, _DURATION, below=LONGEST_REQUEST),
    )


def _text(found: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return _clean(next((value for name in names if isinstance(value := found.get(name), str)), ""))


def _clean(text: str) -> str:
    """Return ``text`` without half characters, which nobody can encode."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _number(found: Mapping[str, Any], names: tuple[str, ...], *, below: float) -> float | None:
    """Return the first number from 0 on that is there, be it written as text, as nginx does."""
    numbers = (_positive(found.get(name), below) for name in names)
    return next((number for number in numbers if number is not None), None)


def _positive(value: object, below: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0.0 <= number < below else None


def _json_request(found: Mapping[str, Any]) -> tuple[str, str]:
    method, target = _text(found, _METHOD), _text(found, _TARGET)
    if method and target:
        return _request(f"{method} {target}")
    return _request(_text(found, ("request",)))


def _request(text: str) -> tuple[str, str]:
    match = _REQUEST.fullmatch(text)
    if match is None or not _PATH.fullmatch(match[2]):
        raise Unreadable("has no request")
    if len(match[2]) > LONGEST_TARGET:
        raise Unreadable(f"has a path of more than {LONGEST_TARGET} characters")
    return match[1], match[2]


def _user(text: str) -> str | None:
    if len(text) > LONGEST_USER:
        raise Unreadable("has a user that is too long to be one")
    return None if text in _NOBODY else _clean(text)


def _client(text: str) -> str | None:
    if text in _UNIX:
        return None
    if parse_ip(text) is not None or _HOST.fullmatch(text):
        return text
    # With a port behind it; but two addresses are not one.
    hops = x_forwarded_for([text.encode("utf-8", "replace")])
    if len(hops) == 1 and hops[0].address is not None:
        return hops[0].address
    raise Unreadable("has no address of a client")


def _json_time(found: Mapping[str, Any]) -> float:
    for name in _TIME:
        value = found.get(name)
        if (number := _positive(value, LAST_TIME)) is not None:
            return _epoch(number)
        if isinstance(value, str):
            return _when(value)
    raise Unreadable("has no time")


def _epoch(number: float) -> float:
    """Return seconds; what would be later than the year 5000 is in milliseconds, or still smaller units."""
    while number >= 1e11:
        number /= 1000.0
    return number


def _when(text: str) -> float:
    if len(text) > LONGEST_TIME:
        raise Unreadable("has no time")
    return _remembered(text)


@lru_cache(maxsize=1024)  # a log has many lines of one second
def _remembered(text: str) -> float:
    return _local(text) if "/" in text else _iso(text)


def _iso(text: str) -> float:
    """Return when that was; where no zone is said, it is UTC."""
    try:
        time = datetime.fromisoformat(text)
        seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Unreadable("has no time") from None
    if seconds < 0.0:
        raise Unreadable("has a time before 1970")
    return seconds


def _local(text: str) -> float:
    match = _LOCAL.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise Unreadable("has no time")
    day, name, year, clock, second, zone, minutes = match.groups()
    # A leap second has no place in Unix's time.
    second = min(second, "59")
    return _iso(f"{year}-{_MONTHS.index(name) + 1:02}-{day}T{clock}:{second}{zone}:{minutes}")


def _unescaped(text: str) -> str:
    """Undo what servers do to quotes and to what is not printable."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else match[2], text)
