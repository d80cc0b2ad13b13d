"""Which limit of time comes next, and how long a client says that it waits."""

from math import inf

import pytest

from asgi_patterns.protection.time_limits import Limit, Limits, Progress, next_limit, read_wish

LIMITS = Limits(body=20, start=10, gap=5, whole=60, cancels=True)

NEXT: list[tuple[str, Progress, float, Limit]] = [
    ("the answer has to begin", Progress(100), 110, "start"),
    ("waiting for the body is no work of the app", Progress(100, waited=7), 117, "start"),
    ("while it waits, the client's time runs", Progress(100, waiting_since=101), 121, "body"),
    ("the client's time is one for all of the body", Progress(100, waited=15, waiting_since=130), 135, "body"),
    ("after the head, the gap counts", Progress(100, last=120), 125, "gap"),
    ("waiting for the rest of the body after the head", Progress(100, waiting_since=119, last=130), 135, "gap"),
    ("the client's time may end before the gap", Progress(100, waited=19, waiting_since=120, last=119), 121, "body"),
    ("all of it has a limit too", Progress(100, last=158), 160, "whole"),
    ("that one counts before the head as well", Progress(100, waited=55), 160, "whole"),
]  # fmt: skip


@pytest.mark.parametrize(("progress", "at", "limit"), [row[1:] for row in NEXT], ids=[row[0] for row in NEXT])
def test_which_limit_comes_next(progress: Progress, at: float, limit: Limit) -> None:
    assert next_limit(LIMITS, progress) == (at, limit)


def test_without_limits_none_comes() -> None:
    limits = Limits(body=inf, start=inf, gap=inf, whole=inf, cancels=True)

    for progress in (Progress(0), Progress(0, waiting_since=1), Progress(0, last=1)):
        assert next_limit(limits, progress)[0] == inf


WISHES: list[tuple[str, list[tuple[bytes, bytes]], float | None]] = [
    ("no wish", [], None),
    ("seconds", [(b"prefer", b"wait=10")], 10),
    ("names know no case", [(b"prefer", b"Wait=10")], 10),
    ("quoted", [(b"prefer", b'wait="10"')], 10),
    ("among others", [(b"prefer", b"return=minimal, wait=10; x=1, handling=lenient")], 10),
    ("the first of two in a line", [(b"prefer", b"wait=10, wait=5")], 10),
    ("the least of two lines", [(b"prefer", b"wait=10"), (b"prefer", b"wait=5")], 5),
    ("with respond-async it is for who answers 202", [(b"prefer", b"respond-async, wait=10")], None),
    ("no time at all is no wish", [(b"prefer", b"wait=0")], None),
    ("a time that has passed is none", [(b"prefer", b"wait=-5")], None),
    ("a word is none", [(b"prefer", b"wait=soon")], None),
    ("nothing is none", [(b"prefer", b"wait=")], None),
    ("nor is infinity", [(b"prefer", b"wait=inf")], None),
    ("nor what is not a number", [(b"prefer", b"wait=nan")], None),
    ("nor a number that is too large to be one", [(b"prefer", b"wait=1" + b"0" * 400)], None),
    ("a name that merely contains it", [(b"prefer", b"await=10")], None),
    ("too long a field is not read", [(b"prefer", b"wait=10" + b" " * 2000)], None),
    ("a field of one's own", [(b"x-request-timeout", b"2.5")], 2.5),
    ("with a unit", [(b"x-request-timeout", b"500ms")], 0.5),
    ("the least of both", [(b"prefer", b"wait=10"), (b"x-request-timeout", b"20")], 10),
    ("a field of one's own that cannot be read", [(b"x-request-timeout", b"tomorrow")], None),
]


@pytest.mark.parametrize(("lines", "expected"), [row[1:] for row in WISHES], ids=[row[0] for row in WISHES])
def test_how_long_a_client_waits(lines: list[tuple[bytes, bytes]], expected: float | None) -> None:
    assert read_wish(lines, prefers=True, name=b"x-request-timeout") == expected


def test_a_wish_that_nobody_reads() -> None:
    lines = [(b"prefer", b"wait=10"), (b"x-request-timeout", b"20")]

    assert read_wish(lines, prefers=False, name=None) is None


@pytest.mark.parametrize(("wish", "start"), [(None, 10), (3, 3), (10, 10), (99, 10)])
def test_a_wish_shortens_and_never_lengthens(wish: float | None, start: float) -> None:
    assert LIMITS.shortened(wish).start == start
