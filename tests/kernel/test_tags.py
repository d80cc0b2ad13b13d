"""Entity tags: what is one, what is a list of them, which are the same, and what a coding does to one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.tags import (
    ANY,
    CODINGS,
    MAX_BYTES,
    MAX_TAGS,
    Tag,
    Tags,
    format_tag,
    matches_strongly,
    matches_weakly,
    parse_tag,
    parse_tags,
    with_coding,
    without_any_coding,
    without_coding,
)

A, B, WEAK_A = Tag(b"a"), Tag(b"b"), Tag(b"a", weak=True)
VISIBLE = bytes([0x21, *range(0x23, 0x7F), *range(0x80, 0x100)])
"""What RFC 9110 8.8.3 lets stand in a tag."""

TAGS: list[tuple[str, bytes, Tag | None]] = [
    ("a tag", b'"abc"', Tag(b"abc")),
    ("a weak tag", b'W/"abc"', Tag(b"abc", weak=True)),
    ("an empty tag", b'""', Tag(b"")),
    ("an empty weak tag", b'W/""', Tag(b"", weak=True)),
    ("white space around it", b' \t"abc"\t ', Tag(b"abc")),
    ("commas in it", b'",a,,b,"', Tag(b",a,,b,")),
    ("all that may be in it", b'"' + VISIBLE + b'"', Tag(VISIBLE)),
    ("as long as may be", b'"' + b"x" * (MAX_BYTES - 2) + b'"', Tag(b"x" * (MAX_BYTES - 2))),
    ("longer", b'"' + b"x" * (MAX_BYTES - 1) + b'"', None),
    ("nothing", b"", None),
    ("no quotes", b"abc", None),
    ("an open quote", b'"abc', None),
    ("a quote that was never opened", b'abc"', None),
    ("one quote", b'"', None),
    ("single quotes", b"'abc'", None),
    ("a small w", b'w/"abc"', None),
    ("a space in the mark", b'W /"abc"', None),
    ("a space behind the mark", b'W/ "abc"', None),
    ("no slash in the mark", b'W"abc"', None),
    ("the mark twice", b'W/W/"abc"', None),
    ("the mark alone", b"W/", None),
    ("a space in it", b'"a b"', None),
    ("a tab in it", b'"a\tb"', None),
    ("a control character in it", b'"a\x01b"', None),
    ("DEL in it", b'"a\x7fb"', None),
    ("NUL in it", b'"a\0b"', None),
    ("the end of a line in it", b'"a\nb"', None),
    ("the end of a line behind it", b'"abc"\n', None),
    ("a quote in it", b'"a"b"', None),
    ("an escaped quote in it", b'"a\\"b"', None),
    ("two of them", b'"a", "b"', None),
    ("two of them without space", b'"a","b"', None),
    ("a parameter", b'"abc";x=1', None),
    ("a star", b"*", None),
]


@pytest.mark.parametrize(("value", "tag"), [pytest.param(*row[1:], id=f"8.8.3 {row[0]}") for row in TAGS])
def test_a_tag(value: bytes, tag: Tag | None) -> None:
    assert parse_tag(value) == tag


def some(*tags: Tag) -> Tags:
    return Tags(tags)


def broken(*tags: Tag) -> Tags:
    return Tags(tags, is_whole=False)


LISTS: list[tuple[str, list[bytes], Tags]] = [
    ("one", [b'"a"'], some(A)),
    ("one that is weak", [b'W/"a"'], some(WEAK_A)),
    ("several", [b'"a", W/"a", "b"'], some(A, WEAK_A, B)),
    ("one, twice", [b'"a", "a"'], some(A, A)),
    ("no space between", [b'"a","b"'], some(A, B)),
    ("much space between", [b' "a" \t , \t "b"\t'], some(A, B)),
    ("empty elements", [b', ,"a",,\t, "b",'], some(A, B)),
    ("lines are one list", [b'"a"', b'W/"a"', b'"b"'], some(A, WEAK_A, B)),
    ("empty lines", [b"", b'"a"', b"", b" "], some(A)),
    ("a comma in one", [b'"a,b"'], some(Tag(b"a,b"))),
    ("a comma in each", [b'"a,", ",b", W/","'], some(Tag(b"a,"), Tag(b",b"), Tag(b",", weak=True))),
    ("a comma at its edge", [b'"a,","b"'], some(Tag(b"a,"), B)),
    ("nothing", [b""], some()),
    ("no line", [], some()),
    ("nothing but commas", [b",,, ,"], some()),
    ("any", [b"*"], ANY),
    ("any with space around", [b"\t * "], ANY),
    ("any in quotes is a tag", [b'"*"'], some(Tag(b"*"))),
    ("any with a tag", [b'*, "a"'], broken()),
    ("any behind a tag", [b'"a", *'], broken()),
    ("any between tags", [b'"a" ,* , "b"'], broken()),
    ("any on a line of its own", [b'"a"', b"*"], broken()),
    ("any twice", [b"*, *"], broken()),
    ("any with an empty element", [b"*,"], broken()),
    ("any with something else", [b"*x"], broken()),
    ("no quotes", [b"a"], broken()),
    ("no quotes in a list", [b'"a", b, "b"'], broken(A, B)),
    ("no quotes at the end", [b'"a", b'], broken(A)),
    ("a small w", [b'w/"a", "b"'], broken(B)),
    ("a space in one", [b'"a b", "b"'], broken(B)),
    ("an open quote takes nothing else with it", [b'"x, "a", "b"'], broken(A, B)),
    ("an open quote at the end of a line", [b'"x', b'"a"'], broken(A)),
    ("an open quote at the very end", [b'"a", "'], broken(A)),
    ("no comma between", [b'"a" "b"'], broken()),
    ("no comma and no space between", [b'"a""b", "a"'], broken(A)),
    ("a parameter", [b'"a";q=1, "b"'], broken(B)),
    ("a control character", [b'"a\x01", "b"'], broken(B)),
    ("a semicolon between", [b'"a"; "b"'], broken()),
]


@pytest.mark.parametrize(("lines", "tags"), [pytest.param(*row[1:], id=f"13.1.1 {row[0]}") for row in LISTS])
def test_a_list(lines: list[bytes], tags: Tags) -> None:
    assert parse_tags(lines) == tags


@pytest.mark.parametrize(
    ("count", "is_whole"), [(MAX_TAGS - 1, True), (MAX_TAGS, True), (MAX_TAGS + 1, False)]
)
def test_tags_above_the_limit_are_not_read(count: int, is_whole: bool) -> None:
    tags = parse_tags([b'"a"'] * count)

    assert tags == Tags((A,) * min(count, MAX_TAGS), is_whole=is_whole)


@pytest.mark.parametrize(
    ("excess", "expected"),
    [
        pytest.param(-1, some(A, B), id="below the limit"),
        pytest.param(0, some(A, B), id="at the limit"),
        pytest.param(1, broken(A), id="above"),
    ],
)
def test_a_tag_across_the_limit_is_not_read_in_part(excess: int, expected: Tags) -> None:
    tail = b',"b"'
    line = b'"a"'.ljust(MAX_BYTES + excess - len(tail)) + tail

    assert parse_tags([line]) == expected


def test_a_tag_with_a_comma_across_the_limit_is_none() -> None:
    line = b'"a", "' + b"x," * MAX_BYTES + b'"'

    assert parse_tags([line]) == broken(A)


def test_a_tag_whose_comma_stands_at_the_limit_is_read() -> None:
    line = b'"a"'.ljust(MAX_BYTES) + b',"b"'

    assert parse_tags([line]) == broken(A)


@pytest.mark.parametrize("line", [b"*" + b" " * MAX_BYTES + b", ", b"*," + b" " * MAX_BYTES])
def test_any_and_too_much_behind_it_is_nothing(line: bytes) -> None:
    assert parse_tags([line]) == broken()


@pytest.mark.parametrize(
    ("one", "other", "strong", "weak"),
    [
        pytest.param(WEAK_A, WEAK_A, False, True, id='W/"1" and W/"1"'),
        pytest.param(WEAK_A, Tag(b"b", weak=True), False, False, id='W/"1" and W/"2"'),
        pytest.param(WEAK_A, A, False, True, id='W/"1" and "1"'),
        pytest.param(A, A, True, True, id='"1" and "1"'),
        pytest.param(A, B, False, False, id='"1" and "2"'),
        pytest.param(A, Tag(b"A"), False, False, id="case counts"),
        pytest.param(Tag(b""), Tag(b""), True, True, id="empty ones"),
    ],
)
def test_8_8_3_2_the_table_of_the_rfc(one: Tag, other: Tag, strong: bool, weak: bool) -> None:
    assert matches_strongly(one, other) is matches_strongly(other, one) is strong
    assert matches_weakly(one, other) is matches_weakly(other, one) is weak


@pytest.mark.parametrize("coding", CODINGS)
def test_8_8_3_3_a_coding_is_put_behind_and_taken_away(coding: bytes) -> None:
    coded = with_coding(A, coding)

    assert format_tag(coded) == b'"a-%b"' % coding
    assert without_coding(coded, coding) == A
    assert without_any_coding(coded) == A


@pytest.mark.parametrize(
    ("tag", "coding", "plain"),
    [
        pytest.param(Tag(b"a-gzip"), b"br", None, id="another coding"),
        pytest.param(Tag(b"a"), b"gzip", None, id="no coding"),
        pytest.param(Tag(b"agzip"), b"gzip", None, id="no dash"),
        pytest.param(Tag(b"gzip"), b"gzip", None, id="nothing but its name"),
        pytest.param(Tag(b"-gzip"), b"gzip", Tag(b""), id="an empty tag, coded"),
        pytest.param(Tag(b"a-gzip-gzip"), b"gzip", Tag(b"a-gzip"), id="one at a time"),
        pytest.param(Tag(b"a-GZIP"), b"gzip", None, id="case counts"),
        pytest.param(Tag(b"a-gzip", weak=True), b"gzip", WEAK_A, id="weakened on its way"),
        pytest.param(Tag(b"a-x"), b"x", A, id="a coding that only its layer knows"),
    ],
)
def test_8_8_3_3_a_coding_is_taken_away_where_it_is(tag: Tag, coding: bytes, plain: Tag | None) -> None:
    assert without_coding(tag, coding) == plain


@pytest.mark.parametrize("tag", [A, Tag(b"a-zip"), Tag(b"gzip"), Tag(b"a-identity"), Tag(b"")])
def test_8_8_3_3_what_ends_in_no_coding_is_left(tag: Tag) -> None:
    assert without_any_coding(tag) is None


def test_8_8_1_a_weak_tag_is_the_same_for_every_coding() -> None:
    assert with_coding(WEAK_A, b"gzip") == WEAK_A


opaques = st.lists(st.sampled_from(VISIBLE), max_size=12).map(bytes)
tags = st.builds(Tag, opaques, st.booleans())
# Mostly what makes trouble.
texts = st.lists(
    st.one_of(
        st.sampled_from([b'"', b",", b" ", b"W/", b"*", b"a", b"\t", b'"a"', b";"]), st.binary(max_size=3)
    )
).map(b"".join)


@given(tags)
def test_what_is_written_is_read(tag: Tag) -> None:
    assert parse_tag(format_tag(tag)) == tag
    assert parse_tags([format_tag(tag)]) == Tags((tag,))


@given(st.lists(tags, max_size=8), st.data())
def test_a_list_is_read_however_it_is_written(listed: list[Tag], data: st.DataObject) -> None:
    separators = st.sampled_from([b",", b", ", b" ,\t", b",,", b" , , "])
    lines = [b""]
    for tag in listed:
        if data.draw(st.booleans()):
            lines.append(data.draw(st.sampled_from([b"", b" ", b","])))
        elif lines[-1].strip(b" \t"):
            lines[-1] += data.draw(separators)
        lines[-1] += format_tag(tag)

    assert parse_tags(lines) == Tags(tuple(listed))


@given(texts)
def test_whatever_comes_is_a_tag_by_the_grammar_or_none(text: bytes) -> None:
    tag = parse_tag(text)

    trimmed = text.strip(b" \t")
    opaque = trimmed.removeprefix(b"W/")[1:-1]
    quoted = trimmed in (b'"%b"' % opaque, b'W/"%b"' % opaque)
    assert (tag is not None) == (quoted and all(byte in VISIBLE for byte in opaque))
    if tag is not None:
        assert format_tag(tag) == trimmed


@given(st.lists(texts, max_size=3))
def test_whatever_comes_is_a_list(lines: list[bytes]) -> None:
    found = parse_tags(lines)

    assert found.is_any == (b",".join(lines).strip(b" \t") == b"*")
    for tag in found.listed:
        assert format_tag(tag) in b",".join(lines)
        assert all(byte in VISIBLE for byte in tag.opaque)


@given(texts)
def test_one_tag_is_a_list_of_one(text: bytes) -> None:
    tag = parse_tag(text)

    if tag is not None:
        assert parse_tags([text]) == Tags((tag,))


@given(tags, st.sampled_from(CODINGS))
def test_a_coding_that_is_taken_away_was_put_behind(tag: Tag, coding: bytes) -> None:
    plain = without_coding(tag, coding)

    if plain is not None and not tag.weak:
        assert with_coding(plain, coding) == tag
    if not tag.weak:
        assert without_coding(with_coding(tag, coding), coding) == tag


@pytest.mark.parametrize("text", [b'"', b",", b'"a,', b"W/", b" ", b'"a",', b"a,", b'"" ', b'W/",'])
def test_a_hostile_list_is_read_in_linear_time(text: bytes) -> None:
    # Anything worse than linear in these 16 MB would take minutes.
    lines = [text * (2**24 // len(text))]

    found = parse_tags(lines)

    assert not found.is_whole
    assert len(found.listed) <= MAX_TAGS
