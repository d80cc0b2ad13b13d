"""Lines of access logs: what is read from them, and that no text does any harm."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.ratelimit.access_log import FORMATS, LONGEST_LINE, Entry, Format, Unreadable, parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
COMMON = '203.0.113.7 - - [01/Mar/2026:12:00:00 +0000] "GET /search?q=tea HTTP/1.1" 200 512'
SEARCH = Entry(NOON, "203.0.113.7", None, "GET", "/search?q=tea", 200)


def line(**fields: Any) -> str:
    """A line of JSON with all that is needed, and ``fields`` on top; one that is None is left out."""
    found = {"time": NOON, "client": "203.0.113.7", "method": "GET", "path": "/search?q=tea", "status": 200}
    return json.dumps({name: value for name, value in (found | fields).items() if value is not None})


READ: dict[str, tuple[str, Entry]] = {
    "common": (COMMON, SEARCH),
    "combined": (f'{COMMON} "https://shop.example/" "Mozilla \\"5.0\\""', SEARCH),
    "more behind combined": (f'{COMMON} "-" "curl/8" 0.003 "-"', SEARCH),
    "a user": (COMMON.replace("- - [", "- alice ["), SEARCH._replace(user="alice")),
    "a user with a space": (COMMON.replace("- - [", "- a b ["), SEARCH._replace(user="a b")),
    "an empty user": (COMMON.replace("- - [", '- "" ['), SEARCH),
    "no size": (COMMON.replace("512", "-"), SEARCH),
    "no status": (COMMON.replace(" 200 ", " - "), SEARCH._replace(status=None)),
    "another zone": (COMMON.replace("12:00:00 +0000", "07:30:00 -0430"), SEARCH),
    "a leap second": (COMMON.replace("12:00:00", "11:59:60"), SEARCH._replace(time=NOON - 1)),
    "an IPv6 address": (COMMON.replace("203.0.113.7", "2001:db8::7"), SEARCH._replace(client="2001:db8::7")),
    "a host's name": (COMMON.replace("203.0.113.7", "host.example"), SEARCH._replace(client="host.example")),
    "a Unix socket": (COMMON.replace("203.0.113.7", "unix:"), SEARCH._replace(client=None)),
    "a quote in the path": (COMMON.replace("tea", '\\"tea\\"'), SEARCH._replace(target='/search?q="tea"')),
    "a byte in the path": (COMMON.replace("tea", "\\xe9"), SEARCH._replace(target="/search?q=é")),
    "HTTP/0.9": (COMMON.replace(" HTTP/1.1", ""), SEARCH),
    "a whole URL": (
        COMMON.replace("GET /", "GET http://a.b/"),
        SEARCH._replace(target="http://a.b/search?q=tea"),
    ),
    "JSON": (line(), SEARCH),
    "JSON, ISO 8601": (line(time=None, timestamp="2026-03-01T12:00:00Z"), SEARCH),
    "JSON, ISO 8601 without a zone": (line(time="2026-03-01 12:00:00"), SEARCH),
    "JSON, ISO 8601 with another zone": (line(time="2026-03-01T13:00:00+01:00"), SEARCH),
    "JSON, as nginx writes a time": (line(time=None, time_local="01/Mar/2026:12:00:00 +0000"), SEARCH),
    "JSON, milliseconds": (line(time=None, ts=NOON * 1000), SEARCH),
    "JSON, a number as text": (line(time=str(NOON), status="200"), SEARCH),
    "JSON, the names of nginx": (
        line(client=None, remote_addr="203.0.113.7", path=None, method=None)[:-1]
        + ', "request": "GET /search?q=tea HTTP/2.0", "remote_user": "bob", "request_time": "0.250"}',
        SEARCH._replace(user="bob", duration=0.25),
    ),
    "JSON, as Caddy writes it": (
        json.dumps(
            {
                "ts": NOON,
                "request": {"client_ip": "203.0.113.7", "method": "GET", "uri": "/search?q=tea"},
                "status": 200,
                "bytes_read": 7,
                "duration": 0.5,
            }
        ),
        SEARCH._replace(content=7, duration=0.5),
    ),
    "JSON, a port behind the address": (line(client="203.0.113.7:4711"), SEARCH),
    "JSON, a duration in another unit": (line(duration="12 ms"), SEARCH),
    "JSON, a negative duration": (line(duration=-1), SEARCH),
    "JSON, a status that is none": (line(status=True), SEARCH._replace(status=None)),
    "JSON, half a character": (line(user="\ud800"), SEARCH._replace(user="?")),
}


@pytest.mark.parametrize(("text", "entry"), READ.values(), ids=READ)
def test_a_line_is_read(text: str, entry: Entry) -> None:
    assert parse(text) == entry


UNREADABLE = {
    "nothing": ("", "is no line of a common log"),
    "prose": ("the quick brown fox", "is no line of a common log"),
    "TLS spoken to a plain port": (
        COMMON.replace("GET /search?q=tea HTTP/1.1", "\\x16\\x03\\x01"),
        "has no request",
    ),
    "no request at all": (COMMON.replace("GET /search?q=tea HTTP/1.1", "-"), "has no request"),
    "a month that is none": (COMMON.replace("Mar", "Mac"), "has no time"),
    "a day that is none": (COMMON.replace("01/Mar", "32/Mar"), "has no time"),
    "the time before time": (COMMON.replace("2026", "1969"), "has a time before 1970"),
    "a virtual host in front": (f"shop.example:443 {COMMON}", "has no address of a client"),
    "two addresses": (line(client="10.0.0.1, 10.0.0.2"), "has no address of a client"),
    "JSON without a time": (line(time=None), "has no time"),
    "JSON without a client": (line(client=None), "has no address of a client"),
    "JSON without a path": (line(path=None), "has no request"),
    "JSON that ends too early": ('{"time": 1', "is no JSON"),
    "JSON that is too deep": ('{"a":' * 20_000, "is longer than 65536 characters"),
    "JSON that is deep": ('{"a":' * 10_000, "is no JSON"),
    "a number without an end": (f'{{"time": {"9" * 9999}}}', "is no JSON"),
    "no time of this universe": (line(time=1e300), "has no time"),
    "a path without an end": (line(path="/" + "x" * 8192), "has a path of more than 8192 characters"),
    "a user without an end": (line(user="x" * 1025), "has a user that is too long to be one"),
    "a line without an end": ("x" * (LONGEST_LINE + 1), "is longer than 65536 characters"),
}


@pytest.mark.parametrize(("text", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_line_that_says_too_little_says_why(text: str, why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text)

    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("form", "text", "why"),
    [
        pytest.param("combined", COMMON, "is no line of a combined log", id="common for combined"),
        pytest.param("common", line(), "is no line of a common log", id="JSON for common"),
        pytest.param("json", COMMON, "is no JSON", id="common for JSON"),
        pytest.param("json", "[]", "is no JSON object", id="a list"),
    ],
)
def test_a_form_that_is_named_is_meant(form: Format, text: str, why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text, form)

    assert str(caught.value) == why


NAMES = [
    "time",
    "ts",
    "client",
    "ip",
    "method",
    "path",
    "url",
    "request",
    "status",
    "user",
    "duration",
    "bytes_in",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), ANYTHING).map(lambda found: json.loads(line()) | found)
ALMOST_COMMON = st.builds(
    lambda place, cut, text: COMMON[:place] + text + COMMON[place + cut :],
    st.integers(0, len(COMMON)),
    st.integers(0, 9),
    st.text(max_size=9),
)


@given(st.text() | ALMOST_COMMON | OBJECTS.map(json.dumps), st.sampled_from(FORMATS))
def test_whatever_the_text_it_is_read_or_unreadable(text: str, form: Format) -> None:
    try:
        entry = parse(text, form)
    except Unreadable:
        return

    assert 0 <= entry.time < 1e12
    assert entry.start <= entry.time
    assert entry.target.encode()


@pytest.mark.parametrize("piece", ['"', "\\", '\\"', " ", "[", '" "', "a ", "/", "{", '{"a":', "- "])
def test_time_grows_with_the_line_and_no_faster(piece: str) -> None:
    text = (COMMON[:60] + piece * LONGEST_LINE)[:LONGEST_LINE]

    began = time.process_time()
    for each in (text, piece * (LONGEST_LINE // len(piece))):
        with pytest.raises(Unreadable):
            parse(each)

    assert time.process_time() - began < 1
