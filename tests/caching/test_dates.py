"""Dates on the wire: three forms are read, one is written, and everything else is no date."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_patterns.caching.dates import EARLIEST, LATEST, format_date, parse_date

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC).timestamp()
THEN = 784_111_777


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


READ = [
    # what is read                                  value                                 seconds
    ("the example of the RFC", b"Sun, 06 Nov 1994 08:49:37 GMT", THEN),
    ("the example in RFC 850", b"Sunday, 06-Nov-94 08:49:37 GMT", THEN),
    ("the example of asctime", b"Sun Nov  6 08:49:37 1994", THEN),
    ("asctime with two digits", b"Wed Nov 16 08:49:37 1994", THEN + 10 * 86400),
    ("asctime with a zero", b"Sun Nov 06 08:49:37 1994", THEN),
    ("white space around it", b" \tSun, 06 Nov 1994 08:49:37 GMT \t", THEN),
    ("white space around RFC 850", b"\tSunday, 06-Nov-94 08:49:37 GMT ", THEN),
    ("white space around asctime", b"  Sun Nov  6 08:49:37 1994   ", THEN),
    ("asctime as long as the usual form", b"   Sun Nov  6 08:49:37 1994  ", THEN),
    ("the epoch", b"Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ("the year 2000", b"Tue, 29 Feb 2000 00:00:00 GMT", at(2000, 2, 29)),
    ("the last second of a day", b"Sun, 06 Nov 1994 23:59:59 GMT", at(1994, 11, 6, 23, 59, 59)),
    ("a leap second", b"Sat, 31 Dec 2016 23:59:60 GMT", at(2017, 1, 1)),
    ("the first year", b"Mon, 01 Jan 0001 00:00:00 GMT", EARLIEST),
    ("the last year", b"Fri, 31 Dec 9999 23:59:59 GMT", LATEST),
    ("the wrong day of the week", b"Mon, 06 Nov 1994 08:49:37 GMT", THEN),
    ("the longest day name", b"Wednesday, 16-Nov-94 08:49:37 GMT", THEN + 10 * 86400),
    ("the year 00", b"Saturday, 01-Jan-00 00:00:00 GMT", at(2000, 1, 1)),
    ("the year 75", b"Tuesday, 01-Jan-75 00:00:00 GMT", at(2075, 1, 1)),
    ("almost in 50 years", b"Monday, 03-Feb-76 04:05:05 GMT", at(2076, 2, 3, 4, 5, 5)),
    ("in 50 years", b"Monday, 03-Feb-76 04:05:06 GMT", at(2076, 2, 3, 4, 5, 6)),
    ("in more than 50 years", b"Tuesday, 03-Feb-76 04:05:07 GMT", at(1976, 2, 3, 4, 5, 7)),
    ("in 50 years and a day", b"Wednesday, 04-Feb-76 00:00:00 GMT", at(1976, 2, 4)),
    ("in 50 years and a month", b"Monday, 01-Mar-76 00:00:00 GMT", at(1976, 3, 1)),
    ("the year 77", b"Saturday, 01-Jan-77 00:00:00 GMT", at(1977, 1, 1)),
    ("the year 99", b"Friday, 31-Dec-99 23:59:59 GMT", at(1999, 12, 31, 23, 59, 59)),
]


@pytest.mark.parametrize(("value", "seconds"), [pytest.param(*row[1:], id=f"5.6.7 {row[0]}") for row in READ])
def test_a_date_is_read(value: bytes, seconds: int) -> None:
    assert parse_date(value, NOW) == seconds


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_has_its_name(month: int) -> None:
    value = format_date(at(2024, month, 28))
    _, day, name, *_ = value.split()

    assert parse_date(value, NOW) == at(2024, month, 28)
    assert parse_date(b"Sunday, %b-%b-24 00:00:00 GMT" % (day, name), NOW) == at(2024, month, 28)
    assert parse_date(b"Sun %b %b 00:00:00 2024" % (name, day), NOW) == at(2024, month, 28)


@pytest.mark.parametrize(
    ("now", "digits", "year"),
    [
        (at(1996, 1, 1), b"94", 1994),
        (at(1996, 1, 1), b"10", 2010),
        (at(1996, 1, 1), b"46", 1946),  # June is more than 50 years from January
        (at(1996, 12, 1), b"46", 2046),
        (at(1996, 1, 1), b"47", 1947),
        (at(2090, 1, 1), b"05", 2105),
        (at(2090, 1, 1), b"94", 2094),
        (at(2090, 1, 1), b"41", 2041),
        (at(2100, 1, 1), b"00", 2100),
    ],
)
def test_5_6_7_two_digits_are_a_year_near_now(now: int, digits: bytes, year: int) -> None:
    value = b"Sunday, 06-Jun-%b 00:00:00 GMT" % digits

    assert parse_date(value, now) == at(year, 6, 6)


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b" ", b"0", b"784111777", b"now", b"*", b'"abc"'),
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 06 Nov 1994 08:49:37 +0000",
        b"Sun, 06 Nov 1994 08:49:37 gmt",
        b"sun, 06 nov 1994 08:49:37 GMT",
        b"SUN, 06 NOV 1994 08:49:37 GMT",
        b"Sun,06 Nov 1994 08:49:37 GMT",
        b"Sun,  6 Nov 1994 08:49:37 GMT",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun, 06  Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994  8:49:37 GMT",
        b"Sun, 06 Nov 94 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49 GMT",
        b"06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06-Nov-1994 08:49:37 GMT",
        b"Son, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Okt 1994 08:49:37 GMT",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
        b"Sun, 31 Nov 1994 08:49:37 GMT",
        b"Sun, 29 Feb 1900 08:49:37 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:00:00 GMT",
        b"Sun, 06 Nov 1994 08:60:37 GMT",
        b"Sun, 06 Nov 1994 08:49:60 GMT",
        b"Sun, 06 Nov 1994 23:59:61 GMT",
        b"Sun, +6 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1_94 08:49:37 GMT",
        b"Sun, 06 Nov \xb2994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 GMT\n",
        b"Sun, 06 Nov 1994 08:49:37 GMT; length=1",
        b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37",
        b"Sun, 06-Nov-94 08:49:37 GMT",
        b"Sunday, 31-Feb-94 08:49:37 GMT",
        b"sunday, 06-nov-94 08:49:37 gmt",
        b"Sun Nov 6 08:49:37 1994",
        b"Sun Nov  6 08:49:37 1994 GMT",
        b"Sun Nov  0 08:49:37 1994",
        b"Sun Nov 31 08:49:37 1994",
        b"1994-11-06T08:49:37Z",
        b" " * 5000 + b"Sun, 06 Nov 1994 08:49:37 GMT" + b"x" * 5000,
    ],
)
def test_5_6_7_everything_else_is_no_date(value: bytes) -> None:
    assert parse_date(value, NOW) is None


@given(st.binary(max_size=64), st.floats(0, 4e9))
@example(b"Saturday, 29-Feb-00 00:00:00 GMT", 4.1e9)
def test_whatever_comes_is_a_date_or_none(value: bytes, now: float) -> None:
    seconds = parse_date(value, now)

    assert seconds is None or EARLIEST <= seconds <= LATEST + 1


FORMS = st.sampled_from(
    [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"]
)


@given(FORMS, st.integers(0, 32), st.binary(max_size=2), st.integers(0, 2))
def test_whatever_comes_that_is_nearly_a_date(form: bytes, place: int, inserted: bytes, removed: int) -> None:
    value = form[:place] + inserted + form[place + removed :]

    seconds = parse_date(value, NOW)

    assert seconds is None or EARLIEST <= seconds <= LATEST + 1


@given(st.integers(EARLIEST, LATEST))
@example(EARLIEST)
@example(LATEST)
@example(-1)
def test_what_is_written_is_read(seconds: int) -> None:
    value = format_date(seconds)

    assert len(value) == 29
    assert parse_date(value, NOW) == seconds


@given(st.integers(EARLIEST, LATEST))
def test_asctime_is_read_as_c_writes_it(seconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)

    assert parse_date(moment.ctime().encode(), NOW) == seconds


@given(st.integers(int(NOW) - 49 * 365 * 86400, int(NOW) + 49 * 365 * 86400))
def test_rfc_850_is_read_within_50_years(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)

    value = moment.strftime("%A, %d-%b-%y %H:%M:%S GMT").encode()

    assert parse_date(value, NOW) == seconds


def test_a_year_of_two_digits_is_not_remembered_for_another_now() -> None:
    value = b"Sunday, 06-Jun-60 00:00:00 GMT"

    assert parse_date(value, at(1990, 1, 1)) == at(1960, 6, 6)
    assert parse_date(value, at(2020, 1, 1)) == at(2060, 6, 6)
