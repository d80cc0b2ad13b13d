"""HTTP dates (RFC 9110 section 5.6.7), as whole seconds since 1970.

``parse_date``: all three forms that a recipient has to accept; ``format_date``: the one that a sender may send.
"""

import re
from datetime import UTC, date, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import Final

__all__ = ["EARLIEST", "LATEST", "format_date", "parse_date"]

EARLIEST: Final = -62_135_596_800
"""The first second of the year 1, the first that a date can say."""
LATEST: Final = 253_402_300_799
"""The last second of the year 9999, the last that a date can say."""

_EPOCH = date(1970, 1, 1).toordinal()
_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
# Every form has its own names and widths, and no case or space but these: RFC 9110 calls dates case-sensitive.
_MONTH = rb"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DAY_NAME = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_IMF = re.compile(_DAY_NAME + rb", (?P<day>[0-9]{2}) " + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT")
_RFC_850 = re.compile(
    rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>[0-9]{2})-"
    + _MONTH
    + rb"-(?P<year>[0-9]{2}) "
    + _TIME
    + rb" GMT"
)
_ASCTIME = re.compile(
    _DAY_NAME + rb" " + _MONTH + rb" (?P<day>[0-9]{2}| [0-9]) " + _TIME + rb" (?P<year>[0-9]{4})"
)
_IMF_SIZE = 29
_ASCTIME_SIZE = 24


def parse_date(value: bytes, now: float) -> int | None:
    """Read an HTTP date in any of its three forms; ``None`` where it is none of them.

    ``now`` says which century the two digits of an RFC 850 year mean. The name of the day has to be one, but not
    the right one: nobody but a calendar would know what to make of the difference.
    """
    value = value.strip(b" \t")  # RFC 9110 5.5: white space around a value is no part of it
    if len(value) == _IMF_SIZE:
        return _fixed(value)
    if len(value) == _ASCTIME_SIZE:
        return _seconds(_ASCTIME.fullmatch(value))
    match = _RFC_850.fullmatch(value)
    return None if match is None else _seconds(match, _year_of_two_digits(match, now))


@lru_cache(maxsize=256)
def format_date(seconds: int) -> bytes:
    """Write a date as ``Sun, 06 Nov 1994 08:49:37 GMT``. ``seconds`` is from ``EARLIEST`` to ``LATEST``."""
    return formatdate(seconds, usegmt=True).encode()


@lru_cache(maxsize=256)
def _fixed(value: bytes) -> int | None:
    """Read the form that everybody sends. The same few dates come again and again."""
    return _seconds(_IMF.fullmatch(value))


def _seconds(match: "re.Match[bytes] | None", year: int | None = None) -> int | None:
    if match is None:
        return None
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    # A leap second is the last one of its day, and there is none at any other time.
    if hour > 23 or minute > 59 or (second > 59 and (hour, minute, second) != (23, 59, 60)):
        return None
    try:
        day = date(int(match["year"]) if year is None else year, _MONTHS[match["month"]], int(match["day"]))
    except ValueError:
        return None
    return ((day.toordinal() - _EPOCH) * 24 + hour) * 3600 + minute * 60 + second


def _year_of_two_digits(match: "re.Match[bytes]", now: float) -> int:
    """Return the latest year that ends so and is not more than 50 years from ``now``."""
    today = datetime.fromtimestamp(now, UTC)
    limit = today.year + 50
    year = limit - (limit - int(match["year"])) % 100
    moment = (_MONTHS[match["month"]], int(match["day"]), *map(int, match.group("hour", "minute", "second")))
    rest = (today.month, today.day, today.hour, today.minute, today.second)
    return year - 100 if year == limit and moment > rest else year
