"""What is said to a Redis, and what is understood of its answers, however they are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.resp import ErrorReply, Malformed, Reader, Reply, pack

READ: list[tuple[str, bytes, list[Reply]]] = [
    ("a status", b"+OK\r\n", [b"OK"]),
    ("a number", b":42\r\n", [42]),
    ("a number below zero", b":-1\r\n", [-1]),
    ("text", b"$3\r\nabc\r\n", [b"abc"]),
    ("empty text", b"$0\r\n\r\n", [b""]),
    ("text with ends of lines", b"$6\r\n\r\n$1\r\n\r\n", [b"\r\n$1\r\n"]),
    ("nothing", b"$-1\r\n", [None]),
    ("nothing instead of a list", b"*-1\r\n", [None]),
    ("an empty list", b"*0\r\n", [[]]),
    ("lists in a list", b"*3\r\n*1\r\n:1\r\n*0\r\n$-1\r\n", [[[1], [], None]]),
    ("two replies", b":1\r\n+OK\r\n", [1, b"OK"]),
    ("nothing yet", b"", []),
]


@pytest.mark.parametrize(("data", "replies"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_replies_are_read(data: bytes, replies: list[Reply]) -> None:
    whole, bytewise = Reader(), Reader()

    at_once = [*whole.feed(data)]
    in_time = [reply for place in range(len(data)) for reply in bytewise.feed(data[place : place + 1])]

    assert at_once == replies
    assert in_time == replies


@pytest.mark.parametrize("length", range(1, 12))
def test_what_is_not_complete_waits(length: int) -> None:
    data = b"*2\r\n$2\r\nab"

    replies = Reader().feed(data[:length])

    assert [*replies] == []


ERRORS = [
    ("its first word is its code", "WRONGTYPE Operation against a key", "WRONGTYPE"),
    ("a word alone", "LOADING", "LOADING"),
    ("no word at all", "", ""),
    (
        "of a command in a script, as Redis 6 says it",
        "ERR Error running script (call to f_89): @user_script:1: @user_script: 1: -READONLY You can't",
        "READONLY",
    ),
    ("of a command that a script let pass, as Redis 6 says it", "@user_script: 12: -OOM command not", "OOM"),
    ("of the script itself", "ERR Error running script (call to f_89): @user_script:1: no: -1", "ERR"),
    ("of Redis 7", "OOM command not allowed script: 89, on @user_script:1.", "OOM"),
]


@pytest.mark.parametrize(("text", "code"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_an_error_is_a_reply_with_a_code(text: str, code: str) -> None:
    (reply,) = Reader().feed(b"-" + text.encode() + b"\r\n")

    assert isinstance(reply, ErrorReply)
    assert (str(reply), reply.code) == (text, code)


def test_an_error_with_foreign_bytes_can_be_read() -> None:
    (reply,) = Reader().feed(b"-ERR \xff\r\n")

    assert str(reply) == "ERR \ufffd"


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400\r\n", b":1a\r\n", b"$x\r\n", b"*\r\n", b"\r\n\r\n", b"*1\r\n?\r\n"]
)
def test_other_words_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        Reader().feed(data)


def test_a_command_says_how_long_each_part_is() -> None:
    assert pack(b"SET", b"", b"a\r\nb") == b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n"


def spoken(reply: Reply) -> bytes:
    """The words of a server for a reply."""
    match reply:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case list():
            return b"*%d\r\n" % len(reply) + b"".join(map(spoken, reply))
        case _:
            return b"-%b\r\n" % str(reply).encode()


REPLIES: st.SearchStrategy[list[Reply]] = st.lists(
    st.recursive(
        st.none() | st.integers() | st.binary(max_size=40),
        lambda inner: st.lists(inner, max_size=5),
        max_leaves=12,
    ),
    max_size=6,
)


@given(REPLIES, st.lists(st.integers(0, 400), max_size=8))
def test_replies_are_the_same_however_they_are_cut(replies: list[Reply], cuts: list[int]) -> None:
    data = b"".join(map(spoken, replies))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reader = Reader()

    read = [reply for start, end in pairwise(edges) for reply in reader.feed(data[start:end])]

    assert read == replies


@given(st.lists(st.binary(max_size=40), min_size=1))
def test_a_command_is_a_list_of_its_parts(parts: list[bytes]) -> None:
    assert [*Reader().feed(pack(*parts))] == [parts]


@given(st.binary(max_size=60))
def test_any_bytes_are_replies_or_refused(data: bytes) -> None:
    try:
        Reader().feed(data)
    except Malformed:
        return
