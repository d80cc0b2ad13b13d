"""The client's weights decide, by the grammar; what breaks the grammar is left out and the rest stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.negotiation import (
    LEAST,
    MAX_BYTES,
    MAX_ELEMENTS,
    Weighted,
    choose_coding,
    choose_media,
    coding_quality,
    media_quality,
    weighted,
)


def plain(value: str, quality: float = 1.0, **params: str) -> Weighted:
    return Weighted(value, quality, frozenset(params.items()))


LISTS = [
    ("no weight is 1", [b"gzip"], [plain("gzip")]),
    ("the order is the client's", [b"br;q=0.5, gzip"], [plain("br", 0.5), plain("gzip")]),
    ("lines are one list", [b"br", b"gzip;q=0.1"], [plain("br"), plain("gzip", 0.1)]),
    ("values and names have no case", [b"Text/HTML;Level=1;Q=0.5"], [plain("text/html", 0.5, level="1")]),
    ("white space around separators", [b" gzip \t;\tq=0.5 , br"], [plain("gzip", 0.5), plain("br")]),
    ("empty elements are skipped", [b",, gzip,\t,"], [plain("gzip")]),
    ("empty parameters are skipped", [b"gzip;;q=0.5;"], [plain("gzip", 0.5)]),
    ("a quoted value", [b'text/plain;x="a,b;c\\"d";q=0.2'], [plain("text/plain", 0.2, x='a,b;c"d')]),
    ("the weight counts wherever it stands", [b"text/plain;q=0.2;x=y"], [plain("text/plain", 0.2, x="y")]),
    ("a parameter keeps its case", [b"text/plain;x=Y"], [plain("text/plain", x="Y")]),
    ("a charset has none", [b"text/plain;charset=UTF-8"], [plain("text/plain", charset="utf-8")]),
    ("a language", [b"de-CH, de;q=0.9, *;q=0.1"], [plain("de-ch"), plain("de", 0.9), plain("*", 0.1)]),
    ("no line", [], []),
    ("an empty line", [b""], []),
    ("a value with space in it is left out", [b"a b, gzip"], [plain("gzip")]),
    ("two slashes are left out", [b"a/b/c, gzip"], [plain("gzip")]),
    ("a missing value is left out", [b";q=1, gzip"], [plain("gzip")]),
    ("a missing value with quotes is left out", [b';x="y", gzip'], [plain("gzip")]),
    ("a parameter without value is left out", [b"text/plain;x, gzip"], [plain("gzip")]),
    ("an open quote takes the rest of the line", [b'gzip, text/plain;x=", br'], [plain("gzip")]),
    ("bytes that are no text are left out", [b"\xff\x00, gzip"], [plain("gzip")]),
]


@pytest.mark.parametrize(("lines", "elements"), [pytest.param(*row[1:], id=row[0]) for row in LISTS])
def test_weighted_lists(lines: list[bytes], elements: list[Weighted]) -> None:
    assert weighted(lines) == tuple(elements)


@pytest.mark.parametrize(
    ("weight", "quality"),
    [("0", 0.0), ("0.", 0.0), ("0.0", 0.0), ("0.5", 0.5), (".5", 0.5), ("0.123", 0.123),
      ("1", 1.0), ("1.", 1.0), ("1.000", 1.0)],
)  # fmt: skip
def test_a_weight_by_the_grammar(weight: str, quality: float) -> None:
    assert weighted([f"gzip;q={weight}".encode()]) == (plain("gzip", quality),)


@pytest.mark.parametrize(
    "weight",
    ["", "2", "1.1", "1.001", "0.1234", ".", ".5555",
     "-0", "+1", "00", "01", "1e0", "nan", "0_5", '"0.5"', " 0.5", "0.5 5",
     "0.5;q=0.6"],
)  # fmt: skip
def test_any_other_weight_drops_its_element(weight: str) -> None:
    found = weighted([f"br, gzip;q={weight}".encode()])

    assert plain("br") in found
    assert "gzip" not in [each.value for each in found]


@pytest.mark.parametrize("count", [MAX_ELEMENTS - 1, MAX_ELEMENTS, MAX_ELEMENTS + 1])
def test_elements_above_the_limit_are_not_read(count: int) -> None:
    found = weighted([",".join(f"x{number}" for number in range(count)).encode()])

    assert len(found) == min(count, MAX_ELEMENTS)
    assert found[0] == plain("x0")


@pytest.mark.parametrize(
    ("excess", "last"),
    [pytest.param(0, [plain("gzip", 0.5)], id="at the limit"), pytest.param(1, [], id="above")],
)
def test_an_element_across_the_limit_is_not_read_in_part(excess: int, last: list[Weighted]) -> None:
    tail = b",gzip;q=0.5"
    line = b"br".ljust(MAX_BYTES + excess - len(tail)) + tail

    assert weighted([line]) == (plain("br"), *last)


def test_an_element_whose_comma_stands_at_the_limit_is_read() -> None:
    line = b"br".ljust(MAX_BYTES) + b",gzip"

    assert weighted([line]) == (plain("br"),)


BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
# The precedence example of RFC 9110 section 12.5.1, with its own answers.
RFC = b"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5"
MEDIA = [
    ("the range with its parameter", RFC, "text/plain;format=flowed", 1.0),
    ("the type without it", RFC, "text/plain", 0.7),
    ("the family", RFC, "text/html", 0.3),
    ("anything", RFC, "image/jpeg", 0.5),
    ("another value of the parameter", RFC, "text/plain;format=fixed", 0.4),
    ("a parameter that no range names", RFC, "text/html;level=3", 0.3),
    ("a type beats a family whatever the order", b"text/html;q=0.1, text/*", "text/html", 0.1),
    ("a refusal beats what is less specific", b"text/html;q=0, */*", "text/html", 0.0),
    ("a refusal of everything else", b"application/json, */*;q=0", "text/html", 0.0),
    ("what is not listed is refused", b"application/json", "text/html", 0.0),
    ("an unlisted browser type", BROWSER, "application/json", 0.8),
    ("a type has no case", b"Application/JSON", "application/json", 1.0),
    ("a suffix is no range", b"application/*+json", "application/problem+json", 0.0),
    ("a suffix does not stand for its base", b"application/json", "application/problem+json", 0.0),
    ("half a star is no range", b"*/json, text/html", "application/json", 0.0),
    ("a range with an unknown parameter does not fit", b"text/html;level=1", "text/html", 0.0),
    ("a range says UTF-8 and the offer nothing", b"application/json; charset=UTF-8", "application/json", 1.0),
    ("a range says UTF-8 and the offer too", b"text/html;charset=utf-8", 'text/html; charset="UTF-8"', 1.0),
    ("a range says another charset", b"text/html;charset=latin1", "text/html", 0.0),
    ("a quoted parameter is its token", b'text/plain;format="flowed"', "text/plain;format=flowed", 1.0),
    ("of two equal ranges the first", b"text/html;q=0.2, text/html;q=0.9", "text/html", 0.2),
    ("an empty field is no field", b"", "text/html", 1.0),
    ("a field with nothing readable is no field", b"text/html;q=7", "application/json", 1.0),
    ("a star alone is nothing readable", b"*", "application/json", 1.0),
    ("an unreadable range does not count", b"text/html;q=7, application/json", "text/html", 0.0),
]


@pytest.mark.parametrize(("line", "offer", "quality"), [pytest.param(*row[1:], id=row[0]) for row in MEDIA])
def test_the_most_specific_range_decides(line: bytes, offer: str, quality: float) -> None:
    assert media_quality([line], offer) == quality


def test_without_accept_everything_is_welcome() -> None:
    assert media_quality([], "text/html") == 1.0


def test_an_offer_that_is_no_media_type_is_an_error() -> None:
    with pytest.raises(ValueError, match="'json' is not a media type"):
        media_quality([b"*/*"], "json")


CHOICES = [
    ("the client's weight comes first", b"text/html;q=0.5, application/json", ["text/html", "application/json"], 1),
    ("our order breaks ties", b"*/*", ["text/html", "application/json"], 0),
    ("the client's order does not", b"application/json, text/html", ["text/html", "application/json"], 0),
    ("a browser gets HTML", BROWSER, ["application/json", "text/html"], 1),
    ("one that is left", b"text/html;q=0, */*;q=0.1", ["text/html", "application/json"], 1),
    ("none that is left", b"image/png", ["text/html", "application/json"], None),
    ("all refused", b"*/*;q=0", ["text/html"], None),
    ("nothing offered", b"*/*", [], None),
]  # fmt: skip


@pytest.mark.parametrize(("line", "offers", "index"), [pytest.param(*row[1:], id=row[0]) for row in CHOICES])
def test_the_chosen_media_type(line: bytes, offers: list[str], index: int | None) -> None:
    assert choose_media([line], offers) == (None if index is None else offers[index])


def test_without_accept_the_first_offer_is_chosen() -> None:
    assert choose_media([], ["text/html", "application/json"]) == "text/html"


OURS = ("zstd", "br", "gzip")
CODINGS = [
    ("the only one listed", [b"gzip"], "gzip"),
    ("our order breaks ties", [b"gzip, deflate, br"], "br"),
    ("the client's weight comes first", [b"br;q=0.5, gzip;q=0.9"], "gzip"),
    ("q=0 is no", [b"gzip;q=0"], "identity"),
    ("q=0.000 is no", [b"gzip;q=0.000"], "identity"),
    ("q=0.001 is yes", [b"gzip;q=0.001"], "gzip"),
    ("a name within a name is none", [b"notgzip, gzipped"], "identity"),
    ("a star is everything unlisted", [b"*"], "zstd"),
    ("a star does not reach what is listed", [b"zstd;q=0, *;q=0.5"], "br"),
    ("a star that refuses leaves what is listed", [b"gzip, *;q=0"], "gzip"),
    ("a star that refuses takes identity with it", [b"*;q=0"], None),
    ("identity by name survives the star", [b"identity;q=0.5, *;q=0"], "identity"),
    ("identity refused by name", [b"identity;q=0"], None),
    ("identity refused, gzip left", [b"gzip;q=0.1, identity;q=0"], "gzip"),
    ("identity refused, a coding left that we lack", [b"compress, identity;q=0"], None),
    ("identity wanted more", [b"identity, gzip;q=0.5"], "identity"),
    ("identity wanted as much is last", [b"identity, gzip"], "gzip"),
    ("identity not listed is behind everything listed", [b"gzip;q=0.002"], "gzip"),
    ("x-gzip is gzip", [b"x-gzip"], "gzip"),
    ("x-gzip refused is gzip refused", [b"x-gzip;q=0, *;q=0.5, zstd;q=0, br;q=0"], "identity"),
    ("of one listed twice the first counts", [b"gzip;q=0, x-gzip"], "identity"),
    ("names have no case", [b"GZip"], "gzip"),
    ("lines are one list", [b"br;q=0.1", b"gzip"], "gzip"),
    ("an empty field wants none", [b""], "identity"),
    ("an absent field is answered plainly", [], "identity"),
    ("an unreadable weight does not count", [b"gzip;q=yes"], "identity"),
    ("an unreadable refusal of identity does not count", [b"identity;q=-1"], "identity"),
    ("nothing we have", [b"deflate"], "identity"),
]


@pytest.mark.parametrize(("lines", "coding"), [pytest.param(*row[1:], id=row[0]) for row in CODINGS])
def test_the_chosen_coding(lines: list[bytes], coding: str | None) -> None:
    assert choose_coding(lines, OURS) == coding


def test_a_coding_is_returned_as_it_was_offered() -> None:
    assert choose_coding([b"gzip"], ["x-gzip"]) == "x-gzip"


def test_identity_stands_where_it_is_offered() -> None:
    assert choose_coding([b"gzip, identity"], ["identity", "gzip"]) == "identity"


@pytest.mark.parametrize(
    ("lines", "coding", "quality"),
    [
        pytest.param([], "br", 1.0, id="everything is acceptable without the field"),
        pytest.param([b"gzip;q=0.3"], "gzip", 0.3, id="what is listed"),
        pytest.param([b"gzip;q=0.3"], "X-GZIP", 0.3, id="its old name"),
        pytest.param([b"gzip"], "br", 0.0, id="what is not listed"),
        pytest.param([b"gzip, *;q=0.2"], "br", 0.2, id="what the star covers"),
        pytest.param([b"gzip"], "identity", LEAST, id="identity unless it is refused"),
        pytest.param([b"gzip, *;q=0.2"], "identity", 0.2, id="identity under the star"),
        pytest.param([b"*;q=0"], "identity", 0.0, id="identity refused by the star"),
        pytest.param([b""], "gzip", 0.0, id="an empty field wants none"),
    ],
)
def test_the_quality_of_a_coding(lines: list[bytes], coding: str, quality: float) -> None:
    assert coding_quality(lines, coding) == quality


tokens = st.text("abcXYZ019!#$&'*+.^_`|~-", min_size=1, max_size=8)
# A parameter called "q" is the weight.
names = tokens.map(str.lower).filter(lambda name: name not in ("q", "charset"))
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=10)
weights = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
elements = st.builds(
    lambda value, quality, params: Weighted(value.lower(), quality, frozenset(params.items())),
    st.builds("/".join, st.lists(tokens, min_size=1, max_size=2)),
    weights,
    st.dictionaries(names, texts, max_size=3),
)
spaces = st.sampled_from(["", " ", "\t", "  "])


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(elements, max_size=6), spaces, st.booleans())
def test_what_is_written_by_the_grammar_is_read_as_it_was(
    sent: list[Weighted], space: str, split: bool
) -> None:
    written = [
        f"{space};{space}".join(
            [value, *(f"{name}={quote(text)}" for name, text in params), f"q={quality:.3f}"]
        )
        for value, quality, params in sent
    ]

    lines = written if split else [f"{space},{space}".join(written)]

    assert weighted([line.encode() for line in lines]) == tuple(sent)


pieces = st.sampled_from([
    "gzip", "identity", "*", "*/*", "text/html", "text/*", ";q=", "0", "0.5", "1", ",", ";", "=", '"', "\\", " ",
])  # fmt: skip
garbage = st.lists(pieces, max_size=30).map("".join) | st.text(st.characters(max_codepoint=255), max_size=60)
lines_of_garbage = st.lists(garbage.map(lambda text: text.encode("latin-1")), max_size=3)


@given(lines_of_garbage)
def test_whatever_comes_the_choice_is_the_best_that_is_not_refused(lines: list[bytes]) -> None:
    media = ("text/html", "application/json")
    candidates = (*OURS, "identity")

    chosen, coding = choose_media(lines, media), choose_coding(lines, OURS)

    qualities = {offer: media_quality(lines, offer) for offer in media}
    assert all(0.0 <= quality <= 1.0 for quality in qualities.values())
    assert max(qualities.values()) == (0.0 if chosen is None else qualities[chosen])
    weights = {offer: coding_quality(lines, offer) for offer in candidates}
    assert (coding is None) == (max(weights.values()) == 0.0)
    assert coding is None or not lines or weights[coding] == max(weights.values())
