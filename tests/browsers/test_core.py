"""What becomes of the fields of an answer, and which request fields are allowed where all are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.browsers.core import SAFELISTED, Lines, Sharing, mirror
from asgi_patterns.kernel.headers import merge_vary

ALWAYS = ", ".join(SAFELISTED)

ASKED: list[tuple[str, list[bytes], str]] = [
    ("nothing", [], ALWAYS),
    ("one name", [b"x-a"], f"{ALWAYS}, x-a"),
    ("several, as browsers write them", [b"x-a,x-b"], f"{ALWAYS}, x-a, x-b"),
    ("with spaces", [b" x-a ,\tx-b "], f"{ALWAYS}, x-a, x-b"),
    ("with gaps", [b",x-a,,"], f"{ALWAYS}, x-a"),
    ("in capitals", [b"X-A, Authorization"], f"{ALWAYS}, x-a, authorization"),
    ("in two lines", [b"x-a", b"x-b"], f"{ALWAYS}, x-a, x-b"),
    ("twice", [b"x-a,X-A"], f"{ALWAYS}, x-a"),
    ("one that is always allowed", [b"content-type"], ALWAYS),
    ("the star is a name here", [b"*"], f"{ALWAYS}, *"),
    ("no name", [b"x-a,x b"], ALWAYS),
    ("the beginning of another field", [b"x-a\r\nset-cookie: a=1"], ALWAYS),
    ("64 names", [b",".join(b"x-%d" % each for each in range(64))], "64"),
    ("65 are too many", [b",".join(b"x-%d" % each for each in range(65))], ALWAYS),
    ("4096 bytes", [b"x" * 4096], f"{ALWAYS}, {'x' * 4096}"),
    ("4097 are too many", [b"x" * 4097], ALWAYS),
    ("so they are in two lines", [b"x" * 4096, b"y"], ALWAYS),
]


@pytest.mark.parametrize(("lines", "expected"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED])
def test_what_is_asked_for_is_named(lines: list[bytes], expected: str) -> None:
    allowed = mirror(lines)

    if expected == "64":
        assert len(allowed.split(", ")) == len(SAFELISTED) + 64
    else:
        assert allowed == expected


@given(
    st.lists(st.binary(max_size=200) | st.from_regex(rb"[A-Za-z0-9_, \t-]{0,80}", fullmatch=True), max_size=5)
)
def test_whatever_is_asked_for_the_answer_is_a_list_of_names(lines: list[bytes]) -> None:
    names = mirror(lines).split(", ")

    assert names[: len(SAFELISTED)] == [*SAFELISTED]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", name) for name in names)


def sharing(origin: str) -> Sharing:
    return Sharing(
        origins=[origin],
        patterns=[],
        methods=["GET"],
        headers=[],
        credentials=False,
        exposed=[],
        max_age=600,
        private_network=False,
    )


names = st.sampled_from(
    [
        b"Vary",
        b"vary",
        b"x-vary",
        b"variety",
        b"Access-Control-Allow-Origin",
        b"access-control-x",
        b"access-controls",
    ]
) | st.from_regex(rb"[A-Za-z-]{1,8}", fullmatch=True)
answers = st.lists(st.tuples(names, st.sampled_from([b"", b"*", b"Accept", b"accept, Origin"])), max_size=6)


@given(answers, st.sampled_from(["*", "https://shop.example"]))
def test_an_answer_is_written_as_if_each_name_were_looked_at(
    headers: list[tuple[bytes, bytes]], allowed: str
) -> None:
    lines: Lines = ((b"access-control-allow-origin", allowed.encode()),)
    expected = [line for line in headers if not line[0].lower().startswith(b"access-control-")] + [*lines]
    if allowed != "*":
        merge_vary(expected, "Origin")

    sharing(allowed).write(headers, lines)

    assert headers == expected
