"""What a cluster says about its slots, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_patterns.kernel.resp import ErrorReply, Reply
from asgi_patterns.kernel.slots import SLOTS, owners, redirected, slot_of
from asgi_patterns.kernel.store import Node

ASKED = Node("asked", 7000)
A, B = Node("10.0.0.1", 7001), Node("10.0.0.2", 7002)


def row(first: int, last: int, host: bytes | None, port: int) -> Reply:
    replica: list[Reply] = [b"10.0.0.9", 7009, b"id"]
    return [first, last, [host, port, b"id", []], replica]


def test_each_slot_has_the_owner_that_the_table_names() -> None:
    table = owners([row(0, 9, b"10.0.0.1", 7001), row(10, 16383, b"10.0.0.2", 7002)], ASKED)

    assert table == [A] * 10 + [B] * (SLOTS - 10)


def test_a_slot_that_nobody_has_has_no_owner() -> None:
    table = owners([row(1, 1, b"10.0.0.1", 7001)], ASKED)

    assert table == [None, A, *[None] * (SLOTS - 2)]


@pytest.mark.parametrize("host", [b"", None, b"?"])
def test_a_node_without_a_name_is_the_one_that_was_asked(host: bytes | None) -> None:
    table = owners([row(0, 0, host, 7005)], ASKED)

    assert table[0] == ("asked", 7005)


NO_TABLES: list[tuple[str, Reply]] = [
    ("an error", ErrorReply("ERR This instance has cluster support disabled")),
    ("nothing", None),
    ("no rows", [1, 2]),
    ("a row without an owner", [[0, 1]]),
    ("a port that is none", [[0, 1, [b"a", b"7000"]]]),
    ("slots that run backwards", [row(2, 1, b"a", 1)]),
    ("a slot too many", [row(0, SLOTS, b"a", 1)]),
    ("a slot below the first", [row(-1, 1, b"a", 1)]),
]


@pytest.mark.parametrize("reply", [row[1] for row in NO_TABLES], ids=[row[0] for row in NO_TABLES])
def test_what_is_no_table_is_refused(reply: Reply) -> None:
    with pytest.raises(ValueError, match="table of slots"):
        owners(reply, ASKED)


REDIRECTIONS = [
    ("a slot has moved", "MOVED 3999 10.0.0.1:7001", A),
    ("a slot is moving", "ASK 3999 10.0.0.2:7002", B),
    ("an IPv6 address", "MOVED 1 ::1:7001", Node("::1", 7001)),
    ("a host's name", "MOVED 1 redis-2.shop:7001", Node("redis-2.shop", 7001)),
    ("a node without a name", "MOVED 1 :7001", Node("asked", 7001)),
    ("a node that does not know its name", "MOVED 1 ?:7001", Node("asked", 7001)),
]


@pytest.mark.parametrize(
    ("text", "node"), [row[1:] for row in REDIRECTIONS], ids=[row[0] for row in REDIRECTIONS]
)
def test_a_redirection_points_to_a_node(text: str, node: Node) -> None:
    assert redirected(ErrorReply(text), ASKED) == node


@pytest.mark.parametrize("text", ["MOVED", "MOVED 1", "MOVED 1 a", "MOVED 1 a:b", "MOVED 1 a:1 more"])
def test_a_redirection_that_points_nowhere_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        redirected(ErrorReply(text), ASKED)


@given(st.text())
def test_every_tag_has_a_slot(tag: str) -> None:
    assert 0 <= slot_of(tag) < SLOTS
