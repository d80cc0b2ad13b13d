"""The requests that are measured: as curl would send them, or as lines of a file, with mistakes named by line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.benching.requests import (
    MOST,
    Sent,
    WrongRequest,
    clients,
    from_lines,
    from_options,
)

AGENT = (b"user-agent", b"asgi-patterns-bench")
ANY = (b"accept", b"*/*")
FORM = (b"content-type", b"application/x-www-form-urlencoded")


def length(number: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % number


@pytest.mark.parametrize(
    ("method", "headers", "data", "expected"),
    [
        pytest.param(None, [], [], ("GET", [ANY, AGENT], b""), id="nothing said is a GET"),
        pytest.param(
            None, [], [b"a=1"], ("POST", [ANY, AGENT, FORM, length(3)], b"a=1"), id="data makes a form"
        ),
        pytest.param(
            None,
            [],
            [b"a=1", b"b=2"],
            ("POST", [ANY, AGENT, FORM, length(7)], b"a=1&b=2"),
            id="data given twice is joined",
        ),
        pytest.param(
            "PUT",
            [(b"content-type", b"text/plain")],
            [b"x"],
            ("PUT", [ANY, AGENT, (b"content-type", b"text/plain"), length(1)], b"x"),
            id="a type and a method that are given stay",
        ),
        pytest.param(None, [], [b""], ("POST", [ANY, AGENT, FORM, length(0)], b""), id="empty data is data"),
        pytest.param(
            None,
            [(b"accept", b"text/html"), (b"user-agent", b"me")],
            [],
            ("GET", [(b"accept", b"text/html"), (b"user-agent", b"me")], b""),
            id="own fields replace the usual ones",
        ),
    ],
)
def test_options_say_what_curl_would_send(
    method: str | None,
    headers: list[tuple[bytes, bytes]],
    data: list[bytes],
    expected: tuple[str, list[tuple[bytes, bytes]], bytes],
) -> None:
    sent = from_options(method, "/x", headers, data)

    assert (sent.method, list(sent.headers), sent.body) == expected


@pytest.mark.parametrize(
    ("line", "said", "body"),
    [
        pytest.param('{"path": "/"}', "GET /", b"", id="a path alone"),
        pytest.param('{"path": "/", "body": "é"}', "POST /", "é".encode(), id="text is UTF-8"),
        pytest.param('{"path": "/", "json": {"a": 1}}', "POST /", b'{"a":1}', id="JSON"),
        pytest.param('{"path": "/", "json": null}', "POST /", b"null", id="JSON that is null"),
        pytest.param('{"method": "put", "path": "/x"}', "PUT /x", b"", id="a method in small letters"),
        pytest.param('{"path": "http://shop.example/x"}', "GET http://shop.example/x", b"", id="a URL"),
    ],
)
def test_a_line_is_a_request(line: str, said: str, body: bytes) -> None:
    (sent,) = from_lines(line)

    assert (str(sent), sent.body) == (said, body)


def test_json_has_its_type_unless_another_is_given() -> None:
    plain, own = from_lines(
        '{"path": "/", "json": 1}\n{"path": "/", "json": 1, "headers": {"Content-Type": "application/hal+json"}}'
    )

    assert dict(plain.headers)[b"content-type"] == b"application/json"
    assert dict(own.headers)[b"content-type"] == b"application/hal+json"


def test_a_list_of_fields_may_have_one_twice() -> None:
    (sent,) = from_lines('{"path": "/", "headers": ["X-A: 1", "X-A: 2"]}')

    assert [value for name, value in sent.headers if name == b"x-a"] == [b"1", b"2"]


def test_comments_and_empty_lines_are_passed_over() -> None:
    found = from_lines('# one\n\n  {"path": "/a"}\n   # two\r\n{"path": "/b"}\n')

    assert [sent.url for sent in found] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "", 'there is no request in it: write lines such as {"path": "/products/1"}', id="nothing"
        ),
        pytest.param(
            '\n{"path"', "line 2: this is no JSON: Expecting ':' delimiter at column 8", id="no JSON"
        ),
        pytest.param('["/"]', "line 1: this is no JSON object: write lines such as", id="no object"),
        pytest.param("[" * 100_000, "line 1: this is no JSON that can be read", id="nested too deep"),
        pytest.param('{"method": "GET"}', "line 1: a request needs a 'path'", id="no path"),
        pytest.param('{"path": 3}', "line 1: 'path' is text, not 3", id="a path that is no text"),
        pytest.param(
            '{"path": "x"}', "line 1: 'x' is neither a path that begins with /", id="no path, a word"
        ),
        pytest.param(
            '{"path": "/", "methd": "GET"}', "line 1: there is no 'methd': a request has", id="misspelt"
        ),
        pytest.param('{"path": "/", "method": "G T"}', "line 1: 'G T' is no method", id="no method"),
        pytest.param(
            '{"path": "/", "headers": 1}', "line 1: 'headers' is an object of texts", id="no headers"
        ),
        pytest.param('{"path": "/", "headers": {"a": 1}}', "line 1: 'headers' is an object", id="a number"),
        pytest.param(
            '{"path": "/", "headers": {"a b": "1"}}', "line 1: 'headers': 'a b' is not", id="no name"
        ),
        pytest.param('{"path": "/", "headers": ["a"]}', "line 1: 'a' is no field: write", id="no line"),
        pytest.param('{"path": "/", "headers": {"a": "1\\n"}}', "line 1: 'headers': ", id="a line break"),
        pytest.param('{"path": "/", "body": "", "json": 1}', "line 1: 'body' and 'json' are two", id="both"),
        pytest.param(
            '{"path": "/", "headers": {"Content-Length": "3"}}',
            "line 1: 'content-length' is written by the client itself",
            id="a length of its own",
        ),
        pytest.param(
            '{"path": "/"}\n' * (MOST + 1), f"line {MOST + 1}: this is one request more", id="too many"
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(WrongRequest) as caught:
        from_lines(text)

    assert str(caught.value).startswith(said)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        found = from_lines(text)
    except WrongRequest:
        return
    assert found


@given(
    st.dictionaries(
        st.sampled_from(["method", "path", "headers", "body", "json", "x"]), st.text() | st.none()
    )
)
def test_no_object_breaks_the_reader(tree: dict[str, object]) -> None:
    try:
        found = from_lines(json.dumps(tree))
    except WrongRequest:
        return
    assert len(found) == 1


def test_what_goes_over_a_connection_is_one_request() -> None:
    sent = from_options("POST", "/café?q=é&r=%20", [(b"host", b"shop.example")], [b"x=1"])

    head, _, body = sent.wire().partition(b"\r\n\r\n")

    assert head.split(b"\r\n")[0] == b"POST /caf%C3%A9?q=%C3%A9&r=%20 HTTP/1.1"
    assert head.split(b"\r\n").count(b"host: shop.example") == 1
    assert (b"content-length: 3" in head, body) == (True, b"x=1")


def test_values_of_a_query_are_not_shown_to_others() -> None:
    assert Sent(method="GET", url="/x?token=secret", headers=[]).shown == "GET /x?..."


def test_clients_are_different_addresses() -> None:
    found = clients(70_000)

    assert len(set(found)) == 70_000
    assert (found[0][0], found[-1][0]) == ("10.0.0.1", "10.1.17.112")
