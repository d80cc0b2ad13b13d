"""Where an answer ends on a connection that is kept, however it comes in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.benching.answers import MOST_HEAD, Reading

ANSWERS = [
    pytest.param("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", (200, False), id="a length"),
    pytest.param("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, False), id="no content"),
    pytest.param("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", (200, False), id="HEAD"),
    pytest.param("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", (304, False), id="304"),
    pytest.param("GET", b"HTTP/1.1 204 No Content\r\n\r\n", (204, False), id="204"),
    pytest.param(
        "GET",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n",
        (200, False),
        id="chunks",
    ),
    pytest.param(
        "GET",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nserver-timing: x\r\n\r\n",
        (200, False),
        id="no chunk, and trailers",
    ),
    pytest.param(
        "GET",
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
        (200, False),
        id="an interim answer before it",
    ),
    pytest.param(
        "GET",
        b"HTTP/1.1 503 Busy\r\nConnection: close\r\ncontent-length: 1\r\n\r\nx",
        (503, True),
        id="the last on its connection",
    ),
    pytest.param(
        "GET",
        b"HTTP/1.1 200 OK\r\nx-content-length: 9\r\ncontent-length: 1\r\n\r\nx",
        (200, False),
        id="a field with a name that ends alike",
    ),
]


@pytest.mark.parametrize(("method", "data", "expected"), ANSWERS)
def test_an_answer_ends_with_its_last_byte(method: str, data: bytes, expected: tuple[int, bool]) -> None:
    reading = Reading()
    reading.begin(method)

    told = [reading.feed(data[at : at + 1]) for at in range(len(data))]

    assert told[:-1] == [None] * (len(data) - 1)
    assert (told[-1], reading.closes) == expected


@given(st.sampled_from([param.values for param in ANSWERS]), st.lists(st.integers(1, 40), max_size=30))
def test_pieces_make_no_difference(case: tuple[str, bytes, tuple[int, bool]], sizes: list[int]) -> None:
    method, data, (status, _) = case
    reading = Reading()
    for _ in range(2):  # the second answer on the same connection
        reading.begin(method)
        told, rest = None, data
        for size in [*sizes, len(data)]:
            piece, rest = rest[:size], rest[size:]
            if piece:
                assert told is None
                told = reading.feed(piece)
        assert told == status


def test_without_a_length_the_end_of_the_connection_is_the_end() -> None:
    reading = Reading()
    reading.begin("GET")

    told = reading.feed(b"HTTP/1.0 200 OK\r\n\r\nsome text")

    assert (told, reading.closes, reading.end()) == (None, True, 200)


def test_an_answer_that_is_cut_off_is_none() -> None:
    reading = Reading()
    reading.begin("GET")
    reading.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome")

    assert reading.end() is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"SSH-2.0-x\r\n\r\n", id="another protocol"),
        pytest.param(b"x" * (MOST_HEAD + 1), id="a head without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", id="no chunk"),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    reading = Reading()
    reading.begin("GET")

    with pytest.raises(ValueError, match=r"answer|chunk"):
        reading.feed(data)


@given(st.binary(max_size=300))
def test_no_bytes_break_it(data: bytes) -> None:
    reading = Reading()
    reading.begin("GET")
    try:
        reading.feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + data)
    except ValueError:
        return
