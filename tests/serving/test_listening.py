"""Where a server listens: every address of a name, one port, and clear words where that cannot be."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from asgi_patterns.serving.listening import CannotServe, Listening, leave


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Sockets put in here are closed at the end."""
    with ExitStack() as stack:
        yield stack


def bind(listening: Listening, opened: ExitStack) -> list[socket.socket]:
    return [opened.enter_context(each) for each in listening.bind()]


def test_port_0_is_a_free_one_that_the_url_names(opened: ExitStack) -> None:
    (bound,) = bind(Listening(port=0), opened)

    assert Listening(port=0).url(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}"
    assert Listening(port=0).url(bound, "https").startswith("https://127.0.0.1:")
    assert bound.getsockname()[1] > 0


def test_small_packets_of_its_connections_are_not_held_back(opened: ExitStack) -> None:
    (bound,) = bind(Listening(port=0), opened)
    bound.listen()
    opened.enter_context(socket.create_connection(bound.getsockname()))

    connection = opened.enter_context(bound.accept()[0])

    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_all_addresses_of_a_name_get_the_same_port(
    opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    bound = bind(Listening(host="both", port=0), opened)

    assert len({each.getsockname()[1] for each in bound}) == 1
    assert [each.getsockname()[0] for each in bound] == ["127.0.0.1", "127.0.0.2"]


def test_what_is_more_than_a_server_takes_is_left(opened: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    bound = bind(Listening(host="both", port=0), opened)

    addresses = leave(bound, 1)

    assert addresses == ["127.0.0.2"]
    assert [each.getsockname()[0] for each in bound] == ["127.0.0.1"]


def test_an_address_that_this_machine_has_not_got_is_left_out(
    opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("192.0.2.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    (bound,) = bind(Listening(host="both", port=0), opened)

    assert bound.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        pytest.param(
            "192.0.2.1", r"^cannot listen on 192\.0\.2\.1:0: Cannot assign", id="not of this machine"
        ),
        pytest.param("no host", r"^cannot listen on no host:0: ", id="no name"),
    ],
)
def test_an_impossible_address_is_named(host: str, message: str) -> None:
    with pytest.raises(CannotServe, match=message):
        Listening(host=host, port=0).bind()


def test_a_port_in_use_is_named(opened: ExitStack) -> None:
    taken = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    port = taken.getsockname()[1]

    with pytest.raises(CannotServe) as caught:
        Listening(port=port).bind()

    assert str(caught.value) == (
        f"127.0.0.1:{port} is in use: stop what listens there, or choose another --port"
    )


def test_an_ipv6_address_stands_in_brackets() -> None:
    with pytest.raises(CannotServe, match=r"cannot listen on \[2001:db8::1\]:0: "):
        Listening(host="2001:db8::1", port=0).bind()


def test_a_unix_socket_is_removed_at_the_end(tmp_path: Path, opened: ExitStack) -> None:
    listening = Listening(uds=str(tmp_path / "s"))
    (bound,) = bind(listening, opened)
    was_there = (tmp_path / "s").is_socket()

    listening.tidy()

    assert (was_there, (tmp_path / "s").exists()) == (True, False)
    assert listening.url(bound) == f"unix:{tmp_path / 's'}"


def test_a_unix_socket_that_was_left_behind_is_replaced(tmp_path: Path, opened: ExitStack) -> None:
    listening = Listening(uds=str(tmp_path / "s"))
    for left in listening.bind():
        left.close()

    (bound,) = bind(listening, opened)

    assert bound.getsockname() == str(tmp_path / "s")


def test_a_unix_socket_in_use_is_left_alone(tmp_path: Path, opened: ExitStack) -> None:
    listening = Listening(uds=str(tmp_path / "s"))
    (bound,) = bind(listening, opened)
    bound.listen()

    with pytest.raises(CannotServe, match="is in use: stop what listens there, or choose another path"):
        listening.bind()

    assert (tmp_path / "s").is_socket()


def test_a_file_is_not_replaced_by_a_unix_socket(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")

    with pytest.raises(CannotServe, match="is in use"):
        Listening(uds=str(tmp_path / "s")).bind()

    assert (tmp_path / "s").read_text() == "precious"
