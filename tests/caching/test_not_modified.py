"""The head of a 304: what a 200 would have to repeat, what is about the answer, and nothing about the content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.caching.not_modified import not_modified
from asgi_patterns.kernel.types import RawHeaders

KEPT = [
    ("15.4.5", "Cache-Control", b"max-age=60"),
    ("15.4.5", "Content-Location", b"/a.json"),
    ("15.4.5", "Date", b"Sun, 06 Nov 1994 08:49:37 GMT"),
    ("15.4.5", "ETag", b'"abc"'),
    ("15.4.5", "Expires", b"Sun, 06 Nov 1994 09:49:37 GMT"),
    ("15.4.5", "Vary", b"Accept-Encoding, Origin"),
    ("RFC 9213", "CDN-Cache-Control", b"max-age=600"),
    ("RFC 9211", "Cache-Status", b"shop; hit"),
    ("RFC 9111 5.1", "Age", b"3"),
    ("RFC 8288", "Link", b'</a?page=2>; rel="next"'),
    ("RFC 6265 3", "Set-Cookie", b"session=1"),
    ("ours", "X-Request-ID", b"01234567"),
    ("ours", "RateLimit", b'"default";r=9;t=1'),
    ("ours", "RateLimit-Policy", b'"default";q=10;w=1'),
    ("ours", "Server-Timing", b"app;dur=3"),
    ("ours", "Timing-Allow-Origin", b"*"),
    ("Fetch", "Access-Control-Allow-Origin", b"*"),
    ("Fetch", "Access-Control-Expose-Headers", b"ETag"),
    ("Fetch", "Cross-Origin-Resource-Policy", b"same-site"),
    ("Fetch", "X-Content-Type-Options", b"nosniff"),
    ("RFC 6797", "Strict-Transport-Security", b"max-age=1"),
    ("CSP", "Content-Security-Policy", b"default-src 'none'"),
    ("CSP", "Content-Security-Policy-Report-Only", b"default-src 'none'"),
    ("W3C", "traceparent", b"00-0-0-00"),
    ("RFC 8594", "Sunset", b"Sun, 06 Nov 1994 08:49:37 GMT"),
    ("any", "X-Whatever", b"1"),
]
DROPPED = [
    ("8.3", "Content-Type", b"application/json"),
    ("8.4", "Content-Encoding", b"gzip"),
    ("8.5", "Content-Language", b"en"),
    ("8.6", "Content-Length", b"123"),
    ("14.4", "Content-Range", b"bytes 0-1/3"),
    ("14.3", "Accept-Ranges", b"bytes"),
    ("6.6.2", "Trailer", b"Server-Timing"),
    ("RFC 9112 6.1", "Transfer-Encoding", b"chunked"),
    ("RFC 9530", "Content-Digest", b"sha-256=:x:"),
    ("RFC 9530", "Repr-Digest", b"sha-256=:x:"),
    ("RFC 3230", "Digest", b"sha-256=x"),
    ("RFC 2616", "Content-MD5", b"x"),
    ("RFC 6266", "Content-Disposition", b"attachment"),
    ("CSP", "Content-Security-Policy", b"script-src 'nonce-abc'"),
    ("nginx", "X-Accel-Redirect", b"/files/a"),
    ("Apache", "X-Sendfile", b"/files/a"),
]


def both_cases(rows: list[tuple[str, str, bytes]]) -> list[tuple[str, bytes, bytes]]:
    return [
        (f"{why} {name}", each.encode(), value)
        for why, name, value in rows
        for each in dict.fromkeys((name, name.lower()))
    ]


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(*row[1:], id=f"{row[0]} {row[1]!r}") for row in both_cases(KEPT)]
)
def test_a_304_has(name: bytes, value: bytes) -> None:
    assert not_modified([(b"x-a", b"b"), (name, value)]) == [(b"x-a", b"b"), (name, value)]


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(*row[1:], id=f"{row[0]} {row[1]!r}") for row in both_cases(DROPPED)]
)
@pytest.mark.parametrize("tag", [None, b'"abc"'], ids=["without a tag", "with a tag"])
def test_a_304_has_no(name: bytes, value: bytes, tag: bytes | None) -> None:
    fields = not_modified([(b"x-a", b"b"), (name, value)], tag)

    assert fields[0] == (b"x-a", b"b")
    assert fields[1:] == ([] if tag is None else [(b"etag", b'"abc"')])


AT = (b"Last-Modified", b"Sun, 06 Nov 1994 08:49:37 GMT")


@pytest.mark.parametrize(
    ("headers", "tag", "expected"),
    [
        pytest.param([AT], None, [AT], id="15.4.5 a date where there is no tag"),
        pytest.param([AT], b'"a"', [(b"etag", b'"a"')], id="15.4.5 no date where there is one"),
        pytest.param([(b"ETag", b'"a"')], b'"a"', [(b"etag", b'"a"')], id="15.4.5 the tag once"),
        pytest.param(
            [(b"ETag", b'"a"'), (b"Vary", b"x")],
            b'"a-gzip"',
            [(b"Vary", b"x"), (b"etag", b'"a-gzip"')],
            id="8.8.3.3 the tag of what the client has",
        ),
        pytest.param([], b'W/"a"', [(b"etag", b'W/"a"')], id="8.8.3 a weak tag"),
        pytest.param(
            [(b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")],
            None,
            [(b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")],
            id="5.3 each line of a field",
        ),
        pytest.param([], None, [], id="nothing"),
    ],
)
def test_a_304(headers: RawHeaders, tag: bytes | None, expected: RawHeaders) -> None:
    assert not_modified(headers, tag) == expected


def test_the_200_stays_as_it_is() -> None:
    headers = [(b"content-length", b"3"), (b"etag", b'"a"')]

    not_modified(headers, b'"b"')

    assert headers == [(b"content-length", b"3"), (b"etag", b'"a"')]


names = st.sampled_from([name.encode() for _, name, _ in [*KEPT, *DROPPED]])


@given(st.lists(st.tuples(st.one_of(names, st.binary(max_size=20)), st.binary(max_size=20))), st.booleans())
def test_whatever_a_200_has_is_kept_in_order_or_dropped(headers: RawHeaders, has_tag: bool) -> None:
    tag = b'"abc"' if has_tag else None

    fields = not_modified(headers, tag)

    rest = iter(headers)
    own = [(b"etag", tag)] if tag is not None else []
    assert fields[len(fields) - len(own) :] == own
    assert all(line in rest for line in fields[: len(fields) - len(own)])
    # Made of a 304, it is the same again.
    assert not_modified(fields, tag) == fields
