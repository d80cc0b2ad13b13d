"""Validators as users give them and as answers carry them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.caching.dates import LATEST
from asgi_patterns.caching.validators import STRONG_AFTER, Selected, Validators, read_selected
from asgi_patterns.kernel.tags import Tag
from asgi_patterns.kernel.types import RawHeaders

THEN = 784_111_777
NOW = THEN + 1000.5
AT = b"Sun, 06 Nov 1994 08:49:37 GMT"
TWO_HOURS = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ("abc", Tag(b"abc")),
        ('"abc"', Tag(b"abc")),
        ('W/"abc"', Tag(b"abc", weak=True)),
        ("v7", Tag(b"v7")),
        ("a,b", Tag(b"a,b")),
        ('""', Tag(b"")),
        ("*", Tag(b"*")),
        ("W", Tag(b"W")),
        ("w/abc", Tag(b"w/abc")),
        ('"W/abc"', Tag(b"W/abc")),
        ("\xe9", Tag(b"\xe9")),
        (Tag(b"abc"), Tag(b"abc")),
        (Tag(b"abc", weak=True), Tag(b"abc", weak=True)),
        (None, None),
    ],
)
def test_8_8_3_an_etag_is_given(given: Tag | str | None, tag: Tag | None) -> None:
    assert Validators(etag=given).tag == tag


@pytest.mark.parametrize(
    "given",
    [
        *(
            "",
            " ",
            "a b",
            "a\tb",
            "a\nb",
            "a\r\nSet-Cookie: x=y",
            "a\0",
            "a\x7f",
            " abc ",
            "\u20ac",
            "\u1234",
        ),
        *('"', '"abc', 'abc"', '"a" "b"', '"a", "b"', 'a"b', "W/abc", 'w/"abc"', 'W/ "abc"', "W/"),
        *(Tag(b'a"b'), Tag(b"a b"), Tag(b"a\n"), Tag(b"x" * 5000)),
    ],
)
def test_8_8_3_what_is_no_etag_is_refused(given: Tag | str) -> None:
    with pytest.raises(ValueError, match=r"^etag: "):
        Validators(etag=given)


@pytest.mark.parametrize("given", [7, 1.5, b"abc", True, ["abc"], (b"abc", False)])
def test_an_etag_of_another_type_is_refused(given: object) -> None:
    with pytest.raises(TypeError, match=r"^etag: "):
        Validators(etag=given)  # type: ignore[arg-type]  # what a user may get wrong


@pytest.mark.parametrize(
    ("given", "modified"),
    [
        (THEN, THEN),
        (float(THEN), THEN),
        (THEN + 0.999, THEN),
        (-0.5, -1),
        (0, 0),
        (LATEST + 0.5, LATEST),
        (datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC), THEN),
        (datetime(1994, 11, 6, 8, 49, 37, 999_999, tzinfo=UTC), THEN),
        (datetime(1994, 11, 6, 10, 49, 37, tzinfo=TWO_HOURS), THEN),
        (None, None),
    ],
)
def test_8_8_2_a_date_is_given(given: float | datetime | None, modified: int | None) -> None:
    assert Validators(last_modified=given).modified == modified


@pytest.mark.parametrize(
    "given",
    [
        *(float("nan"), float("inf"), -float("inf"), LATEST + 1, -1e12, 1e300),
        pytest.param(10**400, id="beyond every float"),
        datetime(1994, 11, 6, 8, 49, 37),  # noqa: DTZ001  # a time without a zone is what is refused
    ],
)
def test_8_8_2_what_no_date_can_say_is_refused(given: float | datetime) -> None:
    with pytest.raises(ValueError, match=r"^last_modified: "):
        Validators(last_modified=given)


@pytest.mark.parametrize("given", ["now", AT, True, [THEN]])
def test_a_date_of_another_type_is_refused(given: object) -> None:
    with pytest.raises(TypeError, match=r"^last_modified: "):
        Validators(last_modified=given)  # type: ignore[arg-type]  # what a user may get wrong


def test_without_validators_there_still_is_something() -> None:
    assert Validators().selected(NOW) == Selected()


def test_equal_ones_are_equal() -> None:
    assert Validators(etag="v7") == Validators(etag="v7")
    assert Validators(etag="v7") != Validators(etag="v8")
    assert "v7" in repr(Validators(etag="v7"))


@pytest.mark.parametrize(
    ("now", "is_strong"),
    [(THEN - 1, False), (THEN, False), (THEN + 0.999, False), (THEN + STRONG_AFTER, True), (THEN + 9, True)],
)
def test_8_8_2_2_a_date_is_strong_once_its_second_is_over(now: float, is_strong: bool) -> None:
    given = Validators(etag="a", last_modified=THEN + 0.5)

    assert given.selected(now) == Selected(Tag(b"a"), THEN, is_strong)
    assert read_selected([(b"last-modified", AT)], now) == Selected(None, THEN, is_strong)


def etag(value: bytes) -> tuple[bytes, bytes]:
    return b"etag", value


MODIFIED = (b"last-modified", AT)


def date(value: bytes) -> tuple[bytes, bytes]:
    return b"date", value


ANSWERS: list[tuple[str, str, RawHeaders, Selected]] = [
    ("8.8", "no validators", [], Selected()),
    ("8.8.3", "a tag", [etag(b'"a"')], Selected(Tag(b"a"))),
    ("8.8.3", "a weak tag", [etag(b'W/"a"')], Selected(Tag(b"a", weak=True))),
    (
        "5.1",
        "names have no case",
        [(b"ETag", b'"a"'), (b"Last-Modified", AT)],
        Selected(Tag(b"a"), THEN, True),
    ),
    ("8.8.3", "a broken tag", [etag(b"a")], Selected()),
    ("8.8.3", "a broken tag with a date", [etag(b"a"), MODIFIED], Selected(None, THEN, True)),
    ("8.8.3", "two tags", [etag(b'"a"'), etag(b'"b"')], Selected()),
    ("8.8.3", "one tag twice", [etag(b'"a"'), (b"ETag", b'"a"')], Selected()),
    ("8.8.3", "a list of tags", [etag(b'"a", "b"')], Selected()),
    ("8.8.3", "a star", [etag(b"*")], Selected()),
    ("8.8.3", "an empty value", [etag(b"")], Selected()),
    ("8.8.2", "a date", [MODIFIED], Selected(None, THEN, True)),
    ("8.8.2", "both", [etag(b'"a"'), MODIFIED], Selected(Tag(b"a"), THEN, True)),
    ("8.8.2", "a broken date", [etag(b'"a"'), (b"last-modified", b"now")], Selected(Tag(b"a"))),
    ("8.8.2", "two dates", [MODIFIED, MODIFIED, etag(b'"a"')], Selected(Tag(b"a"))),
    ("8.8.2", "an old form", [(b"last-modified", b"Sun Nov  6 08:49:37 1994")], Selected(None, THEN, True)),
    ("8.8.2.2", "changed in the second it was sent", [MODIFIED, date(AT)], Selected(None, THEN)),
    (
        "8.8.2.2",
        "sent a second later",
        [date(b"Sun, 06 Nov 1994 08:49:38 GMT"), MODIFIED],
        Selected(None, THEN, True),
    ),
    (
        "8.8.2.2",
        "sent before it was changed",
        [MODIFIED, (b"Date", b"Sun, 06 Nov 1994 08:49:36 GMT")],
        Selected(None, THEN),
    ),
    ("8.8.2.2", "sent nobody knows when", [MODIFIED, date(b"now")], Selected(None, THEN)),
    ("8.8.2.2", "sent twice", [MODIFIED, date(AT), date(AT)], Selected(None, THEN)),
    (
        "5.1",
        "names of the same length",
        [(b"link", b'"a"'), (b"cache-control", AT), (b"vary", b"x")],
        Selected(),
    ),
]


@pytest.mark.parametrize(
    ("headers", "selected"), [pytest.param(*row[2:], id=f"{row[0]} {row[1]}") for row in ANSWERS]
)
def test_the_validators_of_an_answer(headers: RawHeaders, selected: Selected) -> None:
    answer = [(b"content-type", b"text/plain"), *headers, (b"content-length", b"3")]

    assert read_selected(answer, NOW) == selected


names = st.sampled_from([b"etag", b"ETag", b"date", b"last-modified", b"Last-Modified", b"x"])
values = st.one_of(st.binary(max_size=40), st.sampled_from([AT, b'"a"', b'W/"a"']))


@given(st.lists(st.tuples(names, values), max_size=6))
def test_whatever_an_answer_has_is_read(headers: RawHeaders) -> None:
    found = read_selected(headers, NOW)

    assert found.tag is None or sum(name.lower() == b"etag" for name, _ in headers) == 1
    assert not found.is_strong_date or found.modified is not None


@given(st.text(max_size=8))
def test_whatever_text_is_given_is_a_tag_or_refused(text: str) -> None:
    try:
        found = Validators(etag=text).tag
    except ValueError as refused:
        assert str(refused).startswith("etag: ")  # noqa: PT017  # either way it has to hold
    else:
        assert found is not None
        assert not set(b' "\r\n\0') & set(found.opaque)
