"""What of a request may stand in a log: nothing that breaks a line, and no value that nobody has asked for."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.observability.lines import FORMS, Form, Line, as_json, as_text, iso
from asgi_patterns.observability.redaction import LONGEST_QUERY, Fields, Query, printable

TEXTS = [
    ("plain text stays", "/orders/7", "/orders/7"),
    ("letters of all languages stay", "/prix/é", "/prix/é"),
    ("a new line", "a\r\nb", r"a\r\nb"),
    ("a terminal's escape", "\x1b[31m", r"\x1b[31m"),
    ("DEL and a C1 control", "\x7f\x9b", r"\x7f\x9b"),
    ("what turns the direction of text", "a\u202eb", r"a\u202eb"),
    ("half a character", "\udc80", r"\udc80"),
    ("a line separator", "a\u2028b", r"a\u2028b"),
    ("too long a text is cut", "x" * 11, "x" * 10 + "..."),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_what_is_printed_of_a_text(text: str, expected: str) -> None:
    assert printable(text, 10) == expected


QUERIES = [
    ("a value is hidden", b"token=abc", (), "token=***"),
    ("one that is known is shown", b"page=2&token=abc", ("page",), "page=2&token=***"),
    ("a name may be coded", b"p%61ge=2", ("page",), "p%61ge=2"),
    ("a name has its case", b"Page=2", ("page",), "Page=***"),
    ("what is no pair may be a value", b"abc&page=2", ("page",), "***&page=2"),
    ("an equals sign in a value", b"a=b=c", (), "a=***"),
    ("all are shown", b"a=1&abc", ("*",), "a=1&abc"),
    ("an empty one", b"", (), ""),
    ("empty pairs", b"&&a=", (), "&&a=***"),
    ("bytes that are no text", b"a\xff=\x00", (), "aÿ=***"),
    ("controls in a value that is shown", b"a=\r\nb", ("a",), r"a=\r\nb"),
]


@pytest.mark.parametrize(
    ("query", "shown", "expected"), [row[1:] for row in QUERIES], ids=[row[0] for row in QUERIES]
)
def test_what_is_shown_of_a_query(query: bytes, shown: tuple[str, ...], expected: str) -> None:
    assert Query(shown)(query) == expected


@given(st.binary(max_size=3000))
def test_a_query_is_one_short_printable_line(query: bytes) -> None:
    shown = Query(())(query)

    assert shown.isprintable()
    # "a&b&c" grows by what stands for each; controls grow fourfold.
    assert len(shown) <= 4 * LONGEST_QUERY + 10


@given(st.text(min_size=4, alphabet="abcdefgh123"))
def test_no_value_is_ever_shown_that_was_not_asked_for(value: str) -> None:
    secret = f"S{value}"

    shown = Query(("page",))(f"page=1&x={secret}&{secret}&y=1={secret}".encode())

    assert secret not in shown


HEADERS = [
    ("a chosen one is shown", [(b"user-agent", b"curl/8")], {"user-agent": "curl/8"}),
    ("another one is not", [(b"x-other", b"1")], {}),
    ("a secret one was there", [(b"authorization", b"Bearer abc")], {"authorization": "***"}),
    ("names in capitals", [(b"User-Agent", b"curl/8")], {"user-agent": "curl/8"}),
    ("two lines are one text", [(b"user-agent", b"a"), (b"user-agent", b"b")], {"user-agent": "a, b"}),
    ("a URL has a query, too", [(b"referer", b"https://a/b?t=1#f")], {"referer": "https://a/b?t=***"}),
    ("controls", [(b"user-agent", b"a\x1b")], {"user-agent": r"a\x1b"}),
    ("pairs may be lists", [[b"user-agent", b"a"]], {"user-agent": "a"}),
    ("a long one is cut", [(b"user-agent", b"x" * 600)], {"user-agent": "x" * 512 + "..."}),
]


@pytest.mark.parametrize(("lines", "expected"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_what_is_shown_of_header_fields(lines: list[tuple[bytes, bytes]], expected: dict[str, str]) -> None:
    fields = Fields([b"user-agent", b"authorization", b"referer"], [b"authorization"], Query(()))

    assert fields(lines) == expected
    assert fields.of_request([(name.lower(), value) for name, value in lines]) == expected


WHOLE: dict[str, object] = {
    "request_id": "abcdefgh",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "client": "192.0.2.1",
    "method": "GET",
    "path": "/orders/7",
    "query": "token=***",
    "route": "/orders/{id}",
    "status": 429,
    "outcome": "rejected",
    "answered_by": "rate_limit",
    "duration": 0.0123,
    "head": 0.01,
    "first_byte": 0.011,
    "bytes_in": 3,
    "bytes_out": 512,
    "protocol": "1.1",
    "slow": True,
    "headers": {"user-agent": 'my "agent"'},
}


def test_a_line_of_json_has_what_is_there() -> None:
    line = json.loads(as_json(1_700_000_000.5, "INFO", WHOLE))

    assert line == {"time": "2023-11-14T22:13:20.500Z", "level": "info", **WHOLE}


PRINTABLE = st.text(max_size=20).filter(str.isprintable)
VALUES = {
    **dict.fromkeys(("client", "path", "route", "error"), PRINTABLE),
    **dict.fromkeys(("status", "code", "bytes_out"), st.integers()),
    **dict.fromkeys(("duration", "head"), st.floats(allow_nan=False, allow_infinity=False)),
    **dict.fromkeys(("stream", "websocket", "slow"), st.just(True)),
    **dict.fromkeys(
        ("headers", "response_headers"),
        st.dictionaries(st.sampled_from(["a", "b%s", "status", "slow", "headers"]), PRINTABLE),
    ),
}


@given(st.fixed_dictionaries({"outcome": st.just("ok")}, optional=VALUES), PRINTABLE)
def test_a_line_of_json_is_what_json_would_write(fields: dict[str, object], level: str) -> None:
    text = as_json(0, level, fields)

    assert text == json.dumps({"time": iso(0), "level": level.lower(), **fields}, separators=(",", ":"))
    assert text.isascii()


def test_a_line_for_people() -> None:
    assert as_text(0, "INFO", WHOLE) == (
        "192.0.2.1 GET /orders/7?token=*** 429 rejected 12.3ms 512B id=abcdefgh "
        "trace=4bf92f3577b34da6a3ce929d0e0e4736 route=/orders/{id} "
        r'by=rate_limit in=3B head=10.0ms slow user-agent="my \"agent\""'
    )


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_a_line_for_who_has_left_before_the_answer(form: Form) -> None:
    nothing = {
        "client": "unix",
        "path": "/",
        "method": "GET",
        "outcome": "client_disconnect",
        "duration": 1.0,
        "bytes_in": 0,
    }

    line = str(Line(FORMS[form], 0, "INFO", nothing))

    assert "\n" not in line
    assert "None" not in line


def test_nothing_is_formatted_before_a_handler_wants_it_and_then_once() -> None:
    class Fields(dict[str, object]):
        reads = 0

        def values(self) -> Any:
            self.reads += 1
            return super().values()

    fields = Fields(WHOLE)
    line = Line(as_json, 0, "INFO", fields)
    before = fields.reads

    assert str(line) == str(line)

    assert (before, fields.reads) == (0, 1)
